/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>

#include "object-queue-plain.h"
#include "random.h"
#include "suite.h"
#include "waiter.h"

/*
 * Threads that wait for each other's objects, with fewer than all of them want. Objects are
 * plain memory, written and read without atomics, so that ThreadSanitizer sees whether their
 * holders are ordered. After a few operations all meet: whoever has slept through the last of
 * them hangs.
 */

#define THREADS 4
#define OPERATIONS 6		/* between two meetings; even */
#define CAPACITY 2		/* of the queue */

struct worker {
	pthread_t thread;
	unsigned int me;
	struct actor actor;
	struct random_state random;
	unsigned int n_failed;
};

static struct pair pair;
static unsigned long rounds;
static pthread_barrier_t meeting;

/* Nobody else has it meanwhile. */
static void use(struct worker *w, shmreg_pool_ref ref)
{
	uint64_t *const object = shmreg_pool_get(&w->actor.pool, ref);

	if (object == NULL) {
		w->n_failed++;
		return;
	}
	if (object[0] != object[1])
		w->n_failed++;
	object[0] = w->me;
	object[1] = w->me;
}

/* A deadline far away, now and then: it must not be reached. */
static const struct timespec *perhaps(struct worker *w, struct timespec *deadline)
{
	if (random_below(&w->random, 4) != 0)
		return NULL;
	*deadline = shmreg_deadline(UINT64_C(200000000000));
	return deadline;
}

static void acquire_and_release(struct worker *w)
{
	struct shmreg_pool *const p = &w->actor.pool;
	const uint32_t n = 1 + (uint32_t)random_below(&w->random, 2);
	struct timespec deadline;
	shmreg_pool_ref refs[2];
	int r, i;

	r = random_below(&w->random, 2) == 0
		    ? shmreg_pool_acquire_wait(p, refs, perhaps(w, &deadline))
		    : shmreg_pool_acquire_batch_wait(p, refs, 2, n, perhaps(w, &deadline));
	if (r < 0) {
		w->n_failed++;
		return;
	}
	if (r == 0)
		r = 1;
	for (i = 0; i < r; i++)
		use(w, refs[i]);
	/* So that others have something to wait for. */
	if (random_below(&w->random, 4) == 0)
		sched_yield();
	if (random_below(&w->random, 2) == 0) {
		w->n_failed += shmreg_pool_release_batch(p, refs, (uint32_t)r) != 0;
		return;
	}
	for (i = 0; i < r; i++)
		w->n_failed += shmreg_pool_release(p, refs[i]) != 0;
}

static void acquire_and_send(struct worker *w)
{
	struct timespec deadline;
	shmreg_pool_ref ref;

	if (shmreg_pool_acquire_wait(&w->actor.pool, &ref, perhaps(w, &deadline)) != 0) {
		w->n_failed++;
		return;
	}
	use(w, ref);
	w->n_failed += shmreg_object_queue_send_wait(&w->actor.queue, ref, perhaps(w, &deadline)) !=
		       0;
}

static void receive_and_release(struct worker *w)
{
	struct shmreg_object_queue *const q = &w->actor.queue;
	struct shmreg_object_lease lease;
	struct timespec deadline;
	shmreg_pool_ref ref;

	if (random_below(&w->random, 2) == 0) {
		if (shmreg_object_queue_receive_wait(q, &ref, perhaps(w, &deadline)) != 0) {
			w->n_failed++;
			return;
		}
	} else {
		while (shmreg_object_queue_acquire_wait(q, &lease, perhaps(w, &deadline)) == 0 &&
		       random_below(&w->random, 4) == 0)
			w->n_failed += shmreg_object_queue_refuse(q, &lease) != 0;
		ref = lease.ref;
		if (random_below(&w->random, 2) == 0) {
			w->n_failed += shmreg_object_queue_release(q, &lease) != 0;
			return;
		}
		w->n_failed += shmreg_object_queue_keep(q, &lease) != 0;
	}
	use(w, ref);
	w->n_failed += shmreg_pool_release(&w->actor.pool, ref) != 0;
}

static void *work_with_pool(void *arg)
{
	struct worker *w = arg;
	unsigned long i;
	int j;

	for (i = 0; i < rounds; i++) {
		for (j = 0; j < OPERATIONS; j++)
			acquire_and_release(w);
		pthread_barrier_wait(&meeting);
	}
	return NULL;
}

/* Half of them send, and the others receive as much. */
static void *work_with_queue(void *arg)
{
	struct worker *w = arg;
	unsigned long i;
	int j;

	for (i = 0; i < rounds; i++) {
		for (j = 0; j < OPERATIONS; j++)
			if (w->me % 2 == 0)
				acquire_and_send(w);
			else
				receive_and_release(w);
		pthread_barrier_wait(&meeting);
	}
	return NULL;
}

static void torture(uint64_t n_objects, void *(*work)(void *), uint32_t spin_ns)
{
	static struct worker workers[THREADS];
	unsigned int i;

	ck_assert_int_eq(waiter_register(), 0);
	rounds = random_scaled(random_rounds(3000));
	pair_map(&pair, n_objects, 16, CAPACITY, SHMREG_QUEUE_REDELIVER, 0, 0);
	ck_assert_int_eq(pthread_barrier_init(&meeting, NULL, THREADS), 0);
	for (i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .me = i };
		random_seed(&workers[i].random);
		workers[i].random.x += i * 1001u;
		pair_bind(&pair, &workers[i].actor, i);
		workers[i].actor.pool.handle.spin_ns = spin_ns;
		workers[i].actor.queue.queue.handle.spin_ns = spin_ns;
	}
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(workers[i].thread, NULL), 0);
	for (i = 0; i < THREADS; i++)
		ck_assert_uint_eq(workers[i].n_failed, 0);
	pthread_barrier_destroy(&meeting);
	ck_assert(pair_is_clean(&pair));
	pair_unmap(&pair);
}

START_TEST(of_a_pool)
{
	torture(3, work_with_pool, 0);
}
END_TEST

START_TEST(of_a_pool_spinning)
{
	torture(2, work_with_pool, 5000);
}
END_TEST

START_TEST(of_a_queue)
{
	torture(3, work_with_queue, 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { of_a_pool, of_a_pool_spinning, of_a_queue };

	return RUN_SUITE("pool-wait-threads", tests, NULL, NULL, 120);
}
