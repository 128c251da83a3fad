/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "extents.h"

int extents_init(struct extents *e, uint64_t total)
{
	struct extent *free_list = malloc(4 * sizeof(*free_list));

	if (!free_list)
		return -ENOMEM;
	*e = (struct extents){ .free = free_list, .max = 4, .total = total, .free_bytes = total };
	if (total)
		e->free[e->n++] = (struct extent){ 0, total };
	return 0;
}

void extents_deinit(struct extents *e)
{
	free(e->free);
	*e = (struct extents){ 0 };
}

/*
 * k ranges taken leave at most k + 1 free ones. Room for that is made here,
 * before one more is taken, so that freeing needs no memory and cannot fail.
 */
static int extents_make_room(struct extents *e)
{
	const size_t need = e->n_taken + 2;
	const size_t max = e->max * 2;
	struct extent *p;

	if (need <= e->max)
		return 0;
	p = realloc(e->free, max * sizeof(*p));
	if (!p)
		return -ENOMEM;
	e->free = p;
	e->max = max;
	return 0;
}

static void extents_insert(struct extents *e, size_t i, struct extent x)
{
	assert(e->n < e->max);
	memmove(&e->free[i + 1], &e->free[i], (e->n - i) * sizeof(*e->free));
	e->free[i] = x;
	e->n++;
}

static void extents_delete(struct extents *e, size_t i)
{
	e->n--;
	memmove(&e->free[i], &e->free[i + 1], (e->n - i) * sizeof(*e->free));
}

/* Bytes to skip at the start of @x, so that the rest is aligned; may exceed it. */
static uint64_t extent_padding(const struct extent *x, uint64_t align)
{
	return -x->offset & (align - 1);
}

static uint64_t extent_usable(const struct extent *x, uint64_t align)
{
	const uint64_t padding = extent_padding(x, align);

	return x->bytes > padding ? x->bytes - padding : 0;
}

/* Cut @bytes at @offset out of the free range @i, which holds them. */
static void extents_cut(struct extents *e, size_t i, uint64_t offset, uint64_t bytes)
{
	struct extent *x = &e->free[i];
	const struct extent before = { x->offset, offset - x->offset };
	const struct extent after = { offset + bytes, x->offset + x->bytes - offset - bytes };

	if (before.bytes && after.bytes) {
		*x = before;
		extents_insert(e, i + 1, after);
	} else if (before.bytes) {
		*x = before;
	} else if (after.bytes) {
		*x = after;
	} else {
		extents_delete(e, i);
	}
	e->free_bytes -= bytes;
	e->n_taken++;
}

int extents_alloc(struct extents *e, uint64_t bytes, uint64_t align, uint64_t *ret_offset)
{
	uint64_t offset;
	size_t best = e->n;
	int r;

	if (bytes == 0 || align == 0 || (align & (align - 1)))
		return -EINVAL;
	for (size_t i = 0; i < e->n; i++)
		if (extent_usable(&e->free[i], align) >= bytes &&
		    (best == e->n || e->free[i].bytes < e->free[best].bytes))
			best = i;
	if (best == e->n)
		return -ENOSPC;
	r = extents_make_room(e);
	if (r < 0)
		return r;
	offset = e->free[best].offset + extent_padding(&e->free[best], align);
	extents_cut(e, best, offset, bytes);
	*ret_offset = offset;
	return 0;
}

/* Index of the first free range that ends behind @offset. */
static size_t extents_search(const struct extents *e, uint64_t offset)
{
	size_t low = 0, high = e->n;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (e->free[middle].offset + e->free[middle].bytes <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int extents_take(struct extents *e, uint64_t offset, uint64_t bytes)
{
	const struct extent *x;
	size_t i;
	int r;

	if (bytes == 0)
		return -EINVAL;
	i = extents_search(e, offset);
	if (i == e->n)
		return -EEXIST;
	x = &e->free[i];
	if (offset < x->offset || bytes > x->bytes - (offset - x->offset))
		return -EEXIST;
	r = extents_make_room(e);
	if (r < 0)
		return r;
	extents_cut(e, i, offset, bytes);
	return 0;
}

void extents_free(struct extents *e, uint64_t offset, uint64_t bytes)
{
	const size_t i = extents_search(e, offset);
	struct extent *left = i > 0 ? &e->free[i - 1] : NULL;
	struct extent *right = i < e->n ? &e->free[i] : NULL;

	assert(bytes > 0 && bytes <= e->total && offset <= e->total - bytes && e->n_taken > 0);
	assert(!right || offset + bytes <= right->offset);
	if (left && left->offset + left->bytes != offset)
		left = NULL;
	if (right && offset + bytes != right->offset)
		right = NULL;

	if (left && right) {
		left->bytes += bytes + right->bytes;
		extents_delete(e, i);
	} else if (left) {
		left->bytes += bytes;
	} else if (right) {
		right->offset = offset;
		right->bytes += bytes;
	} else {
		extents_insert(e, i, (struct extent){ offset, bytes });
	}
	e->free_bytes += bytes;
	e->n_taken--;
}

uint64_t extents_largest(const struct extents *e, uint64_t align)
{
	uint64_t largest = 0;

	for (size_t i = 0; i < e->n; i++)
		if (extent_usable(&e->free[i], align) > largest)
			largest = extent_usable(&e->free[i], align);
	return largest;
}

void extents_verify(const struct extents *e)
{
	uint64_t end = 0, sum = 0;

	assert(e->n <= e->n_taken + 1 && e->n <= e->max && e->max >= e->n_taken + 1);
	for (size_t i = 0; i < e->n; i++) {
		assert(e->free[i].bytes > 0);
		assert(i == 0 ? e->free[i].offset >= end : e->free[i].offset > end);
		end = e->free[i].offset + e->free[i].bytes;
		sum += e->free[i].bytes;
	}
	assert(end <= e->total && sum == e->free_bytes);
}
