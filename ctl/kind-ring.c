/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <inttypes.h>

#include <shmreg/ring.h>

#include "kind.h"

/* kind-ring.c - rings of elements, and rings of records: what the former count are bytes there */

enum { LENGTH, N_WRITTEN, N_READ, N_SKIPPED, N_FULL, HIGH_WATER, N_RECORDS_WRITTEN, N_RECORDS_READ };

static const struct snapshot_fact facts[] = {
	[LENGTH] = { .name = "length", .metric = GAUGE("ring_length", "Elements in it.") },
	[N_WRITTEN] = { .name = "n_written", .rate = "written",
			.metric = COUNTER("ring_written", "Elements written.") },
	[N_READ] = { .name = "n_read", .rate = "read",
		     .metric = COUNTER("ring_read", "Elements read.") },
	[N_SKIPPED] = { .name = "n_skipped", .rate = "skipped",
			.metric = COUNTER("ring_skipped", "Elements read that were skipped or cleared.") },
	[N_FULL] = { .name = "n_full", .rate = "full",
		     .metric = COUNTER("ring_full", "Positions for which there was no room at first.") },
	[HIGH_WATER] = { .name = "high_water",
			 .metric = GAUGE("ring_high_water", "The most there were in it.") },
	{ .name = NULL },
};

static const struct snapshot_fact record_facts[] = {
	[LENGTH] = { .name = "length", .metric = GAUGE_BYTES("records_length", "What is in it.") },
	[N_WRITTEN] = { .name = "n_written", .rate = "bytes_written",
			.metric = COUNTER_BYTES("records_written", "What was written.") },
	[N_READ] = { .name = "n_read", .rate = "bytes_read",
		     .metric = COUNTER_BYTES("records_read", "What was read.") },
	[N_SKIPPED] = { .name = "n_skipped", .rate = "skipped",
			.metric = COUNTER("records_skipped", "Records read that were skipped or "
					  "cleared.") },
	[N_FULL] = { .name = "n_full", .rate = "full",
		     .metric = COUNTER("records_full", "Positions for which there was no room at first.") },
	[HIGH_WATER] = { .name = "high_water",
			 .metric = GAUGE_BYTES("records_high_water", "The most there was in it.") },
	[N_RECORDS_WRITTEN] = { .name = "n_records_written", .rate = "written",
				.metric = COUNTER("records_written", "Records written.") },
	[N_RECORDS_READ] = { .name = "n_records_read", .rate = "read",
			     .metric = COUNTER("records_read", "Records read.") },
	{ .name = NULL },
};

static const struct snapshot_fact role_facts[] = { { .name = NULL } };

static int add_role(struct snapshot *s, size_t i, const char *role, uint32_t seat)
{
	const struct snapshot_holder holder = {
		.object = i,
		.role = role,
		.seat = seat,
		.facts = role_facts,
	};

	return seat ? snapshot_add_holder(s, &holder) : 0;
}

static int read(struct snapshot *s, size_t i, struct shmreg_segment *segment)
{
	const struct shmreg_ring_params params = { .size = sizeof(params) };
	struct shmreg_ring_stats stats = { .size = sizeof(stats) };
	struct snapshot_object *o = &s->objects[i];
	const struct shmreg_ring *ring;
	int r;

	r = shmreg_ring_open_const(segment, &ring, o->entry.name, &params);
	if (r < 0)
		return r;
	r = shmreg_ring_stat(ring, &stats);
	shmreg_ring_close(ring);
	if (r < 0)
		return r;
	o->value[LENGTH] = stats.length;
	o->value[N_WRITTEN] = stats.n_written;
	o->value[N_READ] = stats.n_read;
	o->value[N_SKIPPED] = stats.n_skipped;
	o->value[N_FULL] = stats.n_full;
	o->value[HIGH_WATER] = stats.high;
	o->value[N_RECORDS_WRITTEN] = stats.n_records_written;
	o->value[N_RECORDS_READ] = stats.n_records_read;
	r = add_role(s, i, "producer", stats.producer);
	return r < 0 ? r : add_role(s, i, "consumer", stats.consumer);
}

static void print_notes(FILE *out, const struct snapshot_object *o)
{
	kind_note(out, "high water", o->value[HIGH_WATER]);
	kind_note(out, "skipped", o->value[N_SKIPPED]);
	kind_note(out, "times full", o->value[N_FULL]);
}

static void print_elements(FILE *out, const struct snapshot_object *o)
{
	kind_part(out, o->value[LENGTH], o->entry.shape.capacity, "queued");
	print_notes(out, o);
}

static void print_records(FILE *out, const struct snapshot_object *o)
{
	/* Records that are there, unless both counts were read while they rose. */
	const uint64_t n = o->value[N_RECORDS_WRITTEN] - o->value[N_RECORDS_READ];

	kind_part(out, o->value[LENGTH], o->entry.shape.capacity, "bytes queued");
	if (n <= o->value[LENGTH])
		fprintf(out, "; in %" PRIu64 " records", n);
	print_notes(out, o);
}

static void print_manner(FILE *out, const struct snapshot *s, const struct shmreg_shape *shape)
{
	(void)s;
	if (shape->flags & SHMREG_RING_RECORDS)
		fputs(" (records)", out);
}

static void json_manner(struct json *j, const struct snapshot *s, const struct shmreg_shape *shape)
{
	(void)s;
	json_bool(j, "records", shape->flags & SHMREG_RING_RECORDS);
}

const struct kind kind_ring = {
	.facts = facts,
	.read = read,
	.print_manner = print_manner,
	.json_manner = json_manner,
	.print_occupancy = print_elements,
};

const struct kind kind_records = {
	.facts = record_facts,
	.read = read,
	.print_manner = print_manner,
	.json_manner = json_manner,
	.print_occupancy = print_records,
};
