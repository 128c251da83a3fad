/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect.h"

/* Of one check of one object; the others are counted. A garbled object has thousands. */
#define KEPT_MAX 2

void inspection_deinit(struct inspection *x)
{
	free(x->list);
	*x = (struct inspection){ 0 };
}

static bool make_room(struct inspection *x)
{
	const size_t room = x->room ? x->room * 2 : 16;
	struct suspicion *list;

	if (x->n < x->room)
		return true;
	list = reallocarray(x->list, room, sizeof(*list));
	if (!list)
		return false;
	x->list = list;
	x->room = room;
	return true;
}

void suspect(struct inspection *x, enum severity severity, const char *check, const char *advice,
	     uint32_t seat, uint64_t key0, uint64_t key1, const char *text, ...)
{
	struct suspicion *first = NULL, *s = NULL;
	unsigned int n_kept = 0;
	va_list args;

	if (x->is_copy && x->object != INSPECT_NO_OBJECT && severity < FINDING_ERROR)
		return;
	for (size_t i = 0; i < x->n && !s; i++) {
		struct suspicion *other = &x->list[i];

		if (other->object != x->object || strcmp(other->check, check) != 0)
			continue;
		first = first ? first : other;
		n_kept++;
		if (other->key[0] == key0 && other->key[1] == key1)
			s = other;
	}
	if (s && s->n_looks == x->n_looks)
		return;		/* twice in this look */
	if (!s && n_kept >= KEPT_MAX) {
		first->n_more++;
		return;
	}
	/* Only what the first look did not like can be disliked by all. */
	if (!s && x->n_looks > 1)
		return;
	if (!s) {
		if (!make_room(x)) {
			x->failed = true;
			return;
		}
		s = &x->list[x->n++];
		*s = (struct suspicion){.check = check, .object = x->object, .key = {key0, key1}};
	}
	s->severity = severity;
	s->advice = advice;
	s->seat = seat;
	s->n_looks = x->n_looks;
	va_start(args, text);
	vsnprintf(s->text, sizeof(s->text), text, args);
	va_end(args);
}

uint64_t inspect_seat_state(const struct shmreg_dir *dir, uint64_t seat)
{
	if (!seat || seat >= SHMREG_SEATS)
		return SHMREG_SEAT_FREE;
	return shmreg_load_acquire(&shmreg_dir_seats(dir)[seat]) & SHMREG_SEAT_STATE_MASK;
}

int64_t inspect_participant(const struct shmreg_dir *dir, uint32_t seat)
{
	struct shmreg_dir_participant p;
	uint64_t word;

	if (!seat || seat >= SHMREG_SEATS)
		return -1;
	word = shmreg_load_acquire(&shmreg_dir_seats(dir)[seat]);
	if ((word & SHMREG_SEAT_STATE_MASK) == SHMREG_SEAT_FREE)
		return -1;
	for (uint32_t i = 0; i < dir->max_participants; i++)
		if (shmreg_dir_read_participant(dir, i, &p) == 0 &&
		    p.id == word >> SHMREG_SEAT_PARTICIPANT_SHIFT)
			return i;
	return -1;
}

void inspect_seat(struct inspection *x, uint64_t seat, uint64_t key0, uint64_t key1,
		  const char *what)
{
	if (!seat || seat >= SHMREG_SEATS)
		suspect(x, FINDING_ERROR, "object.seat", ADVICE_GARBLED, 0, key0, key1,
			"%s is held by seat %llu, which cannot be: somebody who may write wrote "
			"over it",
			what, (unsigned long long)seat);
	else if (!x->is_copy && inspect_seat_state(x->dir, seat) == SHMREG_SEAT_FREE)
		suspect(x, FINDING_ERROR, "object.seat", ADVICE_GARBLED, 0, key0, key1,
			"%s is held by seat %llu, which nobody has: it is never given back", what,
			(unsigned long long)seat);
}

bool inspection_has_error(const struct inspection *x, uint32_t object)
{
	for (size_t i = 0; i < x->n; i++)
		if (x->list[i].object == object && x->list[i].severity == FINDING_ERROR)
			return true;
	return false;
}

static void inspect_object(struct inspection *x, const struct inspected *o)
{
	switch (o->entry.shape.kind) {
	case SHMREG_KIND_QUEUE:
		inspect_queue(x, o);
		break;
	case SHMREG_KIND_RING:
		inspect_ring(x, o);
		break;
	case SHMREG_KIND_TOPIC:
		inspect_topic(x, o);
		break;
	case SHMREG_KIND_POOL:
		inspect_pool(x, o);
		break;
	case SHMREG_KIND_CELL:
		inspect_cell(x, o);
		break;
	default:
		break;	/* any bytes are an array or an atomic */
	}
}

/* The daemon's word is not enough for us, who look whether it is right. */
static bool lies_within(const struct shmreg_dir *dir, const struct shmreg_dir_object *o)
{
	uint64_t bytes, align;

	return shmreg_shape_bytes(&o->shape, &bytes, &align, NULL) == 0 && bytes == o->bytes &&
	       o->offset % align == 0 && bytes <= dir->data_bytes &&
	       o->offset <= dir->data_bytes - bytes;
}

static void forget(struct inspection *x)
{
	size_t n = 0;

	for (size_t i = 0; i < x->n; i++)
		if (x->list[i].n_looks == x->n_looks)
			x->list[n++] = x->list[i];
	x->n = n;
}

size_t inspect_look(struct inspection *x, const struct shmreg_dir *dir, const void *data)
{
	struct inspected o;

	x->dir = dir;
	x->data = data;
	x->n_looks++;
	for (size_t i = 0; i < x->n; i++)
		x->list[i].n_more = 0;
	x->object = INSPECT_NO_OBJECT;
	inspect_directory(x);
	for (uint32_t i = 0; data && i < dir->max_objects; i++) {
		if (shmreg_dir_read_object(dir, i, &o.entry) < 0 ||
		    o.entry.state != SHMREG_ENTRY_LIVE || !lies_within(dir, &o.entry))
			continue;
		x->object = i;
		o.base = x->data + o.entry.offset;
		inspect_object(x, &o);
	}
	x->object = INSPECT_NO_OBJECT;
	forget(x);
	return x->n;
}
