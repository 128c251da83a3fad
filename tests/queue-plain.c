/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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

void *queue_map(const struct shmreg_shape *shape)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint64_t bytes, align;
	unsigned char *p;
	size_t room;

	if (shmreg_shape_bytes(shape, &bytes, &align, NULL) < 0)
		return NULL;
	room = ((size_t)bytes + page - 1) & ~(page - 1);
	p = mmap(NULL, room + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		 0);
	if (p == MAP_FAILED)
		return NULL;
	if (mmap(p + page, room, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED) {
		munmap(p, room + 2 * page);
		return NULL;
	}
	/* Its end at the pages' end, where a step too far faults; 128-aligned there, too. */
	return p + page + (room - (size_t)bytes);
}

void queue_unmap(void *base, const struct shmreg_shape *shape)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint64_t bytes, align;
	size_t room;

	if (base == NULL || shmreg_shape_bytes(shape, &bytes, &align, NULL) < 0)
		return;
	room = ((size_t)bytes + page - 1) & ~(page - 1);
	munmap((unsigned char *)base - (room - (size_t)bytes) - page, room + 2 * page);
}
