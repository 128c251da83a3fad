/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <inttypes.h>

#include <shmreg/cell.h>

#include "kind.h"

/* Versions are 1 to 2^47 - 1, and then 1 again. */
#define VERSIONS ((UINT64_C(1) << (64 - SHMREG_CELL_VERSION_SHIFT)) - 1)

enum { LATEST, N_WRITERS, N_SUPERSEDED };
static const struct snapshot_fact facts[] = {
	[LATEST] = { .name = "version", .rate = "versions", .modulus = VERSIONS,
		     .metric = COUNTER("cell_versions", "Values written; after 2^47 - 1 from 0 again.") },
	[N_WRITERS] = { .name = "n_writers",
			.metric = GAUGE("cell_writers", "Writers that there are.") },
	[N_SUPERSEDED] = { .name = "n_superseded", .rate = "superseded",
			   .metric = COUNTER("cell_superseded", "Values that were overtaken by "
					     "another writer's, and so never the latest.") },
	{ .name = NULL },
};

static const struct snapshot_fact writer_facts[] = { { .name = "index" }, { .name = NULL } };

static int read(struct snapshot *s, size_t i, struct shmreg_segment *segment)
{
	const struct shmreg_cell_params params = { .size = sizeof(params) };
	struct shmreg_cell_stats stats = { .size = sizeof(stats) };
	struct snapshot_object *o = &s->objects[i];
	const struct shmreg_cell *cell;
	int r;

	r = shmreg_cell_open(segment, &cell, o->entry.name, &params);
	if (r < 0)
		return r;
	r = shmreg_cell_stat(cell, &stats);
	if (r == 0) {
		o->value[LATEST] = stats.version;
		o->value[N_WRITERS] = stats.n_writers;
		o->value[N_SUPERSEDED] = stats.n_superseded;
	}
	for (uint32_t w = 0; r == 0 && w < stats.writers; w++) {
		const struct snapshot_holder holder = {
			.object = i,
			.role = "writer",
			.seat = shmreg_cell_seat(cell, w),
			.facts = writer_facts,
			.value = { w },
		};

		if (holder.seat)
			r = snapshot_add_holder(s, &holder);
	}
	shmreg_cell_close(cell);
	return r;
}

static void print_manner(FILE *out, const struct snapshot *s, const struct shmreg_shape *shape)
{
	(void)s;
	fprintf(out, " (%" PRIu32 " slots a writer)", shape->param[0]);
}

static void json_manner(struct json *j, const struct snapshot *s, const struct shmreg_shape *shape)
{
	(void)s;
	json_number(j, "max_writers", shape->capacity);
	json_number(j, "slots", shape->param[0]);
}

static void print_occupancy(FILE *out, const struct snapshot_object *o)
{
	fprintf(out, "version %" PRIu64 "; %" PRIu64 " of %" PRIu64 " writers", o->value[LATEST],
		o->value[N_WRITERS], o->entry.shape.capacity);
	kind_note(out, "superseded", o->value[N_SUPERSEDED]);
}

const struct kind kind_cell = {
	.facts = facts,
	.read = read,
	.print_manner = print_manner,
	.json_manner = json_manner,
	.print_occupancy = print_occupancy,
};
