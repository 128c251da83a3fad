/* SPDX-License-Identifier: MIT */
#include <config.h>


/*
 * How things end: participants by leaving or dying, seats by repair, segments
 * by their lifetime.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "memfd.h"
#include "probe.h"
#include "registry-internal.h"

void registry_unsettle(struct registry *r, struct segment *s)
{
	if (s->unsettled)
		return;
	s->unsettled = true;
	LIST_INSERT_HEAD(&r->unsettled, s, unsettled_list);
}

void registry_drop_participant(struct registry *r, struct participant *p)
{
	segment_free_participant(p->segment, p);
	hash_remove(&r->participants, &p->node);
	registry_uncharge_participant(r, p);
	free(p);
}

void registry_end_participant(struct registry *r, struct participant *p, enum end how)
{
	struct segment *s = p->segment;

	if (how == END_DIED)
		directory_count_death(&s->directory);
	segment_end_participant(s, p, how);
	registry_emit(r, how == END_DIED ? SHMREG_EVENT_DIED : SHMREG_EVENT_DETACHED, s, p, NULL);
	registry_leave(r, p);
	if (p->n_seats == 0)
		registry_drop_participant(r, p);
	registry_unsettle(r, s);
}

void registry_unname(struct registry *r, struct segment *s)
{
	directory_remove(&s->directory);
	hash_remove(&r->by_name, &s->by_name);
	s->named = false;
	registry_emit(r, SHMREG_EVENT_REMOVED, s, NULL, NULL);
}

void registry_dispose(struct registry *r, struct segment *s)
{
	struct participant *p;

	assert(s->n_live == 0);
	if (s->named)
		registry_unname(r, s);
	registry_keep_last_segment(r, s);
	r->ops.disposed(r->data, s);
	registry_emit(r, SHMREG_EVENT_DISPOSED, s, NULL, NULL);

	/*
	 * The dead are not repaired any more; whoever kept a mapping keeps what
	 * he touches from now on at his own cost.
	 */
	while ((p = LIST_FIRST(&s->participants))) {
		LIST_REMOVE(p, of_segment);
		hash_remove(&r->participants, &p->node);
		registry_uncharge_participant(r, p);
		free(p);
	}
	quota_uncharge_one(&r->quota, s->directory.map->charged_uid, SHMREG_RESOURCE_OBJECTS,
			   s->object_entries.n_set);
	bitmap_reset(&s->object_entries);
	s->n_freeing = 0;
	if (s->unsettled) {
		LIST_REMOVE(s, unsettled_list);
		s->unsettled = false;
	}
	hash_remove(&r->by_id, &s->by_id);
	TAILQ_REMOVE(&r->segments, s, of_registry);
	r->n_segments--;
	registry_discard(r, s);
}

void registry_discard(struct registry *r, struct segment *s)
{
	assert(LIST_EMPTY(&s->participants));
	LIST_INSERT_HEAD(&r->discarding, s, unsettled_list);
	r->n_discarding++;
	if (r->ops.discard) {
		r->ops.discard(r->data, s);
		return;
	}
	memfd_punch(s->data_fd, 0, s->directory.map->data_bytes);
	registry_discarded(r, s);
}

void registry_discarded(struct registry *r, struct segment *s)
{
	LIST_REMOVE(s, unsettled_list);
	r->n_discarding--;
	registry_uncharge_segment(r, s);
	segment_free(s);
}

bool registry_is_freeing(const struct registry *r, uint32_t uid)
{
	const struct segment *s;

	LIST_FOREACH(s, &r->discarding, unsettled_list)
		if (s->directory.map->charged_uid == uid)
			return true;
	TAILQ_FOREACH(s, &r->segments, of_registry)
		if (s->n_freeing > 0 && s->directory.map->charged_uid == uid)
			return true;
	return false;
}

/* The shell cannot be asked: here, and at once. */
static void free_here(struct registry *r, struct segment *s)
{
	struct segment_range ranges[SEGMENT_FREEING_MAX];
	const uint32_t n = segment_freeing(s, ranges);
	int e = 0;

	for (uint32_t i = 0; i < n && e == 0; i++) {
		e = memfd_punch(s->data_fd, ranges[i].offset, ranges[i].bytes);
		if (e == 0 && segment_keeps_memory(s))
			e = memfd_reserve(s->data_fd, ranges[i].offset, ranges[i].bytes);
	}
	registry_end_free(r, s, e == 0);
}

void registry_end_free(struct registry *r, struct segment *s, bool success)
{
	const uint32_t n = segment_end_free(s, success);

	quota_uncharge_one(&r->quota, s->directory.map->charged_uid, SHMREG_RESOURCE_OBJECTS, n);
	/* There may be more, or a repair that waited. */
	registry_unsettle(r, s);
}

void registry_freed(struct registry *r, struct segment *s, bool success)
{
	registry_end_free(r, s, success);
	registry_settle(r);
}

static bool segment_creator_lives(const struct registry *r, const struct segment *s)
{
	const struct participant *p = registry_find_participant(r, segment_id(s),
								s->directory.map->creator);

	return p && p->process;
}

/* Nor are those that come refused for it: of the seats that they may have, half are left. */
static bool may_rest(const struct registry *r, const struct segment *s)
{
	return segment_may_rest(s) &&
	       segment_n_seats(s) <= (SHMREG_SEATS - 1 - r->config.reserved_seats) / 2;
}

/*
 * A repair is a process that ends with it, and takes longer than all else that somebody costs
 * who attaches and detaches again. What was left idle is not waited for: it is repaired with what
 * is left idle in a moment, or with whatever is to be repaired before.
 */
static void want_repair(struct registry *r, struct segment *s)
{
	if (s->rest == REST_BEGUN && may_rest(r, s))
		return;
	if (s->rest == REST_NONE && r->ops.rest && may_rest(r, s)) {
		s->rest = REST_BEGUN;
		r->ops.rest(r->data, s);
		return;
	}
	s->rest = REST_NONE;
	s->repair_wanted = true;
	r->ops.repair(r->data, s);	/* may call back; s may be gone */
}

void registry_hurry(struct registry *r, struct segment *s)
{
	if (s->rest == REST_BEGUN && !may_rest(r, s))
		registry_unsettle(r, s);
}

static void registry_settle_segment(struct registry *r, struct segment *s)
{
	const bool freeing = s->n_freeing > 0;

	if (s->named && directory_lifetime(&s->directory) == SHMREG_WITH_CREATOR &&
	    !segment_creator_lives(r, s))
		registry_unname(r, s);
	if (s->n_live == 0 &&
	    (!s->named || directory_lifetime(&s->directory) == SHMREG_WHILE_ATTACHED)) {
		registry_dispose(r, s);
		return;
	}
	if (freeing)
		return;
	segment_begin_free(s);
	if (s->n_freeing > 0 && r->ops.free) {
		r->ops.free(r->data, s);
	} else if (s->n_freeing > 0) {
		free_here(r, s);
	} else if (segment_needs_repair(s) && !s->repair_wanted) {
		want_repair(r, s);
	}
}

void registry_rested(struct registry *r, struct segment *s)
{
	assert(s->rest == REST_BEGUN);
	s->rest = REST_OVER;
	registry_unsettle(r, s);
	registry_settle(r);
}

void registry_settle(struct registry *r)
{
	struct segment *s;

	while ((s = LIST_FIRST(&r->unsettled))) {
		LIST_REMOVE(s, unsettled_list);
		s->unsettled = false;
		registry_settle_segment(r, s);
	}
	registry_debug_verify(r);
}

void registry_process_died(struct registry *r, const struct process_id *process)
{
	struct process *found;

	/* All first, so that one repair job a segment sees all that died. */
	while ((found = registry_find_process(r, process)))
		registry_end_participant(r, LIST_FIRST(&found->participants), END_DIED);
	registry_settle(r);
}

void registry_repair_begin(struct registry *r, struct segment *s)
{
	const uint64_t *seats = shmreg_dir_seats(s->directory.map);

	(void)r;
	assert(s->repair_wanted && s->n_freeing == 0);
	bitmap_reset(&s->repair_seats);
	s->n_idle_seats = 0;	/* from now on those that this repair is not for */
	for (uint32_t i = 1; i < SHMREG_SEATS; i++)
		if (directory_seat_state(seats[i]) == SHMREG_SEAT_DEAD)
			bitmap_set(&s->repair_seats, i);
	s->sweeping_epoch = segment_quiesced_epoch(s);
	s->repairing = true;
	PROBE1(repair_begin, segment_id(s));
}

static void registry_free_repaired(struct registry *r, struct segment *s)
{
	const uint64_t *seats = shmreg_dir_seats(s->directory.map);

	for (int64_t i = bitmap_find_set(&s->repair_seats, 0); i >= 0;
	     i = bitmap_find_set(&s->repair_seats, (uint32_t)i + 1)) {
		struct participant *p;

		p = registry_find_participant(r, segment_id(s),
					      directory_seat_participant(seats[i]));
		assert(p && !p->process && directory_seat_state(seats[i]) == SHMREG_SEAT_DEAD);
		segment_free_seat(s, p, (uint32_t)i);
		quota_uncharge_one(&r->quota, p->uid, SHMREG_RESOURCE_SEATS, 1);
		if (p->n_seats == 0)
			registry_drop_participant(r, p);
	}
}

static void registry_emit_repaired(struct registry *r, const struct segment *s,
				   const struct shmreg_reaper_report *sum)
{
	struct shmreg_event event = {
		.kind = SHMREG_EVENT_REPAIRED,
		.segment = segment_id(s),
	};

	memcpy(event.segment_name, s->directory.map->name, sizeof(event.segment_name));
	if (sum) {
		event.n_repaired = sum->n_repaired;
		event.n_freed = sum->n_freed;
		event.n_requeued = sum->n_requeued;
		event.n_gave_up = sum->n_gave_up;
	}
	registry_emit_event(r, &event);
}

void registry_repair_end(struct registry *r, struct segment *s, bool success,
			 const struct shmreg_reaper_report *sum)
{
	assert(s->repairing);
	s->repairing = false;
	if (success) {
		registry_free_repaired(r, s);
		s->swept_epoch = s->sweeping_epoch;
		directory_count_repair(&s->directory);
		/* The dead seats' waiters have been waiting for this, too. */
		directory_raise_death(&s->directory);
		s->repair_wanted = false;
		registry_emit_repaired(r, s, sum);
	}
	registry_unsettle(r, s);
	registry_settle(r);
}

void registry_quarantine(struct registry *r, struct segment *s)
{
	s->repairing = false;
	s->repair_wanted = false;
	directory_set_flag(&s->directory, SHMREG_DIR_QUARANTINED);
	registry_emit(r, SHMREG_EVENT_QUARANTINED, s, NULL, NULL);
	registry_unsettle(r, s);
	registry_settle(r);
}

void registry_orphan(struct registry *r)
{
	struct segment *s;

	TAILQ_FOREACH(s, &r->segments, of_registry)
		directory_set_flag(&s->directory, SHMREG_DIR_ORPHANED);
}
