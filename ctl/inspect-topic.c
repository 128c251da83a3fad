/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>

#include <shmreg/abi/topic.h>

#include "inspect.h"

/* Words of a topic: shmreg/abi/topic.h; chunks in slots and with publishers: (I3), topic-inline.h.
 */

#define TURN_BITS (64 - SHMREG_TOPIC_TURN_SHIFT)

struct topic {
	const struct inspected *o;
	struct shmreg_topic_geometry g;
	uint64_t mask;
	unsigned int shift;
	uint64_t newest;	/* the first position not published, before the slots were read, */
	uint64_t newest_after;	/* and after */
};

static uint64_t slot_at(const struct topic *t, uint64_t index)
{
	return shmreg_load_acquire(
	    (const uint64_t *)(const void *)(t->o->base + t->g.slots_offset) + index);
}

static const struct shmreg_topic_publisher *publisher_at(const struct topic *t, uint32_t i)
{
	return (const struct shmreg_topic_publisher *)(const void *)(t->o->base +
								     t->g.publishers_offset) + i;
}

static uint64_t turn_of(const struct topic *t, uint64_t position)
{
	return ((position >> t->shift) + 1) & (UINT64_MAX >> SHMREG_TOPIC_TURN_SHIFT);
}

/* Of 40 bits. */
static int64_t turns_ahead(uint64_t a, uint64_t b)
{
	return (int64_t)((a - b) << (64 - TURN_BITS)) >> (64 - TURN_BITS);
}

/* Return: false, if the tail is ahead of what is there, or there is no end. */
static bool find_newest(const struct topic *t, uint64_t *ret)
{
	const struct shmreg_topic_shm *shm = (const void *)t->o->base;
	uint64_t position = shmreg_load_acquire(&shm->tail);

	if (position && turns_ahead(slot_at(t, (position - 1) & t->mask) >> SHMREG_TOPIC_TURN_SHIFT,
				    turn_of(t, position - 1)) < 0)
		return false;
	for (uint64_t i = 0; i <= 4 * (t->mask + 1); i++, position++)
		if (turns_ahead(slot_at(t, position & t->mask) >> SHMREG_TOPIC_TURN_SHIFT,
				turn_of(t, position)) < 0) {
			*ret = position;
			return true;
		}
	return false;
}

static void inspect_turn(struct inspection *x, const struct topic *t, uint64_t index, uint64_t w)
{
	const uint64_t turn = w >> SHMREG_TOPIC_TURN_SHIFT;
	/* The last position of this slot that was published, then and now. */
	const uint64_t last = t->newest - 1 - ((t->newest - 1 - index) & t->mask);
	const uint64_t last_after = t->newest_after - 1 - ((t->newest_after - 1 - index) & t->mask);

	if (turns_ahead(turn, turn_of(t, last)) < 0 ||
	    turns_ahead(turn, turn_of(t, last_after)) > 0 ||
	    shmreg_topic_chunk_number(w, index) >= t->g.n_chunks)
		suspect(x, FINDING_ERROR, "topic.slot", ADVICE_GARBLED, 0, index, w,
			"slot %" PRIu64 " says %#" PRIx64
			", which no correct process writes there: somebody "
			"who may write wrote over it",
			index, w);
}

/* @owner: of each chunk, who was seen to have it, plus 1: slots, then publishers. */
static void note_chunk(struct inspection *x, const struct topic *t, uint64_t *owner, uint64_t place,
		       uint64_t w, const char *what)
{
	const uint64_t chunk = shmreg_topic_chunk_number(w, place);

	if (chunk >= t->g.n_chunks)
		return;
	if (owner[chunk])
		suspect(x, FINDING_ERROR, "topic.chunk", ADVICE_GARBLED, 0, place, w,
			"a message's memory is in two places at once, slot %" PRIu64
			" and %s %" PRIu64 ": somebody who may write wrote over it",
			owner[chunk] - 1, what, place > t->mask ? place - t->mask - 1 : place);
	owner[chunk] = place + 1;
}

static void inspect_chunks(struct inspection *x, struct topic *t)
{
	const uint64_t capacity = t->mask + 1;
	uint64_t *owner, *words;
	uint64_t used;

	if (!find_newest(t, &t->newest)) {
		suspect(x, FINDING_ERROR, "topic.tail", ADVICE_GARBLED, 0, 0, 0,
			"its tail and its slots do not fit each other: somebody who may write "
			"wrote over it");
		return;
	}
	used = t->newest < capacity ? t->newest : capacity;
	owner = calloc(t->g.n_chunks, sizeof(*owner));
	words = calloc(used + 1, sizeof(*words));
	if (!owner || !words) {
		x->failed = true;
		goto out;
	}
	for (uint64_t i = 0; i < used; i++)
		words[i] = slot_at(t, i);
	if (!find_newest(t, &t->newest_after))
		goto out;
	x->n_words += used;
	for (uint64_t i = 0; i < capacity; i++) {
		const uint64_t w = i < used ? words[i] : 0;	/* else a hole, perhaps */

		if (i < used)
			inspect_turn(x, t, i, w);
		note_chunk(x, t, owner, i, w, "slot");
	}
	for (uint32_t i = 0; i < t->o->entry.shape.param[0]; i++) {
		const struct shmreg_topic_publisher *p = publisher_at(t, i);

		/* Of a publisher that is there the last publication may not be settled. */
		if (!shmreg_load_acquire(&p->owner))
			note_chunk(x, t, owner, capacity + i, shmreg_load_acquire(&p->spare),
				   "publisher's place");
	}
out:
	free(owner);
	free(words);
}

static void inspect_publishers(struct inspection *x, const struct topic *t)
{
	for (uint32_t i = 0; i < t->o->entry.shape.param[0]; i++) {
		const uint64_t owner = shmreg_load_acquire(&publisher_at(t, i)->owner);

		if (owner)
			inspect_seat(x, owner, i, owner, "a publisher's role");
	}
}

static void inspect_cursor(struct inspection *x, const struct topic *t, uint32_t i, uint64_t w)
{
	const bool reliable = t->o->entry.shape.flags & SHMREG_TOPIC_RELIABLE;
	const uint64_t state = w & SHMREG_TOPIC_STATE_MASK;
	const uint32_t seat = (uint32_t)((w & SHMREG_TOPIC_SEAT_MASK) >> SHMREG_TOPIC_SEAT_SHIFT);
	const uint64_t room = reliable && t->o->entry.shape.param[2] ? t->o->entry.shape.param[2] :
								       t->mask + 1;
	int64_t lag;

	if (state > SHMREG_TOPIC_EVICTED) {
		suspect(x, FINDING_ERROR, "topic.cursor", ADVICE_GARBLED, 0, i, w,
			"cursor %" PRIu32 " says %#" PRIx64
			", which no correct process writes there",
			i, w);
		return;
	}
	inspect_seat(x, seat, i, w, "a cursor");
	if (state == SHMREG_TOPIC_EVICTED || !reliable)
		return;
	lag = (int64_t)((t->newest - (w >> SHMREG_TOPIC_POSITION_SHIFT))
			<< SHMREG_TOPIC_POSITION_SHIFT) >>
	      SHMREG_TOPIC_POSITION_SHIFT;
	if (lag > (int64_t)(t->mask + 1))
		suspect(x, FINDING_ERROR, "topic.cursor", ADVICE_GARBLED, seat, i, w,
			"cursor %" PRIu32 " is %" PRId64
			" messages behind, which is more than a reliable "
			"topic has: somebody who may write wrote over it",
			i, lag);
	else if (lag >= (int64_t)room && !t->o->entry.shape.param[2])
		suspect(x, FINDING_NOTE, "topic.slow", ADVICE_PROCESS, seat, i, w,
			"publishers have no room: subscriber %" PRIu32 " (seat %" PRIu32
			") has %" PRId64 " messages to read, and does not",
			i, seat, lag);
}

void inspect_topic(struct inspection *x, const struct inspected *o)
{
	struct topic t = {
		.o = o,
		.g = shmreg_topic_geometry(&o->entry.shape),
		.mask = o->entry.shape.capacity - 1,
		.shift = (unsigned int)__builtin_ctzll(o->entry.shape.capacity),
	};
	const struct shmreg_topic_cursor *cursors = (const void *)(o->base + t.g.cursors_offset);

	inspect_publishers(x, &t);
	inspect_chunks(x, &t);
	for (uint32_t i = 0; i < o->entry.shape.param[1]; i++) {
		const uint64_t w = shmreg_load_acquire(&cursors[i].word);

		if ((w & SHMREG_TOPIC_STATE_MASK) != SHMREG_TOPIC_EMPTY)
			inspect_cursor(x, &t, i, w);
	}
}
