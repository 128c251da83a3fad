/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>

#include "object-queue-rig.h"

/*
 * What must hold of a pool and a queue for its objects after deaths and repair:
 *
 *  - An object that was on its way at the moment of death, and each whose sending
 *    returned, comes out once. Not so what a dead receiver had claimed and not yet got: with
 *    REDELIVER it comes out all the same, else it is free, and n_dropped has counted it. Nor
 *    what a dead one had received and not noted: that is free, and no more than its calls take.
 *  - What a dead one was sending is on its way, or free: whole in either case.
 *  - Whoever lives holds what he held and what he noted to have received.
 *  - When the queue is drained and all is given back, each object is free, and can be
 *    had again: no hint of the pool hides one. The queue is empty, its slots are free.
 *  - Both work then, for all objects and twice round.
 */

static struct image *image;
static struct judgement *judgement;
#define bad(outcome, ...) judgement_bad(judgement, outcome, __VA_ARGS__)

/* What was so before the repair: of each object that has a value. */
static struct {
	uint64_t value[RIG_OBJECTS];
	bool sent[RIG_OBJECTS];
	bool claimed[RIG_OBJECTS];	/* by a receiver */
	uint64_t n_aborted, n_dropped;
} before;

static struct {
	uint64_t value[RIG_OBJECTS];
	unsigned int n;
} drained;

struct missing {
	uint32_t allowed;
	uint32_t n;
	uint32_t n_dropped;
};

static const struct effect *effect_of(const struct cast *cast, unsigned int actor)
{
	return cast->operation[actor] ? cast->operation[actor]->data : NULL;
}

static uint64_t *slot_at(uint64_t index)
{
	const struct shmreg_queue *q = &image->actor[CHECKER].queue.queue;

	return shmreg_queue_word_(shmreg_queue_slot_(q, index << SHMREG_QUEUE_POS_SHIFT, q->stride));
}

static bool is_claimed(uint64_t slot)
{
	const struct shmreg_queue *q = &image->actor[CHECKER].queue.queue;
	const uint64_t head = image_queue(image)->head & ~SHMREG_QUEUE_LOW_MASK;
	const uint64_t w = *slot_at(slot);
	const uint64_t pos = (w & q->lap_mask) | slot << SHMREG_QUEUE_POS_SHIFT;

	return (w & SHMREG_QUEUE_STATE_MASK) == SHMREG_QUEUE_READING ||
	       ((w & SHMREG_QUEUE_STATE_MASK) == SHMREG_QUEUE_READY && (int64_t)(pos - head) < 0);
}

void object_queue_look(void *memory)
{
	const struct shmreg_pool *pool;

	image = memory;
	pool = &image->actor[CHECKER].pool;
	before.n_aborted = image_queue(image)->n_aborted;
	before.n_dropped = image_queue(image)->n_dropped;
	for (uint64_t i = 0; i < RIG_OBJECTS; i++) {
		const uint64_t w = pool->owner[i];
		const struct item *item = (const struct item *)(const void *)(pool->elems +
									      i * pool->stride);

		before.value[i] = item->value;
		before.sent[i] = (w & SHMREG_POOL_STATE_MASK) == SHMREG_POOL_SENT;
		before.claimed[i] =
			before.sent[i] &&
			is_claimed((w & SHMREG_POOL_SLOT_MASK) >> SHMREG_POOL_SLOT_SHIFT);
	}
}

static unsigned int object_of(uint64_t value)
{
	unsigned int i = 0;

	while (i < RIG_OBJECTS && before.value[i] != value)
		i++;
	return i;
}

static enum outcome drain(void)
{
	struct actor *a = &image->actor[CHECKER];
	const struct item *item;
	shmreg_pool_ref ref;
	int r;

	for (drained.n = 0;;) {
		r = shmreg_object_queue_receive(&a->queue, &ref);
		if (r == -EAGAIN)
			return OUTCOME_GOOD;
		if (r < 0)
			return bad(OUTCOME_WEDGED, "draining it: receive says %d", r);
		item = shmreg_pool_get(&a->pool, ref);
		if (item == NULL || !item_whole(item))
			return bad(OUTCOME_LOST, "an object is torn");
		if (drained.n == RIG_OBJECTS)
			return bad(OUTCOME_LOST, "objects without end");
		drained.value[drained.n++] = item->value;
		r = shmreg_pool_release(&a->pool, ref);
		if (r < 0)
			return bad(OUTCOME_LOST, "releasing what was received says %d", r);
	}
}

static unsigned int n_out(uint64_t value)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < drained.n; i++)
		n += drained.value[i] == value;
	for (unsigned int a = 0; a < N_ACTORS; a++)
		for (unsigned int i = 0; i < image->actor[a].log.n_taken; i++)
			n += image->actor[a].log.taken[i] == value;
	return n;
}

/* An object that was sent for sure. */
static enum outcome account(struct missing *m, uint64_t value)
{
	const unsigned int n = n_out(value), i = object_of(value);

	if (n > 1)
		return bad(OUTCOME_DUPLICATED, "object %" PRIu64 " came out %u times", value, n);
	if (n == 1)
		return OUTCOME_GOOD;
	if (i < RIG_OBJECTS && before.sent[i]) {
		if (!before.claimed[i])
			return bad(OUTCOME_LOST, "object %" PRIu64 ", claimed by nobody, is gone",
				   value);
		if (image->queue_shape.flags & SHMREG_QUEUE_REDELIVER)
			return bad(OUTCOME_LOST, "object %" PRIu64 " was not redelivered", value);
		m->n_dropped++;
	}
	m->n++;
	return OUTCOME_GOOD;
}

static bool is_known(const struct cast *cast, uint64_t value)
{
	if (value - SETUP_VALUE < image->n_queued)
		return true;
	for (unsigned int a = 0; a < N_ACTORS; a++)
		if (cast->operation[a] &&
		    value - image->actor[a].first_value < effect_of(cast, a)->n_send)
			return true;
	return false;
}

static enum outcome account_actor(struct missing *m, const struct cast *cast, unsigned int a)
{
	const struct actor *actor = &image->actor[a];
	const struct effect *op = effect_of(cast, a);

	for (unsigned int i = 0; i < op->n_send; i++) {
		const uint64_t value = actor->first_value + i;
		const unsigned int at = object_of(value);

		/* Of the others of a dead one: those that were on their way. */
		if (i >= actor->log.n_sent && !(at < RIG_OBJECTS && before.sent[at]) &&
		    n_out(value) == 0)
			continue;
		if (account(m, value) != OUTCOME_GOOD)
			return judgement->outcome;
	}
	return OUTCOME_GOOD;
}

static enum outcome conservation(const struct cast *cast)
{
	struct missing m = { 0 };

	for (unsigned int i = 0; i < drained.n; i++)
		if (!is_known(cast, drained.value[i]))
			return bad(OUTCOME_LOST, "object %" PRIu64 " was never sent",
				   drained.value[i]);
	for (unsigned int a = 0; a < N_ACTORS; a++) {
		const struct actor_log *log = &image->actor[a].log;

		for (unsigned int i = 0; i < log->n_taken; i++)
			if (!is_known(cast, log->taken[i]))
				return bad(OUTCOME_LOST, "actor %u took %" PRIu64, a, log->taken[i]);
		if (cast->operation[a] && (cast->dead >> a & 1) && !log->finished)
			m.allowed += effect_of(cast, a)->n_take - log->n_taken;
	}
	for (unsigned int i = 0; i < image->n_queued; i++)
		if (account(&m, SETUP_VALUE + i) != OUTCOME_GOOD)
			return judgement->outcome;
	for (unsigned int a = 0; a < N_ACTORS; a++)
		if (cast->operation[a] && account_actor(&m, cast, a) != OUTCOME_GOOD)
			return judgement->outcome;
	if (m.n > m.allowed)
		return bad(OUTCOME_LOST, "%u objects did not come out, %u may so", m.n, m.allowed);
	if (cast->exact && image_queue(image)->n_dropped - before.n_dropped != m.n_dropped)
		return bad(OUTCOME_LOST, "%u objects were dropped, n_dropped says %" PRIu64,
			   m.n_dropped, image_queue(image)->n_dropped - before.n_dropped);
	return OUTCOME_GOOD;
}

static enum outcome give_back(unsigned int a, shmreg_pool_ref ref)
{
	const int r = shmreg_pool_release(&image->actor[a].pool, ref);

	return r < 0 ? bad(OUTCOME_LOST, "actor %u, who lives, releases what it holds: %d", a, r)
		     : OUTCOME_GOOD;
}

/* Those who live hold what they held. */
static enum outcome everything_back(const struct cast *cast)
{
	for (unsigned int a = 0; a < N_ACTORS; a++) {
		const struct actor *actor = &image->actor[a];

		if (cast->dead >> a & 1)
			continue;
		for (unsigned int i = actor->log.n_sent; i < RIG_OWN && a != CHECKER; i++)
			if (give_back(a, actor->own[i]) != OUTCOME_GOOD)
				return judgement->outcome;
		for (unsigned int i = 0; i < actor->log.n_taken; i++)
			if (actor->log.holds[i] != 0 &&
			    give_back(a, actor->log.holds[i]) != OUTCOME_GOOD)
				return judgement->outcome;
	}
	for (unsigned int i = 0; i < image->n_spare; i++)
		if (give_back(CHECKER, image->spare[i]) != OUTCOME_GOOD)
			return judgement->outcome;
	return OUTCOME_GOOD;
}

static enum outcome leaks(const struct cast *cast)
{
	const struct shmreg_queue_shm *shm = image_queue(image);
	const struct shmreg_queue *q = &image->actor[CHECKER].queue.queue;
	const struct shmreg_pool *pool = &image->actor[CHECKER].pool;
	const uint64_t tail = shm->tail & ~SHMREG_QUEUE_LOW_MASK;

	for (uint64_t i = 0; i < RIG_OBJECTS; i++)
		if (pool->owner[i] != shmreg_pool_word_free(pool->owner[i]) &&
		    (pool->owner[i] & SHMREG_POOL_STATE_MASK) != SHMREG_POOL_KEPT)
			return bad(OUTCOME_LEAKED, "object %" PRIu64 " is not free: %#" PRIx64, i,
				   pool->owner[i]);
	if (tail != (shm->head & ~SHMREG_QUEUE_LOW_MASK))
		return bad(OUTCOME_LEAKED, "empty, but head and tail differ");
	for (uint64_t i = 0; i <= q->mask; i++) {
		const uint64_t pos = tail + (i << SHMREG_QUEUE_POS_SHIFT);
		const uint64_t w = *slot_at(pos >> SHMREG_QUEUE_POS_SHIFT & q->mask);

		if (w != (pos & q->lap_mask))
			return bad(OUTCOME_LEAKED, "the slot %" PRIu64 " after the tail is %#" PRIx64,
				   i, w);
	}
	for (unsigned int a = 0; a < N_ACTORS; a++) {
		const uint32_t seat = image->actor[a].pool.handle.seat;
		const uint64_t users = shm->users[seat / 64] |
				       shmreg_pool_shm_(pool)->users[seat / 64];

		if ((cast->dead >> a & 1) && (users >> seat % 64 & 1))
			return bad(OUTCOME_LEAKED, "actor %u's seat is still noted as a user", a);
	}
	return OUTCOME_GOOD;
}

static enum outcome works(void)
{
	struct actor *in = &image->actor[PEER], *out = &image->actor[CHECKER];
	const uint64_t capacity = image->queue_shape.capacity;
	shmreg_pool_ref refs[RIG_OBJECTS], ref = 0;
	int r;

	for (unsigned int i = 0; i < RIG_OBJECTS; i++) {
		r = shmreg_pool_acquire(&in->pool, &refs[i]);
		if (r < 0)
			return bad(OUTCOME_LEAKED, "object %u of %u cannot be acquired: %d", i,
				   RIG_OBJECTS, r);
	}
	if (shmreg_pool_acquire(&in->pool, &ref) != -EAGAIN)
		return bad(OUTCOME_DUPLICATED, "an object more than there are");
	for (unsigned int round = 0; round < 2; round++) {
		for (uint64_t i = 0; i < capacity; i++) {
			r = shmreg_object_queue_send(&in->queue, refs[i]);
			if (r < 0)
				return bad(OUTCOME_WEDGED, "send %" PRIu64 " says %d", i, r);
		}
		if (shmreg_object_queue_send(&in->queue, refs[capacity]) != -EAGAIN)
			return bad(OUTCOME_WEDGED, "it is full and does not know");
		for (uint64_t i = 0; i < capacity; i++) {
			r = shmreg_object_queue_receive(&out->queue, &ref);
			if (r < 0 || ref != refs[i])
				return bad(OUTCOME_WEDGED, "receive %" PRIu64 " says %d", i, r);
		}
		if (shmreg_object_queue_receive(&out->queue, &ref) != -EAGAIN)
			return bad(OUTCOME_WEDGED, "it is empty and does not know");
		/* What one has received, the other has for the next round. */
		for (uint64_t i = 0; i < capacity; i++) {
			r = shmreg_pool_release(&out->pool, refs[i]);
			if (r == 0)
				r = shmreg_pool_acquire(&in->pool, &refs[i]);
			if (r < 0)
				return bad(OUTCOME_WEDGED, "acquired again: %d", r);
		}
	}
	return OUTCOME_GOOD;
}

/* Nobody did, and who used it all has found that out. */
static enum outcome nobody_sleeps(void)
{
	const uint64_t both = image_pool(image)->space.both | image_queue(image)->items.both |
			      image_queue(image)->space.both;

	if ((both & SHMREG_EVENTCOUNT_WANTED) != 0)
		return bad(OUTCOME_LEAKED, "somebody is said to sleep");
	return OUTCOME_GOOD;
}

void object_queue_judge(void *memory, const struct cast *cast, struct judgement *ret)
{
	image = memory;
	judgement = ret;
	ret->n_lost = image_queue(image)->n_aborted - before.n_aborted +
		      image_queue(image)->n_dropped - before.n_dropped;
	if (drain() == OUTCOME_GOOD && conservation(cast) == OUTCOME_GOOD &&
	    everything_back(cast) == OUTCOME_GOOD && leaks(cast) == OUTCOME_GOOD &&
	    works() == OUTCOME_GOOD)
		nobody_sleeps();
}
