/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_QUEUE_REPAIR_H
#define LIBSHMREG_QUEUE_REPAIR_H

/*
 * queue-repair.h - put right what dead processes left half-done in a queue
 *
 * For shmreg-reaper. Pure: touches the queue's bytes and nothing else.
 *
 * Callers	One repair of a queue at a time. Live processes go on using it
 *		meanwhile, or are stopped anywhere in it; both are fine.
 *
 * Progress	Bounded: two counters, then each slot that was ever used once,
 *		and at most 63 others for each of them. It waits for nobody and
 *		retries nothing.
 *
 * Crashes	Killed anywhere, it is simply run again: every change is one exact
 *		compare-and-swap to a state in which the next run finds nothing
 *		to do, and a claim's leader is changed last. The counts of what was
 *		lost may then be short by one element.
 *
 * Trust	The bytes may be anything and change all the time: indices are masked,
 *		counts bounded. Geometry comes from @shape, hence the directory.
 */

#include <stddef.h>

#include <shmreg/abi/object.h>
#include <shmreg/abi/reaper.h>

#include "repair-memory.h"

#define QUEUE_REPAIR_SEATS 64	/* words of a bitmap of 4096 seats */

/* What the repair of a queue of a pool's objects has to know of the pool. */
struct queue_repair_pool {
	const struct shmreg_shape *shape;
	void *base;
	const struct repair_memory *memory;	/* NULL: touch anything */
	uint32_t queue;				/* index of the queue's entry in the directory */
};

/*
 * queue_repair() - finish or undo every unfinished claim of dead seats
 * @base:	the queue, shmreg_shape_bytes() bytes of it
 * @memory:	where @base lies in its file, so that holes are not touched; NULL:
 *		touch anything
 * @pool:	of a queue of objects; NULL: of another, or the pool is no more. Pool and queue
 *		may be repaired in any order, see shmreg/object-queue-inline.h
 * @dead:	bit s % 64 of word s / 64: seat s is dead and stays so until the
 *		repair was reported
 * @ret:	only the n_... counts and status are set; n_seats is how many of @dead
 *		used this queue, 0: nothing was done
 *
 * Return: 0; -EINVAL not the shape of a queue, @ret is untouched.
 */
int queue_repair_objects(const struct shmreg_shape *shape, void *base,
			 const struct repair_memory *memory, const struct queue_repair_pool *pool,
			 const uint64_t dead[QUEUE_REPAIR_SEATS], struct shmreg_reaper_report *ret);

static inline int queue_repair_sparse(const struct shmreg_shape *shape, void *base,
				      const struct repair_memory *memory,
				      const uint64_t dead[QUEUE_REPAIR_SEATS],
				      struct shmreg_reaper_report *ret)
{
	return queue_repair_objects(shape, base, memory, NULL, dead, ret);
}

/* The same for a queue all of whose bytes may be touched. */
static inline int queue_repair(const struct shmreg_shape *shape, void *base,
			       const uint64_t dead[QUEUE_REPAIR_SEATS],
			       struct shmreg_reaper_report *ret)
{
	return queue_repair_sparse(shape, base, NULL, dead, ret);
}

#endif /* LIBSHMREG_QUEUE_REPAIR_H */
