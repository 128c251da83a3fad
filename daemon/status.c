/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "status.h"

struct status {
	struct ev_loop *loop;
	struct notify *notify;
	const struct registry *registry;
	const struct shmreg_stats_reply *stats;
	ev_timer timer;
	char path[128];
	char note[512];
};

static void format(const struct status *s, char *ret, size_t bytes)
{
	uint64_t n_segments, n_participants;
	size_t n;

	registry_count(s->registry, &n_segments, &n_participants);
	n = (size_t)snprintf(ret, bytes,
			     "STATUS=Listening at %s; %" PRIu64 " segments, %" PRIu64
			     " participants, %" PRIu64 " repairs",
			     s->path, n_segments, n_participants, s->stats->n_repairs);
	if (s->stats->n_quarantined > 0)
		n += (size_t)snprintf(ret + n, bytes - n, ", %" PRIu64 " quarantined",
				      s->stats->n_quarantined);
	if (*s->note)
		snprintf(ret + n, bytes - n, "; %s", s->note);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct status *s = w->data;
	char text[1024];

	(void)loop, (void)revents;
	format(s, text, sizeof(text));
	notify_send(s->notify, -1, text);
}

int status_new(struct status **ret, struct ev_loop *loop, struct notify *notify,
	       const struct registry *registry, const struct shmreg_stats_reply *stats)
{
	struct status *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->notify = notify;
	s->registry = registry;
	s->stats = stats;
	ev_timer_init(&s->timer, on_timer, STATUS_SEC, 0.);
	s->timer.data = s;
	*ret = s;
	return 0;
}

struct status *status_free(struct status *s)
{
	if (!s)
		return NULL;
	ev_timer_stop(s->loop, &s->timer);
	free(s);
	return NULL;
}

void status_ready(struct status *s, const char *path)
{
	char text[1024], line[1200];

	snprintf(s->path, sizeof(s->path), "%s", path);
	ev_timer_stop(s->loop, &s->timer);
	format(s, text, sizeof(text));
	snprintf(line, sizeof(line), "READY=1\nMAINPID=%d\n%s", (int)getpid(), text);
	notify_send(s->notify, -1, line);
}

void status_reloading(struct status *s)
{
	struct timespec now;
	char text[96];

	/* Type=notify-reload (systemd 253) tells by the time which request this answers. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		 (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	notify_send(s->notify, -1, text);
}

void status_note(struct status *s, const char *note)
{
	snprintf(s->note, sizeof(s->note), "%s", note ? note : "");
	status_changed(s);
}

void status_changed(struct status *s)
{
	if (s && *s->path && notify_enabled(s->notify) && !ev_is_active(&s->timer)) {
		ev_timer_set(&s->timer, STATUS_SEC, 0.);
		ev_timer_start(s->loop, &s->timer);
	}
}
