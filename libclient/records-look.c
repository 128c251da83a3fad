/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdbool.h>

#include <shmreg/records.h>

#include "again.h"
#include "records-long.h"
#include "ring-look.h"

/* See the argument in shmreg/records-inline.h, to which labels refer. */

uint64_t shmreg_record_max(const struct shmreg_ring *ring)
{
	const uint64_t half = ring->handle.shape.capacity / 2;

	if (half == 0)
		return 0;
	/* (M1) */
	return half - sizeof(struct shmreg_ring_record) > SHMREG_RECORD_MAX
		       ? SHMREG_RECORD_MAX
		       : half - sizeof(struct shmreg_ring_record);
}

static int look_for_room(struct shmreg_record_producer *p)
{
	struct shmreg_ring_shm *const shm = shmreg_ring_shm_(&p->ring);
	uint64_t h, used;

	h = shmreg_load_acquire(&shm->head) & ~SHMREG_RING_LOW_MASK;			/* C' */
	used = p->tail - h;
	if (used > p->mask + 1)
		return -EUCLEAN;							/* (I1) */
	p->limit = h + p->mask + 1;
	if (used > p->high) {
		p->high = used;
		shmreg_store_relaxed(&shm->producer_high, used);
	}
	return 0;
}

/*
 * As shmreg_record_place(), of a handle that is usable and a record that is not too long.
 * Return: 0; -EAGAIN, -EUCLEAN.
 */
static int place(struct shmreg_record_producer *p, uint64_t from, uint64_t bytes, uint64_t *ret_at)
{
	const uint64_t size = shmreg_record_size_(bytes), end = p->mask + 1 - (from & p->mask);
	const uint64_t padding = size > end ? end : 0;
	int r;

	if (padding + size > p->limit - from) {
		r = look_for_room(p);
		if (r < 0)
			return r;
		/* What was placed already in this call was in the room that is still there, or... */
		if (from - p->tail > p->limit - p->tail)
			return -EUCLEAN;	/* ...the head went back */
		if (padding + size > p->limit - from)
			return -EAGAIN;
	}
	if (padding > 0)
		shmreg_record_write_header_(p, from, SHMREG_RING_PADDING);
	*ret_at = from + padding;
	return 0;
}

int shmreg_record_place(struct shmreg_record_producer *p, uint64_t from, uint64_t bytes,
			uint64_t *ret_at)
{
	int r;

	if (p->ring.handle.base == NULL)
		return -ECHILD;
	if (bytes > p->record_max)
		return -EMSGSIZE;
	r = place(p, from, bytes, ret_at);
	if (r != -EAGAIN)
		return r;
	p->ring.handle.wanted = (uint32_t)bytes;
	return ring_full(&p->ring, p->tail, &p->full_at);
}

/* The first @n fit when the ring is empty: (M1). Return: 0; -EMSGSIZE. */
static int check_sizes(const struct shmreg_record_producer *p, const struct shmreg_record *records,
		       uint64_t n)
{
	uint64_t i, sum = 0;

	for (i = 0; i < n; i++) {
		if (records[i].bytes > p->record_max)
			return -EMSGSIZE;
		sum += shmreg_record_size_(records[i].bytes);
		if (sum > (p->mask + 1) / 2)
			return -EMSGSIZE;
	}
	return 0;
}

/* At most n / 2 - 8, after check_sizes(). */
static uint32_t wanted_bytes(const struct shmreg_record_producer *p,
			     const struct shmreg_record *records, uint64_t n)
{
	uint64_t i, sum = 0;

	for (i = 0; i < n; i++)
		sum += shmreg_record_size_(records[i].bytes);
	sum -= sizeof(struct shmreg_ring_record);
	return (uint32_t)(sum < p->record_max ? sum : p->record_max);
}

int64_t shmreg_record_push_bulk(struct shmreg_record_producer *p,
				const struct shmreg_record *records, uint64_t n, uint64_t min)
{
	uint64_t i, at, to = p->tail;
	int r;

	if (p->ring.handle.base == NULL)
		return -ECHILD;
	if (min > n)
		return -EINVAL;
	if (n == 0)
		return 0;
	if (min == 0)
		min = 1;
	r = check_sizes(p, records, min);
	if (r < 0)
		return r;
	/* Whether there is room for all shows behind the first, which is where it was given. */
	p->reserved = 0;
	for (i = 0; i < n; i++) {
		if (records[i].bytes > p->record_max)
			break;	/* and will be refused when it is the first */
		r = place(p, to, records[i].bytes, &at);
		if (r == -EUCLEAN)
			return r;
		if (r < 0)
			break;
		record_fill(p, shmreg_record_write_header_(p, at, (uint32_t)records[i].bytes),
			    records[i].data, records[i].bytes);
		to = at + shmreg_record_size_(records[i].bytes);
	}
	/* What was written behind the tail is nothing yet. */
	if (i < min) {
		/* One record as long as all of them fits no sooner than they do. */
		p->ring.handle.wanted = wanted_bytes(p, records, min);
		return ring_full(&p->ring, p->tail, &p->full_at);
	}
	shmreg_record_publish_(p, to, i);
	return (int64_t)i;
}

/* Records behind @at, head .. limit, that we do not know of. */
static int look_for_more(struct shmreg_record_consumer *c, uint64_t at)
{
	struct shmreg_ring_shm *const shm = shmreg_ring_shm_(&c->ring);
	uint64_t t, there;

	t = shmreg_load_acquire(&shm->tail) & ~SHMREG_RING_LOW_MASK;			/* P' */
	there = t - c->head;
	if (there > c->mask + 1 || there < at - c->head)
		return -EUCLEAN;							/* (I1) */
	c->limit = t;
	if (there > c->high) {
		c->high = there;
		shmreg_store_relaxed(&shm->consumer_high, there);
	}
	return t == at ? handle_again(&c->ring.handle) : 0;
}

int shmreg_record_find(struct shmreg_record_consumer *c, uint64_t at,
		       struct shmreg_record_found *ret)
{
	uint64_t bytes, size, end;
	int r;

	if (c->ring.handle.base == NULL)
		return -ECHILD;
	if (at == c->limit) {
		r = look_for_more(c, at);
		if (r < 0)
			return r;
	}
	bytes = shmreg_load_relaxed(&shmreg_record_header_(&c->ring, at, c->mask)->bytes);
	if (bytes == SHMREG_RING_PADDING) {
		end = c->mask + 1 - (at & c->mask);
		if (end >= c->limit - at)
			return -EUCLEAN;						/* (M2) */
		at += end;
		bytes = shmreg_load_relaxed(
			&shmreg_record_header_(&c->ring, at, c->mask)->bytes);
	}
	size = shmreg_record_size_(bytes);
	if (bytes > c->record_max || size > c->limit - at || size - 1 > (~at & c->mask))
		return -EUCLEAN;							/* (M2) */
	ret->at = at;
	ret->next = at + size;
	ret->bytes = bytes;
	return 0;
}

int shmreg_record_peek(struct shmreg_record_consumer *c, uint64_t offset, void *data, size_t size,
		       size_t *ret_bytes)
{
	struct shmreg_record_found found = { .next = c->head };
	uint64_t i;
	int r;

	/* Each record takes 8 bytes of what is there, and no more is there than the capacity. */
	for (i = 0; i <= offset; i++) {
		r = shmreg_record_find(c, found.next, &found);
		if (r < 0)
			return r;
	}
	*ret_bytes = (size_t)found.bytes;
	if (found.bytes > size)
		return -EMSGSIZE;
	record_take(c, &found, data);
	return 0;
}

int64_t shmreg_record_skip(struct shmreg_record_consumer *c, uint64_t n)
{
	struct shmreg_ring_shm *const shm = shmreg_ring_shm_(&c->ring);
	struct shmreg_record_found found = { .next = c->head };
	uint64_t i;
	int r = 0;

	for (i = 0; i < n; i++) {
		r = shmreg_record_find(c, found.next, &found);
		if (r < 0)
			break;
	}
	if (i == 0)
		return n == 0 && shm == NULL ? -ECHILD : r;
	shmreg_record_pass_(c, found.next, i);
	/* relaxed: a number to look at, of which this is the only writer */
	shmreg_store_relaxed(&shm->n_skipped, shmreg_load_relaxed(&shm->n_skipped) + i);
	return (int64_t)i;
}

int64_t shmreg_record_clear(struct shmreg_record_consumer *c)
{
	const int64_t n = shmreg_record_skip(c, UINT64_MAX);

	/* Nothing there is what was asked for, unless there is more to say about it. */
	return n == -EAGAIN ? 0 : n;
}

extern inline int shmreg_record_push(struct shmreg_record_producer *p, const void *data,
				     size_t bytes);
extern inline int shmreg_record_reserve(struct shmreg_record_producer *p, void **ret, size_t bytes);
extern inline int shmreg_record_commit(struct shmreg_record_producer *p, size_t bytes);
extern inline int shmreg_record_pop(struct shmreg_record_consumer *c, void *data, size_t size,
				    size_t *ret_bytes);
extern inline int shmreg_record_view(struct shmreg_record_consumer *c, const void **ret,
				     size_t *ret_bytes);
extern inline int shmreg_record_consume(struct shmreg_record_consumer *c);
