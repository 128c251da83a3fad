/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <inttypes.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pages.h"

#define HUGE_BYTES (UINT64_C(2) << 20)
#define KERNEL_NODES 4096	/* the kernel wants room for all that it could have */

/*
 * A huge page shows in our own mapping when it is there. So one byte is read in each place where
 * one could be: of what has memory already, so that none is made. Of a pool's pages it is not
 * known which have, and they show without.
 */
static void look_for_huge_pages(struct shmreg_segment *segment, const char *data)
{
	uint64_t at = 0, offset, bytes, huge;

	if (shmreg_segment_dir(segment)->page_bytes)
		return;
	while (shmreg_segment_extent(segment, at, &offset, &bytes) == 0) {
		at = offset + bytes;
		huge = (offset + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
		for (; huge + HUGE_BYTES <= at; huge += HUGE_BYTES)
			(void)*(const volatile char *)(data + huge);
	}
}

static void look_at_policy(struct pages *ret, const char *data)
{
	unsigned long mask[KERNEL_NODES / (8 * sizeof(unsigned long))] = { 0 };
	int mode;

	if (syscall(SYS_get_mempolicy, &mode, mask, (unsigned long)KERNEL_NODES, data,
		    (unsigned long)MPOL_F_ADDR) < 0)
		return;
	ret->knows_numa = true;
	if (mode == MPOL_BIND || mode == MPOL_INTERLEAVE) {
		ret->numa = mode == MPOL_BIND ? SHMREG_NUMA_BIND : SHMREG_NUMA_INTERLEAVE;
		ret->nodes = mask[0];
	}
}

void pages_look(struct pages *ret, struct shmreg_segment *segment)
{
	const char *data = shmreg_segment_data(segment);
	struct pages pages = { 0 };
	unsigned long from, to;
	bool ours = false;
	uint64_t n;
	char line[512];
	FILE *smaps;

	look_for_huge_pages(segment, data);
	/* That of a pool's pages was that of the mapping through which they were allocated. */
	if (!shmreg_segment_dir(segment)->page_bytes)
		look_at_policy(&pages, data);
	smaps = fopen("/proc/self/smaps", "re");
	while (smaps && fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			ours = from <= (uintptr_t)data && (uintptr_t)data < to;
		else if (ours && sscanf(line, "KernelPageSize: %" SCNu64, &n) == 1)
			pages.page_bytes = n * 1024;
		else if (ours && sscanf(line, "ShmemPmdMapped: %" SCNu64, &n) == 1)
			pages.huge_bytes = n * 1024;
	}
	if (smaps)
		fclose(smaps);
	*ret = pages;
}
