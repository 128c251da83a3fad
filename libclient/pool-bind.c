/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "pool-bind.h"
#include "waiter.h"

uint64_t pool_home(const struct shmreg_pool *pool)
{
	const struct shmreg_pool_shm *shm = shmreg_pool_shm_(pool);
	const uint64_t columns = (pool->n_groups + POOL_SPREAD - 1) / POOL_SPREAD;
	const uint32_t seat = pool->handle.seat;
	uint64_t rank, home;
	uint32_t i;

	/* relaxed: wherever a search begins, it is complete */
	rank = (uint64_t)__builtin_popcountll(shmreg_load_relaxed(&shm->users[seat / 64]) &
					      ((UINT64_C(1) << seat % 64) - 1));
	for (i = 0; i < seat / 64; i++)
		rank += (uint64_t)__builtin_popcountll(shmreg_load_relaxed(&shm->users[i]));
	home = rank % columns * POOL_SPREAD + rank / columns % POOL_SPREAD;
	return home < pool->n_groups ? home : home % pool->n_groups;
}

void pool_prepare(struct shmreg_pool *pool)
{
	const struct shmreg_shape *shape = &pool->handle.shape;
	const struct shmreg_pool_geometry g = shmreg_pool_geometry(shape);
	unsigned char *const base = pool->handle.base;

	pool->claim = pool->handle.seat == 0 ? 0 : shmreg_pool_word_held(0, pool->handle.seat);
	pool->mine = SHMREG_POOL_NONE;
	pool->last = SHMREG_POOL_NONE;
	pool->keepers = (struct shmreg_pool_keeper *)(void *)(base + g.keepers_offset);
	pool->n_keepers = g.n_keepers;
	pool->capacity = shape->capacity;
	pool->owner = (uint64_t *)(void *)(base + g.owner_offset);
	pool->full = (uint64_t *)(void *)(base + g.full_offset);
	pool->fuller = (uint64_t *)(void *)(base + sizeof(struct shmreg_pool_shm));
	pool->elems = base + g.elems_offset;
	pool->stride = (size_t)g.stride;
	pool->elem_bytes = (size_t)shape->elem_bytes;
	pool->n_groups = g.n_groups;
	pool->touched_shift = g.touched_shift;
	pool->home = pool_home(pool);
	pool->extent = 1;
	pool->cursor = pool->home * SHMREG_POOL_FANOUT;
}

void pool_bind(struct shmreg_pool *pool, void *base, const struct shmreg_shape *shape,
	       uint32_t seat)
{
	memset(pool, 0, sizeof(*pool));
	pool->handle.base = base;
	pool->handle.shape = *shape;
	pool->handle.seat = seat;
	/* As who connects to the daemon does. */
	if (waiter_register() < 0)
		abort();
	if (seat != 0)
		shmreg_fetch_or_acq_rel(&shmreg_pool_shm_(pool)->users[seat / 64],
					UINT64_C(1) << seat % 64);
	pool_prepare(pool);
}
