/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "kind.h"
#include "snapshot.h"

/* An entry that is being written is free or committed by one of the next looks. */
#define READ_TRIES 100

static int copy_objects(struct snapshot *s, const struct shmreg_dir *dir)
{
	s->objects = calloc(dir->max_objects, sizeof(*s->objects));
	if (!s->objects)
		return -ENOMEM;
	for (uint32_t i = 0; i < dir->max_objects; i++) {
		int r = -EAGAIN;

		for (unsigned int k = 0; k < READ_TRIES && r == -EAGAIN; k++)
			r = shmreg_dir_read_object(dir, i, &s->objects[s->n_objects].entry);
		if (r == 0)
			s->objects[s->n_objects++].index = i;
	}
	return 0;
}

static int copy_participants(struct snapshot *s, const struct shmreg_dir *dir, uint64_t own)
{
	s->participants = calloc(dir->max_participants, sizeof(*s->participants));
	if (!s->participants)
		return -ENOMEM;
	for (uint32_t i = 0; i < dir->max_participants; i++) {
		int r = -EAGAIN;

		for (unsigned int k = 0; k < READ_TRIES && r == -EAGAIN; k++)
			r = shmreg_dir_read_participant(dir, i, &s->participants[s->n_participants]);
		s->n_participants += r == 0 && s->participants[s->n_participants].id != own;
	}
	return 0;
}

static int copy_directory(struct snapshot *s, const struct shmreg_dir *dir, uint64_t own)
{
	const uint64_t *seats = shmreg_dir_seats(dir);
	int r;

	s->header = *dir;
	/* relaxed: words to look at, by which nobody finds anything */
	for (uint32_t i = 0; i < SHMREG_SEATS; i++)
		s->seats[i] = shmreg_load_relaxed(&seats[i]);
	r = copy_objects(s, dir);
	return r < 0 ? r : copy_participants(s, dir, own);
}

int snapshot_read(struct snapshot *s, struct shmreg_segment *segment)
{
	struct timespec now;

	for (size_t i = 0; i < s->n_objects; i++) {
		struct snapshot_object *o = &s->objects[i];
		int r;

		if (o->entry.state != SHMREG_ENTRY_LIVE)
			continue;
		r = kind_of(o)->read(s, i, segment);
		if (r == -ENOMEM)
			return r;
		/* Else it was removed meanwhile, or is of a layout unknown here: shown without. */
		o->read = r >= 0;
	}
	s->attached = true;
	clock_gettime(CLOCK_MONOTONIC, &now);
	s->read_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	return 0;
}

struct snapshot *snapshot_new(const struct shmreg_segment_info *info, const struct shmreg_dir *dir,
			      uint64_t own)
{
	struct snapshot *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->info = *info;
	return copy_directory(s, dir, own) < 0 ? snapshot_free(s) : s;
}
