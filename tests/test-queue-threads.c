/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queue-plain.h"
#include "queue-repair.h"
#include "random.h"
#include "suite.h"

/*
 * The same within one process, where ThreadSanitizer sees both sides of each pairing: elements are
 * plain memory, written and read without atomics. A thread "dies" by walking away from what it
 * claimed or holds; another repairs, and then the seat has a new owner.
 *
 * A death is between the calls here, so the account is exact: nothing is lost but what the
 * repair says it dropped, and nothing comes twice.
 */

#define THREADS 4
#define MAX_SEQ 20000
#define BATCH 5

struct elem {
	uint32_t thread, seq;
	uint64_t check[5];
};
SHMREG_DEFINE_QUEUE(elem_queue, struct elem);

struct worker {
	pthread_t thread;
	unsigned int me;
	uint32_t n_pushed;
	unsigned int n_idle;
	uint64_t n_torn, n_disorder, n_failed, n_deaths, n_abandoned;
};

static struct shmreg_shape shape;
static void *base;
static bool fifo;
static uint32_t n_each;
static unsigned int seen[THREADS][MAX_SEQ];
static uint64_t n_seen, n_producing;
static pthread_mutex_t reaper = PTHREAD_MUTEX_INITIALIZER;	/* one repair at a time */
static uint64_t n_freed, n_requeued;

/* The other side is about to do something: give the processor away only now and then. */
static void relax(unsigned int *n)
{
	if ((++*n & 511) == 0)
		sched_yield();
}

static void fill(struct elem *e, unsigned int me, uint32_t seq)
{
	size_t i;

	e->thread = me;
	e->seq = seq;
	for (i = 0; i < 5; i++)
		e->check[i] = (uint64_t)seq * (i + 3) + me;
}

static void enter(struct worker *w, const struct elem *e, uint32_t last[THREADS])
{
	size_t i;

	for (i = 0; i < 5; i++)
		if (e->check[i] != (uint64_t)e->seq * (i + 3) + e->thread) {
			w->n_torn++;
			return;
		}
	if (e->thread >= THREADS || e->seq >= MAX_SEQ) {
		w->n_torn++;
		return;
	}
	if (fifo && e->seq < last[e->thread])
		w->n_disorder++;
	last[e->thread] = e->seq + 1;
	shmreg_fetch_add_relaxed(&seen[e->thread][e->seq], 1);
	shmreg_fetch_add_relaxed(&n_seen, 1);
}

/* Die; the mutex is what tells the reaper, and later the next owner of the seat. */
static void die(struct worker *w, struct elem_queue *q)
{
	struct shmreg_reaper_report report = { 0 };
	uint64_t dead[64] = { 0 };

	dead[q->queue.handle.seat / 64] |= UINT64_C(1) << q->queue.handle.seat % 64;
	pthread_mutex_lock(&reaper);
	if (queue_repair(&shape, base, dead, &report) != 0 || report.n_gave_up != 0)
		w->n_failed++;
	n_freed += report.n_freed;
	n_requeued += report.n_requeued;
	pthread_mutex_unlock(&reaper);
	queue_bind(&q->queue, base, &shape, q->queue.handle.seat);
	w->n_deaths++;
}

static void produce(struct worker *w, struct elem_queue *q, struct random_state *r)
{
	const uint32_t n = 1 + (uint32_t)random_below(r, BATCH);
	struct elem_queue_lease l;
	struct elem e[BATCH];
	uint64_t pos;
	uint32_t i;
	int got;

	if (w->n_pushed + BATCH > n_each)
		return;
	for (i = 0; i < n; i++)
		fill(&e[i], w->me, w->n_pushed + i);
	switch (random_below(r, 8)) {
	case 0:	/* claimed, and no more */
		got = shmreg_queue_claim_push(&q->queue, 1, n, &pos);
		if (got > 0) {
			w->n_abandoned += (uint64_t)got;
			die(w, q);
		}
		return;
	case 1:	/* died while filling it */
		if (elem_queue_reserve(q, &l) == 0) {
			fill(l.elem, w->me, 0);
			w->n_abandoned++;
			die(w, q);
		}
		return;
	case 2:
	case 3:
		got = elem_queue_push_batch(q, e, n, 1);
		break;
	case 4:
		got = elem_queue_reserve(q, &l);
		if (got == 0) {
			*l.elem = e[0];
			got = elem_queue_commit(q, &l) == 0 ? 1 : -EINVAL;
		}
		break;
	default:
		got = elem_queue_push(q, e);
		if (got == 0)
			got = 1;
	}
	if (got > 0)
		w->n_pushed += (uint32_t)got;
	else if (got != -EAGAIN && got != -EBUSY)
		w->n_failed++;
	else
		relax(&w->n_idle);
}

static void consume(struct worker *w, struct elem_queue *q, uint32_t last[THREADS],
		    struct random_state *r)
{
	struct elem_queue_lease l;
	struct elem e[BATCH];
	uint64_t pos;
	int got, i;

	switch (random_below(r, 8)) {
	case 0:
		got = shmreg_queue_claim_pop(&q->queue, 1 + (uint32_t)random_below(r, BATCH), &pos);
		if (got > 0) {
			die(w, q);
			return;
		}
		break;
	case 1:
		got = elem_queue_acquire(q, &l);
		if (got == 0) {
			if (l.elem->thread >= THREADS)
				w->n_torn++;
			die(w, q);
			return;
		}
		break;
	case 2:
	case 3:
		got = elem_queue_pop_batch(q, e, BATCH);
		for (i = 0; i < got; i++)
			enter(w, &e[i], last);
		break;
	case 4:
		got = elem_queue_acquire(q, &l);
		if (got != 0)
			break;
		if (!fifo && random_below(r, 3) == 0) {
			got = elem_queue_refuse(q, &l);
			break;
		}
		enter(w, l.elem, last);
		got = elem_queue_release(q, &l);
		break;
	default:
		got = elem_queue_pop(q, e);
		if (got == 0)
			enter(w, e, last);
	}
	if (got == -EAGAIN || got == -EBUSY)
		relax(&w->n_idle);
	else if (got < 0)
		w->n_failed++;
}

static void *work(void *data)
{
	struct worker *w = data;
	uint32_t last[THREADS] = { 0 };
	struct elem_queue q;
	struct random_state r;

	random_seed(&r);
	r.x += w->me * 1001u;
	queue_bind(&q.queue, base, &shape, 1 + w->me * 1000);
	while (w->n_pushed + BATCH <= n_each) {
		if (random_below(&r, 2))
			produce(w, &q, &r);
		else
			consume(w, &q, last, &r);
	}
	/* Until all have pushed all: those who still push need room. */
	shmreg_fetch_add_acq_rel(&n_producing, UINT64_MAX);
	while (shmreg_load_acquire(&n_producing) > 0)
		consume(w, &q, last, &r);
	return NULL;
}

static void torture(uint64_t capacity, uint32_t flags, bool in_order, uint64_t start)
{
	const unsigned long rounds = random_rounds(20000);
	struct worker workers[THREADS] = { { 0 } };
	uint64_t n_pushed = 0, n_abandoned = 0, n_deaths = 0, twice = 0, i;
	struct shmreg_queue_shm *shm;
	uint32_t last[THREADS] = { 0 };
	struct elem_queue q;
	struct elem e;
	unsigned int t;

	n_each = rounds < MAX_SEQ ? (uint32_t)rounds : MAX_SEQ;
	fifo = in_order;
	shape = (struct shmreg_shape){
		.kind = SHMREG_KIND_QUEUE,
		.layout = SHMREG_QUEUE_LAYOUT,
		.flags = flags,
		.elem_align = SHMREG_ALIGNOF(struct elem),
		.elem_bytes = sizeof(struct elem),
		.capacity = capacity,
	};
	base = plain_map(&shape);
	ck_assert_ptr_nonnull(base);
	queue_seed(base, &shape, start);
	n_producing = THREADS;
	for (t = 0; t < THREADS; t++) {
		workers[t].me = t;
		ck_assert_int_eq(pthread_create(&workers[t].thread, NULL, work, &workers[t]), 0);
	}
	for (t = 0; t < THREADS; t++)
		ck_assert_int_eq(pthread_join(workers[t].thread, NULL), 0);
	queue_bind(&q.queue, base, &shape, 4095);
	while (elem_queue_pop(&q, &e) == 0)
		enter(&workers[0], &e, last);
	ck_assert(queue_is_clean(base, &shape));
	for (t = 0; t < THREADS; t++) {
		ck_assert_uint_eq(workers[t].n_torn, 0);
		ck_assert_uint_eq(workers[t].n_disorder, 0);
		ck_assert_uint_eq(workers[t].n_failed, 0);
		n_pushed += workers[t].n_pushed;
		n_abandoned += workers[t].n_abandoned;
		n_deaths += workers[t].n_deaths;
		for (i = 0; i < MAX_SEQ; i++)
			twice += seen[t][i] > 1;
	}
	shm = base;
	printf(
	    "%llu pushed, %llu seen, %llu deaths: %llu aborted, %llu dropped, %llu redelivered\n",
	    (unsigned long long)n_pushed, (unsigned long long)n_seen, (unsigned long long)n_deaths,
	    (unsigned long long)shm->n_aborted, (unsigned long long)shm->n_dropped,
	    (unsigned long long)shm->n_redelivered);
	ck_assert_uint_eq(twice, 0);
	ck_assert_uint_eq(n_seen + shm->n_dropped, n_pushed);
	ck_assert_uint_eq(shm->n_aborted, n_abandoned);
	ck_assert_uint_eq(shm->n_aborted + shm->n_dropped, n_freed);
	ck_assert_uint_eq(shm->n_redelivered, n_requeued);
	if (flags & SHMREG_QUEUE_REDELIVER)
		ck_assert_uint_eq(shm->n_dropped, 0);
	ck_assert_uint_gt(n_deaths, 0);
	plain_unmap(base, &shape);
}

START_TEST(drop)
{
	torture(8, 0, true, (UINT64_C(1) << 43) - 2000);
}
END_TEST

START_TEST(redeliver)
{
	torture(16, SHMREG_QUEUE_REDELIVER, false, 3);
}
END_TEST

START_TEST(capacity_2)
{
	torture(2, SHMREG_QUEUE_REDELIVER, false, (UINT64_C(1) << 43) - 1);
}
END_TEST

START_TEST(drop_refuse)
{
	torture(64, 0, false, 0);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("queue-threads");

	tcase_set_timeout(c, 0);
	tcase_add_test(c, drop);
	tcase_add_test(c, redeliver);
	tcase_add_test(c, capacity_2);
	tcase_add_test(c, drop_refuse);
	return run_case("queue-threads", c);
}
