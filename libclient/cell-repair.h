/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_CELL_REPAIR_H
#define LIBSHMREG_CELL_REPAIR_H

/*
 * cell-repair.h - free the places of a cell's dead writers
 *
 * For shmreg-reaper. Pure. Callers, crashes and trust as in queue-repair.h: one repair at a
 * time, beside live processes; killed anywhere, it is run again; each change is one exact
 * compare-and-swap. Bounded: one word for each of at most 64 writers. Values need no repair:
 * what a dead writer left half-done nobody is told of.
 */

#include <shmreg/abi/object.h>
#include <shmreg/abi/reaper.h>

#include "repair-memory.h"

/*
 * cell_repair_sparse() - free the place of every writer whose seat is dead
 * @base:	the cell, shmreg_shape_bytes() bytes of it
 * @memory:	where @base lies in its file, so that holes are not touched; NULL: touch
 *		anything
 * @dead:	bit s % 64 of word s / 64 (64 words): seat s is dead and stays so until the
 *		repair was reported
 * @ret:	only the n_... counts and status are set; n_seats and n_repaired are how many
 *		places were freed. One that names a seat which there is not is left alone:
 *		it is the next writer's to report.
 *
 * Return: 0; -EINVAL not the shape of a cell, @ret is untouched.
 */
int cell_repair_sparse(const struct shmreg_shape *shape, void *base,
		       const struct repair_memory *memory, const uint64_t dead[64],
		       struct shmreg_reaper_report *ret);

static inline int cell_repair(const struct shmreg_shape *shape, void *base,
			      const uint64_t dead[64], struct shmreg_reaper_report *ret)
{
	return cell_repair_sparse(shape, base, NULL, dead, ret);
}

#endif /* LIBSHMREG_CELL_REPAIR_H */
