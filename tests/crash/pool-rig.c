/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "pool-keep.h"
#include "pool-rig.h"

#define GENERATION_MAX ((UINT64_C(1) << 26) - 1)

static const struct operation *const peers[] = { &pool_operations[RELEASE_ACQUIRE], &vain };

static const struct setting settings[] = {
	{ "room", SETTING_KILL, &(const struct start){ 12, 9, 0, 0, false, KEEP_NOTHING } },
	{ "two left", SETTING_PAIR | SETTING_SECOND_PEER, &(const struct start){ 5, 2, 0, 5, false, KEEP_NOTHING } },
	{ "one left", 0, &(const struct start){ 4, 1, 0, 5, false, KEEP_NOTHING } },
	{ "exhausted", SETTING_PAIR | SETTING_RACE | SETTING_SECOND_PEER, &(const struct start){ 3, 0, 0, 5, false, KEEP_NOTHING } },
	{ "exhausted, and it is said", 0, &(const struct start){ 3, 0, 3, 5, false, KEEP_NOTHING } },
	{ "exhausted, two groups", 0, &(const struct start){ 17, 0, 0, 5, false, KEEP_NOTHING } },
	{ "one left of two groups, said to be full before", 0,
	  &(const struct start){ 20, 1, 3, 5, false, KEEP_NOTHING } },
	{ "exhausted, and somebody waits", 0, &(const struct start){ 3, 0, 3, 5, true, KEEP_NOTHING } },
	{ "about to wrap", 0, &(const struct start){ 6, 2, 0, GENERATION_MAX - 1, false, KEEP_NOTHING } },
	{ "keepers, room", SETTING_KILL | SETTING_PAIR | SETTING_SECOND_PEER,
	  &(const struct start){ 12, 9, 0, 0, false, KEEP } },
	{ "keepers, exhausted, and somebody waits", SETTING_PAIR,
	  &(const struct start){ 24, 0, 3, 5, true, KEEP } },
	{ "all that is free is kept", SETTING_PAIR | SETTING_RACE | SETTING_SECOND_PEER,
	  &(const struct start){ 24, 0, 3, 5, false, KEEP_ONE } },
	{ "all that is free is kept, about to wrap", SETTING_PAIR,
	  &(const struct start){ 24, 0, 0, GENERATION_MAX - 1, false, KEEP_ONE } },
	{ "all that is free is kept and wanted", SETTING_PAIR | SETTING_SECOND_PEER,
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
	actor_give(a, 0);
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
		actor_get(&image->actor[i], 0);
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
	{ "repair does nothing", repair_nothing, MODE_ALONE, &settings[0],
	  &pool_operations[ACQUIRE], NULL, NULL },
	{ "repair takes the living", repair_everybody, MODE_ALONE, &settings[0],
	  &pool_operations[ACQUIRE], NULL, NULL },
	{ "repair leaves the hints", repair_words, MODE_ALONE, &settings[4],
	  &pool_operations[RELEASE], NULL, NULL },
	{ "repair clears the hints first", repair_hints_first, MODE_SLOW, &settings[3],
	  &pool_operations[RELEASE], NULL, &vain },
	{ "claimed before it says for whom", NULL, MODE_ALONE, &settings[0], &take_first, NULL,
	  NULL },
};

const struct subject subject = {
	.name = "pool",
	SUBJECT_PARTS,
	.operations = pool_operations,
	.n_operations = N_POOL_OPERATIONS,
	.judge = pool_judge,
};
