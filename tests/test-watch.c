/* SPDX-License-Identifier: MIT */
#include "watcher.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

/* A descriptor for event loops: when it is readable, and when it is not. */

START_TEST(readable_when_something_is_pushed)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);
	int i;

	expect_nothing(w, 0);
	for (i = 1; i < 6; i++) {
		actor_ok(&other, deed_push, i);
		expect_ready(w, ITEMS);
		expect_ready(w, ITEMS);
		ck_assert_uint_eq(pop(), (uint64_t)i);
		expect_nothing(w, 0);
	}
	shmreg_watch_close(w);
}
END_TEST

START_TEST(readable_when_there_is_room)
{
	struct shmreg_watch *w = watch(handle_of(que), SPACE);
	int i;

	expect_ready(w, SPACE);
	for (i = 0; i < 8; i++)
		harness_ok(word_queue_push(que, &(uint64_t){ 1 }));
	expect_nothing(w, 0);
	for (i = 0; i < 5; i++) {
		actor_expect(&other, deed_pop, 0, 1);
		expect_ready(w, SPACE);
		harness_ok(word_queue_push(que, &(uint64_t){ 1 }));
		expect_nothing(w, 0);
	}
	shmreg_watch_close(w);
}
END_TEST

START_TEST(both_at_once)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS | SPACE);

	expect_ready(w, SPACE);
	actor_ok(&other, deed_push, 4);
	expect_ready(w, ITEMS | SPACE);
	shmreg_watch_close(w);
}
END_TEST

START_TEST(what_was_there_before_is_ready_at_once)
{
	struct shmreg_watch *w;

	actor_ok(&other, deed_push, 4);
	w = watch(handle_of(que), ITEMS);
	expect_ready(w, ITEMS);
	shmreg_watch_close(w);
}
END_TEST

/* Until `other` was answered by the daemon and knows whom to ring, its events leave A set. */
static void await_other_knows(struct shmreg_watch *w)
{
	int i = 0;

	do {
		ck_assert_int_lt(i++, 10000);
		expect_nothing(w, 0);
		actor_ok(&other, deed_push, 1);
		await_ready(w, ITEMS);
		pop();
	} while ((count_of(que) & SHMREG_EVENTCOUNT_ARMED) != 0);
}

static bool had[256];
static int taken[256], n_taken, own[2];

static int64_t deed_note(struct actor *a, int64_t unused)
{
	(void)a, (void)unused;
	for (int fd = 0; fd < 256; fd++)
		had[fd] = fcntl(fd, F_GETFD) >= 0;
	return 0;
}

/* What was opened since is closed, and a socket of one's own in its place. Return: how many. */
static int64_t deed_take_over(struct actor *a, int64_t unused)
{
	(void)a, (void)unused;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, own) < 0)
		return -errno;
	for (int fd = 0; fd < 256; fd++)
		if (!had[fd] && fd != own[0] && fd != own[1] && fcntl(fd, F_GETFD) >= 0 &&
		    dup2(own[0], fd) == fd)
			taken[n_taken++] = fd;
	return n_taken;
}

/* Return: 0; -EIO something was written to it; -EBADF it was closed. */
static int64_t deed_see_untouched(struct actor *a, int64_t unused)
{
	char byte;

	(void)a, (void)unused;
	if (recv(own[1], &byte, 1, MSG_DONTWAIT) != -1)
		return -EIO;
	for (int i = 0; i < n_taken; i++)
		if (fcntl(taken[i], F_GETFD) < 0)
			return -EBADF;
	return 0;
}

static int64_t deed_close_streams(struct actor *a, int64_t unused)
{
	(void)a, (void)unused;
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		close(fd);
	return 0;
}

/* Return: how many of them are open. */
static int64_t deed_see_streams(struct actor *a, int64_t unused)
{
	int64_t n = 0;

	(void)a, (void)unused;
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

START_TEST(the_waker_has_no_standard_streams)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);

	actor_ok(&other, deed_close_streams, 0);
	await_other_knows(w);
	actor_ok(&other, deed_see_streams, 0);
	shmreg_watch_close(w);
}
END_TEST

/* As one does who becomes a service, with all descriptors that he does not know. */
START_TEST(the_waker_closes_what_it_does_not_know)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);

	actor_ok(&other, deed_note, 0);
	await_other_knows(w);
	/* A line and a bell. */
	ck_assert_int_ge(actor_do(&other, deed_take_over, 0), 2);
	expect_nothing(w, 0);
	actor_ok(&other, deed_push, 1);
	await_ready(w, ITEMS);
	pop();
	await_other_knows(w);
	actor_ok(&other, deed_see_untouched, 0);
	shmreg_watch_close(w);
}
END_TEST

/* The same when nothing is rung in between. */
START_TEST(the_waker_closes_the_segment_after_that)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);

	actor_ok(&other, deed_note, 0);
	await_other_knows(w);
	ck_assert_int_ge(actor_do(&other, deed_take_over, 0), 2);
	actor_ok(&other, deed_close, 0);
	actor_ok(&other, deed_see_untouched, 0);
	actor_ok(&other, deed_disconnect, 0);
	actor_ok(&other, deed_see_untouched, 0);
	shmreg_watch_close(w);
}
END_TEST

/* Only the first push after it was armed has anything to do with it: the others find A clear. */
START_TEST(many_events_are_one)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);
	uint64_t word;
	uint32_t count;
	int i, round, n;

	await_other_knows(w);
	for (round = 0; round < 5; round++) {
		expect_nothing(w, 0);
		ck_assert_uint_ne(count_of(que) & SHMREG_EVENTCOUNT_ARMED, 0);
		actor_ok(&other, deed_push, 1);
		count = count_of(que);
		ck_assert_uint_eq(count & SHMREG_EVENTCOUNT_ARMED, 0);
		for (i = 0; i < 1000; i++) {
			harness_ok(word_queue_pop(que, &word));
			actor_ok(&other, deed_push, i);
		}
		ck_assert_uint_eq(count_of(que), count);
		/* Woken once, and maybe by what the daemon has to say. */
		await_readable(shmreg_watch_fd(w));
		for (n = 0; is_readable(shmreg_watch_fd(w)); n++)
			while (shmreg_watch_ready(w) > 0)
				while (word_queue_pop(que, &word) == 0)
					;
		ck_assert_int_le(n, 3);
	}
	shmreg_watch_close(w);
}
END_TEST

START_TEST(nobody_watches_any_more_so_nobody_rings)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);
	uint32_t count;

	await_other_knows(w);
	expect_nothing(w, 0);
	shmreg_watch_close(w);
	/* One vain bell at most. */
	actor_ok(&other, deed_push, 1);
	actor_ok(&other, deed_push, 1);
	count = count_of(que);
	ck_assert_uint_eq(count & SHMREG_EVENTCOUNT_ARMED, 0);
	actor_ok(&other, deed_push, 1);
	ck_assert_uint_eq(count_of(que), count);
}
END_TEST

/* Who pushes is who watches, too. */
START_TEST(its_own_events_count)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);
	int i;

	for (i = 0; i < 5; i++) {
		expect_nothing(w, 0);
		harness_ok(word_queue_push(que, &(uint64_t){ 1 }));
		expect_ready(w, ITEMS);
		pop();
	}
	shmreg_watch_close(w);
}
END_TEST

/* More than fit in one answer, in the first round by the daemon, then by the waker itself. */
START_TEST(several_watch_one_object)
{
	struct shmreg_watch *w[11];
	struct word_queue *handles[11];
	int i, round;

	for (i = 0; i < 11; i++) {
		harness_ok(word_queue_open(seg, &handles[i], "queue"));
		w[i] = watch(handle_of(handles[i]), ITEMS);
	}
	for (round = 0; round < 8; round++) {
		for (i = 0; i < 11; i++)
			expect_nothing(w[i], 0);
		actor_ok(&other, deed_push, 1);
		for (i = 0; i < 11; i++)
			await_ready(w[i], ITEMS);
		pop();
		if (round == 5) {
			shmreg_watch_close(w[3]);
			w[3] = watch(handle_of(handles[3]), ITEMS);
		}
	}
	for (i = 0; i < 11; i++)
		shmreg_watch_close(w[i]);
}
END_TEST

/* A watch that wants something else is left alone. */
START_TEST(only_the_events_that_were_asked_for)
{
	struct shmreg_watch *items = watch(handle_of(que), ITEMS), *space;
	struct word_queue *handle = NULL;
	struct shmreg_stats_reply stats;
	int i;

	harness_ok(word_queue_open(seg, &handle, "queue"));
	space = watch(handle_of(handle), SPACE);
	/* From then on nobody needs the daemon, which might ring late. */
	await_ends(items, 2);
	await_other_knows(items);
	harness_ok(shmreg_stats(con, UINT32_MAX, &stats));
	for (i = 0; i < 8; i++)
		harness_ok(word_queue_push(que, &(uint64_t){ 1 }));
	expect_nothing(space, 0);
	for (i = 0; i < 4; i++) {
		while (shmreg_watch_ready(items) > 0)
			pop();
		ck_assert(!is_readable(shmreg_watch_fd(items)));
		expect_ready(space, SPACE);
		for (int k = 0; k < 8; k++)
			actor_ok(&other, deed_push, k);
		expect_ready(items, ITEMS);
		expect_nothing(space, 0);
	}
	shmreg_watch_close(items);
	shmreg_watch_close(space);
}
END_TEST

static int epoll_of(int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };
	const int epoll = epoll_create1(EPOLL_CLOEXEC);

	ck_assert_int_ge(epoll, 0);
	ck_assert_int_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
	return epoll;
}

/* Inside of another set, and that inside of one more. */
START_TEST(epoll_sets_nest)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);
	const int inner = epoll_of(shmreg_watch_fd(w), EPOLLIN), outer = epoll_of(inner, EPOLLIN);
	struct epoll_event event;

	expect_nothing(w, 0);
	ck_assert_int_eq(epoll_wait(outer, &event, 1, 0), 0);
	actor_ok(&other, deed_push, 1);
	ck_assert_int_eq(epoll_wait(outer, &event, 1, patience_ms()), 1);
	ck_assert_int_eq(epoll_wait(inner, &event, 1, 0), 1);
	expect_ready(w, ITEMS);
	pop();
	expect_nothing(w, 0);
	ck_assert_int_eq(epoll_wait(outer, &event, 1, 0), 0);
	close(outer);
	close(inner);
	shmreg_watch_close(w);
}
END_TEST

/* An edge each time, though the loop is told once only. */
START_TEST(edges_are_enough)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS);
	const int set = epoll_of(shmreg_watch_fd(w), EPOLLIN | EPOLLET);
	struct epoll_event event;
	uint64_t word;
	int i, got = 0;

	for (i = 0; i < 20; i++) {
		if (i > 0)
			actor_ok(&other, deed_push, i);
		ck_assert_int_eq(epoll_wait(set, &event, 1, patience_ms()), 1);
		while (shmreg_watch_ready(w) > 0)
			while (word_queue_pop(que, &word) == 0)
				got++;
		/* Vain edges may follow. */
		while (epoll_wait(set, &event, 1, 0) == 1)
			while (shmreg_watch_ready(w) > 0)
				while (word_queue_pop(que, &word) == 0)
					got++;
	}
	ck_assert_int_eq(got, 19);
	close(set);
	shmreg_watch_close(w);
}
END_TEST

START_TEST(nonsense_is_refused)
{
	struct shmreg_watch *w = NULL;
	struct word_atomic *atomic = NULL;
	struct word_array *array = NULL;

	harness_ok(word_atomic_create(seg, &atomic, "atomic"));
	harness_ok(word_array_create(seg, &array, "array", 4));
	harness_result(shmreg_watch_open(NULL, ITEMS, &w), -ECHILD);
	harness_result(shmreg_watch_open(handle_of(que), 0, &w), -EINVAL);
	harness_result(shmreg_watch_open(handle_of(que), 4, &w), -EINVAL);
	harness_result(shmreg_watch_open(&atomic->atomic.handle, SPACE, &w), -EINVAL);
	harness_result(shmreg_watch_open(&atomic->atomic.handle, ITEMS | SPACE, &w), -EINVAL);
	harness_result(shmreg_watch_open(&array->array.handle, ITEMS, &w), -EINVAL);
	harness_sentence("array");
	ck_assert_ptr_null(w);
	ck_assert_ptr_null(shmreg_watch_close(NULL));
}
END_TEST

/* A waker without a descriptor to spare asks the daemon each time; a watcher is refused. */
START_TEST(without_descriptors)
{
	struct rlimit limit, small = { 0 };
	struct shmreg_watch *w = watch(handle_of(que), ITEMS), *more;
	int i;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	expect_nothing(w, 0);
	small = limit;
	small.rlim_cur = (rlim_t)dup(0);	/* the next one that would be given */
	close((int)small.rlim_cur);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &small), 0);
	harness_result(shmreg_watch_open(handle_of(que), ITEMS, &more), -EMFILE);
	for (i = 0; i < 5; i++) {
		harness_ok(word_queue_push(que, &(uint64_t){ 1 }));
		await_ready(w, ITEMS);
		pop();
		expect_nothing(w, 0);
	}
	ck_assert_uint_eq(con->line.n_ends, 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (i = 0; i < 5; i++) {
		harness_ok(word_queue_push(que, &(uint64_t){ 1 }));
		await_ready(w, ITEMS);
		pop();
		expect_nothing(w, 0);
	}
	await_ends(w, 1);
	shmreg_watch_close(w);
}
END_TEST

/* Events that happen in a signal handler, in the middle of whatever the thread does. */
static volatile sig_atomic_t n_signals;

static void push_in_handler(int signal)
{
	(void)signal;
	if (word_queue_push(que, &(uint64_t){ 1 }) == 0)
		n_signals++;
}

START_TEST(a_signal_handler_rings)
{
	struct sigaction action = { .sa_handler = push_in_handler, .sa_flags = SA_RESTART };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	const struct itimerspec often = { { 0, 200000 }, { 0, 200000 } };
	struct word_queue *mine = NULL;
	struct shmreg_watch *w;
	timer_t timer;
	uint64_t word;
	int i, got = 0;

	harness_ok(word_queue_open(seg, &mine, "queue"));
	w = watch(handle_of(mine), ITEMS);
	ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
	ck_assert_int_eq(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	ck_assert_int_eq(timer_settime(timer, 0, &often, NULL), 0);
	for (i = 0; i < 300; i++) {
		await_readable(shmreg_watch_fd(w));
		while (shmreg_watch_ready(w) > 0)
			while (word_queue_pop(mine, &word) == 0)
				got++;
		if (i % 2 == 0) {
			shmreg_watch_close(w);
			harness_ok(shmreg_watch_open(handle_of(mine), ITEMS, &w));
		}
	}
	timer_delete(timer);
	while (word_queue_pop(mine, &word) == 0)
		got++;
	ck_assert_int_eq(got, n_signals);
	shmreg_watch_close(w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watch");
	TCase *tc = harness_case(suite, "watch");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, readable_when_something_is_pushed);
	tcase_add_test(tc, readable_when_there_is_room);
	tcase_add_test(tc, both_at_once);
	tcase_add_test(tc, what_was_there_before_is_ready_at_once);
	tcase_add_test(tc, the_waker_has_no_standard_streams);
	tcase_add_test(tc, the_waker_closes_what_it_does_not_know);
	tcase_add_test(tc, the_waker_closes_the_segment_after_that);
	tcase_add_test(tc, many_events_are_one);
	tcase_add_test(tc, nobody_watches_any_more_so_nobody_rings);
	tcase_add_test(tc, its_own_events_count);
	tcase_add_test(tc, several_watch_one_object);
	tcase_add_test(tc, only_the_events_that_were_asked_for);
	tcase_add_test(tc, epoll_sets_nest);
	tcase_add_test(tc, edges_are_enough);
	tcase_add_test(tc, nonsense_is_refused);
	tcase_add_test(tc, without_descriptors);
	tcase_add_test(tc, a_signal_handler_rings);
	return harness_main(suite);
}
