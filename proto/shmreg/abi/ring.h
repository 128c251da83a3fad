/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_ABI_RING_H
#define SHMREG_ABI_RING_H

/*
 * shmreg/abi/ring.h - the bytes of a ring
 *
 * One producer, one consumer. Counters are 64-bit and free-running, so that empty
 * and full need no spare slot and nothing recurs.
 *
 * Of elements: tail and head count elements ever written and ever read; element i
 * lies in slot i mod capacity, slots have elem_bytes bytes and touch each other.
 *
 * Of records (SHMREG_RING_RECORDS): the slots are capacity bytes. tail and head are
 * bytes ever written and read, padding included, and multiples of 8, so that the
 * low bits are free: bit 0, SHMREG_RING_FLIP, says which of two counts of
 * records belongs to the counter. A commit writes the other count, then the
 * counter with its flip turned: both change by one store. A record is a
 * header and its bytes, padded to 8, and never wraps: where it does not fit before
 * the end, a header of SHMREG_RING_PADDING fills the rest.
 *
 *	0				4			8
 *	+-------------------------------+-----------------------+
 *	| bytes, or SHMREG_RING_PADDING	| 0			| record ...
 *	+-------------------------------+-----------------------+
 *
 * Roles: producer and consumer hold the seat of the handle that has the role, or 0.
 *
 *	0 -------> seat		the handle, opening, by compare-and-swap
 *	seat ----> 0		the handle, closing; the reaper, if the seat is dead
 *
 * Nothing else is ever to be repaired: what a dead producer wrote behind the tail is
 * not there, and what a dead consumer read and did not pass is still there.
 */

#include <shmreg/abi/eventcount.h>
#include <shmreg/abi/object.h>
#include <shmreg/compiler.h>

SHMREG_BEGIN_DECLS

#define SHMREG_RING_FLIP UINT64_C(1)
#define SHMREG_RING_LOW_MASK UINT64_C(7)
#define SHMREG_RING_PADDING UINT32_MAX

struct shmreg_ring_record {
	uint32_t bytes;			/* 0 .. capacity / 2 - 8, or SHMREG_RING_PADDING */
	uint32_t reserved;
};

struct shmreg_ring_shm {
	/* written by the producer */
	SHMREG_ALIGNAS(128) uint64_t tail;
	uint64_t n_written[2];		/* records; see above */
	uint64_t producer_high;		/* longest backlog it saw when it looked, elements or bytes */
	uint64_t n_full;		/* positions at which it found no room */
	/* written by the consumer */
	SHMREG_ALIGNAS(128) uint64_t head;
	uint64_t n_read[2];
	uint64_t consumer_high;
	uint64_t n_skipped;		/* elements or records skipped and cleared: passed, not read */
	/* written by whoever takes or leaves a role, and by the reaper */
	SHMREG_ALIGNAS(128) uint64_t producer;
	uint64_t consumer;
	/* written by sleepers and those who wake them */
	SHMREG_ALIGNAS(128) union shmreg_eventcount items;
	union shmreg_eventcount space;
	/* the slots follow */
};
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_ring_shm, tail) == 0, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_ring_shm, head) == 128, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_ring_shm, producer) == 256, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_ring_shm, items) == 384, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_ring_shm) == 512, "frozen");

SHMREG_END_DECLS

#endif /* SHMREG_ABI_RING_H */
