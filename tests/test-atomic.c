/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

SHMREG_DEFINE_ATOMIC(counter, uint64_t);
SHMREG_DEFINE_ATOMIC(small, int8_t);
SHMREG_DEFINE_ATOMIC(half, uint16_t);
SHMREG_DEFINE_ATOMIC(word, uint32_t);

static struct harness h;
static struct shmreg_connection *c;
static struct shmreg_segment *s;

static void setup(void)
{
	harness_start_segment(&h, 0, &c, &s);
}

static void teardown(void)
{
	c = shmreg_disconnect(c);
	harness_stop(&h);
}

/* Every operation and order, against what plain arithmetic says. No daemon needed. */
#define MODIFY(bits, suffix) \
	do { \
		uint##bits##_t cell = 12, expected = 12; \
		ck_assert_uint_eq(shmreg_atomic##bits##_exchange##suffix(&cell, 100), 12); \
		ck_assert_int_eq(shmreg_atomic##bits##_compare_exchange##suffix(&cell, &expected, 1), 0); \
		ck_assert_uint_eq(expected, 100); \
		ck_assert_int_eq(shmreg_atomic##bits##_compare_exchange##suffix(&cell, &expected, 1), 1); \
		ck_assert_uint_eq(cell, 1); \
		ck_assert_uint_eq(shmreg_atomic##bits##_fetch_sub##suffix(&cell, 2), 1); \
		ck_assert_uint_eq(cell, (uint##bits##_t)-1); /* wraps */ \
		ck_assert_uint_eq(shmreg_atomic##bits##_fetch_add##suffix(&cell, 8), (uint##bits##_t)-1); \
		ck_assert_uint_eq(cell, 7); \
		ck_assert_uint_eq(shmreg_atomic##bits##_fetch_and##suffix(&cell, 13), 7); \
		ck_assert_uint_eq(cell, 5); \
		ck_assert_uint_eq(shmreg_atomic##bits##_fetch_or##suffix(&cell, 2), 5); \
		ck_assert_uint_eq(cell, 7); \
		ck_assert_uint_eq(shmreg_atomic##bits##_fetch_xor##suffix(&cell, 6), 7); \
		ck_assert_uint_eq(cell, 1); \
	} while (0)
#define LOAD_STORE(bits, load, store) \
	do { \
		uint##bits##_t cell = 0; \
		shmreg_atomic##bits##_##store(&cell, 99); \
		ck_assert_uint_eq(shmreg_atomic##bits##_##load(&cell), 99); \
	} while (0)
#define WIDTH(bits) \
	do { \
		MODIFY(bits, ); \
		MODIFY(bits, _relaxed); \
		MODIFY(bits, _acquire); \
		MODIFY(bits, _release); \
		MODIFY(bits, _acq_rel); \
		LOAD_STORE(bits, load, store); \
		LOAD_STORE(bits, load_relaxed, store_relaxed); \
		LOAD_STORE(bits, load_acquire, store_release); \
	} while (0)

START_TEST(operations)
{
	WIDTH(8);
	WIDTH(16);
	WIDTH(32);
	WIDTH(64);
}
END_TEST

START_TEST(named)
{
	const struct counter *reader = NULL;
	struct shmreg_segment *r = NULL;
	struct counter *a = NULL, *b = NULL;
	struct small *small = NULL;
	struct half *half = NULL;
	struct word *word = NULL;

	harness_ok(counter_create(s, &a, "n"));
	ck_assert_uint_eq(counter_load(a), 0);
	ck_assert_uint_eq((uintptr_t)counter_cell(a) % 128, 0);
	harness_ok(counter_open(s, &b, "n"));
	ck_assert_uint_eq(counter_fetch_add(a, 5), 0);
	ck_assert_uint_eq(counter_fetch_add_relaxed(b, 5), 5);
	ck_assert_uint_eq(counter_load_acquire(a), 10);
	harness_result(counter_create(s, &b, "n"), -EEXIST);
	harness_ok(counter_open_or_create(s, &b, "n"));

	harness_ok(small_create(s, &small, "small"));
	small_store(small, -3);
	ck_assert_int_eq(small_fetch_sub(small, 4), -3);
	ck_assert_int_eq(small_load(small), -7);
	harness_ok(half_create(s, &half, "half"));
	ck_assert_uint_eq(half_exchange(half, 7), 0);
	harness_ok(word_create(s, &word, "word"));
	ck_assert_uint_eq(word_fetch_or(word, 1U << 31), 0);
	/* each has a line of its own */
	ck_assert_uint_ge((uintptr_t)small_cell(small) - (uintptr_t)counter_cell(a), 128);

	ck_assert_ptr_nonnull(shmreg_atomic64_cell(&a->atomic));
	ck_assert_ptr_null(shmreg_atomic32_cell(&a->atomic));
	ck_assert_ptr_null(shmreg_atomic8_cell_const(&a->atomic));
	ck_assert_ptr_nonnull(shmreg_atomic8_cell(&small->atomic));
	ck_assert_ptr_nonnull(shmreg_atomic16_cell_const(&half->atomic));

	harness_result(word_open(s, &word, "n"), -EMEDIUMTYPE);
	harness_sentence("'uint64_t' (8 bytes");
	harness_sentence("'uint32_t' (4 bytes");

	harness_ok(shmreg_segment_open(c, &r, "seg", SHMREG_ACCESS_READ));
	harness_result(counter_open(r, &b, "n"), -EROFS);
	harness_sentence("shmreg_atomic_open_const()");
	harness_ok(counter_open_const(r, &reader, "n"));
	ck_assert_uint_eq(counter_load(reader), 10);
	harness_ok(counter_close(reader));
	harness_ok(shmreg_atomic_close(NULL));
}
END_TEST

START_TEST(bad_parameters)
{
	struct shmreg_atomic_params p = { .size = sizeof(p), .bytes = 3 };
	struct shmreg_atomic *a = NULL;

	harness_result(shmreg_atomic_create(s, &a, "a", &p), -EINVAL);
	harness_sentence("1, 2, 4 and 8");
	p.bytes = 16;
	harness_result(shmreg_atomic_create(s, &a, "a", &p), -EINVAL);
	p.bytes = 0;
	harness_result(shmreg_atomic_create(s, &a, "a", &p), -EINVAL);
	harness_result(shmreg_atomic_open(s, &a, "a", &p), -ENOENT);
	p.bytes = 4;
	harness_ok(shmreg_atomic_create(s, &a, "a", &p));
	harness_ok(shmreg_atomic_open(s, &a, "a", NULL)); /* whatever it is */
	ck_assert_ptr_nonnull(shmreg_atomic32_cell(a));
	p.size = 1;
	harness_result(shmreg_atomic_open(s, &a, "a", &p), -EINVAL);
}
END_TEST

#define ROUNDS 20000

static void count(const struct mouth *mouth, void *arg)
{
	struct shmreg_connection *mine = harness_connect();
	struct shmreg_segment *seg = NULL;
	struct counter *n = NULL;
	uint64_t old;
	int i;

	(void)arg;
	harness_ok(shmreg_segment_open(mine, &seg, "seg", SHMREG_ACCESS_WRITE));
	harness_ok(counter_open(seg, &n, "n"));
	tell(mouth, 1);
	hear(mouth);
	for (i = 0; i < ROUNDS; i++) {
		counter_fetch_add(n, 1);
		old = counter_load_relaxed(n);
		while (!counter_compare_exchange_acq_rel(n, &old, old + 1))
			;
	}
	shmreg_disconnect(mine);
	tell(mouth, 2);
	hear(mouth);
}

START_TEST(processes_count)
{
	struct process p[3];
	struct counter *n = NULL;
	int i;

	harness_ok(counter_create(s, &n, "n"));
	for (i = 0; i < 3; i++)
		process_start(&p[i], count, NULL);
	for (i = 0; i < 3; i++)
		process_expect(&p[i], 1);
	for (i = 0; i < 3; i++)
		process_tell(&p[i], 1);
	for (i = 0; i < 3; i++)
		process_expect(&p[i], 2);
	for (i = 0; i < 3; i++)
		process_finish(&p[i]);
	ck_assert_uint_eq(counter_load(n), 3 * 2 * ROUNDS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("atomic");
	TCase *pure = tcase_create("operations");
	TCase *tcase = harness_case(suite, "daemon");

	tcase_add_test(pure, operations);
	suite_add_tcase(suite, pure);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, named);
	tcase_add_test(tcase, bad_parameters);
	tcase_add_test(tcase, processes_count);
	return harness_main(suite);
}
