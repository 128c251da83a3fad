/* SPDX-License-Identifier: MIT */
#include <config.h>

#include "pool-plain.h"

struct shmreg_shape pool_shape(uint64_t capacity, uint64_t elem_bytes, uint32_t elem_align)
{
	return (struct shmreg_shape){
		.kind = SHMREG_KIND_POOL,
		.layout = SHMREG_POOL_LAYOUT,
		.elem_align = elem_align,
		.elem_bytes = elem_bytes,
		.capacity = capacity,
	};
}

uint64_t *pool_word(void *base, const struct shmreg_shape *shape, uint64_t index)
{
	const struct shmreg_pool_geometry g = shmreg_pool_geometry(shape);

	return (uint64_t *)(void *)((unsigned char *)base + g.owner_offset) + index;
}

void pool_seed(void *base, const struct shmreg_shape *shape, uint64_t generation)
{
	uint64_t i;

	for (i = 0; i < shape->capacity; i++)
		shmreg_store_release(pool_word(base, shape, i),
				     generation << SHMREG_POOL_GENERATION_SHIFT);
}

bool pool_is_clean(void *base, const struct shmreg_shape *shape)
{
	uint64_t i, w;

	for (i = 0; i < shape->capacity; i++) {
		w = shmreg_load_acquire(pool_word(base, shape, i));
		if (w != shmreg_pool_word_free(w) &&
		    (w & SHMREG_POOL_STATE_MASK) != SHMREG_POOL_KEPT)
			return false;
	}
	return true;
}

bool pool_hints_hold(void *base, const struct shmreg_shape *shape)
{
	struct shmreg_pool p;
	uint64_t i, w, full, fuller;

	pool_bind(&p, base, shape, 0);
	for (i = 0; i < shape->capacity; i++) {
		w = shmreg_load_acquire(&p.owner[i]);
		full = shmreg_load_acquire(shmreg_pool_full_(&p, i)) & shmreg_pool_hint_(i);
		fuller = shmreg_load_acquire(shmreg_pool_fuller_(&p, i)) &
			 shmreg_pool_hint_(i / SHMREG_POOL_FANOUT);
		if (w == shmreg_pool_word_free(w) &&
		    ((full | fuller) & SHMREG_POOL_FULL_MASK) != 0)
			return false;
	}
	return true;
}

uint64_t pool_count_hints(void *base, const struct shmreg_shape *shape)
{
	const struct shmreg_pool_geometry g = shmreg_pool_geometry(shape);
	const uint64_t *const fuller =
		(uint64_t *)(void *)((unsigned char *)base + sizeof(struct shmreg_pool_shm));
	const uint64_t *const full = (uint64_t *)(void *)((unsigned char *)base + g.full_offset);
	uint64_t i, n = 0;

	for (i = 0; i < g.n_full; i++)
		n += (shmreg_load_acquire(&full[i]) & SHMREG_POOL_HINT_MASK) != 0;
	for (i = 0; i < g.n_fuller; i++)
		n += (shmreg_load_acquire(&fuller[i]) & SHMREG_POOL_HINT_MASK) != 0;
	return n;
}
