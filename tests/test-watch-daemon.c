/* SPDX-License-Identifier: MIT */
#include "watcher.h"

/* Watches, while the daemon stands still, is replaced, or goes for good. */

static int64_t deed_push_many(struct actor *a, int64_t n)
{
	int64_t i;

	for (i = 0; i < n; i++)
		if (word_queue_push(a->queue, &(uint64_t){ (uint64_t)i }) < 0)
			return i;
	return n;
}

/* The line of who rings for the first time leads to a daemon that does not answer. */
START_TEST(the_daemon_is_stopped)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);

	expect_nothing(w, 0);
	stop(harness_daemon(&h));
	actor_ok(&other, deed_push, 1);
	ck_assert_int_eq(shmreg_watch_ready(w), ITEMS);
	pop();
	expect_nothing(w, 0);
	actor_expect(&other, deed_push_many, 1000, 8);
	kill(harness_daemon(&h), SIGCONT);
	await_ready(w, ITEMS);
	shmreg_watch_close(w);
}
END_TEST

/* Who knows whom to ring needs no daemon for it. */
START_TEST(the_daemon_is_stopped_when_it_is_not_needed)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);
	int i;

	await_ends(w, 1);
	expect_nothing(w, 0);
	stop(harness_daemon(&h));
	for (i = 0; i < 10; i++) {
		harness_ok(word_queue_push(que, &(uint64_t){ 1 }));
		expect_ready(w, ITEMS);
		pop();
		expect_nothing(w, 0);
	}
	kill(harness_daemon(&h), SIGCONT);
	shmreg_watch_close(w);
}
END_TEST

#define N 6
static int64_t deed_push_each(struct actor *a, int64_t n)
{
	static struct word_queue *queues[N];
	char name[16];
	int64_t i;
	int r = 0;

	for (i = 0; r == 0 && i < n; i++) {
		snprintf(name, sizeof(name), "queue%d", (int)i);
		if (queues[i] == NULL)
			r = word_queue_open(a->segment, &queues[i], name);
	}
	for (i = 0; r == 0 && i < n; i++)
		r = word_queue_push(queues[i], &(uint64_t){ 1 });
	return r;
}

/* Who rings for several before the daemon comes to it, and then no more, reads no answer either. */
START_TEST(many_are_rung_by_one_who_then_sleeps)
{
	struct shmreg_watch *w[N];
	struct word_queue *queues[N];
	char name[16];
	int i;

	for (i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "queue%d", i);
		harness_ok(word_queue_create(seg, &queues[i], name, 8, 0));
		w[i] = watch(handle_of(queues[i]), ITEMS);
		expect_nothing(w[i], 0);
	}
	stop(harness_daemon(&h));
	actor_ok(&other, deed_push_each, N);
	kill(harness_daemon(&h), SIGCONT);
	for (i = 0; i < N; i++) {
		await_ready(w[i], ITEMS);
		shmreg_watch_close(w[i]);
	}
}
END_TEST

START_TEST(the_daemon_is_replaced)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);
	int i;

	for (i = 0; i < 3; i++) {
		/* A daemon that has not let us in is not missed when it dies: the next one does. */
		while (w->serial != 0 || w->bell < 0) {
			await_readable(shmreg_watch_fd(w));
			ck_assert_int_eq(shmreg_watch_ready(w), 0);
		}
		expect_nothing(w, 0);
		harness_kill_daemon(&h);
		await_readable(shmreg_watch_fd(w));
		ck_assert_int_eq(shmreg_watch_ready(w), 0);
		/* There is no daemon, but its socket: it is asked, and its answer waited for. */
		if (i == 1) {
			expect_nothing(w, 0);
			actor_ok(&other, deed_push, 1);
			ck_assert_int_eq(shmreg_watch_ready(w), ITEMS);
			pop();
		}
		if (i == 2)
			actor_ok(&other, deed_push, 1);
		harness_restart_daemon(&h);
		if (i == 2) {
			await_ready(w, ITEMS);
			pop();
		}
		await_readable(shmreg_watch_fd(w));
		expect_nothing(w, 0);
		actor_ok(&other, deed_push, 1);
		await_ready(w, ITEMS);
		pop();
		actor_ok(&other, deed_push, 1);
		pop();
	}
	shmreg_watch_close(w);
}
END_TEST

static bool one_watch_is_charged(void *unused)
{
	struct shmreg_stats_reply stats;

	(void)unused;
	harness_ok(shmreg_stats(con, UINT32_MAX, &stats));
	return stats.usage[SHMREG_RESOURCE_SUBSCRIPTIONS].used == 1;
}

/* Closed while its WATCH is on the way: the daemon's answer finds nobody, and is taken back. */
START_TEST(closed_before_it_is_answered)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS), *again = watch(handle_of(que), ITEMS);

	expect_nothing(w, 0);
	harness_kill_daemon(&h);
	await_readable(shmreg_watch_fd(w));
	ck_assert_int_eq(shmreg_watch_ready(w), 0);
	ck_assert_uint_ne(w->serial, 0);
	shmreg_watch_close(w);
	harness_restart_daemon(&h);
	do {
		await_readable(shmreg_watch_fd(again));
		ck_assert_int_eq(shmreg_watch_ready(again), 0);
	} while (again->serial != 0);
	expect_nothing(again, 0);
	harness_ok(word_queue_push(que, &(uint64_t){ 1 }));
	await_ready(again, ITEMS);
	pop();
	await_ends(again, 1);
	harness_wait(one_watch_is_charged, NULL, "the daemon has one watch");
	shmreg_watch_close(again);
}
END_TEST

static void hide_socket(bool hidden)
{
	char away[128];

	snprintf(away, sizeof(away), "%s.away", h.socket_path);
	if (hidden)
		ck_assert_int_eq(rename(h.socket_path, away), 0);
	else
		ck_assert_int_eq(rename(away, h.socket_path), 0);
}

/* No daemon and nobody who keeps its socket: said, and then it is quiet. */
START_TEST(the_daemon_goes_for_good)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS), *none;

	expect_nothing(w, 0);
	hide_socket(true);
	harness_kill_daemon(&h);
	await_ready(w, -EHOSTDOWN);
	expect_nothing(w, -EHOSTDOWN);
	/* What is there is still found. */
	harness_ok(word_queue_push(que, &(uint64_t){ 1 }));
	ck_assert_int_eq(shmreg_watch_ready(w), ITEMS);
	pop();
	harness_result(shmreg_watch_open(handle_of(que), ITEMS, &none), -ENOENT);
	harness_sentence("no shmregd listens");
	expect_nothing(w, -EHOSTDOWN);
	/* If it comes back after all, one may ask again. */
	hide_socket(false);
	harness_restart_daemon(&h);
	ck_assert_int_eq(shmreg_watch_ready(w), 0);
	expect_nothing(w, 0);
	actor_ok(&other, deed_push, 1);
	await_ready(w, ITEMS);
	shmreg_watch_close(w);
}
END_TEST

/* Pushes go on without, and what could not be told of is told when somebody can. */
START_TEST(nobody_can_be_told)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);
	int i;

	expect_nothing(w, 0);
	hide_socket(true);
	harness_kill_daemon(&h);
	for (i = 0; i < 3; i++)
		actor_ok(&other, deed_push, 1);
	ck_assert_uint_ne(count_of(que) & SHMREG_EVENTCOUNT_ARMED, 0);
	hide_socket(false);
	harness_restart_daemon(&h);
	await_ready(w, ITEMS);
	shmreg_watch_close(w);
}
END_TEST

START_TEST(the_segment_is_not_known_any_more)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS), *none;

	expect_nothing(w, 0);
	harness_stop_daemon(&h);
	harness_restart_daemon(&h);
	await_ready(w, -ESTALE);
	expect_nothing(w, -ESTALE);
	harness_result(shmreg_watch_open(handle_of(que), ITEMS, &none), -ESTALE);
	shmreg_watch_close(w);
	con = shmreg_disconnect(con);
	process_kill(&other);
	other.pid = 0;
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watch-daemon");
	TCase *tc = harness_case(suite, "watch-daemon");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_daemon_is_stopped);
	tcase_add_test(tc, the_daemon_is_stopped_when_it_is_not_needed);
	tcase_add_test(tc, many_are_rung_by_one_who_then_sleeps);
	tcase_add_test(tc, the_daemon_is_replaced);
	tcase_add_test(tc, closed_before_it_is_answered);
	tcase_add_test(tc, the_daemon_goes_for_good);
	tcase_add_test(tc, nobody_can_be_told);
	tcase_add_test(tc, the_segment_is_not_known_any_more);
	return harness_main(suite);
}

