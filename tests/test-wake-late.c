/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "suite.h"
#include "wake-fixture.h"

/* A waker that stands still between its change and its call of the kernel. */

/* A pop by a child that stops when it is about to make its first futex call, having raised. */
static pid_t pop_until_futex(struct shmreg_queue *q)
{
	struct __ptrace_syscall_info info;
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		uint64_t value;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
			_exit(111);
		raise(SIGSTOP);
		_exit(shmreg_queue_pop(q, &value) != 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (!WIFSTOPPED(status))
		return 0;
	ck_assert_int_eq(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD), 0);
	do {
		ck_assert_int_eq(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFSTOPPED(status), "it ended without a futex call");
		ck_assert_int_gt(ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info), 0);
	} while (info.op != PTRACE_SYSCALL_INFO_ENTRY || info.entry.nr != SYS_futex);
	return pid;
}

static void let_go(pid_t pid)
{
	int status;

	ck_assert_int_eq(ptrace(PTRACE_DETACH, pid, NULL, NULL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

static int come_first(void)
{
	const struct sched_param priority = { .sched_priority = 1 };

	return sched_setscheduler(0, SCHED_FIFO, &priority);
}

static int push_several_first(void *arg)
{
	return come_first() == 0 ? job_push_several(arg) : -EDOM;
}

static bool may_come_first(void)
{
	const pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(come_first() != 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status == 0;
}

/* One who comes after the flags were read, wants more than there is, and is woken first. */
START_TEST(test_astray)
{
	pid_t pid;

	if (!may_come_first()) {
		printf("skipped: SCHED_FIFO is not allowed here\n");
		return;
	}
	fill_up();
	start(1, job_push);
	pid = pop_until_futex(&jobs[2].q);
	if (pid == 0) {
		printf("skipped: ptrace is not allowed here\n");
		sleeper_kill(&s[0]);
		return;
	}
	jobs[1].min = 3;
	sleeper_fork(&s[1], push_several_first, &jobs[1]);
	asleep_await_flags(&w.shm->space, SHMREG_EVENTCOUNT_MIXED);
	sleeper_await(&s[1]);
	let_go(pid);
	ck_assert_int_eq(sleeper_result(&s[0]), 0);
	sleeper_kill(&s[1]);
}
END_TEST

/* A waker that is stopped before it wakes: the next one wakes for both. */
START_TEST(test_stopped)
{
	pid_t pid;

	fill_up();
	start(2, job_push);
	pid = pop_until_futex(&jobs[2].q);
	if (pid == 0) {
		printf("skipped: ptrace is not allowed here\n");
		sleeper_kill(&s[0]);
		sleeper_kill(&s[1]);
		return;
	}
	expect(&w.q, 1);
	expect_all(2, 0);
	let_go(pid);
}
END_TEST

/* The sequence was raised, and nobody woken yet: who comes now does not miss what was there. */
START_TEST(test_comes_late)
{
	pid_t pid;

	fill_up();
	start(1, job_push);
	pid = pop_until_futex(&jobs[2].q);
	if (pid != 0) {
		sleeper_fork(&s[1], job_push, &jobs[1]);
		ck_assert_int_eq(sleeper_result(&s[1]), 0);
		let_go(pid);
		expect(&w.q, 1);
	}
	expect(&w.q, pid != 0 ? 2 : 0);
	ck_assert_int_eq(sleeper_result(&s[0]), 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("wake-late");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, test_astray);
	tcase_add_test(t, test_stopped);
	tcase_add_test(t, test_comes_late);
	return run_case("wake-late", t);
}
