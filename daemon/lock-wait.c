/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <inttypes.h>

#include "lock.h"
#include "lock-wait.h"
#include "log.h"
#include "segment.h"

#define PERIOD_MIN_SEC .02
#define PERIOD_MAX_SEC 1.

static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct lock_wait *w = timer->data;

	(void)loop, (void)revents;
	w->period = w->period * 2 < PERIOD_MAX_SEC ? w->period * 2 : PERIOD_MAX_SEC;
	w->again(w->data);
	if (ev_is_active(&w->timer))
		return;
	w->period = PERIOD_MIN_SEC;
	w->said = false;
}

void lock_wait_init(struct lock_wait *w, struct ev_loop *loop, const char *what,
		    void (*again)(void *data), void *data)
{
	*w = (struct lock_wait){
		.loop = loop, .period = PERIOD_MIN_SEC, .what = what, .again = again, .data = data,
	};
	ev_init(&w->timer, on_timer);
	w->timer.data = w;
}

void lock_wait_deinit(struct lock_wait *w)
{
	ev_timer_stop(w->loop, &w->timer);
}

bool lock_wait_busy(struct lock_wait *w, int lock_fd, const struct segment *s)
{
	if (lock_fd < 0 || !lock_is_held(lock_fd, segment_id(s)))
		return false;
	if (!w->said && w->period >= PERIOD_MAX_SEC) {
		const struct log_about about = { .segment = segment_name(s),
						 .segment_id = segment_id(s) };

		w->said = true;
		log_client(LOG_WARNING, &about, "segment '%s' (%" PRIu64 ") is not %s yet: a process of "
			   "an earlier shmregd is still at it and does not end; a client that writes into "
			   "the segment can keep it so, until he ends", segment_name(s), segment_id(s),
			   w->what);
	}
	if (!ev_is_active(&w->timer)) {
		ev_timer_set(&w->timer, w->period, 0.);
		ev_timer_start(w->loop, &w->timer);
	}
	return true;
}
