/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_REAPERS_H
#define SHMREGD_REAPERS_H

/*
 * reapers.h - repair after a death, in processes of their own
 *
 * A segment's repair is
 *
 *	idle -> queued		reapers_repair(), by the registry
 *	queued -> running	a place is free, of which one uid has all but one at most (or
 *				the only one), and none of its reapers that was killed has yet
 *				to end; among those waiting, the segment whose uid has the
 *				fewest running goes first, then the oldest
 *	running -> idle		the reaper said DONE: registry_repair_end(true)
 *	running -> queued	it failed: ended before, took too long, or said nonsense; or
 *				it did not get to it: somebody killed it, or it could not
 *				be executed, which says nothing about the segment
 *	running -> idle		it failed for the third time in a row: registry_quarantine()
 *
 * and none is running while an earlier process of the same segment has not
 * been waited for. A process does one job. Two are started in advance, so
 * that a repair is not a fork and an exec away.
 *
 * One that is killed gives its place free at once: a client can keep it from ending, for as
 * long as he likes (it asks the kernel for the holes of a file, see janitor.h). His uid's other
 * segments wait for that, and nobody else's.
 *
 * Nothing is started before reapers_start(), and no segment begun while a process of an
 * earlier daemon is at it (lock.h).
 */

#include <stdbool.h>
#include <sys/queue.h>

#include <ev.h>

#include "registry.h"

#define REAPERS_TRIES 3

struct reaper;
struct reapers;

/* Of each segment; zero at first. */
struct repair {
	TAILQ_ENTRY(repair) link;	/* while queued */
	struct segment *segment;
	struct reaper *reaper;		/* at work for it, or not yet waited for */
	unsigned int n_failures;	/* in a row */
	unsigned int n_prevented;	/* in a row */
	bool queued;
};

/* @stats: counters to raise */
int reapers_new(struct reapers **ret, struct ev_loop *loop, struct registry *registry,
		struct shmreg_stats_reply *stats);
/* @path stays the caller's. May be called again. */
void reapers_configure(struct reapers *all, const char *path, unsigned int max,
		       unsigned int timeout_sec);
void reapers_start(struct reapers *all, int lock_fd);
/* Kills them and waits for them; what they had begun is begun again by another daemon. */
struct reapers *reapers_free(struct reapers *all);

void reapers_repair(struct reapers *all, struct repair *job, struct segment *segment);
/* The segment is about to go. */
void reapers_cancel(struct reapers *all, struct repair *job);

#endif /* SHMREGD_REAPERS_H */
