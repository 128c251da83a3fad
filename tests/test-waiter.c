/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "futex.h"
#include "suite.h"
#include "wait-fixture.h"

/*
 * The sleeper: deadlines, spinning, signals, the words that it sleeps on, and the steps of
 * shmreg/wake.h one by one. Everything also where futex_waitv is forbidden: slices.
 */

static struct world w;
static struct job job;
static struct shmreg_segment segment;
static struct shmreg_dir *dir;
static struct shmreg_dir_object *entry;

static void setup(void)
{
	world_new(&w, 4);
	job_new(&job, &w, 2);
	/* What a handle knows of a directory. */
	dir = mmap(NULL, sizeof(*dir) + sizeof(*entry), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(dir, MAP_FAILED);
	entry = (struct shmreg_dir_object *)(void *)(dir + 1);
	entry->state = SHMREG_ENTRY_LIVE;
	entry->id = 7;
	segment.dir = dir;
	alarm(200);
}

static void teardown(void)
{
	alarm(0);
	munmap(dir, sizeof(*dir) + sizeof(*entry));
	world_free(&w);
}

static void give_segment(struct shmreg_queue *q)
{
	q->handle.segment = &segment;
	q->handle.entry = entry;
	q->handle.object = 7;
}

/* From now on futex_waitv fails in this process, and in its children. */
static void forbid_waitv(int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex_waitv, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned int)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { sizeof(code) / sizeof(*code), code };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static const int forbidden[] = { 0, ENOSYS, EPERM, EACCES };
#define N_FORBIDDEN ((int)(sizeof(forbidden) / sizeof(*forbidden)))
static int error;

/* The job, in a child that maybe cannot futex_waitv. */
static int restricted(void *arg)
{
	if (error != 0)
		forbid_waitv(error);
	return job_pop(arg);
}

START_TEST(test_past)
{
	const struct timespec past[] = { { 0, 0 }, { -1, 0 }, { 1, 999999999 } };
	uint64_t value = 5;

	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(shmreg_queue_pop_wait(&w.q, &value, &past[i]), -ETIMEDOUT);
		ck_assert_uint_eq(value, 5);
		/* Nobody was told that somebody would sleep. */
		ck_assert_uint_eq(w.shm->items.both, 0);
	}
	push(&w.q, 8);
	ck_assert_int_eq(shmreg_queue_pop_wait(&w.q, &value, &past[0]), 0);
	ck_assert_uint_eq(value, 8);
}
END_TEST

START_TEST(test_no_time)
{
	const struct timespec bad[] = { { 9, -1 }, { 9, 1000000000 }, { 0, 1000000000 } };
	uint64_t value = 5;

	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(shmreg_queue_pop_wait(&w.q, &value, &bad[i]), -EINVAL);
		/* Not looked at by who need not wait. */
		ck_assert_int_eq(shmreg_queue_push_wait(&w.q, &value, &bad[i]), 0);
		ck_assert_int_eq(shmreg_queue_pop_wait(&w.q, &value, &bad[i]), 0);
		ck_assert_uint_eq(w.shm->items.both, 0);
	}
}
END_TEST

static bool is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* Not before its time, whatever else. */
static int until_deadline(void *arg)
{
	struct timespec now;
	int r = restricted(arg);

	clock_gettime(CLOCK_MONOTONIC, &now);
	return is_before(&now, job.deadline) ? -EDOM : r;
}

START_TEST(test_future)
{
	static const uint64_t ns[] = { 1, 1000000, 30000000, 70000000 };
	struct timespec deadline;
	struct sleeper s;

	error = forbidden[_i];
	for (size_t i = 0; i < 4; i++) {
		deadline = shmreg_deadline(ns[i]);
		job.deadline = &deadline;
		sleeper_fork(&s, until_deadline, &job);
		ck_assert_int_eq(sleeper_result(&s), -ETIMEDOUT);
	}
}
END_TEST

/* A time that never comes, and none: an element comes. */
START_TEST(test_woken)
{
	const struct timespec never = { INT64_MAX, 999999999 };
	struct sleeper s;

	error = forbidden[_i / 2];
	job.deadline = _i % 2 == 0 ? NULL : &never;
	sleeper_fork(&s, restricted, &job);
	sleeper_await(&s);
	ck_assert_uint_eq(count_of(&w.shm->items), SHMREG_EVENTCOUNT_ASLEEP | 1);
	ck_assert_uint_eq(w.shm->space.both, 0);
	push(&w.q, 1);
	ck_assert_int_eq(sleeper_result(&s), 0);
	ck_assert_uint_eq(sequence_of(&w.shm->items), 2);
}
END_TEST

START_TEST(test_last_sequence)
{
	struct sleeper s;

	/* The sleeper's is the last. */
	w.shm->items.half[SHMREG_EVENTCOUNT_COUNT] = SHMREG_EVENTCOUNT_SEQUENCE - 1;
	sleeper_fork(&s, job_pop, &job);
	sleeper_await(&s);
	ck_assert_uint_eq(count_of(&w.shm->items),
			  SHMREG_EVENTCOUNT_ASLEEP | SHMREG_EVENTCOUNT_SEQUENCE);
	push(&w.q, 1);
	ck_assert_int_eq(sleeper_result(&s), 0);
	ck_assert_uint_eq(count_of(&w.shm->items), SHMREG_EVENTCOUNT_ASLEEP);
	push(&w.q, 1);
	ck_assert_uint_eq(w.shm->items.both, 1);
	expect(&w.q, 1);
	w.shm->items.half[SHMREG_EVENTCOUNT_COUNT] =
		SHMREG_EVENTCOUNT_ARMED | SHMREG_EVENTCOUNT_SEQUENCE;
	sleeper_fork(&s, job_pop, &job);
	sleeper_await(&s);
	ck_assert_uint_eq(count_of(&w.shm->items),
			  SHMREG_EVENTCOUNT_ASLEEP | SHMREG_EVENTCOUNT_ARMED);
	push(&w.q, 1);
	ck_assert_int_eq(sleeper_result(&s), 0);
}
END_TEST

/* Who spins does not sleep, and costs nobody anything. */
START_TEST(test_spin)
{
	struct timespec deadline = shmreg_deadline(10000000);
	struct sleeper s;

	job.q.handle.spin_ns = UINT32_MAX;
	job.deadline = &deadline;
	ck_assert_int_eq(job_pop(&job), -ETIMEDOUT);
	ck_assert_uint_eq(w.shm->items.both, 0);
	job.deadline = NULL;
	sleeper_spawn(&s, job_pop, &job);
	push(&w.q, 77);
	ck_assert_int_eq(sleeper_result(&s), 0);
	ck_assert_uint_eq(job.value, 77);
	ck_assert_uint_eq(w.shm->items.both, 0);
}
END_TEST

START_TEST(test_spin_then_sleep)
{
	struct sleeper s;

	job.q.handle.spin_ns = 3000000;
	sleeper_fork(&s, job_pop, &job);
	sleeper_await(&s);
	push(&w.q, 1);
	ck_assert_int_eq(sleeper_result(&s), 0);
}
END_TEST

static void on_signal(int signal)
{
	(void)signal;
}

static int signalled(void *arg)
{
	const struct sigaction action = { .sa_handler = on_signal, .sa_flags = *(int *)arg };

	sigaction(SIGUSR1, &action, NULL);
	return job_pop(&job);
}

/* SHMREG_WAIT_INTERRUPTIBLE, and no SA_RESTART: else nobody notices. */
START_TEST(test_signal)
{
	const bool interruptible = _i & 1;
	int flags = _i & 2 ? SA_RESTART : 0;
	struct sleeper s;

	job.q.handle.wait_flags = interruptible ? SHMREG_WAIT_INTERRUPTIBLE : 0;
	sleeper_fork(&s, signalled, &flags);
	for (int i = 0; i < 3; i++) {
		uint64_t naps;

		sleeper_await(&s);
		naps = sleeper_naps(&s);
		ck_assert_int_eq(kill(s.pid, SIGUSR1), 0);
		if (interruptible && flags == 0) {
			ck_assert_int_eq(sleeper_result(&s), -EINTR);
			return;
		}
		sleeper_await_after(&s, naps);
	}
	push(&w.q, 1);
	ck_assert_int_eq(sleeper_result(&s), 0);
}
END_TEST

static int pop_with_segment(void *arg)
{
	struct job *j = arg;

	give_segment(&j->q);
	return restricted(j);
}

/* Woken for nothing, by each of the words; and the death word raised for nothing. */
START_TEST(test_for_nothing)
{
	const uint32_t *const words[] = {
		&w.shm->items.half[SHMREG_EVENTCOUNT_COUNT], &dir->death, &entry->state
	};
	struct sleeper s;

	sleeper_fork(&s, pop_with_segment, &job);
	for (int i = 0; i < 9; i++) {
		uint64_t naps;

		sleeper_await(&s);
		naps = sleeper_naps(&s);
		if (i >= 6)
			shmreg_fetch_add_release(&dir->death, 1);
		ck_assert_uint_eq(asleep_wake_for_nothing(i < 6 ? words[i % 3] : &dir->death), 1);
		sleeper_await_after(&s, naps);
	}
	push(&w.q, 1);
	ck_assert_int_eq(sleeper_result(&s), 0);
}
END_TEST

/* What ends a wait for good, with and without futex_waitv. */
START_TEST(test_ended)
{
	static const int expected[] = { -ENOTRECOVERABLE, -EHOSTDOWN, -ESTALE };
	struct sleeper s;

	error = forbidden[_i / 3];
	sleeper_fork(&s, pop_with_segment, &job);
	sleeper_await(&s);
	switch (_i % 3) {
	case 0:
		shmreg_store_release(&dir->flags, SHMREG_DIR_QUARANTINED);
		break;
	case 1:
		shmreg_store_release(&dir->flags, SHMREG_DIR_ORPHANED);
		break;
	default:
		shmreg_store_release(&entry->state, SHMREG_ENTRY_REMOVED);
		asleep_wake_for_nothing(&entry->state);
	}
	if (_i % 3 < 2) {
		shmreg_fetch_add_release(&dir->death, 1);
		asleep_wake_for_nothing(&dir->death);
	}
	ck_assert_int_eq(sleeper_result(&s), expected[_i % 3]);
	/* Elements that are there can be had nevertheless. */
	push(&w.q, 1);
	ck_assert_int_eq(pop_with_segment(&job), 0);
}
END_TEST

/* A push of which the waker's half did not happen: what it left before it died. */
static void push_and_die(void)
{
	union shmreg_eventcount before = { .both = shmreg_load_acquire(&w.shm->items.both) };

	shmreg_store_release(&w.shm->items.both, 0);
	push(&w.q, 9);
	shmreg_store_release(&w.shm->items.both, before.both);
}

START_TEST(test_death)
{
	struct sleeper s;

	error = forbidden[_i];
	sleeper_fork(&s, pop_with_segment, &job);
	sleeper_await(&s);
	push_and_die();
	shmreg_fetch_add_release(&dir->death, 1);
	asleep_wake_for_nothing(&dir->death);
	ck_assert_int_eq(sleeper_result(&s), 0);
}
END_TEST

/* Between the steps: what comes after the announcement ends the sleep before it begins. */
START_TEST(test_steps)
{
	const struct timespec deadline = shmreg_deadline(UINT64_C(10000000000));
	struct waiter x;

	give_segment(&job.q);
	waiter_begin(&x, &job.q.handle, &w.shm->items, &deadline);
	ck_assert_int_eq(x.state, WAITER_SPINNING);
	ck_assert_int_eq(waiter_next(&x), 0);
	ck_assert_int_eq(x.state, WAITER_ANNOUNCED);
	ck_assert_uint_eq(count_of(&w.shm->items), SHMREG_EVENTCOUNT_ASLEEP | 1);
	if (_i == 0)
		push(&w.q, 1);
	else if (_i == 1)
		shmreg_fetch_add_release(&dir->death, 1);
	else
		shmreg_store_release(&entry->state, SHMREG_ENTRY_REMOVED);
	ck_assert_int_eq(waiter_next(&x), 0);
	ck_assert_int_eq(x.state, WAITER_WOKEN);
	ck_assert_int_eq(waiter_next(&x), 0);
	ck_assert_int_eq(x.state, WAITER_ANNOUNCED);
	ck_assert_uint_ne(count_of(&w.shm->items) & SHMREG_EVENTCOUNT_ASLEEP, 0);
}
END_TEST

/* S is taken away and set again between two steps of a sleeper's: it does not sleep on that. */
START_TEST(test_set_again)
{
	const struct timespec deadline = shmreg_deadline(UINT64_C(10000000000));
	struct waiter x, y;

	waiter_begin(&x, &w.q.handle, &w.shm->items, &deadline);
	waiter_begin(&y, &job.q.handle, &w.shm->items, &deadline);
	ck_assert_int_eq(waiter_next(&x), 0);
	ck_assert_int_eq(x.state, WAITER_ANNOUNCED);
	/* A waker that raised the sequence before x came finds nobody asleep. */
	futex_clear_and_wake(&w.shm->items.half[SHMREG_EVENTCOUNT_COUNT], 31);
	ck_assert_int_eq(waiter_next(&y), 0);
	ck_assert_int_eq(y.state, WAITER_ANNOUNCED);
	ck_assert_int_eq(waiter_next(&x), 0);
	ck_assert_int_eq(x.state, WAITER_WOKEN);
}
END_TEST

START_TEST(test_expired)
{
	const struct timespec deadline = shmreg_deadline(1000000);
	struct waiter x;

	alarm(20);
	waiter_begin(&x, &job.q.handle, &w.shm->items, &deadline);
	while (x.state != WAITER_EXPIRED && x.state != WAITER_WOKEN)
		ck_assert_int_eq(waiter_next(&x), 0);
	/* One more try, then: */
	ck_assert_int_eq(waiter_next(&x), -ETIMEDOUT);
}
END_TEST

/* A handle without a seat, as one that a child inherited. */
START_TEST(test_unusable)
{
	uint64_t value = 0;
	struct shmreg_queue q;

	memset(&q, 0, sizeof(q));
	ck_assert_int_eq(shmreg_queue_pop_wait(&q, &value, NULL), -ECHILD);
	ck_assert_int_eq(shmreg_queue_push_wait(&q, &value, NULL), -ECHILD);
	ck_assert_int_eq(shmreg_queue_push_batch_wait(&q, &value, 1, 1, NULL), -ECHILD);
	ck_assert_int_eq(shmreg_queue_pop_batch_wait(&q, &value, 1, NULL), -ECHILD);
	queue_bind(&q, w.shm, &w.shape, 0);
	ck_assert_int_eq(shmreg_queue_pop_wait(&q, &value, NULL), -EROFS);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("waiter");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, test_past);
	tcase_add_test(t, test_no_time);
	tcase_add_loop_test(t, test_future, 0, N_FORBIDDEN);
	tcase_add_loop_test(t, test_woken, 0, 2 * N_FORBIDDEN);
	tcase_add_test(t, test_last_sequence);
	tcase_add_test(t, test_spin);
	tcase_add_test(t, test_spin_then_sleep);
	tcase_add_loop_test(t, test_signal, 0, 4);
	tcase_add_test(t, test_for_nothing);
	tcase_add_loop_test(t, test_ended, 0, 3 * N_FORBIDDEN);
	tcase_add_loop_test(t, test_death, 0, N_FORBIDDEN);
	tcase_add_loop_test(t, test_steps, 0, 3);
	tcase_add_test(t, test_set_again);
	tcase_add_test(t, test_expired);
	tcase_add_test(t, test_unusable);
	return run_case("waiter", t);
}
