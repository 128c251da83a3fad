/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "object-queue-plain.h"

void pair_map(struct pair *pair, uint64_t n_objects, uint64_t elem_bytes, uint64_t capacity,
	      uint32_t flags, uint64_t start, uint64_t generation)
{
	pair->pool_shape = pool_shape(n_objects, elem_bytes, 8);
	pair->queue_shape = object_queue_shape(capacity, flags, PAIR_POOL_ID, 3);
	pair->pool = plain_map(&pair->pool_shape);
	pair->queue = plain_map(&pair->queue_shape);
	if (pair->pool == NULL || pair->queue == NULL)
		abort();
	if (start != 0)
		queue_seed(pair->queue, &pair->queue_shape, start);
	if (generation != 0)
		pool_seed(pair->pool, &pair->pool_shape, generation);
}

void pair_unmap(struct pair *pair)
{
	plain_unmap(pair->pool, &pair->pool_shape);
	plain_unmap(pair->queue, &pair->queue_shape);
}

void pair_bind(const struct pair *pair, struct actor *actor, unsigned int number)
{
	pool_bind(&actor->pool, pair->pool, &pair->pool_shape, pair_pool_seat(number));
	object_queue_bind(&actor->queue, pair->queue, &pair->queue_shape, pair_queue_seat(number),
			  PAIR_INDEX, &actor->pool);
}

void pair_repair(const struct pair *pair, uint32_t dead, enum order order,
		 struct shmreg_reaper_report ret[2])
{
	const struct queue_repair_pool pool = {
		.shape = &pair->pool_shape, .base = pair->pool, .queue = PAIR_INDEX,
	};
	uint64_t seats[64] = { 0 };
	unsigned int i;

	for (i = 0; i < PAIR_ACTORS; i++) {
		if ((dead >> i & 1) == 0)
			continue;
		seats[pair_pool_seat(i) / 64] |= UINT64_C(1) << pair_pool_seat(i) % 64;
		seats[pair_queue_seat(i) / 64] |= UINT64_C(1) << pair_queue_seat(i) % 64;
	}
	memset(ret, 0, 2 * sizeof(*ret));
	if (order == POOL_FIRST && pool_repair(&pair->pool_shape, pair->pool, NULL, seats, &ret[1]) < 0)
		abort();
	if (queue_repair_objects(&pair->queue_shape, pair->queue, NULL, &pool, seats, &ret[0]) < 0)
		abort();
	if (order == QUEUE_FIRST && pool_repair(&pair->pool_shape, pair->pool, NULL, seats, &ret[1]) < 0)
		abort();
}

void pair_sweep(const struct pair *pair, struct shmreg_reaper_report *ret)
{
	uint64_t gone[POOL_SWEEP_QUEUES] = { 0 };

	gone[PAIR_INDEX / 64] = UINT64_C(1) << PAIR_INDEX % 64;
	memset(ret, 0, sizeof(*ret));
	if (pool_sweep(&pair->pool_shape, pair->pool, NULL, gone, ret) < 0)
		abort();
}

uint64_t *pair_slot(const struct pair *pair, uint64_t position)
{
	struct shmreg_queue q;

	queue_bind(&q, pair->queue, &pair->queue_shape, 0);
	return shmreg_queue_word_(
		shmreg_queue_slot_(&q, position << SHMREG_QUEUE_POS_SHIFT, q.stride));
}

uint64_t *pair_ref(const struct pair *pair, uint64_t position)
{
	return pair_slot(pair, position) + 1;
}

bool pair_is_clean(const struct pair *pair)
{
	return queue_is_clean(pair->queue, &pair->queue_shape) &&
	       pool_is_clean(pair->pool, &pair->pool_shape);
}
