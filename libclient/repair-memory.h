/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_REPAIR_MEMORY_H
#define LIBSHMREG_REPAIR_MEMORY_H

/*
 * repair-memory.h - which bytes of a sparse object there are
 *
 * Reading a hole of a memfd through a mapping allocates the page, and charges it
 * to the reader: a hostile peer could claim in two words that a sparse queue of
 * terabytes is in use, and have the reaper's scan eat the daemon's memory. So the
 * scan asks the file first. Holes are zeros, and zeros name no seat.
 */

#include <stdbool.h>
#include <stdint.h>

struct repair_memory {
	int fd;			/* the data area's */
	uint64_t offset;	/* of the object in it */
};

/*
 * repair_memory_next() - the first byte at or behind @at that is not in a hole
 * @memory:	NULL: there are no holes
 * @at:		from the object's start
 * @ret_end:	from the object's start, behind *ret_start: what is before it may be touched;
 *		a page's end at most, so that a call costs the same however much data there is
 *
 * A file that cannot be asked is taken for one without holes: then repair
 * is complete, and that comes first.
 *
 * Return: true and *ret_start; false: there is nothing any more, up to the file's end.
 */
bool repair_memory_next(const struct repair_memory *memory, uint64_t at, uint64_t *ret_start,
			uint64_t *ret_end);

#endif /* LIBSHMREG_REPAIR_MEMORY_H */
