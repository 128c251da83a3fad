/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <unistd.h>

#include "repair-memory.h"

bool repair_memory_next(const struct repair_memory *memory, uint64_t at, uint64_t *ret_start,
			uint64_t *ret_end)
{
	off_t start, end;

	if (memory != NULL) {
		start = lseek(memory->fd, (off_t)(memory->offset + at), SEEK_DATA);
		if (start < 0 && errno == ENXIO)
			return false;
		end = start < 0 ? -1 : lseek(memory->fd, start, SEEK_HOLE);
		if (end >= 0) {
			*ret_start = (uint64_t)start - memory->offset;
			*ret_end = (uint64_t)end - memory->offset;
			return true;
		}
		/* Punched since, or not a file that knows holes. */
	}
	*ret_start = at;
	*ret_end = UINT64_MAX;
	return true;
}
