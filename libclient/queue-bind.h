/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_QUEUE_BIND_H
#define LIBSHMREG_QUEUE_BIND_H

/* queue-bind.h - a queue's handle without segment and daemon; for the library and its tests */

#include <shmreg/queue.h>

/*
 * queue_bind() - fill in what the hot path wants precomputed
 * @q:		its handle.base, shape and seat are set here
 * @base:	SHMREG_BLOCK-aligned, shmreg_shape_bytes() long; zeros are an empty queue
 * @seat:	0: reads only
 */
void queue_bind(struct shmreg_queue *q, void *base, const struct shmreg_shape *shape,
		uint32_t seat);

/* The same for a handle whose base, shape and seat are set. */
void queue_prepare(struct shmreg_queue *q);

#endif /* LIBSHMREG_QUEUE_BIND_H */
