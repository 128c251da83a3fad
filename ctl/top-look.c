/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "source.h"
#include "text.h"
#include "top-look.h"

#define WATCHED_MAX 2048	/* more segments no registry has */
#define NEW_A_LOOK 32		/* attached to in one look, if not all are wanted */
#define IDLE_LOOKS 30		/* kept that long without being looked into */
#define MANY_OBJECTS 1000	/* from here on only what is on the screen is read */
#define RATE_NS_MIN 100000000	/* of less than that no rate is made */

/* A segment that is looked into. */
struct watched {
	struct source *source;
	struct snapshot *before, *now;
	uint64_t look;		/* the last */
};

struct top_looker {
	const struct ctl *ctl;
	struct shmreg_connection *connection;
	struct watched *watched[WATCHED_MAX];
	unsigned int n_watched;
	uint64_t look;
	struct top_overview overview;	/* of this look */
	size_t room;
	char why[SHMREG_ERROR_MAX + 1];
};

struct top_looker *top_looker_new(const struct ctl *ctl)
{
	struct top_looker *l = calloc(1, sizeof(*l));

	if (l)
		l->ctl = ctl;
	return l;
}

static void forget(struct top_looker *l, unsigned int i)
{
	struct watched *w = l->watched[i];

	snapshot_free(w->before);
	snapshot_free(w->now);
	source_close(w->source);
	free(w);
	l->watched[i] = l->watched[--l->n_watched];
}

struct top_looker *top_looker_free(struct top_looker *l)
{
	if (!l)
		return NULL;
	while (l->n_watched)
		forget(l, l->n_watched - 1);
	shmreg_disconnect(l->connection);
	free(l->overview.segments);
	free(l);
	return NULL;
}

static unsigned int find(const struct top_looker *l, const char *name)
{
	unsigned int i = 0;

	while (i < l->n_watched && strcmp(source_name(l->watched[i]->source), name) != 0)
		i++;
	return i;
}

/* Rates are between now and a look that is not too near. */
static void keep(struct watched *w, struct snapshot *s)
{
	if (w->now && (!w->now->attached || s->read_ns - w->now->read_ns >= RATE_NS_MIN)) {
		snapshot_free(w->before);
		w->before = w->now;
	} else {
		snapshot_free(w->now);
	}
	w->now = s;
}

/*
 * Return: 0 with *ret, good until the next look; or a negative errno, and then *ret_why is a
 * sentence.
 */
static int look_into(struct top_looker *l, const char *name, const struct snapshot_choice *choice,
		     struct watched **ret, const char **ret_why)
{
	unsigned int i = find(l, name);
	struct snapshot *s;
	struct watched *w;
	int r;

	if (i == l->n_watched) {
		if (i == WATCHED_MAX) {
			*ret_why = "too many segments are looked at";
			return -ENOSPC;
		}
		w = calloc(1, sizeof(*w));
		r = w ? source_open_on(l->connection, name, &w->source, ret_why) : -ENOMEM;
		if (r < 0) {
			free(w);
			*ret_why = r == -ENOMEM ? "no memory is left" : *ret_why;
			return r;
		}
		l->watched[l->n_watched++] = w;
	}
	w = l->watched[i];
	r = source_look_at(w->source, choice, &s, ret_why);
	if (r < 0) {
		/* Closing may fail, too, and say so. */
		snprintf(l->why, sizeof(l->why), "%s", *ret_why);
		*ret_why = l->why;
		forget(l, i);
		return r;
	}
	keep(w, s);
	w->look = l->look;
	*ret = w;
	return 0;
}

/* We are the last: nobody but us keeps it, which is not what we are here for. */
static bool only_ours(const struct watched *w)
{
	return w->now && w->now->attached && !source_head(w->source) &&
	       w->now->info.lifetime == SHMREG_WHILE_ATTACHED && w->now->n_participants == 0;
}

static void tidy(struct top_looker *l)
{
	for (unsigned int i = l->n_watched; i-- > 0; )
		if (only_ours(l->watched[i]) || l->look - l->watched[i]->look > IDLE_LOOKS)
			forget(l, i);
}

/* --- the daemon --------------------------------------------------------------------------- */

static int add_segment(void *data, const struct shmreg_segment_info *info)
{
	struct top_looker *l = data;
	struct top_overview *o = &l->overview;

	if (o->n == l->room) {
		const size_t room = l->room ? l->room * 2 : 64;
		struct top_segment *segments = reallocarray(o->segments, room, sizeof(*segments));

		if (!segments)
			return -ENOMEM;
		o->segments = segments;
		l->room = room;
	}
	o->segments[o->n++] = (struct top_segment){ .info = *info, .operations = NAN,
						    .fullest = NAN };
	return 0;
}

/* Is it there, and what does it say of itself? Return: 0, or a negative errno and the sentence. */
static int ask_daemon(struct top_looker *l, struct top_view *v)
{
	const struct shmreg_connect_params params = {
		.size = sizeof(params),
		.socket = l->ctl->socket,
		.name = "shmregctl",
	};
	int r = 0;

	if (!l->connection)
		r = shmreg_connect(&l->connection, &params);
	if (r == 0)
		r = shmreg_stats(l->connection, UINT32_MAX, &l->overview.stats);
	l->overview.have_stats = r == 0;
	if (r < 0) {
		v->away = true;
		snprintf(v->why, sizeof(v->why), "%s", shmreg_error());
	}
	return r;
}

/* --- the pages ---------------------------------------------------------------------------- */

static bool is_visible(const struct top_request *request, const char *name)
{
	for (unsigned int i = 0; i < request->n_visible; i++)
		if (strcmp(request->visible[i], name) == 0)
			return true;
	return request->all;
}

static void look_at_segments(struct top_looker *l, const struct top_request *request,
			     struct top_view *v)
{
	const struct snapshot_choice choice = { .no_holders = true };
	unsigned int n_new = 0;
	const char *why;
	struct watched *w;
	int r;

	l->overview.n = 0;
	r = shmreg_segment_list(l->connection, add_segment, l);
	if (r < 0) {
		v->away = r != -ENOMEM;
		snprintf(v->why, sizeof(v->why), "%s", r == -ENOMEM ? "no memory is left" :
			 shmreg_error());
		return;
	}
	for (size_t i = 0; i < l->overview.n; i++) {
		struct top_segment *s = &l->overview.segments[i];
		const unsigned int at = find(l, s->info.name);

		/* It may be that only we keep it; and we are not to be counted. */
		if (at < l->n_watched && source_attached(l->watched[at]->source) &&
		    s->info.n_participants)
			s->info.n_participants--;
		if (!s->info.access || !is_visible(request, s->info.name) ||
		    (at == l->n_watched && !request->all && n_new == NEW_A_LOOK))
			continue;
		n_new += at == l->n_watched;
		if (look_into(l, s->info.name, &choice, &w, &why) == 0) {
			v->interval_ns = w->before ? w->now->read_ns - w->before->read_ns : v->interval_ns;
			top_segment_sum(s, w->before, w->now);
		}
	}
	top_view_segments(v, &l->overview);
}

static void look_at_segment(struct top_looker *l, const struct top_request *request,
			    struct top_view *v)
{
	const unsigned int at = find(l, request->place.segment);
	const struct snapshot *last = at < l->n_watched ? l->watched[at]->now : NULL;
	const bool many = last && last->n_objects > MANY_OBJECTS;
	const struct snapshot_choice choice = {
		.object = request->place.page == TOP_OBJECT && many ? request->place.object : NULL,
		.no_holders = request->place.page == TOP_OBJECTS,
	};
	char buf[TEXT_MAX];
	struct watched *w;
	const char *why;
	int r;

	r = look_into(l, request->place.segment, &choice, &w, &why);
	/* It may have been replaced by another of its name. */
	if (r < 0 && last)
		r = look_into(l, request->place.segment, &choice, &w, &why);
	if (r < 0) {
		v->gone = true;
		snprintf(v->why, sizeof(v->why), "%s", why);
		return;
	}
	/* In a file nothing moves. */
	top_view_segment(v, source_head(w->source) ? NULL : w->before, w->now);
	if (source_head(w->source) && !*v->why)
		snprintf(v->why, sizeof(v->why), "a snapshot, taken %s",
			 text_time(buf, source_head(w->source)->taken_ns));
}

struct top_view *top_look(struct top_looker *l, const struct top_request *request)
{
	struct top_view *v = top_view_new(&request->place);
	struct timespec now;

	if (!v)
		return NULL;
	l->look++;
	/* A file needs no daemon. */
	if ((request->place.page != TOP_SEGMENTS && source_is_file(request->place.segment)) ||
	    ask_daemon(l, v) == 0) {
		if (request->place.page == TOP_SEGMENTS)
			look_at_segments(l, request, v);
		else
			look_at_segment(l, request, v);
		tidy(l);
	}
	clock_gettime(CLOCK_REALTIME, &now);
	v->time_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	return v;
}
