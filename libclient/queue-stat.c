/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <string.h>

#include <shmreg/queue.h>

/* queue-stat.c - looking at a queue; nothing here writes to it */

uint64_t shmreg_queue_length(const struct shmreg_queue *q)
{
	const struct shmreg_queue_shm *shm = shmreg_queue_shm_(q);
	uint64_t head, tail;

	if (shm == NULL)
		return 0;
	/* The head first, acquire (C'): the tail is not older, so never behind it. */
	head = shmreg_load_acquire(&shm->head) & ~SHMREG_QUEUE_LOW_MASK;
	tail = shmreg_load_relaxed(&shm->tail) & ~SHMREG_QUEUE_LOW_MASK;
	tail = (tail - head) >> SHMREG_QUEUE_POS_SHIFT;
	/* More only if consumers went on in between, or somebody wrote nonsense. */
	return tail > q->handle.shape.capacity ? q->handle.shape.capacity : tail;
}

uint64_t shmreg_queue_capacity(const struct shmreg_queue *q)
{
	return q->handle.shape.capacity;
}

int shmreg_queue_stat(const struct shmreg_queue *q, struct shmreg_queue_stats *ret)
{
	const struct shmreg_queue_shm *shm = shmreg_queue_shm_(q);
	struct shmreg_queue_stats stat;
	const size_t size = ret->size;

	if (size < sizeof(size) || size > 4096)
		return -EINVAL;
	if (shm == NULL)
		return -ECHILD;
	/* relaxed: numbers to look at, by which nobody finds anything */
	stat.size = size;
	stat.capacity = q->handle.shape.capacity;
	stat.length = shmreg_queue_length(q);
	stat.n_claimed = shmreg_load_relaxed(&shm->tail) >> SHMREG_QUEUE_POS_SHIFT;
	stat.n_passed = shmreg_load_relaxed(&shm->head) >> SHMREG_QUEUE_POS_SHIFT;
	stat.n_aborted = shmreg_load_relaxed(&shm->n_aborted);
	stat.n_dropped = shmreg_load_relaxed(&shm->n_dropped);
	stat.n_redelivered = shmreg_load_relaxed(&shm->n_redelivered);
	stat.high_water = shmreg_load_relaxed(&shm->high);
	if (stat.high_water < stat.length)
		stat.high_water = stat.length;
	if (stat.high_water > stat.capacity)
		stat.high_water = stat.capacity;
	if (size > sizeof(stat))
		memset(ret, 0, size);
	memcpy(ret, &stat, size < sizeof(stat) ? size : sizeof(stat));
	return 0;
}

int shmreg_queue_holders(const struct shmreg_queue *q,
			 int (*visit)(void *data, const struct shmreg_queue_holder *holder),
			 void *data)
{
	const struct shmreg_queue_shm *shm = shmreg_queue_shm_(q);
	uint64_t used, i, w;
	int r;

	if (shm == NULL)
		return -ECHILD;
	used = shmreg_load_acquire(&shm->tail) >> SHMREG_QUEUE_POS_SHIFT;		/* C' */
	if (used > q->mask || shmreg_load_relaxed(&shm->lapped) != 0)
		used = q->mask + 1;
	for (i = 0; i < used; i++) {
		struct shmreg_queue_holder holder;

		/* relaxed: a word to look at */
		w = shmreg_load_relaxed(shmreg_queue_word_(
			shmreg_queue_slot_(q, i << SHMREG_QUEUE_POS_SHIFT, q->stride)));
		holder.state = (uint32_t)(w & SHMREG_QUEUE_STATE_MASK);
		if (holder.state != SHMREG_QUEUE_WRITING && holder.state != SHMREG_QUEUE_READING &&
		    holder.state != SHMREG_QUEUE_REDEL)
			continue;
		holder.position = (w & q->lap_mask) >> SHMREG_QUEUE_POS_SHIFT | i;
		holder.n = (uint32_t)((w & SHMREG_QUEUE_N_MASK) >> SHMREG_QUEUE_N_SHIFT);
		holder.seat = (uint32_t)((w & SHMREG_QUEUE_OWNER_MASK) >> SHMREG_QUEUE_OWNER_SHIFT);
		r = visit(data, &holder);
		if (r != 0)
			return r;
	}
	return 0;
}
