/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "ring-plain.h"
#include "suite.h"

/*
 * What a ring of elements learns from the looks at the other's counter, and that nothing depends
 * on it. See "Streams" in shmreg/ring-inline.h.
 */

#define LONGEST 64	/* patience */

static struct shmreg_shape shape;
static void *base;
static struct shmreg_ring_producer p;
static struct shmreg_ring_consumer c;
static uint64_t next_in, next_out;

static void begin(uint64_t capacity, uint64_t elem_bytes, uint64_t start)
{
	shape = ring_shape(capacity, elem_bytes, elem_bytes % 8 ? 1 : 8);
	base = ring_map(&shape, start);
	ck_assert(ring_producer_bind(&p, base, &shape, 1));
	ck_assert(ring_consumer_bind(&c, base, &shape, 2));
	next_in = next_out = 0;
}

/* Each byte of an element is its number's lowest. */
static int try_push(void)
{
	unsigned char e[256];
	int r;

	memset(e, (int)(next_in & 0xff), sizeof(e));
	r = shmreg_ring_push(&p, e);
	next_in += r == 0;
	return r;
}

static int try_pop(void)
{
	unsigned char e[256], want[256];
	const int r = shmreg_ring_pop(&c, e);

	if (r == 0) {
		memset(want, (int)(next_out++ & 0xff), sizeof(want));
		ck_assert_mem_eq(e, want, (size_t)shape.elem_bytes);
	}
	return r;
}

static void push(uint64_t n)
{
	for (; n > 0; n--)
		ck_assert_int_eq(try_push(), 0);
}

static void pop(uint64_t n)
{
	for (; n > 0; n--)
		ck_assert_int_eq(try_pop(), 0);
}

/* A look that brings @n. */
static void bring(uint64_t n, uint32_t patience)
{
	push(n);
	pop(1);
	ck_assert_uint_eq(c.left, n - 1);
	ck_assert_uint_eq(c.patience, patience);
	ck_assert_int_eq(c.eager != NULL, patience == 0 && n == 1);
	pop(n - 1);
	ck_assert_uint_eq(c.left, 0);
}

static void bring_nothing(uint32_t patience)
{
	ck_assert_int_eq(try_pop(), -EAGAIN);
	ck_assert_uint_eq(c.patience, patience);
	ck_assert_int_eq(c.eager != NULL, patience == 0);
}

START_TEST(an_answer_is_never_delayed)
{
	int i;

	begin(1024, 8, ring_starts[_i]);
	for (i = 0; i < 2000; i++) {
		bring(1, 0);
		if (i % 3 == 0)
			bring_nothing(0);
	}
	/* nor if it has two parts: what is looked for in vain meanwhile counts, too */
	for (i = 0; i < 100; i++) {
		bring(2, 1);
		bring_nothing(0);
	}
	plain_unmap(base, &shape);
}
END_TEST

START_TEST(patience_grows_and_ends)
{
	uint32_t patience;

	begin(4096, 8, ring_starts[_i]);
	ck_assert_uint_eq(c.patience, 0);
	bring(2, 1);
	bring(2, 3);
	bring(4, 7);
	bring(7, 3);		/* no more than one for each pause */
	bring(255, 7);
	bring(255, 15);
	bring(255, 31);
	bring(255, 63);
	bring(255, LONGEST);
	bring(255, LONGEST);
	bring(64, 32);
	bring(255, LONGEST);
	bring(256, 32);		/* enough */
	bring(2000, 16);
	bring(1, 0);
	bring(2, 1);
	bring(255, 3);
	bring(255, 7);
	bring(255, 15);
	bring(255, 31);
	for (patience = 31; patience > 0; patience /= 2)
		bring_nothing(patience / 2);
	bring_nothing(0);
	plain_unmap(base, &shape);
}
END_TEST

START_TEST(patience_is_for_a_quarter)
{
	begin(16, 8, ring_starts[_i]);
	bring(2, 1);
	bring(3, 3);
	bring(4, 1);
	bring(16, 0);
	plain_unmap(base, &shape);
	begin(8, 8, ring_starts[_i]);
	bring(2, 0);
	bring(3, 0);
	bring(8, 0);
	plain_unmap(base, &shape);
}
END_TEST

START_TEST(others_neither_wait_nor_learn)
{
	const void *view;
	uint64_t e[8];

	begin(1024, 8, ring_starts[_i]);
	bring(8, 1);
	bring(8, 3);
	push(3);
	ck_assert_int_eq(shmreg_ring_pop_bulk(&c, e, 8), 3);
	ck_assert_int_eq(shmreg_ring_pop_bulk(&c, e, 8), -EAGAIN);
	push(3);
	ck_assert_int_eq(shmreg_ring_peek(&c, 2, e), 0);
	ck_assert_int_eq(shmreg_ring_peek(&c, 3, e), -EAGAIN);
	push(3);
	ck_assert_int_eq(shmreg_ring_skip(&c, 6), 6);
	ck_assert_int_eq(shmreg_ring_skip(&c, 6), -EAGAIN);
	push(3);
	ck_assert_int_eq(shmreg_ring_view(&c, &view, 8), 3);
	ck_assert_int_eq(shmreg_ring_consume(&c, 3), 0);
	ck_assert_int_eq(shmreg_ring_view(&c, &view, 8), -EAGAIN);
	ck_assert_uint_eq(c.patience, 3);
	ck_assert_ptr_null(c.eager);
	plain_unmap(base, &shape);
}
END_TEST

/* Who has found more in another way, and left some, takes these before what comes then. */
START_TEST(what_others_leave_comes_first)
{
	const void *view;
	uint64_t e[8];
	int i;

	for (i = 0; i < 4; i++) {
		begin(1024, 8, ring_starts[_i]);
		bring(8, 1);	/* so that 3 are no new high */
		bring(1, 0);
		push(3);
		if (i == 0)
			ck_assert_int_eq(shmreg_ring_pop_bulk(&c, e, 1), 1);
		else if (i == 1)
			ck_assert_int_eq(shmreg_ring_skip(&c, 1), 1);
		else if (i == 2)
			ck_assert_int_eq(shmreg_ring_peek(&c, 0, e), 0);
		else
			ck_assert_int_eq(shmreg_ring_view(&c, &view, 1), 1);
		next_out += i < 2;
		push(1);
		pop(i < 2 ? 3 : 4);
		bring(1, 0);
		plain_unmap(base, &shape);
	}
}
END_TEST

/* The first look that finds one is told, though the later ones need not be. */
START_TEST(one_is_a_high)
{
	struct shmreg_ring_stats stats = { .size = sizeof(stats) };

	begin(64, 8, ring_starts[_i]);
	push(1);
	pop(1);
	ck_assert_int_eq(shmreg_ring_stat(&c.ring, &stats), 0);
	ck_assert_uint_eq(stats.high, 1);
	/* also if there was none at first, and for a successor, who has it from there */
	ck_assert(ring_consumer_bind(&c, memset(base, 0, sizeof(struct shmreg_ring_shm)), &shape, 3));
	ck_assert(ring_producer_bind(&p, base, &shape, 4));
	ck_assert_int_eq(try_pop(), -EAGAIN);
	next_out = next_in;
	push(1);
	pop(1);
	ck_assert_int_eq(shmreg_ring_stat(&c.ring, &stats), 0);
	ck_assert_uint_eq(stats.high, 1);
	plain_unmap(base, &shape);
}
END_TEST

static const struct {
	uint64_t bytes, per_line;
} sizes[] = { { 1, 8 }, { 8, 8 }, { 12, 4 }, { 16, 4 }, { 24, 2 }, { 32, 2 }, { 33, 0 }, { 64, 0 } };
#define N_SIZES ((int)(sizeof(sizes) / sizeof(*sizes)))

/* A producer whose consumer lags stops at each line's end, and has all the room all the same. */
START_TEST(a_lagging_consumer)
{
	const uint64_t line = sizes[_i % N_SIZES].per_line, n = 300;
	struct shmreg_ring_shm *shm;
	uint64_t i, room;

	begin(1024, sizes[_i % N_SIZES].bytes, ring_starts[_i / N_SIZES]);
	shm = base;
	push(1024);
	ck_assert_int_eq(try_push(), -EAGAIN);
	pop(n);
	for (i = 0; i < n; i++) {
		push(1);
		room = shm->head + 1024 - p.tail;
		ck_assert_uint_eq(room, n - 1 - i);
		ck_assert_uint_le(p.limit - p.tail, room);
		ck_assert_uint_eq(p.known - p.tail, room);
		if (line == 0 || room < 4 * line)
			continue;
		ck_assert_uint_le(p.limit - p.tail, line);
		ck_assert_uint_eq(p.limit % line, 0);
	}
	ck_assert_int_eq(try_push(), -EAGAIN);
	pop(1024);
	/* One that does not lag: then to stop once a round is enough. */
	ck_assert_uint_eq(p.lags, 1);
	push(1);
	ck_assert_uint_eq(p.lags, 0);
	pop(1);
	ck_assert_uint_eq(p.limit - p.tail, 1023);
	plain_unmap(base, &shape);
}
END_TEST

/* To stop at a line's end is not to look: the head's line stays with the consumer. */
START_TEST(what_is_known_is_used_up)
{
	uint64_t known, i;

	begin(1024, 8, ring_starts[_i]);
	push(1024);
	pop(300);
	push(1);
	known = p.known;
	pop(100);
	for (i = 0; i < 299; i++) {
		push(1);
		ck_assert_uint_eq(p.known, known);
	}
	push(1);
	ck_assert_uint_eq(p.known, known + 100);
	plain_unmap(base, &shape);
}
END_TEST

/* What is asked for at once is measured by the room, not by the line. */
START_TEST(bulk_sees_the_room)
{
	uint64_t e[200], i;
	void *place;

	begin(1024, 8, ring_starts[_i]);
	push(1024);
	pop(400);
	for (i = 0; i < 200; i++)
		e[i] = ((next_in + 3 + i) & 0xff) * UINT64_C(0x0101010101010101);
	push(3);
	ck_assert_uint_le(p.limit - p.tail, 8);
	ck_assert_int_eq(shmreg_ring_push_bulk(&p, e, 200, 200), 200);
	next_in += 200;
	push(100);
	ck_assert_int_eq(shmreg_ring_reserve(&p, &place, 97), 97 < 1024 - (p.tail & 1023) ?
			 97 : (int64_t)(1024 - (p.tail & 1023)));
	push(97);
	ck_assert_int_eq(try_push(), -EAGAIN);
	pop(1024);
	ck_assert_int_eq(try_pop(), -EAGAIN);
	/* Whether the consumer lags is seen by these looks, too, and the lines fetched are any. */
	for (i = 0; i < 200; i++)
		e[i] = ((next_in + i) & 0xff) * UINT64_C(0x0101010101010101);
	ck_assert_int_eq(shmreg_ring_push_bulk(&p, e, 200, 1), 200);
	ck_assert_uint_eq(p.lags, 0);
	next_in += 200;
	push(824);
	pop(800);
	ck_assert_int_eq(shmreg_ring_push_bulk(&p, e, 1, 1), 1);
	ck_assert_uint_eq(p.lags, 1);
	pop(224);
	for (i = 0; i < 9; i++)
		ck_assert_int_eq(shmreg_ring_push_bulk(&p, e, 80, 1), 80);
	ck_assert_int_eq(shmreg_ring_push_bulk(&p, e, 200, 1), 200);
	ck_assert_int_eq(shmreg_ring_push_bulk(&p, e, 200, 1), 103);
	plain_unmap(base, &shape);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("ring-stream");

	tcase_add_loop_test(t, an_answer_is_never_delayed, 0, N_RING_STARTS);
	tcase_add_loop_test(t, patience_grows_and_ends, 0, N_RING_STARTS);
	tcase_add_loop_test(t, patience_is_for_a_quarter, 0, N_RING_STARTS);
	tcase_add_loop_test(t, others_neither_wait_nor_learn, 0, N_RING_STARTS);
	tcase_add_loop_test(t, what_others_leave_comes_first, 0, N_RING_STARTS);
	tcase_add_loop_test(t, one_is_a_high, 0, N_RING_STARTS);
	tcase_add_loop_test(t, a_lagging_consumer, 0, N_SIZES * N_RING_STARTS);
	tcase_add_loop_test(t, what_is_known_is_used_up, 0, N_RING_STARTS);
	tcase_add_loop_test(t, bulk_sees_the_room, 0, N_RING_STARTS);
	tcase_set_timeout(t, 0);
	return run_case("ring-stream", t);
}
