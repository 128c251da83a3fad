/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <inttypes.h>

#include <shmreg/queue.h>

#include "kind.h"

#define POSITIONS (UINT64_C(1) << (64 - SHMREG_QUEUE_POS_SHIFT))

enum { LENGTH, N_CLAIMED, N_PASSED, N_ABORTED, N_DROPPED, N_REDELIVERED, HIGH_WATER };
static const struct snapshot_fact facts[] = {
	[LENGTH] = { .name = "length", .metric = GAUGE("queue_length", "Elements in it.") },
	[N_CLAIMED] = { .name = "n_claimed", .rate = "pushed", .modulus = POSITIONS,
			.metric = COUNTER("queue_pushed", "Positions that producers took; "
					  "after 2^43 from 0 again.") },
	[N_PASSED] = { .name = "n_passed", .rate = "popped", .modulus = POSITIONS,
		       .metric = COUNTER("queue_popped", "Positions that consumers took; "
					 "after 2^43 from 0 again.") },
	[N_ABORTED] = { .name = "n_aborted",
			.metric = COUNTER("queue_aborted", "Pushes that a death ended.") },
	[N_DROPPED] = { .name = "n_dropped",
			.metric = COUNTER("queue_dropped", "Elements lost with a dead consumer.") },
	[N_REDELIVERED] = { .name = "n_redelivered",
			    .metric = COUNTER("queue_redelivered",
					      "Elements of dead consumers handed out again.") },
	[HIGH_WATER] = { .name = "high_water",
			 .metric = GAUGE("queue_high_water", "The most there were in it.") },
	{ .name = NULL },
};

static const struct snapshot_fact slot_facts[] = {
	{ .name = "position" },
	{ .name = "n" },
	{ .name = NULL },
};

struct visit {
	struct snapshot *snapshot;
	size_t object;
};

static const char *role(uint32_t state)
{
	switch (state) {
	case SHMREG_QUEUE_WRITING:
		return "writing";
	case SHMREG_QUEUE_READING:
		return "reading";
	case SHMREG_QUEUE_REDEL:
		return "redelivery";
	default:
		return "unknown";
	}
}

static int visit_slot(void *data, const struct shmreg_queue_holder *slot)
{
	const struct visit *v = data;
	const struct snapshot_holder holder = {
		.object = v->object,
		.role = role(slot->state),
		.seat = slot->seat,
		.facts = slot_facts,
		/* Who waits to be handed out again is alone. */
		.value = { slot->position, slot->n ? slot->n : 1 },
	};

	return snapshot_add_holder(v->snapshot, &holder);
}

static int read(struct snapshot *s, size_t i, struct shmreg_segment *segment)
{
	const struct shmreg_queue_params params = { .size = sizeof(params) };
	struct shmreg_queue_stats stats = { .size = sizeof(stats) };
	struct snapshot_object *o = &s->objects[i];
	struct visit visit = { .snapshot = s, .object = i };
	const struct shmreg_queue *queue;
	int r;

	r = shmreg_queue_open_const(segment, &queue, o->entry.name, &params);
	if (r < 0)
		return r;
	r = shmreg_queue_stat(queue, &stats);
	if (r == 0) {
		o->value[LENGTH] = stats.length;
		o->value[N_CLAIMED] = stats.n_claimed;
		o->value[N_PASSED] = stats.n_passed;
		o->value[N_ABORTED] = stats.n_aborted;
		o->value[N_DROPPED] = stats.n_dropped;
		o->value[N_REDELIVERED] = stats.n_redelivered;
		o->value[HIGH_WATER] = stats.high_water;
		if (!s->no_holders)
			r = shmreg_queue_holders(queue, visit_slot, &visit);
	}
	shmreg_queue_close(queue);
	return r;
}

static uint64_t pool_id(const struct shmreg_shape *shape)
{
	return shape->param[0] | (uint64_t)shape->param[1] << 32;
}

static void print_manner(FILE *out, const struct snapshot *s, const struct shmreg_shape *shape)
{
	const bool redeliver = shape->flags & SHMREG_QUEUE_REDELIVER;
	const char *pool = snapshot_name(s, pool_id(shape));

	if (shape->flags & SHMREG_QUEUE_OBJECTS)
		fprintf(out, " (of %s%s)", pool ? pool : "a pool that is gone",
			redeliver ? ", redeliver" : "");
	else if (redeliver)
		fputs(" (redeliver)", out);
}

static void json_manner(struct json *j, const struct snapshot *s, const struct shmreg_shape *shape)
{
	json_bool(j, "redeliver", shape->flags & SHMREG_QUEUE_REDELIVER);
	if (shape->flags & SHMREG_QUEUE_OBJECTS)
		json_string(j, "pool", snapshot_name(s, pool_id(shape)));
}

static void print_occupancy(FILE *out, const struct snapshot_object *o)
{
	kind_part(out, o->value[LENGTH], o->entry.shape.capacity, "queued");
	kind_note(out, "high water", o->value[HIGH_WATER]);
	kind_note(out, "deaths aborted", o->value[N_ABORTED]);
	kind_note(out, "deaths dropped", o->value[N_DROPPED]);
	kind_note(out, "redelivered", o->value[N_REDELIVERED]);
}

const struct kind kind_queue = {
	.facts = facts,
	.read = read,
	.print_manner = print_manner,
	.json_manner = json_manner,
	.print_occupancy = print_occupancy,
};
