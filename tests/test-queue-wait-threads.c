/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shmreg/wait.h>

#include "queue-plain.h"
#include "random.h"
#include "suite.h"
#include "waiter.h"

/*
 * Threads that wait for each other at a small queue, where ThreadSanitizer sees both sides.
 * Every element that is pushed must be popped, by threads that together pop as many and sleep
 * until they have: so a wake-up that is lost is a hang, which the alarm ends.
 */

#define PRODUCERS 3
#define CONSUMERS 3
#define BATCH 4

struct elem {
	uint64_t n, check[3];
};
SHMREG_DEFINE_QUEUE(elem_queue, struct elem);

static struct shmreg_shape shape;
static void *base;
static uint64_t n_each, n_left;
static uint64_t sum, n_torn, n_failed;

static void fill(struct elem *e, uint64_t n)
{
	e->n = n;
	for (uint64_t i = 0; i < 3; i++)
		e->check[i] = n * (i + 3);
}

static void enter(const struct elem *e)
{
	for (uint64_t i = 0; i < 3; i++)
		if (e->check[i] != e->n * (i + 3))
			shmreg_fetch_add_relaxed(&n_torn, 1);
	shmreg_fetch_add_relaxed(&sum, e->n);
}

/* None, or one so near that it is often past before the wake-up comes. */
static const struct timespec *deadline(struct random_state *r, struct timespec *t)
{
	if (random_below(r, 3) != 0)
		return NULL;
	*t = shmreg_deadline(random_below(r, 60000));
	return t;
}

static void bind(struct elem_queue *q, struct random_state *r, unsigned int me)
{
	random_seed(r);
	r->x += me * 1001u;
	queue_bind(&q->queue, base, &shape, 1 + me);
	q->queue.handle.spin_ns = me % 2 * 2000;
}

static int produce(struct elem_queue *q, uint64_t n, uint64_t left, struct random_state *r)
{
	struct elem_queue_lease lease;
	struct elem e[BATCH];
	struct timespec t;
	uint32_t many;
	int got;

	switch (random_below(r, 3)) {
	case 0:
		fill(e, n);
		got = elem_queue_push_wait(q, e, deadline(r, &t));
		return got == 0 ? 1 : got;
	case 1:
		many = 1 + (uint32_t)random_below(r, BATCH < shape.capacity ? BATCH : 2);
		if (many > left)
			many = (uint32_t)left;
		for (uint32_t i = 0; i < many; i++)
			fill(&e[i], n + i);
		return elem_queue_push_batch_wait(q, e, many, 1 + (uint32_t)random_below(r, many),
						  deadline(r, &t));
	default:
		got = elem_queue_reserve_wait(q, &lease, deadline(r, &t));
		if (got < 0)
			return got;
		fill(lease.elem, n);
		got = elem_queue_commit(q, &lease);
		return got == 0 ? 1 : got;
	}
}

static void *only_produce(void *arg)
{
	const unsigned int me = (unsigned int)(uintptr_t)arg;
	struct random_state r;
	struct elem_queue q;
	uint64_t n = 0;
	int got;

	bind(&q, &r, me);
	while (n < n_each) {
		got = produce(&q, me * n_each + n, n_each - n, &r);
		if (got > 0)
			n += (uint64_t)got;
		else if (got != -ETIMEDOUT)
			shmreg_fetch_add_relaxed(&n_failed, 1);
	}
	return NULL;
}

/* Return: how many more this thread may take, of @n; taken from what all have left. */
static uint32_t claim(uint32_t n)
{
	uint64_t left = shmreg_load_relaxed(&n_left);

	do {
		if (left == 0)
			return 0;
		if (n > left)
			n = (uint32_t)left;
	} while (!shmreg_cas_relaxed(&n_left, &left, left - n));
	return n;
}

static int consume(struct elem_queue *q, uint32_t n, struct random_state *r)
{
	struct elem_queue_lease lease;
	struct elem e[BATCH];
	struct timespec t;
	int got, i;

	switch (random_below(r, 3)) {
	case 0:
		got = elem_queue_pop_wait(q, e, deadline(r, &t));
		if (got == 0)
			enter(e);
		return got == 0 ? 1 : got;
	case 1:
		got = elem_queue_pop_batch_wait(q, e, n, deadline(r, &t));
		for (i = 0; i < got; i++)
			enter(&e[i]);
		return got;
	default:
		got = elem_queue_acquire_wait(q, &lease, deadline(r, &t));
		if (got < 0)
			return got;
		if (random_below(r, 8) == 0) {
			got = elem_queue_refuse(q, &lease);
			return got == 0 ? -ETIMEDOUT : got;
		}
		enter(lease.elem);
		got = elem_queue_release(q, &lease);
		return got == 0 ? 1 : got;
	}
}

static void *only_consume(void *arg)
{
	struct random_state r;
	struct elem_queue q;
	uint32_t n = 0;
	int got;

	bind(&q, &r, PRODUCERS + (unsigned int)(uintptr_t)arg);
	while (n > 0 || (n = claim(BATCH)) > 0) {
		got = consume(&q, n, &r);
		if (got > 0)
			n -= (uint32_t)got;
		else if (got != -ETIMEDOUT)
			shmreg_fetch_add_relaxed(&n_failed, 1);
	}
	return NULL;
}

static const uint64_t capacities[] = { 2, 4, 64 };

START_TEST(test_threads)
{
	const uint64_t n = random_rounds(4000) * PRODUCERS;
	pthread_t threads[PRODUCERS + CONSUMERS];
	struct shmreg_queue_shm *shm;

	ck_assert_int_eq(waiter_register(), 0);
	shape = (struct shmreg_shape){
		.kind = SHMREG_KIND_QUEUE,
		.layout = SHMREG_QUEUE_LAYOUT,
		.elem_align = SHMREG_ALIGNOF(struct elem),
		.elem_bytes = sizeof(struct elem),
		.capacity = capacities[_i],
	};
	base = plain_map(&shape);
	ck_assert_ptr_nonnull(base);
	n_each = n / PRODUCERS;
	n_left = n;
	alarm(getenv("SHMREG_TEST_PATIENCE") ? 20 : 250);
	for (uintptr_t i = 0; i < PRODUCERS + CONSUMERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						i < PRODUCERS ? only_produce : only_consume,
						(void *)(i < PRODUCERS ? i : i - PRODUCERS)), 0);
	for (int i = 0; i < PRODUCERS + CONSUMERS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	alarm(0);
	shm = base;
	printf("%llu elements, sequences %u and %u\n", (unsigned long long)n,
	       shm->items.half[0] & SHMREG_EVENTCOUNT_SEQUENCE,
	       shm->space.half[0] & SHMREG_EVENTCOUNT_SEQUENCE);
	ck_assert_uint_eq(n_torn, 0);
	ck_assert_uint_eq(n_failed, 0);
	ck_assert_uint_eq(sum, n * (n - 1) / 2);
	ck_assert(queue_is_clean(base, &shape));
	plain_unmap(base, &shape);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("queue-wait-threads");

	tcase_set_timeout(t, 0);
	tcase_add_loop_test(t, test_threads, 0, 3);
	return run_case("queue-wait-threads", t);
}
