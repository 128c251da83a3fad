/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * What the library that this project descends from got wrong about its table: changes were not
 * synchronised. Here several processes create, open, remove and look up objects of few names in
 * one segment, and some of them are killed in the act.
 *
 * $SHMREG_TEST_SCALE is a factor for the number of rounds; $SHMREG_TEST_SEED.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "actor.h"
#include "random.h"

#define BYTES (UINT64_C(1) << 20)
#define WORKERS 4
#define NAMES 12
#define MAX_OBJECTS 10		/* fewer than names */
#define LENGTH_MAX 3000
#define ROUNDS 10000		/* of each worker */
#define KILLS 60

static struct tally {
	uint64_t n_created, n_opened, n_removed, n_missed, n_full;
} *tally;

static struct harness h;
static struct shmreg_connection *c;
static struct shmreg_segment *s;

static void setup(void)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = BYTES,
						      .max_objects = MAX_OBJECTS,
						      .lifetime = SHMREG_UNTIL_REMOVED };

	harness_start(&h, NULL);
	c = harness_connect();
	/* Not attached: one who does nothing delays the end of what is removed. */
	harness_ok(shmreg_segment_create(c, NULL, ACTOR_SEGMENT, &params));
	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(tally, MAP_FAILED);
}

static void teardown(void)
{
	munmap(tally, sizeof(*tally));
	harness_ok(shmreg_segment_remove(c, ACTOR_SEGMENT));
	c = shmreg_disconnect(c);
	harness_stop(&h);
}

static void count(uint64_t *n)
{
	__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
}

/*
 * It is what was asked for and nobody else's: an array's elements are its object's number, or 0
 * where its creator has not got to yet.
 */
static void check_array(struct word_array *array, const char *name)
{
	const struct shmreg_handle *handle = &array->array.handle;
	uint64_t i, word;

	if (strcmp(handle->entry->name, name) != 0 || handle->entry->id != handle->object)
		ck_abort_msg("'%s' was asked for, '%s' was opened", name, handle->entry->name);
	for (i = 0; i < word_array_length(array); i++) {
		word = __atomic_load_n(word_array_at(array, i), __ATOMIC_RELAXED);
		if (word != 0 && word != handle->object)
			ck_abort_msg("element %llu of object %llu is %llu", (unsigned long long)i,
				     (unsigned long long)handle->object, (unsigned long long)word);
	}
}

static void create(struct shmreg_segment *segment, const char *name, struct random_state *random)
{
	struct word_array *array = NULL;
	const int r = word_array_create(segment, &array, name, 1 + random_below(random, LENGTH_MAX));
	uint64_t i;

	if (r == -EEXIST)
		return;
	if (r == -ENOSPC) {
		count(&tally->n_full);
		return;
	}
	ck_assert_msg(r == 0, "create: %d: %s", r, shmreg_error());
	count(&tally->n_created);
	check_array(array, name);
	for (i = 0; i < word_array_length(array); i++)
		__atomic_store_n(word_array_at(array, i), array->array.handle.object,
				 __ATOMIC_RELAXED);
	harness_ok(word_array_close(array));
}

static void look_up(struct shmreg_segment *segment, const char *name)
{
	struct shmreg_dir_object entry;
	uint64_t bytes, align;
	const int r = shmreg_dir_find(shmreg_segment_dir(segment), name, &entry, NULL);

	if (r == -ENOENT) {
		count(&tally->n_missed);
		return;
	}
	if (r != 0 || strcmp(entry.name, name) != 0 || strcmp(entry.type_name, "uint64_t") != 0 ||
	    entry.shape.kind != SHMREG_KIND_ARRAY || entry.shape.capacity > LENGTH_MAX ||
	    shmreg_shape_bytes(&entry.shape, &bytes, &align, NULL) < 0 || bytes != entry.bytes ||
	    entry.offset % align != 0 || entry.offset + bytes > BYTES)
		ck_abort_msg("'%s': %d, garbage was found", name, r);
}

static void do_something(struct shmreg_segment *segment, struct random_state *random)
{
	struct word_array *array = NULL;
	char name[16];
	int r;

	snprintf(name, sizeof(name), "table/%d", (int)random_below(random, NAMES));
	switch (random_below(random, 4)) {
	case 0:
		create(segment, name, random);
		break;
	case 1:
		r = word_array_open(segment, &array, name, 0);
		if (r == -ENOENT) {
			count(&tally->n_missed);
			break;
		}
		ck_assert_msg(r == 0, "open: %d: %s", r, shmreg_error());
		count(&tally->n_opened);
		check_array(array, name);
		harness_ok(word_array_close(array));
		break;
	case 2:
		r = shmreg_object_remove(segment, name);
		ck_assert_msg(r == 0 || r == -ENOENT, "remove: %d: %s", r, shmreg_error());
		count(r == 0 ? &tally->n_removed : &tally->n_missed);
		break;
	default:
		look_up(segment, name);
	}
}

static void work(const struct mouth *mouth, void *arg)
{
	const uint64_t me = (uint64_t)(uintptr_t)arg;
	const uint64_t rounds = random_scaled(ROUNDS);
	struct shmreg_connection *mine = harness_connect();
	struct shmreg_segment *segment = NULL;
	struct random_state random;
	uint64_t i;

	random_seed(&random);
	random.x += me;
	harness_ok(shmreg_segment_open(mine, &segment, ACTOR_SEGMENT, SHMREG_ACCESS_WRITE));
	tell(mouth, 1);
	hear(mouth);
	for (i = 0; i < rounds; i++)
		do_something(segment, &random);
	tell(mouth, 2);
	hear(mouth);
	shmreg_disconnect(mine);
}

/*
 * What is there is there once, is found, and has a range of its own. Nobody makes or removes
 * anything any more, but the daemon may still be freeing what the dead had open.
 *
 * Return: false if it did so meanwhile.
 */
static bool table_is_whole(void)
{
	const struct shmreg_dir *dir = shmreg_segment_dir(s);
	struct shmreg_dir_object entry[MAX_OBJECTS], found;
	struct shmreg_segment_info before, info;
	uint32_t i, k, index, n = 0, n_live = 0;
	uint64_t used = 0, removed = 0;
	bool freed = false;

	harness_ok(shmreg_segment_describe(c, ACTOR_SEGMENT, &before, NULL));
	for (i = 0; i < MAX_OBJECTS; i++) {
		const int r = shmreg_dir_read_object(dir, i, &entry[n]);

		freed |= r == -EAGAIN;
		if (r == -ENOENT || r == -EAGAIN)
			continue;
		ck_assert_int_eq(r, 0);
		used += entry[n].bytes;
		if (entry[n].state == SHMREG_ENTRY_LIVE) {
			harness_ok(shmreg_dir_find(dir, entry[n].name, &found, &index));
			ck_assert_uint_eq(index, i);
			ck_assert_uint_eq(found.id, entry[n].id);
			n_live++;
		} else {
			removed += entry[n].bytes;
		}
		for (k = 0; k < n; k++) {
			ck_assert_uint_ne(entry[k].id, entry[n].id);
			ck_assert(entry[k].offset + entry[k].bytes <= entry[n].offset ||
				  entry[n].offset + entry[n].bytes <= entry[k].offset);
		}
		n++;
	}
	harness_ok(shmreg_segment_describe(c, ACTOR_SEGMENT, &info, NULL));
	if (freed || before.used_bytes != info.used_bytes)
		return false;
	ck_assert_uint_eq(info.n_objects, n_live);
	/* What is being freed is not said to be used, and has its entry still. */
	ck_assert_uint_le(info.used_bytes, used);
	ck_assert_uint_ge(info.used_bytes, used - removed);
	return info.used_bytes == used;
}

static void check_table(void)
{
	harness_ok(shmreg_segment_open(c, &s, ACTOR_SEGMENT, SHMREG_ACCESS_WRITE));
	/* There are MAX_OBJECTS to free at most. */
	while (!table_is_whole())
		;
}

static bool is_empty(void *unused)
{
	struct shmreg_segment_info info;
	struct word_array *array = NULL;

	(void)unused;
	harness_result(word_array_open(s, &array, "table/0", 0), -ENOENT);
	harness_ok(shmreg_segment_describe(c, ACTOR_SEGMENT, &info, NULL));
	return info.n_objects == 0 && info.used_bytes == 0;
}

/* Was there everything that can happen? */
static bool tally_is_whole(void)
{
	return __atomic_load_n(&tally->n_created, __ATOMIC_RELAXED) > 0 &&
	       __atomic_load_n(&tally->n_opened, __ATOMIC_RELAXED) > 0 &&
	       __atomic_load_n(&tally->n_removed, __ATOMIC_RELAXED) > 0 &&
	       __atomic_load_n(&tally->n_missed, __ATOMIC_RELAXED) > 0 &&
	       __atomic_load_n(&tally->n_full, __ATOMIC_RELAXED) > 0;
}

/* After check_table(). */
static void remove_all(void)
{
	char name[16];
	int i;

	for (i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "table/%d", i);
		if (shmreg_object_remove(s, name) < 0)
			harness_sentence(name);
	}
	harness_wait(is_empty, NULL, "the table to be empty");
	ck_assert(tally_is_whole());
}

START_TEST(test_changed_by_many)
{
	struct process worker[WORKERS];
	uintptr_t i;

	for (i = 0; i < WORKERS; i++)
		process_start(&worker[i], work, (void *)i);
	for (i = 0; i < WORKERS; i++)
		process_expect(&worker[i], 1);
	for (i = 0; i < WORKERS; i++)
		process_tell(&worker[i], 0);
	for (i = 0; i < WORKERS; i++)
		process_expect(&worker[i], 2);
	check_table();
	for (i = 0; i < WORKERS; i++)
		process_finish(&worker[i]);
	remove_all();
}
END_TEST

START_TEST(test_killed_in_the_act)
{
	const uint64_t kills = random_scaled(KILLS);
	struct process worker[WORKERS] = { { .pid = 0 } };
	struct random_state random;
	uint64_t i;

	random_seed(&random);
	for (i = 0; i < kills || !tally_is_whole(); i++) {
		const uint64_t w = random_below(&random, WORKERS);
		const struct timespec pause = { .tv_nsec = (long)random_below(&random, 5000000) };

		if (worker[w].pid)
			process_kill(&worker[w]);
		process_start(&worker[w], work, (void *)(uintptr_t)(WORKERS + i));
		process_expect(&worker[w], 1);
		process_tell(&worker[w], 0);
		/* Where it is killed is left to chance; how long this takes does not matter. */
		nanosleep(&pause, NULL);
		if (i % 8 == 0)
			ck_assert_int_eq(harness_n_segments(), 1);
	}
	for (i = 0; i < WORKERS; i++)
		if (worker[i].pid)
			process_kill(&worker[i]);
	check_table();
	remove_all();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("original-table");
	TCase *tcase = harness_case(suite, "daemon");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_changed_by_many);
	tcase_add_test(tcase, test_killed_in_the_act);
	return harness_main(suite);
}
