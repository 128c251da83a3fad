/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_ABI_PLACEMENT_H
#define SHMREG_ABI_PLACEMENT_H

/*
 * shmreg/abi/placement.h - of what memory a data area is made, and where
 *
 * Asked for by who creates; zeros: nothing in particular. The directory keeps it, and what came
 * of it (shmreg_dir.page_bytes, huge_error), for who attaches and for who wants to know.
 */

#include <shmreg/compiler.h>

SHMREG_BEGIN_DECLS

enum shmreg_huge {
	SHMREG_HUGE_NONE = 0,
	/*
	 * Transparent huge pages: ordinary memory, put together by the kernel where it can and
	 * may. Whoever attaches read-write asks it to.
	 */
	SHMREG_HUGE_TRANSPARENT = 1,
	/*
	 * Of the pool that the administrator has set aside (hugetlbfs). They are taken from it
	 * when the segment is made, all or none; if it has too few, ordinary pages are used.
	 */
	SHMREG_HUGE_2M = 2,
	SHMREG_HUGE_1G = 3,
};

/* Done by each who attaches, before he touches a page: ordinary memory keeps it. */
enum shmreg_numa {
	SHMREG_NUMA_DEFAULT = 0,	/* a page is near who touches it first */
	SHMREG_NUMA_BIND = 1,		/* on these nodes only */
	SHMREG_NUMA_INTERLEAVE = 2,	/* page by page on one node after the other */
};
/* With huge pages of a pool it needs SHMREG_CREATE_RESERVE, which shmreg_segment_create() adds. */
#define SHMREG_NUMA_NODES_MAX 64	/* nodes 0 to 63 can be named */

/*
 * What each who attaches read-write does to his own mapping. Both need SHMREG_CREATE_RESERVE,
 * which shmreg_segment_create() adds: there is nothing to map or to lock before it is there.
 */
#define SHMREG_PLACE_PREFAULT UINT32_C(1)	/* map every page at once: no faults later */
#define SHMREG_PLACE_LOCK UINT32_C(2)		/* mlock(2): nothing is swapped out */

struct shmreg_placement {
	uint32_t huge;		/*  0: enum shmreg_huge */
	uint32_t numa;		/*  4: enum shmreg_numa */
	uint64_t nodes;		/*  8: bit n: node n; 0 with INTERLEAVE, of libshmreg: all there are */
	uint32_t flags;		/* 16: SHMREG_PLACE_... */
	uint32_t reserved;	/* 20: 0 */
};
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_placement) == 24, "frozen");

/* Bytes of the pages that are asked for; 0: ordinary ones. */
static inline uint64_t shmreg_huge_bytes(uint32_t huge)
{
	return huge == SHMREG_HUGE_2M ? UINT64_C(1) << 21 : huge == SHMREG_HUGE_1G ? UINT64_C(1) << 30 : 0;
}

SHMREG_END_DECLS

#endif /* SHMREG_ABI_PLACEMENT_H */
