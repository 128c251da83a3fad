/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "queue-plain.h"
#include "random.h"
#include "suite.h"

/*
 * One thread that only pushes and one that only pops, so that nothing orders what they do to an
 * element but its slot's word; for ThreadSanitizer. And batches, watched from outside.
 */

#define BATCH 5

struct elem {
	uint32_t thread, seq;
	uint64_t check[5];
};
SHMREG_DEFINE_QUEUE(elem_queue, struct elem);

static struct shmreg_shape shape;
static void *base;

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

/* @_i: 0 singly, 1 in batches, 2 by leases, 3 refusing. */
struct pair {
	uint32_t how, n;
	uint64_t n_wrong;
};

static void *only_push(void *data)
{
	struct pair *p = data;
	struct elem_queue_lease l;
	struct elem_queue q;
	struct elem e[BATCH];
	uint32_t seq = 0;
	unsigned int n_idle = 0;
	int got, i;

	queue_bind(&q.queue, base, &shape, 1);
	while (seq < p->n) {
		for (i = 0; i < BATCH; i++)
			fill(&e[i], 0, seq + (uint32_t)i);
		if (p->how == 0) {
			got = elem_queue_push(&q, e) == 0;
		} else if (p->how == 1) {
			got = elem_queue_push_batch(&q, e, BATCH, 1);
		} else {
			got = elem_queue_reserve(&q, &l) == 0;
			if (got > 0) {
				*l.elem = e[0];
				elem_queue_commit(&q, &l);
			}
		}
		if (got > 0)
			seq += (uint32_t)got;
		else
			relax(&n_idle);
	}
	return NULL;
}

static void *only_pop(void *data)
{
	struct pair *p = data;
	struct elem_queue_lease l;
	struct elem_queue q;
	struct elem e[BATCH], want;
	uint32_t seq = 0;
	unsigned int n_idle = 0;
	int got, i;

	queue_bind(&q.queue, base, &shape, 2);
	while (seq < p->n) {
		if (p->how == 0) {
			got = elem_queue_pop(&q, e) == 0;
		} else if (p->how == 1) {
			got = elem_queue_pop_batch(&q, e, BATCH);
		} else {
			got = elem_queue_acquire(&q, &l) == 0;
			if (got > 0 && p->how == 3 && seq % 3 == 0) {
				elem_queue_refuse(&q, &l);
				while (elem_queue_acquire(&q, &l) < 0)
					;
			}
			if (got > 0) {
				e[0] = *l.elem;
				elem_queue_release(&q, &l);
			}
		}
		for (i = 0; i < got; i++) {
			fill(&want, 0, seq++);
			p->n_wrong += memcmp(&want, &e[i], sizeof(want)) != 0;
		}
		if (got <= 0)
			relax(&n_idle);
	}
	return NULL;
}

START_TEST(pair)
{
	static const uint64_t capacities[] = { 2, 8, 4, 2 };
	struct pair p = { (uint32_t)_i, (uint32_t)random_rounds(20000), 0 };
	pthread_t a, b;

	shape = (struct shmreg_shape){
		.kind = SHMREG_KIND_QUEUE,
		.layout = SHMREG_QUEUE_LAYOUT,
		.elem_align = SHMREG_ALIGNOF(struct elem),
		.elem_bytes = sizeof(struct elem),
		.capacity = capacities[_i],
	};
	base = plain_map(&shape);
	ck_assert_ptr_nonnull(base);
	ck_assert_int_eq(pthread_create(&a, NULL, only_push, &p), 0);
	ck_assert_int_eq(pthread_create(&b, NULL, only_pop, &p), 0);
	ck_assert_int_eq(pthread_join(a, NULL), 0);
	ck_assert_int_eq(pthread_join(b, NULL), 0);
	ck_assert_uint_eq(p.n_wrong, 0);
	plain_unmap(base, &shape);
}
END_TEST

/*
 * A batch is published with one store, and freed with one: who sees the leader's new word sees
 * new words in all. Looked at from outside, while one handle pushes and pops whole batches.
 */
#define WHOLE 32
static struct shmreg_queue watched;
static uint64_t n_rounds, n_half, watching;

static uint64_t progress_of(uint64_t position)
{
	const uint64_t pos = position << SHMREG_QUEUE_POS_SHIFT;

	return shmreg_load_acquire(
		   shmreg_queue_word_(shmreg_queue_slot_(&watched, pos, watched.stride))) -
	       (pos & watched.lap_mask);
}

static void *watch(void *data)
{
	uint64_t first, leader, i;

	(void)data;
	while (shmreg_load_acquire(&watching)) {
		first = shmreg_load_acquire(&n_rounds) * WHOLE;
		leader = progress_of(first);
		for (i = 1; i < WHOLE; i++)
			if ((int64_t)(progress_of(first + i) - leader) < 0)
				n_half++;
	}
	return NULL;
}

START_TEST(batches_are_whole)
{
	const uint64_t rounds = random_rounds(100000);
	uint64_t elems[WHOLE] = { 0 }, i;
	struct shmreg_queue q;
	pthread_t thread;

	shape = (struct shmreg_shape){
		.kind = SHMREG_KIND_QUEUE,
		.layout = SHMREG_QUEUE_LAYOUT,
		.elem_align = 8,
		.elem_bytes = 8,
		.capacity = 2 * WHOLE,
	};
	base = plain_map(&shape);
	ck_assert_ptr_nonnull(base);
	queue_bind(&q, base, &shape, 1);
	queue_bind(&watched, base, &shape, 0);
	watching = 1;
	ck_assert_int_eq(pthread_create(&thread, NULL, watch, NULL), 0);
	for (i = 0; i < rounds; i++) {
		shmreg_store_release(&n_rounds, i);
		if (shmreg_queue_push_batch(&q, elems, WHOLE, WHOLE) != WHOLE ||
		    shmreg_queue_pop_batch(&q, elems, WHOLE) != WHOLE)
			ck_abort_msg("a batch was refused");
	}
	shmreg_store_release(&watching, 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_eq(n_half, 0);
	plain_unmap(base, &shape);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("queue-pair");

	tcase_set_timeout(c, 0);
	tcase_add_loop_test(c, pair, 0, 4);
	tcase_add_test(c, batches_are_whole);
	return run_case("queue-pair", c);
}
