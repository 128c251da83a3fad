/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_OBJECT_QUEUE_BIND_H
#define LIBSHMREG_OBJECT_QUEUE_BIND_H

/* object-queue-bind.h - an object queue's handle without segment and daemon */

#include <shmreg/object-queue.h>

/*
 * object_queue_shape() - the shape of a queue for objects of a pool
 * @pool:	the pool's object id
 * @index:	of its entry in the directory
 */
struct shmreg_shape object_queue_shape(uint64_t capacity, uint32_t flags, uint64_t pool,
				       uint32_t index);

/*
 * object_queue_bind() - fill in what the hot path wants precomputed
 * @base:	SHMREG_BLOCK-aligned, shmreg_shape_bytes() long; zeros are an empty queue
 * @seat:	not 0, of the queue's handle
 * @index:	of the queue's entry in the directory
 * @pool:	a handle with a seat; outlives @q
 */
void object_queue_bind(struct shmreg_object_queue *q, void *base, const struct shmreg_shape *shape,
		       uint32_t seat, uint32_t index, struct shmreg_pool *pool);

/* The same for a handle whose base, shape and seat are set. */
void object_queue_prepare(struct shmreg_object_queue *q, uint32_t index, struct shmreg_pool *pool);

#endif /* LIBSHMREG_OBJECT_QUEUE_BIND_H */
