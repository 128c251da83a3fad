/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_PAGES_H
#define SHMREGCTL_PAGES_H

/* pages.h - what memory a data area has got: the kernel is asked, not the directory */

#include <stdbool.h>

#include <shmreg/snapshot.h>

struct pages {
	uint64_t page_bytes;		/* more than 4096: huge pages of a pool; 0: not known */
	uint64_t huge_bytes;		/* in transparent huge pages, as far as they can be seen */
	bool knows_numa;
	uint32_t numa;			/* enum shmreg_numa */
	uint64_t nodes;
};

/* @segment was opened with shmreg_segment_open_extents(). Allocates nothing in it. */
void pages_look(struct pages *ret, struct shmreg_segment *segment);

#endif /* SHMREGCTL_PAGES_H */
