/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <string.h>

#include "queue-bind.h"

void queue_prepare(struct shmreg_queue *q)
{
	const struct shmreg_shape *shape = &q->handle.shape;

	q->mask = shape->capacity - 1;
	q->lap = shape->capacity << SHMREG_QUEUE_POS_SHIFT;
	q->lap_mask = ~(q->lap - 1);
	q->pushed = 0;
	q->popped = 0;
	q->sampled = 0;
	q->push_manners = (struct shmreg_queue_manners){ 0 };
	q->pop_manners = (struct shmreg_queue_manners){ 0 };
	q->redel_seen = 0;
	q->redel_next = 0;
	q->redel_turn = 0;
	q->redel_done = 0;
	q->stride = (size_t)shmreg_queue_stride(shape->elem_bytes, shape->elem_align);
	q->stride_mask = q->mask * q->stride;
	q->elem_offset = (size_t)shmreg_queue_elem_offset(shape->elem_align);
	q->elem_bytes = (size_t)shape->elem_bytes;
	q->batch_max = shape->capacity < SHMREG_QUEUE_BATCH_MAX ? (uint32_t)shape->capacity
								: SHMREG_QUEUE_BATCH_MAX;
	q->claim = q->handle.seat == 0 ? 0
				       : UINT64_C(1) << SHMREG_QUEUE_POS_SHIFT |
						 UINT64_C(1) << SHMREG_QUEUE_N_SHIFT |
						 (uint64_t)q->handle.seat << SHMREG_QUEUE_OWNER_SHIFT;
}

void queue_bind(struct shmreg_queue *q, void *base, const struct shmreg_shape *shape,
		uint32_t seat)
{
	memset(q, 0, sizeof(*q));
	q->handle.base = base;
	q->handle.shape = *shape;
	q->handle.seat = seat;
	queue_prepare(q);
	if (seat != 0)
		shmreg_fetch_or_acq_rel(&shmreg_queue_shm_(q)->users[seat / 64],
					UINT64_C(1) << seat % 64);
}
