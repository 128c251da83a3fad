/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <unistd.h>

#include "repair-memory.h"

/*
 * Holes begin and end at pages of this size at least. Where the next one begins is not asked:
 * SEEK_HOLE walks through all data behind, which may be gigabytes (14 ms for 512 MiB), and
 * who repairs asks often; SEEK_DATA at data looks at one page.
 */
#define PAGE UINT64_C(4096)

bool repair_memory_next(const struct repair_memory *memory, uint64_t at, uint64_t *ret_start,
			uint64_t *ret_end)
{
	off_t start;

	if (memory != NULL) {
		start = lseek(memory->fd, (off_t)(memory->offset + at), SEEK_DATA);
		if (start < 0 && errno == ENXIO)
			return false;
		if (start >= 0) {
			*ret_start = (uint64_t)start - memory->offset;
			*ret_end = (((uint64_t)start / PAGE) + 1) * PAGE - memory->offset;
			return true;
		}
		/* Not a file that knows holes. */
	}
	*ret_start = at;
	*ret_end = UINT64_MAX;
	return true;
}
