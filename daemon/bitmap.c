/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap.h"

static uint32_t bitmap_n_words(const struct bitmap *b)
{
	return (b->n + 63) / 64;
}

int bitmap_init(struct bitmap *b, uint32_t n)
{
	uint64_t *words = calloc((n + 63) / 64, sizeof(*words));

	if (!words)
		return -ENOMEM;
	*b = (struct bitmap){ .words = words, .n = n };
	return 0;
}

void bitmap_deinit(struct bitmap *b)
{
	free(b->words);
	*b = (struct bitmap){ 0 };
}

bool bitmap_get(const struct bitmap *b, uint32_t i)
{
	assert(i < b->n);
	return b->words[i / 64] >> (i % 64) & 1;
}

void bitmap_set(struct bitmap *b, uint32_t i)
{
	assert(!bitmap_get(b, i));
	b->words[i / 64] |= UINT64_C(1) << (i % 64);
	b->n_set++;
}

void bitmap_clear(struct bitmap *b, uint32_t i)
{
	assert(bitmap_get(b, i));
	b->words[i / 64] &= ~(UINT64_C(1) << (i % 64));
	b->n_set--;
	if (i < b->hint)
		b->hint = i;
}

void bitmap_reset(struct bitmap *b)
{
	memset(b->words, 0, bitmap_n_words(b) * sizeof(*b->words));
	b->n_set = 0;
	b->hint = 0;
}

int64_t bitmap_find_clear(struct bitmap *b, uint32_t from)
{
	const uint32_t start = from > b->hint ? from : b->hint;
	int64_t found = -1;

	for (uint32_t w = start / 64; w < bitmap_n_words(b) && found < 0; w++) {
		uint64_t word = ~b->words[w];

		if (w == start / 64)
			word &= UINT64_MAX << (start % 64);
		if (word)
			found = (int64_t)w * 64 + __builtin_ctzll(word);
	}
	if (found >= b->n)
		found = -1;
	if (start == b->hint)
		b->hint = found < 0 ? b->n : (uint32_t)found;
	return found;
}

int64_t bitmap_find_set(const struct bitmap *b, uint32_t from)
{
	if (from >= b->n)
		return -1;
	for (uint32_t w = from / 64; w < bitmap_n_words(b); w++) {
		uint64_t word = b->words[w];

		if (w == from / 64)
			word &= UINT64_MAX << (from % 64);
		if (word)
			return (int64_t)w * 64 + __builtin_ctzll(word);
	}
	return -1;
}
