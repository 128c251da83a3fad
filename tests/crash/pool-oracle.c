/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>

#include "pool-rig.h"

static bool is_noted(const struct image *image, const struct actor *a, unsigned int number,
		     uint64_t ref)
{
	for (unsigned int i = 0; i < KEPT; i++)
		if (a->log.ref[i] == ref)
			return true;
	if (number == CHECKER)
		for (unsigned int i = 0; i < CAPACITY_MAX; i++)
			if (image->kept[i] == ref)
				return true;
	return false;
}

/* What is kept, somebody who lives says that he keeps. */
static bool is_kept(const struct image *image, const struct cast *cast, uint64_t index)
{
	for (unsigned int who = 0; who < N_ACTORS; who++) {
		const struct shmreg_pool *p = &image->actor[who].pool.pool;
		const uint64_t w = p->owner[index];

		if ((cast->dead >> who & 1) == 0 && p->keeper != NULL &&
		    w == shmreg_pool_word_kept(w, actor_seat(who), p->tag))
			return p->keeper->ref == shmreg_pool_ref_of(w, index);
	}
	return false;
}

/* Keepers are of those who live. */
static bool keepers_live(const struct image *image, const struct cast *cast)
{
	const struct shmreg_pool *p = &image->actor[CHECKER].pool.pool;
	uint32_t n = 0;

	for (unsigned int who = 0; who < N_ACTORS; who++)
		for (uint32_t i = 0; i < p->n_keepers; i++)
			if (p->keepers[i].seat == actor_seat(who)) {
				if (cast->dead >> who & 1)
					return false;
				n++;
			}
	return n == (uint32_t)__builtin_popcountll(shmreg_pool_shm_(p)->keepers);
}

/* Each word says what whoever lives has noted. */
static enum outcome judge_words(struct image *image, const struct cast *cast,
				struct judgement *ret, uint64_t *ret_n_free)
{
	uint64_t n_free = 0, n_held = 0, n_noted = 0;

	for (uint64_t i = 0; i < image->shape.capacity; i++) {
		const uint64_t w = *word_of(image, i);
		unsigned int who = 0;

		if (w == shmreg_pool_word_free(w)) {
			n_free++;
			continue;
		}
		if ((w & SHMREG_POOL_STATE_MASK) == SHMREG_POOL_KEPT) {
			if (!is_kept(image, cast, i))
				return judgement_bad(ret, OUTCOME_LEAKED, "nobody keeps object "
						     "%" PRIu64 ": %#" PRIx64, i, w);
			n_free++;
			continue;
		}
		while (who < N_ACTORS && w != shmreg_pool_word_held(w, actor_seat(who)))
			who++;
		if (who == N_ACTORS)
			return judgement_bad(ret, OUTCOME_WEDGED, "object %" PRIu64 ": %#" PRIx64, i, w);
		if (cast->dead >> who & 1)
			return judgement_bad(ret, OUTCOME_LEAKED, "object %" PRIu64 " is dead actor "
					     "%u's", i, who);
		if (!is_noted(image, &image->actor[who], who, shmreg_pool_ref_of(w, i)))
			return judgement_bad(ret, OUTCOME_LEAKED, "actor %u does not know of object "
					     "%" PRIu64, who, i);
		n_held++;
	}
	for (unsigned int who = 0; who < N_ACTORS; who++) {
		struct actor *a = &image->actor[who];

		if (cast->dead >> who & 1)
			continue;
		for (unsigned int i = 0; i < KEPT; i++) {
			const struct item *item = item_pool_get(&a->pool, a->log.ref[i]);

			if (a->log.ref[i] == SHMREG_POOL_NONE)
				continue;
			n_noted++;
			if (item == NULL)
				return judgement_bad(ret, OUTCOME_LOST, "actor %u has lost an object", who);
			if (item->owner != actor_seat(who) || item->ref != a->log.ref[i])
				return judgement_bad(ret, OUTCOME_DUPLICATED, "actor %u's object is "
						     "seat %" PRIu64 "'s, too", who, item->owner);
		}
		if (a->log.n_bad != 0)
			return judgement_bad(ret, OUTCOME_LOST, "a call of actor %u's failed", who);
	}
	for (unsigned int i = 0; i < CAPACITY_MAX; i++)
		n_noted += image->kept[i] != 0;
	if (n_held != n_noted)
		return judgement_bad(ret, OUTCOME_LOST, "%" PRIu64 " objects held, %" PRIu64 " noted",
				     n_held, n_noted);
	*ret_n_free = n_free;
	return OUTCOME_GOOD;
}

/* All that is free can be had, once, and no more. */
static enum outcome use(struct image *image, uint64_t n_free, struct judgement *ret)
{
	struct shmreg_pool *p = &image->actor[CHECKER].pool.pool;
	uint64_t ref[CAPACITY_MAX], n = 0, other;

	while (n < n_free && shmreg_pool_acquire(p, &ref[n]) == 0)
		n++;
	if (n < n_free)
		return judgement_bad(ret, OUTCOME_LEAKED, "%" PRIu64 " of %" PRIu64 " free objects can "
				     "be found", n, n_free);
	for (int i = 0; i < 3; i++)
		if (shmreg_pool_acquire(p, &other) != -EAGAIN)
			return judgement_bad(ret, OUTCOME_DUPLICATED, "one too many");
	while (n > 0)
		if (shmreg_pool_release(p, ref[--n]) != 0)
			return judgement_bad(ret, OUTCOME_WEDGED, "release fails");
	return OUTCOME_GOOD;
}

void pool_judge(void *memory, const struct cast *cast, struct judgement *ret)
{
	const struct start *start = cast->setting->data;
	struct image *image = memory;
	struct shmreg_pool_shm *shm = shm_of(image);
	uint64_t n_free = 0, seats[64];

	if (judge_words(image, cast, ret, &n_free) != OUTCOME_GOOD)
		return;
	/* As many as three actors can want at a time are there: nobody may have been refused. */
	for (int i = 0; start->n_free >= 3 * (KEPT - 1) && i < CHECKER; i++)
		if (image->actor[i].log.n_again != 0) {
			judgement_bad(ret, OUTCOME_LOST, "actor %d was refused", i);
			return;
		}
	actor_seats(cast->dead, seats);
	for (int i = 0; i < 64; i++)
		if ((shm->users[i] & seats[i]) != 0) {
			judgement_bad(ret, OUTCOME_LEAKED, "a dead one uses it");
			return;
		}
	if (!keepers_live(image, cast)) {
		judgement_bad(ret, OUTCOME_LEAKED, "somebody is a keeper who is none");
		return;
	}
	if (use(image, n_free, ret) != OUTCOME_GOOD || use(image, n_free, ret) != OUTCOME_GOOD)
		return;
	/* Nobody did sleep, which who released something has found out. */
	if (n_free > 0 && (shm->space.both & SHMREG_EVENTCOUNT_WANTED) != 0)
		judgement_bad(ret, OUTCOME_LEAKED, "somebody is said to sleep");
}
