/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "inspect.h"

/*
 * The directory is the daemon's, who checks it when it starts: what is wrong here is a bug of the
 * daemon's, or of the machine's memory.
 */
#define ADVICE_DIRECTORY "journalctl -u shmregd -n 50\nshmregctl rm %s"

struct entries {
	struct shmreg_dir_object *objects;
	uint32_t *index;
	size_t n_objects;
	struct shmreg_dir_participant *participants;
	size_t n_participants;
};

static void inspect_head(struct inspection *x)
{
	const struct shmreg_dir *d = x->dir;

	if (shmreg_dir_check(d, d->dir_bytes) < 0)
		suspect(x, FINDING_ERROR, "directory.head", ADVICE_DIRECTORY, 0, 0, 0,
			"the directory's head makes no sense");
	if (shmreg_load_acquire(&d->flags) & SHMREG_DIR_QUARANTINED)
		suspect(x, FINDING_ERROR, "segment.quarantined",
			"journalctl -u shmregd SEGMENT=%s -n 20\nshmregctl rm %s", 0, 0, 0,
			"it is quarantined: its repair failed three times, nobody can attach any "
			"more; end "
			"its processes, remove it, and let it be made anew");
	if (shmreg_load_acquire(&d->flags) & SHMREG_DIR_ORPHANED)
		suspect(x, FINDING_ERROR, "segment.orphaned", "systemctl start shmregd.socket", 0,
			0, 0,
			"its daemon was stopped: who is attached goes on, but nobody repairs and "
			"it has no "
			"name any more");
	if (shmreg_load_acquire(&d->state) == SHMREG_DIR_REMOVED)
		suspect(x, FINDING_NOTE, "segment.removed", "shmregctl ls", 0, 0, 0,
			"it is removed, and there only for those who are attached");
}

static void inspect_object_entry(struct inspection *x, const struct shmreg_dir_object *o)
{
	const char *why = "is not what it takes";
	uint64_t bytes, align;

	if (o->state > SHMREG_ENTRY_REMOVED || o->id == 0 ||
	    shmreg_name_check(o->name, SHMREG_OBJECT_NAME_MAX, &why) < 0 ||
	    (o->type_name[0] && shmreg_type_name_check(o->type_name, &why) < 0))
		suspect(x, FINDING_ERROR, "directory.object", ADVICE_DIRECTORY, 0, o->id, 0,
			"its entry in the directory makes no sense: the name %s", why);
	else if (shmreg_shape_bytes(&o->shape, &bytes, &align, &why) == -EPROTONOSUPPORT)
		suspect(x, FINDING_NOTE, "directory.layout", NULL, 0, o->id, 1,
			"it %s: a newer shmregctl knows it", why);
	else if (shmreg_shape_bytes(&o->shape, &bytes, &align, &why) < 0)
		suspect(x, FINDING_ERROR, "directory.object", ADVICE_DIRECTORY, 0, o->id, 2,
			"its entry in the directory %s", why);
	else if (o->bytes != bytes || o->offset % align || bytes > x->dir->data_bytes ||
		 o->offset > x->dir->data_bytes - bytes)
		suspect(x, FINDING_ERROR, "directory.object", ADVICE_DIRECTORY, 0, o->id, 3,
			"%" PRIu64 " bytes from %" PRIu64
			" on are said to be its, which do not lie in the data "
			"area of %" PRIu64 ", or are not what it takes",
			o->bytes, o->offset, x->dir->data_bytes);
}

/* Who looks it up by its name must find it. */
static void inspect_name(struct inspection *x, const struct shmreg_dir_object *o)
{
	struct shmreg_dir_object found;
	int r;

	if (o->state != SHMREG_ENTRY_LIVE)
		return;
	r = shmreg_dir_find(x->dir, o->name, &found, NULL);
	if (r == -ENOENT || (r == 0 && found.id != o->id))
		suspect(x, FINDING_ERROR, "directory.index", ADVICE_DIRECTORY, 0, o->id, 0,
			"who looks it up by its name %s",
			r < 0 ? "does not find it" : "finds another");
}

struct range {
	uint64_t begin, end;
	uint64_t id;
	uint32_t index;
	const char *name;
};

static int compare_ranges(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->begin < y->begin ? -1 : x->begin > y->begin;
}

static int compare_ids(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

/* Numbers that are there twice; objects that lie in the same memory. */
static void inspect_pairs(struct inspection *x, const struct entries *e)
{
	struct range *ranges = calloc(e->n_objects + 1, sizeof(*ranges));

	if (!ranges) {
		x->failed = true;
		return;
	}
	for (size_t i = 0; i < e->n_objects; i++)
		ranges[i] = (struct range){ e->objects[i].offset,
					    e->objects[i].offset + e->objects[i].bytes,
					    e->objects[i].id, e->index[i], e->objects[i].name };
	qsort(ranges, e->n_objects, sizeof(*ranges), compare_ids);
	for (size_t i = 1; i < e->n_objects; i++) {
		if (ranges[i].id != ranges[i - 1].id)
			continue;
		x->object = ranges[i].index;
		suspect(x, FINDING_ERROR, "directory.twice", ADVICE_DIRECTORY, 0, ranges[i].id, 0,
			"its number %" PRIu64 " is there twice", ranges[i].id);
	}
	qsort(ranges, e->n_objects, sizeof(*ranges), compare_ranges);
	for (size_t i = 1; i < e->n_objects; i++) {
		if (ranges[i].begin >= ranges[i - 1].end)
			continue;
		x->object = ranges[i].index;
		suspect(x, FINDING_ERROR, "directory.overlap", ADVICE_DIRECTORY, 0,
			ranges[i - 1].id, ranges[i].id,
			"it and '%s' lie in the same memory, at %" PRIu64, ranges[i - 1].name,
			ranges[i].begin);
	}
	free(ranges);
}

static void inspect_objects(struct inspection *x, const struct entries *e)
{
	for (size_t i = 0; i < e->n_objects; i++) {
		x->object = e->index[i];
		inspect_object_entry(x, &e->objects[i]);
		inspect_name(x, &e->objects[i]);
	}
	inspect_pairs(x, e);
	x->object = INSPECT_NO_OBJECT;
}

static int compare_participants(const void *a, const void *b)
{
	const struct shmreg_dir_participant *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static const struct shmreg_dir_participant *participant(const struct entries *e, uint64_t id)
{
	const struct shmreg_dir_participant key = { .id = id };

	return bsearch(&key, e->participants, e->n_participants, sizeof(key), compare_participants);
}

static void inspect_participants(struct inspection *x, const struct entries *e)
{
	for (size_t i = 0; i < e->n_participants; i++) {
		const struct shmreg_dir_participant *p = &e->participants[i];

		if (p->state > SHMREG_ENTRY_DEAD || p->id == 0)
			suspect(x, FINDING_ERROR, "directory.participant", ADVICE_DIRECTORY, 0,
				p->id, 0, "the entry of participant %" PRIu64 " makes no sense",
				p->id);
		else if (p->state == SHMREG_ENTRY_DEAD)
			suspect(x, FINDING_WARNING, "segment.unrepaired",
				"journalctl -u shmregd SEGMENT=%s -n 20", 0, p->id, 0,
				"participant %" PRIu64 " (pid %" PRIu32 ", '%s') %s, and what it "
				"held is not repaired yet",
				p->id, p->pid, p->name,
				p->flags & SHMREG_PARTICIPANT_LEFT ? "has left" : "died");
	}
}

static void inspect_seats(struct inspection *x, const struct entries *e)
{
	const uint64_t *seats = shmreg_dir_seats(x->dir);

	for (uint32_t i = 0; i < SHMREG_SEATS; i++) {
		const uint64_t w = shmreg_load_acquire(&seats[i]);
		const uint64_t state = w & SHMREG_SEAT_STATE_MASK;
		const struct shmreg_dir_participant *p;

		if (w == SHMREG_SEAT_FREE)
			continue;
		p = participant(e, w >> SHMREG_SEAT_PARTICIPANT_SHIFT);
		/* An attachment may not be committed yet; but then it is a moment later. */
		if (i == 0 || state > SHMREG_SEAT_DEAD || !p)
			suspect(x, FINDING_ERROR, "directory.seat", ADVICE_DIRECTORY, 0, i, w,
				"seat %" PRIu32 " is somebody's who is not there", i);
		else if (state == SHMREG_SEAT_DEAD && p->state == SHMREG_ENTRY_LIVE)
			suspect(x, FINDING_ERROR, "directory.seat", ADVICE_DIRECTORY, 0, i, w,
				"seat %" PRIu32 " is said to be dead, and its participant %" PRIu64
				" to live",
				i, p->id);
	}
}

void inspect_directory(struct inspection *x)
{
	const struct shmreg_dir *d = x->dir;
	struct entries e = {
		.objects = calloc(d->max_objects, sizeof(*e.objects)),
		.index = calloc(d->max_objects, sizeof(*e.index)),
		.participants = calloc(d->max_participants, sizeof(*e.participants)),
	};

	if (e.objects && e.index && e.participants) {
		for (uint32_t i = 0; i < d->max_objects; i++)
			if (shmreg_dir_read_object(d, i, &e.objects[e.n_objects]) == 0)
				e.index[e.n_objects++] = i;
		for (uint32_t i = 0; i < d->max_participants; i++)
			if (shmreg_dir_read_participant(d, i, &e.participants[e.n_participants]) ==
			    0)
				e.n_participants++;
		qsort(e.participants, e.n_participants, sizeof(*e.participants),
		      compare_participants);
		inspect_head(x);
		inspect_objects(x, &e);
		inspect_participants(x, &e);
		inspect_seats(x, &e);
	} else {
		x->failed = true;
	}
	free(e.objects);
	free(e.index);
	free(e.participants);
}
