/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <shmreg/compiler.h>

#include "arena.h"

#define CHUNK_BYTES 16384

struct arena_chunk {
	struct arena_chunk *next;
	unsigned char *memory;
	size_t used;
};

/*
 * What lies before a slot, in its first block. Of a free one all else is 0, so that whoever uses a
 * closed handle finds zeros in it, as a forked child does.
 */
struct arena_slot {
	struct arena_slot *next;	/* of the free ones */
};
SHMREG_STATIC_ASSERT(sizeof(struct arena_slot) <= ARENA_SLOT_AT, "the slot is not overlapped");

static size_t blocks(size_t bytes)
{
	return (ARENA_SLOT_AT + bytes + SHMREG_BLOCK - 1) / SHMREG_BLOCK;
}

static int chunk_new(struct arena *arena)
{
	struct arena_chunk *chunk = calloc(1, sizeof(*chunk));
	void *memory;
	int r;

	if (chunk == NULL)
		return -ENOMEM;
	memory = mmap(NULL, CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if (memory == MAP_FAILED) {
		r = -errno;
		free(chunk);
		return r;
	}
	if (madvise(memory, CHUNK_BYTES, MADV_WIPEONFORK) < 0) {
		r = errno == EINVAL ? -ENOSYS : -errno;
		munmap(memory, CHUNK_BYTES);
		free(chunk);
		return r;
	}
	chunk->memory = memory;
	chunk->next = arena->chunks;
	arena->chunks = chunk;
	return 0;
}

int arena_alloc(struct arena *arena, void **ret, size_t bytes)
{
	const size_t n = blocks(bytes);
	struct arena_slot *slot;
	int r;

	if (bytes == 0 || bytes > ARENA_SLOT_MAX)
		return -EINVAL;
	slot = arena->free[n];
	if (slot != NULL) {
		arena->free[n] = slot->next;
		*ret = (unsigned char *)slot + ARENA_SLOT_AT;
		return 0;
	}
	if (arena->chunks == NULL || CHUNK_BYTES - arena->chunks->used < n * SHMREG_BLOCK) {
		r = chunk_new(arena);
		if (r < 0)
			return r;
	}
	*ret = arena->chunks->memory + arena->chunks->used + ARENA_SLOT_AT;
	arena->chunks->used += n * SHMREG_BLOCK;
	return 0;
}

void arena_free(struct arena *arena, void *slot, size_t bytes)
{
	struct arena_slot *s;

	if (slot == NULL)
		return;
	memset(slot, 0, bytes);
	s = (struct arena_slot *)(void *)((unsigned char *)slot - ARENA_SLOT_AT);
	s->next = arena->free[blocks(bytes)];
	arena->free[blocks(bytes)] = s;
}

void arena_deinit(struct arena *arena)
{
	struct arena_chunk *chunk, *next;

	for (chunk = arena->chunks; chunk != NULL; chunk = next) {
		next = chunk->next;
		munmap(chunk->memory, CHUNK_BYTES);
		free(chunk);
	}
	memset(arena, 0, sizeof(*arena));
}
