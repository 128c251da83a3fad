/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Segments outlive the daemon that made them, and requests the one that was asked. */

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "segment-fixture.h"

SHMREG_DEFINE_ATOMIC(counter, uint64_t);

START_TEST(outlives_the_daemon)
{
	struct shmreg_segment *s = NULL, *t = NULL;
	struct shmreg_segment_info info;
	uint64_t *data, participant;

	harness_ok(shmreg_segment_create(c, &s, "seg", &plain));
	data = (uint64_t *)(uintptr_t)shmreg_segment_data(s);
	participant = shmreg_segment_participant(s);
	data[100] = 7;
	harness_kill_daemon(&h);
	data[100]++;
	harness_restart_daemon(&h);
	harness_ok(shmreg_segment_open(c, &t, "seg", SHMREG_ACCESS_READ));
	ck_assert_uint_eq(((const uint64_t *)shmreg_segment_data(t))[100], 8);
	ck_assert_uint_gt(shmreg_segment_participant(t), participant);
	harness_ok(shmreg_segment_describe(c, "seg", &info, NULL));
	ck_assert_uint_eq(info.n_participants, 2);
	shmreg_segment_close(t);
	shmreg_segment_close(s);
	ck_assert_int_eq(harness_n_segments(), 0);
}
END_TEST

START_TEST(daemon_that_lost_it)
{
	struct shmreg_segment *s = NULL;
	struct counter *n = NULL, *m = NULL;

	harness_ok(shmreg_segment_create(c, &s, "seg", &plain));
	harness_ok(counter_create(s, &n, "n"));
	harness_stop_daemon(&h);
	ck_assert_uint_ne(shmreg_segment_dir(s)->flags & SHMREG_DIR_ORPHANED, 0);
	harness_restart_daemon(&h);
	harness_result(counter_create(s, &m, "m"), -ESTALE);
	harness_sentence("'seg'");
	harness_sentence("goes on working");
	/* the data plane, and what needs no request */
	ck_assert_uint_eq(counter_fetch_add(n, 1), 0);
	harness_ok(counter_open(s, &m, "n"));
	ck_assert_uint_eq(counter_load(m), 1);
	harness_ok(counter_close(m));
	shmreg_segment_close(s);
	harness_ok(shmreg_segment_create(c, &s, "seg", &plain));
	shmreg_segment_close(s);
}
END_TEST

/* Requests of several threads while the daemon is killed again and again: each exactly once. */
struct busy {
	pthread_t thread;
	struct shmreg_segment *segment;
	int number;
	const char *what;
	char *error;
};
static int stop;
static const struct shmreg_shape queue_shape = {
	.kind = SHMREG_KIND_QUEUE, .layout = SHMREG_QUEUE_LAYOUT,
	.elem_align = 8, .elem_bytes = 8, .capacity = 16,
};

static void *keep_busy(void *data)
{
	struct busy *b = data;
	struct shmreg_handle *q[3];
	struct shmreg_segment *t;
	char name[32];
	int i, round, r;

#define DO(call) \
	do { \
		b->what = #call; \
		r = (call); \
		if (r < 0) \
			goto failed; \
	} while (0)
	for (round = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); round++) {
		/* names that nobody used: -EEXIST or -ENOENT would be a request done twice */
		snprintf(name, sizeof(name), "t%d/%d", b->number, round);
		DO(shmreg_object_open(b->segment, &q[0], SHMREG_OBJECT_CREATE | SHMREG_OBJECT_SEAT,
				      name, &queue_shape, "t", sizeof(*q[0])));
		for (i = 1; i < 3; i++)
			DO(shmreg_object_open(b->segment, &q[i],
					      SHMREG_OBJECT_ATTACH | SHMREG_OBJECT_SEAT, name,
					      &queue_shape, "t", sizeof(*q[0])));
		DO(shmreg_object_remove(b->segment, name));
		for (i = 0; i < 3; i++)
			DO(shmreg_object_close(q[i]));
		DO(shmreg_segment_create(c, &t, name, &plain));
		DO(shmreg_segment_remove(c, name));
		shmreg_segment_close(t);
	}
	return NULL;
failed:
	b->error = strdup(shmreg_error());
	return NULL;
}

/* What was removed is given back by another process. */
static bool is_given_back(void *arg)
{
	struct shmreg_segment_info *info = arg;

	harness_ok(shmreg_segment_describe(c, "seg", info, NULL));
	return info->used_bytes == 0;
}

START_TEST(killed_under_load)
{
	struct busy b[3];
	struct shmreg_segment_info info;
	struct shmreg_segment *s = NULL;
	int i;

	memset(b, 0, sizeof(b));
	harness_ok(shmreg_segment_create(c, &s, "seg", &plain));
	for (i = 0; i < 3; i++) {
		b[i].number = i;
		b[i].segment = s;
		ck_assert_int_eq(pthread_create(&b[i].thread, NULL, keep_busy, &b[i]), 0);
	}
	for (i = 0; i < 30; i++) {
		usleep(10000); /* some requests; how many does not matter */
		harness_kill_daemon(&h);
		harness_restart_daemon(&h);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 3; i++)
		pthread_join(b[i].thread, NULL);
	for (i = 0; i < 3; i++)
		ck_assert_msg(b[i].error == NULL, "%s: %s", b[i].what, b[i].error);
	harness_wait(is_given_back, &info, "all to be given back");
	ck_assert_uint_eq(info.n_objects, 0);
	ck_assert_uint_eq(info.n_participants, 1);
	shmreg_segment_close(s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("segment-daemon");
	TCase *tcase = harness_case(suite, "daemon");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, outlives_the_daemon);
	tcase_add_test(tcase, daemon_that_lost_it);
	tcase_add_test(tcase, killed_under_load);
	return harness_main(suite);
}
