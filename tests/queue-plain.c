/* SPDX-License-Identifier: MIT */
#include <config.h>

#include "queue-plain.h"

void queue_seed(void *base, const struct shmreg_shape *shape, uint64_t position)
{
	struct shmreg_queue_shm *shm = base;
	struct shmreg_queue q;
	uint64_t i, pos;

	queue_bind(&q, base, shape, 0);
	shmreg_store_relaxed(&shm->tail, position << SHMREG_QUEUE_POS_SHIFT);
	shmreg_store_relaxed(&shm->head, position << SHMREG_QUEUE_POS_SHIFT);
	shmreg_store_relaxed(&shm->lapped, 1);
	for (i = 0; i < shape->capacity; i++) {
		pos = (position + i) << SHMREG_QUEUE_POS_SHIFT;
		shmreg_store_release(shmreg_queue_word_(shmreg_queue_slot_(&q, pos, q.stride)),
				     pos & q.lap_mask);
	}
}

bool queue_is_clean(const void *base, const struct shmreg_shape *shape)
{
	struct shmreg_queue q;
	uint64_t i, pos, head, tail;

	queue_bind(&q, (void *)(uintptr_t)base, shape, 0);
	tail = shmreg_load_acquire(&shmreg_queue_shm_(&q)->tail) & ~SHMREG_QUEUE_LOW_MASK;
	head = shmreg_load_acquire(&shmreg_queue_shm_(&q)->head) & ~SHMREG_QUEUE_LOW_MASK;
	if (head != tail)
		return false;
	for (i = 0; i < shape->capacity; i++) {
		pos = tail + (i << SHMREG_QUEUE_POS_SHIFT);
		if (shmreg_load_acquire(shmreg_queue_word_(
			shmreg_queue_slot_(&q, pos, q.stride))) != (pos & q.lap_mask))
			return false;
	}
	return true;
}
