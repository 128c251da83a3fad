/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "queue-bind.h"
#include "suite.h"

/* How consumers look for redelivered slots in a queue too long to be looked over in each pop. */
#define CAPACITY UINT64_C(65536)
#define ME 3

struct world {
	struct shmreg_shape shape;
	uint64_t bytes;
	struct shmreg_queue_shm *shm;
	struct shmreg_queue q;
};

static uint64_t *slot(const struct world *w, uint64_t index)
{
	return (uint64_t *)(void *)((unsigned char *)w->shm + sizeof(*w->shm) +
				    index * w->q.stride);
}

/* The first @tail positions were pushed (each its own number), those below @head popped. */
static void world_new_young(struct world *w, uint64_t tail, uint64_t head)
{
	uint64_t align, i;

	w->shape = (struct shmreg_shape){ .kind = SHMREG_KIND_QUEUE, .layout = SHMREG_QUEUE_LAYOUT,
					  .elem_align = 8, .elem_bytes = 8, .capacity = CAPACITY,
					  .flags = SHMREG_QUEUE_REDELIVER };
	ck_assert_int_eq(shmreg_shape_bytes(&w->shape, &w->bytes, &align, NULL), 0);
	w->shm = mmap(NULL, w->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(w->shm, MAP_FAILED);
	queue_bind(&w->q, w->shm, &w->shape, ME);
	for (i = 0; i < tail; i++)
		ck_assert_int_eq(shmreg_queue_push(&w->q, &i), 0);
	for (i = 0; i < head; i++) {
		uint64_t got = 0;

		ck_assert_int_eq(shmreg_queue_pop(&w->q, &got), 0);
		ck_assert_uint_eq(got, i);
	}
}

static void world_new(struct world *w, uint64_t head)
{
	world_new_young(w, CAPACITY, head);
}

/* Position @index of the first lap, popped, is to be delivered again, numbered 1000000 + index. */
static void make_redel(struct world *w, uint64_t index)
{
	slot(w, index)[0] = SHMREG_QUEUE_REDEL;
	slot(w, index)[1] = 1000000 + index;
	shmreg_fetch_add_release(&w->shm->redel, 1);
}

static void world_free(struct world *w)
{
	munmap(w->shm, w->bytes);
}

/* A peer that does nothing but raise redel keeps nobody from what lies at the head. */
START_TEST(test_raised_for_nothing)
{
	struct world w;

	world_new(&w, 100);
	for (uint64_t i = 100; i < 1100; i++) {
		uint64_t got = 0;

		shmreg_fetch_add_release(&w.shm->redel, 1);
		ck_assert_int_eq(shmreg_queue_pop(&w.q, &got), 0);
		ck_assert_uint_eq(got, i);
		/* A part of the slots was looked at, not all of them. */
		ck_assert_uint_gt(w.q.redel_done, 0);
		ck_assert_uint_lt(w.q.redel_done, CAPACITY);
	}
	world_free(&w);
}
END_TEST

/* Each is found while the queue is busy, within a turn over the slots, and exactly once. */
START_TEST(test_found_while_busy)
{
	static const uint64_t wanted[] = { 0, 5000, 29999 };
	uint64_t found = 0, next = 30000, pops = 0, got;
	struct world w;

	world_new(&w, 30000);
	for (size_t i = 0; i < 3; i++)
		make_redel(&w, wanted[i]);
	while (found < 3) {
		ck_assert_int_eq(shmreg_queue_pop(&w.q, &got), 0);
		ck_assert_uint_lt(++pops, CAPACITY);
		if (got >= 1000000) {
			ck_assert_uint_eq(got, 1000000 + wanted[found]);
			found++;
		} else {
			ck_assert_uint_eq(got, next);
			next++;
		}
	}
	ck_assert_uint_lt(next, CAPACITY);
	while (next < CAPACITY) {
		ck_assert_int_eq(shmreg_queue_pop(&w.q, &got), 0);
		ck_assert_uint_eq(got, next);
		next++;
	}
	ck_assert_int_eq(shmreg_queue_pop(&w.q, &got), -EAGAIN);
	ck_assert_uint_eq(w.q.redel_seen, w.shm->redel);
	world_free(&w);
}
END_TEST

/* Empty is said only after a whole turn. */
START_TEST(test_found_before_empty)
{
	uint64_t got = 0;
	struct world w;

	world_new(&w, CAPACITY);
	ck_assert_int_eq(shmreg_queue_pop(&w.q, &got), -EAGAIN);
	make_redel(&w, CAPACITY - 1);
	ck_assert_int_eq(shmreg_queue_pop(&w.q, &got), 0);
	ck_assert_uint_eq(got, 1000000 + CAPACITY - 1);
	make_redel(&w, 0);
	make_redel(&w, CAPACITY / 2);
	ck_assert_int_eq(shmreg_queue_pop(&w.q, &got), 0);
	ck_assert_int_eq(shmreg_queue_pop(&w.q, &got), 0);
	ck_assert_int_eq(shmreg_queue_pop(&w.q, &got), -EAGAIN);
	world_free(&w);
}
END_TEST

/* Slots that come into use during a turn take nobody's place in it. */
START_TEST(test_growing_meanwhile)
{
	uint64_t found = 0, pops, got, i, next = 5000;
	struct world w;

	world_new_young(&w, next, 2000);
	make_redel(&w, 1000);
	while (found < 2) {
		for (pops = 0;; pops++) {
			ck_assert_uint_lt(pops, 100);
			ck_assert_int_eq(shmreg_queue_pop(&w.q, &got), 0);
			if (got >= 1000000)
				break;
			for (i = 0; i < 100; i++, next++)
				ck_assert_int_eq(shmreg_queue_push(&w.q, &next), 0);
		}
		ck_assert_uint_eq(got, 1001000);
		/* The next turn begins behind it, so it comes last. */
		if (++found == 1)
			make_redel(&w, 1000);
	}
	world_free(&w);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("queue-redeliver");

	tcase_add_test(t, test_raised_for_nothing);
	tcase_add_test(t, test_found_while_busy);
	tcase_add_test(t, test_found_before_empty);
	tcase_add_test(t, test_growing_meanwhile);
	return run_case("queue-redeliver", t);
}
