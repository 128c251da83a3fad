/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * The daemon is killed and started again by who keeps its descriptors: names,
 * segments, participants and quotas are back, the data plane does not notice, and
 * who died meanwhile is repaired.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actor.h"

static struct harness h;
static struct process one, two;

static void setup(void)
{
	harness_start(&h, NULL);
	actor_start(&one);
	actor_start(&two);
}

static void teardown(void)
{
	if (one.pid)
		process_finish(&one);
	if (two.pid)
		process_finish(&two);
	harness_stop(&h);
}

static void both_attach(enum shmreg_lifetime lifetime)
{
	actor_ok(&one, deed_create, lifetime);
	actor_ok(&one, deed_queue_create, SHMREG_QUEUE_REDELIVER);
	actor_ok(&one, deed_atomic_create, 40);
	actor_ok(&two, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&two, deed_queue_open, 0);
	actor_ok(&two, deed_atomic_open, 0);
}

static void kill_and_restart(void)
{
	harness_kill_daemon(&h);
	harness_restart_daemon(&h);
}

static void describe(struct shmreg_segment_info *ret, struct shmreg_stats_reply *ret_stats)
{
	struct shmreg_connection *c = harness_connect();

	harness_ok(shmreg_segment_describe(c, ACTOR_SEGMENT, ret, NULL));
	harness_ok(shmreg_stats(c, UINT32_MAX, ret_stats));
	shmreg_disconnect(c);
}

START_TEST(test_data_plane_goes_on)
{
	both_attach(SHMREG_WHILE_ATTACHED);
	harness_kill_daemon(&h);
	actor_ok(&one, deed_push, 1);
	actor_ok(&one, deed_reserve, 2);
	actor_expect(&two, deed_pop, 0, 1);
	actor_ok(&one, deed_commit, 0);
	actor_expect(&two, deed_acquire, 0, 2);
	actor_expect(&two, deed_atomic_add, 2, 40);
	harness_restart_daemon(&h);
	actor_ok(&two, deed_release, 0);
	actor_ok(&one, deed_push, 3);
	actor_expect(&two, deed_pop, 0, 3);
	actor_expect(&one, deed_atomic_load, 0, 42);
}
END_TEST

/* Everything the daemon says of the segment and of the accounts is as it was. */
START_TEST(test_registry_is_back)
{
	struct shmreg_segment_info before, after;
	struct shmreg_stats_reply stats_before, stats_after;
	int i;

	both_attach(SHMREG_UNTIL_REMOVED);
	describe(&before, &stats_before);
	ck_assert_uint_eq(before.n_participants, 2);
	for (i = 1; i < 4; i++) {
		kill_and_restart();
		describe(&after, &stats_after);
		before.resident_bytes = after.resident_bytes;
		ck_assert_mem_eq(&before, &after, sizeof(after));
		/* The actors have not reconnected yet. */
		stats_before.usage[SHMREG_RESOURCE_CONNECTIONS] =
			stats_after.usage[SHMREG_RESOURCE_CONNECTIONS];
		ck_assert_mem_eq(stats_before.usage, stats_after.usage, sizeof(stats_after.usage));
		ck_assert_uint_eq(stats_after.n_restarts, (uint64_t)i);
	}
	actor_ok(&one, deed_close, 0);
	actor_ok(&two, deed_remove, 0);
}
END_TEST

static int64_t deed_create_more(struct actor *a, int64_t i)
{
	struct word_atomic *more;
	char name[32];

	snprintf(name, sizeof(name), "more-%d", (int)i);
	return word_atomic_create(a->segment, &more, name);
}

static int64_t deed_open_more(struct actor *a, int64_t i)
{
	struct word_atomic *more;
	char name[32];

	snprintf(name, sizeof(name), "more-%d", (int)i);
	return word_atomic_open(a->segment, &more, name);
}

/* The library reconnects by itself, whatever the call. */
START_TEST(test_control_plane_reconnects)
{
	struct process late;

	both_attach(SHMREG_WHILE_ATTACHED);
	actor_ok(&one, deed_create_more, 0);
	kill_and_restart();
	actor_ok(&one, deed_create_more, 1);
	actor_ok(&two, deed_open_more, 0);
	actor_ok(&two, deed_open_more, 1);
	actor_expect(&two, deed_create_more, 1, -EEXIST);
	kill_and_restart();
	/* Detaching, without a call before. */
	actor_ok(&one, deed_close, 0);
	actor_start(&late);
	actor_ok(&late, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&late, deed_queue_open, 0);
	actor_ok(&late, deed_push, 5);
	actor_expect(&two, deed_pop, 0, 5);
	kill_and_restart();
	process_finish(&late);
	actor_ok(&two, deed_close, 0);
}
END_TEST

/* A call that begins while the daemon is away ends when it is back. */
static void close_late(const struct mouth *mouth, void *arg)
{
	struct shmreg_connection *c;
	struct shmreg_segment *s;

	(void)arg;
	tell(mouth, 0);
	tell(mouth, shmreg_connect(&c, NULL));
	tell(mouth, shmreg_segment_open(c, &s, ACTOR_SEGMENT, SHMREG_ACCESS_READ));
	shmreg_disconnect(c);
}

START_TEST(test_calls_in_the_gap)
{
	struct process late;

	both_attach(SHMREG_WHILE_ATTACHED);
	harness_kill_daemon(&h);
	process_start(&late, close_late, NULL);
	process_expect(&late, 0);
	harness_restart_daemon(&h);
	process_expect(&late, 0);
	process_expect(&late, 0);
	ck_assert_int_eq(process_wait(&late), 0);
}
END_TEST

static bool popped_seven(void *arg)
{
	const int64_t word = actor_do(arg, deed_pop, 0);

	ck_assert_msg(word == 7 || word == -EAGAIN, "popped %lld", (long long)word);
	return word == 7;
}

/* Repaired is not yet settled: the daemon hears of it from the reaper. */
static bool is_alone(void *unused)
{
	struct shmreg_segment_info info;
	struct shmreg_stats_reply stats;

	(void)unused;
	describe(&info, &stats);
	return info.n_participants == 1;
}

START_TEST(test_death_in_the_gap)
{
	struct shmreg_segment_info info;
	struct shmreg_stats_reply stats;

	both_attach(SHMREG_WHILE_ATTACHED);
	actor_ok(&two, deed_push, 7);
	actor_expect(&one, deed_acquire, 0, 7);
	harness_kill_daemon(&h);
	process_kill(&one);
	actor_expect(&two, deed_pop, 0, -EAGAIN);
	harness_restart_daemon(&h);
	harness_wait(popped_seven, &two, "the dead one's element to be delivered again");
	harness_wait(is_alone, NULL, "the dead one to be settled");
	describe(&info, &stats);
	ck_assert_uint_eq(info.n_deaths, 1);
}
END_TEST

START_TEST(test_all_die_in_the_gap)
{
	both_attach(SHMREG_WHILE_ATTACHED);
	harness_kill_daemon(&h);
	process_kill(&one);
	process_kill(&two);
	harness_restart_daemon(&h);
	/* teardown waits for the segment to go */
}
END_TEST

START_TEST(test_creator_dies_in_the_gap)
{
	both_attach(SHMREG_WITH_CREATOR);
	harness_kill_daemon(&h);
	process_kill(&one);
	harness_restart_daemon(&h);
	actor_expect(&two, deed_atomic_load, 0, 40);
	actor_start(&one);
	actor_expect(&one, deed_open, SHMREG_ACCESS_READ, -ENOENT);
	actor_ok(&two, deed_close, 0);
}
END_TEST

/* The death before, the repair after: the dead stay dead. */
START_TEST(test_dead_before)
{
	both_attach(SHMREG_WHILE_ATTACHED);
	actor_ok(&two, deed_push, 7);
	actor_expect(&one, deed_acquire, 0, 7);
	kill(harness_daemon(&h), SIGSTOP);
	process_kill(&one);
	kill_and_restart();
	harness_wait(popped_seven, &two, "the dead one's element to be delivered again");
}
END_TEST

START_TEST(test_removed_name_stays_removed)
{
	both_attach(SHMREG_UNTIL_REMOVED);
	actor_ok(&one, deed_remove, 0);
	kill_and_restart();
	actor_expect(&two, deed_atomic_load, 0, 40);
	actor_ok(&one, deed_close, 0);
	actor_expect(&one, deed_open, SHMREG_ACCESS_READ, -ENOENT);
	actor_ok(&one, deed_create, SHMREG_WHILE_ATTACHED);
	kill_and_restart();
	actor_ok(&one, deed_close, 0);
	actor_ok(&two, deed_close, 0);
}
END_TEST

/* --- killed in the midst of requests ---------------------------------------------------- */

#define N_STORM 40

static bool is_told(const struct mouth *mouth)
{
	char c;

	return recv(mouth->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

/*
 * Segments are made and removed, objects too; nothing may fail, be there twice or be lost. It
 * goes on until the daemon was killed at least once meanwhile.
 */
static int64_t do_storm(const struct mouth *mouth, struct actor *a, int64_t who)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 16,
						      .lifetime = SHMREG_UNTIL_REMOVED };
	struct shmreg_segment *s;
	struct word_atomic *atomic;
	char name[32];
	int64_t i, r;

	r = deed_connect(a, 0);
	for (i = 0; r == 0 && (i < N_STORM || !is_told(mouth)); i++) {
		snprintf(name, sizeof(name), "storm-%d-%d", (int)who, (int)i);
		r = shmreg_segment_create(a->connection, &s, name, &params);
		if (r == 0)
			r = word_atomic_create(s, &atomic, "atomic");
		if (r == 0)
			r = shmreg_object_remove(s, "atomic");
		if (r == 0 && (i % 2 || i >= N_STORM))
			r = shmreg_segment_remove(a->connection, name);
		if (r == 0)
			shmreg_segment_close(s);
	}
	return r;
}

static int64_t clean_up(struct actor *a, int64_t who)
{
	char name[32];
	int64_t i, r = 0;

	for (i = 0; r == 0 && i < N_STORM; i += 2) {
		snprintf(name, sizeof(name), "storm-%d-%d", (int)who, (int)i);
		r = shmreg_segment_remove(a->connection, name);
	}
	return r;
}

struct storm {
	int64_t who;
};

static void storm(const struct mouth *mouth, void *arg)
{
	static struct actor a;
	const struct storm *s = arg;
	const int64_t r = do_storm(mouth, &a, s->who);

	if (r < 0)
		fprintf(stderr, "storm: %s\n", shmreg_error());
	tell(mouth, r);
	hear(mouth);	/* of the first kill */
	hear(mouth);
	tell(mouth, clean_up(&a, s->who));
	shmreg_disconnect(a.connection);
}

static bool has_ended_or_speaks(struct process *p)
{
	char c;

	return recv(p->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

START_TEST(test_storm)
{
	struct process p[2];
	struct storm s[2];
	bool first = true;
	int i;

	for (i = 0; i < 2; i++) {
		s[i].who = i;
		process_start(&p[i], storm, &s[i]);
	}
	do {
		usleep((useconds_t)(rand() % 20000));
		kill_and_restart();
		for (i = 0; first && i < 2; i++)
			process_tell(&p[i], 0);
		first = false;
	} while (!has_ended_or_speaks(&p[0]) || !has_ended_or_speaks(&p[1]));
	for (i = 0; i < 2; i++)
		process_expect(&p[i], 0);
	ck_assert_int_eq(harness_n_segments(), N_STORM);
	for (i = 0; i < 2; i++) {
		process_tell(&p[i], 0);
		process_expect(&p[i], 0);
		ck_assert_int_eq(process_wait(&p[i]), 0);
	}
}
END_TEST

/* --- stopped in order --------------------------------------------------------------------- */

static int64_t deed_orphaned(struct actor *a, int64_t unused)
{
	const struct shmreg_dir *dir = shmreg_segment_dir(a->segment);

	(void)unused;
	return (shmreg_load_acquire(&dir->flags) & SHMREG_DIR_ORPHANED) != 0;
}

/* As "systemctl restart": in order, and what was stored is kept. */
START_TEST(test_restart_in_order)
{
	both_attach(SHMREG_WHILE_ATTACHED);
	ck_assert_int_eq(keeper_daemon_end(&h.keeper, SIGTERM), 0);
	actor_expect(&one, deed_orphaned, 0, 1);
	harness_restart_daemon(&h);
	actor_expect(&one, deed_orphaned, 0, 0);
	actor_ok(&one, deed_create_more, 1);
	actor_ok(&one, deed_push, 1);
	actor_expect(&two, deed_pop, 0, 1);
}
END_TEST

START_TEST(test_stopped_for_good)
{
	char aside[128];

	both_attach(SHMREG_UNTIL_REMOVED);
	harness_stop_daemon(&h);
	actor_expect(&one, deed_orphaned, 0, 1);
	actor_ok(&one, deed_push, 1);
	actor_expect(&two, deed_pop, 0, 1);
	actor_expect(&two, deed_atomic_add, 2, 40);
	/* Nobody starts it when somebody connects. */
	snprintf(aside, sizeof(aside), "%s.aside", h.socket_path);
	ck_assert_int_eq(rename(h.socket_path, aside), 0);
	actor_expect(&one, deed_create_more, 1, -ENOENT);
	actor_says(&one, "shmregd");
	ck_assert_int_eq(rename(aside, h.socket_path), 0);
	/* A daemon that knows nothing: what they have is theirs, but has no name any more. */
	harness_restart_daemon(&h);
	actor_expect(&one, deed_create_more, 1, -ESTALE);
	actor_ok(&one, deed_push, 2);
	actor_expect(&two, deed_pop, 0, 2);
	actor_ok(&two, deed_close, 0);
	actor_ok(&two, deed_create, SHMREG_WHILE_ATTACHED);
	actor_ok(&two, deed_close, 0);
	actor_ok(&one, deed_close, 0);
}
END_TEST

START_TEST(test_leaving_a_stopped_daemon)
{
	/* Its socket is held, as by systemd, and takes the connection; but nobody answers. */
	both_attach(SHMREG_UNTIL_REMOVED);
	harness_stop_daemon(&h);
	actor_ok(&one, deed_close, 0);
	actor_ok(&two, deed_push, 3);
	actor_expect(&two, deed_pop, 0, 3);
	process_finish(&one);
	one.pid = 0;
	harness_restart_daemon(&h);
	actor_ok(&two, deed_close, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("restart");
	TCase *tc = harness_case(s, "restart");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_data_plane_goes_on);
	tcase_add_test(tc, test_registry_is_back);
	tcase_add_test(tc, test_control_plane_reconnects);
	tcase_add_test(tc, test_calls_in_the_gap);
	tcase_add_test(tc, test_death_in_the_gap);
	tcase_add_test(tc, test_all_die_in_the_gap);
	tcase_add_test(tc, test_creator_dies_in_the_gap);
	tcase_add_test(tc, test_dead_before);
	tcase_add_test(tc, test_removed_name_stays_removed);
	tcase_add_test(tc, test_storm);
	tcase_add_test(tc, test_restart_in_order);
	tcase_add_test(tc, test_stopped_for_good);
	tcase_add_test(tc, test_leaving_a_stopped_daemon);
	return s;
}

int main(void)
{
	return harness_main(suite());
}
