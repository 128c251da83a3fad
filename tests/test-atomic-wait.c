/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "asleep.h"
#include "harness.h"

/* Waiting until an atomic's value changes: threads and processes, death, removal, fork, signals. */

SHMREG_DEFINE_ATOMIC(counter, uint64_t);
SHMREG_DEFINE_ATOMIC(small, int8_t);
SHMREG_DEFINE_ATOMIC(half, uint16_t);
SHMREG_DEFINE_ATOMIC(word, uint32_t);

static struct harness h;
static struct shmreg_connection *c;
static struct shmreg_segment *s;
static struct counter *n;

struct waits {
	const struct counter *counter;	/* NULL: opens one of its own, in another process */
	uint64_t expected, value;
	const struct timespec *deadline;
	struct sleeper sleeper;
};
static struct waits waits[3];

static void setup(void)
{
	unsigned int i;

	harness_start_segment(&h, 4, &c, &s);
	harness_ok(counter_create(s, &n, "n"));
	for (i = 0; i < 3; i++)
		waits[i] = (struct waits){ .counter = n, .value = 99 };
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

static uint32_t *count(void)
{
	return &change()->half[SHMREG_EVENTCOUNT_COUNT];
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
	r = counter_wait(w->counter, w->expected, &w->value, w->deadline);
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

static unsigned int n_done(unsigned int of)
{
	unsigned int i, done = 0;

	for (i = 0; i < of; i++)
		done += sleeper_is_done(&waits[i].sleeper);
	return done;
}

static bool one_is_done(void *arg)
{
	(void)arg;
	return n_done(3) > 0;
}

/* No sleep where the value differs, at every width; else the deadline. */
#define WIDTH(bits, atomic, was, is)                                                              \
	do {                                                                                      \
		uint##bits##_t value = 77;                                                        \
		struct timespec soon = shmreg_deadline(1000000);                                  \
		ck_assert_int_eq(shmreg_atomic##bits##_wait(atomic, was, &value, NULL), 0);       \
		ck_assert_uint_eq(value, (uint##bits##_t)(is));                                   \
		value = 77;                                                                       \
		ck_assert_int_eq(shmreg_atomic##bits##_wait(atomic, (uint##bits##_t)(is), &value, \
							    &soon), -ETIMEDOUT);                  \
		ck_assert_int_eq(shmreg_atomic##bits##_wait(atomic, (uint##bits##_t)(is), &value, \
							    &past), -ETIMEDOUT);                  \
		ck_assert_int_eq(shmreg_atomic##bits##_wait(atomic, (uint##bits##_t)(is), &value, \
							    &none), -EINVAL);                     \
		ck_assert_uint_eq(value, 77);                                                     \
	} while (0)

START_TEST(without_sleep)
{
	const struct timespec past = { 0, 0 }, none = { 0, 1000000000 };
	struct small *s8 = NULL;
	struct half *s16 = NULL;
	struct word *s32 = NULL;
	uint32_t other = 77;
	int8_t negative = 77;

	harness_ok(small_create(s, &s8, "8"));
	harness_ok(half_create(s, &s16, "16"));
	harness_ok(word_create(s, &s32, "32"));
	small_store(s8, -3);
	half_store(s16, 0xfffe);
	word_store(s32, UINT32_MAX);
	counter_store(n, UINT64_C(1) << 63);
	WIDTH(8, &s8->atomic, 3, -3);
	WIDTH(16, &s16->atomic, 0, 0xfffe);
	WIDTH(32, &s32->atomic, 0, UINT32_MAX);
	WIDTH(64, &n->atomic, 0, UINT64_C(1) << 63);
	ck_assert_int_eq(small_wait(s8, 3, &negative, NULL), 0);
	ck_assert_int_eq(negative, -3);
	negative = 77;
	ck_assert_int_eq(small_wait(s8, -3, &negative, &past), -ETIMEDOUT);
	ck_assert_int_eq(negative, 77);
	/* of another size */
	ck_assert_int_eq(shmreg_atomic32_wait(&n->atomic, 0, &other, NULL), -EINVAL);
	ck_assert_uint_eq(other, 77);
	/* Nobody waited long enough to be seen, or was, and it is known that he left. */
	counter_notify_all(n);
	ck_assert_uint_eq(*count() & ~SHMREG_EVENTCOUNT_SEQUENCE, 0);
}
END_TEST

START_TEST(notified)
{
	struct sleeper *sleeper = fall_asleep(0);
	uint64_t naps = sleeper_naps(sleeper);

	ck_assert_uint_ne(*count() & SHMREG_EVENTCOUNT_ASLEEP, 0);
	/* Woken for nothing, and without a change. */
	asleep_wake_for_nothing(count());
	sleeper_await_after(sleeper, naps);
	naps = sleeper_naps(sleeper);
	counter_notify_one(n);
	sleeper_await_after(sleeper, naps);
	counter_store_relaxed(n, 5);
	counter_notify_one(n);
	ck_assert_int_eq(sleeper_result(sleeper), 0);
	ck_assert_uint_eq(waits[0].value, 5);
}
END_TEST

START_TEST(one_or_all)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		fall_asleep(i);
	counter_store(n, 1);
	counter_notify_one(n);
	asleep_until(one_is_done, NULL, "one has noticed");
	for (i = 0; i < 3; i++)
		if (!sleeper_is_done(&waits[i].sleeper))
			sleeper_await(&waits[i].sleeper);
	ck_assert_uint_eq(n_done(3), 1);
	counter_notify_all(n);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(sleeper_result(&waits[i].sleeper), 0);
		ck_assert_uint_eq(waits[i].value, 1);
	}
	ck_assert_uint_eq(*count() & SHMREG_EVENTCOUNT_ASLEEP, 0);
}
END_TEST

/* By the cell, as most will do it. */
START_TEST(by_the_cell)
{
	struct sleeper *sleeper = fall_asleep(0);

	ck_assert_uint_eq(shmreg_atomic64_fetch_add_release(shmreg_atomic64_cell(&n->atomic), 7), 0);
	shmreg_atomic_notify_all(&n->atomic);
	ck_assert_int_eq(sleeper_result(sleeper), 0);
	ck_assert_uint_eq(waits[0].value, 7);
}
END_TEST

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
	ck_assert(!sleeper_is_done(sleeper));
	process_kill(&writer);
	ck_assert_int_eq(sleeper_result(sleeper), 0);
	ck_assert_uint_eq(waits[0].value, 8);
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
	struct process child;

	process_start(&child, use_inherited, NULL);
	process_expect(&child, 0);
	ck_assert_int_eq(process_wait(&child), 0);
}
END_TEST

static void handle_signal(int number)
{
	(void)number;
}

START_TEST(signals)
{
	const struct sigaction action = { .sa_handler = handle_signal };
	struct counter *other = NULL;
	struct sleeper *sleeper;
	uint64_t naps;

	ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
	harness_ok(counter_open(s, &other, "n"));
	harness_ok(shmreg_handle_set_waiting(&other->atomic.handle, 0, SHMREG_WAIT_INTERRUPTIBLE));
	sleeper = fall_asleep(0);
	naps = sleeper_naps(sleeper);
	ck_assert_int_eq(pthread_kill(sleeper->thread, SIGUSR1), 0);
	sleeper_await_after(sleeper, naps);
	waits[1].counter = other;
	fall_asleep(1);
	ck_assert_int_eq(pthread_kill(waits[1].sleeper.thread, SIGUSR1), 0);
	ck_assert_int_eq(sleeper_result(&waits[1].sleeper), -EINTR);
	counter_store(n, 1);
	counter_notify_all(n);
	ck_assert_int_eq(sleeper_result(sleeper), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("atomic-wait");
	TCase *tcase = harness_case(suite, "atomic-wait");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, without_sleep);
	tcase_add_test(tcase, notified);
	tcase_add_test(tcase, one_or_all);
	tcase_add_test(tcase, by_the_cell);
	tcase_add_test(tcase, other_processes);
	tcase_add_test(tcase, writer_dies);
	tcase_add_test(tcase, removed);
	tcase_add_test(tcase, daemon_restarts);
	tcase_add_test(tcase, daemon_stops);
	tcase_add_test(tcase, forked);
	tcase_add_test(tcase, signals);
	return harness_main(suite);
}
