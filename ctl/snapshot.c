/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shmreg/atomic.h>

#include "snapshot.h"

/* An entry that is being written is free or committed by one of the next looks. */
#define READ_TRIES 100
/* More slots than that are held only in a garbled queue; they say nothing. */
#define HOLDERS_MAX 65536

static int copy_objects(struct snapshot *s, const struct shmreg_dir *dir)
{
	s->objects = calloc(dir->max_objects, sizeof(*s->objects));
	if (!s->objects)
		return -ENOMEM;
	for (uint32_t i = 0; i < dir->max_objects; i++) {
		int r = -EAGAIN;

		for (unsigned int k = 0; k < READ_TRIES && r == -EAGAIN; k++)
			r = shmreg_dir_read_object(dir, i, &s->objects[s->n_objects].entry);
		s->n_objects += r == 0;
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

struct visit {
	struct snapshot *snapshot;
	size_t object;
};

static int visit_holder(void *data, const struct shmreg_queue_holder *slot)
{
	const struct visit *v = data;
	struct snapshot *s = v->snapshot;
	struct snapshot_holder *holders;

	if (s->n_holders == HOLDERS_MAX)
		return 1;
	if (!(s->n_holders & (s->n_holders - 1))) {
		holders = reallocarray(s->holders, s->n_holders ? s->n_holders * 2 : 1,
				       sizeof(*holders));
		if (!holders)
			return -ENOMEM;
		s->holders = holders;
	}
	s->holders[s->n_holders++] = (struct snapshot_holder){ .object = v->object, .slot = *slot };
	return 0;
}

static int read_queue(struct snapshot *s, struct shmreg_segment *segment, size_t i)
{
	const struct shmreg_queue_params params = { .size = sizeof(params) };
	struct snapshot_object *o = &s->objects[i];
	struct visit visit = { .snapshot = s, .object = i };
	const struct shmreg_queue *queue;
	int r;

	/* Removed meanwhile, of a layout unknown here: shown without. */
	if (shmreg_queue_open_const(segment, &queue, o->entry.name, &params) < 0)
		return 0;
	o->queue.size = sizeof(o->queue);
	o->read = shmreg_queue_stat(queue, &o->queue) == 0;
	r = shmreg_queue_holders(queue, visit_holder, &visit);
	shmreg_queue_close(queue);
	return r < 0 ? r : 0;
}

static void read_atomic(struct snapshot_object *o, struct shmreg_segment *segment)
{
	const struct shmreg_atomic_params params = { .size = sizeof(params) };
	const struct shmreg_atomic *atomic;

	if (shmreg_atomic_open_const(segment, &atomic, o->entry.name, &params) < 0)
		return;
	o->read = true;
	switch (o->entry.shape.elem_bytes) {
	case 1:
		o->value = shmreg_atomic8_load_relaxed(shmreg_atomic8_cell_const(atomic));
		break;
	case 2:
		o->value = shmreg_atomic16_load_relaxed(shmreg_atomic16_cell_const(atomic));
		break;
	case 4:
		o->value = shmreg_atomic32_load_relaxed(shmreg_atomic32_cell_const(atomic));
		break;
	case 8:
		o->value = shmreg_atomic64_load_relaxed(shmreg_atomic64_cell_const(atomic));
		break;
	default:
		o->read = false;
	}
	shmreg_atomic_close(atomic);
}

static int read_data(struct snapshot *s, struct shmreg_segment *segment)
{
	for (size_t i = 0; i < s->n_objects; i++) {
		struct snapshot_object *o = &s->objects[i];
		int r = 0;

		if (o->entry.state != SHMREG_ENTRY_LIVE)
			continue;
		if (o->entry.shape.kind == SHMREG_KIND_QUEUE)
			r = read_queue(s, segment, i);
		else if (o->entry.shape.kind == SHMREG_KIND_ATOMIC)
			read_atomic(o, segment);
		if (r < 0)
			return r;
	}
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

struct snapshot *snapshot_free(struct snapshot *s)
{
	if (!s)
		return NULL;
	free(s->participants);
	free(s->objects);
	free(s->holders);
	free(s);
	return NULL;
}

const struct shmreg_dir_participant *snapshot_seat(const struct snapshot *s, uint32_t seat)
{
	uint64_t id;

	if (!seat || seat >= SHMREG_SEATS ||
	    (s->seats[seat] & SHMREG_SEAT_STATE_MASK) == SHMREG_SEAT_FREE)
		return NULL;
	id = s->seats[seat] >> SHMREG_SEAT_PARTICIPANT_SHIFT;
	for (size_t i = 0; i < s->n_participants; i++)
		if (s->participants[i].id == id)
			return &s->participants[i];
	return NULL;
}
