/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <shmreg/pool.h>

#include "kind.h"

/* n_acquired is a sum of numbers that begin again each by itself, one acquisition early. */
#define GENERATIONS ((UINT64_C(1) << (64 - SHMREG_POOL_GENERATION_SHIFT)) - 1)

enum { N_FREE, N_HELD, N_SENT, HIGH_WATER, N_ACQUIRED, N_EXHAUSTED, N_RECLAIMED };
static const struct snapshot_fact facts[] = {
	[N_FREE] = { .name = "n_free", .metric = GAUGE("pool_free", "Objects that nobody holds.") },
	[N_HELD] = { .name = "n_held", .metric = GAUGE("pool_held", "Objects that somebody holds.") },
	[N_SENT] = { .name = "n_sent",
		     .metric = GAUGE("pool_sent", "Objects on their way through object queues.") },
	[HIGH_WATER] = { .name = "high_water",
			 .metric = GAUGE("pool_high_water", "Objects that were ever in use.") },
	[N_ACQUIRED] = { .name = "n_acquired", .rate = "acquired", .modulus = GENERATIONS,
			 .metric = COUNTER("pool_acquired", "Objects acquired; "
					   "after 2^26 - 1 from 0 again.") },
	[N_EXHAUSTED] = { .name = "n_exhausted", .rate = "exhausted",
			  .metric = COUNTER("pool_exhausted", "Times that none was free.") },
	[N_RECLAIMED] = { .name = "n_reclaimed",
			  .metric = COUNTER("pool_reclaimed", "Objects taken back from the dead.") },
	{ .name = NULL },
};

static const struct snapshot_fact owner_facts[] = { { .name = "n" }, { .name = NULL } };

/* How many objects each seat holds, and how many travel through each queue. */
struct owners {
	uint64_t by_seat[SHMREG_SEATS];
	uint64_t by_queue[];	/* by index in the directory; the last: of those that cannot be */
};

struct visit {
	struct owners *owners;
	uint32_t max_objects;
};

static int count(void *data, const struct shmreg_pool_holder *holder)
{
	const struct visit *v = data;

	if (holder->state == SHMREG_POOL_HELD)
		v->owners->by_seat[holder->seat < SHMREG_SEATS ? holder->seat : 0]++;
	else
		v->owners->by_queue[holder->queue < v->max_objects ? holder->queue :
								     v->max_objects]++;
	return 0;
}

static int add_owners(struct snapshot *s, size_t i, const struct owners *owners)
{
	struct snapshot_holder holder = { .object = i, .role = "holder", .facts = owner_facts };
	int r = 0;

	for (uint32_t k = 0; r == 0 && k < SHMREG_SEATS; k++) {
		if (!owners->by_seat[k])
			continue;
		holder.seat = k;
		holder.value[0] = owners->by_seat[k];
		r = snapshot_add_holder(s, &holder);
	}
	holder.seat = 0;
	holder.role = "travelling";
	for (uint32_t k = 0; r == 0 && k <= s->header.max_objects; k++) {
		if (!owners->by_queue[k])
			continue;
		holder.queue = snapshot_name_at(s, k);
		holder.value[0] = owners->by_queue[k];
		r = snapshot_add_holder(s, &holder);
	}
	return r;
}

static int read(struct snapshot *s, size_t i, struct shmreg_segment *segment)
{
	const struct shmreg_pool_params params = { .size = sizeof(params) };
	struct shmreg_pool_stats stats = { .size = sizeof(stats) };
	struct visit visit = { .max_objects = s->header.max_objects };
	struct snapshot_object *o = &s->objects[i];
	const struct shmreg_pool *pool;
	int r;

	r = shmreg_pool_open_const(segment, &pool, o->entry.name, &params);
	if (r < 0)
		return r;
	r = shmreg_pool_stat(pool, &stats);
	if (r == 0) {
		o->value[N_FREE] = stats.n_free;
		o->value[N_HELD] = stats.n_held;
		o->value[N_SENT] = stats.n_sent;
		o->value[HIGH_WATER] = stats.n_touched;
		o->value[N_ACQUIRED] = stats.n_acquired;
		o->value[N_EXHAUSTED] = stats.n_exhausted;
		o->value[N_RECLAIMED] = stats.n_reclaimed;
	}
	if (r == 0 && !s->no_holders) {
		visit.owners = calloc(1, sizeof(*visit.owners) +
						 sizeof(uint64_t) * ((size_t)visit.max_objects + 1));
		r = visit.owners ? shmreg_pool_holders(pool, count, &visit) : -ENOMEM;
	}
	shmreg_pool_close(pool);
	if (r == 0 && visit.owners)
		r = add_owners(s, i, visit.owners);
	free(visit.owners);
	return r;
}

static void print_occupancy(FILE *out, const struct snapshot_object *o)
{
	kind_part(out, o->value[N_HELD] + o->value[N_SENT], o->entry.shape.capacity, "in use");
	kind_note(out, "travelling", o->value[N_SENT]);
	kind_note(out, "high water", o->value[HIGH_WATER]);
	kind_note(out, "times exhausted", o->value[N_EXHAUSTED]);
	kind_note(out, "deaths gave back", o->value[N_RECLAIMED]);
}

const struct kind kind_pool = {
	.facts = facts,
	.read = read,
	.print_occupancy = print_occupancy,
};
