/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_METRICS_H
#define SHMREGCTL_METRICS_H

/*
 * metrics.h - all that can be counted of a registry, at about one moment
 *
 * First it is gathered, then written: the text has each number of all segments together. What
 * the caller may not read is not there. Segments are attached to one after the other,
 * read-only, and only if their objects are wanted.
 */

#include <stdbool.h>
#include <stdint.h>

#include "snapshot.h"

struct metrics_choice {
	char *const *segments;	/* patterns, see fnmatch(3); none: all */
	unsigned int n_segments;
	const char *objects;	/* pattern; NULL: all */
	bool no_objects;
	uint32_t max_objects;	/* the busiest ones, if there are more */
};

struct metrics_segment {
	struct shmreg_segment_info info;
	struct snapshot *snapshot;	/* NULL: objects are not wanted, or cannot be read */
};

struct metrics_object {
	const struct metrics_segment *segment;
	const struct snapshot_object *object;
	uint64_t n_operations;
};

struct metrics_user {
	uint32_t uid;
	struct shmreg_stats_reply stats;
};

struct metrics {
	bool up;			/* the daemon has answered; else nothing is here, */
	char why_not[SHMREG_ERROR_MAX + 1];	/* and this is a sentence */
	struct shmreg_stats_reply stats;	/* of the registry */
	struct metrics_user *users;	/* that own a segment or are in one, by uid */
	size_t n_users;
	struct metrics_segment *segments;
	size_t n_segments;
	uint64_t n_unread;		/* segments whose objects were wanted, and could not be read */
	struct metrics_object *objects;
	size_t n_objects;
	uint64_t n_omitted;		/* objects that were wanted, and were too many */
	uint64_t took_ns;
};

/* A daemon that is not there is no failure, see up. Return: NULL: no memory is left. */
struct metrics *metrics_gather(const struct ctl *ctl, const struct metrics_choice *choice);
struct metrics *metrics_free(struct metrics *m);

/* @prometheus: in the older format, see openmetrics.h. */
void metrics_write(const struct metrics *m, FILE *stream, bool prometheus);

#endif /* SHMREGCTL_METRICS_H */
