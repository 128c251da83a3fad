/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "queue-oracle.h"

#define N_SEEN 64

/* What the slots held before the repair. */
static struct {
	uint64_t value[N_SEEN];
	bool claimed[N_SEEN];	/* by a consumer */
	unsigned int n;
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

static char why[200];

static enum outcome bad(enum outcome outcome, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static enum outcome bad(enum outcome outcome, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	return outcome;
}

static uint64_t *word_at(uint64_t index)
{
	struct shmreg_queue *q = &rig_actor(CHECKER)->queue;

	return shmreg_queue_word_(shmreg_queue_slot_(q, index << SHMREG_QUEUE_POS_SHIFT, q->stride));
}

static const struct item *item_at(uint64_t index)
{
	return (const struct item *)(const void *)((const unsigned char *)word_at(index) +
						   rig_actor(CHECKER)->queue.elem_offset);
}

void oracle_look(void)
{
	const struct shmreg_queue *q = &rig_actor(CHECKER)->queue;
	const uint64_t head = rig_queue()->head & ~SHMREG_QUEUE_LOW_MASK;

	before.n = 0;
	before.n_dropped = rig_queue()->n_dropped;
	for (uint64_t i = 0; i < rig_shape()->capacity; i++) {
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
	struct shmreg_queue *q = &rig_actor(CHECKER)->queue;
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
		const struct actor_log *log = &rig_actor(a)->log;

		for (unsigned int i = 0; i < log->n_popped; i++)
			n += log->popped[i] == value;
	}
	return n;
}

static bool redeliver(void)
{
	return (rig_shape()->flags & SHMREG_QUEUE_REDELIVER) != 0;
}

/* An element that had been pushed for sure. */
static enum outcome account(struct missing *m, uint64_t value)
{
	const unsigned int n = n_out(value);
	bool claimed;

	if (n > 1)
		return bad(OUTCOME_LOST, "element %" PRIu64 " came out %u times", value, n);
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
				       const struct operation *op)
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
	if (value - rig_first_value() < rig_n_queued())
		return true;
	for (unsigned int a = 0; a < N_ACTORS; a++)
		if (cast->operation[a] &&
		    value - rig_actor(a)->first_value < cast->operation[a]->n_push)
			return true;
	return false;
}

/* All that ever was in the queue against all that came out. */
static enum outcome conservation(const struct cast *cast, bool exact)
{
	struct missing m = { 0 };
	enum outcome outcome;

	for (unsigned int i = 0; i < drained.n; i++)
		if (!is_known(cast, drained.value[i]))
			return bad(OUTCOME_LOST, "element %" PRIu64 " was never pushed",
				   drained.value[i]);
	for (unsigned int a = 0; a < N_ACTORS; a++) {
		const struct actor *actor = rig_actor(a);

		for (unsigned int i = 0; i < actor->log.n_popped; i++)
			if (!is_known(cast, actor->log.popped[i]))
				return bad(OUTCOME_LOST, "actor %u popped %" PRIu64, a,
					   actor->log.popped[i]);
		if (cast->operation[a] && (cast->dead >> a & 1) && !actor->log.finished)
			m.allowed += cast->operation[a]->n_take - actor->log.n_popped;
	}
	for (unsigned int i = 0; i < rig_n_queued(); i++) {
		outcome = account(&m, rig_first_value() + i);
		if (outcome != OUTCOME_GOOD)
			return outcome;
	}
	for (unsigned int a = 0; a < N_ACTORS; a++) {
		const struct actor *actor = rig_actor(a);
		const struct operation *op = cast->operation[a];

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
	if (exact && rig_queue()->n_dropped - before.n_dropped != m.n_dropped)
		return bad(OUTCOME_LOST, "%u elements were dropped, n_dropped says %" PRIu64,
			   m.n_dropped, rig_queue()->n_dropped - before.n_dropped);
	return OUTCOME_GOOD;
}

static enum outcome order(const struct cast *cast)
{
	uint64_t last[N_ACTORS + 1] = { 0 };
	bool claimed;

	for (unsigned int a = 0; a < N_ACTORS; a++)
		if (cast->operation[a] && cast->operation[a]->refuses && !(cast->dead >> a & 1))
			return OUTCOME_GOOD;	/* what it refused, and when, is not known */
	for (unsigned int i = 0; i < drained.n; i++) {
		const uint64_t value = drained.value[i];
		const bool setup = value >= rig_first_value();
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
	const struct shmreg_queue_shm *shm = rig_queue();
	const struct shmreg_queue *q = &rig_actor(CHECKER)->queue;
	const uint64_t tail = shm->tail & ~SHMREG_QUEUE_LOW_MASK;

	if (tail != (shm->head & ~SHMREG_QUEUE_LOW_MASK))
		return bad(OUTCOME_LEAKED, "empty, but head and tail differ");
	for (uint64_t i = 0; i < rig_shape()->capacity; i++) {
		const uint64_t pos = tail + (i << SHMREG_QUEUE_POS_SHIFT);
		const uint64_t w = *word_at(pos >> SHMREG_QUEUE_POS_SHIFT & q->mask);

		if (w != (pos & q->lap_mask))
			return bad(OUTCOME_LEAKED, "the slot %" PRIu64 " after the tail is %#" PRIx64
				   ", not %#" PRIx64, i, w, pos & q->lap_mask);
	}
	for (unsigned int a = 0; a < N_ACTORS; a++) {
		const uint32_t seat = rig_actor(a)->queue.handle.seat;

		if ((cast->dead >> a & 1) && (shm->users[seat / 64] >> seat % 64 & 1))
			return bad(OUTCOME_LEAKED, "actor %u's seat is still noted as a user", a);
	}
	return OUTCOME_GOOD;
}

static enum outcome works(void)
{
	struct shmreg_queue *in = &rig_actor(PEER)->queue, *out = &rig_actor(CHECKER)->queue;
	struct item item;
	int r;

	for (unsigned int round = 0; round < 2; round++) {
		const uint64_t first = 5000 + 100 * round;

		for (uint64_t i = 0; i < rig_shape()->capacity; i++) {
			item = item_of(first + i);
			r = shmreg_queue_push(in, &item);
			if (r < 0)
				return bad(OUTCOME_WEDGED, "push %" PRIu64 " of %" PRIu64 " says %d",
					   i, rig_shape()->capacity, r);
		}
		if (shmreg_queue_push(in, &item) != -EAGAIN)
			return bad(OUTCOME_WEDGED, "it is full and does not know");
		for (uint64_t i = 0; i < rig_shape()->capacity; i++) {
			r = shmreg_queue_pop(out, &item);
			if (r < 0)
				return bad(OUTCOME_WEDGED, "pop %" PRIu64 " of %" PRIu64 " says %d",
					   i, rig_shape()->capacity, r);
			if (!item_whole(&item) || item.value != first + i)
				return bad(OUTCOME_LOST, "pushed %" PRIu64 ", popped %" PRIu64,
					   first + i, item.value);
		}
		if (shmreg_queue_pop(out, &item) != -EAGAIN)
			return bad(OUTCOME_WEDGED, "it is empty and does not know");
	}
	return OUTCOME_GOOD;
}

enum outcome oracle_judge(const struct cast *cast, bool exact, const char **ret_why)
{
	enum outcome outcome;

	*ret_why = why;
	why[0] = 0;
	outcome = drain();
	if (outcome == OUTCOME_GOOD)
		outcome = conservation(cast, exact);
	if (outcome == OUTCOME_GOOD)
		outcome = order(cast);
	if (outcome == OUTCOME_GOOD)
		outcome = leaks(cast);
	if (outcome == OUTCOME_GOOD)
		outcome = works();
	return outcome;
}
