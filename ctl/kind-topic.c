/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <inttypes.h>

#include <shmreg/topic.h>

#include "kind.h"

enum {
	N_PUBLISHED,
	N_PUBLISHERS,
	N_SUBSCRIBERS,
	LAG,		/* the largest, of those who are not evicted, */
	LAG_HIGH_WATER,
	N_LOST,		/* by those who are there */
	N_FULL,
	N_EVICTED,
	N_SETTLED,
};
static const struct snapshot_fact facts[] = {
	[N_PUBLISHED] = { .name = "n_published", .rate = "published",
			  .metric = COUNTER("topic_published", "Messages published.") },
	[N_PUBLISHERS] = { .name = "n_publishers",
			   .metric = GAUGE("topic_publishers", "Publishers that there are.") },
	[N_SUBSCRIBERS] = { .name = "n_subscribers",
			    .metric = GAUGE("topic_subscribers", "Subscribers that there are.") },
	[LAG] = { .name = "lag", .metric = GAUGE("topic_lag", "Messages that the slowest subscriber "
						 "has before it.") },
	[LAG_HIGH_WATER] = { .name = "lag_high_water",
			     .metric = GAUGE("topic_lag_high_water", "The largest lag there was.") },
	[N_LOST] = { .name = "n_lost",
		     .metric = GAUGE("topic_lost", "Messages that those lost who are subscribed "
				     "now.") },
	[N_FULL] = { .name = "n_full", .rate = "full",
		     .metric = COUNTER("topic_full", "Positions for which there was no room.") },
	[N_EVICTED] = { .name = "n_evicted",
			.metric = COUNTER("topic_evicted", "Subscribers evicted for their lag.") },
	[N_SETTLED] = { .name = "n_settled",
			.metric = COUNTER("topic_settled", "Publications whose publisher died "
					  "before it knew of them.") },
	{ .name = NULL },
};

static const struct snapshot_fact publisher_facts[] = {
	{ .name = "index" },  { .name = "n_published" }, { .name = "n_full" }, { .name = "n_evicted" },
	{ .name = NULL },
};

const struct snapshot_fact topic_subscriber_facts[] = {
	{ .name = "index" },
	{ .name = "position" },
	{ .name = "lag", .metric = GAUGE("topic_subscriber_lag", "Messages that it has before it.") },
	{ .name = "n_lost",
	  .metric = COUNTER("topic_subscriber_lost", "Messages that were gone before it came.") },
	{ .name = "n_read", .metric = COUNTER("topic_subscriber_read", "Messages that it read.") },
	{ .name = NULL },
};

struct visit {
	struct snapshot *snapshot;
	size_t object;
};

static int visit_publisher(void *data, const struct shmreg_topic_publisher_info *p)
{
	const struct visit *v = data;
	const struct snapshot_holder holder = {
		.object = v->object,
		.role = "publisher",
		.seat = p->seat,
		.facts = publisher_facts,
		.value = { p->index, p->n_published, p->n_full, p->n_evicted },
	};

	return snapshot_add_holder(v->snapshot, &holder);
}

static int visit_subscriber(void *data, const struct shmreg_topic_subscriber_info *p)
{
	const struct visit *v = data;
	struct snapshot_object *o = &v->snapshot->objects[v->object];
	const struct snapshot_holder holder = {
		.object = v->object,
		.role = p->state == SHMREG_TOPIC_EVICTED ? "evicted subscriber" : "subscriber",
		.seat = p->seat,
		.facts = topic_subscriber_facts,
		.value = { p->index, p->position, p->lag, p->n_lost, p->n_read },
	};

	if (p->state == SHMREG_TOPIC_ACTIVE && p->lag > o->value[LAG])
		o->value[LAG] = p->lag;
	o->value[N_LOST] += p->n_lost;
	return snapshot_add_holder(v->snapshot, &holder);
}

static int read(struct snapshot *s, size_t i, struct shmreg_segment *segment)
{
	const struct shmreg_topic_params params = { .size = sizeof(params) };
	struct shmreg_topic_stats stats = { .size = sizeof(stats) };
	struct snapshot_object *o = &s->objects[i];
	struct visit visit = { .snapshot = s, .object = i };
	const struct shmreg_topic *topic;
	int r;

	r = shmreg_topic_open_const(segment, &topic, o->entry.name, &params);
	if (r < 0)
		return r;
	r = shmreg_topic_stat(topic, &stats);
	if (r == 0) {
		o->value[N_PUBLISHED] = stats.n_published;
		o->value[N_PUBLISHERS] = stats.n_publishers;
		o->value[N_SUBSCRIBERS] = stats.n_subscribers;
		o->value[LAG_HIGH_WATER] = stats.lag_high;
		o->value[N_FULL] = stats.n_full;
		o->value[N_EVICTED] = stats.n_evicted;
		o->value[N_SETTLED] = stats.n_settled;
		r = shmreg_topic_publishers(topic, visit_publisher, &visit);
	}
	if (r == 0)
		r = shmreg_topic_subscribers(topic, visit_subscriber, &visit);
	shmreg_topic_close(topic);
	return r;
}

static void print_manner(FILE *out, const struct snapshot *s, const struct shmreg_shape *shape)
{
	(void)s;
	if (!(shape->flags & SHMREG_TOPIC_RELIABLE))
		fputs(" (lossy)", out);
	else if (shape->param[2])
		fprintf(out, " (reliable, evict at lag %" PRIu32 ")", shape->param[2]);
	else
		fputs(" (reliable)", out);
}

static void json_manner(struct json *j, const struct snapshot *s, const struct shmreg_shape *shape)
{
	(void)s;
	json_bool(j, "reliable", shape->flags & SHMREG_TOPIC_RELIABLE);
	json_number(j, "max_publishers", shape->param[0]);
	json_number(j, "max_subscribers", shape->param[1]);
	if (shape->param[2])
		json_number(j, "evict_lag", shape->param[2]);
	else
		json_null(j, "evict_lag");
}

static void print_occupancy(FILE *out, const struct snapshot_object *o)
{
	fprintf(out, "%" PRIu64 " published; publishers %" PRIu64 " of %" PRIu32
		"; subscribers %" PRIu64 " of %" PRIu32,
		o->value[N_PUBLISHED], o->value[N_PUBLISHERS], o->entry.shape.param[0],
		o->value[N_SUBSCRIBERS], o->entry.shape.param[1]);
	kind_note(out, "lag", o->value[LAG]);
	kind_note(out, "high water", o->value[LAG_HIGH_WATER]);
	kind_note(out, "lost", o->value[N_LOST]);
	kind_note(out, "evicted", o->value[N_EVICTED]);
	kind_note(out, "times full", o->value[N_FULL]);
	kind_note(out, "deaths settled", o->value[N_SETTLED]);
}

const struct kind kind_topic = {
	.facts = facts,
	.read = read,
	.print_manner = print_manner,
	.json_manner = json_manner,
	.print_occupancy = print_occupancy,
};
