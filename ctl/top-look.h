/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_TOP_LOOK_H
#define SHMREGCTL_TOP_LOOK_H

/*
 * top-look.h - one look after the other, at whatever is on the screen
 *
 * All segments are listed at each look. Attached to, read-only, are those that are looked into, and
 * they stay attached for some looks more: who follows events is told of each who attaches and
 * leaves, which is not to be every second. A segment that lives while it is attached, and has nobody left but
 * us, is let go.
 */

#include "top-view.h"

#define TOP_VISIBLE_MAX 256

struct top_request {
	struct top_place place;
	/* On the page of segments: of which the lazy columns are wanted. */
	bool all;		/* of each */
	unsigned int n_visible;
	char visible[TOP_VISIBLE_MAX][SHMREG_SEGMENT_NAME_MAX + 1];
};

struct top_looker;

/* Return: NULL: no memory is left. Nobody is connected to yet. */
struct top_looker *top_looker_new(const struct ctl *ctl);
struct top_looker *top_looker_free(struct top_looker *l);

/* Waits for the daemon as every request does. Return: NULL: no memory is left. */
struct top_view *top_look(struct top_looker *l, const struct top_request *request);

#endif /* SHMREGCTL_TOP_LOOK_H */
