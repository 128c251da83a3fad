/* SPDX-License-Identifier: MIT */
#ifndef TEST_PLACEMENT_FIXTURE_H
#define TEST_PLACEMENT_FIXTURE_H

/* placement-fixture.h - who makes a segment of the memory that is asked for, and another */

#include <errno.h>
#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "actor.h"

static struct harness h;
static struct process maker, other;

static inline void start(const char *const *options)
{
	harness_start(&h, options);
	actor_start(&maker);
	actor_start(&other);
}

static inline void teardown(void)
{
	if (maker.pid)
		process_finish(&maker);
	if (other.pid)
		process_finish(&other);
	harness_stop(&h);
}

static inline bool is_nothing(void *unused)
{
	(void)unused;
	return harness_n_segments() == 0;
}

/* Of the kernel: MPOL_... of the mapping, or of the file. */
static inline int64_t deed_policy(struct actor *a, int64_t unused)
{
	unsigned long mask[64] = { 0 };
	int mode;

	(void)unused;
	return syscall(SYS_get_mempolicy, &mode, mask, 4096UL, shmreg_segment_data(a->segment),
		       (unsigned long)MPOL_F_ADDR) < 0 ? -errno : mode;
}

#endif /* TEST_PLACEMENT_FIXTURE_H */
