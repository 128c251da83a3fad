/* SPDX-License-Identifier: MIT */
#include <config.h>

/* shmreg_object_wait(): asleep until somebody creates an object of that name. */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "object-wait-fixture.h"

static int64_t deed_wait_until(struct actor *a, int64_t ns)
{
	const struct timespec deadline = shmreg_deadline((uint64_t)ns);
	const int r = shmreg_object_wait(a->segment, "queue", 0, &deadline);

	return not_early(r, &deadline);
}

static int64_t deed_remove_object(struct actor *a, int64_t unused)
{
	(void)unused;
	return shmreg_object_remove(a->segment, "queue");
}

START_TEST(created_before)
{
	actor_ok(&maker, deed_queue_create, 0);
	actor_ok(&sleeper, deed_open, both[_i]);
	actor_ok(&sleeper, deed_wait, 0);
	actor_ok(&sleeper, deed_wait_until, PAST);
}
END_TEST

START_TEST(created_while_asleep)
{
	fall_asleep(both[_i], 0);
	actor_ok(&maker, deed_queue_create, 0);
	process_expect(&sleeper, 0);
}
END_TEST

static int64_t deed_atomic_queue(struct actor *a, int64_t unused)
{
	(void)unused;
	return word_atomic_create(a->segment, &a->atomic, "queue");
}

static int64_t deed_array_queue(struct actor *a, int64_t unused)
{
	(void)unused;
	return word_array_create(a->segment, &a->array, "queue", 5);
}

START_TEST(any_kind)
{
	static const deed_fn create[] = { deed_atomic_queue, deed_array_queue };

	fall_asleep(SHMREG_ACCESS_READ, 0);
	actor_ok(&maker, create[_i], 0);
	process_expect(&sleeper, 0);
}
END_TEST

START_TEST(deadlines)
{
	actor_ok(&sleeper, deed_open, both[_i]);
	actor_expect(&sleeper, deed_wait_until, PAST, -ETIMEDOUT);
	actor_says(&sleeper, "'queue'");
	actor_says(&sleeper, "'" ACTOR_SEGMENT "'");
	actor_expect(&sleeper, deed_wait_until, SOON, -ETIMEDOUT);
	actor_ok(&maker, deed_queue_create, 0);
	actor_ok(&sleeper, deed_wait_until, SOON);
}
END_TEST

/* Neither what happens to others nor to others' names. */
START_TEST(nothing_else_ends_it)
{
	struct process other;

	fall_asleep(SHMREG_ACCESS_WRITE, 0);
	actor_start(&other);
	actor_ok(&other, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&other, deed_atomic_create, 1);
	still_asleep();
	process_kill(&other);
	actor_ok(&maker, deed_atomic_open, 0);
	still_asleep();
	actor_ok(&maker, deed_queue_create, 0);
	process_expect(&sleeper, 0);
}
END_TEST

START_TEST(creator_dies_at_once)
{
	struct process other;

	fall_asleep(SHMREG_ACCESS_READ, 0);
	actor_start(&other);
	actor_ok(&other, deed_open, SHMREG_ACCESS_WRITE);
	process_stop(&sleeper);
	actor_ok(&other, deed_queue_create, 0);
	process_kill(&other);
	process_continue(&sleeper);
	process_expect(&sleeper, 0);
	actor_ok(&sleeper, deed_wait, 0);
}
END_TEST

/* Whoever is not fast enough to see it goes on waiting for the next. */
START_TEST(comes_and_goes)
{
	fall_asleep(SHMREG_ACCESS_READ, 0);
	process_stop(&sleeper);
	actor_ok(&maker, deed_queue_create, 0);
	actor_ok(&maker, deed_remove_object, 0);
	process_continue(&sleeper);
	still_asleep();
	actor_ok(&maker, deed_atomic_queue, 0);
	process_expect(&sleeper, 0);
}
END_TEST

START_TEST(sleeper_dies)
{
	struct process other;

	fall_asleep(SHMREG_ACCESS_WRITE, 0);
	actor_start(&other);
	actor_ok(&other, deed_open, SHMREG_ACCESS_READ);
	actor_begin(&other, deed_wait, 0);
	asleep_await(other.pid, other.pid);
	process_kill(&sleeper);
	actor_ok(&maker, deed_queue_create, 0);
	process_expect(&other, 0);
	process_finish(&other);
}
END_TEST

static int64_t deed_wake_for_nothing(struct actor *a, int64_t unused)
{
	const struct shmreg_dir *dir = shmreg_segment_dir(a->segment);

	(void)unused;
	asleep_wake_for_nothing(&dir->death);
	asleep_wake_for_nothing(shmreg_dir_objects_futex(dir));
	return 0;
}

START_TEST(spurious)
{
	unsigned int i;

	fall_asleep(SHMREG_ACCESS_WRITE, 0);
	for (i = 0; i < 50; i++) {
		actor_ok(&maker, deed_wake_for_nothing, 0);
		still_asleep();
	}
	actor_ok(&maker, deed_queue_create, 0);
	process_expect(&sleeper, 0);
}
END_TEST

static int64_t deed_n_signals(struct actor *a, int64_t unused)
{
	(void)a, (void)unused;
	return n_signals;
}

START_TEST(signals)
{
	actor_ok(&sleeper, deed_handle, 0);
	fall_asleep(SHMREG_ACCESS_WRITE, 0);
	ck_assert_int_eq(kill(sleeper.pid, SIGUSR1), 0);
	still_asleep();
	actor_ok(&maker, deed_queue_create, 0);
	process_expect(&sleeper, 0);
	actor_expect(&sleeper, deed_n_signals, 0, 1);
}
END_TEST

START_TEST(signals_if_asked)
{
	actor_ok(&sleeper, deed_handle, 0);
	fall_asleep(SHMREG_ACCESS_WRITE, SHMREG_WAIT_INTERRUPTIBLE);
	ck_assert_int_eq(kill(sleeper.pid, SIGUSR1), 0);
	process_expect(&sleeper, -EINTR);
	actor_ok(&maker, deed_queue_create, 0);
	actor_ok(&sleeper, deed_wait, SHMREG_WAIT_INTERRUPTIBLE);
}
END_TEST

static int64_t deed_bad_calls(struct actor *a, int64_t unused)
{
	const struct timespec bad = { .tv_nsec = 1000000000 }, negative = { .tv_nsec = -1 };
	char name[SHMREG_OBJECT_NAME_MAX + 2];

	(void)unused;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	harness_result(shmreg_object_wait(NULL, "x", 0, NULL), -EINVAL);
	harness_result(shmreg_object_wait(a->segment, NULL, 0, NULL), -EINVAL);
	harness_sentence("NULL");
	harness_result(shmreg_object_wait(a->segment, "", 0, NULL), -EINVAL);
	harness_result(shmreg_object_wait(a->segment, "a//b", 0, NULL), -EINVAL);
	harness_sentence("empty component");
	harness_result(shmreg_object_wait(a->segment, name, 0, NULL), -ENAMETOOLONG);
	harness_result(shmreg_object_wait(a->segment, "x", 0, &bad), -EINVAL);
	harness_result(shmreg_object_wait(a->segment, "x", 0, &negative), -EINVAL);
	harness_sentence("tv_nsec is -1");
	harness_result(shmreg_object_wait(a->segment, "x", 2, NULL), -EINVAL);
	harness_sentence("0x2");
	return 0;
}

START_TEST(bad_calls)
{
	actor_ok(&maker, deed_bad_calls, 0);
}
END_TEST

static void wait_in_child(const struct mouth *mouth, void *arg)
{
	tell(mouth, shmreg_object_wait(arg, "queue", 0, NULL));
}

static int64_t deed_fork(struct actor *a, int64_t unused)
{
	struct process child;

	(void)unused;
	process_start(&child, wait_in_child, a->segment);
	process_expect(&child, -ECHILD);
	return process_wait(&child);
}

START_TEST(forked)
{
	actor_ok(&maker, deed_queue_create, 0);
	actor_ok(&maker, deed_fork, 0);
}
END_TEST

#define N_THREADS 100
static pid_t tid[N_THREADS];
static struct shmreg_segment *shared;

static void *sleep_in_thread(void *arg)
{
	const struct timespec deadline = shmreg_deadline(UINT64_C(60000000000));
	pid_t *const me = arg;

	shmreg_store_release(me, gettid());
	return (void *)(intptr_t)shmreg_object_wait(shared, me - tid < N_THREADS / 2 ? "a" : "b", 0,
						    &deadline);
}

START_TEST(many_threads)
{
	struct shmreg_connection *c = harness_connect();
	pthread_t thread[N_THREADS];
	struct word_atomic *atomic;
	unsigned int i;
	void *result;

	harness_ok(shmreg_segment_open(c, &shared, ACTOR_SEGMENT, SHMREG_ACCESS_WRITE));
	for (i = 0; i < N_THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, sleep_in_thread, &tid[i]), 0);
	for (i = 0; i < N_THREADS; i++) {
		while (shmreg_load_acquire(&tid[i]) == 0)
			sched_yield();
		asleep_await(getpid(), tid[i]);
	}
	harness_ok(word_atomic_create(shared, &atomic, "b"));
	for (i = N_THREADS; i-- > 0;) {
		if (i == N_THREADS / 2 - 1)
			harness_ok(word_atomic_create(shared, &atomic, "a"));
		ck_assert_int_eq(pthread_join(thread[i], &result), 0);
		ck_assert_int_eq((intptr_t)result, 0);
	}
	shmreg_disconnect(c);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("object-wait");
	TCase *tc = harness_case(s, "object-wait");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, created_before, 0, 2);
	tcase_add_loop_test(tc, created_while_asleep, 0, 2);
	tcase_add_loop_test(tc, any_kind, 0, 2);
	tcase_add_loop_test(tc, deadlines, 0, 2);
	tcase_add_test(tc, nothing_else_ends_it);
	tcase_add_test(tc, creator_dies_at_once);
	tcase_add_test(tc, comes_and_goes);
	tcase_add_test(tc, sleeper_dies);
	tcase_add_test(tc, spurious);
	tcase_add_test(tc, signals);
	tcase_add_test(tc, signals_if_asked);
	tcase_add_test(tc, bad_calls);
	tcase_add_test(tc, forked);
	tcase_add_test(tc, many_threads);
	return harness_main(s);
}
