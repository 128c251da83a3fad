/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static int copy_participants(struct snapshot *s, const struct shmreg_dir *dir)
{
	s->participants = calloc(dir->max_participants, sizeof(*s->participants));
	if (!s->participants)
		return -ENOMEM;
	for (uint32_t i = 0; i < dir->max_participants; i++) {
		int r = -EAGAIN;

		for (unsigned int k = 0; k < READ_TRIES && r == -EAGAIN; k++)
			r = shmreg_dir_read_participant(dir, i, &s->participants[s->n_participants]);
		s->n_participants += r == 0;
	}
	return 0;
}

static int copy_directory(struct snapshot *s, const struct shmreg_dir *dir)
{
	const uint64_t *seats = shmreg_dir_seats(dir);
	int r;

	s->header = *dir;
	/* relaxed: words to look at, by which nobody finds anything */
	for (uint32_t i = 0; i < SHMREG_SEATS; i++)
		s->seats[i] = shmreg_load_relaxed(&seats[i]);
	r = copy_objects(s, dir);
	return r < 0 ? r : copy_participants(s, dir);
}

static int read_data(struct snapshot *s, struct shmreg_segment *segment)
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
	clock_gettime(CLOCK_MONOTONIC, &now);
	s->read_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	return 0;
}

static int take(struct snapshot *s, struct shmreg_connection *connection, const char *name)
{
	struct shmreg_segment *segment = NULL;
	const struct shmreg_dir *dir = NULL;
	int r;

	/* Before attaching, so that we are not in what we show. */
	r = shmreg_segment_describe(connection, name, &s->info, &dir);
	if (r < 0)
		return r;
	r = copy_directory(s, dir);
	shmreg_dir_unmap(dir);
	if (r < 0)
		return r;
	r = shmreg_segment_open(connection, &segment, name, SHMREG_ACCESS_READ);
	if (r < 0) {
		snprintf(s->why_not, sizeof(s->why_not), "%s", shmreg_error());
		return 0;
	}
	/* Another segment has got the name in between. */
	if (shmreg_segment_dir(segment)->segment == s->header.segment) {
		s->attached = true;
		r = read_data(s, segment);
	} else {
		snprintf(s->why_not, sizeof(s->why_not), "it has just been replaced by another");
	}
	shmreg_segment_close(segment);
	return r;
}

int snapshot_take(const struct ctl *ctl, const char *name, struct snapshot **ret)
{
	struct shmreg_connection *connection;
	struct snapshot *s;
	int r;

	r = ctl_connect(ctl, &connection, 0);
	if (r)
		return r;
	s = calloc(1, sizeof(*s));
	r = s ? take(s, connection, name) : -ENOMEM;
	if (r == -ENOMEM) {
		r = ctl_fail("no memory is left");
		snapshot_free(s);
	} else if (r < 0) {
		r = ctl_failed(r);
		snapshot_free(s);
	} else {
		*ret = s;
	}
	shmreg_disconnect(connection);
	return r;
}
