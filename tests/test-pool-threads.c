/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>

#include "pool-plain.h"
#include "pool-repair.h"
#include "random.h"
#include "suite.h"

/*
 * Threads that acquire and release in a pool which is nearly always exhausted. Objects are
 * plain memory, written and read without atomics, so that ThreadSanitizer sees whether their
 * holders are ordered. Who holds one finds in it what he wrote. A thread "dies" by
 * walking away from what it holds; another repairs, and the seat has a new owner. Now and then
 * all are between two calls: then no hint says that something free is full.
 */

#define THREADS 4
#define HOLD 8
#define BATCH 4

struct object {
	uint64_t owner, number;
	uint64_t check[4];
};
SHMREG_DEFINE_POOL(object_pool, struct object);

struct worker {
	pthread_t thread;
	unsigned int me;
	struct object_pool pool;
	shmreg_pool_ref refs[HOLD];
	uint64_t numbers[HOLD];
	unsigned int n_held;
	uint64_t n_acquired, n_again, n_deaths, n_bad, n_failed;
};

static struct shmreg_shape shape;
static void *base;
static unsigned long rounds;
static bool mortal;
static pthread_barrier_t between_calls;
static pthread_mutex_t reaper = PTHREAD_MUTEX_INITIALIZER;	/* one repair at a time */
static uint64_t n_freed;

static struct object object_of(uint64_t owner, uint64_t number)
{
	return (struct object){
		owner, number, { number * 3 + owner, number * 5, number * 7, ~number },
	};
}

static bool is_whole(const struct object *o, uint64_t owner, uint64_t number)
{
	const struct object expected = object_of(owner, number);
	size_t i;

	for (i = 0; i < 4; i++)
		if (o->check[i] != expected.check[i])
			return false;
	return o->owner == owner && o->number == number;
}

static void keep(struct worker *w, shmreg_pool_ref ref, bool filled)
{
	struct object *o = object_pool_get(&w->pool, ref);

	if (o == NULL) {
		w->n_failed++;
		return;
	}
	/* Who had it before left it whole, whoever he was. */
	if (!filled && o->number != 0 && !is_whole(o, o->owner, o->number))
		w->n_bad++;
	if (!filled)
		*o = object_of(w->me, w->n_acquired);
	w->refs[w->n_held] = ref;
	w->numbers[w->n_held++] = w->n_acquired++;
}

static void acquire(struct worker *w, struct random_state *r)
{
	const struct object value = object_of(w->me, w->n_acquired);
	const uint32_t n = 1 + (uint32_t)random_below(r, BATCH);
	shmreg_pool_ref refs[BATCH];
	int got = 0, i;

	switch (random_below(r, 3)) {
	case 0:
		if (w->n_held + n > HOLD)
			return;
		got = object_pool_acquire_batch(&w->pool, refs, n, random_below(r, 2) ? n : 1);
		break;
	case 1:
		if (w->n_held == HOLD)
			return;
		got = object_pool_make(&w->pool, refs, &value);
		if (got == 0) {
			keep(w, refs[0], true);
			return;
		}
		break;
	default:
		if (w->n_held == HOLD)
			return;
		got = object_pool_acquire(&w->pool, refs);
		if (got == 0)
			got = 1;
	}
	for (i = 0; i < got; i++)
		keep(w, refs[i], false);
	if (got == -EAGAIN) {
		/* In vain: those who hold something should have a chance, now and then. */
		if ((++w->n_again & 255) == 0)
			sched_yield();
	} else if (got <= 0) {
		w->n_failed++;
	}
}

static void release(struct worker *w, struct random_state *r)
{
	const unsigned int i = (unsigned int)random_below(r, w->n_held);
	const shmreg_pool_ref ref = w->refs[i];
	const struct object *o = object_pool_get(&w->pool, ref);

	if (o == NULL || !is_whole(o, w->me, w->numbers[i]))
		w->n_bad++;
	w->refs[i] = w->refs[--w->n_held];
	w->numbers[i] = w->numbers[w->n_held];
	if (object_pool_release(&w->pool, ref) != 0)
		w->n_failed++;
	/* It fits no more, whoever has it now. */
	if (random_below(r, 8) == 0 && object_pool_release(&w->pool, ref) != -ESTALE)
		w->n_failed++;
}

static void release_all(struct worker *w)
{
	if (object_pool_release_batch(&w->pool, w->refs, w->n_held) != 0)
		w->n_failed++;
	w->n_held = 0;
}

static void die(struct worker *w)
{
	const uint32_t seat = w->pool.pool.handle.seat;
	struct shmreg_reaper_report report = { 0 };
	uint64_t dead[64] = { 0 };

	dead[seat / 64] |= UINT64_C(1) << seat % 64;
	pthread_mutex_lock(&reaper);
	if (pool_repair(&shape, base, NULL, dead, &report) != 0 || report.n_gave_up != 0 ||
	    report.n_freed != w->n_held)
		w->n_failed++;
	n_freed += report.n_freed;
	pthread_mutex_unlock(&reaper);
	pool_bind(&w->pool.pool, base, &shape, seat);
	w->n_held = 0;
	w->n_deaths++;
}

static void *work(void *data)
{
	struct worker *w = data;
	struct random_state r;
	unsigned long i;

	random_seed(&r);
	r.x += w->me * 1001u;
	pool_bind(&w->pool.pool, base, &shape, 1 + w->me * 1000);
	for (i = 0; i < rounds; i++) {
		if (w->n_held > 0 && random_below(&r, HOLD + 4) < w->n_held)
			release(w, &r);
		else
			acquire(w, &r);
		if (i % 64 == 0) {
			pthread_barrier_wait(&between_calls);
			if (w->me == 0 && !pool_hints_hold(base, &shape))
				w->n_bad++;
			pthread_barrier_wait(&between_calls);
		}
		if (mortal && random_below(&r, 128) == 0)
			die(w);
		else if (random_below(&r, 64) == 0)
			release_all(w);
	}
	release_all(w);
	return NULL;
}

static void torture(uint64_t capacity, bool with_deaths)
{
	struct worker workers[THREADS] = { { 0 } };
	uint64_t n_acquired = 0, n_again = 0, n_deaths = 0, i;
	shmreg_pool_ref *refs = calloc(capacity, sizeof(*refs));
	struct shmreg_pool p;
	unsigned int t;

	ck_assert_ptr_nonnull(refs);
	rounds = random_rounds(100000);
	mortal = with_deaths;
	n_freed = 0;
	shape = pool_shape(capacity, sizeof(struct object), SHMREG_ALIGNOF(struct object));
	base = plain_map(&shape);
	ck_assert_ptr_nonnull(base);
	pool_seed(base, &shape, POOL_GENERATION_MAX - 1000);
	ck_assert_int_eq(pthread_barrier_init(&between_calls, NULL, THREADS), 0);
	for (t = 0; t < THREADS; t++) {
		workers[t].me = t;
		workers[t].n_acquired = 1;
		ck_assert_int_eq(pthread_create(&workers[t].thread, NULL, work, &workers[t]), 0);
	}
	for (t = 0; t < THREADS; t++)
		ck_assert_int_eq(pthread_join(workers[t].thread, NULL), 0);
	for (t = 0; t < THREADS; t++) {
		ck_assert_uint_eq(workers[t].n_bad, 0);
		ck_assert_uint_eq(workers[t].n_failed, 0);
		n_acquired += workers[t].n_acquired;
		n_again += workers[t].n_again;
		n_deaths += workers[t].n_deaths;
	}
	printf("%llu of %llu acquired, %llu times in vain, %llu deaths: %llu freed\n",
	       (unsigned long long)n_acquired, (unsigned long long)capacity,
	       (unsigned long long)n_again, (unsigned long long)n_deaths,
	       (unsigned long long)n_freed);
	pthread_barrier_destroy(&between_calls);
	ck_assert(pool_is_clean(base, &shape));
	ck_assert_uint_eq(((struct shmreg_pool_shm *)base)->n_reclaimed, n_freed);
	ck_assert_uint_gt(n_again, 0);
	ck_assert(with_deaths == (n_deaths > 0));
	/* No hint denies what is free. */
	pool_bind(&p, base, &shape, 4095);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&p, refs, (uint32_t)capacity,
						   (uint32_t)capacity),
			 (int)capacity);
	for (i = 0; i < capacity; i++)
		ck_assert_int_eq(shmreg_pool_release(&p, refs[i]), 0);
	plain_unmap(base, &shape);
	free(refs);
}

START_TEST(one_group)
{
	torture(5, false);
}
END_TEST

START_TEST(two_groups)
{
	torture(18, false);
}
END_TEST

START_TEST(deaths)
{
	torture(7, true);
}
END_TEST

START_TEST(deaths_in_two_groups)
{
	torture(17, true);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { one_group, two_groups, deaths, deaths_in_two_groups };

	return RUN_SUITE("pool-threads", tests, NULL, NULL, 300);
}
