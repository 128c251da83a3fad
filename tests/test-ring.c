/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "ring-plain.h"
#include "suite.h"

/* A ring of elements by itself: order, room, bulk, places, sizes, wraps, roles, misuse. */

struct item {
	uint64_t n;
	uint64_t check;
};
SHMREG_DEFINE_RING(item_ring, struct item);

struct wide {
	SHMREG_ALIGNAS(128) unsigned char b[384];
};
SHMREG_DEFINE_RING(wide_ring, struct wide);

static const uint64_t capacities[] = { 2, 4, 8, 64 };
#define N_CAPACITIES 4

static struct shmreg_shape shape;
static void *base;
static struct shmreg_ring_producer p;
static struct shmreg_ring_consumer c;

static void begin(uint64_t capacity, uint64_t start)
{
	shape = ring_shape(capacity, 8, 8);
	base = ring_map(&shape, start);
	ck_assert(ring_producer_bind(&p, base, &shape, 1));
	ck_assert(ring_consumer_bind(&c, base, &shape, 4095));
}

static void push(uint64_t n)
{
	ck_assert_int_eq(shmreg_ring_push(&p, &n), 0);
}

static void expect(uint64_t n)
{
	uint64_t got = ~n;

	ck_assert_int_eq(shmreg_ring_pop(&c, &got), 0);
	ck_assert_uint_eq(got, n);
}

static void expect_empty(void)
{
	uint64_t got = 99;

	ck_assert_int_eq(shmreg_ring_pop(&c, &got), -EAGAIN);
	ck_assert_uint_eq(got, 99);	/* written only on success */
}

START_TEST(fifo_full_empty_at_every_wrap)
{
	const uint64_t capacity = capacities[_i % N_CAPACITIES];
	uint64_t i, lap, x = 1000;

	begin(capacity, ring_starts[_i / N_CAPACITIES]);
	expect_empty();
	for (lap = 0; lap < 5; lap++) {
		for (i = 0; i < capacity; i++) {
			ck_assert_uint_eq(shmreg_ring_length(&c.ring), i);
			ck_assert_uint_eq(shmreg_ring_space(&p.ring), capacity - i);
			push(100 * lap + i);
		}
		ck_assert_int_eq(shmreg_ring_push(&p, &x), -EAGAIN);
		ck_assert_int_eq(shmreg_ring_push(&p, &x), -EAGAIN);
		ck_assert_uint_eq(shmreg_ring_length(&p.ring), capacity);
		for (i = 0; i < capacity; i++) {
			ck_assert_int_eq(shmreg_ring_peek(&c, capacity - 1 - i, &x), 0);
			ck_assert_uint_eq(x, 100 * lap + capacity - 1);
			ck_assert_int_eq(shmreg_ring_peek(&c, capacity - i, &x), -EAGAIN);
			expect(100 * lap + i);
		}
		expect_empty();
		/* shift against the lap */
		push(1);
		expect(1);
	}
	plain_unmap(base, &shape);
}
END_TEST

START_TEST(bulk)
{
	const uint64_t capacity = capacities[_i % N_CAPACITIES];
	uint64_t in[200], out[200], i, n, min, room, fits, next_in = 0, next_out = 0;
	int64_t r;
	int round;

	begin(capacity, ring_starts[_i / N_CAPACITIES]);
	/* misuse, and nothing to do */
	ck_assert_int_eq(shmreg_ring_push_bulk(&p, in, 0, 0), 0);
	ck_assert_int_eq(shmreg_ring_push_bulk(&p, in, 0, 1), -EINVAL);
	ck_assert_int_eq(shmreg_ring_push_bulk(&p, in, 1, 2), -EINVAL);
	ck_assert_int_eq(shmreg_ring_push_bulk(&p, in, 200, capacity + 1), -EINVAL);
	ck_assert_int_eq(shmreg_ring_pop_bulk(&c, out, 0), 0);
	ck_assert_int_eq(shmreg_ring_pop_bulk(&c, out, 200), -EAGAIN);
	for (round = 0; round < 400; round++) {
		room = shmreg_ring_space(&p.ring);
		n = (uint64_t)(round * 7 % 70 + 1);
		fits = n < capacity ? n : capacity;
		min = round % 3 == 0 ? fits : round % 3 == 1 ? 0 : 1;
		for (i = 0; i < n; i++)
			in[i] = next_in + i;
		r = shmreg_ring_push_bulk(&p, in, n, min);
		if (room == 0 || room < min) {
			ck_assert_int_eq(r, -EAGAIN);
		} else {
			ck_assert_int_eq(r, (int64_t)(fits < room ? fits : room));
			next_in += (uint64_t)r;
		}
		n = (uint64_t)(round * 5 % 66 + 1);
		r = shmreg_ring_pop_bulk(&c, out, n);
		if (next_in == next_out) {
			ck_assert_int_eq(r, -EAGAIN);
			continue;
		}
		ck_assert_int_eq(r, (int64_t)(n < next_in - next_out ? n : next_in - next_out));
		for (i = 0; i < (uint64_t)r; i++)
			ck_assert_uint_eq(out[i], next_out + i);
		next_out += (uint64_t)r;
	}
	ck_assert_uint_eq(shmreg_ring_length(&c.ring), next_in - next_out);
	plain_unmap(base, &shape);
}
END_TEST

START_TEST(in_place)
{
	const uint64_t start = ring_starts[_i];
	const uint64_t *seen;
	uint64_t *room, k, lap, i, next = 0;
	const void *view;
	int64_t r, n;
	void *place;

	begin(8, start);
	for (lap = 0; lap < 30; lap++) {
		/* ends where the memory does */
		k = (start + next) % 8;
		n = (int64_t)(8 - k < 5 ? 8 - k : 5);
		ck_assert_int_eq(shmreg_ring_reserve(&p, &place, 5), n);
		room = place;
		for (i = 0; i < (uint64_t)n; i++)
			room[i] = next + i;
		ck_assert_int_eq(shmreg_ring_commit(&p, (uint64_t)n + 1), -EINVAL);
		expect_empty();
		ck_assert_int_eq(shmreg_ring_commit(&p, (uint64_t)n), 0);
		ck_assert_int_eq(shmreg_ring_commit(&p, 1), -EINVAL);	/* over */
		ck_assert_int_eq(shmreg_ring_view(&c, &view, 100), n);
		seen = view;
		for (i = 0; i < (uint64_t)n; i++)
			ck_assert_uint_eq(seen[i], next + i);
		ck_assert_int_eq(shmreg_ring_consume(&c, (uint64_t)n + 1), -EINVAL);
		if (n > 1) {
			ck_assert_int_eq(shmreg_ring_consume(&c, (uint64_t)n - 1), 0);
			ck_assert_int_eq(shmreg_ring_consume(&c, 1), -EINVAL);
			ck_assert_int_eq(shmreg_ring_view(&c, &view, 1), 1);
		}
		ck_assert_int_eq(shmreg_ring_consume(&c, 1), 0);
		next += (uint64_t)n;
	}
	/* something else in between: what was given is not given any more */
	ck_assert_int_gt(shmreg_ring_reserve(&p, &place, 1), 0);
	push(7);
	ck_assert_int_eq(shmreg_ring_commit(&p, 1), -EINVAL);
	push(8);
	ck_assert_int_gt(shmreg_ring_view(&c, &view, 1), 0);
	expect(7);
	ck_assert_int_eq(shmreg_ring_consume(&c, 1), -EINVAL);
	expect(8);
	/* nothing, and nothing of it */
	ck_assert_int_eq(shmreg_ring_reserve(&p, &place, 0), 0);
	ck_assert_int_gt(shmreg_ring_reserve(&p, &place, 1), 0);
	ck_assert_int_eq(shmreg_ring_commit(&p, 0), 0);
	ck_assert_int_eq(shmreg_ring_commit(&p, 1), -EINVAL);
	ck_assert_int_eq(shmreg_ring_view(&c, &view, 0), 0);
	ck_assert_int_eq(shmreg_ring_view(&c, &view, 1), -EAGAIN);
	ck_assert_int_eq(shmreg_ring_consume(&c, 0), 0);
	r = 0;
	while (shmreg_ring_push(&p, &next) == 0)
		r++;
	ck_assert_int_eq(r, 8);
	ck_assert_int_eq(shmreg_ring_reserve(&p, &place, 1), -EAGAIN);
	plain_unmap(base, &shape);
}
END_TEST

START_TEST(skip_and_clear)
{
	uint64_t i;

	begin(8, ring_starts[_i]);
	ck_assert_int_eq(shmreg_ring_skip(&c, 3), -EAGAIN);
	ck_assert_int_eq(shmreg_ring_skip(&c, 0), 0);
	ck_assert_int_eq(shmreg_ring_clear(&c), 0);
	for (i = 0; i < 8; i++)
		push(i);
	ck_assert_int_eq(shmreg_ring_skip(&c, 3), 3);
	expect(3);
	push(8);
	ck_assert_int_eq(shmreg_ring_skip(&c, 1), 1);
	expect(5);
	ck_assert_int_eq(shmreg_ring_skip(&c, 100), 3);
	push(9);
	push(10);
	ck_assert_int_eq(shmreg_ring_clear(&c), 2);
	expect_empty();
	ck_assert_uint_eq(((struct shmreg_ring_shm *)base)->n_skipped, 9);
	plain_unmap(base, &shape);
}
END_TEST

static const struct {
	uint64_t bytes;
	uint32_t align;
} elems[] = {
	{ 1, 1 }, { 2, 1 }, { 3, 1 }, { 4, 4 }, { 7, 1 }, { 8, 8 }, { 9, 1 }, { 12, 4 }, { 16, 16 },
	{ 31, 1 }, { 32, 32 }, { 64, 64 }, { 65, 1 }, { 100, 4 }, { 128, 128 }, { 384, 128 },
	{ 1000, 8 }, { 4095, 1 }, { 4096, 128 },
};

START_TEST(sizes_and_alignments)
{
	const size_t n = (size_t)elems[_i].bytes;
	unsigned char *in = malloc(3 * n + 1), *out = malloc(3 * n + 1);
	const void *view;
	size_t i, k;

	ck_assert(in != NULL && out != NULL);
	shape = ring_shape(4, n, elems[_i].align);
	base = ring_map(&shape, 0);
	ck_assert(ring_producer_bind(&p, base, &shape, 1));
	ck_assert(ring_consumer_bind(&c, base, &shape, 2));
	for (k = 0; k < 10; k++) {
		for (i = 0; i < 3 * n; i++)
			in[i] = (unsigned char)(i * 31 + k);
		in[3 * n] = out[n] = 0x5a;
		ck_assert_int_eq(shmreg_ring_push(&p, in), 0);
		ck_assert_int_eq(shmreg_ring_push(&p, in + n), 0);
		ck_assert_int_eq(shmreg_ring_push(&p, in + 2 * n), 0);
		ck_assert_int_eq(shmreg_ring_peek(&c, 0, out), 0);
		ck_assert_mem_eq(out, in, n);
		memset(out, 0, n);
		ck_assert_int_eq(shmreg_ring_pop(&c, out), 0);
		ck_assert_uint_eq(out[n], 0x5a);
		ck_assert_mem_eq(out, in, n);
		ck_assert_int_ge(shmreg_ring_view(&c, &view, 2), 1);
		ck_assert_uint_eq((uintptr_t)view % elems[_i].align, 0);
		ck_assert_mem_eq(view, in + n, n);
		ck_assert_int_eq(shmreg_ring_consume(&c, 1), 0);
		ck_assert_int_eq(shmreg_ring_pop(&c, out), 0);
		ck_assert_mem_eq(out, in + 2 * n, n);
		out[3 * n] = 0x5a;
		ck_assert_int_eq(shmreg_ring_push_bulk(&p, in, 3, 3), 3);
		ck_assert_int_eq(shmreg_ring_pop_bulk(&c, out, 3), 3);
		ck_assert_mem_eq(out, in, 3 * n);
		ck_assert_uint_eq(out[3 * n], 0x5a);
	}
	plain_unmap(base, &shape);
	free(in);
	free(out);
}
END_TEST

START_TEST(typed)
{
	struct item x = { 1, 2 }, y, several[3] = { { 3, 4 }, { 5, 6 }, { 7, 8 } }, *room;
	struct shmreg_shape wide;
	struct item_ring_producer tp;
	struct item_ring_consumer tc;
	struct wide_ring_producer wp;
	struct wide_ring_consumer wc;
	const struct item *seen;
	static struct wide w, v;
	void *base2;

	shape = ring_shape(8, sizeof(struct item), SHMREG_ALIGNOF(struct item));
	wide = ring_shape(2, sizeof(struct wide), SHMREG_ALIGNOF(struct wide));
	base = ring_map(&shape, 0);
	base2 = ring_map(&wide, 0);
	ck_assert(ring_producer_bind(&tp.producer, base, &shape, 3));
	ck_assert(ring_consumer_bind(&tc.consumer, base, &shape, 4));
	ck_assert(ring_producer_bind(&wp.producer, base2, &wide, 3));
	ck_assert(ring_consumer_bind(&wc.consumer, base2, &wide, 4));
	ck_assert_int_eq(item_ring_push(&tp, &x), 0);
	ck_assert_int_eq(item_ring_push_bulk(&tp, several, 3, 3), 3);
	ck_assert_uint_eq(item_ring_length(&tc), 4);
	ck_assert_uint_eq(item_ring_space(&tp), 4);
	ck_assert_int_eq(item_ring_peek(&tc, 3, &y), 0);
	ck_assert_mem_eq(&several[2], &y, sizeof(y));
	ck_assert_int_eq(item_ring_pop(&tc, &y), 0);
	ck_assert_mem_eq(&x, &y, sizeof(x));
	ck_assert_int_eq(item_ring_view(&tc, &seen, 3), 3);
	ck_assert_uint_eq(seen[1].check, 6);
	ck_assert_int_eq(item_ring_consume(&tc, 1), 0);
	ck_assert_int_eq(item_ring_skip(&tc, 1), 1);
	ck_assert_int_eq(item_ring_pop_bulk(&tc, several, 3), 1);
	ck_assert_uint_eq(several[0].n, 7);
	ck_assert_int_eq(item_ring_reserve(&tp, &room, 2), 2);
	room[0].n = 17;
	ck_assert_int_eq(item_ring_commit(&tp, 1), 0);
	/* typed and untyped agree on where things are */
	ck_assert_int_eq(shmreg_ring_pop(item_ring_consumer_untyped(&tc), &y), 0);
	ck_assert_uint_eq(y.n, 17);
	ck_assert_int_eq(item_ring_clear(&tc), 0);

	memset(&w, 0x77, sizeof(w));
	ck_assert_int_eq(wide_ring_push(&wp, &w), 0);
	ck_assert_int_eq(shmreg_ring_push(wide_ring_producer_untyped(&wp), &w), 0);
	ck_assert_int_eq(shmreg_ring_pop(wide_ring_consumer_untyped(&wc), &v), 0);
	ck_assert_mem_eq(&v, &w, sizeof(v));
	memset(&v, 0, sizeof(v));
	ck_assert_int_eq(wide_ring_pop(&wc, &v), 0);
	ck_assert_mem_eq(&v, &w, sizeof(v));
	plain_unmap(base, &shape);
	plain_unmap(base2, &wide);
}
END_TEST

/* Wiped by fork: nothing is touched, and the reason is told. */
START_TEST(wiped)
{
	struct shmreg_ring_stats stats = { .size = sizeof(stats) };
	const void *view;
	uint64_t x = 0;
	void *place;

	memset(&p, 0, sizeof(p));
	memset(&c, 0, sizeof(c));
	ck_assert_int_eq(shmreg_ring_push(&p, &x), -ECHILD);
	ck_assert_int_eq(shmreg_ring_push_bulk(&p, &x, 1, 1), -ECHILD);
	ck_assert_int_eq(shmreg_ring_push_bulk(&p, &x, 1, 0), -ECHILD);
	ck_assert_int_eq(shmreg_ring_push_bulk(&p, &x, 9, 9), -ECHILD);
	ck_assert_int_eq(shmreg_ring_reserve(&p, &place, 1), -ECHILD);
	ck_assert_int_eq(shmreg_ring_commit(&p, 0), -ECHILD);
	ck_assert_int_eq(shmreg_ring_commit(&p, 1), -ECHILD);
	ck_assert_int_eq(shmreg_ring_pop(&c, &x), -ECHILD);
	ck_assert_int_eq(shmreg_ring_pop_bulk(&c, &x, 1), -ECHILD);
	ck_assert_int_eq(shmreg_ring_peek(&c, 0, &x), -ECHILD);
	ck_assert_int_eq(shmreg_ring_peek(&c, 5, &x), -ECHILD);
	ck_assert_int_eq(shmreg_ring_view(&c, &view, 1), -ECHILD);
	ck_assert_int_eq(shmreg_ring_consume(&c, 0), -ECHILD);
	ck_assert_int_eq(shmreg_ring_consume(&c, 1), -ECHILD);
	ck_assert_int_eq(shmreg_ring_skip(&c, 0), -ECHILD);
	ck_assert_int_eq(shmreg_ring_skip(&c, 1), -ECHILD);
	ck_assert_int_eq(shmreg_ring_clear(&c), -ECHILD);
	ck_assert_uint_eq(shmreg_ring_length(&c.ring), 0);
	ck_assert_uint_eq(shmreg_ring_space(&p.ring), 0);
	ck_assert_uint_eq(shmreg_ring_capacity(&p.ring), 0);
	ck_assert_int_eq(shmreg_ring_stat(&p.ring, &stats), -ECHILD);
}
END_TEST

START_TEST(stat)
{
	struct { struct shmreg_ring_stats stats; uint64_t more; } big;
	struct shmreg_ring_stats stats;
	struct shmreg_ring look;
	uint64_t i, x;

	begin(4, 1000);
	ring_bind_const(&look, base, &shape);
	for (i = 0; i < 3; i++)
		push(i);
	expect(0);
	stats.size = sizeof(stats);
	ck_assert_int_eq(shmreg_ring_stat(&look, &stats), 0);
	ck_assert_uint_eq(stats.capacity, 4);
	ck_assert_uint_eq(stats.length, 2);
	ck_assert_uint_eq(stats.n_written, 1003);
	ck_assert_uint_eq(stats.n_read, 1001);
	ck_assert_uint_eq(stats.n_records_written, 0);
	ck_assert_uint_eq(stats.n_skipped, 0);
	ck_assert_uint_eq(stats.n_full, 0);
	ck_assert_uint_eq(stats.high, 3);	/* the consumer looked */
	ck_assert_uint_eq(stats.producer, 1);
	ck_assert_uint_eq(stats.consumer, 4095);
	push(3);
	push(4);
	for (i = 0; i < 5; i++)
		ck_assert_int_eq(shmreg_ring_push(&p, &i), -EAGAIN);
	ck_assert_int_eq(shmreg_ring_push_bulk(&p, &i, 1, 1), -EAGAIN);
	ck_assert_int_eq(shmreg_ring_skip(&c, 2), 2);
	ck_assert_int_eq(shmreg_ring_stat(&look, &stats), 0);
	ck_assert_uint_eq(stats.n_full, 1);	/* however often it was tried */
	ck_assert_uint_eq(stats.high, 4);
	ck_assert_uint_eq(stats.n_skipped, 2);
	push(5);
	push(6);
	ck_assert_int_eq(shmreg_ring_push(&p, &i), -EAGAIN);
	ck_assert_int_eq(shmreg_ring_stat(&look, &stats), 0);
	ck_assert_uint_eq(stats.n_full, 2);
	memset(&big, 0x55, sizeof(big));
	big.stats.size = sizeof(big);
	ck_assert_int_eq(shmreg_ring_stat(&look, &big.stats), 0);
	ck_assert_uint_eq(big.more, 0);
	big.stats.size = 3;
	ck_assert_int_eq(shmreg_ring_stat(&look, &big.stats), -EINVAL);
	ck_assert_int_eq(shmreg_ring_pop(&c, &x), 0);
	plain_unmap(base, &shape);
}
END_TEST

/* Slots that were never used are not touched: the memory of a huge ring stays away. */
START_TEST(sparse_stays_sparse)
{
	uint64_t i;

	begin(UINT64_C(1) << 31, 0);
	for (i = 0; i < 100; i++) {
		push(i);
		expect(i);
	}
	push(1);
	ck_assert_int_eq(shmreg_ring_clear(&c), 1);
	plain_unmap(base, &shape);
}
END_TEST

/* Nobody else has the role of one who has it. */
START_TEST(roles_are_taken)
{
	struct shmreg_ring_producer p2;
	struct shmreg_ring_consumer c2;

	begin(4, 0);
	ck_assert(!ring_producer_bind(&p2, base, &shape, 2));
	ck_assert(!ring_consumer_bind(&c2, base, &shape, 2));
	ck_assert_ptr_null(p2.ring.handle.base);
	ck_assert_uint_eq(((struct shmreg_ring_shm *)base)->producer, 1);
	ck_assert_uint_eq(((struct shmreg_ring_shm *)base)->consumer, 4095);
	plain_unmap(base, &shape);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("ring");

	tcase_add_loop_test(t, fifo_full_empty_at_every_wrap, 0, N_RING_STARTS * N_CAPACITIES);
	tcase_add_loop_test(t, bulk, 0, N_RING_STARTS * N_CAPACITIES);
	tcase_add_loop_test(t, in_place, 0, N_RING_STARTS);
	tcase_add_loop_test(t, skip_and_clear, 0, N_RING_STARTS);
	tcase_add_loop_test(t, sizes_and_alignments, 0, (int)(sizeof(elems) / sizeof(*elems)));
	tcase_add_test(t, typed);
	tcase_add_test(t, wiped);
	tcase_add_test(t, stat);
	tcase_add_test(t, sparse_stays_sparse);
	tcase_add_test(t, roles_are_taken);
	tcase_set_timeout(t, 0);
	return run_case("ring", t);
}
