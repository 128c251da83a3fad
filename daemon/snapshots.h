/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_SNAPSHOTS_H
#define SHMREGD_SNAPSHOTS_H

/*
 * snapshots.h - copies of segments at a death, in a process of its own
 *
 * Off unless there is a folder for them. One at a time: what dies while one is taken, or within
 * the interval after it, is repaired without. The segment's repair waits for the copy, not for the
 * file, and not longer than a second: so what the dead left behind is in it as they left it. (But
 * a repair for somebody else that is queued or under way does not wait, and may come before.)
 */

#include <stdbool.h>

#include <ev.h>

#include "registry.h"

struct options;
struct snapshots;

/* @released: the repair of @segment waits no more; @segment may have gone. */
int snapshots_new(struct snapshots **ret, struct ev_loop *loop,
		  void (*released)(void *data, uint64_t segment), void *data);
/* @options stay the caller's. May be called again. */
void snapshots_configure(struct snapshots *all, const struct options *options);
/* Kills the one that is at work. */
struct snapshots *snapshots_free(struct snapshots *all);

/* @e: of kind DIED. If one is wanted now, it is begun. */
void snapshots_take(struct snapshots *all, const struct segment *s, const struct shmreg_event *e);
/* Is the segment being copied, so that its repair is to wait? Then it is released later. */
bool snapshots_hold(struct snapshots *all, const struct segment *s);
/* The segment is about to go: it is not worth a file any more. */
void snapshots_cancel(struct snapshots *all, const struct segment *s);

#endif /* SHMREGD_SNAPSHOTS_H */
