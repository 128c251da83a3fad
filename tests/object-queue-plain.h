/* SPDX-License-Identifier: MIT */
#ifndef TEST_OBJECT_QUEUE_PLAIN_H
#define TEST_OBJECT_QUEUE_PLAIN_H

/* object-queue-plain.h - a pool and a queue for its objects in plain memory */

#include "object-queue-bind.h"
#include "pool-plain.h"
#include "pool-repair.h"
#include "queue-plain.h"
#include "queue-repair.h"

struct pair {
	struct shmreg_shape pool_shape, queue_shape;
	void *pool, *queue;
};

/* Who takes part: a handle of each, with seats of their own. */
struct actor {
	struct shmreg_pool pool;
	struct shmreg_object_queue queue;
};

#define PAIR_ACTORS 6
#define PAIR_POOL_ID UINT64_C(0x100000007)
#define PAIR_INDEX 40000u	/* of the queue's entry in the directory */

static inline uint32_t pair_pool_seat(unsigned int actor)
{
	return 5 + 70 * actor;
}

static inline uint32_t pair_queue_seat(unsigned int actor)
{
	return 4095 - 70 * actor;
}

/* pair_map() - both empty; the queue at position @start, each object acquired @generation times */
void pair_map(struct pair *pair, uint64_t n_objects, uint64_t elem_bytes, uint64_t capacity,
	      uint32_t flags, uint64_t start, uint64_t generation);
void pair_unmap(struct pair *pair);

void pair_bind(const struct pair *pair, struct actor *actor, unsigned int number);

/*
 * pair_repair() - as the reaper, for the actors in the mask @dead
 * @order:	pool first, or queue first
 * @ret:	of the queue, and of the pool
 */
enum order { QUEUE_FIRST, POOL_FIRST };
void pair_repair(const struct pair *pair, uint32_t dead, enum order order,
		 struct shmreg_reaper_report ret[2]);

/* pair_sweep() - as the reaper, when the queue was removed and nobody has it */
void pair_sweep(const struct pair *pair, struct shmreg_reaper_report *ret);

/* The words of the slot and of the object that is in it. */
uint64_t *pair_slot(const struct pair *pair, uint64_t position);
uint64_t *pair_ref(const struct pair *pair, uint64_t position);

/* pair_is_clean() - is the queue empty and wholly free, and each object, too? */
bool pair_is_clean(const struct pair *pair);

#endif /* TEST_OBJECT_QUEUE_PLAIN_H */
