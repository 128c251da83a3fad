/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_ABI_POOL_H
#define SHMREG_ABI_POOL_H

/*
 * shmreg/abi/pool.h - the bytes of a pool
 *
 * One word an object says whose it is, and that is all there is to say:
 *
 *	63       38 37           18 17      2 1    0
 *	+----------+---------------+---------+------+
 *	| generation 26 | slot  20 | queue 16| state|	SENT: travels through a queue
 *	| generation 26 | 0        | seat 12 | state|	HELD
 *	| generation 26 | 0                  | state|	FREE
 *	+----------+---------------+---------+------+
 *
 * All-zero is FREE. The generation is raised by each acquisition, so that a
 * reference that was given back does not fit any more (until 2^26 acquisitions of
 * the same object later).
 *
 *	FREE(g) ----> HELD(g+1, seat)	any handle: acquire
 *	HELD(g) ----> FREE(g)		the holder: release; the reaper, if the seat is dead
 *	HELD(g) ----> SENT(g, slot)	the holder, sending; the reaper (redeliver)
 *	SENT(g) ----> HELD(g, seat)	the receiver that has claimed the slot
 *	SENT(g) ----> FREE(g)		the reaper, for a receiver that died, or a queue that
 *					is gone
 *
 * Groups of SHMREG_POOL_GROUP words (two cache lines) have a bit each in `full`, and
 * words of `full` have a bit each in `fuller`: set when everything below was seen
 * held. They are hints that save looking; a search that finds none but set bits has
 * found every object held, see shmreg/pool-inline.h. After a death the reaper
 * clears them all.
 *
 *	0		struct shmreg_pool_shm
 *	fuller_offset	uint64_t fuller[n_fuller]
 *	full_offset	uint64_t full[n_full]
 *	owner_offset	uint64_t owner[capacity rounded up to groups]
 *	elems_offset	the objects, stride bytes each
 */

#include <shmreg/abi/object.h>
#include <shmreg/compiler.h>

SHMREG_BEGIN_DECLS

#define SHMREG_POOL_FREE UINT64_C(0)
#define SHMREG_POOL_HELD UINT64_C(1)
#define SHMREG_POOL_SENT UINT64_C(2)

#define SHMREG_POOL_STATE_MASK UINT64_C(3)
#define SHMREG_POOL_SEAT_SHIFT 2
#define SHMREG_POOL_SEAT_MASK (UINT64_C(0xfff) << 2)
#define SHMREG_POOL_QUEUE_SHIFT 2
#define SHMREG_POOL_QUEUE_MASK (UINT64_C(0xffff) << 2)
#define SHMREG_POOL_SLOT_SHIFT 18
#define SHMREG_POOL_SLOT_MASK (UINT64_C(0xfffff) << 18)
#define SHMREG_POOL_GENERATION_SHIFT 38
#define SHMREG_POOL_GENERATION_MASK (~UINT64_C(0) << 38)
#define SHMREG_POOL_GROUP 16

struct shmreg_pool_shm {
	/* written by those who acquire in vain */
	SHMREG_ALIGNAS(128) uint64_t n_exhausted;
	/* written by the reaper: objects of the dead that came back */
	uint64_t n_reclaimed;
	/* written by sleepers and those who wake them; see shmreg/abi/queue.h */
	SHMREG_ALIGNAS(128) uint32_t space_event;
	uint32_t space_watch;
	/* one bit a seat; see shmreg/abi/queue.h */
	SHMREG_ALIGNAS(128) uint64_t users[64];
};
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_pool_shm, n_exhausted) == 0, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_pool_shm, space_event) == 128, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_pool_shm, users) == 256, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_pool_shm) == 768, "frozen");

/* Where things lie in a pool of a shape; no overflow within SHMREG_POOL_..._MAX. */
struct shmreg_pool_geometry {
	uint64_t n_full;	/* words */
	uint64_t n_fuller;
	uint64_t full_offset;
	uint64_t owner_offset;
	uint64_t elems_offset;
	uint64_t stride;
};

static SHMREG_FORCE_INLINE uint64_t shmreg_pool_round_(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

static inline struct shmreg_pool_geometry shmreg_pool_geometry(const struct shmreg_shape *shape)
{
	const uint64_t n_groups =
		(shape->capacity + SHMREG_POOL_GROUP - 1) / SHMREG_POOL_GROUP;
	const uint64_t align = shape->elem_align > SHMREG_BLOCK ? shape->elem_align : SHMREG_BLOCK;
	struct shmreg_pool_geometry g;

	g.n_full = (n_groups + 63) / 64;
	g.n_fuller = (g.n_full + 63) / 64;
	g.full_offset = sizeof(struct shmreg_pool_shm) +
			shmreg_pool_round_(g.n_fuller * 8, SHMREG_BLOCK);
	g.owner_offset = g.full_offset + shmreg_pool_round_(g.n_full * 8, SHMREG_BLOCK);
	g.elems_offset = shmreg_pool_round_(g.owner_offset + n_groups * SHMREG_POOL_GROUP * 8, align);
	g.stride = shmreg_pool_round_(shape->elem_bytes, shape->elem_align);
	return g;
}

SHMREG_END_DECLS

#endif /* SHMREG_ABI_POOL_H */
