/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kind.h"
#include "metrics.h"
#include "source.h"

struct gathering {
	struct metrics *m;
	const struct metrics_choice *choice;
	struct shmreg_connection *connection;
	size_t segments_room, objects_room, users_room;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Room for one more of @n elements. Return: 0 or -ENOMEM. */
static int grow(void **list, size_t *room, size_t n, size_t bytes)
{
	const size_t wanted = *room ? *room * 2 : 64;
	void *larger;

	if (n < *room)
		return 0;
	larger = reallocarray(*list, wanted, bytes);
	if (!larger)
		return -ENOMEM;
	*list = larger;
	*room = wanted;
	return 0;
}

/* --- segments --------------------------------------------------------------------------------- */

static bool segment_is_wanted(const struct metrics_choice *choice, const char *name)
{
	for (unsigned int i = 0; i < choice->n_segments; i++)
		if (fnmatch(choice->segments[i], name, 0) == 0)
			return true;
	return choice->n_segments == 0;
}

static int add_segment(void *data, const struct shmreg_segment_info *info)
{
	struct gathering *g = data;
	struct metrics *m = g->m;
	void *list = m->segments;

	if (!info->access || !segment_is_wanted(g->choice, info->name))
		return 0;
	if (grow(&list, &g->segments_room, m->n_segments, sizeof(*m->segments)) < 0)
		return -ENOMEM;
	m->segments = list;
	m->segments[m->n_segments++] = (struct metrics_segment){ .info = *info };
	return 0;
}

/* It may have gone, or be none that can be read: then it is left as it was listed. */
static int look_into(struct gathering *g, struct metrics_segment *s)
{
	const struct snapshot_choice choice = { .no_holders = true };
	struct source *source;
	const char *why;
	int r;

	r = source_open_on(g->connection, s->info.name, &source, &why);
	if (r == 0) {
		r = source_look_at(source, &choice, &s->snapshot, &why);
		source_close(source);
	}
	if (r == -ENOMEM)
		return r;
	if (r < 0 || !s->snapshot->attached)
		g->m->n_unread++;
	return 0;
}

/* --- objects ---------------------------------------------------------------------------------- */

/* What was done with it, as far as it counts that. */
static uint64_t n_operations(const struct snapshot_object *o)
{
	const struct snapshot_fact *facts = kind_of(o)->facts;
	uint64_t n = 0;

	for (size_t i = 0; o->read && facts[i].name; i++)
		n += facts[i].rate ? o->value[i] : 0;
	return n;
}

static int add_objects(struct gathering *g, const struct metrics_segment *s)
{
	struct metrics *m = g->m;

	for (size_t i = 0; s->snapshot && i < s->snapshot->n_objects; i++) {
		const struct snapshot_object *o = &s->snapshot->objects[i];
		void *list = m->objects;

		if (o->entry.state != SHMREG_ENTRY_LIVE ||
		    (g->choice->objects && fnmatch(g->choice->objects, o->entry.name, 0) != 0))
			continue;
		if (grow(&list, &g->objects_room, m->n_objects, sizeof(*m->objects)) < 0)
			return -ENOMEM;
		m->objects = list;
		m->objects[m->n_objects++] = (struct metrics_object){
			.segment = s, .object = o, .n_operations = n_operations(o),
		};
	}
	return 0;
}

static int by_place(const struct metrics_object *a, const struct metrics_object *b)
{
	if (a->segment != b->segment)
		return a->segment < b->segment ? -1 : 1;
	return a->object->index < b->object->index ? -1 : a->object->index > b->object->index;
}

static int compare_places(const void *a, const void *b)
{
	return by_place(a, b);
}

/* The busiest first; of those that are equally busy the older. */
static int compare_operations(const void *x, const void *y)
{
	const struct metrics_object *a = x, *b = y;

	if (a->n_operations != b->n_operations)
		return a->n_operations > b->n_operations ? -1 : 1;
	return by_place(a, b);
}

static void choose_objects(struct gathering *g)
{
	struct metrics *m = g->m;

	if (m->n_objects <= g->choice->max_objects)
		return;
	qsort(m->objects, m->n_objects, sizeof(*m->objects), compare_operations);
	m->n_omitted = m->n_objects - g->choice->max_objects;
	m->n_objects = g->choice->max_objects;
	qsort(m->objects, m->n_objects, sizeof(*m->objects), compare_places);
}

/* --- users ------------------------------------------------------------------------------------ */

static int add_uid(struct gathering *g, uint32_t uid)
{
	struct metrics *m = g->m;
	void *list = m->users;

	for (size_t i = 0; i < m->n_users; i++)
		if (m->users[i].uid == uid)
			return 0;
	if (grow(&list, &g->users_room, m->n_users, sizeof(*m->users)) < 0)
		return -ENOMEM;
	m->users = list;
	m->users[m->n_users++] = (struct metrics_user){ .uid = uid };
	return 0;
}

static int compare_uids(const void *a, const void *b)
{
	const uint32_t x = ((const struct metrics_user *)a)->uid;
	const uint32_t y = ((const struct metrics_user *)b)->uid;

	return x < y ? -1 : x > y;
}

static int gather_users(struct gathering *g)
{
	struct metrics *m = g->m;
	/* Others' are for administrators. Asking would be refused, and counted as that. */
	const bool all = m->stats.n_deaths != SHMREG_USAGE_UNKNOWN;
	int r = add_uid(g, geteuid());

	for (size_t i = 0; r == 0 && all && i < m->n_segments; i++) {
		const struct snapshot *s = m->segments[i].snapshot;

		r = add_uid(g, m->segments[i].info.owner_uid);
		for (size_t k = 0; r == 0 && s && k < s->n_participants; k++)
			r = add_uid(g, s->participants[k].uid);
	}
	for (size_t i = 0; r == 0 && i < m->n_users; i++)
		r = shmreg_stats(g->connection, m->users[i].uid, &m->users[i].stats);
	if (r == 0)
		qsort(m->users, m->n_users, sizeof(*m->users), compare_uids);
	return r;
}

/* ---------------------------------------------------------------------------------------------- */

static int gather(struct gathering *g, const struct ctl *ctl)
{
	const struct shmreg_connect_params params = {
		.size = sizeof(params),
		.socket = ctl->socket,
		.name = "shmregctl",
		.flags = g->choice->no_objects ? SHMREG_CONNECT_OBSERVER : 0,
	};
	struct metrics *m = g->m;
	int r;

	r = shmreg_connect(&g->connection, &params);
	if (r == 0)
		r = shmreg_stats(g->connection, UINT32_MAX, &m->stats);
	if (r == 0)
		r = shmreg_segment_list(g->connection, add_segment, g);
	for (size_t i = 0; r == 0 && !g->choice->no_objects && i < m->n_segments; i++)
		r = look_into(g, &m->segments[i]);
	for (size_t i = 0; r == 0 && i < m->n_segments; i++)
		r = add_objects(g, &m->segments[i]);
	if (r == 0)
		r = gather_users(g);
	choose_objects(g);
	return r;
}

struct metrics *metrics_gather(const struct ctl *ctl, const struct metrics_choice *choice)
{
	struct gathering g = { .m = calloc(1, sizeof(*g.m)), .choice = choice };
	const uint64_t began = now_ns();
	int r;

	if (!g.m)
		return NULL;
	r = gather(&g, ctl);
	if (r < 0)
		snprintf(g.m->why_not, sizeof(g.m->why_not), "%s", shmreg_error());
	shmreg_disconnect(g.connection);
	if (r == -ENOMEM)
		return metrics_free(g.m);
	g.m->up = r == 0;
	g.m->took_ns = now_ns() - began;
	return g.m;
}

struct metrics *metrics_free(struct metrics *m)
{
	if (!m)
		return NULL;
	for (size_t i = 0; i < m->n_segments; i++)
		snapshot_free(m->segments[i].snapshot);
	free(m->segments);
	free(m->objects);
	free(m->users);
	free(m);
	return NULL;
}
