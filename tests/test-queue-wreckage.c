/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <string.h>

#include "queue-plain.h"
#include "queue-repair.h"
#include "repair.h"

/*
 * Every kind of wreckage that a dead process can leave, built by hand word by
 * word, then repaired, with the exact cost; at every position where something wraps.
 */

#define D 17u	/* the dead */
#define E 4095u /* another dead */
#define L 70u	/* alive; two others: */
#define M 64u
#define CAPACITY 8u
#define WRITING SHMREG_QUEUE_WRITING
#define READY SHMREG_QUEUE_READY
#define READING SHMREG_QUEUE_READING
#define TOMB SHMREG_QUEUE_TOMB
#define REDEL SHMREG_QUEUE_REDEL

static const uint64_t starts[] = {
	0, 1, 6, (UINT64_C(1) << 31) - 3, (UINT64_C(1) << 43) - 7, (UINT64_C(1) << 43) - 2,
};
#define N_STARTS ((int)(sizeof(starts) / sizeof(*starts)))

static struct shmreg_shape shape;
static struct shmreg_queue d, e, l, m;
static struct shmreg_queue_shm *shm;
static uint64_t dead[64], start;
static struct shmreg_reaper_report report;

static void setup(uint64_t at, uint32_t flags, uint64_t capacity)
{
	shape = (struct shmreg_shape){
		.kind = SHMREG_KIND_QUEUE,
		.layout = SHMREG_QUEUE_LAYOUT,
		.flags = flags,
		.elem_align = 8,
		.elem_bytes = 8,
		.capacity = capacity,
	};
	shm = queue_map(&shape);
	ck_assert_ptr_nonnull(shm);
	start = at;
	if (at != 0)
		queue_seed(shm, &shape, at);
	queue_bind(&d, shm, &shape, D);
	queue_bind(&e, shm, &shape, E);
	queue_bind(&l, shm, &shape, L);
	queue_bind(&m, shm, &shape, M);
	memset(dead, 0, sizeof(dead));
	dead[D / 64] |= UINT64_C(1) << D % 64;
	dead[E / 64] |= UINT64_C(1) << E % 64;
	memset(&report, 0x55, sizeof(report));
}

static void teardown(void)
{
	queue_unmap(shm, &shape);
}

static void push(struct shmreg_queue *q, uint64_t n)
{
	ck_assert_int_eq(shmreg_queue_push(q, &n), 0);
}

static void expect(struct shmreg_queue *q, uint64_t n)
{
	uint64_t got = ~n;

	ck_assert_int_eq(shmreg_queue_pop(q, &got), 0);
	ck_assert_uint_eq(got, n);
}

/* The word of the slot of the @i-th position since the start. */
static uint64_t *word(uint64_t i)
{
	return shmreg_queue_word_(
		shmreg_queue_slot_(&l, (start + i) << SHMREG_QUEUE_POS_SHIFT, l.stride));
}

static uint64_t value(uint64_t i, uint64_t n, uint64_t seat, uint64_t state)
{
	return ((start + i) << SHMREG_QUEUE_POS_SHIFT & l.lap_mask) | n << SHMREG_QUEUE_N_SHIFT |
	       seat << SHMREG_QUEUE_OWNER_SHIFT | state;
}

/* What a claim does and nothing else: the counter moves. */
static void claim(uint64_t *counter, uint64_t n, uint64_t seat)
{
	*counter = (*counter & ~SHMREG_QUEUE_LOW_MASK) + (n << SHMREG_QUEUE_POS_SHIFT |
		   n << SHMREG_QUEUE_N_SHIFT | seat << SHMREG_QUEUE_OWNER_SHIFT);
}

/* Repair: what it says, what it counts; and that doing it again finds nothing. */
static void repair(uint64_t repaired, uint64_t freed, uint64_t requeued)
{
	const uint64_t aborted = shm->n_aborted + shm->n_dropped, redelivered = shm->n_redelivered;
	struct shmreg_reaper_report second;

	shm->users[D / 64] |= dead[D / 64];
	shm->users[E / 64] |= dead[E / 64];
	ck_assert_int_eq(shmreg_repair_object(&shape, shm, NULL, dead, &report), 0);
	ck_assert_int_eq(report.status, 0);
	ck_assert_uint_eq(report.n_seats, 2);
	ck_assert_uint_eq(report.n_repaired, repaired);
	ck_assert_uint_eq(report.n_freed, freed);
	ck_assert_uint_eq(report.n_requeued, requeued);
	ck_assert_uint_eq(report.n_gave_up, 0);
	ck_assert_uint_eq(shm->n_aborted + shm->n_dropped, aborted + freed);
	ck_assert_uint_eq(shm->n_redelivered, redelivered + requeued);

	ck_assert_int_eq(queue_repair(&shape, shm, dead, &second), 0);
	ck_assert_uint_eq(second.n_seats, 0);	/* the dead have left the queue */
	shm->users[D / 64] |= dead[D / 64];
	ck_assert_int_eq(queue_repair(&shape, shm, dead, &second), 0);
	ck_assert_uint_eq(second.n_seats, 1);
	ck_assert_uint_eq(second.n_repaired, 0);
	ck_assert_uint_eq(second.n_gave_up, 0);
}

/* The queue holds what @list says, in that order, ends empty and clean, and works. */
static void drain(const uint64_t *list, size_t n)
{
	uint64_t i, x;

	for (i = 0; i < n; i++)
		expect(i & 1 ? &l : &m, list[i]);
	ck_assert_int_eq(shmreg_queue_pop(&l, &x), -EAGAIN);
	ck_assert(queue_is_clean(shm, &shape));
	for (i = 0; i < shape.capacity; i++)
		push(&m, i);
	ck_assert_int_eq(shmreg_queue_push(&m, &i), -EAGAIN);
	for (i = 0; i < shape.capacity; i++)
		expect(&l, i);
	ck_assert(queue_is_clean(shm, &shape));
}
#define DRAIN(...)                                                                                 \
	do {                                                                                       \
		const uint64_t list_[] = { __VA_ARGS__ };                                          \
		drain(list_, sizeof(list_) / sizeof(*list_));                                      \
	} while (0)

/* The next @n to come are those, in any order. */
static void expect_any(const uint64_t *list, size_t n)
{
	uint64_t i, j, x, seen = 0;

	for (i = 0; i < n; i++) {
		ck_assert_int_eq(shmreg_queue_pop(i & 1 ? &l : &m, &x), 0);
		for (j = 0; j < n && list[j] != x; j++)
			;
		ck_assert_uint_lt(j, n);
		ck_assert_uint_eq(seen >> j & 1, 0);
		seen |= UINT64_C(1) << j;
	}
}
#define EXPECT_ANY(...)                                                                            \
	do {                                                                                       \
		const uint64_t list_[] = { __VA_ARGS__ };                                          \
		expect_any(list_, sizeof(list_) / sizeof(*list_));                                 \
	} while (0)

/* Producers ************************************************************************************/

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

/* Consumers; @_i / N_STARTS: 0 drop, 1 redeliver ***********************************************/

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

/* The living ******************************************************************************** */

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
	Suite *s = suite_create("queue-wreckage");
	TCase *c = tcase_create("queue-wreckage");
	SRunner *sr;
	int failed;

	tcase_set_timeout(c, 0);
	tcase_add_loop_test(c, push_claimed, 0, N_STARTS);
	tcase_add_loop_test(c, push_claimed_and_recorded_by_the_next, 0, N_STARTS);
	tcase_add_loop_test(c, push_finished, 0, N_STARTS);
	tcase_add_loop_test(c, two_dead_producers, 0, N_STARTS);
	tcase_add_loop_test(c, push_batch, 0, N_STARTS * 8);
	tcase_add_loop_test(c, push_batch_finished, 0, N_STARTS);
	tcase_add_loop_test(c, push_batch_of_all, 0, N_STARTS);
	tcase_add_loop_test(c, reserved, 0, N_STARTS);
	tcase_add_loop_test(c, aborted, 0, N_STARTS);
	tcase_add_loop_test(c, pop_claimed, 0, N_STARTS * N_POLICIES);
	tcase_add_loop_test(c, pop_claimed_and_recorded_by_the_next, 0, N_STARTS * N_POLICIES);
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
	tcase_add_loop_test(c, the_living_are_left_alone, 0, N_STARTS);
	tcase_add_loop_test(c, only_dead_users, 0, N_STARTS);
	tcase_add_loop_test(c, late_recorder, 0, N_STARTS);
	tcase_add_loop_test(c, nonsense, 0, N_STARTS);
	tcase_add_test(c, other_kinds);
	tcase_add_test(c, sparse_stays_sparse);
	suite_add_tcase(s, c);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
