/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_STATS_H
#define SHMREGCTL_STATS_H

/* stats.h - what the daemon has counted since it was started */

#include <stddef.h>
#include <stdint.h>

#include <shmreg/abi/packet.h>

#include "openmetrics.h"

struct stats_counter {
	const char *name;	/* in JSON */
	size_t offset;		/* in struct shmreg_stats_reply */
	const char *what;	/* for people, behind the number */
	struct metric metric;
};
#define STATS_COUNTERS 11

/* Ends with a name of NULL. */
extern const struct stats_counter stats_counters[STATS_COUNTERS + 1];

/* SHMREG_USAGE_UNKNOWN: not for the caller. */
uint64_t stats_counter(const struct shmreg_stats_reply *stats, const struct stats_counter *counter);

#endif /* SHMREGCTL_STATS_H */
