/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <string.h>

#include <shmreg/cell.h>

/* cell-stat.c - looking at a cell; nothing here writes to it */

uint32_t shmreg_cell_seat(const struct shmreg_cell *c, uint32_t writer)
{
	uint64_t seat;

	if (c->handle.base == NULL || writer >= c->writers)
		return 0;
	/* relaxed: a number to look at */
	seat = shmreg_load_relaxed(&shmreg_cell_shm_(c)->writer[writer]);
	return seat < SHMREG_SEATS ? (uint32_t)seat : 0;
}

int shmreg_cell_stat(const struct shmreg_cell *c, struct shmreg_cell_stats *ret)
{
	const struct shmreg_cell_shm *shm = shmreg_cell_shm_(c);
	struct shmreg_cell_stats stat;
	const size_t size = ret->size;
	uint64_t word, number;
	uint32_t i;

	if (size < sizeof(size) || size > 4096)
		return -EINVAL;
	if (shm == NULL)
		return -ECHILD;
	/* relaxed: numbers to look at, by which nobody finds anything */
	word = shmreg_load_relaxed(&shm->latest);
	memset(&stat, 0, sizeof(stat));
	stat.size = size;
	stat.version = word >> SHMREG_CELL_VERSION_SHIFT;
	number = shmreg_cell_slot_number(word, c->writers * c->slots);
	stat.last_writer = number < c->writers * c->slots ? (uint32_t)number / c->slots : 0;
	stat.elem_bytes = c->elem_bytes;
	stat.writers = c->writers;
	stat.slots = c->slots;
	for (i = 0; i < c->writers; i++) {
		stat.n_superseded += shmreg_load_relaxed(&shm->n_superseded[i]);
		stat.n_writers += shmreg_cell_seat(c, i) != 0;
	}
	if (size > sizeof(stat))
		memset(ret, 0, size);
	memcpy(ret, &stat, size < sizeof(stat) ? size : sizeof(stat));
	return 0;
}
