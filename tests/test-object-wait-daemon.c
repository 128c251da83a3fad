/* SPDX-License-Identifier: MIT */
#include <config.h>

/* shmreg_object_wait(), while the daemon stops, or gives up what the object would be in. */

#include <errno.h>

#include "failing.h"
#include "object-wait-fixture.h"

/* Whatever the daemon does meanwhile. */
START_TEST(daemon_is_restarted)
{
	fall_asleep(both[_i], 0);
	harness_kill_daemon(&h);
	still_asleep();
	harness_restart_daemon(&h);
	still_asleep();
	actor_ok(&maker, deed_queue_create, 0);
	process_expect(&sleeper, 0);
}
END_TEST

START_TEST(daemon_is_stopped)
{
	fall_asleep(both[_i], 0);
	harness_stop_daemon(&h);
	process_expect(&sleeper, -EHOSTDOWN);
	actor_says(&sleeper, "stopped");
	actor_expect(&sleeper, deed_wait, 0, -EHOSTDOWN);
	harness_restart_daemon(&h);
}
END_TEST

/* Stopped in order, and started again with what it had: one can sleep again. */
START_TEST(daemon_goes_on)
{
	fall_asleep(both[_i], 0);
	ck_assert_int_eq(keeper_daemon_end(&h.keeper, SIGTERM), 0);
	process_expect(&sleeper, -EHOSTDOWN);
	harness_restart_daemon(&h);
	actor_begin(&sleeper, deed_wait, 0);
	asleep_await(sleeper.pid, sleeper.pid);
	actor_ok(&maker, deed_queue_create, 0);
	process_expect(&sleeper, 0);
}
END_TEST

/* What is there is there: to find it takes no daemon. */
START_TEST(created_before_the_stop)
{
	actor_ok(&maker, deed_queue_create, 0);
	actor_ok(&sleeper, deed_open, both[_i]);
	harness_stop_daemon(&h);
	actor_ok(&sleeper, deed_wait, 0);
	harness_restart_daemon(&h);
}
END_TEST

/* Who is attached to a segment without a name can create in it, and be waited for. */
START_TEST(segment_is_removed)
{
	fall_asleep(both[_i], 0);
	actor_ok(&maker, deed_remove, 0);
	still_asleep();
	actor_ok(&maker, deed_queue_create, 0);
	process_expect(&sleeper, 0);
}
END_TEST

static int64_t deed_quiesce(struct actor *a, int64_t unused)
{
	(void)unused;
	return shmreg_object_remove(a->segment, "atomic");
}

START_TEST(segment_is_lost)
{
	actor_ok(&maker, deed_atomic_create, 0);
	actor_ok(&sleeper, deed_open, SHMREG_ACCESS_WRITE);
	harness_kill_daemon(&h);
	keeper_forget(&h.keeper);
	harness_restart_daemon(&h);
	actor_expect(&sleeper, deed_quiesce, 0, -ESTALE);
	actor_expect(&sleeper, deed_wait, 0, -ESTALE);
	actor_says(&sleeper, "started anew");
}
END_TEST

static void setup_quarantine(void)
{
	start(failing_reaper("exit-1", 3));
	actor_ok(&maker, deed_create, SHMREG_WHILE_ATTACHED);
}

static void teardown_quarantine(void)
{
	teardown();
	failing_reaper_remove();
}

START_TEST(quarantined)
{
	struct process victim;

	fall_asleep(both[_i], 0);
	actor_start(&victim);
	actor_ok(&victim, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&victim, deed_atomic_create, 1);
	process_kill(&victim);
	process_expect(&sleeper, -ENOTRECOVERABLE);
	actor_says(&sleeper, "quarantined");
	actor_expect(&sleeper, deed_wait, 0, -ENOTRECOVERABLE);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("object-wait-daemon");
	TCase *tc = harness_case(s, "object-wait-daemon");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, daemon_is_restarted, 0, 2);
	tcase_add_loop_test(tc, daemon_is_stopped, 0, 2);
	tcase_add_loop_test(tc, daemon_goes_on, 0, 2);
	tcase_add_loop_test(tc, created_before_the_stop, 0, 2);
	tcase_add_loop_test(tc, segment_is_removed, 0, 2);
	tcase_add_test(tc, segment_is_lost);

	tc = harness_case(s, "quarantine");
	tcase_add_checked_fixture(tc, setup_quarantine, teardown_quarantine);
	tcase_add_loop_test(tc, quarantined, 0, 2);
	return harness_main(s);
}
