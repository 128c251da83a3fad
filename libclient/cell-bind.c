/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <string.h>

#include "cell-bind.h"
#include "role.h"

void cell_prepare(struct shmreg_cell *c)
{
	const struct shmreg_shape *shape = &c->handle.shape;

	c->writers = (uint32_t)shape->capacity;
	c->slots = shape->param[0];
	c->limit = (c->writers * c->slots - 1) * (uint32_t)SHMREG_CELL_PLACE_ONE;
	c->stride = (size_t)shmreg_cell_stride(shape->elem_bytes, shape->elem_align);
	c->word_offset = (size_t)shmreg_cell_word_offset(shape->elem_bytes);
	c->elem_bytes = (size_t)shape->elem_bytes;
}

void cell_writer_prepare(struct shmreg_cell_writer *w, uint32_t writer)
{
	uint64_t word, named;

	cell_prepare(&w->cell);
	/* relaxed: what this place's last holder published was visible when it became ours (R) */
	word = shmreg_load_relaxed(&shmreg_cell_shm_(&w->cell)->latest);
	w->writer = writer;
	w->slot = 0;
	/* Never the one that latest names: (I2). Whatever it says, less than w->cell.slots. */
	named = shmreg_cell_slot_number(word, w->cell.writers * w->cell.slots);
	if (named / w->cell.slots == writer)
		w->slot = (uint32_t)(named + 1) % w->cell.slots;
	w->first_place = (uint32_t)shmreg_cell_word(0, writer * w->cell.slots);
	w->next = shmreg_cell_slot_at_(&w->cell, writer, w->slot, w->cell.stride);
	w->lent = NULL;
	w->last = word;
}

void cell_bind(struct shmreg_cell *c, void *base, const struct shmreg_shape *shape)
{
	memset(c, 0, sizeof(*c));
	c->handle.base = base;
	c->handle.shape = *shape;
	cell_prepare(c);
}

bool cell_writer_bind(struct shmreg_cell_writer *w, void *base, const struct shmreg_shape *shape,
		      uint32_t seat)
{
	struct shmreg_cell_shm *shm = base;
	uint32_t i;

	memset(w, 0, sizeof(*w));
	w->cell.handle.base = base;
	w->cell.handle.shape = *shape;
	w->cell.handle.seat = seat;
	for (i = 0; i < shape->capacity; i++)
		if (role_try(&shm->writer[i], seat)) {
			cell_writer_prepare(w, i);
			return true;
		}
	return false;
}
