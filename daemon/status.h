/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_STATUS_H
#define SHMREGD_STATUS_H

/*
 * status.h - how it goes, in a line for the service manager
 *
 * READY=1, RELOADING=1 and STATUS= of sd_notify(3). The line has numbers that change
 * thousands of times a second; it is sent STATUS_SEC after the first change
 * since the last one, so at most once in that time, and never while nothing happens.
 */

#include <ev.h>

#include "notify.h"
#include "registry.h"

#define STATUS_SEC 1.

struct status;

/* @stats is read when a line is sent. */
int status_new(struct status **ret, struct ev_loop *loop, struct notify *notify,
	       const struct registry *registry, const struct shmreg_stats_reply *stats);
struct status *status_free(struct status *s);

/* It listens at @path, and goes on after a reload. Says so at once. */
void status_ready(struct status *s, const char *path);
void status_reloading(struct status *s);
/* Something that an administrator should see until it is over; NULL: it is. */
void status_note(struct status *s, const char *note);
/* Any number may have changed. */
void status_changed(struct status *s);

#endif /* SHMREGD_STATUS_H */
