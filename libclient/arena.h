/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_ARENA_H
#define LIBSHMREG_ARENA_H

/*
 * arena.h - memory that a forked child finds full of zeros
 *
 * For handles, and for the word by which a connection knows that it is still in
 * the process that made it. Slots have blocks of SHMREG_BLOCK to themselves, so that handles
 * of two threads do not share a cache line. They begin in the middle of one, where
 * objects have nothing that is stored to all the time, as at the beginning of theirs:
 * processors take a load for one of what was just stored at the same place in another page, and
 * wait for it. A segment's first handle and first object would be such a pair.
 * Not thread-safe; never used by a forked child, whose slots and free lists disagree.
 */

#include <stddef.h>

#define ARENA_SLOT_MAX 4032
#define ARENA_SLOT_AT 64	/* in its first block */

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks;	/* newest first; slots are cut from the newest */
	/* by size in blocks */
	struct arena_slot *free[(ARENA_SLOT_MAX + ARENA_SLOT_AT) / 128 + 1];
};

/*
 * arena_alloc() - a zeroed slot
 * @bytes:	1 .. ARENA_SLOT_MAX
 *
 * Return: 0; -EINVAL; -ENOMEM; -ENOSYS the kernel lacks MADV_WIPEONFORK (4.14).
 */
int arena_alloc(struct arena *arena, void **ret, size_t bytes);
/* @bytes: as it was allocated. The slot is zeroed at once. */
void arena_free(struct arena *arena, void *slot, size_t bytes);
/* All slots go with it. */
void arena_deinit(struct arena *arena);

#endif /* LIBSHMREG_ARENA_H */
