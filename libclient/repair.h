/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_REPAIR_H
#define LIBSHMREG_REPAIR_H

/* repair.h - repair of an object of any kind, for shmreg-reaper */

#include <shmreg/abi/object.h>
#include <shmreg/abi/reaper.h>

#include "repair-memory.h"

/*
 * shmreg_repair_object() - put right what dead seats left half-done in an object
 * @shape:	as the directory says; of any layout ever released
 * @base:	the object in a read-write mapping of the data area, all of whose
 *		shmreg_shape_bytes() bytes the caller has found to be inside
 * @memory:	where it lies in the data area's file: holes are not touched; NULL: touch
 *		anything
 * @dead:	bit s % 64 of word s / 64 (64 words): seat s is dead
 * @ret:	status, n_seats and the n_... counts are set, the rest is untouched;
 *		n_seats 0: no dead seat used the object, there is nothing to report
 *
 * Arrays and atomics hold no claims: nothing is ever to be done. See
 * queue-repair.h for what is promised of queues, and so of all of them.
 *
 * Return: 0; -EINVAL @shape is not one that shmreg_shape_bytes() accepts;
 * -EPROTONOSUPPORT a layout this library does not know.
 */
int shmreg_repair_object(const struct shmreg_shape *shape, void *base,
			 const struct repair_memory *memory, const uint64_t dead[64],
			 struct shmreg_reaper_report *ret);

/*
 * shmreg_repair_object_queue() - the same for a queue of a pool's objects
 * @pool:	the pool that the queue's shape names, see queue-repair.h; NULL: it is gone
 *
 * Return: as above; also -EINVAL not such a queue.
 */
struct queue_repair_pool;
int shmreg_repair_object_queue(const struct shmreg_shape *shape, void *base,
			       const struct repair_memory *memory,
			       const struct queue_repair_pool *pool, const uint64_t dead[64],
			       struct shmreg_reaper_report *ret);

#endif /* LIBSHMREG_REPAIR_H */
