/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_ABI_QUEUE_H
#define SHMREG_ABI_QUEUE_H

/*
 * shmreg/abi/queue.h - the bytes of a queue
 *
 * Two kinds of 64-bit words, of one format:
 *
 *	63           21 20   15 14       3 2     0
 *	+--------------+-------+----------+-------+
 *	| position  43 | n   6 | owner 12 | state |
 *	+--------------+-------+----------+-------+
 *
 * Counters (tail, head): the next position to be claimed, and the last claim:
 * n positions, the last before this one, by the seat `owner`. State is 0.
 *
 * Slot words: the position's *lap*, that is the position with the bits that
 * are implied by the slot's index (the low log2(capacity) bits) cleared, so
 * that all-zero is FREE for lap 0; n and owner only in WRITING and READING.
 * Arithmetic is modulo 2^43 by the natural overflow of the word.
 *
 * A slot's life at position p, and who makes each transition:
 *
 *	FREE(p) ----------> READY(p)			the claimant, publishing
 *	FREE(p) ----------> WRITING(p, n, owner)	the claimant when it lends the slot out,
 *							or the next producer, recording
 *	WRITING(p) -------> READY(p)			the claimant
 *	FREE|WRITING(p) --> TOMB(p)			the claimant that aborts; the reaper
 *	READY(p) ---------> READING(p, n, owner)	the claimant when it lends the slot out,
 *							or the next consumer, recording
 *	READY|READING(p) -> FREE(p + capacity)		the claimant; the reaper (drop)
 *	READY|READING(p) -> REDEL(p)			the claimant that refuses; the reaper (redeliver)
 *	REDEL(p) ---------> READING(p, 1, owner)	any consumer
 *	TOMB(p) ----------> FREE(p + capacity)		the consumer that passed it, or the next;
 *							the reaper
 *
 * An element of a queue of a pool's objects (SHMREG_QUEUE_OBJECTS) is a reference, see
 * shmreg/abi/pool.h. There the reaper also does what the dead had only to finish, as the
 * object's word says:
 *
 *	FREE|WRITING(p) --> READY(p)			it was sent
 *	READY|READING(p) -> FREE(p + capacity)		it was received
 */

#include <shmreg/compiler.h>
#include <shmreg/abi/eventcount.h>
#include <shmreg/abi/object.h>

SHMREG_BEGIN_DECLS

#define SHMREG_QUEUE_FREE UINT64_C(0)
#define SHMREG_QUEUE_WRITING UINT64_C(1)
#define SHMREG_QUEUE_READY UINT64_C(2)
#define SHMREG_QUEUE_READING UINT64_C(3)
#define SHMREG_QUEUE_TOMB UINT64_C(4)
#define SHMREG_QUEUE_REDEL UINT64_C(5)

#define SHMREG_QUEUE_STATE_MASK UINT64_C(7)
#define SHMREG_QUEUE_OWNER_SHIFT 3
#define SHMREG_QUEUE_OWNER_MASK (UINT64_C(0xfff) << 3)
#define SHMREG_QUEUE_N_SHIFT 15
#define SHMREG_QUEUE_N_MASK (UINT64_C(0x3f) << 15)
#define SHMREG_QUEUE_POS_SHIFT 21
#define SHMREG_QUEUE_LOW_MASK ((UINT64_C(1) << 21) - 1)
#define SHMREG_QUEUE_BATCH_MAX 63	/* positions one claim can name */

struct shmreg_queue_shm {
	/* written by producers */
	SHMREG_ALIGNAS(128) uint64_t tail;
	/* written by consumers */
	SHMREG_ALIGNAS(128) uint64_t head;
	uint64_t redel;			/* raised when a slot becomes REDEL */
	/* written by sleepers and those who wake them */
	SHMREG_ALIGNAS(128) union shmreg_eventcount items;
	union shmreg_eventcount space;
	/*
	 * Written by the reaper: what deaths have cost so far, in elements.
	 * Counted after the fact: a reaper that was itself killed in between
	 * leaves them short by one element, never long.
	 */
	SHMREG_ALIGNAS(128) uint64_t n_aborted;		/* pushes that never happened */
	uint64_t n_dropped;		/* taken by a consumer that died, lost by policy */
	uint64_t n_redelivered;		/* taken by a consumer that died, handed out again */
	/*
	 * 1 from before the tail passes position 2^31, which is beyond every
	 * capacity: positions wrap, so a small tail alone does not say that the
	 * slots above it were never used. Written by producers, once in a life.
	 */
	uint64_t lapped;
	/* Most elements that producers saw when they looked; written by them when it rises. */
	uint64_t high;
	/*
	 * One bit a seat, set before a handle's first operation. A hint for the
	 * reaper, which passes over objects in which no dead seat has a bit.
	 */
	SHMREG_ALIGNAS(128) uint64_t users[64];
	/* the slots follow, shmreg_queue_stride() bytes each */
};
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_queue_shm, tail) == 0, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_queue_shm, head) == 128, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_queue_shm, redel) == 136, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_queue_shm, items) == 256, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_queue_shm, space) == 264, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_queue_shm, n_aborted) == 384, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_queue_shm, n_dropped) == 392, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_queue_shm, n_redelivered) == 400, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_queue_shm, lapped) == 408, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_queue_shm, high) == 416, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_queue_shm, users) == 512, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_queue_shm) == 1024, "frozen");

/* Bytes from the start of a slot to its element: the slot word is before it. */
static SHMREG_FORCE_INLINE uint64_t shmreg_queue_elem_offset(uint64_t elem_align)
{
	return elem_align > 8 ? elem_align : 8;
}

/* Bytes from slot to slot; no overflow within SHMREG_QUEUE_ELEM_MAX. */
static SHMREG_FORCE_INLINE uint64_t shmreg_queue_stride(uint64_t elem_bytes, uint64_t elem_align)
{
	const uint64_t align = elem_align > 8 ? elem_align : 8;

	return (shmreg_queue_elem_offset(elem_align) + elem_bytes + align - 1) & ~(align - 1);
}

SHMREG_END_DECLS

#endif /* SHMREG_ABI_QUEUE_H */
