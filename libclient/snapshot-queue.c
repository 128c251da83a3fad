/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <shmreg/abi/queue.h>
#include <shmreg/compiler.h>

#include "snapshot-copy.h"

/* (S2) in snapshot-copy.h. Positions are where the words have them, low bits clear. */

/* As often it is begun anew, if all that was there has gone meanwhile. */
#define TRIES 8
/* A slot that is being finished just now has changed at most this often. */
#define SLOT_TRIES 4

struct queue {
	struct snapshot_copy *c;
	const struct shmreg_dir_object *o;
	uint64_t mask, lap_mask, stride, elem_offset;
	uint64_t head, tail;	/* words */
};

static uint64_t position(uint64_t word)
{
	return word & ~SHMREG_QUEUE_LOW_MASK;
}

static uint64_t slot_offset(const struct queue *q, uint64_t pos)
{
	return q->o->offset + sizeof(struct shmreg_queue_shm) +
	       (pos >> SHMREG_QUEUE_POS_SHIFT & q->mask) * q->stride;
}

static uint64_t *to_word(const struct queue *q, uint64_t pos)
{
	return snapshot_at(q->c, slot_offset(q, pos));
}

/* The word, and then the element. */
static void copy_slot(struct queue *q, uint64_t pos)
{
	const uint64_t at = slot_offset(q, pos);
	const uint64_t w = snapshot_load(q->c, at);						/* S' */

	*to_word(q, pos) = w;
	if ((w & SHMREG_QUEUE_STATE_MASK) != SHMREG_QUEUE_FREE)
		snapshot_bytes(q->c, at + q->elem_offset, at + q->elem_offset,
			       q->o->shape.elem_bytes);
}

/* Slots from this one on were never used, when the tail was that: they are FREE and zero. */
static uint64_t n_used(const struct queue *q)
{
	const uint64_t lapped = q->o->offset + offsetof(struct shmreg_queue_shm, lapped);
	const uint64_t n = position(q->tail) >> SHMREG_QUEUE_POS_SHIFT;

	return n > q->mask || snapshot_load(q->c, lapped) != 0 ? q->mask + 1 : n;
}

/* The @i-th of @used slots from the head on: the first to go is the first. */
static uint64_t nth(const struct queue *q, uint64_t used, uint64_t i)
{
	const uint64_t head = position(q->head), first = head >> SHMREG_QUEUE_POS_SHIFT & q->mask;
	uint64_t index = first + i;

	if (index >= used && first < used)
		index -= used;
	else if (first >= used)
		index = i;
	return head + (((index - first) & q->mask) << SHMREG_QUEUE_POS_SHIFT);
}

static void copy_slots(struct queue *q)
{
	const uint64_t used = n_used(q);
	uint64_t i;

	for (i = 0; i < used; i++)
		copy_slot(q, nth(q, used, i));
}

static bool is_of(const struct queue *q, uint64_t word, uint64_t pos)
{
	return (word & q->lap_mask) == (pos & q->lap_mask);
}

/* @pos is in the queue: what was seen there is right, or nonsense. */
static bool settle_inside(struct queue *q, uint64_t pos)
{
	uint64_t *to = to_word(q, pos);
	const uint64_t state = *to & SHMREG_QUEUE_STATE_MASK;

	if (is_of(q, *to, pos) && (state <= SHMREG_QUEUE_READY || state == SHMREG_QUEUE_TOMB))
		return true;
	*to = pos & q->lap_mask;
	return false;
}

/* @pos is not: is there still what was there a lap before, in the hands of who has claimed it? */
static void settle_outside(struct queue *q, uint64_t pos)
{
	const uint64_t at = slot_offset(q, pos);
	const uint64_t last = pos - ((q->mask + 1) << SHMREG_QUEUE_POS_SHIFT);
	uint64_t w, state;
	int i;

	for (i = 0; i < SLOT_TRIES; i++) {
		w = snapshot_load(q->c, at);							/* S' */
		state = w & SHMREG_QUEUE_STATE_MASK;
		if (!is_of(q, w, last) || (state != SHMREG_QUEUE_READY &&
					   state != SHMREG_QUEUE_READING &&
					   state != SHMREG_QUEUE_REDEL))
			break;
		snapshot_bytes(q->c, at + q->elem_offset, at + q->elem_offset,
			       q->o->shape.elem_bytes);
		shmreg_fence_acquire();	/* what was copied, before the word is looked at again */
		if (snapshot_load(q->c, at) == w) {
			*to_word(q, pos) = w;
			return;
		}
	}
	*to_word(q, pos) = pos & q->lap_mask;
}

static void settle(struct queue *q)
{
	const uint64_t head = position(q->head);
	uint64_t i, pos, used, n_broken = 0;

	/* All that was there, and more, has gone: it is empty. */
	if ((int64_t)(position(q->tail) - head) < 0)
		q->tail = head | (q->tail & SHMREG_QUEUE_LOW_MASK);
	if ((position(q->tail) - head) >> SHMREG_QUEUE_POS_SHIFT > q->mask + 1)
		n_broken++;
	used = n_used(q);
	for (i = 0; i < used; i++) {
		pos = nth(q, used, i);
		if ((int64_t)(pos - position(q->tail)) >= 0)
			settle_outside(q, pos);
		else if (!settle_inside(q, pos))
			n_broken++;
	}
	if (n_broken != 0)
		snapshot_note(q->c, q->o, SHMREG_SNAPSHOT_BROKEN, n_broken);
}

void snapshot_queue(struct snapshot_copy *c, const struct shmreg_dir_object *o)
{
	const uint64_t tail_at = o->offset + offsetof(struct shmreg_queue_shm, tail);
	const uint64_t head_at = o->offset + offsetof(struct shmreg_queue_shm, head);
	struct queue q = {
		.c = c,
		.o = o,
		.mask = o->shape.capacity - 1,
		.lap_mask = UINT64_MAX << SHMREG_QUEUE_POS_SHIFT
			    << __builtin_ctzll(o->shape.capacity),
		.stride = shmreg_queue_stride(o->shape.elem_bytes, o->shape.elem_align),
		.elem_offset = shmreg_queue_elem_offset(o->shape.elem_align),
	};
	uint64_t first;
	int i;

	if (!snapshot_is_there(c, o->offset))
		return;
	for (i = 0; i < TRIES; i++) {
		q.head = first = snapshot_load(c, head_at);					/* C' */
		q.tail = snapshot_load(c, tail_at);						/* C' */
		copy_slots(&q);
		shmreg_fence_acquire();	/* the slots, before the head */
		q.head = snapshot_load(c, head_at);						/* C' */
		if (position(q.tail) == position(first) ||
		    (int64_t)(position(q.tail) - position(q.head)) > 0)
			break;
	}
	snapshot_words(c, o->offset, sizeof(struct shmreg_queue_shm));
	settle(&q);
	*(uint64_t *)snapshot_at(c, tail_at) = q.tail;
	*(uint64_t *)snapshot_at(c, head_at) = q.head;
}
