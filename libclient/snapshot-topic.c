/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <shmreg/abi/topic.h>
#include <shmreg/compiler.h>

#include "snapshot-copy.h"

/* (S4) in snapshot-copy.h */

/* Messages that are read in vain, in laps, before one is content with those that are there. */
#define LAPS 16
#define MORE 1000

struct topic {
	struct snapshot_copy *c;
	const struct shmreg_dir_object *o;
	struct shmreg_topic_geometry g;
	uint64_t capacity;
	uint32_t shift;
	uint64_t end;		/* first position that is not read yet */
	uint64_t whole;		/* from here on, all before end were read whole */
};

static uint64_t slot_at(const struct topic *t, uint64_t position)
{
	return t->o->offset + t->g.slots_offset + (position & (t->capacity - 1)) * 8;
}

static uint64_t chunk_at(const struct topic *t, uint64_t chunk)
{
	return t->o->offset + t->g.chunks_offset + chunk * t->g.stride;
}

static uint64_t turn_of(const struct topic *t, uint64_t position)
{
	return ((position >> t->shift) + 1) << SHMREG_TOPIC_TURN_SHIFT;
}

/* How many laps a slot's word is ahead of the turn of @position; less than 0: behind. */
static int64_t laps_ahead(const struct topic *t, uint64_t word, uint64_t position)
{
	return (int64_t)((word & ~SHMREG_TOPIC_CHUNK_MASK) - turn_of(t, position)) >>
	       SHMREG_TOPIC_TURN_SHIFT;
}

/*
 * The message at t->end, into the chunk that is at home there.
 * Return: true, and t->end has moved; false: there is none, or *broken.
 */
static bool read_message(struct topic *t, bool *broken)
{
	const uint64_t p = t->end, home = p & (t->capacity - 1);
	const uint64_t w = snapshot_load(t->c, slot_at(t, p));				/* P' */
	const struct shmreg_topic_chunk *header;
	int64_t ahead = laps_ahead(t, w, p);
	uint64_t chunk, bytes;

	if (ahead < 0) {
		*broken = ahead < -1;
		return false;
	}
	if (ahead == 0) {
		chunk = shmreg_topic_chunk_number(w, home);
		*broken = chunk >= t->g.n_chunks;
		if (*broken)
			return false;
		snapshot_bytes(t->c, chunk_at(t, home), chunk_at(t, chunk), t->g.elem_offset);
		header = snapshot_at(t->c, chunk_at(t, home));
		bytes = header->bytes < t->o->shape.elem_bytes ? header->bytes
							       : t->o->shape.elem_bytes;
		snapshot_bytes(t->c, chunk_at(t, home) + t->g.elem_offset,
			       chunk_at(t, chunk) + t->g.elem_offset, bytes);
		shmreg_fence_acquire();							/* W' */
		ahead = laps_ahead(t, snapshot_load(t->c, slot_at(t, p)), p);
		t->end = p + 1;
		if (ahead == 0)
			return true;
	}
	/* Lost, with all that are a lap before what has been published since. */
	t->end = p + 1 + (ahead > 1 ? (uint64_t)(ahead - 1) << t->shift : 0);
	t->whole = t->end;
	return true;
}

/* As a subscriber, from the oldest on. Return: false: no correct program wrote this. */
static bool read_messages(struct topic *t)
{
	const uint64_t tail =
		snapshot_load(t->c, t->o->offset + offsetof(struct shmreg_topic_shm, tail)); /* N' */
	uint64_t n = LAPS * t->capacity + MORE;
	bool broken = false;

	t->end = t->whole = tail - (tail < t->capacity ? tail : t->capacity);
	while (n > 0 && read_message(t, &broken))
		n--;
	return !broken && (int64_t)(t->end - tail) >= 0;
}

/* The slots of the copy: what was read is at home, and the next position is not published. */
static void write_slots(struct topic *t)
{
	const uint64_t first = t->end - (t->end < t->capacity ? t->end : t->capacity);
	struct shmreg_topic_chunk *header;
	uint64_t p, n_lost = 0;

	for (p = first; p != t->end; p++) {
		*(uint64_t *)snapshot_at(t->c, slot_at(t, p)) = turn_of(t, p);
		if ((int64_t)(p - t->whole) >= 0)
			continue;
		header = snapshot_at(t->c, chunk_at(t, p & (t->capacity - 1)));
		*header = (struct shmreg_topic_chunk){ .bytes = 0 };
		n_lost++;
	}
	if (n_lost != 0)
		snapshot_note(t->c, t->o, SHMREG_SNAPSHOT_LOST, n_lost);
}

/* What a publisher has with it may be half of a message. */
static void copy_spare(struct topic *t, uint32_t publisher)
{
	struct shmreg_topic_publisher *to =
		snapshot_at(t->c, t->o->offset + t->g.publishers_offset +
					  publisher * sizeof(struct shmreg_topic_publisher));
	const uint64_t home = t->capacity + publisher;
	const uint64_t chunk = shmreg_topic_chunk_number(to->spare, home);

	if (to->spare == 0 && to->owner == 0)
		return;
	if (chunk < t->g.n_chunks)
		snapshot_bytes(t->c, chunk_at(t, home), chunk_at(t, chunk),
			       t->g.elem_offset + t->o->shape.elem_bytes);
	to->spare &= ~SHMREG_TOPIC_CHUNK_MASK;
}

static void clamp_cursor(struct topic *t, uint32_t i)
{
	uint64_t *word = snapshot_at(t->c, t->o->offset + t->g.cursors_offset +
						   i * sizeof(struct shmreg_topic_cursor));
	const uint64_t end = t->end << SHMREG_TOPIC_POSITION_SHIFT;
	const uint64_t low = (UINT64_C(1) << SHMREG_TOPIC_POSITION_SHIFT) - 1;

	if ((*word & SHMREG_TOPIC_STATE_MASK) != SHMREG_TOPIC_EMPTY &&
	    (int64_t)((*word & ~low) - end) > 0)
		*word = end | (*word & low);
}

void snapshot_topic(struct snapshot_copy *c, const struct shmreg_dir_object *o)
{
	struct topic t = {
		.c = c,
		.o = o,
		.g = shmreg_topic_geometry(&o->shape),
		.capacity = o->shape.capacity,
		.shift = (uint32_t)__builtin_ctzll(o->shape.capacity),
	};
	uint32_t i;

	if (!snapshot_is_there(c, o->offset))
		return;
	if (!read_messages(&t)) {
		snapshot_raw(c, o->offset, o->bytes);
		snapshot_note(c, o, SHMREG_SNAPSHOT_BROKEN, 1);
		return;
	}
	write_slots(&t);
	shmreg_fence_acquire();	/* the messages, before the cursors */
	snapshot_words(c, o->offset, t.g.slots_offset);
	*(uint64_t *)snapshot_at(c, o->offset + offsetof(struct shmreg_topic_shm, tail)) = t.end;
	for (i = 0; i < o->shape.param[0]; i++)
		copy_spare(&t, i);
	for (i = 0; i < o->shape.param[1]; i++)
		clamp_cursor(&t, i);
}
