/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <inttypes.h>

#include <shmreg/abi/queue.h>

#include "inspect.h"

/* Words of a queue: shmreg/abi/queue.h; (I1) and so on: shmreg/queue-inline.h. */

#define POSITION_MASK (UINT64_MAX >> SHMREG_QUEUE_POS_SHIFT)
#define COUNTER_TRIES 64

struct queue {
	const struct shmreg_queue_shm *shm;
	const struct inspected *o;
	uint64_t mask, stride, lap_mask;
	uint64_t head, tail;		/* positions, at one moment */
	uint64_t tail_word;
};

static uint64_t word_at(const struct queue *q, uint64_t position)
{
	return shmreg_load_acquire((const uint64_t *)(const void *)(q->o->base +
			sizeof(struct shmreg_queue_shm) + (position & q->mask) * q->stride));
}

/* What stands in the slot of a position in this state, without owner. */
static uint64_t expected(const struct queue *q, uint64_t position, uint64_t state)
{
	return (position << SHMREG_QUEUE_POS_SHIFT & q->lap_mask) | state;
}

/* Both counters as they were at one moment: the head did not move while the tail was read. */
static bool read_counters(struct queue *q)
{
	for (int i = 0; i < COUNTER_TRIES; i++) {
		const uint64_t head = shmreg_load_acquire(&q->shm->head);

		q->tail_word = shmreg_load_acquire(&q->shm->tail);
		if (shmreg_load_acquire(&q->shm->head) != head)
			continue;
		q->head = head >> SHMREG_QUEUE_POS_SHIFT;
		q->tail = q->tail_word >> SHMREG_QUEUE_POS_SHIFT;
		return true;
	}
	return false;
}

static uint32_t owner_of(uint64_t word)
{
	return (uint32_t)((word & SHMREG_QUEUE_OWNER_MASK) >> SHMREG_QUEUE_OWNER_SHIFT);
}

static uint64_t count_of(uint64_t word)
{
	return (word & SHMREG_QUEUE_N_MASK) >> SHMREG_QUEUE_N_SHIFT;
}

/* (I2): may this stand in the slot of @position, one of the capacity from the head on? */
static bool is_possible(const struct queue *q, uint64_t position, uint64_t w)
{
	const bool pushed = ((position - q->head) & POSITION_MASK) <
			    ((q->tail - q->head) & POSITION_MASK);
	const uint64_t state = w & SHMREG_QUEUE_STATE_MASK;
	const uint64_t marks = w & (SHMREG_QUEUE_OWNER_MASK | SHMREG_QUEUE_N_MASK);
	const bool is_marked = state == SHMREG_QUEUE_WRITING || state == SHMREG_QUEUE_READING;
	const uint64_t lap = w & q->lap_mask;
	const uint64_t before = position - (q->mask + 1);

	if (is_marked != (marks != 0) ||
	    ((w & ~q->lap_mask & ~SHMREG_QUEUE_LOW_MASK) != 0))
		return false;
	if (pushed)
		return lap == expected(q, position, 0) &&
		       (state == SHMREG_QUEUE_FREE || state == SHMREG_QUEUE_WRITING ||
			state == SHMREG_QUEUE_READY || state == SHMREG_QUEUE_TOMB);
	if (lap == expected(q, position, 0))
		return state == SHMREG_QUEUE_FREE;
	return lap == expected(q, before, 0) &&
	       (state == SHMREG_QUEUE_READY || state == SHMREG_QUEUE_READING ||
		state == SHMREG_QUEUE_TOMB || state == SHMREG_QUEUE_REDEL);
}

static void inspect_slots(struct inspection *x, const struct queue *q)
{
	const bool all = q->tail > q->mask || shmreg_load_relaxed(&q->shm->lapped) != 0;
	const uint64_t used = all ? q->mask + 1 : q->tail;

	for (uint64_t i = 0; i < used && i < INSPECT_SLOTS_MAX; i++) {
		const uint64_t index = (all ? q->head + i : i) & q->mask;
		const uint64_t position = (q->head + ((index - q->head) & q->mask)) & POSITION_MASK;
		const uint64_t w = word_at(q, index);
		const uint64_t state = w & SHMREG_QUEUE_STATE_MASK;

		x->n_words++;
		if (!is_possible(q, position, w))
			suspect(x, FINDING_ERROR, "queue.slot", ADVICE_GARBLED, 0, index, w,
				"slot %" PRIu64 " says %#" PRIx64
				", which no correct process writes there: "
				"somebody who may write wrote over it, and operations that meet it "
				"fail with EUCLEAN",
				index, w);
		else if (state == SHMREG_QUEUE_WRITING || state == SHMREG_QUEUE_READING)
			inspect_seat(x, owner_of(w), index, w, "a slot");
	}
}

/* Who pushes at @position, whose slot says FREE: the last claim's owner, or a leader's before it.
 */
static uint32_t claimant(const struct queue *q, uint64_t position)
{
	if (((q->tail - position) & POSITION_MASK) <= count_of(q->tail_word))
		return owner_of(q->tail_word);
	for (uint64_t i = 1; i < SHMREG_QUEUE_BATCH_MAX && i <= q->mask; i++) {
		const uint64_t leader = (position - i) & POSITION_MASK;
		const uint64_t w = word_at(q, leader);

		if ((w & (q->lap_mask | SHMREG_QUEUE_STATE_MASK)) ==
		    expected(q, leader, SHMREG_QUEUE_WRITING))
			return count_of(w) > i ? owner_of(w) : 0;
	}
	return 0;
}

/* The element that all consumers stand before. */
static void inspect_head(struct inspection *x, const struct queue *q)
{
	uint64_t w;

	if (q->head == q->tail)
		return;
	w = word_at(q, q->head);
	if ((w & ~(SHMREG_QUEUE_OWNER_MASK | SHMREG_QUEUE_N_MASK)) ==
	    expected(q, q->head, SHMREG_QUEUE_WRITING))
		suspect(x, FINDING_NOTE, "queue.push", ADVICE_PROCESS, owner_of(w), q->head, w,
			"consumers wait for element %" PRIu64 ", which seat %u has begun to "
			"push or borrowed, and has not finished since",
			q->head, owner_of(w));
	else if (w == expected(q, q->head, SHMREG_QUEUE_FREE))
		suspect(x, FINDING_WARNING, "queue.push", ADVICE_PROCESS, claimant(q, q->head),
			q->head, w,
			"consumers wait for element %" PRIu64 ", whose "
			"push stands still half-way: its process is stopped, or gets no time",
			q->head);
}

/* The slot that all producers stand before, if the queue is full by it. */
static void inspect_tail(struct inspection *x, const struct queue *q)
{
	const uint64_t position = (q->tail - (q->mask + 1)) & POSITION_MASK;
	const bool wrapped = q->tail > q->mask || shmreg_load_relaxed(&q->shm->lapped) != 0;
	uint64_t w;

	/* Full of elements that nobody takes is another matter. */
	if (!wrapped || ((q->tail - q->head) & POSITION_MASK) > q->mask)
		return;
	w = word_at(q, position);
	if ((w & ~(SHMREG_QUEUE_OWNER_MASK | SHMREG_QUEUE_N_MASK)) ==
	    expected(q, position, SHMREG_QUEUE_READING))
		suspect(x, FINDING_NOTE, "queue.pop", ADVICE_PROCESS, owner_of(w), position, w,
			"producers wait for the slot of element %" PRIu64 ", which seat %u has "
			"taken and not given back since",
			position, owner_of(w));
	else if (w == expected(q, position, SHMREG_QUEUE_READY))
		suspect(x, FINDING_WARNING, "queue.pop", ADVICE_PROCESS, 0, position, w,
			"producers wait for the slot of element %" PRIu64 ", whose pop "
			"stands still half-way: its process is stopped, or gets no time",
			position);
}

void inspect_queue(struct inspection *x, const struct inspected *o)
{
	const struct shmreg_shape *shape = &o->entry.shape;
	struct queue q = {
		.shm = (const void *)o->base,
		.o = o,
		.mask = shape->capacity - 1,
		.stride = shmreg_queue_stride(shape->elem_bytes, shape->elem_align),
		.lap_mask = ~((shape->capacity << SHMREG_QUEUE_POS_SHIFT) - 1),
	};

	if (!read_counters(&q))
		return;	/* it is busy, and so it works */
	if (((q.tail - q.head) & POSITION_MASK) > shape->capacity ||
	    q.tail_word & SHMREG_QUEUE_STATE_MASK) {
		suspect(x, FINDING_ERROR, "queue.counters", ADVICE_GARBLED, 0, q.head, q.tail_word,
			"%" PRIu64 " elements were pushed and %" PRIu64
			" taken, which does not fit a "
			"capacity of %" PRIu64 ": somebody who may write wrote over it",
			q.tail, q.head, shape->capacity);
		return;
	}
	inspect_slots(x, &q);
	inspect_head(x, &q);
	inspect_tail(x, &q);
}
