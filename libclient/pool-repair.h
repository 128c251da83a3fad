/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_POOL_REPAIR_H
#define LIBSHMREG_POOL_REPAIR_H

/*
 * pool-repair.h - take back what dead processes held of a pool
 *
 * For shmreg-reaper. Pure: touches the pool's bytes and nothing else.
 *
 * Callers	One repair of a pool at a time. Live processes go on using it
 *		meanwhile, or are stopped anywhere in it; both are fine. What travels
 *		through queues is left alone: that is for their repair, before or after.
 *
 * Progress	Bounded: each word once. It waits for nobody and retries nothing.
 *
 * Crashes	Killed anywhere, it is simply run again: every change is one exact
 *		compare-and-swap, or clears hints, and the seats' bits in users go last.
 *		n_reclaimed may then be short by one.
 *
 * Trust	The bytes may be anything and change all the time; nothing read there is
 *		used as an index. Geometry comes from @shape, hence the directory.
 */

#include <stdbool.h>

#include <shmreg/abi/pool.h>
#include <shmreg/abi/reaper.h>

#include "repair-memory.h"

/*
 * pool_repair() - free every object that a dead seat holds, and forget all hints
 * @base:	the pool, shmreg_shape_bytes() bytes of it
 * @memory:	where @base lies in its file, so that holes are not touched; NULL:
 *		touch anything
 * @dead:	bit s % 64 of word s / 64: seat s is dead and stays so until the
 *		repair was reported
 * @ret:	only the n_... counts and status are set; n_seats is how many of @dead
 *		used this pool, 0: nothing was done
 *
 * Return: 0; -EINVAL not the shape of a pool, @ret is untouched.
 */
int pool_repair(const struct shmreg_shape *shape, void *base, const struct repair_memory *memory,
		const uint64_t dead[64], struct shmreg_reaper_report *ret);

/*
 * pool_repair_word() - put right the word of one object, for the repair of a queue
 * @index:	below the capacity
 * @from:	SENT or HELD, of somebody dead
 * @to:		of the same generation
 *
 * Return: whether it was @from, and is @to now; if that is FREE, it can be found.
 */
bool pool_repair_word(const struct shmreg_shape *shape, void *base, uint64_t index, uint64_t from,
		      uint64_t to);

/* Return: the word of an object; 0 if @index is beyond the capacity, or it lies in a hole. */
uint64_t pool_repair_read(const struct shmreg_shape *shape, void *base,
			  const struct repair_memory *memory, uint64_t index);

/*
 * pool_sweep() - free every object that was on its way through queues that are no more
 * @gone:	bit q % 64 of word q / 64: the queue with index q in the directory was removed,
 *		and nobody can have it open any more
 * @ret:	n_repaired and n_freed are raised
 *
 * Return: 0; -EINVAL not the shape of a pool.
 */
#define POOL_SWEEP_QUEUES 1024	/* words of a bitmap of 2^16 entries */
int pool_sweep(const struct shmreg_shape *shape, void *base, const struct repair_memory *memory,
	       const uint64_t gone[POOL_SWEEP_QUEUES], struct shmreg_reaper_report *ret);

#endif /* LIBSHMREG_POOL_REPAIR_H */
