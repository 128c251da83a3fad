/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <shmreg/abi/eventcount.h>

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

/* The flags of an object's event counts, which nobody is disturbed by looking at. */
static void read_waits(struct snapshot_object *o, const struct shmreg_segment *segment)
{
	static const uint32_t events[] = { SHMREG_WAIT_ITEMS, SHMREG_WAIT_SPACE };
	const unsigned char *data = shmreg_segment_data(segment);
	const uint64_t end = shmreg_segment_dir(segment)->data_bytes;

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		const uint64_t at = shmreg_kind_eventcount(o->entry.shape.kind, events[i]);
		union shmreg_eventcount word;

		if (!at || o->entry.bytes < at + sizeof(word) || o->entry.offset > end ||
		    end - o->entry.offset < o->entry.bytes)
			continue;
		/* relaxed: something to look at */
		word.both = shmreg_load_relaxed(
			(const uint64_t *)(const void *)(data + o->entry.offset + at));
		if (word.half[SHMREG_EVENTCOUNT_COUNT] & SHMREG_EVENTCOUNT_ASLEEP ||
		    word.half[SHMREG_EVENTCOUNT_WATCH])
			o->asleep |= events[i];
		if (word.half[SHMREG_EVENTCOUNT_COUNT] & SHMREG_EVENTCOUNT_ARMED)
			o->armed |= events[i];
	}
}

int snapshot_read(struct snapshot *s, struct shmreg_segment *segment,
		  const struct snapshot_choice *choice)
{
	struct timespec now;

	s->no_holders = choice->no_holders;
	for (size_t i = 0; i < s->n_objects; i++) {
		struct snapshot_object *o = &s->objects[i];
		int r;

		if (o->entry.state != SHMREG_ENTRY_LIVE ||
		    (choice->object && strcmp(choice->object, o->entry.name) != 0))
			continue;
		r = kind_of(o)->read(s, i, segment);
		if (r == -ENOMEM)
			return r;
		/* Else it was removed meanwhile, or is of a layout unknown here: shown without. */
		o->read = r >= 0;
		if (o->read)
			read_waits(o, segment);
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
