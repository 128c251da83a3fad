/* SPDX-License-Identifier: MIT */
#include "watcher.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>

/*
 * Watches while memory, or descriptors, run out, at every number of these: nothing hangs, what
 * failed says so, nothing is left over (harness_stop()), and when there are some again all goes on.
 */

#define LIMITS 24	/* from none left to more than any of these needs */

static rlim_t before;

static void set_limit(rlim_t n)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = n;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* No new descriptor, and one more with each @more. */
static void leave(int more)
{
	struct rlimit limit;
	const int lowest = fcntl(0, F_DUPFD_CLOEXEC, 0);

	ck_assert_int_ge(lowest, 0);
	close(lowest);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	before = limit.rlim_cur;
	set_limit((rlim_t)(lowest + more));
}

static void leave_all(void)
{
	set_limit(before);
}

static void works(struct shmreg_watch *w)
{
	expect_nothing(w, 0);
	actor_ok(&other, deed_push, 1);
	await_ready(w, ITEMS);
	pop();
}

START_TEST(to_open)
{
	struct shmreg_watch *w = NULL;
	int i, r, n_open = 0;

	for (i = 0; i < LIMITS; i++) {
		leave(i);
		r = shmreg_watch_open(handle_of(que), ITEMS, &w);
		leave_all();
		if (r < 0) {
			harness_result(r, -EMFILE);
			harness_sentence("RLIMIT_NOFILE");
			harness_ok(shmreg_watch_open(handle_of(que), ITEMS, &w));
		} else {
			n_open++;
		}
		works(w);
		w = shmreg_watch_close(w);
		/* The line, too, is to be had anew. */
		con = shmreg_disconnect(con);
		con = harness_connect();
		harness_ok(shmreg_segment_open(con, &seg, ACTOR_SEGMENT, SHMREG_ACCESS_WRITE));
		que = NULL;
		harness_ok(word_queue_open(seg, &que, "queue"));
	}
	ck_assert_int_gt(n_open, 0);
	ck_assert_int_lt(n_open, LIMITS);
}
END_TEST

static int64_t deed_push_with(struct actor *a, int64_t more)
{
	int64_t r;

	leave((int)more);
	r = deed_push(a, 1);
	leave_all();
	return r;
}

static int64_t deed_reconnect(struct actor *a, int64_t unused)
{
	int64_t r = deed_disconnect(a, unused);

	if (r == 0)
		r = deed_open(a, SHMREG_ACCESS_WRITE);
	return r == 0 ? deed_queue_open(a, 0) : r;
}

/* Who makes an event happen does so. The next one is told, if this is not. */
START_TEST(to_ring)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);
	struct process waker;
	int i;

	actor_start(&waker);
	actor_ok(&waker, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&waker, deed_queue_open, 0);
	for (i = 0; i < LIMITS; i++) {
		expect_nothing(w, 0);
		actor_ok(&waker, deed_push_with, i);
		actor_ok(&waker, deed_push, 1);
		await_ready(w, ITEMS);
		pop();
		pop();
		actor_ok(&waker, deed_reconnect, 0);
	}
	process_finish(&waker);
	shmreg_watch_close(w);
}
END_TEST

static int64_t deed_push_without_memory(struct actor *a, int64_t word)
{
	struct rlimit limit, none;
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	int64_t r;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	ck_assert_int_eq(getrlimit(RLIMIT_AS, &limit), 0);
	none = limit;
	none.rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE);
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &none), 0);
	r = deed_push(a, word);
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
	return r;
}

/* Who cannot remember whom to ring has the daemon ring. */
START_TEST(to_remember)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);
	int i;

	for (i = 0; i < 3; i++) {
		expect_nothing(w, 0);
		actor_ok(&other, deed_push_without_memory, 1);
		await_ready(w, ITEMS);
		pop();
	}
	works(w);
	shmreg_watch_close(w);
}
END_TEST

/* Another daemon comes, and finds a watcher without descriptors. */
START_TEST(to_go_on)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);
	int i, k, r;

	for (i = 0; i < 6; i++) {
		expect_nothing(w, 0);
		harness_kill_daemon(&h);
		harness_restart_daemon(&h);
		leave(i);
		for (k = 0; k < 1000; k++) {
			await_readable(shmreg_watch_fd(w));
			r = shmreg_watch_ready(w);
			ck_assert(r == 0 || r == -EMFILE);
			if (!is_readable(shmreg_watch_fd(w)) && (r < 0 || w->serial == 0))
				break;
		}
		ck_assert_int_lt(k, 1000);
		leave_all();
		for (k = 0; w->bell < 0 || w->serial != 0; k++) {
			ck_assert_int_lt(k, 1000);
			r = shmreg_watch_ready(w);
			ck_assert(r == 0 || r == -EMFILE);
			if (r == 0 && w->bell < 0)
				await_readable(shmreg_watch_fd(w));
		}
		works(w);
	}
	shmreg_watch_close(w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watch-files");
	TCase *tc = harness_case(suite, "watch-files");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, to_open);
	tcase_add_test(tc, to_ring);
	tcase_add_test(tc, to_remember);
	tcase_add_test(tc, to_go_on);
	return harness_main(suite);
}
