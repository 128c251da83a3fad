/* SPDX-License-Identifier: MIT */
#ifndef TEST_CENSUS_H
#define TEST_CENSUS_H

/*
 * census.h - what a process has: descriptors, mapped memfds, children
 *
 * Taken before and after a test, of the test and of the daemon; a difference
 * is a leak.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct census {
	int n_fds;
	int n_mapped;		/* mappings of memfds */
	int n_children;
	char what[8192];	/* all of it, a line each, for the message */
};

void census_take(struct census *c, pid_t pid);
bool census_equal(const struct census *a, const struct census *b);

#endif /* TEST_CENSUS_H */
