/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <string.h>

#include "object-queue-bind.h"
#include "queue-bind.h"

struct shmreg_shape object_queue_shape(uint64_t capacity, uint32_t flags, uint64_t pool,
				       uint32_t index)
{
	return (struct shmreg_shape){
		.kind = SHMREG_KIND_QUEUE,
		.layout = SHMREG_QUEUE_LAYOUT,
		.flags = flags | SHMREG_QUEUE_OBJECTS,
		.elem_align = sizeof(shmreg_pool_ref),
		.elem_bytes = sizeof(shmreg_pool_ref),
		.capacity = capacity,
		.param = { (uint32_t)pool, (uint32_t)(pool >> 32), index },
	};
}

static void bind_pool(struct shmreg_object_queue *q, uint32_t index, struct shmreg_pool *pool)
{
	q->queue.batch_max = 1;		/* what a claim may name here */
	q->pool = pool;
	q->owner = pool->owner;
	q->capacity = pool->capacity;
	q->claim = pool->claim;
	q->elems = pool->elems;
	q->elem_stride = pool->stride;
	q->index = index;
}

void object_queue_prepare(struct shmreg_object_queue *q, uint32_t index, struct shmreg_pool *pool)
{
	queue_prepare(&q->queue);
	bind_pool(q, index, pool);
}

void object_queue_bind(struct shmreg_object_queue *q, void *base, const struct shmreg_shape *shape,
		       uint32_t seat, uint32_t index, struct shmreg_pool *pool)
{
	memset(q, 0, sizeof(*q));
	queue_bind(&q->queue, base, shape, seat);
	bind_pool(q, index, pool);
}
