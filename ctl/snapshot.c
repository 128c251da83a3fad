/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "rate.h"
#include "snapshot.h"

/* More than that are there only in garbled objects; they say nothing. */
#define HOLDERS_MAX 65536

int snapshot_add_holder(struct snapshot *s, const struct snapshot_holder *holder)
{
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
	s->holders[s->n_holders++] = *holder;
	return 0;
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

const char *snapshot_name(const struct snapshot *s, uint64_t id)
{
	for (size_t i = 0; i < s->n_objects; i++)
		if (s->objects[i].entry.id == id)
			return s->objects[i].entry.name;
	return NULL;
}

static int by_index(const void *index, const void *object)
{
	const uint32_t a = *(const uint32_t *)index;
	const uint32_t b = ((const struct snapshot_object *)object)->index;

	return a < b ? -1 : a > b;
}

/* They were copied in the order of the directory. */
static const struct snapshot_object *object_at(const struct snapshot *s, uint32_t index)
{
	return s->n_objects ? bsearch(&index, s->objects, s->n_objects, sizeof(*s->objects), by_index) :
			      NULL;
}

const char *snapshot_name_at(const struct snapshot *s, uint32_t index)
{
	const struct snapshot_object *o = object_at(s, index);

	return o ? o->entry.name : NULL;
}

bool snapshot_rate(const struct snapshot *before, const struct snapshot *after,
		   const struct snapshot_object *object, const struct snapshot_fact *fact, size_t i,
		   double *ret)
{
	const uint64_t elapsed = after->read_ns - before->read_ns;
	const struct snapshot_object *o = object_at(before, object->index);

	/* Another one may have its place, in a segment that may have another's name. */
	if (!fact->rate || !elapsed || !object->read || !o || !o->read ||
	    o->entry.id != object->entry.id || before->header.segment != after->header.segment)
		return false;
	*ret = rate_per_second(rate_risen(o->value[i], object->value[i], fact->modulus), elapsed);
	return true;
}
