/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Removing an object really gives its memory back, and never under somebody's handle. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

#define BYTES (1 << 20)

SHMREG_DEFINE_ARRAY(bytes, uint8_t);

static struct harness h;
static struct shmreg_connection *c;
static struct shmreg_segment *s;

static void setup(void)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 3 * BYTES };

	harness_start_made(&h, "seg", &params, &c, &s);
}

static void teardown(void)
{
	c = shmreg_disconnect(c);
	harness_stop(&h);
}

static uint64_t resident(void)
{
	struct shmreg_segment_info info;

	harness_ok(shmreg_segment_describe(c, "seg", &info, NULL));
	return info.resident_bytes;
}

/* The directory's pages become resident when they are used first: not what is looked for here. */
static uint64_t tables(void)
{
	return shmreg_segment_dir(s)->dir_bytes;
}

static uint64_t used(void)
{
	struct shmreg_segment_info info;

	harness_ok(shmreg_segment_describe(c, "seg", &info, NULL));
	return info.used_bytes;
}

static bool is_resident(void *arg)
{
	return resident() <= *(uint64_t *)arg;
}

/* Memory is given back a moment after nobody needs it. */
static void await_resident(uint64_t most)
{
	harness_wait(is_resident, &most, "memory to be given back");
}

static void fill(struct bytes *a, int value)
{
	memset(bytes_data(a), value, bytes_length(a));
}

START_TEST(remove_close_reuse)
{
	struct bytes *a = NULL;
	uint64_t empty;
	uint8_t i;

	empty = resident();
	for (i = 0; i < 20; i++) {
		harness_ok(bytes_create(s, &a, "big", 2 * BYTES)); /* there is room for one only */
		ck_assert_uint_eq(bytes_get(a, 4711), 0); /* and it comes back zeroed */
		fill(a, i + 1);
		ck_assert_uint_ge(resident(), empty + 2 * BYTES);
		harness_ok(shmreg_object_remove(s, "big"));
		/* open: it stays */
		ck_assert_uint_eq(bytes_get(a, 4711), i + 1);
		ck_assert_uint_ge(resident(), empty + 2 * BYTES);
		harness_ok(bytes_close(a));
		ck_assert_uint_eq(used(), 0);
		await_resident(empty + tables());
	}
	/* closed first, removed then */
	harness_ok(bytes_create(s, &a, "big", 2 * BYTES));
	fill(a, 1);
	harness_ok(bytes_close(a));
	ck_assert_uint_ge(resident(), empty + 2 * BYTES);
	harness_ok(shmreg_object_remove(s, "big"));
	await_resident(empty + tables());
}
END_TEST

START_TEST(old_handle_pins_what_is_its_own)
{
	struct bytes *a = NULL, *b = NULL, *again = NULL;
	const uint64_t empty = resident();

	harness_ok(bytes_create(s, &a, "a", BYTES));
	harness_ok(bytes_create(s, &b, "b", BYTES));
	fill(a, 1);
	fill(b, 2);
	harness_ok(shmreg_object_remove(s, "a")); /* the older removal, open */
	harness_ok(shmreg_object_remove(s, "b"));
	harness_ok(bytes_close(b));
	/* epochs are one number: b waits for a, which is older */
	ck_assert_uint_eq(bytes_get(a, 5), 1);
	harness_ok(bytes_close(a));
	await_resident(empty + tables());

	harness_ok(bytes_create(s, &a, "a", BYTES));
	harness_ok(bytes_create(s, &b, "b", BYTES));
	fill(a, 1);
	fill(b, 2);
	harness_ok(shmreg_object_remove(s, "a"));
	harness_ok(shmreg_object_remove(s, "b"));
	harness_ok(bytes_close(a)); /* the older one goes first */
	await_resident(empty + BYTES + tables());
	ck_assert_uint_eq(bytes_get(b, 5), 2);
	harness_ok(bytes_create(s, &again, "a", BYTES));
	fill(again, 3);
	ck_assert_uint_eq(bytes_get(b, 5), 2);
	harness_ok(bytes_close(b));
	harness_ok(bytes_close(again));
}
END_TEST

static void hold(const struct mouth *mouth, void *arg)
{
	struct shmreg_connection *mine = harness_connect();
	struct shmreg_segment *seg = NULL;
	struct bytes *a = NULL, *b = NULL;
	uint64_t i, n_wrong = 0;

	(void)arg;
	harness_ok(shmreg_segment_open(mine, &seg, "seg", SHMREG_ACCESS_WRITE));
	harness_ok(bytes_open(seg, &a, "big", 0));
	tell(mouth, 1);
	hear(mouth); /* it was removed */
	/* Not an assertion each: every one writes to the test runner's file. */
	for (i = 0; i < bytes_length(a); i++)
		n_wrong += bytes_get(a, i) != 9;
	ck_assert_uint_eq(n_wrong, 0);
	ck_assert_int_eq(shmreg_handle_trouble(&a->array.handle), -ESTALE);
	tell(mouth, 2);
	if (hear(mouth) == 1) {
		/* a look-up is enough once the handle is closed */
		harness_ok(bytes_close(a));
		harness_result(bytes_open(seg, &b, "big", 0), -ENOENT);
	}
	tell(mouth, 3);
	hear(mouth);
	shmreg_disconnect(mine);
}

static void removed_under_another(int closes)
{
	struct process p;
	struct bytes *a = NULL;
	const uint64_t empty = resident();

	harness_ok(bytes_create(s, &a, "big", 2 * BYTES));
	fill(a, 9);
	process_start(&p, hold, NULL);
	process_expect(&p, 1);
	harness_ok(shmreg_object_remove(s, "big"));
	harness_ok(bytes_close(a));
	ck_assert_uint_ge(resident(), empty + 2 * BYTES);
	harness_result(bytes_create(s, &a, "big", 2 * BYTES), -ENOSPC);
	harness_sentence("held open");
	process_tell(&p, 1);
	process_expect(&p, 2);
	if (closes) {
		process_tell(&p, 1);
		process_expect(&p, 3);
		await_resident(empty + tables());
		harness_ok(bytes_create(s, &a, "big", 2 * BYTES));
		process_finish(&p);
	} else {
		process_kill(&p);
	}
}

START_TEST(another_closes)
{
	removed_under_another(1);
}
END_TEST

START_TEST(another_dies)
{
	const uint64_t little = resident() + tables();
	struct bytes *a = NULL;

	removed_under_another(0);
	await_resident(little);
	harness_ok(bytes_create(s, &a, "big", 2 * BYTES));
}
END_TEST

START_TEST(across_a_restart)
{
	struct bytes *a = NULL;
	const uint64_t empty = resident();

	harness_ok(bytes_create(s, &a, "big", 2 * BYTES));
	fill(a, 1);
	harness_ok(shmreg_object_remove(s, "big"));
	harness_kill_daemon(&h);
	harness_restart_daemon(&h);
	ck_assert_uint_ge(resident(), empty + 2 * BYTES);
	ck_assert_uint_eq(bytes_get(a, 4711), 1);
	harness_kill_daemon(&h);
	/* nobody is there to be told; the next request says it */
	harness_ok(bytes_close(a));
	harness_restart_daemon(&h);
	harness_ok(bytes_create(s, &a, "big", 2 * BYTES));
	ck_assert_uint_eq(bytes_get(a, 4711), 0);
	await_resident(empty + tables());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("epoch");
	TCase *tcase = harness_case(suite, "daemon");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, remove_close_reuse);
	tcase_add_test(tcase, old_handle_pins_what_is_its_own);
	tcase_add_test(tcase, another_closes);
	tcase_add_test(tcase, another_dies);
	tcase_add_test(tcase, across_a_restart);
	return harness_main(suite);
}
