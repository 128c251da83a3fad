/* SPDX-License-Identifier: MIT */
#include <config.h>


/* Assertions that hold between any two calls. */

#undef NDEBUG
#include <assert.h>
#include <string.h>

#include "registry-internal.h"

struct sums {
	const struct registry *registry;
	uint64_t total[SHMREG_N_RESOURCES];
	size_t n_live, n_participants, n_named, n_discarding;
};

static void verify_charge(struct sums *sums, const struct segment *s)
{
	sums->total[SHMREG_RESOURCE_SEGMENTS]++;
	sums->total[SHMREG_RESOURCE_BYTES] += segment_bytes(s);
	sums->total[SHMREG_RESOURCE_RESERVED_BYTES] += s->reserved_bytes;
}

static void verify_segment(struct sums *sums, const struct segment *s)
{
	const struct registry *r = sums->registry;
	const struct participant *p;

	segment_verify(s);
	assert(s->charged && !s->unsettled);
	assert(s->directory.map->registry == r->id && segment_id(s) <= r->last_segment);
	assert(registry_find((struct registry *)(uintptr_t)r, segment_id(s)) == s);
	if (s->named)
		assert(registry_find_name(r, segment_name(s)) == s);
	assert(s->n_live > 0 || (s->named && directory_lifetime(&s->directory) ==
						     SHMREG_UNTIL_REMOVED));
	LIST_FOREACH(p, &s->participants, of_segment) {
		assert(p->charged && registry_find_participant(r, segment_id(s), p->id) == p);
		sums->n_participants++;
		sums->n_live += p->process != NULL;
		sums->total[SHMREG_RESOURCE_PARTICIPANTS]++;
		sums->total[SHMREG_RESOURCE_SEATS] += p->n_seats;
	}
	sums->n_named += s->named;
	verify_charge(sums, s);
	sums->total[SHMREG_RESOURCE_OBJECTS] += s->object_entries.n_set;
}

static void verify_process(void *data, struct hash_node *node)
{
	const struct process *process = container_of(node, struct process, node);
	struct sums *sums = data;
	const struct participant *p;

	assert(!LIST_EMPTY(&process->participants));
	LIST_FOREACH(p, &process->participants, of_process) {
		const struct shmreg_dir_participant *e = participant_entry(p);
		const struct process_id id = {
			.pid = e->pid,
			.pidfd_inode = e->pidfd_inode,
			.start_time = e->start_time,
		};

		assert(p->process == process && process_id_equal(&id, &process->id));
		sums->n_live--;
	}
}

void registry_verify(const struct registry *r)
{
	struct sums sums = { .registry = r };
	uint64_t id = 0, last = 0;
	const struct segment *s;
	uint32_t n = 0;

	TAILQ_FOREACH(s, &r->segments, of_registry) {
		assert(segment_id(s) > id);
		id = segment_id(s);
		if (last < id)
			last = id;
		if (last < s->directory.map->last_segment)
			last = s->directory.map->last_segment;
		verify_segment(&sums, s);
		n++;
	}
	LIST_FOREACH(s, &r->discarding, unsettled_list) {
		assert(LIST_EMPTY(&s->participants) && !s->named && !s->unsettled);
		sums.n_discarding++;
		if (s->charged)
			verify_charge(&sums, s);
	}
	assert(sums.n_discarding == r->n_discarding);
	/* A restarted daemon would know the largest id ever given. */
	assert(n == 0 || last == r->last_segment);
	assert(n == r->n_segments && n == r->by_id.n && sums.n_named == r->by_name.n);
	assert(sums.n_participants == r->participants.n);
	hash_visit(&r->processes, verify_process, &sums);
	assert(sums.n_live == 0 && LIST_EMPTY(&r->unsettled));
	quota_verify(&r->quota);
	/* Connections and subscriptions are the shell's. */
	assert(memcmp(sums.total, r->quota.total, SHMREG_RESOURCE_CONNECTIONS * sizeof(uint64_t)) ==
	       0);
}
