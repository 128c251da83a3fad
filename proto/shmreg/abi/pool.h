/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_ABI_POOL_H
#define SHMREG_ABI_POOL_H

/*
 * shmreg/abi/pool.h - the bytes of a pool
 *
 * One word an object says whose it is, and that is all there is to say:
 *
 *	63            38 37      18 17      2 1    0
 *	+---------------+----------+---------+------+
 *	| generation 26 | slot  20 | queue 16| state|	SENT: travels through a queue
 *	| generation 26 | tag  24    | seat 12|state|	KEPT: free, but see below
 *	| generation 26 | 0          | seat 12|state|	HELD
 *	| generation 26 | 0                  | state|	FREE
 *	+---------------+----------+---------+------+
 *
 * All-zero is FREE. The generation is raised by each acquisition and never 0 after
 * the first, so that a reference that was given back does not fit any more (until
 * 2^26 - 1 acquisitions of the same object later), and a word that is all zero is of an
 * object that nobody ever had. A reference is generation 26 | 0 | index + 1, so
 * that it has the generation where the word has it; 0 refers to nothing.
 *
 *	FREE(g) ----> HELD(g+1, seat)	any handle: acquire
 *	HELD(g) ----> FREE(g)		the holder: release; the reaper, if the seat is dead
 *	HELD(g) ----> KEPT(g, seat)	the handle that holds it: release, by a plain store
 *	KEPT(g) ----> HELD(g+1, seat)	the same handle: acquire, by a plain store; or
 *					any other, by compare-and-swap, having recalled it
 *	KEPT(g) ----> FREE(g)		the reaper, if the seat is dead
 *	HELD(g) ----> SENT(g, slot)	the holder, sending
 *	SENT(g) ----> HELD(g, seat)	the receiver that has claimed the slot
 *	SENT(g) ----> FREE(g)		the same, done with it; the reaper, for a receiver that
 *					died, or a queue that is gone
 *
 * SHMREG_POOL_FANOUT words (two cache lines) are a group. A word of `full` has hints
 * about as many groups, and one of `fuller` about as many words of `full`:
 *
 *	63                 32 31       16 15        0
 *	+--------------------+-----------+-----------+
 *	| looks begun        | LOOK      | FULL      |
 *	+--------------------+-----------+-----------+
 *
 *	FULL	all below it is held, as far as releases have returned: not to be searched
 *	LOOK	somebody is finding out whether it is
 *
 * Who releases clears both bits where one is set, at both levels, after its word;
 * FULL is set by compare-and-swap from the word that had LOOK before all below was
 * seen held, see shmreg/pool-inline.h. After a death the reaper clears them all. What is
 * KEPT counts as held here: it is found by its keeper.
 *
 * A keeper is a place where a handle says what it keeps, one object at most. There are
 * fewer than handles there may be; who has none does not keep. Its word `recall` is
 *
 *	63            38 37      14 13        1   0
 *	+---------------+----------+-----------+------+
 *	| 0             | tag  24  | 0         |WANTED|
 *	+---------------+----------+-----------+------+
 *
 *	WANTED	others want what is kept: its handle takes it by compare-and-swap, if at all, and
 *		then clears WANTED together with taking a new tag
 *	tag	of what is KEPT until then; nobody takes the same, until 2^24 - 1 tags later
 *
 *	0		struct shmreg_pool_shm
 *	fuller_offset	uint64_t fuller[n_fuller]
 *	full_offset	uint64_t full[n_full]
 *	owner_offset	uint64_t owner[capacity rounded up to groups]
 *	keepers_offset	struct shmreg_pool_keeper keeper[n_keepers]
 *	elems_offset	the objects, stride bytes each
 */

#include <shmreg/abi/eventcount.h>
#include <shmreg/abi/object.h>
#include <shmreg/compiler.h>

SHMREG_BEGIN_DECLS

#define SHMREG_POOL_FREE UINT64_C(0)
#define SHMREG_POOL_HELD UINT64_C(1)
#define SHMREG_POOL_SENT UINT64_C(2)
#define SHMREG_POOL_KEPT UINT64_C(3)

#define SHMREG_POOL_STATE_MASK UINT64_C(3)
#define SHMREG_POOL_SEAT_SHIFT 2
#define SHMREG_POOL_SEAT_MASK (UINT64_C(0xfff) << 2)
#define SHMREG_POOL_QUEUE_SHIFT 2
#define SHMREG_POOL_QUEUE_MASK (UINT64_C(0xffff) << 2)
#define SHMREG_POOL_SLOT_SHIFT 18
#define SHMREG_POOL_SLOT_MASK (UINT64_C(0xfffff) << 18)
#define SHMREG_POOL_TAG_SHIFT 14
#define SHMREG_POOL_TAG_MASK (UINT64_C(0xffffff) << 14)
#define SHMREG_POOL_GENERATION_SHIFT 38
#define SHMREG_POOL_GENERATION_MASK (~UINT64_C(0) << 38)
#define SHMREG_POOL_GENERATION_ONE (UINT64_C(1) << 38)

#define SHMREG_POOL_FANOUT 16
#define SHMREG_POOL_FULL UINT64_C(1)		/* << place, 0 .. 15 */
#define SHMREG_POOL_LOOK (UINT64_C(1) << 16)	/* the same */
#define SHMREG_POOL_FULL_MASK UINT64_C(0xffff)
#define SHMREG_POOL_HINT_MASK UINT64_C(0xffffffff)
#define SHMREG_POOL_LOOK_ONE (UINT64_C(1) << 32)

#define SHMREG_POOL_TOUCHED 16		/* words of a bitmap */

#define SHMREG_POOL_WANTED UINT64_C(1)		/* in recall */
#define SHMREG_POOL_KEEPERS_MAX 64
#define SHMREG_POOL_PER_KEEPER 8		/* objects, for each keeper that there is */

struct shmreg_pool_shm {
	/* written by those who acquire in vain */
	SHMREG_ALIGNAS(128) uint64_t n_exhausted;
	/* written by the reaper: objects of the dead that came back */
	uint64_t n_reclaimed;
	/* written by sleepers and those who wake them */
	SHMREG_ALIGNAS(128) union shmreg_eventcount space;
	/*
	 * A bit for each 2^touched_shift groups, set before the first search in one of
	 * them: where it is clear all words are zero, and may lie in a hole. So those
	 * who only look do not make memory of holes.
	 */
	SHMREG_ALIGNAS(128) uint64_t touched[SHMREG_POOL_TOUCHED];
	/* one bit a seat; see shmreg/abi/queue.h */
	SHMREG_ALIGNAS(128) uint64_t users[64];
	/* written by handles that become keepers, or were recalled: one bit a keeper that is in use */
	SHMREG_ALIGNAS(128) uint64_t keepers;
	uint64_t n_tags;	/* given out so far, modulo 2^64 */
};
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_pool_shm, n_exhausted) == 0, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_pool_shm, space) == 128, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_pool_shm, touched) == 256, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_pool_shm, users) == 384, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_pool_shm, keepers) == 896, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_pool_shm) == 1024, "frozen");

struct shmreg_pool_keeper {
	/* written by the handle: a reference to what it keeps; 0: nothing, or it is being acquired */
	SHMREG_ALIGNAS(128) uint64_t ref;
	/* written by those who want it, and the handle */
	uint64_t recall;
	/* the handle's, 0: nobody's. Written by who becomes keeper, and who ceases to be; the reaper. */
	uint64_t seat;
};
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_pool_keeper) == 128, "frozen");

/* Where things lie in a pool of a shape; no overflow within SHMREG_POOL_..._MAX. */
struct shmreg_pool_geometry {
	uint64_t n_groups;
	uint64_t n_full;	/* words */
	uint64_t n_fuller;
	uint32_t touched_shift;
	uint32_t n_keepers;
	uint64_t full_offset;
	uint64_t owner_offset;
	uint64_t keepers_offset;
	uint64_t elems_offset;
	uint64_t stride;
};

static SHMREG_FORCE_INLINE uint64_t shmreg_pool_round_(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

static inline struct shmreg_pool_geometry shmreg_pool_geometry(const struct shmreg_shape *shape)
{
	const uint64_t align = shape->elem_align > SHMREG_BLOCK ? shape->elem_align : SHMREG_BLOCK;
	struct shmreg_pool_geometry g;

	g.n_groups = (shape->capacity + SHMREG_POOL_FANOUT - 1) / SHMREG_POOL_FANOUT;
	g.n_full = (g.n_groups + SHMREG_POOL_FANOUT - 1) / SHMREG_POOL_FANOUT;
	g.n_fuller = (g.n_full + SHMREG_POOL_FANOUT - 1) / SHMREG_POOL_FANOUT;
	g.touched_shift = 0;
	while ((g.n_groups - 1) >> g.touched_shift >= SHMREG_POOL_TOUCHED * 64)
		g.touched_shift++;
	g.full_offset = sizeof(struct shmreg_pool_shm) +
			shmreg_pool_round_(g.n_fuller * 8, SHMREG_BLOCK);
	g.owner_offset = g.full_offset + shmreg_pool_round_(g.n_full * 8, SHMREG_BLOCK);
	g.keepers_offset = g.owner_offset + g.n_groups * SHMREG_POOL_FANOUT * 8;
	g.n_keepers = shape->capacity / SHMREG_POOL_PER_KEEPER < SHMREG_POOL_KEEPERS_MAX ?
			      (uint32_t)(shape->capacity / SHMREG_POOL_PER_KEEPER) :
			      SHMREG_POOL_KEEPERS_MAX;
	if (g.n_keepers == 0)
		g.n_keepers = 1;
	g.elems_offset = shmreg_pool_round_(
		g.keepers_offset + g.n_keepers * sizeof(struct shmreg_pool_keeper), align);
	g.stride = shmreg_pool_round_(shape->elem_bytes, shape->elem_align);
	return g;
}

/*
 * Words and references. @from: a word or a reference, of which the generation is taken.
 */
SHMREG_FORCE_INLINE uint64_t shmreg_pool_word_free(uint64_t from)
{
	return (from & SHMREG_POOL_GENERATION_MASK) | SHMREG_POOL_FREE;
}

SHMREG_FORCE_INLINE uint64_t shmreg_pool_word_held(uint64_t from, uint32_t seat)
{
	return (from & SHMREG_POOL_GENERATION_MASK) |
	       (uint64_t)seat << SHMREG_POOL_SEAT_SHIFT | SHMREG_POOL_HELD;
}

/* @tag: of its keeper, in place */
SHMREG_FORCE_INLINE uint64_t shmreg_pool_word_kept(uint64_t from, uint32_t seat, uint64_t tag)
{
	return (from & SHMREG_POOL_GENERATION_MASK) | tag |
	       (uint64_t)seat << SHMREG_POOL_SEAT_SHIFT | SHMREG_POOL_KEPT;
}

/* @queue: below 2^16, its index in the directory; @slot: below 2^20, its index in the queue */
SHMREG_FORCE_INLINE uint64_t shmreg_pool_word_sent(uint64_t from, uint32_t queue,
							  uint32_t slot)
{
	return (from & SHMREG_POOL_GENERATION_MASK) | (uint64_t)slot << SHMREG_POOL_SLOT_SHIFT |
	       (uint64_t)queue << SHMREG_POOL_QUEUE_SHIFT | SHMREG_POOL_SENT;
}

SHMREG_FORCE_INLINE uint32_t shmreg_pool_word_seat(uint64_t word)
{
	return (uint32_t)((word & SHMREG_POOL_SEAT_MASK) >> SHMREG_POOL_SEAT_SHIFT);
}

SHMREG_FORCE_INLINE uint32_t shmreg_pool_word_queue(uint64_t word)
{
	return (uint32_t)((word & SHMREG_POOL_QUEUE_MASK) >> SHMREG_POOL_QUEUE_SHIFT);
}

SHMREG_FORCE_INLINE uint64_t shmreg_pool_ref_of(uint64_t word, uint64_t index)
{
	return (word & SHMREG_POOL_GENERATION_MASK) | (index + 1);
}

/* Of what is no reference: 2^38 - 1 or so, beyond any capacity, with which to compare it. */
SHMREG_FORCE_INLINE uint64_t shmreg_pool_ref_index(uint64_t ref)
{
	return (ref & ~SHMREG_POOL_GENERATION_MASK) - 1;
}

SHMREG_END_DECLS

#endif /* SHMREG_ABI_POOL_H */
