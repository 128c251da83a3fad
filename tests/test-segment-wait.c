/* SPDX-License-Identifier: MIT */
#include <config.h>

/* shmreg_segment_open_wait(): asleep until a segment of that name can be opened. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <shmreg/abi/root.h>

#include "exist-fixture.h"

static void setup(void)
{
	start(NULL);
}

static int64_t deed_wait_with(struct actor *a, int64_t access, uint32_t flags)
{
	return shmreg_segment_open_wait(a->connection, &a->segment, ACTOR_SEGMENT, (uint32_t)access,
					flags, NULL);
}

static int64_t deed_wait(struct actor *a, int64_t access)
{
	return deed_wait_with(a, access, 0);
}

static int64_t deed_wait_interruptible(struct actor *a, int64_t access)
{
	return deed_wait_with(a, access, SHMREG_WAIT_INTERRUPTIBLE);
}

static int64_t deed_wait_until(struct actor *a, int64_t ns)
{
	const struct timespec deadline = shmreg_deadline((uint64_t)ns);
	const int r = shmreg_segment_open_wait(a->connection, &a->segment, ACTOR_SEGMENT,
					       SHMREG_ACCESS_WRITE, 0, &deadline);

	return not_early(r, &deadline);
}

static void fall_asleep(deed_fn deed, int64_t access)
{
	fall_asleep_in(deed_connect, 0, deed, access);
}

static const int64_t both[] = { SHMREG_ACCESS_READ, SHMREG_ACCESS_WRITE };

START_TEST(created_before)
{
	actor_ok(&maker, deed_create, SHMREG_WHILE_ATTACHED);
	actor_ok(&sleeper, deed_connect, 0);
	actor_ok(&sleeper, deed_wait, both[_i]);
	actor_ok(&sleeper, deed_close, 0);
	actor_ok(&sleeper, deed_wait_until, PAST);
}
END_TEST

static int64_t deed_is_open(struct actor *a, int64_t unused)
{
	(void)unused;
	return shmreg_segment_participant(a->segment) != 0 ? 0 : -EBADMSG;
}

START_TEST(created_while_asleep)
{
	fall_asleep(deed_wait, both[_i]);
	actor_ok(&maker, deed_create, SHMREG_WHILE_ATTACHED);
	process_expect(&sleeper, 0);
	actor_ok(&sleeper, deed_is_open, 0);
	if (both[_i] == SHMREG_ACCESS_WRITE)
		actor_ok(&sleeper, deed_queue_create, 0);
}
END_TEST

START_TEST(deadlines)
{
	actor_ok(&sleeper, deed_connect, 0);
	actor_expect(&sleeper, deed_wait_until, PAST, -ETIMEDOUT);
	actor_says(&sleeper, "'" ACTOR_SEGMENT "'");
	actor_expect(&sleeper, deed_wait_until, SOON, -ETIMEDOUT);
	actor_says(&sleeper, "'" ACTOR_SEGMENT "'");
	actor_ok(&maker, deed_create, SHMREG_WHILE_ATTACHED);
	actor_ok(&sleeper, deed_wait_until, SOON);
}
END_TEST

static int64_t deed_create_elsewhere(struct actor *a, int64_t unused)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 12 };
	struct shmreg_segment *segment;
	const int64_t r = deed_connect(a, 0);

	(void)unused;
	return r < 0 ? r : shmreg_segment_create(a->connection, &segment, "elsewhere", &params);
}

/* How many OPENs, and whatever else, the daemon was asked for. */
static uint64_t n_requests(void)
{
	struct shmreg_connection *c = harness_connect();
	struct shmreg_stats_reply stats;

	harness_ok(shmreg_stats(c, UINT32_MAX, &stats));
	shmreg_disconnect(c);
	return stats.n_requests;
}

/* Neither woken nor asking: what else happens is not seen at all. */
START_TEST(no_polling)
{
	uint64_t before, naps, each;

	fall_asleep(deed_wait, SHMREG_ACCESS_WRITE);
	naps = asleep_naps(sleeper.pid, sleeper.pid);
	each = n_requests();
	before = n_requests();
	each = before - each;
	actor_ok(&maker, deed_create_elsewhere, 0);	/* CREATE, and HELLO */
	ck_assert_uint_eq(n_requests(), before + each + 2);
	ck_assert_uint_eq(asleep_naps(sleeper.pid, sleeper.pid), naps);
	still_asleep();
	actor_ok(&maker, deed_create, SHMREG_WHILE_ATTACHED);
	process_expect(&sleeper, 0);
}
END_TEST

/* Of another segment whose name has the same bucket. */
static int64_t deed_create_in_bucket(struct actor *a, int64_t unused)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 12 };
	struct shmreg_segment *segment;
	const int64_t r = deed_connect(a, 0);
	unsigned int i = 0;
	char name[32];

	(void)unused;
	do
		snprintf(name, sizeof(name), "n%u", i++);
	while ((shmreg_name_hash(name) ^ shmreg_name_hash(ACTOR_SEGMENT)) % SHMREG_ROOT_BUCKETS);
	return r < 0 ? r : shmreg_segment_create(a->connection, &segment, name, &params);
}

START_TEST(same_bucket)
{
	uint64_t naps;

	fall_asleep(deed_wait, SHMREG_ACCESS_WRITE);
	naps = asleep_naps(sleeper.pid, sleeper.pid);
	actor_ok(&maker, deed_create_in_bucket, 0);
	asleep_await_after(sleeper.pid, sleeper.pid, naps);
	still_asleep();
	actor_ok(&maker, deed_create, SHMREG_WHILE_ATTACHED);
	process_expect(&sleeper, 0);
}
END_TEST

/* Gone with its creator before the sleeper could ask: it goes on waiting for the next. */
START_TEST(creator_dies_at_once)
{
	struct process other;

	fall_asleep(deed_wait, SHMREG_ACCESS_WRITE);
	process_stop(&sleeper);
	actor_start(&other);
	actor_ok(&other, deed_create, SHMREG_WITH_CREATOR);
	process_kill(&other);
	while (harness_n_segments() > 0)
		;
	process_continue(&sleeper);
	still_asleep();
	actor_ok(&maker, deed_create, SHMREG_WHILE_ATTACHED);
	process_expect(&sleeper, 0);
}
END_TEST

START_TEST(creator_dies_and_leaves_it)
{
	struct process other;

	fall_asleep(deed_wait, SHMREG_ACCESS_WRITE);
	process_stop(&sleeper);
	actor_start(&other);
	actor_ok(&other, deed_create, SHMREG_UNTIL_REMOVED);
	process_kill(&other);
	process_continue(&sleeper);
	process_expect(&sleeper, 0);
	actor_ok(&maker, deed_remove, 0);
}
END_TEST

START_TEST(sleeper_dies)
{
	struct process other;

	fall_asleep(deed_wait, SHMREG_ACCESS_WRITE);
	actor_start(&other);
	actor_ok(&other, deed_connect, 0);
	actor_begin(&other, deed_wait, SHMREG_ACCESS_READ);
	asleep_await(other.pid, other.pid);
	process_kill(&sleeper);
	actor_ok(&maker, deed_create, SHMREG_WHILE_ATTACHED);
	process_expect(&other, 0);
	process_finish(&other);
}
END_TEST

START_TEST(signals)
{
	actor_ok(&sleeper, deed_handle, 0);
	fall_asleep(deed_wait, SHMREG_ACCESS_WRITE);
	ck_assert_int_eq(kill(sleeper.pid, SIGUSR1), 0);
	still_asleep();
	actor_ok(&maker, deed_create, SHMREG_WHILE_ATTACHED);
	process_expect(&sleeper, 0);
}
END_TEST

START_TEST(signals_if_asked)
{
	actor_ok(&sleeper, deed_handle, 0);
	fall_asleep(deed_wait_interruptible, SHMREG_ACCESS_WRITE);
	ck_assert_int_eq(kill(sleeper.pid, SIGUSR1), 0);
	process_expect(&sleeper, -EINTR);
	actor_ok(&maker, deed_create, SHMREG_WHILE_ATTACHED);
	actor_ok(&sleeper, deed_wait_interruptible, SHMREG_ACCESS_WRITE);
}
END_TEST

START_TEST(daemon_is_restarted)
{
	int i;

	fall_asleep(deed_wait, both[_i]);
	for (i = 0; i < 2; i++) {
		harness_kill_daemon(&h);
		still_asleep();
		harness_restart_daemon(&h);
		still_asleep();
	}
	actor_ok(&maker, deed_create, SHMREG_WHILE_ATTACHED);
	process_expect(&sleeper, 0);
}
END_TEST

START_TEST(daemon_is_stopped)
{
	fall_asleep(deed_wait, SHMREG_ACCESS_WRITE);
	harness_stop_daemon(&h);
	/* Without asking: whoever asked now would wait for the next daemon, or make one start. */
	process_expect(&sleeper, -EHOSTDOWN);
	actor_says(&sleeper, "stopped");
	harness_restart_daemon(&h);
	actor_begin(&sleeper, deed_wait, SHMREG_ACCESS_WRITE);
	asleep_await(sleeper.pid, sleeper.pid);
	actor_ok(&maker, deed_create, SHMREG_WHILE_ATTACHED);
	process_expect(&sleeper, 0);
}
END_TEST

/* Stopped in order, and started again with what it had: one can sleep again. */
START_TEST(daemon_goes_on)
{
	fall_asleep(deed_wait, SHMREG_ACCESS_WRITE);
	ck_assert_int_eq(keeper_daemon_end(&h.keeper, SIGTERM), 0);
	process_expect(&sleeper, -EHOSTDOWN);
	harness_restart_daemon(&h);
	actor_begin(&sleeper, deed_wait, SHMREG_ACCESS_WRITE);
	asleep_await(sleeper.pid, sleeper.pid);
	actor_ok(&maker, deed_create, SHMREG_WHILE_ATTACHED);
	process_expect(&sleeper, 0);
}
END_TEST

/* One thread sleeps on what nobody raises any more; another's call finds that out. */
static struct shmreg_connection *shared;

static int wait_in_thread(void *arg)
{
	(void)arg;
	return shmreg_segment_open_wait(shared, &(struct shmreg_segment *){ NULL }, ACTOR_SEGMENT,
					SHMREG_ACCESS_WRITE, 0, NULL);
}

START_TEST(registry_is_lost)
{
	struct sleeper thread;
	struct shmreg_stats_reply stats;
	uint64_t naps;

	shared = harness_connect();
	sleeper_spawn(&thread, wait_in_thread, NULL);
	sleeper_await(&thread);
	naps = sleeper_naps(&thread);
	harness_kill_daemon(&h);
	keeper_forget(&h.keeper);
	harness_restart_daemon(&h);
	harness_ok(shmreg_stats(shared, UINT32_MAX, &stats));
	sleeper_await_after(&thread, naps);
	actor_ok(&maker, deed_create, SHMREG_WHILE_ATTACHED);
	ck_assert_int_eq(sleeper_result(&thread), 0);
	shmreg_disconnect(shared);
}
END_TEST

/* A second wait does not sleep on the root of the first registry. */
START_TEST(registry_is_another)
{
	actor_ok(&sleeper, deed_connect, 0);
	actor_expect(&sleeper, deed_wait_until, SOON, -ETIMEDOUT);
	harness_kill_daemon(&h);
	keeper_forget(&h.keeper);
	harness_restart_daemon(&h);
	actor_ok(&sleeper, deed_create_elsewhere, 0);
	actor_begin(&sleeper, deed_wait, SHMREG_ACCESS_WRITE);
	asleep_await(sleeper.pid, sleeper.pid);
	actor_ok(&maker, deed_create, SHMREG_WHILE_ATTACHED);
	process_expect(&sleeper, 0);
}
END_TEST

static const struct identity stranger = { .uid = 12345, .gid = 12345 };

/* What exists and may not be opened is said at once. */
START_TEST(forbidden)
{
	struct process other;

	if (harness_need_root())
		return;
	actor_ok(&maker, deed_create, SHMREG_WHILE_ATTACHED);
	actor_start_as(&other, &stranger);
	actor_ok(&other, deed_connect, 0);
	actor_expect(&other, deed_wait, SHMREG_ACCESS_READ, -EACCES);
	process_finish(&other);
}
END_TEST

/* Another uid's sleep is no different. */
START_TEST(stranger_waits)
{
	struct process other;

	if (harness_need_root())
		return;
	actor_start_as(&other, &stranger);
	actor_ok(&other, deed_connect, 0);
	actor_begin(&other, deed_wait, SHMREG_ACCESS_READ);
	asleep_await(other.pid, other.pid);
	actor_ok(&maker, deed_create_mode, 0644);
	process_expect(&other, 0);
	process_finish(&other);
	actor_ok(&maker, deed_remove, 0);
}
END_TEST

static int64_t deed_bad_calls(struct actor *a, int64_t unused)
{
	const struct timespec bad = { .tv_nsec = 1000000000 };
	const struct shmreg_connect_params params = { .size = sizeof(params),
						      .flags = SHMREG_CONNECT_OBSERVER };
	struct shmreg_connection *observer;
	struct shmreg_segment *s;

	(void)unused;
	harness_result(shmreg_segment_open_wait(NULL, &s, "x", 1, 0, NULL), -EINVAL);
	harness_result(shmreg_segment_open_wait(a->connection, &s, NULL, 1, 0, NULL), -EINVAL);
	harness_sentence("NULL");
	harness_result(shmreg_segment_open_wait(a->connection, &s, "a//b", 1, 0, NULL), -EINVAL);
	harness_sentence("empty component");
	harness_result(shmreg_segment_open_wait(a->connection, &s, "x", 4, 0, NULL), -EINVAL);
	harness_sentence("access 0x4");
	harness_result(shmreg_segment_open_wait(a->connection, &s, "x", 1, 2, NULL), -EINVAL);
	harness_sentence("0x2");
	harness_result(shmreg_segment_open_wait(a->connection, &s, "x", 1, 0, &bad), -EINVAL);
	harness_sentence("tv_nsec");
	harness_ok(shmreg_connect(&observer, &params));
	harness_result(shmreg_segment_open_wait(observer, &s, "x", 1, 0, NULL), -EINVAL);
	harness_sentence("OBSERVER");
	shmreg_disconnect(observer);
	return 0;
}

START_TEST(bad_calls)
{
	actor_ok(&maker, deed_connect, 0);
	actor_ok(&maker, deed_bad_calls, 0);
}
END_TEST

static void wait_in_child(const struct mouth *mouth, void *arg)
{
	struct shmreg_segment *s;

	tell(mouth, shmreg_segment_open_wait(arg, &s, ACTOR_SEGMENT, SHMREG_ACCESS_READ, 0, NULL));
}

static int64_t deed_fork(struct actor *a, int64_t unused)
{
	struct process child;

	(void)unused;
	process_start(&child, wait_in_child, a->connection);
	process_expect(&child, -ECHILD);
	return process_wait(&child);
}

START_TEST(forked)
{
	actor_ok(&maker, deed_connect, 0);
	actor_expect(&maker, deed_wait_until, SOON, -ETIMEDOUT);
	actor_ok(&maker, deed_fork, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("segment-wait");
	TCase *tc = harness_case(s, "segment-wait");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, created_before, 0, 2);
	tcase_add_loop_test(tc, created_while_asleep, 0, 2);
	tcase_add_test(tc, deadlines);
	tcase_add_test(tc, no_polling);
	tcase_add_test(tc, same_bucket);
	tcase_add_test(tc, creator_dies_at_once);
	tcase_add_test(tc, creator_dies_and_leaves_it);
	tcase_add_test(tc, sleeper_dies);
	tcase_add_test(tc, signals);
	tcase_add_test(tc, signals_if_asked);
	tcase_add_loop_test(tc, daemon_is_restarted, 0, 2);
	tcase_add_test(tc, daemon_is_stopped);
	tcase_add_test(tc, daemon_goes_on);
	tcase_add_test(tc, registry_is_lost);
	tcase_add_test(tc, registry_is_another);
	tcase_add_test(tc, forbidden);
	tcase_add_test(tc, stranger_waits);
	tcase_add_test(tc, bad_calls);
	tcase_add_test(tc, forked);
	return s;
}

int main(void)
{
	return harness_main(suite());
}

