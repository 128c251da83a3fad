/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"
#include "wake-fixture.h"

/* The waker: whom it wakes, that it stops when nobody is there, and that nobody is left asleep. */

/* As many return as can take something; of one element nobody but him who takes it hears. */
START_TEST(test_as_many)
{
	const uint64_t values[3] = { 1, 2, 3 };
	const unsigned int n = _i == 0 ? 1 : 3;
	uint64_t naps[SLEEPERS];

	start(SLEEPERS, job_pop);
	for (unsigned int i = 0; i < SLEEPERS; i++)
		naps[i] = sleeper_naps(&s[i]);
	if (n == 1)
		push(&w.q, 1);
	else
		ck_assert_int_eq(shmreg_queue_push_batch(&w.q, values, 3, 3), 3);
	await_done(s, SLEEPERS, n);
	for (unsigned int i = 0; i < SLEEPERS; i++)
		if (!sleeper_is_done(&s[i])) {
			if (n == 1)
				ck_assert_uint_eq(sleeper_naps(&s[i]), naps[i]);
			sleeper_await(&s[i]);
			sleeper_kill(&s[i]);
		} else {
			ck_assert_int_eq(sleeper_result(&s[i]), 0);
		}
	expect_empty(&w.q);
}
END_TEST

/* No more futex call by this process: it is killed. */
static void forbid_futex(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { sizeof(code) / sizeof(*code), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		_exit(3);
}

/* Where a descriptor is armed, but nobody sleeps, the kernel is not asked who sleeps. */
START_TEST(test_armed_only)
{
	int status;
	pid_t pid;

	w.shm->items.half[SHMREG_EVENTCOUNT_COUNT] = SHMREG_EVENTCOUNT_ARMED;
	pid = fork();
	if (pid == 0) {
		forbid_futex();
		_exit(shmreg_queue_push(&jobs[0].q, &(uint64_t){ 2 }) != 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(w.shm->items.both, 1);
}
END_TEST

/* A sleeper died: the next push finds nobody, and those after it cost nothing any more. */
START_TEST(test_nobody_left)
{
	uint32_t count;
	int status;
	pid_t pid;

	start(2, job_pop);
	sleeper_kill(&s[0]);
	sleeper_kill(&s[1]);
	ck_assert_uint_ne(count_of(&w.shm->items) & SHMREG_EVENTCOUNT_ASLEEP, 0);
	push(&w.q, 1);
	ck_assert_uint_eq(w.shm->items.both, 2);
	pid = fork();
	if (pid == 0) {
		forbid_futex();
		_exit(shmreg_queue_push(&jobs[0].q, &(uint64_t){ 2 }) != 0 ||
		      shmreg_queue_pop(&jobs[0].q, &(uint64_t){ 0 }) != 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	/* The same of one that was woken and left. */
	expect(&w.q, 2);
	start(1, job_pop);
	push(&w.q, 3);
	expect_all(1, 0);
	push(&w.q, 4);
	count = count_of(&w.shm->items);
	ck_assert_uint_eq(count & ~SHMREG_EVENTCOUNT_SEQUENCE, 0);
	push(&w.q, 5);
	ck_assert_uint_eq(count_of(&w.shm->items), count);
}
END_TEST

/* One wants room for three, one for one: whoever came first, the one that fits is served. */
START_TEST(test_mixed)
{
	const unsigned int choosy = (unsigned int)_i, modest = 1 - choosy;

	fill_up();
	jobs[choosy].min = 3;
	for (unsigned int i = 0; i < 2; i++) {
		sleeper_fork(&s[i], i == choosy ? job_push_several : job_push, &jobs[i]);
		sleeper_await(&s[i]);
	}
	ck_assert_uint_ne(count_of(&w.shm->space) & SHMREG_EVENTCOUNT_MIXED, 0);
	expect(&w.q, 0);
	ck_assert_int_eq(sleeper_result(&s[modest]), 0);
	expect(&w.q, 1);
	expect(&w.q, 2);
	expect(&w.q, 3);
	ck_assert_int_ge(sleeper_result(&s[choosy]), 3);
	/* Gone with the first wake-up after those who wanted it. */
	expect(&w.q, 0);
	expect(&w.q, 1);
	ck_assert_uint_eq(count_of(&w.shm->space) & ~SHMREG_EVENTCOUNT_SEQUENCE, 0);
}
END_TEST

/* Batches of both sides. */
START_TEST(test_batches)
{
	uint64_t values[4] = { 1, 2, 3, 4 };

	fill_up();
	start(4, job_push);
	ck_assert_int_eq(shmreg_queue_pop_batch(&w.q, values, 4), 4);
	expect_all(4, 0);
	ck_assert_int_eq(shmreg_queue_pop_batch(&w.q, values, 4), 4);
	start(4, job_pop);
	ck_assert_int_eq(shmreg_queue_push_batch(&w.q, values, 4, 4), 4);
	expect_all(4, 0);
}
END_TEST

/* Elements behind an unfinished one wake in vain; when that is finished, all get out. */
START_TEST(test_behind_unfinished)
{
	struct shmreg_queue_lease lease;
	uint64_t naps[4];

	if (_i == 0) {
		ck_assert_int_eq(shmreg_queue_reserve(&w.q, &lease), 0);
		*(uint64_t *)lease.elem = 9;
		start(4, job_pop);
	} else {
		fill_up();
		ck_assert_int_eq(shmreg_queue_acquire(&w.q, &lease), 0);
		start(4, job_push);
	}
	for (int i = 0; i < 3; i++) {
		for (int j = 0; j < 4; j++)
			naps[j] = sleeper_naps(&s[j]);
		if (_i == 0)
			push(&jobs[5].q, 1);
		else
			expect(&jobs[5].q, (uint64_t)i + 1);
		/* First come, first woken: number i has slept again. */
		sleeper_await_after(&s[i], naps[i]);
	}
	ck_assert_uint_eq(n_done(s, 4), 0);
	if (_i == 0)
		ck_assert_int_eq(shmreg_queue_commit(&w.q, &lease), 0);
	else
		ck_assert_int_eq(shmreg_queue_release(&w.q, &lease), 0);
	expect_all(4, 0);
}
END_TEST

/* Who was maybe woken, and leaves with nothing, wakes another. @_i: outcomes. */
START_TEST(test_passed_on)
{
	static const struct {
		int r;
		bool moved, passed;
	} cases[] = {
		{ -ETIMEDOUT, true, true }, { -EINTR, true, true }, { -ETIMEDOUT, false, false },
		{ -EBUSY, false, true },
	};
	struct timespec deadline = shmreg_deadline(1000000);
	uint32_t *const word = &w.shm->items.half[SHMREG_EVENTCOUNT_COUNT];
	struct waiter x;
	uint64_t naps;

	waiter_begin(&x, &w.q.handle, &w.shm->items, &deadline);
	ck_assert_int_eq(waiter_next(&x), 0);
	ck_assert_int_eq(waiter_next(&x), 0);
	start(1, job_pop);
	naps = sleeper_naps(&s[0]);
	if (cases[_i].moved)
		shmreg_fetch_add_acq_rel(word, 1);
	ck_assert_int_eq(waiter_end(&x, cases[_i].r, false), cases[_i].r);
	if (cases[_i].passed)
		sleeper_await_after(&s[0], naps);
	ck_assert_uint_eq(sequence_of(&w.shm->items),
			  UINT32_C(1) + cases[_i].moved + cases[_i].passed);
	sleeper_kill(&s[0]);
}
END_TEST

/* One that is passed, an aborted one, one refused, one given back: each wakes who waits for it. */
START_TEST(test_leases)
{
	struct shmreg_queue_lease lease, other;
	uint64_t naps;

	ck_assert_int_eq(shmreg_queue_reserve(&w.q, &lease), 0);
	start(1, job_pop);
	naps = sleeper_naps(&s[0]);
	push(&jobs[5].q, 7);
	sleeper_await_after(&s[0], naps);
	ck_assert_int_eq(shmreg_queue_abort(&w.q, &lease), 0);
	expect_all(1, 0);

	push(&w.q, 8);
	ck_assert_int_eq(shmreg_queue_acquire(&w.q, &lease), 0);
	start(1, job_pop);
	ck_assert_int_eq(shmreg_queue_refuse(&w.q, &lease), 0);
	expect_all(1, 0);

	ck_assert_int_eq(shmreg_queue_reserve(&w.q, &lease), 0);
	start(1, job_pop);
	ck_assert_int_eq(shmreg_queue_commit(&w.q, &lease), 0);
	expect_all(1, 0);

	/* The room of an aborted one is given back by who passes it. */
	fill_up();
	expect(&w.q, 0);
	expect(&w.q, 1);
	expect(&w.q, 2);
	expect(&w.q, 3);
	ck_assert_int_eq(shmreg_queue_reserve(&w.q, &lease), 0);
	for (uint64_t i = 1; i < 4; i++)
		push(&w.q, i);
	start(1, job_push);
	ck_assert_int_eq(shmreg_queue_abort(&w.q, &lease), 0);
	ck_assert_int_eq(shmreg_queue_acquire(&w.q, &other), 0);
	expect_all(1, 0);
	/* And of one that another consumer has claimed and not finished. */
	start(1, job_push);
	naps = sleeper_naps(&s[0]);
	ck_assert_int_eq(shmreg_queue_release(&w.q, &other), 0);
	expect_all(1, 0);
}
END_TEST

/* An aborted one that a consumer has claimed and not passed: who comes next gives its room back. */
START_TEST(test_recorded)
{
	struct shmreg_queue_lease lease;

	ck_assert_int_eq(shmreg_queue_reserve(&w.q, &lease), 0);
	for (uint64_t i = 1; i < 4; i++)
		push(&w.q, i);
	ck_assert_int_eq(shmreg_queue_abort(&w.q, &lease), 0);
	shmreg_store_release(&w.shm->head, UINT64_C(1) << SHMREG_QUEUE_POS_SHIFT |
						   UINT64_C(1) << SHMREG_QUEUE_N_SHIFT |
						   UINT64_C(9) << SHMREG_QUEUE_OWNER_SHIFT);
	start(1, job_push);
	ck_assert_int_eq(shmreg_queue_acquire(&w.q, &lease), 0);
	ck_assert_uint_eq(*(uint64_t *)lease.elem, 1);
	expect_all(1, 0);
}
END_TEST

/* A push that wakes leaves no trace in its thread. */
START_TEST(test_errno)
{
	start(1, job_pop);
	errno = 1234;
	ck_assert_int_eq(shmreg_queue_push(&w.q, &(uint64_t){ 1 }), 0);
	ck_assert_int_eq(errno, 1234);
	expect_all(1, 0);
	errno = 1234;
	ck_assert_int_eq(shmreg_queue_push(&w.q, &(uint64_t){ 1 }), 0);
	ck_assert_int_eq(errno, 1234);
}
END_TEST

/* All, if a participant that cannot write waits, too: and it is told by the sequence. */
START_TEST(test_watched)
{
	struct shmreg_queue_lease lease;
	uint64_t naps[2];

	ck_assert_int_eq(shmreg_queue_reserve(&w.q, &lease), 0);
	start(2, job_pop);
	for (int i = 0; i < 2; i++)
		naps[i] = sleeper_naps(&s[i]);
	shmreg_store_release(&w.shm->items.half[SHMREG_EVENTCOUNT_WATCH], 1);
	push(&jobs[5].q, 1);		/* behind the reserved one: none can take it */
	for (int i = 0; i < 2; i++)
		sleeper_await_after(&s[i], naps[i]);
	ck_assert_int_eq(shmreg_queue_commit(&w.q, &lease), 0);
	expect_all(2, 0);
	start(3, job_pop);
	ck_assert_int_eq(shmreg_queue_push_batch(&w.q, (uint64_t[]){ 1, 2, 3 }, 3, 3), 3);
	expect_all(3, 0);
	for (uint32_t i = 2; i < 5; i++) {
		const uint32_t before = sequence_of(&w.shm->items);

		push(&w.q, i);
		ck_assert_uint_eq(sequence_of(&w.shm->items), before + 1);
		expect(&w.q, i);
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("wake");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, test_as_many, 0, 2);
	tcase_add_test(t, test_armed_only);
	tcase_add_test(t, test_nobody_left);
	tcase_add_loop_test(t, test_mixed, 0, 2);
	tcase_add_test(t, test_batches);
	tcase_add_loop_test(t, test_behind_unfinished, 0, 2);
	tcase_add_loop_test(t, test_passed_on, 0, 4);
	tcase_add_test(t, test_leases);
	tcase_add_test(t, test_recorded);
	tcase_add_test(t, test_errno);
	tcase_add_test(t, test_watched);
	return run_case("wake", t);
}

