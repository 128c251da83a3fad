/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <string.h>

#include "cell-plain.h"

void cell_seed(void *base, const struct shmreg_shape *shape, uint64_t version, uint32_t writer,
	       uint32_t slot, const void *elem)
{
	const uint64_t word = shmreg_cell_word(version, writer * shape->param[0] + slot);
	unsigned char *at;
	struct shmreg_cell c;

	cell_bind(&c, base, shape);
	at = shmreg_cell_slot_at_(&c, writer, slot, c.stride);
	memcpy(at, elem, c.elem_bytes);
	shmreg_store_relaxed(shmreg_cell_word_(at, c.word_offset), word);
	shmreg_store_release(&shmreg_cell_shm_(&c)->latest, word);
}

bool cell_is_sound(const void *base, const struct shmreg_shape *shape)
{
	struct shmreg_cell_shm *shm;
	struct shmreg_cell c;
	unsigned char *slot;
	uint64_t word, i;

	cell_bind(&c, (void *)(uintptr_t)base, shape);
	shm = shmreg_cell_shm_(&c);
	word = shmreg_load_acquire(&shm->latest);
	slot = shmreg_cell_slot_(&c, word, c.stride);
	if (word != 0 &&
	    (slot == NULL || shmreg_load_acquire(shmreg_cell_word_(slot, c.word_offset)) != word))
		return false;
	for (i = 0; i < SHMREG_CELL_WRITERS_MAX; i++)
		if (shmreg_load_relaxed(&shm->writer[i]) >= (i < c.writers ? SHMREG_SEATS : 1))
			return false;
	/* There is no daemon to watch for anybody. */
	return shmreg_load_relaxed(&shm->change.half[SHMREG_EVENTCOUNT_WATCH]) == 0;
}
