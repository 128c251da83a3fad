/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <string.h>

#include "queue-wreck.h"
#include "repair.h"
#include "suite.h"

/*
 * Every kind of wreckage that a dead producer can leave, built by hand word by
 * word, then repaired, with the exact cost; at every position where something wraps. And what
 * is none of a repair's business.
 */

START_TEST(push_claimed)
{
	setup(starts[_i], 0, CAPACITY);
	push(&l, 1);
	claim(&shm->tail, 1, D);
	repair(1, 1, 0);
	push(&l, 2);
	DRAIN(1, 2);
	teardown();
}
END_TEST

START_TEST(push_claimed_and_recorded_by_the_next)
{
	setup(starts[_i], 0, CAPACITY);
	claim(&shm->tail, 1, D);
	push(&l, 2);
	ck_assert_uint_eq(*word(0), value(0, 1, D, WRITING));
	repair(1, 1, 0);
	push(&d, 3);	/* the seat's next owner */
	push(&m, 4);
	DRAIN(2, 3, 4);
	teardown();
}
END_TEST

/* Between two of one handle, which has claimed by what it remembers before. */
START_TEST(push_claimed_in_between)
{
	setup(starts[_i], 0, CAPACITY);
	push(&l, 1);
	claim(&shm->tail, 1, D);
	push(&l, 2);
	ck_assert_uint_eq(*word(1), value(1, 1, D, WRITING));
	repair(1, 1, 0);
	push(&l, 3);
	DRAIN(1, 2, 3);
	teardown();
}
END_TEST

START_TEST(push_of_one_after_a_batch)
{
	const uint64_t three[3] = { 1, 2, 3 };

	setup(starts[_i], 0, CAPACITY);
	ck_assert_int_eq(shmreg_queue_push_batch(&l, three, 3, 3), 3);
	push(&l, 4);
	ck_assert_uint_eq(shm->tail & SHMREG_QUEUE_LOW_MASK, l.claim & SHMREG_QUEUE_LOW_MASK);
	DRAIN(1, 2, 3, 4);
	teardown();
}
END_TEST

START_TEST(push_finished)
{
	setup(starts[_i], 0, CAPACITY);
	push(&d, 1);
	repair(0, 0, 0);
	push(&e, 2);
	push(&d, 3);
	repair(0, 0, 0);
	DRAIN(1, 2, 3);
	teardown();
}
END_TEST

START_TEST(two_dead_producers)
{
	setup(starts[_i], 0, CAPACITY);
	claim(&shm->tail, 1, D);
	*word(0) = value(0, 1, D, WRITING);	/* E recorded, then claimed, then died */
	claim(&shm->tail, 1, E);
	repair(2, 2, 0);
	push(&l, 1);
	DRAIN(1);
	teardown();
}
END_TEST

/* Of a batch of 3, @_i / N_STARTS bits: 1 and 2: these two are published; 4: recorded. */
START_TEST(push_batch)
{
	const int what = _i / N_STARTS;

	setup(starts[_i % N_STARTS], 0, CAPACITY);
	push(&l, 1);
	push(&l, 2);
	claim(&shm->tail, 3, D);
	if (what & 1)
		*word(4) = value(4, 0, 0, READY);
	if (what & 2)
		*word(3) = value(3, 0, 0, READY);
	if (what & 4) {
		push(&m, 6);
		ck_assert_uint_eq(*word(2), value(2, 3, D, WRITING));
	}
	repair(3, 3, 0);
	push(&l, 7);
	if (what & 4)
		DRAIN(1, 2, 6, 7);
	else
		DRAIN(1, 2, 7);
	teardown();
}
END_TEST

START_TEST(push_batch_finished)
{
	const uint64_t three[3] = { 3, 4, 5 };

	setup(starts[_i], 0, CAPACITY);
	ck_assert_int_eq(shmreg_queue_push_batch(&d, three, 3, 3), 3);
	repair(0, 0, 0);
	DRAIN(3, 4, 5);
	teardown();
}
END_TEST

/* The whole queue in one claim, of a dead one. */
START_TEST(push_batch_of_all)
{
	setup(starts[_i], 0, CAPACITY);
	claim(&shm->tail, CAPACITY, D);
	repair(CAPACITY, CAPACITY, 0);
	drain(NULL, 0);
	teardown();
}
END_TEST

/* Two leases and a finished push of one handle, then a claim that is not even marked. */
START_TEST(reserved)
{
	struct shmreg_queue_lease a, b, c;

	setup(starts[_i], 0, CAPACITY);
	ck_assert_int_eq(shmreg_queue_reserve(&d, &a), 0);
	push(&d, 1);
	ck_assert_int_eq(shmreg_queue_reserve(&d, &b), 0);
	ck_assert_int_eq(shmreg_queue_reserve(&d, &c), 0);
	ck_assert_int_eq(shmreg_queue_commit(&d, &c), 0);
	claim(&shm->tail, 1, D);
	repair(3, 3, 0);
	push(&l, 7);
	DRAIN(1, 0, 7);	/* 0: what c's slot held */
	teardown();
}
END_TEST

START_TEST(aborted)
{
	struct shmreg_queue_lease a;

	setup(starts[_i], 0, CAPACITY);
	ck_assert_int_eq(shmreg_queue_reserve(&d, &a), 0);
	ck_assert_int_eq(shmreg_queue_abort(&d, &a), 0);
	repair(0, 0, 0);
	push(&l, 7);
	DRAIN(7);
	teardown();
}
END_TEST

START_TEST(the_living_are_left_alone)
{
	struct shmreg_queue_lease w, r, t;

	setup(starts[_i], SHMREG_QUEUE_REDELIVER, CAPACITY);
	push(&m, 1);
	push(&m, 2);
	push(&m, 3);
	ck_assert_int_eq(shmreg_queue_acquire(&l, &r), 0);
	ck_assert_int_eq(shmreg_queue_acquire(&d, &t), 0);
	ck_assert_int_eq(shmreg_queue_reserve(&l, &w), 0);
	claim(&shm->tail, 2, M);	/* stopped in the middle of a batch */
	claim(&shm->head, 1, M);	/* and, as another thread would be, of a pop */
	repair(1, 0, 1);
	*word(5) = value(5, 0, 0, READY);	/* they go on */
	*word(4) = value(4, 0, 0, READY);
	*word(2) = value(2 + CAPACITY, 0, 0, 0);
	*(uint64_t *)w.elem = 4;
	ck_assert_int_eq(shmreg_queue_commit(&l, &w), 0);
	ck_assert_int_eq(shmreg_queue_release(&l, &r), 0);
	expect(&l, 2);
	DRAIN(4, 0, 0);
	teardown();
}
END_TEST

/* Seats that did not use the queue are none of its business, nor are those alive. */
START_TEST(only_dead_users)
{
	setup(starts[_i], 0, CAPACITY);
	claim(&shm->tail, 1, D);
	shm->users[D / 64] &= ~dead[D / 64];
	dead[E / 64] = 0;
	ck_assert_int_eq(queue_repair(&shape, shm, dead, &report), 0);
	ck_assert_uint_eq(report.n_seats, 0);
	ck_assert_uint_eq(report.n_repaired, 0);
	ck_assert_uint_eq(*word(0), value(0, 0, 0, 0));
	teardown();
}
END_TEST

/* A recorder that was stopped before its compare-and-swap comes too late. */
START_TEST(late_recorder)
{
	uint64_t from;

	setup(starts[_i], 0, CAPACITY);
	claim(&shm->tail, 1, D);
	from = *word(0);
	repair(1, 1, 0);
	ck_assert(!shmreg_cas_acq_rel(word(0), &from, value(0, 1, D, WRITING)));
	push(&l, 1);
	DRAIN(1);
	teardown();
}
END_TEST

/* Nonsense: what no correct process writes is left alone and reported. */
START_TEST(nonsense)
{
	static const uint64_t bad_n[] = { 0, CAPACITY + 1, 63 };
	uint64_t before;
	size_t i;

	for (i = 0; i < sizeof(bad_n) / sizeof(*bad_n); i++) {
		setup(starts[_i], 0, CAPACITY);
		claim(&shm->tail, 2, L);
		shm->tail = (shm->tail & ~(SHMREG_QUEUE_N_MASK | SHMREG_QUEUE_OWNER_MASK)) |
			    bad_n[i] << SHMREG_QUEUE_N_SHIFT | D << SHMREG_QUEUE_OWNER_SHIFT;
		shm->head = shm->tail;
		*word(0) = value(0, bad_n[i], D, WRITING);
		*word(1) = before = value(1, 1, D, 6);
		ck_assert_int_eq(queue_repair(&shape, shm, dead, &report), 0);
		ck_assert_int_eq(report.status, -EUCLEAN);
		ck_assert_uint_eq(report.n_gave_up, 4);
		ck_assert_uint_eq(report.n_repaired, 0);
		ck_assert_uint_eq(*word(1), before);
		teardown();
	}
}
END_TEST

START_TEST(other_kinds)
{
	struct shmreg_shape s = { .kind = SHMREG_KIND_ARRAY, .layout = SHMREG_ARRAY_LAYOUT,
				  .elem_align = 1, .elem_bytes = 1, .capacity = 1 };
	unsigned char byte = 7;

	memset(dead, 0xff, sizeof(dead));
	ck_assert_int_eq(shmreg_repair_object(&s, &byte, NULL, dead, &report), 0);
	ck_assert_uint_eq(report.n_seats, 0);
	ck_assert_uint_eq(report.n_gave_up, 0);
	ck_assert_uint_eq(byte, 7);
	ck_assert_int_eq(queue_repair(&s, &byte, dead, &report), -EINVAL);
	s.kind = SHMREG_KIND_ATOMIC;
	ck_assert_int_eq(shmreg_repair_object(&s, &byte, NULL, dead, &report), 0);
	s.kind = 99;
	ck_assert_int_eq(shmreg_repair_object(&s, &byte, NULL, dead, &report), -EINVAL);
	s.kind = SHMREG_KIND_QUEUE;
	s.layout = 99;
	ck_assert_int_eq(shmreg_repair_object(&s, &byte, NULL, dead, &report), -EPROTONOSUPPORT);
}
END_TEST

/* A large young queue: repair looks at the slots that were used and at no other. */
START_TEST(sparse_stays_sparse)
{
	setup(0, SHMREG_QUEUE_REDELIVER, UINT64_C(1) << 30);
	push(&l, 1);
	claim(&shm->head, 1, D);
	claim(&shm->tail, 1, D);
	repair(2, 1, 1);
	expect(&m, 1);
	teardown();
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("queue-wreckage");

	tcase_set_timeout(c, 0);
	tcase_add_loop_test(c, push_claimed, 0, N_STARTS);
	tcase_add_loop_test(c, push_claimed_and_recorded_by_the_next, 0, N_STARTS);
	tcase_add_loop_test(c, push_claimed_in_between, 0, N_STARTS);
	tcase_add_loop_test(c, push_of_one_after_a_batch, 0, N_STARTS);
	tcase_add_loop_test(c, push_finished, 0, N_STARTS);
	tcase_add_loop_test(c, two_dead_producers, 0, N_STARTS);
	tcase_add_loop_test(c, push_batch, 0, N_STARTS * 8);
	tcase_add_loop_test(c, push_batch_finished, 0, N_STARTS);
	tcase_add_loop_test(c, push_batch_of_all, 0, N_STARTS);
	tcase_add_loop_test(c, reserved, 0, N_STARTS);
	tcase_add_loop_test(c, aborted, 0, N_STARTS);
	tcase_add_loop_test(c, the_living_are_left_alone, 0, N_STARTS);
	tcase_add_loop_test(c, only_dead_users, 0, N_STARTS);
	tcase_add_loop_test(c, late_recorder, 0, N_STARTS);
	tcase_add_loop_test(c, nonsense, 0, N_STARTS);
	tcase_add_test(c, other_kinds);
	tcase_add_test(c, sparse_stays_sparse);
	return run_case("queue-wreckage", c);
}
