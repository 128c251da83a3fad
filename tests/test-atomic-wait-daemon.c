/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>

#include "asleep.h"
#include "harness.h"

/* Waiting until an atomic's value changes: death, removal, restart, fork. */

SHMREG_DEFINE_ATOMIC(counter, uint64_t);

static struct harness h;
static struct shmreg_connection *c;
static struct shmreg_segment *s;
static struct counter *n;

struct waits {
	const struct counter *counter;	/* NULL: opens one of its own, in another process */
	uint64_t expected, value;
	struct sleeper sleeper;
};
static struct waits waits[1];

static void setup(void)
{
	harness_start_segment(&h, 4, &c, &s);
	harness_ok(counter_create(s, &n, "n"));
	waits[0] = (struct waits){ .counter = n, .value = 99 };
}

static void teardown(void)
{
	c = shmreg_disconnect(c);
	harness_stop(&h);
}

static union shmreg_eventcount *change(void)
{
	return &((struct shmreg_atomic_shm *)(void *)counter_cell(n))->change;
}

static int do_wait(void *arg)
{
	struct waits *w = arg;
	struct shmreg_connection *mine = NULL;
	struct shmreg_segment *segment = NULL;
	int r;

	if (w->counter == NULL) {
		mine = harness_connect();
		harness_ok(shmreg_segment_open(mine, &segment, "seg", SHMREG_ACCESS_WRITE));
		harness_ok(counter_open_const(segment, &w->counter, "n"));
	}
	r = counter_wait(w->counter, w->expected, &w->value, NULL);
	/* What a child found out is to be seen by its status. */
	if (mine != NULL && r == 0)
		r = (int)w->value;
	shmreg_disconnect(mine);
	return r;
}

static struct sleeper *fall_asleep(unsigned int i)
{
	sleeper_spawn(&waits[i].sleeper, do_wait, &waits[i]);
	sleeper_await(&waits[i].sleeper);
	return &waits[i].sleeper;
}

/* Another process: it waits, and others die. */
START_TEST(other_processes)
{
	struct waits *w = &waits[0];

	w->counter = NULL;
	sleeper_fork(&w->sleeper, do_wait, w);
	asleep_await_flags(change(), SHMREG_EVENTCOUNT_ASLEEP);
	sleeper_await(&w->sleeper);
	sleeper_kill(&w->sleeper);
	/* Its S is left, and does no harm. */
	sleeper_fork(&w->sleeper, do_wait, w);
	sleeper_await(&w->sleeper);
	asleep_await_flags(change(), SHMREG_EVENTCOUNT_ASLEEP);
	sleeper_await(&w->sleeper);
	counter_store(n, 6);
	counter_notify_one(n);
	ck_assert_int_eq(sleeper_result(&w->sleeper), 6);
}
END_TEST

/* Changes the value, and is killed before it notifies anybody. */
static void change_and_die(const struct mouth *mouth, void *arg)
{
	struct shmreg_connection *mine = harness_connect();
	struct shmreg_segment *segment = NULL;
	struct counter *counter = NULL;

	(void)arg;
	harness_ok(shmreg_segment_open(mine, &segment, "seg", SHMREG_ACCESS_WRITE));
	harness_ok(counter_open(segment, &counter, "n"));
	tell(mouth, 1);
	hear(mouth);
	counter_store(counter, 8);
	tell(mouth, 2);
	hear(mouth);
}

START_TEST(writer_dies)
{
	struct process writer;
	struct sleeper *sleeper;

	process_start(&writer, change_and_die, NULL);
	process_expect(&writer, 1);
	sleeper = fall_asleep(0);
	process_tell(&writer, 0);
	process_expect(&writer, 2);
	ck_assert(!asleep_is_sound() || !sleeper_is_done(sleeper));
	process_kill(&writer);
	ck_assert_int_eq(sleeper_result(sleeper), 0);
	ck_assert_uint_eq(waits[0].value, 8);
}
END_TEST

/* Who cannot write has the daemon say that he waits. */
START_TEST(read_only)
{
	struct shmreg_connection *mine = harness_connect();
	struct shmreg_segment *segment = NULL;
	struct sleeper *sleeper;
	uint64_t i;

	harness_ok(shmreg_segment_open(mine, &segment, "seg", SHMREG_ACCESS_READ));
	harness_ok(counter_open_const(segment, &waits[0].counter, "n"));
	for (i = 0; i < 3; i++) {
		waits[0].expected = i;
		sleeper = fall_asleep(0);
		counter_store(n, i + 1);
		counter_notify_one(n);
		ck_assert_int_eq(sleeper_result(sleeper), 0);
		ck_assert_uint_eq(waits[0].value, i + 1);
	}
	waits[0].expected = 3;
	sleeper = fall_asleep(0);
	harness_ok(shmreg_object_remove(s, "n"));
	ck_assert_int_eq(sleeper_result(sleeper), -ESTALE);
	shmreg_disconnect(mine);
}
END_TEST

START_TEST(removed)
{
	struct sleeper *sleeper = fall_asleep(0);
	uint64_t value = 77;

	harness_ok(shmreg_object_remove(s, "n"));
	ck_assert_int_eq(sleeper_result(sleeper), -ESTALE);
	ck_assert_int_eq(counter_wait(n, 0, &value, NULL), -ESTALE);
	/* A value that differs is no error. */
	counter_store(n, 3);
	ck_assert_int_eq(counter_wait(n, 0, &value, NULL), 0);
	ck_assert_uint_eq(value, 3);
}
END_TEST

START_TEST(daemon_restarts)
{
	struct sleeper *sleeper = fall_asleep(0);
	uint64_t naps = sleeper_naps(sleeper);

	harness_kill_daemon(&h);
	harness_restart_daemon(&h);
	sleeper_await_after(sleeper, naps);
	counter_store(n, 3);
	counter_notify_one(n);
	ck_assert_int_eq(sleeper_result(sleeper), 0);
}
END_TEST

START_TEST(daemon_stops)
{
	struct sleeper *sleeper = fall_asleep(0);
	uint64_t value = 77;

	harness_stop_daemon(&h);
	ck_assert_int_eq(sleeper_result(sleeper), -EHOSTDOWN);
	ck_assert_int_eq(counter_wait(n, 0, &value, NULL), -EHOSTDOWN);
	ck_assert_int_eq(counter_wait(n, 1, &value, NULL), 0);
	ck_assert_uint_eq(value, 0);
	harness_restart_daemon(&h);
}
END_TEST

static void use_inherited(const struct mouth *mouth, void *arg)
{
	uint64_t value = 77;

	(void)arg;
	ck_assert_int_eq(counter_wait(n, 0, &value, NULL), -ECHILD);
	ck_assert_int_eq(shmreg_atomic64_wait(&n->atomic, 1, &value, NULL), -ECHILD);
	ck_assert_uint_eq(value, 77);
	tell(mouth, 0);
}

START_TEST(forked)
{
	process_try(use_inherited, NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("atomic-wait-daemon");
	TCase *tcase = harness_case(suite, "atomic-wait-daemon");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, other_processes);
	tcase_add_test(tcase, writer_dies);
	tcase_add_test(tcase, read_only);
	tcase_add_test(tcase, removed);
	tcase_add_test(tcase, daemon_restarts);
	tcase_add_test(tcase, daemon_stops);
	tcase_add_test(tcase, forked);
	return harness_main(suite);
}
