/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "object-queue-plain.h"
#include "random.h"
#include "suite.h"

/*
 * Threads that pass objects round. Contents are plain memory, so that ThreadSanitizer sees
 * whether each hand-over orders them; each object says whose it is while it is somebody's.
 */

#define THREADS 4

struct elem {
	uint64_t holder, worker, number, check;
};

struct worker {
	struct actor actor;
	struct random_state random;
	pthread_t thread;
	unsigned int me;
	uint64_t n_sent, n_got, sum_sent, sum_got;
	const char *wrong;
};

static const struct {
	uint64_t n_objects, capacity, start;
	uint32_t flags;
} runs[] = {
	{ 3, 2, 0, 0 },
	{ 20, 8, (UINT64_C(1) << 43) - 5000, SHMREG_QUEUE_REDELIVER },
	{ 300, 64, (UINT64_C(1) << 31) - 5000, 0 },
};

static struct pair pair;
static struct worker workers[THREADS];
static uint64_t rounds;

static void use(struct worker *w, struct elem *e)
{
	if (e->holder != 0)
		w->wrong = "an object that I got is somebody's";
	e->holder = w->me + 1;
	if (random_below(&w->random, 64) == 0)
		sched_yield();
	if (e->holder != w->me + 1)
		w->wrong = "an object that I have is somebody's";
	e->holder = 0;
}

static void give(struct worker *w)
{
	shmreg_pool_ref ref;
	struct elem *e;
	int r;

	if (shmreg_pool_acquire(&w->actor.pool, &ref) < 0)
		return;
	e = shmreg_pool_get(&w->actor.pool, ref);
	e->worker = w->me;
	e->number = w->n_sent;
	e->check = ~w->n_sent;
	use(w, e);
	r = shmreg_object_queue_send(&w->actor.queue, ref);
	if (r == 0) {
		w->sum_sent += w->n_sent++;
		return;
	}
	if (r != -EAGAIN || shmreg_pool_release(&w->actor.pool, ref) != 0)
		w->wrong = "what was not sent is not mine";
}

static void got(struct worker *w, struct elem *e)
{
	if (e == NULL || e->worker >= THREADS || e->check != ~e->number) {
		w->wrong = "an object is torn";
		return;
	}
	w->n_got++;
	w->sum_got += e->number;
	use(w, e);
}

static void get(struct worker *w)
{
	struct shmreg_object_lease lease;
	shmreg_pool_ref ref;
	int r = 0;

	switch (random_below(&w->random, 4)) {
	case 0:
		if (shmreg_object_queue_acquire(&w->actor.queue, &lease) < 0)
			return;
		use(w, lease.object);
		r = shmreg_object_queue_refuse(&w->actor.queue, &lease);
		break;
	case 1:
		if (shmreg_object_queue_acquire(&w->actor.queue, &lease) < 0)
			return;
		got(w, lease.object);
		r = shmreg_object_queue_release(&w->actor.queue, &lease);
		break;
	case 2:
		if (shmreg_object_queue_acquire(&w->actor.queue, &lease) < 0)
			return;
		ref = lease.ref;
		r = shmreg_object_queue_keep(&w->actor.queue, &lease);
		got(w, shmreg_pool_get(&w->actor.pool, ref));
		r |= shmreg_pool_release(&w->actor.pool, ref);
		break;
	default:
		if (shmreg_object_queue_receive(&w->actor.queue, &ref) < 0)
			return;
		got(w, shmreg_pool_get(&w->actor.pool, ref));
		r = shmreg_pool_release(&w->actor.pool, ref);
	}
	if (r != 0)
		w->wrong = "what I got is not mine";
}

static void *work(void *arg)
{
	struct worker *w = arg;
	uint64_t i;

	for (i = 0; i < rounds && w->wrong == NULL; i++)
		if (random_below(&w->random, 2) == 0)
			give(w);
		else
			get(w);
	return NULL;
}

START_TEST(threads)
{
	const char *scale = getenv("SHMREG_TEST_SCALE");
	uint64_t sent = 0, n_got = 0, sum_sent = 0, sum_got = 0;
	shmreg_pool_ref ref;
	struct random_state seed;
	struct worker *w;
	unsigned int i;

	rounds = (uint64_t)(40000 * (scale ? strtod(scale, NULL) : 1.0));
	random_seed(&seed);
	pair_map(&pair, runs[_i].n_objects, sizeof(struct elem), runs[_i].capacity, runs[_i].flags,
		 runs[_i].start, runs[_i].start ? POOL_GENERATION_MAX - 100 : 0);
	for (i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .me = i, .random = { random_next(&seed) } };
		pair_bind(&pair, &workers[i].actor, i);
	}
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(workers[i].thread, NULL), 0);
	for (i = 0; i < THREADS; i++) {
		w = &workers[i];
		ck_assert_msg(w->wrong == NULL, "%s", w->wrong);
		sent += w->n_sent;
		n_got += w->n_got;
		sum_sent += w->sum_sent;
		sum_got += w->sum_got;
	}
	w = &workers[0];
	while (shmreg_object_queue_receive(&w->actor.queue, &ref) == 0) {
		n_got++;
		sum_got += ((struct elem *)shmreg_pool_get(&w->actor.pool, ref))->number;
		ck_assert_int_eq(shmreg_pool_release(&w->actor.pool, ref), 0);
	}
	ck_assert_uint_eq(n_got, sent);
	ck_assert_uint_eq(sum_got, sum_sent);
	ck_assert_uint_gt(sent, 0);
	ck_assert(pair_is_clean(&pair));
	for (i = 0; i < runs[_i].n_objects; i++)
		ck_assert_int_eq(shmreg_pool_acquire(&w->actor.pool, &ref), 0);
	ck_assert_int_eq(shmreg_pool_acquire(&w->actor.pool, &ref), -EAGAIN);
	pair_unmap(&pair);
}
END_TEST

int main(void)
{
	return RUN_LOOP("object-queue-threads", threads, runs);
}
