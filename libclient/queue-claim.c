/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdbool.h>

#include <shmreg/queue.h>

#include "again.h"
#include "queue-manners.h"
#include "relax.h"

/* See the argument in shmreg/queue-inline.h, to which labels refer. */

static uint64_t *word_at(const struct shmreg_queue *q, uint64_t pos)
{
	return shmreg_queue_word_(shmreg_queue_slot_(q, pos, q->stride));
}

/* Slots that can be other than zero: the rest of a sparse queue is not to be touched. */
static uint64_t slots_used(const struct shmreg_queue *q)
{
	const struct shmreg_queue_shm *shm = shmreg_queue_shm_(q);
	const uint64_t tail = shmreg_load_acquire(&shm->tail) >> SHMREG_QUEUE_POS_SHIFT; /* C' */

	/* relaxed: C' has shown what was stored before the tail was that far */
	return tail > q->mask || shmreg_load_relaxed(&shm->lapped) != 0 ? q->mask + 1 : tail;
}

/*
 * How many slots from counter value @c on are in @state for their positions, @max at most.
 * @ret_difference: by how much the next one's word is not; 0: there is none.
 */
static uint32_t count_words(const struct shmreg_queue *q, uint64_t c, uint32_t max, uint64_t state,
			    uint64_t *ret_difference)
{
	const size_t stride = q->stride;
	uint64_t pos, want, w = 0;
	unsigned char *first;
	uint32_t n, run, there;

	for (n = 0; n < max && w == 0; n += run) {
		pos = c + ((uint64_t)n << SHMREG_QUEUE_POS_SHIFT);
		want = (pos & q->lap_mask) | state;
		first = shmreg_queue_slot_(q, pos, stride);
		there = shmreg_queue_run_(q, pos, max - n);
		if (state == SHMREG_QUEUE_FREE && max > 1)
			shmreg_queue_call_for_(first, there * stride);
		run = shmreg_queue_count_(first, there, want, stride);
		if (run == there)
			continue;
		w = shmreg_load_acquire(shmreg_queue_word_(first + run * stride)) - want; /* S' */
		/* It has become so since: one more, and on. */
		if (w == 0)
			run++;
	}
	*ret_difference = w;
	return n;
}

/*
 * Note the claim that counter value @c names in its leader's slot, unless that
 * claim is finished, or one's own: (I3), (I4).
 */
static int record(const struct shmreg_queue *q, uint64_t c, uint64_t from, uint64_t to)
{
	const uint64_t n = (c & SHMREG_QUEUE_N_MASK) >> SHMREG_QUEUE_N_SHIFT;
	const uint64_t mark = c & (SHMREG_QUEUE_N_MASK | SHMREG_QUEUE_OWNER_MASK);
	const uint64_t owner = c & SHMREG_QUEUE_OWNER_MASK;
	uint64_t leader, lap, w;

	if (owner == 0 || owner == (q->claim & SHMREG_QUEUE_OWNER_MASK))
		return 0;
	if (n == 0 || n > q->batch_max)
		return -EUCLEAN;
	leader = (c & ~SHMREG_QUEUE_LOW_MASK) - (n << SHMREG_QUEUE_POS_SHIFT);
	lap = leader & q->lap_mask;
	w = shmreg_load_acquire(word_at(q, leader));					/* S' */
	/* A failure means that the claimant or another recorder was faster. */
	if (w == (lap | from))
		shmreg_cas_acq_rel(word_at(q, leader), &w, lap | mark | to);	/* S */
	else if (to == SHMREG_QUEUE_READING && w == (lap | SHMREG_QUEUE_TOMB) &&
		 shmreg_cas_acq_rel(word_at(q, leader), &w, lap + q->lap))		/* S */
		shmreg_queue_wake_space_(q, shmreg_queue_shm_(q), 1);
	return 0;
}

/* Positions of which one is looked at for it: 256. */
#define SAMPLED_SHIFT (SHMREG_QUEUE_POS_SHIFT + 8)

/* A sample for the high-water mark. relaxed: numbers to look at, by which nobody finds anything */
static void note_length(const struct shmreg_queue *q, uint64_t length)
{
	struct shmreg_queue_shm *shm = shmreg_queue_shm_(q);
	uint64_t high = shmreg_load_relaxed(&shm->high);

	/* Who loses a race says no more: the other's is as good a sample. */
	if (length > high && length <= q->mask + 1)
		shmreg_cas_relaxed(&shm->high, &high, length);
}

/*
 * Nothing, or no room, for the first time in @n positions. Apart, so that who only looks does not pay for it.
 *
 * Return: it was time for a pause, and one may look again.
 */
static SHMREG_COLD bool look_again(struct shmreg_queue_manners *m, uint64_t n, uint64_t capacity,
				   bool *paused)
{
	const uint32_t pause = manners_look(m, n, capacity, *paused);

	if (pause == 0)
		return false;
	relax_for(pause);
	*paused = true;
	return true;
}

/* What a counter becomes by the claim of @n positions from @pos on. */
static uint64_t claimed(const struct shmreg_queue *q, uint64_t pos, uint32_t n)
{
	return pos + ((uint64_t)n << SHMREG_QUEUE_POS_SHIFT | (uint64_t)n << SHMREG_QUEUE_N_SHIFT |
		      (q->claim & SHMREG_QUEUE_OWNER_MASK));
}

int shmreg_queue_claim_push(struct shmreg_queue *q, uint32_t min, uint32_t max, uint64_t *ret_pos)
{
	struct shmreg_queue_shm *shm = shmreg_queue_shm_(q);
	uint64_t c, pos, next, w, since, stale = 0;
	bool is_stale = false, paused = false;
	uint32_t i, n;
	int r;

	if (q->claim == 0)
		return shmreg_queue_unusable(q);
	if (max > q->batch_max)
		max = q->batch_max;
	if (q->pushed != 0)
		relax_for(manners_enter(&q->push_manners));
	for (i = 0; i < SHMREG_QUEUE_TRIES; i++) {
		c = shmreg_load_acquire(&shm->tail);					/* C' */
		if (is_stale && c == stale)
			return -EUCLEAN;						/* (I6) */
		n = count_words(q, c, max, SHMREG_QUEUE_FREE, &w);
		if (n < min) {
			if ((int64_t)w < 0) {
				since = manners_end(&q->push_manners, c);
				if (SHMREG_UNLIKELY(since > 1 || paused) &&
				    look_again(&q->push_manners, since, q->mask + 1, &paused))
					continue;
				if (n == 0)
					note_length(q, q->mask + 1);
				return handle_again(&q->handle);
			}
			is_stale = true;
			stale = c;
			continue;
		}
		is_stale = false;
		r = record(q, c, SHMREG_QUEUE_FREE, SHMREG_QUEUE_WRITING);
		if (r < 0)
			return r;
		/* relaxed: C releases it, and nothing else is ever stored there */
		if (c >> SHMREG_QUEUE_POS_SHIFT > q->mask && shmreg_load_relaxed(&shm->lapped) == 0)
			shmreg_store_relaxed(&shm->lapped, 1);
		if ((c ^ q->sampled) >> SAMPLED_SHIFT != 0)
			note_length(q, n + ((c - shmreg_load_relaxed(&shm->head)) >>
					    SHMREG_QUEUE_POS_SHIFT));
		q->sampled = c;
		pos = c & ~SHMREG_QUEUE_LOW_MASK;
		next = claimed(q, pos, n);
		if (shmreg_cas_acq_rel(&shm->tail, &c, next)) {				/* C */
			q->pushed = n == 1 ? next : 0;					/* (I7) */
			*ret_pos = pos;
			return (int)n;
		}
		relax_for(manners_lost_race(&q->push_manners));
	}
	return -EBUSY;
}

/*
 * Slots that one call looks at for a REDEL one before it goes on to the head: a peer
 * that does nothing but raise redel costs the others this much a call.
 */
#define REDEL_LOOK 1024

/*
 * Take a slot that a dead or unwilling consumer left; look at @look slots at most.
 * redel_seen follows only after a whole turn over the slots, begun at that value.
 * A turn is counted upwards: if more slots come into use meanwhile, those that it
 * meets of them come on top, and none of the others is left out.
 *
 * Return: true if there was one.
 */
static bool claim_redelivered(struct shmreg_queue *q, uint64_t look, uint64_t *ret_pos)
{
	struct shmreg_queue_shm *shm = shmreg_queue_shm_(q);
	const uint64_t redel = shmreg_load_acquire(&shm->redel);			/* D' */
	uint64_t index, used, w;

	if (redel == q->redel_seen)
		return false;
	used = slots_used(q);
	if (redel != q->redel_turn) {
		q->redel_turn = redel;
		q->redel_done = 0;
	}
	index = q->redel_next;
	for (; q->redel_done < used && look > 0; q->redel_done++, look--, index++) {
		if (index >= used)
			index = 0;
		w = shmreg_load_acquire(word_at(q, index << SHMREG_QUEUE_POS_SHIFT));	/* S' */
		if ((w & ~q->lap_mask) != SHMREG_QUEUE_REDEL)
			continue;
		if (!shmreg_cas_acq_rel(word_at(q, index << SHMREG_QUEUE_POS_SHIFT), &w, /* S */
					(w & q->lap_mask) | shmreg_queue_mark_(q) |
					    SHMREG_QUEUE_READING))
			continue;
		/* There may be more: a new turn begins behind this one next time. */
		q->redel_next = index + 1;
		q->redel_done = 0;
		*ret_pos = (w & q->lap_mask) | index << SHMREG_QUEUE_POS_SHIFT;
		return true;
	}
	q->redel_next = index;
	if (q->redel_done >= used) {
		q->redel_done = 0;
		q->redel_seen = redel;
	}
	return false;
}

/* Nothing at the head: the rest of the turn is looked at before one says so. */
static int nothing_to_pop(struct shmreg_queue *q, uint64_t *ret_pos)
{
	return claim_redelivered(q, q->mask + 1, ret_pos) ? 1 : handle_again(&q->handle);
}

/* Not inline: below, who looks in vain need save no registers. */
static __attribute__((noinline)) int claim_pop(struct shmreg_queue *q, uint32_t max, uint64_t *ret_pos)
{
	struct shmreg_queue_shm *shm = shmreg_queue_shm_(q);
	uint64_t c, pos, lap, next, w, other, since, stale = 0;
	bool is_stale = false, paused = false;
	uint32_t i, n;
	int r;

	if (q->claim == 0)
		return shmreg_queue_unusable(q);
	if (max > q->batch_max)
		max = q->batch_max;
	if (claim_redelivered(q, REDEL_LOOK, ret_pos))
		return 1;
	if (q->popped != 0)
		relax_for(manners_enter(&q->pop_manners));
	for (i = 0; i < SHMREG_QUEUE_TRIES; i++) {
		c = shmreg_load_acquire(&shm->head);					/* C' */
		if (is_stale && c == stale)
			return -EUCLEAN;						/* (I6) */
		lap = c & q->lap_mask;
		w = shmreg_load_acquire(word_at(q, c));					/* S' */
		if (w != (lap | SHMREG_QUEUE_READY) && w != (lap | SHMREG_QUEUE_TOMB)) {
			if ((int64_t)(w - lap) < 0 || w == lap ||
			    (w & (q->lap_mask | SHMREG_QUEUE_STATE_MASK)) ==
				    (lap | SHMREG_QUEUE_WRITING)) {
				since = manners_end(&q->pop_manners, c);
				if (SHMREG_UNLIKELY(since > 1 || paused) &&
				    look_again(&q->pop_manners, since, q->mask + 1, &paused))
					continue;
				return nothing_to_pop(q, ret_pos);
			}
			is_stale = true;
			stale = c;
			continue;
		}
		is_stale = false;
		n = 1;
		if (w == (lap | SHMREG_QUEUE_READY) && max > 1)
			n += count_words(q, c + (UINT64_C(1) << SHMREG_QUEUE_POS_SHIFT), max - 1,
					 SHMREG_QUEUE_READY, &other);
		r = record(q, c, SHMREG_QUEUE_READY, SHMREG_QUEUE_READING);
		if (r < 0)
			return r;
		pos = c & ~SHMREG_QUEUE_LOW_MASK;
		next = claimed(q, pos, n);
		if (!shmreg_cas_acq_rel(&shm->head, &c, next)) {				/* C */
			relax_for(manners_lost_race(&q->pop_manners));
			continue;
		}
		q->popped = n == 1 ? next : 0;						/* (I7) */
		if (w == (lap | SHMREG_QUEUE_READY)) {
			*ret_pos = pos;
			return (int)n;
		}
		/* Passed. Not a store: the next consumer may have freed it for us a lap ago. */
		if (shmreg_cas_acq_rel(word_at(q, pos), &w, lap + q->lap))		/* S */
			shmreg_queue_wake_space_(q, shm, 1);
	}
	return -EBUSY;
}

/*
 * First where one was the last to claim, found nothing behind it, and looks again: while the head
 * is one's own, one word says whether there still is nothing. If it is READY now, the fast path came
 * a moment too early, and here is once more what it does.
 */
int shmreg_queue_claim_pop(struct shmreg_queue *q, uint32_t max, uint64_t *ret_pos)
{
	struct shmreg_queue_shm *shm = shmreg_queue_shm_(q);
	uint64_t c = q->popped, lap, next, w;

	/* redel relaxed: as in the fast path. The head, on its line: (I7) */
	if (c != 0 && c == q->pop_manners.ended && shmreg_load_relaxed(&shm->head) == c &&
	    shmreg_load_relaxed(&shm->redel) == q->redel_seen) {
		lap = c & q->lap_mask;
		w = shmreg_load_acquire(word_at(q, c));					/* S' */
		if (w == lap)
			return handle_again(&q->handle);
		next = c + SHMREG_QUEUE_ONE_;
		if (w == (lap | SHMREG_QUEUE_READY) && max == 1 &&
		    shmreg_cas_acq_rel(&shm->head, &c, next)) {				/* C, (I7) */
			q->popped = next;
			*ret_pos = c & ~SHMREG_QUEUE_LOW_MASK;
			return 1;
		}
	}
	return claim_pop(q, max, ret_pos);
}

int shmreg_queue_unusable(const struct shmreg_queue *q)
{
	return handle_unusable(&q->handle);
}

int shmreg_queue_bad_lease(const struct shmreg_queue *q, const struct shmreg_queue_lease *lease,
			   uint64_t state)
{
	const uint64_t pos = lease->position << SHMREG_QUEUE_POS_SHIFT;
	unsigned char *const slot = shmreg_queue_slot_(q, pos, q->stride);
	uint64_t w;

	if (lease->elem != slot + q->elem_offset)
		return -EINVAL;
	w = shmreg_load_acquire(shmreg_queue_word_(slot));				/* S' */
	if ((w & (q->lap_mask | SHMREG_QUEUE_STATE_MASK)) == ((pos & q->lap_mask) | state) &&
	    ((w ^ q->claim) & SHMREG_QUEUE_OWNER_MASK) != 0)
		return -EPERM;
	return -EINVAL;
}

extern inline int shmreg_queue_push(struct shmreg_queue *q, const void *elem);
extern inline int shmreg_queue_pop(struct shmreg_queue *q, void *elem);
extern inline int shmreg_queue_push_batch(struct shmreg_queue *q, const void *elems, uint32_t n,
					  uint32_t min);
extern inline int shmreg_queue_pop_batch(struct shmreg_queue *q, void *elems, uint32_t n);
extern inline int shmreg_queue_reserve(struct shmreg_queue *q, struct shmreg_queue_lease *ret);
extern inline int shmreg_queue_commit(struct shmreg_queue *q, struct shmreg_queue_lease *lease);
extern inline int shmreg_queue_abort(struct shmreg_queue *q, struct shmreg_queue_lease *lease);
extern inline int shmreg_queue_acquire(struct shmreg_queue *q, struct shmreg_queue_lease *ret);
extern inline int shmreg_queue_release(struct shmreg_queue *q, struct shmreg_queue_lease *lease);
extern inline int shmreg_queue_refuse(struct shmreg_queue *q, struct shmreg_queue_lease *lease);
