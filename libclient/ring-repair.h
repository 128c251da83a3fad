/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_RING_REPAIR_H
#define LIBSHMREG_RING_REPAIR_H

/*
 * ring-repair.h - take the roles of dead processes from a ring
 *
 * For shmreg-reaper. Pure: touches the two role words and nothing else.
 *
 * Callers	One repair of a ring at a time, while live processes go on using it.
 *
 * Progress	Two words are read, and changed by one exact compare-and-swap each.
 *
 * Crashes	Killed anywhere, it is simply run again.
 *
 * Trust	The bytes may be anything: no seat is used that there is not.
 */

#include <shmreg/abi/object.h>
#include <shmreg/abi/reaper.h>

#include "repair-memory.h"

/*
 * ring_repair() - a ring of elements or of records
 * @base:	the ring, shmreg_shape_bytes() bytes of it
 * @memory:	where @base lies in its file, so that holes are not touched; NULL:
 *		touch anything
 * @dead:	bit s % 64 of word s / 64: seat s is dead and stays so until the
 *		repair was reported
 * @ret:	only the n_... counts and status are set; n_seats and n_repaired are
 *		how many roles the dead had
 *
 * Return: 0; -EINVAL not the shape of a ring, @ret is untouched.
 */
int ring_repair(const struct shmreg_shape *shape, void *base, const struct repair_memory *memory,
		const uint64_t dead[64], struct shmreg_reaper_report *ret);

#endif /* LIBSHMREG_RING_REPAIR_H */
