/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_EXTENTS_H
#define SHMREGD_EXTENTS_H

/*
 * extents.h - which ranges of a data area are free
 *
 * Best fit: the smallest free range that holds the request once aligned, the
 * lowest of equals. Neighbouring free ranges are always one. After a restart it
 * is rebuilt with extents_take() from the directory's entries: nothing of it is
 * stored.
 *
 * Cost: linear in the number of free ranges, which is at most one more than
 * that of ranges taken.
 */

#include <stddef.h>
#include <stdint.h>

struct extent {
	uint64_t offset;
	uint64_t bytes;
};

struct extents {
	struct extent *free;	/* by offset; never touching, never empty */
	size_t n;
	size_t max;		/* always room for freeing whatever is taken */
	size_t n_taken;
	uint64_t total;
	uint64_t free_bytes;
};

/* Return: 0; -ENOMEM. @total may be anything. */
int extents_init(struct extents *e, uint64_t total);
void extents_deinit(struct extents *e);

/*
 * extents_alloc() - take @bytes at a multiple of @align, a power of two
 *
 * Return: 0; -ENOSPC; -EINVAL @bytes is 0; -ENOMEM.
 */
int extents_alloc(struct extents *e, uint64_t bytes, uint64_t align, uint64_t *ret_offset);
/* Take exactly this range. Return: 0; -EEXIST not all of it is free; -EINVAL; -ENOMEM. */
int extents_take(struct extents *e, uint64_t offset, uint64_t bytes);
/* Asserts that all of it was taken. */
void extents_free(struct extents *e, uint64_t offset, uint64_t bytes);

/* The most that extents_alloc() could take in one piece at this alignment. */
uint64_t extents_largest(const struct extents *e, uint64_t align);
/* Asserts the invariants. */
void extents_verify(const struct extents *e);

#endif /* SHMREGD_EXTENTS_H */
