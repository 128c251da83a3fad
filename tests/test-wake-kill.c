/* SPDX-License-Identifier: MIT */
#include "watcher.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "asleep.h"

/*
 * A waker is killed after each single instruction of its push or pop, with a real SIGKILL, while
 * another process sleeps for what it makes, or has a descriptor armed. Whatever the waker has
 * published is had by who waits. Has it published nothing, then who waits goes on to do so, and the
 * next one's call ends that.
 */

/* Every so manieth instruction is tried; with $SHMREG_TEST_SCALE above 1 each is. */
#define STRIDE_BEFORE 12	/* it has published anything */
#define STRIDE_SLEEPER 3	/* ...and then */
#define STRIDE_WATCHER 20

#define FULL 8

static struct process sleeper;

static void setup_kill(void)
{
	setup();
	actor_start(&sleeper);
	actor_ok(&sleeper, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&sleeper, deed_queue_open, 0);
}

static void teardown_kill(void)
{
	process_finish(&sleeper);
	teardown();
}

static int64_t deed_pop_wait(struct actor *a, int64_t unused)
{
	uint64_t word;
	const int r = word_queue_pop_wait(a->queue, &word, NULL);

	(void)unused;
	return r < 0 ? r : (int64_t)word;
}

static int64_t deed_push_wait(struct actor *a, int64_t word)
{
	return word_queue_push_wait(a->queue, &(uint64_t){ (uint64_t)word }, NULL);
}

/* --- the waker -------------------------------------------------------------------------- */

static bool has_stopped(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSTOPPED(status), "the waker ended: status %#x", (unsigned int)status);
	ck_assert(WSTOPSIG(status) == SIGSTOP || WSTOPSIG(status) == SIGTRAP);
	return WSTOPSIG(status) == SIGSTOP;
}

static int64_t do_push(struct word_queue *q, uint64_t word)
{
	return word_queue_push(q, &word);
}

static int64_t do_pop(struct word_queue *q, uint64_t unused)
{
	uint64_t word;

	(void)unused;
	return word_queue_pop(q, &word);
}

typedef int64_t (*call_fn)(struct word_queue *q, uint64_t word);

/* Stops before its call and after it. */
static void run_waker(call_fn call, uint64_t word)
{
	struct shmreg_connection *mine;
	struct shmreg_segment *stage;
	struct word_queue *queue = NULL;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	mine = harness_connect();
	harness_ok(shmreg_segment_open(mine, &stage, ACTOR_SEGMENT, SHMREG_ACCESS_WRITE));
	harness_ok(word_queue_open(stage, &queue, "queue"));
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(111);
	raise(SIGSTOP);
	if (call(queue, word) != 0)
		_exit(112);
	raise(SIGSTOP);
	_exit(0);
}

/* It stands before its call. */
static pid_t start_waker(call_fn call, uint64_t word)
{
	const pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		run_waker(call, word);
	ck_assert(has_stopped(pid));
	return pid;
}

static void die(pid_t pid)
{
	int status;

	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	do
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	while (!WIFSIGNALED(status));
}

static bool may_trace(void)
{
	const pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (status != 0)
		harness_skip("ptrace is not allowed here");
	return status == 0;
}

/* --- what it has done ------------------------------------------------------------------- */

static struct shmreg_queue *plain(void)
{
	return (struct shmreg_queue *)(void *)que;
}

static uint64_t head_now(void)
{
	return shmreg_load_acquire(&shmreg_queue_shm_(plain())->head) & ~SHMREG_QUEUE_LOW_MASK;
}

/* Of the queue that was empty, with its tail at @pos: is there an element, or was there? */
static bool has_pushed(uint64_t pos)
{
	const struct shmreg_queue *q = plain();
	const uint64_t w = shmreg_load_acquire(
		shmreg_queue_word_(shmreg_queue_slot_(q, pos, q->stride)));

	return w == ((pos & q->lap_mask) | SHMREG_QUEUE_READY) || head_now() != pos;
}

/* Of one that was full, with its head at @pos: has it at least taken the element as its own? */
static bool has_popped(uint64_t pos)
{
	return head_now() != pos;
}

struct waking {
	call_fn call;
	bool (*has_done)(uint64_t pos);
	deed_fn wait, other;
};
static const struct waking wakings[] = {
	{ do_push, has_pushed, deed_pop_wait, deed_push },
	{ do_pop, has_popped, deed_push_wait, deed_pop },
};

/* When it dies: after @n instructions, of its call or since it has published something. */
struct moment {
	bool after;
	int n;
};

/* Return: whether it is in its call. */
static bool step(pid_t pid)
{
	ck_assert_int_eq(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
	return !has_stopped(pid);
}

/* Return: whether it is still in its call at that moment. */
static bool leads_to(pid_t pid, const struct waking *waking, struct moment m)
{
	const uint64_t pos = head_now();
	bool within = true;
	int i;

	while (m.after && within && !waking->has_done(pos))
		within = step(pid);
	for (i = 0; within && i < m.n; i++)
		within = step(pid);
	return within;
}

static int stride(int by_default)
{
	const char *scale = getenv("SHMREG_TEST_SCALE");

	return scale != NULL && atof(scale) > 1 ? 1 : by_default;
}

enum death { BEFORE, AFTER, NOT_IN_CALL };

static int64_t next_word(void)
{
	static int64_t word;

	return ++word;
}

/* --- one who sleeps --------------------------------------------------------------------- */

static void falls_asleep(const struct waking *waking, int64_t word)
{
	actor_begin(&sleeper, waking->wait, word);
	asleep_await(sleeper.pid, sleeper.pid);
}

/* Moments at which what is published had not been told of. */
static int n_untold;

static enum death dies_while_one_sleeps(const struct waking *waking, struct moment m)
{
	const bool items = waking->call == do_push;
	const int64_t word = next_word();
	const uint64_t pos = head_now();
	uint64_t naps;
	pid_t waker;
	bool within;

	falls_asleep(waking, word);
	waker = start_waker(waking->call, (uint64_t)word);
	within = leads_to(waker, waking, m);
	if (waking->has_done(pos)) {
		n_untold += asleep(sleeper.pid, sleeper.pid);
		die(waker);
		process_expect(&sleeper, items ? word : 0);
		return within ? AFTER : NOT_IN_CALL;
	}
	ck_assert(within);
	naps = asleep_naps(sleeper.pid, sleeper.pid);
	die(waker);
	/* Told of the death, it has looked, in vain. */
	asleep_await_after(sleeper.pid, sleeper.pid, naps);
	ck_assert(!process_speaks(&sleeper));
	if (items) {
		actor_ok(&other, waking->other, -word);
		process_expect(&sleeper, -word);
	} else {
		ck_assert_int_gt(actor_do(&other, waking->other, 0), 0);
		process_expect(&sleeper, 0);
	}
	return BEFORE;
}

START_TEST(while_one_sleeps)
{
	const struct waking *waking = &wakings[_i];
	int n, i;

	if (!may_trace())
		return;
	for (i = 0; waking->call == do_pop && i < FULL; i++)
		actor_ok(&other, deed_push, 1000000 + i);
	/* Once by this process, which so binds what wakers call, and is forked. */
	falls_asleep(waking, 7);
	ck_assert_int_eq(waking->call(que, 7), 0);
	process_expect(&sleeper, waking->call == do_push ? 7 : 0);
	for (n = 0; dies_while_one_sleeps(waking, (struct moment){ false, n }) == BEFORE;)
		n += stride(STRIDE_BEFORE);
	ck_assert_int_gt(n, 0);
	for (n = n_untold = 0; dies_while_one_sleeps(waking, (struct moment){ true, n }) == AFTER;)
		n += stride(STRIDE_SLEEPER);
	ck_assert_int_gt(n_untold, 1);
}
END_TEST

/* --- one with a descriptor -------------------------------------------------------------- */

static enum death dies_while_one_watches(struct shmreg_watch *w, struct moment m)
{
	const uint64_t word = (uint64_t)next_word();
	const uint64_t pos = head_now();
	pid_t waker;
	bool within;

	waker = start_waker(do_push, word);
	expect_nothing(w, 0);
	within = leads_to(waker, &wakings[0], m);
	if (has_pushed(pos)) {
		n_untold += !is_readable(shmreg_watch_fd(w));
		die(waker);
		await_ready(w, ITEMS);
		ck_assert_uint_eq(pop(), word);
		return within ? AFTER : NOT_IN_CALL;
	}
	ck_assert(within);
	die(waker);
	actor_ok(&other, deed_push, -(int64_t)word);
	await_ready(w, ITEMS);
	ck_assert_uint_eq(pop(), -word);
	return BEFORE;
}

START_TEST(while_one_watches)
{
	struct shmreg_watch *w;
	int n;

	if (!may_trace())
		return;
	w = watch(handle_of(que), ITEMS);
	expect_nothing(w, 0);
	ck_assert_int_eq(do_push(que, 7), 0);
	await_ready(w, ITEMS);
	ck_assert_uint_eq(pop(), 7);
	for (n = 0; dies_while_one_watches(w, (struct moment){ false, n }) == BEFORE;)
		n += stride(STRIDE_BEFORE);
	ck_assert_int_gt(n, 0);
	for (n = n_untold = 0; dies_while_one_watches(w, (struct moment){ true, n }) == AFTER;)
		n += stride(STRIDE_WATCHER);
	ck_assert_int_gt(n_untold, 1);
	shmreg_watch_close(w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wake-kill");
	TCase *tc = harness_case(suite, "wake-kill");

	tcase_add_checked_fixture(tc, setup_kill, teardown_kill);
	tcase_add_loop_test(tc, while_one_sleeps, 0, 2);
	tcase_add_test(tc, while_one_watches);
	return harness_main(suite);
}
