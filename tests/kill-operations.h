/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_TESTS_KILL_OPERATIONS_H
#define SHMREG_TESTS_KILL_OPERATIONS_H

/*
 * kill-operations.h - a registry in which much is going on, and what is done to it
 *
 * Every operation that stores into a directory. Each may be run again on a
 * registry that was restored in the middle of it.
 */

#include <stdbool.h>

#include "registry-fixture.h"

#define KILL_DATA_BYTES 65536	/* of each segment */

struct kill_operation {
	const char *name;
	void (*prepare)(void);		/* may be NULL */
	int (*run)(struct registry *reg);
	int again[3];			/* what repeating it may answer, 0 always; INT_MAX: is not repeated */
	bool makes_segment;
	bool partial_seats;		/* seats may be granted in part */
	bool repairs;			/* what restoring would complete anyway */
};

extern const struct kill_operation kill_operations[];
extern const size_t kill_n_operations;

/* Made anew by kill_setup(); its first segment is the one that operations look at most. */
extern struct registry *kill_registry;
extern struct registry_config kill_config;
void kill_setup(void);

__attribute__((format(printf, 1, 2), noreturn)) void kill_fail(const char *format, ...);

#endif /* SHMREG_TESTS_KILL_OPERATIONS_H */
