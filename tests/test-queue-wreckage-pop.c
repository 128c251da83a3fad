/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <string.h>

#include "queue-wreck.h"
#include "repair.h"
#include "suite.h"

/*
 * Every kind of wreckage that a dead consumer can leave, built by hand word by
 * word, then repaired, with the exact cost; at every position where something wraps. Loop index /
 * N_STARTS: 0 drop, 1 redeliver.
 */

static const uint32_t policies[] = { 0, SHMREG_QUEUE_REDELIVER };
#define N_POLICIES 2

static void setup_items(int i, uint64_t n)
{
	setup(starts[i % N_STARTS], policies[i / N_STARTS % N_POLICIES], CAPACITY);
	while (n > 0) {
		push(&l, start + shmreg_queue_length(&l));
		n--;
	}
	start = starts[i % N_STARTS];
}
#define AT(i) (start + (i))

START_TEST(pop_claimed)
{
	setup_items(_i, 3);
	claim(&shm->head, 1, D);
	if (shape.flags) {
		repair(1, 0, 1);
		DRAIN(AT(0), AT(1), AT(2));
	} else {
		repair(1, 1, 0);
		DRAIN(AT(1), AT(2));
	}
	teardown();
}
END_TEST

START_TEST(pop_claimed_and_recorded_by_the_next)
{
	setup_items(_i, 3);
	claim(&shm->head, 1, D);
	expect(&m, AT(1));
	ck_assert_uint_eq(*word(0), value(0, 1, D, READING));
	if (shape.flags) {
		repair(1, 0, 1);
		DRAIN(AT(0), AT(2));
	} else {
		repair(1, 1, 0);
		DRAIN(AT(2));
	}
	teardown();
}
END_TEST

/* Between two of one handle, which has claimed by what it remembers before. */
START_TEST(pop_claimed_in_between)
{
	setup_items(_i, 4);
	expect(&m, AT(0));
	claim(&shm->head, 1, D);
	expect(&m, AT(2));
	ck_assert_uint_eq(*word(1), value(1, 1, D, READING));
	if (shape.flags) {
		repair(1, 0, 1);
		DRAIN(AT(1), AT(3));
	} else {
		repair(1, 1, 0);
		DRAIN(AT(3));
	}
	teardown();
}
END_TEST

START_TEST(pop_of_one_after_a_batch)
{
	uint64_t three[3];

	setup_items(_i, 4);
	ck_assert_int_eq(shmreg_queue_pop_batch(&m, three, 3), 3);
	expect(&m, AT(3));
	ck_assert_uint_eq(shm->head & SHMREG_QUEUE_LOW_MASK, m.claim & SHMREG_QUEUE_LOW_MASK);
	teardown();
}
END_TEST

START_TEST(pop_finished)
{
	setup_items(_i, 2);
	expect(&d, AT(0));
	repair(0, 0, 0);
	DRAIN(AT(1));
	teardown();
}
END_TEST

/* Of a batch of 3, @what: 1: the last freed, 2: the last two; 4: recorded. */
static void popped_batch(int i, int what)
{
	uint64_t left = 3;

	setup_items(i, 5);
	claim(&shm->head, 3, D);
	if (what & 3) {
		*word(2) = value(2 + CAPACITY, 0, 0, 0);
		left--;
	}
	if (what & 2) {
		*word(1) = value(1 + CAPACITY, 0, 0, 0);
		left--;
	}
	if (what & 4) {
		expect(&m, AT(3));
		ck_assert_uint_eq(*word(0), value(0, 3, D, READING));
		push(&m, AT(3));	/* in the place of the one just popped */
	}
	if (!shape.flags) {
		repair(left, left, 0);
		if (what & 4)
			DRAIN(AT(4), AT(3));
		else
			DRAIN(AT(3), AT(4));
		return;
	}
	repair(left, 0, left);
	expect_any((const uint64_t[]){ AT(0), AT(1), AT(2) }, left);
	if (what & 4)
		DRAIN(AT(4), AT(3));
	else
		DRAIN(AT(3), AT(4));
}

START_TEST(pop_batch)
{
	popped_batch(_i, _i / (N_STARTS * N_POLICIES));
	teardown();
}
END_TEST

START_TEST(pop_passing_an_aborted_one)
{
	struct shmreg_queue_lease a;

	setup_items(_i, 0);
	ck_assert_int_eq(shmreg_queue_reserve(&l, &a), 0);
	ck_assert_int_eq(shmreg_queue_abort(&l, &a), 0);
	claim(&shm->head, 1, D);
	repair(1, 0, 0);
	push(&l, 1);
	DRAIN(1);
	teardown();
}
END_TEST

/* The same, but the next consumer has freed it: nothing is left to do, not even much later. */
START_TEST(pop_passing_an_aborted_one_freed_by_the_next)
{
	struct shmreg_queue_lease a;

	setup_items(_i, 0);
	ck_assert_int_eq(shmreg_queue_reserve(&l, &a), 0);
	ck_assert_int_eq(shmreg_queue_abort(&l, &a), 0);
	push(&l, 1);
	claim(&shm->head, 1, D);
	expect(&m, 1);
	ck_assert_uint_eq(*word(0), value(CAPACITY, 0, 0, 0));
	repair(0, 0, 0);
	drain(NULL, 0);
	teardown();
}
END_TEST

START_TEST(acquired)
{
	struct shmreg_queue_lease a, b, c;

	setup_items(_i, 5);
	ck_assert_int_eq(shmreg_queue_acquire(&d, &a), 0);
	ck_assert_int_eq(shmreg_queue_acquire(&d, &b), 0);
	ck_assert_int_eq(shmreg_queue_acquire(&d, &c), 0);
	ck_assert_int_eq(shmreg_queue_release(&d, &b), 0);
	claim(&shm->head, 1, D);	/* and one that is not even marked */
	if (shape.flags) {
		repair(3, 0, 3);
		EXPECT_ANY(AT(0), AT(2), AT(3));
		DRAIN(AT(4));
	} else {
		repair(3, 3, 0);
		DRAIN(AT(4));
	}
	teardown();
}
END_TEST

/* Handed out again to one who dies, too. */
START_TEST(redelivered_to_the_dead)
{
	struct shmreg_queue_lease a;
	uint64_t x;

	setup_items(_i, 2);
	ck_assert_int_eq(shmreg_queue_acquire(&l, &a), 0);
	ck_assert_int_eq(shmreg_queue_refuse(&l, &a), 0);
	ck_assert_int_eq(shmreg_queue_acquire(&d, &a), 0);
	ck_assert_uint_eq(*(uint64_t *)a.elem, AT(0));
	if (shape.flags) {
		repair(1, 0, 1);
		expect(&m, AT(0));
	} else {
		repair(1, 1, 0);
	}
	expect(&l, AT(1));
	ck_assert_int_eq(shmreg_queue_pop(&m, &x), -EAGAIN);
	drain(NULL, 0);
	teardown();
}
END_TEST

/* Died in refuse(), between giving it back and saying so. */
START_TEST(refused_in_silence)
{
	struct shmreg_queue_lease a;
	uint64_t x;

	setup_items(_i, 1);
	ck_assert_int_eq(shmreg_queue_acquire(&d, &a), 0);
	*word(0) = value(0, 0, 0, REDEL);
	ck_assert_int_eq(shmreg_queue_pop(&m, &x), -EAGAIN);
	repair(0, 0, 0);
	expect(&m, AT(0));
	drain(NULL, 0);
	teardown();
}
END_TEST

/* D died on a claim that E recorded before it died on its own; both policies. */
START_TEST(two_dead_consumers)
{
	setup_items(_i, 4);
	claim(&shm->head, 2, D);
	*word(0) = value(0, 2, D, READING);
	claim(&shm->head, 1, E);
	if (shape.flags) {
		repair(3, 0, 3);
		EXPECT_ANY(AT(0), AT(1), AT(2));
		DRAIN(AT(3));
	} else {
		repair(3, 3, 0);
		DRAIN(AT(3));
	}
	teardown();
}
END_TEST

/* A producer and a consumer of one seat, and one of another, in a queue of two. */
START_TEST(capacity_2)
{
	setup(starts[_i % N_STARTS], policies[_i / N_STARTS], 2);
	push(&l, 1);
	claim(&shm->head, 1, D);
	claim(&shm->tail, 1, D);
	if (shape.flags) {
		repair(2, 1, 1);
		DRAIN(1);
	} else {
		repair(2, 2, 0);
		drain(NULL, 0);
	}
	teardown();
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("queue-wreckage-pop");

	tcase_set_timeout(c, 0);
	tcase_add_loop_test(c, pop_claimed, 0, N_STARTS * N_POLICIES);
	tcase_add_loop_test(c, pop_claimed_and_recorded_by_the_next, 0, N_STARTS * N_POLICIES);
	tcase_add_loop_test(c, pop_claimed_in_between, 0, N_STARTS * N_POLICIES);
	tcase_add_loop_test(c, pop_of_one_after_a_batch, 0, N_STARTS * N_POLICIES);
	tcase_add_loop_test(c, pop_finished, 0, N_STARTS * N_POLICIES);
	tcase_add_loop_test(c, pop_batch, 0, N_STARTS * N_POLICIES * 8);
	tcase_add_loop_test(c, pop_passing_an_aborted_one, 0, N_STARTS * N_POLICIES);
	tcase_add_loop_test(c, pop_passing_an_aborted_one_freed_by_the_next, 0,
			    N_STARTS * N_POLICIES);
	tcase_add_loop_test(c, acquired, 0, N_STARTS * N_POLICIES);
	tcase_add_loop_test(c, redelivered_to_the_dead, 0, N_STARTS * N_POLICIES);
	tcase_add_loop_test(c, refused_in_silence, 0, N_STARTS * N_POLICIES);
	tcase_add_loop_test(c, two_dead_consumers, 0, N_STARTS * N_POLICIES);
	tcase_add_loop_test(c, capacity_2, 0, N_STARTS * N_POLICIES);
	return run_case("queue-wreckage-pop", c);
}
