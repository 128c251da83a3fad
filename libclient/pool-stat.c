/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <shmreg/pool.h>

/* pool-stat.c - looking at a pool; nothing here writes to it, or makes memory of its holes */

/* A walk over the objects that were ever searched for. */
struct walk {
	const struct shmreg_pool *pool;
	uint64_t index;		/* the next */
	uint64_t end;		/* of what is known to have been touched */
};

/* Return: whether there is one, index and word. */
static bool walk_next(struct walk *walk, uint64_t *ret_index, uint64_t *ret_word)
{
	const struct shmreg_pool *const p = walk->pool;
	const uint64_t *const touched = shmreg_pool_shm_(p)->touched;
	const uint32_t shift = p->touched_shift;
	uint64_t chunk;

	while (walk->index >= walk->end) {
		if (walk->index >= p->capacity)
			return false;
		chunk = walk->index / SHMREG_POOL_FANOUT >> shift;
		walk->end = ((chunk + 1) << shift) * SHMREG_POOL_FANOUT;
		if (walk->end > p->capacity)
			walk->end = p->capacity;
		/* relaxed, like the word: something to look at */
		if ((shmreg_load_relaxed(&touched[chunk / 64 % SHMREG_POOL_TOUCHED]) &
		     UINT64_C(1) << chunk % 64) == 0)
			walk->index = walk->end;
	}
	*ret_index = walk->index++;
	*ret_word = shmreg_load_relaxed(&p->owner[*ret_index]);
	return true;
}

uint64_t shmreg_pool_capacity(const struct shmreg_pool *pool)
{
	return pool->capacity;
}

int shmreg_pool_stat(const struct shmreg_pool *p, struct shmreg_pool_stats *ret)
{
	const struct shmreg_pool_shm *shm = shmreg_pool_shm_(p);
	struct shmreg_pool_stats stat = { .size = ret->size };
	struct walk walk = { .pool = p };
	const size_t size = ret->size;
	uint64_t i, w;

	if (size < sizeof(size) || size > 4096)
		return -EINVAL;
	if (shm == NULL)
		return -ECHILD;
	while (walk_next(&walk, &i, &w)) {
		stat.n_touched += w != 0;
		stat.n_acquired += w >> SHMREG_POOL_GENERATION_SHIFT;
		stat.n_sent += (w & SHMREG_POOL_STATE_MASK) == SHMREG_POOL_SENT;
		stat.n_held += (w & SHMREG_POOL_STATE_MASK) == SHMREG_POOL_HELD;
	}
	stat.capacity = p->capacity;
	stat.n_free = p->capacity - stat.n_held - stat.n_sent;
	/* relaxed: numbers to look at, by which nobody finds anything */
	stat.n_exhausted = shmreg_load_relaxed(&shm->n_exhausted);
	stat.n_reclaimed = shmreg_load_relaxed(&shm->n_reclaimed);
	if (size > sizeof(stat))
		memset(ret, 0, size);
	memcpy(ret, &stat, size < sizeof(stat) ? size : sizeof(stat));
	return 0;
}

int shmreg_pool_holders(const struct shmreg_pool *p,
			int (*visit)(void *data, const struct shmreg_pool_holder *holder), void *data)
{
	struct walk walk = { .pool = p };
	uint64_t i, w;
	int r;

	if (p->handle.base == NULL)
		return -ECHILD;
	while (walk_next(&walk, &i, &w)) {
		struct shmreg_pool_holder holder = {
			.ref = shmreg_pool_ref_of(w, i),
			.index = i,
			.generation = (uint32_t)(w >> SHMREG_POOL_GENERATION_SHIFT),
			.state = (uint32_t)(w & SHMREG_POOL_STATE_MASK),
		};

		if (holder.state == SHMREG_POOL_HELD) {
			holder.seat = shmreg_pool_word_seat(w);
		} else if (holder.state == SHMREG_POOL_SENT) {
			holder.queue = (uint32_t)((w & SHMREG_POOL_QUEUE_MASK) >>
						  SHMREG_POOL_QUEUE_SHIFT);
			holder.slot = (uint32_t)((w & SHMREG_POOL_SLOT_MASK) >>
						 SHMREG_POOL_SLOT_SHIFT);
		} else {
			continue;
		}
		r = visit(data, &holder);
		if (r != 0)
			return r;
	}
	return 0;
}
