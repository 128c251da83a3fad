/* SPDX-License-Identifier: MIT */
#ifndef CRASH_RING_ACCOUNT_H
#define CRASH_RING_ACCOUNT_H

/*
 * ring-account.h - what the subjects of rings of elements and of records have in common
 *
 * Elements are numbered as they are pushed, and what is in one follows from its number; so
 * it does not matter who pushed it. Each operation takes its role, works, and gives the
 * role back. A role that is taken makes it do nothing.
 */

#include <shmreg/abi/ring.h>

#include "rig.h"
#include "ring-bind.h"
#include "role.h"

#define TAKE_MAX 4	/* elements that an operation is given */

enum role_kind { PRODUCES, CONSUMES };

/* An operation's data: what it does in all, if it does anything. */
struct ring_operation {
	enum role_kind role;
	uint32_t min, max;
	bool shows;		/* what it was given is in log.seen */
	bool stays;		/* ...and is not passed */
};

struct ring_log {
	uint64_t started;
	uint64_t has_role;
	uint64_t first;		/* its counter when it had the role */
	uint64_t returned;	/* what the call did, and 1; 0: it did not return */
	uint64_t finished;	/* the role is given back */
	uint64_t wrong;		/* a result that its contract does not know */
};

static inline void note(uint64_t *log, uint64_t value)
{
	shmreg_store_release(log, value);
}

/* @got: as a call returned it: how many, or an error. */
static inline void note_returned(struct ring_log *log, int64_t got)
{
	if (got < 0 && got != -EAGAIN)
		note(&log->wrong, (uint64_t)-got);
	note(&log->returned, 1 + (got > 0 ? (uint64_t)got : 0));
}

/* Somebody else has the role: nothing was done. */
static inline bool no_role(struct ring_log *log)
{
	note(&log->returned, 1);
	note(&log->finished, 1);
	return false;
}

/* An operation: takes(actor) its role, does one call, which says how many, gives the role back. */
#define OPERATION(name, takes, role, call)                                                         \
	static void run_##name(void *arg)                                                          \
	{                                                                                          \
		struct actor *a = arg;                                                             \
                                                                                                   \
		if (takes(a)) {                                                                    \
			note_returned(&a->log, call);                                              \
			role_leave(&a->shm->role, a->seat);                                        \
			note(&a->log.finished, 1);                                                 \
		}                                                                                  \
	}
/* Of a call that says 0 for one. */
#define ONE(call) ((call) == 0 ? 1 : -EAGAIN)

/* Its data. */
#define GIVES(min, max) &(const struct ring_operation){ PRODUCES, min, max, false, false }
#define TAKES(min, max) &(const struct ring_operation){ CONSUMES, min, max, true, false }
#define PASSES(min, max) &(const struct ring_operation){ CONSUMES, min, max, false, false }
#define LOOKS &(const struct ring_operation){ CONSUMES, 0, 0, false, true }

/*
 * Are @total elements what the operations of @role come to, those of the dead done or not, but
 * none in part? @ret_unsure: how many of them no call has told anybody of.
 */
static inline bool ring_accounts_agree(const struct cast *cast,
				       const struct ring_log *const logs[N_ACTORS],
				       enum role_kind role, uint64_t total, uint64_t *ret_unsure)
{
	uint64_t sums = 1, sure = 0, more;	/* bit n: it may be n more than is sure */
	unsigned int i, n;

	for (i = 0; i < N_ACTORS; i++) {
		const struct operation *operation = cast->operation[i];
		const struct ring_operation *op = operation ? operation->data : NULL;

		if (op == NULL || op->role != role || op->stays)
			continue;
		if (logs[i]->returned > 0) {
			sure += logs[i]->returned - 1;
			continue;
		}
		for (more = sums, n = op->min; n <= op->max; n++)
			more |= sums << n;
		sums = more;
	}
	*ret_unsure = total - sure;
	return total - sure < 64 && (sums >> (total - sure) & 1) != 0;
}

/* What was pushed and passed in all must be what operations did. */
static inline enum outcome judge_accounts(const struct cast *cast,
					  const struct ring_log *const logs[N_ACTORS],
					  uint64_t n_pushed, uint64_t n_passed,
					  struct judgement *ret)
{
	uint64_t unsure;

	if (!ring_accounts_agree(cast, logs, PRODUCES, n_pushed, &unsure))
		return judgement_bad(ret, OUTCOME_LOST, "%d were pushed that nobody pushed",
				     (int)unsure);
	if (!ring_accounts_agree(cast, logs, CONSUMES, n_passed, &unsure))
		return judgement_bad(ret, OUTCOME_LOST, "%d were passed that nobody passed",
				     (int)unsure);
	ret->n_lost = unsure;	/* passed, and their consumer dead before it was told */
	return OUTCOME_GOOD;
}

/* Numbers, as the ring's counters say them afterwards. */
struct ring_numbers {
	uint64_t first;		/* when it began: of the oldest that was there */
	uint64_t passed, pushed;
};

/* Is number @n what actor @i was given as its @j-th? */
typedef bool ring_was_given(const void *image, unsigned int i, uint64_t j, uint64_t n);

/* What was given out: whole, right, and to one only; but a dead one's again. */
static inline enum outcome judge_given(const struct cast *cast,
				       const struct ring_log *const logs[N_ACTORS],
				       const struct ring_numbers *numbers, const void *image,
				       ring_was_given *was_given, struct judgement *ret)
{
	uint64_t given = 0, n, j;	/* bit i: number i since the start */
	unsigned int i;

	for (i = 0; i < N_ACTORS; i++) {
		const struct ring_log *log = logs[i];
		const struct ring_operation *op =
			cast->operation[i] ? cast->operation[i]->data : NULL;

		if (log->wrong != 0)
			return judgement_bad(ret, OUTCOME_WEDGED, "actor %u was answered %d", i,
					     -(int)log->wrong);
		if (op == NULL || op->role != CONSUMES || !op->shows)
			continue;
		if (log->returned == 0 && log->has_role && log->first == numbers->passed &&
		    was_given(image, i, 0, log->first) && numbers->pushed != numbers->passed)
			ret->n_duplicated++;	/* seen by the dead, and is still there */
		for (j = 0; j + 1 < log->returned; j++) {
			if (!was_given(image, i, j, log->first + j))
				return judgement_bad(ret, OUTCOME_LOST, "actor %u got another", i);
			n = log->first + j - numbers->first;
			if (given >> n & 1)
				return judgement_bad(ret, OUTCOME_DUPLICATED, "number %u came twice",
						     (unsigned int)n);
			given |= UINT64_C(1) << n;
		}
	}
	return OUTCOME_GOOD;
}

/*
 * Waiting. In some settings both sides are asleep when it begins: so every call takes the way of
 * those who wake. Nobody really sleeps, and the words tell.
 */
static inline void fall_asleep(struct shmreg_ring_shm *shm)
{
	shm->items.half[SHMREG_EVENTCOUNT_COUNT] = COUNT_ASLEEP;
	shm->space.half[SHMREG_EVENTCOUNT_COUNT] = COUNT_ASLEEP;
}

/*
 * Who has returned from what made something, or room, has woken: also for one who died before it
 * did. One who did nothing has woken nobody. S goes no earlier than the sequence, else one might
 * fall asleep in between and stay.
 */
static inline enum outcome judge_wakes(const struct cast *cast,
				       const struct ring_log *const logs[N_ACTORS],
				       enum role_kind role, const union shmreg_eventcount *event,
				       uint64_t n_done, struct judgement *ret)
{
	const uint32_t count = event->half[SHMREG_EVENTCOUNT_COUNT];
	unsigned int i;

	if (n_done == 0 && count != COUNT_ASLEEP)
		return judgement_bad(ret, OUTCOME_LOST, "one was woken for nothing");
	if (count == SHMREG_EVENTCOUNT_SEQUENCE)
		return judgement_bad(ret, OUTCOME_WEDGED, "S went before the sequence was raised");
	for (i = 0; i < N_ACTORS; i++) {
		const struct ring_operation *op =
			cast->operation[i] ? cast->operation[i]->data : NULL;

		if (op != NULL && op->role == role && !op->stays && logs[i]->returned > 1 &&
		    (count & SHMREG_EVENTCOUNT_ASLEEP) != 0)
			return judgement_bad(ret, OUTCOME_WEDGED, "actor %u woke nobody", i);
	}
	return OUTCOME_GOOD;
}

static inline enum outcome judge_both_wakes(const struct cast *cast,
					    const struct ring_log *const logs[N_ACTORS],
					    const struct shmreg_ring_shm *shm, uint64_t n_pushed,
					    uint64_t n_passed, struct judgement *ret)
{
	const enum outcome o = judge_wakes(cast, logs, PRODUCES, &shm->items, n_pushed, ret);

	return o == OUTCOME_GOOD
		       ? judge_wakes(cast, logs, CONSUMES, &shm->space, n_passed, ret) : o;
}

/*
 * judge_calls() - what the calls did, before anybody looks into the ring
 * @n_there:	elements that were there when it began
 * @asleep:	both sides were, then
 */
static inline enum outcome judge_calls(const struct cast *cast,
				       const struct ring_log *const logs[N_ACTORS],
				       const struct shmreg_ring_shm *shm,
				       const struct ring_numbers *numbers, uint64_t n_there,
				       bool asleep, const void *image, ring_was_given *was_given,
				       struct judgement *ret)
{
	const uint64_t n_pushed = numbers->pushed - numbers->first - n_there;
	const uint64_t n_passed = numbers->passed - numbers->first;
	enum outcome o;

	if (shm->producer != 0 || shm->consumer != 0)
		return judgement_bad(ret, OUTCOME_LEAKED, "a role is not free");
	o = judge_given(cast, logs, numbers, image, was_given, ret);
	if (o == OUTCOME_GOOD)
		o = judge_accounts(cast, logs, n_pushed, n_passed, ret);
	if (o == OUTCOME_GOOD && asleep)
		o = judge_both_wakes(cast, logs, shm, n_pushed, n_passed, ret);
	return o;
}

#endif /* CRASH_RING_ACCOUNT_H */
