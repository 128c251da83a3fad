/* SPDX-License-Identifier: MIT */
#include "watcher.h"

#include <signal.h>
#include <sys/wait.h>

/* Watches of what goes: the object, the handle, the segment, the connection; and in a forked child. */

START_TEST(a_removed_object_is_told_of)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);

	expect_nothing(w, 0);
	harness_ok(shmreg_object_remove(seg, "queue"));
	await_ready(w, -ESTALE);
	expect_nothing(w, -ESTALE);
	/* What is left comes first. */
	harness_ok(word_queue_push(que, &(uint64_t){ 3 }));
	ck_assert_int_eq(shmreg_watch_ready(w), ITEMS);
	pop();
	expect_nothing(w, -ESTALE);
	shmreg_watch_close(w);
	harness_result(shmreg_watch_open(handle_of(que), ITEMS, &w), -ESTALE);
	harness_sentence("was removed");
}
END_TEST

/* What outlives its handle, segment or connection says so, and can be closed. */
START_TEST(what_is_closed_under_it)
{
	struct word_queue *handle = NULL;
	struct shmreg_watch *w[3];
	struct shmreg_segment *again;
	struct shmreg_connection *c2 = harness_connect();
	struct word_queue *theirs = NULL;
	int i;

	harness_ok(word_queue_open(seg, &handle, "queue"));
	w[0] = watch(handle_of(handle), ITEMS);
	harness_ok(word_queue_close(handle));
	harness_ok(shmreg_segment_open(con, &again, ACTOR_SEGMENT, SHMREG_ACCESS_WRITE));
	harness_ok(word_queue_open(again, &handle, "queue"));
	w[1] = watch(handle_of(handle), ITEMS);
	shmreg_segment_close(again);
	harness_ok(shmreg_segment_open(c2, &again, ACTOR_SEGMENT, SHMREG_ACCESS_WRITE));
	harness_ok(word_queue_open(again, &theirs, "queue"));
	w[2] = watch(handle_of(theirs), ITEMS);
	shmreg_disconnect(c2);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(shmreg_watch_ready(w[i]), -ECHILD);
		shmreg_watch_close(w[i]);
	}
	actor_ok(&other, deed_push, 1);
}
END_TEST

/* Nor does its descriptor keep a loop busy, whatever comes: what it is for has gone. */
START_TEST(what_is_closed_under_it_is_quiet)
{
	struct shmreg_connection *mine = harness_connect();
	struct word_queue *queue[5] = { NULL };
	struct shmreg_segment *stage;
	struct shmreg_watch *w[5];
	int i;

	harness_ok(shmreg_segment_open(mine, &stage, ACTOR_SEGMENT, SHMREG_ACCESS_WRITE));
	/* The newest is asked for first when a daemon has come. */
	for (i = 4; i >= 0; i--) {
		harness_ok(word_queue_open(stage, &queue[i], "queue"));
		w[i] = watch(handle_of(queue[i]), ITEMS);
	}
	/* Not asked yet; armed, and rung. */
	for (i = 1; i < 3; i++)
		expect_nothing(w[i], 0);
	actor_ok(&other, deed_push, 1);
	for (i = 0; i < 3; i++) {
		await_readable(shmreg_watch_fd(w[i]));
		harness_ok(word_queue_close(queue[i]));
		expect_nothing(w[i], -ECHILD);
	}
	pop();
	/* Another daemon has been asked. The oldest stays, and takes in what it answers. */
	expect_nothing(w[3], 0);
	expect_nothing(w[4], 0);
	harness_kill_daemon(&h);
	await_readable(shmreg_watch_fd(w[4]));
	ck_assert_int_eq(shmreg_watch_ready(w[4]), 0);
	ck_assert_uint_ne(w[3]->serial, 0);
	harness_ok(word_queue_close(queue[3]));
	harness_restart_daemon(&h);
	do {
		await_readable(shmreg_watch_fd(w[4]));
		ck_assert_int_eq(shmreg_watch_ready(w[4]), 0);
	} while (w[4]->serial != 0);
	actor_ok(&other, deed_push, 1);
	await_ready(w[4], ITEMS);
	pop();
	harness_kill_daemon(&h);
	await_readable(shmreg_watch_fd(w[4]));
	for (i = 0; i < 4; i++)
		expect_nothing(w[i], -ECHILD);
	harness_restart_daemon(&h);
	shmreg_disconnect(mine);
	for (i = 0; i < 5; i++) {
		expect_nothing(w[i], -ECHILD);
		shmreg_watch_close(w[i]);
	}
}
END_TEST

START_TEST(a_forked_child_has_no_watch)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);
	int status;
	pid_t pid;

	expect_nothing(w, 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (shmreg_watch_ready(w) != -ECHILD || shmreg_watch_fd(w) != -ECHILD)
			_exit(1);
		shmreg_watch_close(w);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	actor_ok(&other, deed_push, 1);
	expect_ready(w, ITEMS);
	pop();
	expect_nothing(w, 0);
	shmreg_watch_close(w);
}
END_TEST

/* A child that lives on with copies of all descriptors keeps no vain bell ringing. */
START_TEST(a_forked_child_does_not_disturb)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);
	pid_t pid;

	expect_nothing(w, 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		for (;;)
			pause();
	harness_kill_daemon(&h);
	harness_restart_daemon(&h);
	await_readable(shmreg_watch_fd(w));
	while (con->line.session < 2 || w->serial != 0 || w->bell < 0) {
		ck_assert_int_eq(shmreg_watch_ready(w), 0);
		if (w->serial != 0)
			await_readable(shmreg_watch_fd(w));
	}
	expect_nothing(w, 0);
	actor_ok(&other, deed_push, 1);
	await_ready(w, ITEMS);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	shmreg_watch_close(w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watch-end");
	TCase *tc = harness_case(suite, "watch-end");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_removed_object_is_told_of);
	tcase_add_test(tc, what_is_closed_under_it);
	tcase_add_test(tc, what_is_closed_under_it_is_quiet);
	tcase_add_test(tc, a_forked_child_has_no_watch);
	tcase_add_test(tc, a_forked_child_does_not_disturb);
	return harness_main(suite);
}
