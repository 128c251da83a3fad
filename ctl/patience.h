/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_PATIENCE_H
#define SHMREGCTL_PATIENCE_H

/*
 * patience.h - to wait for elements or room, and to be interrupted in it
 *
 * Signals that mean an end are caught, so that what was taken can be given back before. A handler
 * that runs just before a call falls asleep does not end it: so nobody sleeps for more than a second
 * at a time.
 */

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct patience {
	uint64_t end_ns;	/* of CLOCK_MONOTONIC; UINT64_MAX: never */
};

/* From now on SIGINT, SIGTERM and SIGHUP only interrupt; SIGPIPE is ignored. */
void patience_catch(void);
bool patience_interrupted(void);
/* Ends the process as the signal would have; returns if there was none. */
void patience_end(void);

/* @timeout_ns: 0: do not wait; UINT64_MAX: for ever */
struct patience patience_begin(uint64_t timeout_ns);
struct timespec patience_deadline(const struct patience *patience);
/* A call with that deadline returned @r: is it to be made again? */
bool patience_lasts(const struct patience *patience, int64_t r);

#endif /* SHMREGCTL_PATIENCE_H */
