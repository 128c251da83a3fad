/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "object-queue-plain.h"
#include "torture.h"
#include "waiter.h"

/*
 * Processes that wait for each other's objects while the parent kills and stops them, repairs, and
 * then wakes all, as a death does. After each storm a calm: nobody is killed, nor woken but by
 * his like, each does what he is to do, and the last objects go back. Who sleeps
 * through that has lost a wake-up.
 *
 * $SHMREG_TEST_SEED, printed, and $SHMREG_TEST_SCALE, a factor for the number of storms.
 */

#define WORKERS 5
#define KILLS 6			/* in a storm */
#define QUOTA 12		/* operations in a calm */

struct account {
	SHMREG_ALIGNAS(128) uint64_t n_done;
	uint64_t done;		/* the calm in which the quota was done */
	uint64_t n_failed;
};

struct oracle {
	struct account account[WORKERS];
	uint64_t time;		/* even: storm; odd: calm */
};

static struct oracle *o;
static struct pair pair;
static bool with_queue;

static bool is_receiver(unsigned int me)
{
	return with_queue && me >= 3;
}

/* None, or so short that it may pass: then nothing was got. */
static const struct timespec *perhaps(struct random_state *r, struct timespec *deadline)
{
	if (random_below(r, 3) != 0)
		return NULL;
	*deadline = shmreg_deadline(random_below(r, 300000));
	return deadline;
}

/* Return: 1 it was done; 0 in vain. */
static int acquire_some(struct actor *a, struct account *account, struct random_state *r)
{
	const uint32_t n = 1 + (uint32_t)random_below(r, 3);
	struct timespec deadline;
	shmreg_pool_ref refs[3];
	int got, i;

	if (n == 1) {
		got = shmreg_pool_acquire_wait(&a->pool, refs, perhaps(r, &deadline));
		got = got == 0 ? 1 : got;
	} else {
		got = shmreg_pool_acquire_batch_wait(&a->pool, refs, n, random_below(r, 2) ? n : 1,
						     perhaps(r, &deadline));
	}
	if (got == -ETIMEDOUT)
		return 0;
	if (got <= 0) {
		account->n_failed++;
		return 0;
	}
	/* So that others have something to wait for. */
	if (random_below(r, 4) == 0)
		sched_yield();
	if (random_below(r, 2) == 0) {
		account->n_failed += shmreg_pool_release_batch(&a->pool, refs, (uint32_t)got) != 0;
		return 1;
	}
	for (i = 0; i < got; i++)
		account->n_failed += shmreg_pool_release(&a->pool, refs[i]) != 0;
	return 1;
}

static int send_one(struct actor *a, struct account *account, struct random_state *r)
{
	struct timespec deadline;
	shmreg_pool_ref ref;
	int result;

	result = shmreg_pool_acquire_wait(&a->pool, &ref, perhaps(r, &deadline));
	if (result == 0) {
		result = shmreg_object_queue_send_wait(&a->queue, ref, perhaps(r, &deadline));
		if (result == 0)
			return 1;
		account->n_failed += shmreg_pool_release(&a->pool, ref) != 0;
	}
	account->n_failed += result != -ETIMEDOUT;
	return 0;
}

static int receive_one(struct actor *a, struct account *account, struct random_state *r)
{
	struct shmreg_object_lease lease;
	struct timespec deadline;
	shmreg_pool_ref ref;
	int result;

	if (random_below(r, 2) == 0) {
		result = shmreg_object_queue_receive_wait(&a->queue, &ref, perhaps(r, &deadline));
		if (result == 0)
			account->n_failed += shmreg_pool_release(&a->pool, ref) != 0;
	} else {
		result = shmreg_object_queue_acquire_wait(&a->queue, &lease, perhaps(r, &deadline));
		if (result == 0)
			account->n_failed +=
				(random_below(r, 4) == 0
					 ? shmreg_object_queue_refuse(&a->queue, &lease)
					 : shmreg_object_queue_release(&a->queue, &lease)) != 0;
	}
	account->n_failed += result != 0 && result != -ETIMEDOUT;
	return result == 0;
}

static void work(unsigned int me, uint64_t incarnation)
{
	struct random_state r = { mix(seed, incarnation * WORKERS + me) };
	struct account *account = &o->account[me];
	uint64_t n_done = 0, time, calm = 0;
	struct actor actor;

	if (waiter_register() < 0)
		_exit(1);
	pair_bind(&pair, &actor, me);
	for (;;) {
		time = shmreg_load_acquire(&o->time);
		if (time % 2 == 1 && time != calm) {
			calm = time;
			n_done = 0;
		}
		/* Receivers go on: what is sent in a calm is to be received in it. */
		if (time % 2 == 1 && n_done >= QUOTA && !is_receiver(me)) {
			shmreg_store_release(&account->done, time);
			sched_yield();
			continue;
		}
		n_done += (uint64_t)(is_receiver(me) ? receive_one(&actor, account, &r)
				     : with_queue    ? send_one(&actor, account, &r)
						     : acquire_some(&actor, account, &r));
		shmreg_store_release(&account->n_done, account->n_done + 1);
	}
}

static pid_t spawn(unsigned int me, uint64_t incarnation)
{
	const pid_t pid = torture_fork();

	if (pid == 0)
		work(me, incarnation);
	return pid;
}

/* As the directory's death word: who sleeps looks again. */
static void wake_all(void)
{
	struct actor nobody;

	pair_bind(&pair, &nobody, PAIR_ACTORS - 1);
	shmreg_wake_slow(&nobody.pool.handle, offsetof(struct shmreg_pool_shm, space),
			 SHMREG_WAKE_ALL);
	shmreg_wake_slow(&nobody.queue.queue.handle, offsetof(struct shmreg_queue_shm, items),
			 SHMREG_WAKE_ALL);
	shmreg_wake_slow(&nobody.queue.queue.handle, offsetof(struct shmreg_queue_shm, space),
			 SHMREG_WAKE_ALL);
}

static void storm(pid_t pid[WORKERS], uint64_t *incarnation, struct random_state *r)
{
	struct shmreg_reaper_report report[2];
	unsigned int i, w, stopped;

	for (i = 0; i < KILLS; i++) {
		const struct timespec pause = { 0, (long)random_below(r, 300000) };

		nanosleep(&pause, NULL);
		stopped = (unsigned int)random_below(r, 2 * WORKERS);
		if (stopped < WORKERS)
			kill(pid[stopped], SIGSTOP);
		w = (unsigned int)random_below(r, WORKERS);
		if (w != stopped) {
			torture_kill(pid[w]);
			pair_repair(&pair, 1u << w, random_below(r, 2) ? POOL_FIRST : QUEUE_FIRST,
				    report);
			wake_all();
			pid[w] = spawn(w, ++*incarnation);
		}
		if (stopped < WORKERS)
			kill(pid[stopped], SIGCONT);
	}
}

static bool is_calm(uint64_t time)
{
	unsigned int w;

	for (w = 0; w < WORKERS; w++)
		if (!is_receiver(w) && shmreg_load_acquire(&o->account[w].done) != time)
			return false;
	return pair_is_clean(&pair);
}

static void torture(uint64_t n_objects, bool queue, uint64_t storms)
{
	uint64_t n_done = 0, incarnation = WORKERS, i;
	struct shmreg_reaper_report report[2];
	struct random_state r;
	pid_t pid[WORKERS];
	unsigned int w, n_woken;

	torture_begin(&r, n_objects);
	with_queue = queue;
	pair_map(&pair, n_objects, 16, 2, SHMREG_QUEUE_REDELIVER, 0, 0);
	o = torture_map(sizeof(*o));
	for (w = 0; w < WORKERS; w++)
		pid[w] = spawn(w, w);
	storms = torture_scaled(storms);
	for (i = 0; i < storms; i++) {
		storm(pid, &incarnation, &r);
		shmreg_store_release(&o->time, o->time + 1);
		torture_await(is_calm, o->time, "somebody has slept through the last wake-up");
		shmreg_store_release(&o->time, o->time + 1);
	}
	for (w = 0; w < WORKERS; w++) {
		torture_kill(pid[w]);
		pair_repair(&pair, 1u << w, POOL_FIRST, report);
		ck_assert_uint_eq(o->account[w].n_failed, 0);
		n_done += o->account[w].n_done;
	}
	n_woken = shmreg_load_relaxed(
			  &((struct shmreg_pool_shm *)pair.pool)->space.half[0]) &
		  SHMREG_EVENTCOUNT_SEQUENCE;
	printf("%llu operations, %u wake-ups for free objects\n", (unsigned long long)n_done,
	       n_woken);
	ck_assert_uint_gt(n_woken, 0);
	munmap(o, sizeof(*o));
	pair_unmap(&pair);
}

START_TEST(of_a_pool)
{
	torture(3, false, 60);
}
END_TEST

START_TEST(of_a_queue)
{
	torture(4, true, 60);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { of_a_pool, of_a_queue };

	return RUN_SUITE("pool-wait-torture", tests, NULL, NULL, 600);
}
