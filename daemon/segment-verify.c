/* SPDX-License-Identifier: MIT */
#include <config.h>

#undef NDEBUG
#include <assert.h>

#include "segment.h"

static void verify_participants(const struct segment *s)
{
	const uint64_t *seats = shmreg_dir_seats(s->directory.map);
	uint32_t n = 0, n_live = 0, n_seats = 0, n_dead = 0, n_watching = 0;
	const struct participant *p;

	LIST_FOREACH(p, &s->participants, of_segment) {
		const struct shmreg_dir_participant *e = participant_entry(p);

		assert(p->segment == s && bitmap_get(&s->participant_entries, p->index));
		assert(e->id == p->id && e->uid == p->uid && p->id < s->next_participant);
		assert(p->read_only == !!(e->flags & SHMREG_PARTICIPANT_READ_ONLY));
		assert(p->watches == !!(e->flags & SHMREG_PARTICIPANT_WATCHES));
		assert(e->epoch <= s->directory.map->removal_epoch);
		assert(e->state == (p->process ? SHMREG_ENTRY_LIVE : SHMREG_ENTRY_DEAD));
		assert(p->process || p->n_seats > 0);
		assert(!p->read_only || p->n_seats == 0);
		n++;
		n_watching += p->watches;
		n_live += p->process != NULL;
		n_seats += p->n_seats;
		n_dead += p->process ? 0 : p->n_seats;
	}
	assert(n == s->participant_entries.n_set && n_live == s->n_live);
	assert(n_watching == s->n_watching);
	assert(n_seats == segment_n_seats(s) && n_dead == s->n_dead_seats);
	for (uint32_t i = 0; i < s->directory.map->max_participants; i++)
		assert(bitmap_get(&s->participant_entries, i) ==
		       (shmreg_dir_participants(s->directory.map)[i].state != SHMREG_ENTRY_FREE));
	assert(seats[0] == SHMREG_SEAT_FREE && bitmap_get(&s->seats, 0));
	n_dead = 0;
	for (uint32_t i = 1; i < SHMREG_SEATS; i++) {
		assert(bitmap_get(&s->seats, i) == (seats[i] != SHMREG_SEAT_FREE));
		n_dead += directory_seat_state(seats[i]) == SHMREG_SEAT_DEAD;
	}
	assert(n_dead == s->n_dead_seats);
}

static void verify_objects(const struct segment *s)
{
	uint32_t n_removed = 0;
	uint64_t used = 0;

	for (uint32_t i = 0; i < s->directory.map->max_objects; i++) {
		const struct shmreg_dir_object *o = segment_object(s, i);

		assert(bitmap_get(&s->object_entries, i) == (o->state != SHMREG_ENTRY_FREE));
		assert(s->object_ids[i] == (o->state == SHMREG_ENTRY_FREE ? 0 : o->id));
		assert(o->id < s->next_object);
		if (o->state == SHMREG_ENTRY_LIVE)
			assert(directory_find_object(&s->directory, o->name) == i);
		if (o->state == SHMREG_ENTRY_REMOVED) {
			n_removed++;
			assert(directory_find_object(&s->directory, o->name) != i);
			assert(o->removed_epoch <= s->directory.map->removal_epoch);
		}
		if (o->state != SHMREG_ENTRY_FREE)
			used += o->bytes;
	}
	assert(n_removed == s->n_removed && used == segment_used_bytes(s));
	assert(s->extents.n_taken == s->object_entries.n_set);
	extents_verify(&s->extents);
}

void segment_verify(const struct segment *s)
{
	char why[SHMREG_ERROR_MAX + 1];

	assert(directory_check(&s->directory, why) == 0);
	assert(s->directory.map->set_pending == 0);
	verify_participants(s);
	verify_objects(s);
	assert(!s->repairing || s->repair_wanted);
	assert(s->n_idle_seats <= s->n_dead_seats);
	assert(s->rest != REST_BEGUN || (s->n_idle_seats > 0 && !s->repair_wanted));
	/* Until what is being freed is free, those who died meanwhile wait. */
	assert(s->n_freeing == 0 || !s->repair_wanted);
	assert(segment_has_flag(s, SHMREG_DIR_QUARANTINED) || s->repair_wanted ||
	       s->rest == REST_BEGUN || s->n_freeing > 0 ||
	       (s->n_dead_seats == 0 && !s->sweep_wanted));
	assert(s->swept_epoch <= s->directory.map->removal_epoch);
	assert(s->named == (segment_state(s) == SHMREG_DIR_LIVE));
}
