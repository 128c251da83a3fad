/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <shmreg/pool.h>

#include "pool-bind.h"
#include "pool-keep.h"
#include "rig.h"

/*
 * pool.c - a pool: each object is free, or one's, whoever dies
 *
 * Each actor notes the references it has, and writes into what it holds whose it is. What a dead
 * one held, noted or not, must be free after repair; what a living one has noted must be its
 * own and untouched, and nothing else may be. Then all that is free can be acquired, whatever
 * the hints said when somebody died.
 */

#define CAPACITY_MAX 24
#define KEEPERS 3		/* that so many objects have */
#define KEPT 4			/* references an actor can note */
#define GENERATION_MAX ((UINT64_C(1) << 26) - 1)

struct item {
	uint64_t owner;
	uint64_t ref;
};
SHMREG_DEFINE_POOL(item_pool, struct item);

struct actor {
	struct item_pool pool;
	struct {
		uint64_t ref[KEPT];	/* 0: none, or given back */
		uint32_t n_again, n_bad;
	} log;
};

struct image {
	struct actor actor[N_ACTORS];
	struct shmreg_shape shape;
	uint64_t kept[CAPACITY_MAX];	/* what nobody is to touch */
	SHMREG_ALIGNAS(SHMREG_BLOCK)
	unsigned char pool[sizeof(struct shmreg_pool_shm) + 2 * SHMREG_BLOCK + 2 * 16 * 8 +
			   KEEPERS * sizeof(struct shmreg_pool_keeper) + CAPACITY_MAX * sizeof(struct item) + SHMREG_BLOCK];
};

struct start {
	uint32_t capacity;
	uint32_t n_free;	/* besides one object that each of the actors holds */
	uint32_t n_vain;	/* searches that have been in vain since: hints of full groups */
	uint64_t generation;
	bool asleep;		/* somebody may wait for a free object */
	enum {
		KEEP_NOTHING,		/* nobody does */
		KEEP,			/* those who are keepers may */
		KEEP_ONE,		/* and do: what they have had; it is free */
		RECALLED,		/* and others want it */
	} keep;
};

static uint64_t *word_of(struct image *image, uint64_t index)
{
	return &image->actor[CHECKER].pool.pool.owner[index];
}

static struct shmreg_pool_shm *shm_of(struct image *image)
{
	return (struct shmreg_pool_shm *)(void *)image->pool;
}

static void note(struct actor *a, int r)
{
	if (r == -EAGAIN)
		shmreg_store_release(&a->log.n_again, a->log.n_again + 1);
	else if (r < 0)
		shmreg_store_release(&a->log.n_bad, a->log.n_bad + 1);
}

static struct item item_of(const struct actor *a, uint64_t ref)
{
	return (struct item){ .owner = a->pool.pool.handle.seat, .ref = ref };
}

/* Becomes one's by an acquisition: filled in and noted. */
static void keep(struct actor *a, unsigned int place, uint64_t ref)
{
	struct item *item = item_pool_get(&a->pool, ref);

	if (item == NULL) {
		note(a, -EINVAL);
		return;
	}
	*item = item_of(a, ref);
	shmreg_store_release(&a->log.ref[place], ref);
}

static void get(struct actor *a, unsigned int place)
{
	uint64_t ref = SHMREG_POOL_NONE;
	const int r = item_pool_acquire(&a->pool, &ref);

	note(a, r);
	if (r == 0)
		keep(a, place, ref);
}

static void give(struct actor *a, unsigned int place)
{
	const uint64_t ref = a->log.ref[place];

	if (ref == SHMREG_POOL_NONE)
		return;
	/* Before: who dies in the call does not know whether he still has it. */
	shmreg_store_release(&a->log.ref[place], SHMREG_POOL_NONE);
	note(a, item_pool_release(&a->pool, ref));
}

static void run_acquire(void *arg)
{
	get(arg, 1);
}

static void run_make(void *arg)
{
	struct actor *a = arg;
	const struct item item = item_of(a, 0);
	uint64_t ref = SHMREG_POOL_NONE;
	const int r = item_pool_make(&a->pool, &ref, &item);

	note(a, r);
	if (r == 0)
		keep(a, 1, ref);
}

static void run_release(void *arg)
{
	give(arg, 0);
}

static void run_release_acquire(void *arg)
{
	give(arg, 0);
	get(arg, 1);
}

static void run_acquire_release(void *arg)
{
	get(arg, 1);
	give(arg, 1);
	give(arg, 0);
}

/* Of a reference that is not good any more, nothing becomes. */
static void run_release_twice(void *arg)
{
	struct actor *a = arg;
	const uint64_t ref = a->log.ref[0];

	give(a, 0);
	if (item_pool_release(&a->pool, ref) != -ESTALE)
		note(a, -EINVAL);
}

static void batch(struct actor *a, uint32_t min)
{
	uint64_t ref[3];
	int r = item_pool_acquire_batch(&a->pool, ref, 3, min), i;

	note(a, r);
	for (i = 0; i < r; i++)
		keep(a, 1 + (unsigned int)i, ref[i]);
}

static void run_batch(void *arg)
{
	batch(arg, 3);
}

static void run_batches(void *arg)
{
	struct actor *a = arg;
	uint64_t ref[3];

	batch(a, 1);
	memcpy(ref, &a->log.ref[1], sizeof(ref));
	for (unsigned int i = 1; i < KEPT; i++)
		shmreg_store_release(&a->log.ref[i], SHMREG_POOL_NONE);
	if (ref[0] != SHMREG_POOL_NONE && ref[2] != SHMREG_POOL_NONE)
		note(a, item_pool_release_batch(&a->pool, ref, 3));
	else
		for (unsigned int i = 0; i < 3; i++)
			if (ref[i] != SHMREG_POOL_NONE)
				note(a, item_pool_release(&a->pool, ref[i]));
}

/* Through the steps of hints, both ways. */
static void run_search(void *arg)
{
	get(arg, 1);
	get(arg, 2);
	give(arg, 0);
}

/* A peer's: it finds all full, and says so. */
static void run_vain(void *arg)
{
	get(arg, 1);
	get(arg, 2);
	get(arg, 3);
}
static const struct operation vain = { "acquire three times", run_vain, 0, NULL };

static const struct operation operations[] = {
	{ "acquire", run_acquire, OPERATION_BOTH, NULL },
	{ "make", run_make, 0, NULL },
	{ "release", run_release, OPERATION_BOTH, NULL },
	{ "release, acquire", run_release_acquire, 0, NULL },
	{ "acquire, release, release", run_acquire_release, 0, NULL },
	{ "release twice", run_release_twice, 0, NULL },
	{ "acquire all or none of 3", run_batch, 0, NULL },
	{ "acquire 1 to 3, release them", run_batches, 0, NULL },
	{ "acquire twice, release", run_search, 0, NULL },
};
static const struct operation *const peers[] = { &operations[3], &vain };

static const struct setting settings[] = {
	{ "room", SETTING_KILL, &(const struct start){ 12, 9, 0, 0, false, KEEP_NOTHING } },
	{ "two left", SETTING_PAIR, &(const struct start){ 5, 2, 0, 5, false, KEEP_NOTHING } },
	{ "one left", 0, &(const struct start){ 4, 1, 0, 5, false, KEEP_NOTHING } },
	{ "exhausted", SETTING_PAIR | SETTING_RACE, &(const struct start){ 3, 0, 0, 5, false, KEEP_NOTHING } },
	{ "exhausted, and it is said", 0, &(const struct start){ 3, 0, 3, 5, false, KEEP_NOTHING } },
	{ "exhausted, two groups", 0, &(const struct start){ 17, 0, 0, 5, false, KEEP_NOTHING } },
	{ "one left of two groups, said to be full before", 0,
	  &(const struct start){ 20, 1, 3, 5, false, KEEP_NOTHING } },
	{ "exhausted, and somebody waits", 0, &(const struct start){ 3, 0, 3, 5, true, KEEP_NOTHING } },
	{ "about to wrap", 0, &(const struct start){ 6, 2, 0, GENERATION_MAX - 1, false, KEEP_NOTHING } },
	{ "keepers, room", SETTING_KILL | SETTING_PAIR,
	  &(const struct start){ 12, 9, 0, 0, false, KEEP } },
	{ "keepers, exhausted, and somebody waits", SETTING_PAIR,
	  &(const struct start){ 24, 0, 3, 5, true, KEEP } },
	{ "all that is free is kept", SETTING_PAIR | SETTING_RACE,
	  &(const struct start){ 24, 0, 3, 5, false, KEEP_ONE } },
	{ "all that is free is kept, about to wrap", SETTING_PAIR,
	  &(const struct start){ 24, 0, 0, GENERATION_MAX - 1, false, KEEP_ONE } },
	{ "all that is free is kept and wanted", SETTING_PAIR,
	  &(const struct start){ 24, 0, 3, 5, false, RECALLED } },
};

static void set_keeping(struct actor *a, const struct start *start)
{
	struct shmreg_pool *p = &a->pool.pool;

	if (start->keep == KEEP_NOTHING) {
		pool_keep_end(p);
		p->patience = UINT32_MAX;
		return;
	}
	if (start->keep == KEEP)
		return;
	if (p->keeper == NULL)
		abort();
	give(a, 0);
	if (!p->kept)
		abort();
	if (start->keep == RECALLED)
		p->keeper->recall |= SHMREG_POOL_WANTED;
}

static void setup(void *memory, const struct setting *setting)
{
	const struct start *start = setting->data;
	struct image *image = memory;
	struct shmreg_pool *checker = &image->actor[CHECKER].pool.pool;
	uint64_t ref, n_kept = 0;

	image->shape = (struct shmreg_shape){ .kind = SHMREG_KIND_POOL,
					      .layout = SHMREG_POOL_LAYOUT,
					      .elem_align = SHMREG_ALIGNOF(struct item),
					      .elem_bytes = sizeof(struct item),
					      .capacity = start->capacity };
	must_fit(&image->shape, sizeof(image->pool));
	for (unsigned int i = 0; i < N_ACTORS; i++)
		pool_bind(&image->actor[i].pool.pool, image->pool, &image->shape, actor_seat(i));
	for (uint64_t i = 0; i < start->capacity; i++)
		*word_of(image, i) = start->generation << SHMREG_POOL_GENERATION_SHIFT;
	for (unsigned int i = 0; i < CHECKER; i++)
		get(&image->actor[i], 0);
	while (shmreg_pool_acquire(checker, &ref) == 0)
		image->kept[n_kept++] = ref;
	for (uint32_t i = 0; i < start->n_vain; i++)
		if (shmreg_pool_acquire(checker, &ref) == 0)
			abort();
	for (uint32_t i = 0; i < start->n_free; i++)
		if (shmreg_pool_release(checker, image->kept[--n_kept]) != 0)
			abort();
	memset(image->kept + n_kept, 0, sizeof(image->kept) - n_kept * sizeof(*image->kept));
	checker->last = SHMREG_POOL_NONE;
	for (unsigned int i = 0; i < CHECKER; i++)
		set_keeping(&image->actor[i], start);
	if (start->n_vain == 0) {
		*checker->full = 0;
		*checker->fuller = 0;
	}
	if (start->asleep)
		shm_of(image)->space.half[SHMREG_EVENTCOUNT_COUNT] = SHMREG_EVENTCOUNT_ASLEEP |
								     SHMREG_EVENTCOUNT_MIXED;
}

static void repair(void *memory, uint32_t dead, struct shmreg_reaper_report *ret)
{
	struct image *image = memory;

	repair_object(&image->shape, image->pool, dead, ret);
}

/* What comes before it only reads which of the dead used the pool. */
static const void *repair_begins(void *memory)
{
	return word_of(memory, 0);
}

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

static void judge(void *memory, const struct cast *cast, struct judgement *ret)
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

/* Planted: taken without saying who takes it, and then said. */
static void run_take_first(void *arg)
{
	struct actor *a = arg;
	struct shmreg_pool *p = &a->pool.pool;
	uint64_t *word = &p->owner[9], w = *word;
	uint64_t next = shmreg_pool_next_(w, SHMREG_POOL_HELD);

	if (shmreg_cas_acq_rel(word, &w, next)) {
		shmreg_store_release(word, shmreg_pool_next_(w, p->claim));
		keep(a, 1, shmreg_pool_ref_of(*word, 9));
	}
}
static const struct operation take_first = { "take first", run_take_first, 0, NULL };

static void repair_everybody(void *memory, uint32_t dead, struct shmreg_reaper_report *ret)
{
	(void)dead;
	repair(memory, 1u << VICTIM | 1u << SECOND | 1u << PEER, ret);
}

/* The words, but not the hints. */
static void repair_words(void *memory, uint32_t dead, struct shmreg_reaper_report *ret)
{
	struct image *image = memory;
	const struct shmreg_pool *p = &image->actor[CHECKER].pool.pool;
	const uint64_t full = *p->full, fuller = *p->fuller;

	repair(memory, dead, ret);
	*p->full = full;
	*p->fuller = fuller;
}

/* As if what it clears could not be set again before the words are free. */
static void repair_hints_first(void *memory, uint32_t dead, struct shmreg_reaper_report *ret)
{
	struct image *image = memory;
	const struct shmreg_pool *p = &image->actor[CHECKER].pool.pool;
	struct shmreg_pool_shm *shm = shm_of(image);
	uint64_t seats[64];

	(void)ret;
	actor_seats(dead, seats);
	shmreg_store_release(p->full, 0);
	shmreg_store_release(p->fuller, 0);
	for (uint64_t i = 0; i < p->capacity; i++) {
		const uint32_t seat = shmreg_pool_word_seat(p->owner[i]);

		if (seats[seat / 64] >> seat % 64 & 1)
			shmreg_store_release(&p->owner[i], shmreg_pool_word_free(p->owner[i]));
	}
	for (int i = 0; i < 64; i++)
		shm->users[i] &= ~seats[i];
}

static const struct planted planted[] = {
	{ "repair does nothing", repair_nothing, MODE_ALONE, &settings[0], &operations[0], NULL,
	  NULL },
	{ "repair takes the living", repair_everybody, MODE_ALONE, &settings[0], &operations[0],
	  NULL, NULL },
	{ "repair leaves the hints", repair_words, MODE_ALONE, &settings[4], &operations[2], NULL,
	  NULL },
	{ "repair clears the hints first", repair_hints_first, MODE_SLOW, &settings[3],
	  &operations[2], NULL, &vain },
	{ "claimed before it says for whom", NULL, MODE_ALONE, &settings[0], &take_first, NULL,
	  NULL },
};

const struct subject subject = {
	.name = "pool",
	SUBJECT_PARTS,
	SUBJECT_TABLE(operations, operations),
	.judge = judge,
};
