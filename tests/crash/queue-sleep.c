/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "futex.h"
#include "image.h"
#include "queue-rig.h"

/*
 * queue-sleep.c - a kernel for those who wait at a queue, and what must hold of their sleep
 *
 * Calls for the real one would not show who sleeps, nor could an image be put back. Steps can stop
 * between two of this one's; what it promises holds at each: who has a bed is found by who wakes,
 * and looks at the word after that. No time passes: who is not woken while he is stopped comes
 * to his deadline.
 */

/* Only one waits at a time; all others push and pop. */
static const struct actor *waiting;

void queue_wait_by(const struct actor *actor)
{
	waiting = actor;
}

static uint32_t *beds_of(const uint32_t *word)
{
	struct image *image = image_now;

	return image->bed[word == &queue_event(image, ITEMS)->half[SHMREG_EVENTCOUNT_COUNT]
				  ? ITEMS : SPACE];
}

static bool change(uint32_t *bed, uint32_t from, uint32_t to)
{
	return shmreg_cas_acq_rel(bed, &from, to);
}

/* Linked in place of those of libclient/futex.h: see local.mk. */
int __wrap_futex_wait_any(const struct futex_word *words, unsigned int n,
			  const struct timespec *deadline);
unsigned int __wrap_futex_wake(uint32_t *word, uint32_t n);
void __wrap_futex_clear_and_wake(uint32_t *word, unsigned int bit);

int __wrap_futex_wait_any(const struct futex_word *words, unsigned int n,
			  const struct timespec *deadline)
{
	const struct futex_word *w = &words[n - 1];
	uint32_t *bed = &beds_of(w->word)[waiting - ((struct image *)image_now)->actor];
	int r = 0;

	(void)deadline;
	shmreg_store_release(bed, FALLING_ASLEEP);
	if (shmreg_load_acquire(w->word) == w->value &&
	    change(bed, FALLING_ASLEEP, ASLEEP_IN_BED) && change(bed, ASLEEP_IN_BED, NOBODY))
		r = -ETIMEDOUT;
	shmreg_store_release(bed, NOBODY);
	return r;
}

unsigned int __wrap_futex_wake(uint32_t *word, uint32_t n)
{
	uint32_t *const bed = beds_of(word);
	unsigned int woken = 0;

	for (unsigned int i = 0; i < N_BEDS && woken < n; i++)
		woken += change(&bed[i], ASLEEP_IN_BED, WOKEN) ||
			 change(&bed[i], FALLING_ASLEEP, WOKEN);
	return woken;
}

void __wrap_futex_clear_and_wake(uint32_t *word, unsigned int bit)
{
	shmreg_fetch_and_acq_rel(word, ~(UINT32_C(1) << bit));
	__wrap_futex_wake(word, UINT32_MAX);
}

/* Of this judgement: as it was before anybody took or gave in order to judge. */
static struct {
	uint32_t bed[N_SIDES][N_BEDS];
	bool settled;		/* nobody is under way, or was when he died */
} night;

static const struct start *start_of(const struct cast *cast)
{
	return cast->setting->data;
}

static const struct effect *effect_of(const struct cast *cast, unsigned int actor)
{
	return cast->operation[actor] ? cast->operation[actor]->data : NULL;
}

/* Has @a returned from something that made something to take, or room? */
static bool has_made(const struct actor *a, const struct effect *op, enum side side)
{
	if (side == SPACE)
		return a->log.n_popped > 0;
	/* Who takes two may have been given one, and so refused none. */
	return a->log.n_pushed > 0 ||
	       (op->refuses && op->n_take == 1 && a->log.finished && a->log.result == 0);
}

/*
 * Those who only take make nothing to take, nor those room who only give, nor who is refused. But
 * what is behind an element that was given up can be taken, and who finds nothing but that one
 * makes room.
 */
static bool cannot_have_made(const struct actor *a, const struct effect *op, enum side side)
{
	if (op->waits)
		return false;
	if (side == SPACE)
		return op->n_take == 0;
	if (a->log.finished && a->log.result < 0 && a->log.n_pushed + a->log.n_popped == 0)
		return true;
	return op->n_take > 0 && op->n_push == 0 && !op->refuses;
}

static enum outcome judge_count(const struct image *image, const struct cast *cast, enum side side,
				struct judgement *ret)
{
	const uint32_t begun = COUNT_ASLEEP |
			       (start_of(cast)->sleep == ONE_FOR_TWO &&
				side == (start_of(cast)->n_queued == 0 ? ITEMS : SPACE)
					? SHMREG_EVENTCOUNT_MIXED : 0);
	const uint32_t count = queue_event((struct image *)(uintptr_t)image, side)
				       ->half[SHMREG_EVENTCOUNT_COUNT];
	bool may_have_woken = false;
	unsigned int i;

	if ((count & ~SHMREG_EVENTCOUNT_MIXED) == SHMREG_EVENTCOUNT_SEQUENCE)
		return judgement_bad(ret, OUTCOME_WEDGED, "S went before the sequence was raised");
	for (i = 0; i < N_ACTORS; i++) {
		const struct effect *op = effect_of(cast, i);

		if (op == NULL)
			continue;
		may_have_woken |= !cannot_have_made(&image->actor[i], op, side);
		if (has_made(&image->actor[i], op, side) &&
		    (count & SHMREG_EVENTCOUNT_SEQUENCE) == SHMREG_EVENTCOUNT_SEQUENCE)
			return judgement_bad(ret, OUTCOME_WEDGED, "actor %u woke nobody", i);
	}
	if (!may_have_woken && count != begun)
		return judgement_bad(ret, OUTCOME_WEDGED, "somebody was woken for nothing: %#x",
				     count);
	return OUTCOME_GOOD;
}

enum outcome queue_judge_sleep(struct image *image, const struct cast *cast, struct judgement *ret)
{
	unsigned int i, side;

	night.settled = true;
	for (i = 0; i < N_ACTORS; i++)
		if (cast->operation[i] && !image->actor[i].log.finished &&
		    image->bed[ITEMS][i] != ASLEEP_IN_BED && image->bed[SPACE][i] != ASLEEP_IN_BED)
			night.settled = false;
	for (side = 0; side < N_SIDES; side++) {
		const uint32_t count = queue_event(image, side)->half[SHMREG_EVENTCOUNT_COUNT];

		if (start_of(cast)->sleep != NOBODY_SLEEPS &&
		    judge_count(image, cast, side, ret) != OUTCOME_GOOD)
			return ret->outcome;
		for (i = 0; i < N_BEDS; i++) {
			if (night.settled && image->bed[side][i] == ASLEEP_IN_BED &&
			    (count & SHMREG_EVENTCOUNT_ASLEEP) == 0)
				return judgement_bad(ret, OUTCOME_WEDGED,
						     "one sleeps, and nobody will wake him");
			night.bed[side][i] = image->bed[side][i];
			image->bed[side][i] = NOBODY;
		}
	}
	return OUTCOME_GOOD;
}

/* One sleeps who could go on, and nobody was woken who will, and then pass it on. */
static enum outcome judge_side(const struct cast *cast, enum side side, uint64_t n_there,
			       struct judgement *ret)
{
	bool sleeps = false, comes = false;

	for (unsigned int i = 0; i < N_BEDS; i++) {
		const struct effect *op = i < MAYBE_CHOOSY ? effect_of(cast, i) : NULL;
		const bool choosy = i == MAYBE_CHOOSY ? start_of(cast)->sleep == ONE_FOR_TWO
						      : op != NULL && op->n_push > 1;

		if (n_there < (choosy ? 2 : 1))
			continue;
		sleeps |= night.bed[side][i] == ASLEEP_IN_BED;
		comes |= night.bed[side][i] == WOKEN;
	}
	if (sleeps && !comes)
		return judgement_bad(ret, OUTCOME_WEDGED, "one sleeps, and there is %s for him",
				     side == ITEMS ? "an element" : "room");
	return OUTCOME_GOOD;
}

enum outcome queue_judge_lost(const struct cast *cast, uint64_t n_items, uint64_t n_space,
			      struct judgement *ret)
{
	for (unsigned int i = 0; i < N_ACTORS; i++)
		if (effect_of(cast, i) != NULL && effect_of(cast, i)->refuses)
			n_space = 0;	/* whether behind what was refused is not known */
	/* Who died has the daemon wake everybody, once it is repaired: so all begin anew. */
	if (!night.settled)
		return OUTCOME_GOOD;
	return judge_side(cast, ITEMS, n_items, ret) == OUTCOME_GOOD
		       ? judge_side(cast, SPACE, n_space, ret) : ret->outcome;
}
