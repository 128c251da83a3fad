/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_MACHINE_H
#define SHMREGCTL_MACHINE_H

/* machine.h - what the kernel can and how much it allows, for shmregctl doctor */

#include "findings.h"

#define MACHINE_UNKNOWN UINT64_MAX	/* could not be read, or there is none of it */

struct machine {
	char release[64];
	unsigned int kernel[2];		/* version: 6, 9 */
	/* Tried: 0, or the errno with which it was refused. */
	int memfd, reopen, pidfd, pidfs, peerpidfd, futex_waitv, membarrier, wipeonfork, seqpacket;
	/* Numbers, of this process where they are of one. */
	uint64_t files_soft, files_hard;	/* RLIMIT_NOFILE */
	uint64_t memlock;			/* RLIMIT_MEMLOCK, bytes */
	uint64_t address_space;			/* RLIMIT_AS, bytes; UNKNOWN: no limit */
	uint64_t max_map_count;
	uint64_t file_max, file_used;		/* of the whole machine */
	uint64_t memory, available;	/* bytes */
	uint64_t commit_limit, committed;	/* bytes; if overcommit is 2 */
	unsigned int overcommit;
	uint64_t cgroup_max, cgroup_used;	/* bytes; UNKNOWN: no limit */
	uint64_t n_huge, n_huge_free;		/* hugetlb pages */
	char shmem_enabled[24];			/* "never", ...; "": no such file */
	/* Of the registry, if there is one. */
	uint64_t n_segments, resident_bytes;
};

struct doctor;

/* Tries and reads everything; files are read below d->root. */
void machine_gather(const struct doctor *d, struct machine *ret);
void machine_judge(const struct machine *m, struct findings *f);

#endif /* SHMREGCTL_MACHINE_H */
