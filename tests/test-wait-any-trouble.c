/* SPDX-License-Identifier: MIT */
#include <config.h>

/* shmreg_wait_any() and what can happen to objects, processes and daemons meanwhile. */

#include <errno.h>
#include <signal.h>

#include "alone.h"
#include "failing.h"
#include "wait-any-fixture.h"

static int64_t deed_remove_object(struct actor *a, int64_t which)
{
	return shmreg_object_remove(a->segment, which == QUEUE ? "queue" :
						which == FULL  ? "full" : "atomic");
}

START_TEST(removed_while_asleep)
{
	struct sleeper sleeper;
	int i;

	fall_asleep(&sleeper);
	actor_ok(&maker, deed_remove_object, _i);
	ck_assert_int_eq(sleeper_result(&sleeper), 1);
	for (i = 0; i < N_ITEMS; i++) {
		ck_assert_uint_eq(items[i].ready, i == _i ? SHMREG_WAIT_ERROR : 0);
		ck_assert_int_eq(items[i].error, i == _i ? -ESTALE : 0);
	}
	/* Another is ready as well: both are told. */
	make((unsigned int)(_i == QUEUE ? FULL : QUEUE));
	ck_assert_int_eq(shmreg_wait_any(items, N_ITEMS, NULL), 2);
}
END_TEST

START_TEST(removed_with_something_left)
{
	uint64_t word;

	make(QUEUE);
	actor_ok(&maker, deed_remove_object, QUEUE);
	ck_assert_int_eq(shmreg_wait_any(items, 1, NULL), 1);
	ck_assert_uint_eq(items[QUEUE].ready, SHMREG_WAIT_ITEMS);
	harness_ok(word_queue_pop(queue, &word));
	ck_assert_int_eq(shmreg_wait_any(items, 1, NULL), 1);
	ck_assert_uint_eq(items[QUEUE].ready, SHMREG_WAIT_ERROR);
	ck_assert_int_eq(items[QUEUE].error, -ESTALE);
	harness_result(word_queue_pop(queue, &word), -ESTALE);
}
END_TEST

static int64_t deed_wait_any(struct actor *a, int64_t unused)
{
	struct shmreg_wait_item one = item(&a->queue->queue.handle, SHMREG_WAIT_ITEMS);

	(void)unused;
	return shmreg_wait_any(&one, 1, NULL);
}

/* Who dies having been woken is made good for when the death is noticed. */
START_TEST(sleeper_dies)
{
	struct process victim;
	struct sleeper takes;

	actor_start(&victim);
	actor_ok(&victim, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&victim, deed_queue_open, 0);
	actor_begin(&victim, deed_wait_any, 0);
	asleep_await(victim.pid, victim.pid);
	sleeper_spawn(&takes, pop, queue);
	sleeper_await(&takes);
	process_stop(&victim);
	make(QUEUE);
	process_kill(&victim);
	ck_assert_int_eq(sleeper_result(&takes), 0);
}
END_TEST

/* Who dies between the change and the wake-up: his death wakes. */
START_TEST(waker_dies)
{
	struct sleeper sleeper;
	struct process victim;

	fall_asleep(&sleeper);
	actor_start(&victim);
	actor_ok(&victim, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&victim, deed_atomic_open, 0);
	actor_expect(&victim, deed_atomic_add, 1, 5);	/* of which nobody is notified */
	sleeper_await(&sleeper);
	process_kill(&victim);
	ck_assert_int_eq(sleeper_result(&sleeper), 1);
	ready_is(0, 0, SHMREG_WAIT_ITEMS);
}
END_TEST

/* Others die all the time. */
START_TEST(others_die)
{
	struct sleeper sleeper;
	struct process victim;
	uint64_t naps;

	fall_asleep(&sleeper);
	naps = sleeper_naps(&sleeper);
	actor_start(&victim);
	actor_ok(&victim, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&victim, deed_atomic_open, 0);
	process_kill(&victim);
	sleeper_await_after(&sleeper, naps);
	make(QUEUE);
	ck_assert_int_eq(sleeper_result(&sleeper), 1);
}
END_TEST

START_TEST(daemon_is_restarted)
{
	struct sleeper sleeper;

	fall_asleep(&sleeper);
	harness_kill_daemon(&h);
	harness_restart_daemon(&h);
	sleeper_await(&sleeper);
	make((unsigned int)_i);
	ck_assert_int_eq(sleeper_result(&sleeper), 1);
}
END_TEST

START_TEST(daemon_is_stopped)
{
	const struct timespec past = shmreg_deadline(0);
	struct sleeper sleeper;
	unsigned int i;

	fall_asleep(&sleeper);
	harness_stop_daemon(&h);
	ck_assert_int_eq(sleeper_result(&sleeper), N_ITEMS);
	for (i = 0; i < N_ITEMS; i++) {
		ck_assert_uint_eq(items[i].ready, SHMREG_WAIT_ERROR);
		ck_assert_int_eq(items[i].error, -EHOSTDOWN);
	}
	/* Who does not want to sleep is not told. */
	harness_result(shmreg_wait_any(items, N_ITEMS, &past), -ETIMEDOUT);
	make(QUEUE);
	ck_assert_int_eq(shmreg_wait_any(items, N_ITEMS, NULL), 1);
	ready_is(SHMREG_WAIT_ITEMS, 0, 0);
	harness_restart_daemon(&h);
}
END_TEST

/* Stopped in order, and started again with what it had: one can sleep again. */
START_TEST(daemon_goes_on)
{
	struct sleeper sleeper;

	fall_asleep(&sleeper);
	ck_assert_int_eq(keeper_daemon_end(&h.keeper, SIGTERM), 0);
	ck_assert_int_eq(sleeper_result(&sleeper), N_ITEMS);
	ck_assert_int_eq(items[QUEUE].error, -EHOSTDOWN);
	harness_restart_daemon(&h);
	sleeper_spawn(&sleeper, wait_for_items, NULL);
	sleeper_await(&sleeper);
	make(FULL);
	ck_assert_int_eq(sleeper_result(&sleeper), 1);
	ready_is(0, SHMREG_WAIT_SPACE, 0);
}
END_TEST

/* What one of them does is nothing to what the other has. */
START_TEST(two_daemons)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 12 };
	struct shmreg_connect_params where = { .size = sizeof(where) };
	struct shmreg_connection *connection;
	struct shmreg_segment *segment;
	struct word_queue *other = NULL;
	struct sleeper sleeper;
	struct alone second;
	uint64_t word = 1;

	alone_init(&second);
	alone_start(&second, NULL);
	where.socket = second.socket_path;
	harness_ok(shmreg_connect(&connection, &where));
	harness_ok(shmreg_segment_create(connection, &segment, ACTOR_SEGMENT, &params));
	harness_ok(word_queue_create(segment, &other, "queue", 2, 0));
	settle();
	items[FULL] = item(&other->queue.handle, SHMREG_WAIT_ITEMS);
	sleeper_spawn(&sleeper, wait_for_items, NULL);
	sleeper_await(&sleeper);
	harness_ok(word_queue_push(other, &word));
	ck_assert_int_eq(sleeper_result(&sleeper), 1);
	ready_is(0, SHMREG_WAIT_ITEMS, 0);
	harness_ok(word_queue_pop(other, &word));

	sleeper_spawn(&sleeper, wait_for_items, NULL);
	sleeper_await(&sleeper);
	ck_assert_int_eq(alone_end(&second, SIGTERM), 0);
	ck_assert_int_eq(sleeper_result(&sleeper), 1);
	ready_is(0, SHMREG_WAIT_ERROR, 0);
	ck_assert_int_eq(items[FULL].error, -EHOSTDOWN);

	/* Left out, it keeps nobody awake. */
	items[FULL] = items[QUEUE];
	sleeper_spawn(&sleeper, wait_for_items, NULL);
	sleeper_await(&sleeper);
	make(ATOMIC);
	ck_assert_int_eq(sleeper_result(&sleeper), 1);
	shmreg_disconnect(connection);
	alone_deinit(&second);
}
END_TEST

static void setup_quarantine(void)
{
	start(failing_reaper("exit-1", 3));
}

static void teardown_quarantine(void)
{
	teardown();
	failing_reaper_remove();
}

START_TEST(quarantined)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 12 };
	struct shmreg_segment *healthy;
	struct word_queue *other = NULL;
	struct sleeper sleeper;
	struct process victim;
	int r;

	/* The others go on: one is in another segment. */
	harness_ok(shmreg_segment_create(c, &healthy, "healthy", &params));
	harness_ok(word_queue_create(healthy, &other, "other", 2, 0));
	settle();
	items[QUEUE] = item(&other->queue.handle, SHMREG_WAIT_ITEMS);
	sleeper_spawn(&sleeper, wait_for_items, NULL);
	sleeper_await(&sleeper);
	actor_start(&victim);
	actor_ok(&victim, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&victim, deed_queue_open, 0);
	process_kill(&victim);
	r = sleeper_result(&sleeper);
	ck_assert_int_eq(r, 2);
	ck_assert_uint_eq(items[QUEUE].ready, 0);
	ck_assert_int_eq(items[FULL].error, -ENOTRECOVERABLE);
	ck_assert_int_eq(items[ATOMIC].error, -ENOTRECOVERABLE);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("wait-any-trouble");
	TCase *tc = harness_case(suite, "wait-any-trouble");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, removed_while_asleep, 0, N_ITEMS);
	tcase_add_test(tc, removed_with_something_left);
	tcase_add_test(tc, sleeper_dies);
	tcase_add_test(tc, waker_dies);
	tcase_add_test(tc, others_die);
	tcase_add_loop_test(tc, daemon_is_restarted, 0, N_ITEMS);
	tcase_add_test(tc, daemon_is_stopped);
	tcase_add_test(tc, daemon_goes_on);
	tcase_add_test(tc, two_daemons);

	tc = harness_case(suite, "quarantine");
	tcase_add_checked_fixture(tc, setup_quarantine, teardown_quarantine);
	tcase_add_test(tc, quarantined);
	return suite;
}

int main(void)
{
	return harness_main(suite());
}
