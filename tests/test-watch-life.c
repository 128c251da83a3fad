/* SPDX-License-Identifier: MIT */
#include "watcher.h"

/* Watches, when others die, stop, or play tricks. */

/* In place of telling those who watch. */
static int die(const struct shmreg_handle *handle, uint32_t events)
{
	(void)handle, (void)events;
	kill(getpid(), SIGKILL);
	return 0;
}

static int64_t deed_die_when_it_rings(struct actor *a, int64_t unused)
{
	(void)unused;
	a->segment->ring = die;
	return 0;
}

START_TEST(the_waker_dies_before_it_rings)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);
	struct process waker;

	actor_start(&waker);
	actor_ok(&waker, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&waker, deed_queue_open, 0);
	actor_ok(&waker, deed_die_when_it_rings, 0);
	expect_nothing(w, 0);
	actor_begin(&waker, deed_push, 7);
	process_wait(&waker);
	await_ready(w, ITEMS);
	ck_assert_uint_eq(pop(), 7);
	shmreg_watch_close(w);
}
END_TEST

static struct shmreg_watch *theirs;

static int64_t deed_watch(struct actor *a, int64_t unused)
{
	int r;

	(void)unused;
	r = shmreg_watch_open(handle_of(a->queue), ITEMS, &theirs);
	return r < 0 ? r : deed_queue_open(a, 0);
}

/* Until it is armed. */
static int64_t deed_arm(struct actor *a, int64_t unused)
{
	struct pollfd p = { .fd = shmreg_watch_fd(theirs), .events = POLLIN };
	int r;

	(void)a, (void)unused;
	do
		r = shmreg_watch_ready(theirs);
	while (r == 0 && poll(&p, 1, 0) == 1);
	return r;
}

static int64_t deed_await(struct actor *a, int64_t unused)
{
	struct pollfd p = { .fd = shmreg_watch_fd(theirs), .events = POLLIN };
	uint64_t word;
	int r;

	(void)unused;
	do {
		poll(&p, 1, -1);
		r = shmreg_watch_ready(theirs);
	} while (r == 0);
	if (r > 0)
		while (word_queue_pop(a->queue, &word) == 0)
			;
	return r;
}

static void start_watcher(struct process *p)
{
	actor_start(p);
	actor_ok(p, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(p, deed_queue_open, 0);
	actor_ok(p, deed_watch, 0);
	actor_ok(p, deed_arm, 0);
}

/* Those who made things happen for it forget it, and go on for those who are left. */
START_TEST(a_watcher_dies)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);
	struct process watcher;
	int i;

	start_watcher(&watcher);
	for (i = 0; i < 3; i++) {
		expect_nothing(w, 0);
		harness_ok(word_queue_push(que, &(uint64_t){ 1 }));
		expect_ready(w, ITEMS);
		actor_expect(&watcher, deed_await, 0, ITEMS);
		while (word_queue_length(que) > 0)
			pop();
		actor_ok(&watcher, deed_arm, 0);
	}
	await_ends(w, 2);
	expect_nothing(w, 0);
	/* Nobody says that it has died before its bell is rung. */
	stop(harness_daemon(&h));
	process_kill(&watcher);
	harness_ok(word_queue_push(que, &(uint64_t){ 1 }));
	expect_ready(w, ITEMS);
	pop();
	kill(harness_daemon(&h), SIGCONT);
	for (i = 0; i < 5; i++) {
		expect_nothing(w, 0);
		harness_ok(word_queue_push(que, &(uint64_t){ 1 }));
		await_ready(w, ITEMS);
		pop();
	}
	await_ends(w, 1);
	shmreg_watch_close(w);
}
END_TEST

/* Its bell is full soon, and those who ring do not mind. It finds everything when it goes on. */
START_TEST(a_watcher_is_stopped)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);
	struct process watcher;
	int i;

	start_watcher(&watcher);
	process_stop(&watcher);
	for (i = 0; i < 100; i++) {
		expect_nothing(w, 0);
		harness_ok(word_queue_push(que, &(uint64_t){ 1 }));
		await_ready(w, ITEMS);
		pop();
	}
	harness_ok(word_queue_push(que, &(uint64_t){ 1 }));
	process_continue(&watcher);
	actor_expect(&watcher, deed_await, 0, ITEMS);
	actor_ok(&watcher, deed_arm, 0);
	actor_ok(&other, deed_push, 1);
	actor_expect(&watcher, deed_await, 0, ITEMS);
	process_kill(&watcher);
	shmreg_watch_close(w);
}
END_TEST

/* Somebody with the other end of a bell shuts it. */
START_TEST(a_bell_is_shut)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);
	int i;

	for (i = 0; i < 3; i++) {
		expect_nothing(w, 0);
		ck_assert_int_eq(shutdown(w->bell, SHUT_RDWR), 0);
		await_readable(shmreg_watch_fd(w));
		while (w->bell < 0 || is_readable(shmreg_watch_fd(w))) {
			ck_assert_int_eq(shmreg_watch_ready(w), 0);
			if (w->bell < 0)
				await_readable(shmreg_watch_fd(w));
		}
		actor_ok(&other, deed_push, 1);
		await_ready(w, ITEMS);
		pop();
	}
	shmreg_watch_close(w);
}
END_TEST

/* A bell that is full has room again only after it was emptied: what comes in between counts. */
START_TEST(a_bell_is_full)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);
	struct word_queue *handle = NULL;
	struct shmreg_watch *more;
	int i, k;

	harness_ok(word_queue_open(seg, &handle, "queue"));
	more = watch(handle_of(handle), ITEMS);
	for (i = 0; i < 20; i++) {
		/* Rung for what the other has armed. */
		for (k = 0; k < 40; k++) {
			expect_nothing(more, 0);
			harness_ok(word_queue_push(que, &(uint64_t){ 1 }));
			await_ready(more, ITEMS);
			pop();
		}
		expect_nothing(w, 0);
		actor_ok(&other, deed_push, 1);
		await_ready(w, ITEMS);
		pop();
	}
	shmreg_watch_close(w);
	shmreg_watch_close(more);
}
END_TEST

/* Is there nobody but the two who are always there? */
static bool is_alone(void *unused)
{
	struct shmreg_segment_info info;

	(void)unused;
	harness_ok(shmreg_segment_describe(con, ACTOR_SEGMENT, &info, NULL));
	return info.n_participants == 2;
}

/* Who looks at a segment, and leaves it or dies, has nobody look up. */
START_TEST(who_cannot_write_rings_nobody)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);
	struct process p;

	expect_nothing(w, 0);
	actor_start(&p);
	actor_ok(&p, deed_open, SHMREG_ACCESS_READ);
	actor_ok(&p, deed_close, 0);
	ck_assert(is_alone(NULL));
	ck_assert(!is_readable(shmreg_watch_fd(w)));
	process_finish(&p);

	actor_start(&p);
	actor_ok(&p, deed_open, SHMREG_ACCESS_READ);
	process_kill(&p);
	harness_wait(is_alone, NULL, "its death is noticed");
	ck_assert(!is_readable(shmreg_watch_fd(w)));

	/* But one who could. */
	actor_start(&p);
	actor_ok(&p, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&p, deed_close, 0);
	await_readable(shmreg_watch_fd(w));
	process_finish(&p);
	expect_nothing(w, 0);
	shmreg_watch_close(w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watch-life");
	TCase *tc = harness_case(suite, "watch-life");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_waker_dies_before_it_rings);
	tcase_add_test(tc, a_watcher_dies);
	tcase_add_test(tc, a_watcher_is_stopped);
	tcase_add_test(tc, a_bell_is_shut);
	tcase_add_test(tc, a_bell_is_full);
	tcase_add_test(tc, who_cannot_write_rings_nobody);
	return harness_main(suite);
}
