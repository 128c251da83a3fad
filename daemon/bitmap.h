/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_BITMAP_H
#define SHMREGD_BITMAP_H

/*
 * bitmap.h - which entries of a table are taken
 */

#include <stdbool.h>
#include <stdint.h>

struct bitmap {
	uint64_t *words;
	uint32_t n;		/* bits */
	uint32_t n_set;
	uint32_t hint;		/* no bit below is clear */
};

/* Return: 0; -ENOMEM. */
int bitmap_init(struct bitmap *b, uint32_t n);
void bitmap_deinit(struct bitmap *b);

bool bitmap_get(const struct bitmap *b, uint32_t i);
void bitmap_set(struct bitmap *b, uint32_t i);		/* asserts that it was clear */
void bitmap_clear(struct bitmap *b, uint32_t i);	/* asserts that it was set */
void bitmap_reset(struct bitmap *b);			/* all clear */
/* The lowest bit from @from on that is clear; -1 if none is. */
int64_t bitmap_find_clear(struct bitmap *b, uint32_t from);
/* The lowest bit from @from on that is set; -1 if none is. */
int64_t bitmap_find_set(const struct bitmap *b, uint32_t from);

#endif /* SHMREGD_BITMAP_H */
