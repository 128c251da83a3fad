/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdlib.h>

#include <shmreg/abi/verify.h>

#include "bitmap.h"
#include "directory-internal.h"

static void recover_participants(struct directory *d)
{
	struct shmreg_dir_participant *p = shmreg_dir_participants(d->map);

	/* A DETACH that was about to begin: the client repeats it. */
	for (uint32_t i = 0; i < d->map->max_participants; i++)
		if (p[i].state == SHMREG_ENTRY_LIVE && (p[i].flags & SHMREG_PARTICIPANT_LEFT))
			shmreg_store_relaxed(&p[i].flags, p[i].flags & ~SHMREG_PARTICIPANT_LEFT);
}

static void recover_seats(struct directory *d, struct shmreg_dir_members *members)
{
	const struct shmreg_dir_participant *p = shmreg_dir_participants(d->map);
	uint64_t *seats = shmreg_dir_seats(d->map);

	for (uint32_t i = 1; i < SHMREG_SEATS; i++) {
		const uint64_t id = directory_seat_participant(seats[i]);
		struct shmreg_dir_member *m;

		if (directory_seat_state(seats[i]) == SHMREG_SEAT_FREE)
			continue;
		m = shmreg_dir_member_find(members, id);
		if (!m) {
			/* Granted for an attachment that never came about. */
			directory_free_seat(d, i);
			continue;
		}
		m->has_seats = true;
		/* Readers learn of it by the death word, raised at the end. */
		if (p[m->index].state == SHMREG_ENTRY_DEAD &&
		    directory_seat_state(seats[i]) == SHMREG_SEAT_LIVE)
			shmreg_store_release(&seats[i],
					     directory_seat_word(id, SHMREG_SEAT_DEAD));
	}
	for (size_t i = 0; i < members->n; i++)
		if (p[members->members[i].index].state == SHMREG_ENTRY_DEAD &&
		    !members->members[i].has_seats)
			directory_free_participant(d, members->members[i].index);
}

static void recover_objects(struct directory *d, struct bitmap *linked)
{
	struct shmreg_dir_object *objects = shmreg_dir_objects(d->map);
	const uint32_t *buckets = shmreg_dir_buckets(d->map);
	uint64_t epoch = d->map->removal_epoch;

	for (uint32_t b = 0; b < d->map->n_buckets; b++)
		for (uint32_t link = buckets[b]; link; link = objects[link - 1].next)
			bitmap_set(linked, link - 1);
	for (uint32_t i = 0; i < d->map->max_objects; i++) {
		if (objects[i].state == SHMREG_ENTRY_LIVE) {
			if (objects[i].removed_epoch)
				shmreg_store_relaxed(&objects[i].removed_epoch, 0);
			if (!bitmap_get(linked, i))
				directory_link(d, i);
		} else if (objects[i].state == SHMREG_ENTRY_REMOVED) {
			if (bitmap_get(linked, i))
				directory_unlink(d, i);
			if (objects[i].removed_epoch > epoch)
				epoch = objects[i].removed_epoch;
		}
	}
	if (epoch != d->map->removal_epoch)
		shmreg_store_release(&d->map->removal_epoch, epoch);	/* Q in directory.c */
}

int directory_recover(struct directory *d)
{
	struct shmreg_dir_members members;
	struct bitmap linked;
	int r;

	r = bitmap_init(&linked, d->map->max_objects);
	if (r < 0)
		return r;
	r = shmreg_dir_members(d->map, &members);
	if (r < 0) {
		bitmap_deinit(&linked);
		return r;
	}
	if (shmreg_load_acquire(&d->map->set_pending))	/* E in directory.c, another life of us */
		directory_apply_set(d);
	recover_participants(d);
	recover_seats(d, &members);
	recover_objects(d, &linked);
	shmreg_fetch_add_relaxed(&d->map->n_restarts, 1);	/* a statistic */
	directory_clear_flag(d, SHMREG_DIR_ORPHANED);
	directory_raise_generation(d);
	directory_raise_death(d);
	free(members.members);
	bitmap_deinit(&linked);
	return 0;
}
