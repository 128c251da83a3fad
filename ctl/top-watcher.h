/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_TOP_WATCHER_H
#define SHMREGCTL_TOP_WATCHER_H

/*
 * top-watcher.h - looks again and again, in a thread of its own
 *
 * A request waits for a daemon that is stopped or being restarted; the keyboard does not.
 */

#include "top-look.h"

struct top_watcher;

/* @looker is the watcher's in any case. Return: NULL: no memory, or no thread. */
struct top_watcher *top_watcher_new(struct top_looker *looker, const struct top_request *request,
				    uint64_t interval_ns);
/* What has been begun is waited for, but not for long: a daemon may not answer. */
struct top_watcher *top_watcher_free(struct top_watcher *w);

/* From the next look on; @now: which is at once. @interval_ns 0: there is none until asked for. */
void top_watcher_ask(struct top_watcher *w, const struct top_request *request, uint64_t interval_ns,
		     bool now);
/* Readable when there is something to take. */
int top_watcher_fd(const struct top_watcher *w);
/* The latest look, the caller's from then on; NULL: none since the last. */
struct top_view *top_watcher_take(struct top_watcher *w);
/* By CLOCK_REALTIME, when the look began that is under way; 0: none is. */
uint64_t top_watcher_began(struct top_watcher *w);

#endif /* SHMREGCTL_TOP_WATCHER_H */
