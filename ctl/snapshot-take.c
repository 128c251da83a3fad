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
#define PAGE 4096

/*
 * A page of a directory that is read is made, if it was not there yet: it would be memory that
 * nobody but us has need of. Entries are given out from the lowest on: so, when as many were found
 * as the daemon has counted, and then a whole page of free ones, there are no more.
 */
struct scan {
	uint32_t a_page;	/* entries */
	uint32_t expected;	/* live ones */
	uint32_t live;
	uint32_t n_free;	/* one after the other */
};

static bool scan_ends(struct scan *scan, int r, uint32_t state)
{
	scan->live += r == 0 && state == SHMREG_ENTRY_LIVE;
	scan->n_free = r == -ENOENT ? scan->n_free + 1 : 0;
	return scan->live >= scan->expected && scan->n_free >= scan->a_page;
}

static int copy_objects(struct snapshot *s, const struct shmreg_dir *dir)
{
	struct scan scan = { .a_page = PAGE / sizeof(struct shmreg_dir_object),
			     .expected = s->info.n_objects };
	size_t room = 0;

	for (uint32_t i = 0; i < dir->max_objects; i++) {
		struct shmreg_dir_object entry;
		int r = -EAGAIN;

		for (unsigned int k = 0; k < READ_TRIES && r == -EAGAIN; k++)
			r = shmreg_dir_read_object(dir, i, &entry);
		if (r == 0 && s->n_objects == room) {
			struct snapshot_object *objects;

			room = room ? room * 2 : 16;
			objects = reallocarray(s->objects, room, sizeof(*objects));
			if (!objects)
				return -ENOMEM;
			s->objects = objects;
		}
		if (r == 0)
			s->objects[s->n_objects++] = (struct snapshot_object){ .entry = entry,
									       .index = i };
		if (scan_ends(&scan, r, entry.state))
			break;
	}
	return 0;
}

static int copy_participants(struct snapshot *s, const struct shmreg_dir *dir, uint64_t own)
{
	struct scan scan = { .a_page = PAGE / sizeof(struct shmreg_dir_participant),
			     .expected = s->info.n_participants };
	size_t room = 0;

	for (uint32_t i = 0; i < dir->max_participants; i++) {
		struct shmreg_dir_participant entry;
		int r = -EAGAIN;

		for (unsigned int k = 0; k < READ_TRIES && r == -EAGAIN; k++)
			r = shmreg_dir_read_participant(dir, i, &entry);
		if (r == 0 && own && entry.id == own)
			continue;
		if (r == 0 && s->n_participants == room) {
			struct shmreg_dir_participant *participants;

			room = room ? room * 2 : 16;
			participants = reallocarray(s->participants, room, sizeof(*participants));
			if (!participants)
				return -ENOMEM;
			s->participants = participants;
		}
		if (r == 0)
			s->participants[s->n_participants++] = entry;
		if (scan_ends(&scan, r, entry.state))
			break;
	}
	return 0;
}

/* relaxed: words to look at, by which nobody finds anything */
static void copy_seats(struct snapshot *s, const struct shmreg_dir *dir)
{
	const uint64_t *seats = shmreg_dir_seats(dir);
	struct scan scan = { .a_page = PAGE / sizeof(*seats), .expected = s->info.n_seats };

	for (uint32_t i = 1; i < SHMREG_SEATS; i++) {
		s->seats[i] = shmreg_load_relaxed(&seats[i]);
		if (scan_ends(&scan, s->seats[i] == SHMREG_SEAT_FREE ? -ENOENT : 0,
			      SHMREG_ENTRY_LIVE))
			break;
	}
}

static int copy_directory(struct snapshot *s, const struct shmreg_dir *dir, uint64_t own)
{
	int r;

	s->header = *dir;
	copy_seats(s, dir);
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
