/* SPDX-License-Identifier: MIT */
#include "watcher.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

/*
 * An event after each single instruction of shmreg_watch_ready(): afterwards either it has said
 * so, or the descriptor is readable; and it is readable in both cases.
 */

struct shared {
	int result;
	int readable;
};

static struct shared *shared;

/* Stops, each time: quiet and armed; ready() has returned; it was noticed. */
static void run_watcher(void)
{
	struct shmreg_connection *mine;
	struct shmreg_segment *stage;
	struct word_queue *queue = NULL;
	struct shmreg_watch *w;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	mine = harness_connect();
	harness_ok(shmreg_segment_open(mine, &stage, ACTOR_SEGMENT, SHMREG_ACCESS_WRITE));
	harness_ok(word_queue_open(stage, &queue, "queue"));
	w = watch(handle_of(queue), ITEMS);
	ck_assert_int_eq(ptrace(PTRACE_TRACEME, 0, NULL, NULL), 0);
	for (;;) {
		expect_nothing(w, 0);
		raise(SIGSTOP);
		shared->result = shmreg_watch_ready(w);
		raise(SIGSTOP);
		shared->readable = is_readable(shmreg_watch_fd(w));
		await_ready(w, ITEMS);
		raise(SIGSTOP);
	}
}

/* Return: whether it has stopped by itself, not after a step. */
static bool has_stopped(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSTOPPED(status));
	ck_assert(WSTOPSIG(status) == SIGSTOP || WSTOPSIG(status) == SIGTRAP);
	return WSTOPSIG(status) == SIGSTOP;
}

static void go_on(pid_t pid)
{
	ck_assert_int_eq(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	ck_assert(has_stopped(pid));
}

/* Return: false if ready() has not that many instructions. */
static bool step(pid_t pid, int n)
{
	while (n-- > 0) {
		ck_assert_int_eq(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
		if (has_stopped(pid))
			return false;
	}
	return true;
}

/* What it finds when it comes to look: armed; rung for what is gone; and with a full bell. */
enum { ARMED, RUNG, FULL, N_BEFORE };

static void prepare(int before)
{
	int i;

	if (before == ARMED)
		return;
	harness_ok(word_queue_push(que, &(uint64_t){ 1 }));
	pop();
	ck_assert_uint_eq(count_of(que) & SHMREG_EVENTCOUNT_ARMED, 0);
	for (i = 0; before == FULL && i < 100; i++)
		ck_assert_int_eq(seg->ring(handle_of(que), ITEMS), 0);
}

/* Of the moments this many are one; with $SHMREG_TEST_SCALE above 1 each is looked at. */
#define STRIDE 4

START_TEST(at_any_moment)
{
	const char *scale = getenv("SHMREG_TEST_SCALE");
	const int stride = scale != NULL && atof(scale) > 1 ? 1 : STRIDE;
	struct shmreg_watch *own;
	int n = _i;
	bool within;
	pid_t pid;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	ck_assert(shared != MAP_FAILED);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		run_watcher();
	ck_assert(has_stopped(pid));
	/* From now on this process rings without asking. */
	own = watch(handle_of(que), ITEMS);
	await_ends(own, 2);
	do {
		prepare(_i);
		within = step(pid, n);
		harness_ok(word_queue_push(que, &(uint64_t){ 1 }));
		if (within)
			go_on(pid);
		ck_assert_msg(!within || shared->result == 0 || shared->result == ITEMS,
			      "step %d: %d", n, shared->result);
		go_on(pid);
		ck_assert_msg(shared->readable, "step %d: it is not readable, having returned %d", n,
			      shared->result);
		pop();
		go_on(pid);
		n += stride;
	} while (within);
	ck_assert_int_gt(n, 100);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	shmreg_watch_close(own);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watch-step");
	TCase *tc = harness_case(suite, "watch-step");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, at_any_moment, 0, N_BEFORE);
	return harness_main(suite);
}
