/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>

#include "queue-rig.h"
#include "waiter.h"

/*
 * What must hold of a queue after deaths and repair:
 *
 *  - Every element that was in the queue, or whose push returned, is there once
 *    or was popped once; no other is there, none is torn.
 *  - Of what a dead consumer had claimed and not given back: with REDELIVER all
 *    of it is there; else it is dropped, no more than its call takes, and n_dropped
 *    has counted it.
 *  - What a dead producer was pushing is there whole or not at all, where the
 *    contract says so.
 *  - Elements of one producer come out in its order, redelivered ones excepted.
 *  - Drained, every slot is FREE for its lap, and no dead seat is noted: else
 *    something has leaked.
 *  - The queue takes and gives capacity elements twice more, and knows when it is
 *    full and when it is empty: else it is wedged. So it is if nobody wakes one who then
 *    sleeps, or if everybody does from then on though nobody sleeps any more.
 *  - Who has returned from what somebody waits for has woken one: see queue-sleep.c.
 */

/* Of this judgement. */
static struct image *image;
static struct judgement *judgement;
#define bad(outcome, ...) judgement_bad(judgement, outcome, __VA_ARGS__)

static const struct effect *effect_of(const struct cast *cast, unsigned int actor)
{
	return cast->operation[actor] ? cast->operation[actor]->data : NULL;
}

#define N_SEEN 64

/* What the slots held before the repair. */
static struct {
	uint64_t value[N_SEEN];
	bool claimed[N_SEEN];	/* by a consumer */
	unsigned int n;
	uint64_t n_aborted;
	uint64_t n_dropped;
} before;

/* What came out afterwards, in order. */
static struct {
	uint64_t value[N_SEEN];
	unsigned int n;
} drained;

/* Elements that are nowhere: what may be so, and is. */
struct missing {
	uint32_t allowed;	/* claimed by calls of the dead that did not return */
	uint32_t n;
	uint32_t n_dropped;	/* of those: by the repair, not by the dead themselves */
};

static uint64_t *word_at(uint64_t index)
{
	struct shmreg_queue *q = &image->actor[CHECKER].queue;

	return shmreg_queue_word_(shmreg_queue_slot_(q, index << SHMREG_QUEUE_POS_SHIFT, q->stride));
}

static const struct item *item_at(uint64_t index)
{
	return (const struct item *)(const void *)((const unsigned char *)word_at(index) +
						   image->actor[CHECKER].queue.elem_offset);
}

void queue_look(void *memory)
{
	const struct shmreg_queue *q = &((struct image *)memory)->actor[CHECKER].queue;
	const uint64_t head = shmreg_queue_shm_(q)->head & ~SHMREG_QUEUE_LOW_MASK;

	image = memory;
	before.n = 0;
	before.n_aborted = image_queue(image)->n_aborted;
	before.n_dropped = image_queue(image)->n_dropped;
	for (uint64_t i = 0; i < image->shape.capacity; i++) {
		const uint64_t w = *word_at(i);
		const uint64_t state = w & SHMREG_QUEUE_STATE_MASK;
		const uint64_t pos = (w & q->lap_mask) | i << SHMREG_QUEUE_POS_SHIFT;

		if (state != SHMREG_QUEUE_READY && state != SHMREG_QUEUE_READING &&
		    state != SHMREG_QUEUE_REDEL)
			continue;
		before.value[before.n] = item_at(i)->value;
		before.claimed[before.n++] = (int64_t)(pos - head) < 0;
	}
}

static bool was_there(uint64_t value, bool *ret_claimed)
{
	for (unsigned int i = 0; i < before.n; i++)
		if (before.value[i] == value) {
			*ret_claimed = before.claimed[i];
			return true;
		}
	return false;
}

static enum outcome drain(void)
{
	struct shmreg_queue *q = &image->actor[CHECKER].queue;
	struct item item;
	int r;

	for (drained.n = 0;;) {
		r = shmreg_queue_pop(q, &item);
		if (r == -EAGAIN)
			return OUTCOME_GOOD;
		if (r < 0)
			return bad(OUTCOME_WEDGED, "draining it: pop says %d", r);
		if (!item_whole(&item))
			return bad(OUTCOME_LOST, "an element is torn");
		if (drained.n == N_SEEN)
			return bad(OUTCOME_LOST, "elements without end");
		drained.value[drained.n++] = item.value;
	}
}

/* How often @value came out, now or for somebody who lived to note it. */
static unsigned int n_out(uint64_t value)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < drained.n; i++)
		n += drained.value[i] == value;
	for (unsigned int a = 0; a < N_ACTORS; a++) {
		const struct actor_log *log = &image->actor[a].log;

		for (unsigned int i = 0; i < log->n_popped; i++)
			n += log->popped[i] == value;
	}
	return n;
}

static bool redeliver(void)
{
	return (image->shape.flags & SHMREG_QUEUE_REDELIVER) != 0;
}

/* An element that had been pushed for sure. */
static enum outcome account(struct missing *m, uint64_t value)
{
	const unsigned int n = n_out(value);
	bool claimed;

	if (n > 1)
		return bad(OUTCOME_DUPLICATED, "element %" PRIu64 " came out %u times", value, n);
	if (n == 1)
		return OUTCOME_GOOD;
	if (was_there(value, &claimed)) {
		if (!claimed)
			return bad(OUTCOME_LOST, "element %" PRIu64 ", claimed by nobody, is gone",
				   value);
		if (redeliver())
			return bad(OUTCOME_LOST, "element %" PRIu64 " was not redelivered", value);
		m->n_dropped++;
	}
	m->n++;
	return OUTCOME_GOOD;
}

/* What a dead one was pushing when it died. */
static enum outcome account_unfinished(struct missing *m, const struct actor *a,
				       const struct effect *op)
{
	unsigned int present = 0;
	enum outcome outcome;
	bool claimed;

	for (unsigned int i = a->log.n_pushed; i < op->n_push; i++) {
		const uint64_t value = a->first_value + i;

		/* Published, and dropped with another dead one's claim: it was there. */
		present += n_out(value) > 0 || (was_there(value, &claimed) && claimed);
	}
	if (present == 0)
		return OUTCOME_GOOD;
	if (!op->together)
		return OUTCOME_GOOD;
	for (unsigned int i = a->log.n_pushed; i < op->n_push; i++) {
		outcome = account(m, a->first_value + i);
		if (outcome != OUTCOME_GOOD)
			return outcome;
	}
	return OUTCOME_GOOD;
}

static bool is_known(const struct cast *cast, uint64_t value)
{
	if (value - SETUP_VALUE < image->n_queued)
		return true;
	for (unsigned int a = 0; a < N_ACTORS; a++)
		if (cast->operation[a] &&
		    value - image->actor[a].first_value < effect_of(cast, a)->n_push)
			return true;
	return false;
}

/* All that ever was in the queue against all that came out. */
static enum outcome conservation(const struct cast *cast)
{
	struct missing m = { 0 };
	enum outcome outcome;

	for (unsigned int i = 0; i < drained.n; i++)
		if (!is_known(cast, drained.value[i]))
			return bad(OUTCOME_LOST, "element %" PRIu64 " was never pushed",
				   drained.value[i]);
	for (unsigned int a = 0; a < N_ACTORS; a++) {
		const struct actor *actor = &image->actor[a];

		for (unsigned int i = 0; i < actor->log.n_popped; i++)
			if (!is_known(cast, actor->log.popped[i]))
				return bad(OUTCOME_LOST, "actor %u popped %" PRIu64, a,
					   actor->log.popped[i]);
		if (cast->operation[a] && (cast->dead >> a & 1) && !actor->log.finished)
			m.allowed += effect_of(cast, a)->n_take - actor->log.n_popped;
	}
	for (unsigned int i = 0; i < image->n_queued; i++) {
		outcome = account(&m, SETUP_VALUE + i);
		if (outcome != OUTCOME_GOOD)
			return outcome;
	}
	for (unsigned int a = 0; a < N_ACTORS; a++) {
		const struct actor *actor = &image->actor[a];
		const struct effect *op = effect_of(cast, a);

		if (!op)
			continue;
		for (unsigned int i = 0; i < actor->log.n_pushed; i++) {
			outcome = account(&m, actor->first_value + i);
			if (outcome != OUTCOME_GOOD)
				return outcome;
		}
		if (actor->log.finished)
			continue;
		outcome = account_unfinished(&m, actor, op);
		if (outcome != OUTCOME_GOOD)
			return outcome;
	}
	if (m.n > m.allowed)
		return bad(OUTCOME_LOST, "%u elements are gone, %u may be", m.n, m.allowed);
	if (cast->exact && image_queue(image)->n_dropped - before.n_dropped != m.n_dropped)
		return bad(OUTCOME_LOST, "%u elements were dropped, n_dropped says %" PRIu64,
			   m.n_dropped, image_queue(image)->n_dropped - before.n_dropped);
	return OUTCOME_GOOD;
}

static enum outcome order(const struct cast *cast)
{
	uint64_t last[N_ACTORS + 1] = { 0 };
	bool claimed;

	for (unsigned int a = 0; a < N_ACTORS; a++)
		if (cast->operation[a] && effect_of(cast, a)->refuses && !(cast->dead >> a & 1))
			return OUTCOME_GOOD;	/* what it refused, and when, is not known */
	for (unsigned int i = 0; i < drained.n; i++) {
		const uint64_t value = drained.value[i];
		const bool setup = value >= SETUP_VALUE;
		const unsigned int producer = setup ? N_ACTORS : (unsigned int)(value / 100 - 1);

		/* Claimed before, so handed out again, and later than others. */
		if (was_there(value, &claimed) && claimed)
			continue;
		if (value < last[producer])
			return bad(OUTCOME_LOST, "element %" PRIu64 " came after %" PRIu64, value,
				   last[producer]);
		last[producer] = value;
	}
	return OUTCOME_GOOD;
}

static enum outcome leaks(const struct cast *cast)
{
	const struct shmreg_queue_shm *shm = image_queue(image);
	const struct shmreg_queue *q = &image->actor[CHECKER].queue;
	const uint64_t tail = shm->tail & ~SHMREG_QUEUE_LOW_MASK;

	if (tail != (shm->head & ~SHMREG_QUEUE_LOW_MASK))
		return bad(OUTCOME_LEAKED, "empty, but head and tail differ");
	for (uint64_t i = 0; i < image->shape.capacity; i++) {
		const uint64_t pos = tail + (i << SHMREG_QUEUE_POS_SHIFT);
		const uint64_t w = *word_at(pos >> SHMREG_QUEUE_POS_SHIFT & q->mask);

		if (w != (pos & q->lap_mask))
			return bad(OUTCOME_LEAKED, "the slot %" PRIu64 " after the tail is %#" PRIx64
				   ", not %#" PRIx64, i, w, pos & q->lap_mask);
	}
	for (unsigned int a = 0; a < N_ACTORS; a++) {
		const uint32_t seat = image->actor[a].queue.handle.seat;

		if ((cast->dead >> a & 1) && (shm->users[seat / 64] >> seat % 64 & 1))
			return bad(OUTCOME_LEAKED, "actor %u's seat is still noted as a user", a);
	}
	return OUTCOME_GOOD;
}

/* Somebody says that he sleeps, and does, or has died since. */
static void lie_down(enum side side, bool is_there)
{
	waiter_set_bits(&queue_event(image, side)->half[SHMREG_EVENTCOUNT_COUNT],
			SHMREG_EVENTCOUNT_ASLEEP);
	image->bed[side][PLAIN] = is_there ? ASLEEP_IN_BED : NOBODY;
}

/* It is the first who wakes him, and the second who finds out that nobody is left. */
static enum outcome got_up(enum side side, uint64_t i, bool is_there)
{
	const uint32_t count = queue_event(image, side)->half[SHMREG_EVENTCOUNT_COUNT];

	if (is_there && image->bed[side][PLAIN] != WOKEN)
		return bad(OUTCOME_WEDGED, "one sleeps, and is not woken");
	if ((i > 0 || !is_there) && (count & SHMREG_EVENTCOUNT_ASLEEP) != 0)
		return bad(OUTCOME_LEAKED, "nobody sleeps, and each call wakes him");
	return OUTCOME_GOOD;
}

static enum outcome works(void)
{
	struct shmreg_queue *in = &image->actor[PEER].queue, *out = &image->actor[CHECKER].queue;
	struct item item;
	int r;

	for (unsigned int round = 0; round < 2; round++) {
		const uint64_t first = 5000 + 100 * round;
		const bool sleeper = round == 0;

		lie_down(ITEMS, sleeper);
		for (uint64_t i = 0; i < image->shape.capacity; i++) {
			item = item_of(first + i);
			r = shmreg_queue_push(in, &item);
			if (r < 0)
				return bad(OUTCOME_WEDGED, "push %" PRIu64 " of %" PRIu64 " says %d",
					   i, image->shape.capacity, r);
			if (got_up(ITEMS, i, sleeper) != OUTCOME_GOOD)
				return judgement->outcome;
		}
		lie_down(SPACE, sleeper);
		if (shmreg_queue_push(in, &item) != -EAGAIN)
			return bad(OUTCOME_WEDGED, "it is full and does not know");
		for (uint64_t i = 0; i < image->shape.capacity; i++) {
			r = shmreg_queue_pop(out, &item);
			if (r < 0)
				return bad(OUTCOME_WEDGED, "pop %" PRIu64 " of %" PRIu64 " says %d",
					   i, image->shape.capacity, r);
			if (!item_whole(&item) || item.value != first + i)
				return bad(OUTCOME_LOST, "pushed %" PRIu64 ", popped %" PRIu64,
					   first + i, item.value);
			if (got_up(SPACE, i, sleeper) != OUTCOME_GOOD)
				return judgement->outcome;
		}
		if (shmreg_queue_pop(out, &item) != -EAGAIN)
			return bad(OUTCOME_WEDGED, "it is empty and does not know");
	}
	return OUTCOME_GOOD;
}

void queue_judge(void *memory, const struct cast *cast, struct judgement *ret)
{
	uint64_t n_space;

	image = memory;
	judgement = ret;
	ret->n_lost = image_queue(image)->n_aborted - before.n_aborted +
		      image_queue(image)->n_dropped - before.n_dropped;
	if (queue_judge_sleep(image, cast, ret) != OUTCOME_GOOD)
		return;
	n_space = image->shape.capacity - shmreg_queue_length(&image->actor[CHECKER].queue);
	if (drain() == OUTCOME_GOOD && conservation(cast) == OUTCOME_GOOD &&
	    queue_judge_lost(cast, drained.n, n_space, ret) == OUTCOME_GOOD &&
	    order(cast) == OUTCOME_GOOD && leaks(cast) == OUTCOME_GOOD)
		works();
}
