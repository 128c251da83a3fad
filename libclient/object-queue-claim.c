/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>

#include <shmreg/object-queue.h>

#include "again.h"
#include "pool-bind.h"

int shmreg_object_queue_held(const struct shmreg_object_queue *q, shmreg_pool_ref ref,
			     uint64_t *ret_word)
{
	if (q->claim == 0)
		return handle_unusable(&q->queue.handle);
	return pool_judge_ours(q->pool, ref, ret_word);
}

int shmreg_object_queue_bad_lease(const struct shmreg_object_queue *q,
				  const struct shmreg_object_lease *lease)
{
	const uint64_t index = shmreg_pool_ref_index(lease->ref);
	struct shmreg_queue_lease slot = { .position = lease->position };

	if (q->claim == 0)
		return handle_unusable(&q->queue.handle);
	if (index >= q->capacity || lease->object != q->elems + (size_t)index * q->elem_stride)
		return -EINVAL;
	slot.elem = shmreg_object_queue_ref_(
		shmreg_queue_slot_(&q->queue, lease->position << SHMREG_QUEUE_POS_SHIFT,
				   SHMREG_OBJECT_QUEUE_STRIDE_));
	return shmreg_queue_bad_lease(&q->queue, &slot, SHMREG_QUEUE_READING);
}

extern inline int shmreg_object_queue_send(struct shmreg_object_queue *q, shmreg_pool_ref ref);
extern inline int shmreg_object_queue_receive(struct shmreg_object_queue *q, shmreg_pool_ref *ret);
extern inline int shmreg_object_queue_acquire(struct shmreg_object_queue *q,
					      struct shmreg_object_lease *ret);
extern inline int shmreg_object_queue_release(struct shmreg_object_queue *q,
					      struct shmreg_object_lease *lease);
extern inline int shmreg_object_queue_keep(struct shmreg_object_queue *q,
					   struct shmreg_object_lease *lease);
extern inline int shmreg_object_queue_refuse(struct shmreg_object_queue *q,
					     struct shmreg_object_lease *lease);
