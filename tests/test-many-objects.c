/* SPDX-License-Identifier: MIT */
#include <config.h>

/* As many objects as a segment can have, through the real daemon. */

#include <errno.h>
#include <stdio.h>

#include "actor.h"

#define N SHMREG_OBJECTS_MAX

static struct harness h;
static struct shmreg_connection *c;
static struct shmreg_segment *s;

static void setup(void)
{
	const struct shmreg_segment_params params = { .size = sizeof(params),
						      .bytes = (uint64_t)SHMREG_BLOCK * N,
						      .max_objects = N };

	harness_start(&h, NULL);
	c = harness_connect();
	harness_ok(shmreg_segment_create(c, &s, "full", &params));
}

static void teardown(void)
{
	c = shmreg_disconnect(c);
	harness_stop(&h);
}

static const char *name_of(uint32_t i)
{
	static char name[32];

	snprintf(name, sizeof(name), "counter/%u", i);
	return name;
}

START_TEST(full)
{
	struct word_atomic *atomic = NULL;
	uint32_t i;

	for (i = 0; i < N; i++) {
		harness_ok(word_atomic_create(s, &atomic, name_of(i)));
		word_atomic_store(atomic, i + 1);
		harness_ok(word_atomic_close(atomic));
	}
	harness_result(word_atomic_create(s, &atomic, "one-too-many"), -ENOSPC);
	harness_sentence("max_objects");
	for (i = 0; i < N; i += 61) {
		harness_ok(word_atomic_open(s, &atomic, name_of(i)));
		ck_assert_uint_eq(word_atomic_load(atomic), i + 1);
		harness_ok(word_atomic_close(atomic));
	}
	harness_result(word_atomic_open(s, &atomic, name_of(N)), -ENOENT);
	/* Room for one is room for one, and what was there is gone. */
	harness_ok(shmreg_object_remove(s, name_of(12345)));
	harness_ok(word_atomic_open_or_create(s, &atomic, "another"));
	ck_assert_uint_eq(word_atomic_load(atomic), 0);
	harness_ok(word_atomic_close(atomic));
	harness_result(word_atomic_open(s, &atomic, name_of(12345)), -ENOENT);
	/* A daemon that starts again finds them all. */
	harness_kill_daemon(&h);
	harness_restart_daemon(&h);
	harness_result(word_atomic_create(s, &atomic, "one-too-many"), -ENOSPC);
	harness_ok(word_atomic_open(s, &atomic, name_of(N - 1)));
	ck_assert_uint_eq(word_atomic_load(atomic), N);
	harness_ok(word_atomic_close(atomic));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("many-objects");
	TCase *tc = harness_case(suite, "many-objects");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, full);
	return harness_main(suite);
}
