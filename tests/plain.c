/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <sys/mman.h>
#include <unistd.h>

#include "plain.h"

void *plain_map(const struct shmreg_shape *shape)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint64_t bytes, align;
	unsigned char *p;
	size_t room;

	if (shmreg_shape_bytes(shape, &bytes, &align, NULL) < 0)
		return NULL;
	room = ((size_t)bytes + page - 1) & ~(page - 1);
	p = mmap(NULL, room + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		 0);
	if (p == MAP_FAILED)
		return NULL;
	if (mmap(p + page, room, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED) {
		munmap(p, room + 2 * page);
		return NULL;
	}
	/* Its end at the pages' end, where a step too far faults; 128-aligned there, too. */
	return p + page + (room - (size_t)bytes);
}

void plain_unmap(void *base, const struct shmreg_shape *shape)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint64_t bytes, align;
	size_t room;

	if (base == NULL || shmreg_shape_bytes(shape, &bytes, &align, NULL) < 0)
		return;
	room = ((size_t)bytes + page - 1) & ~(page - 1);
	munmap((unsigned char *)base - (room - (size_t)bytes) - page, room + 2 * page);
}
