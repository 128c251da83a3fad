/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "queue-fixture.h"
#include "suite.h"

/* A queue by itself: order, room, batches, sizes, wraps, misuse. */

struct item {
	uint64_t n;
	uint64_t check;
};
SHMREG_DEFINE_QUEUE(item_queue, struct item);

struct wide {
	SHMREG_ALIGNAS(128) unsigned char b[384];
};
SHMREG_DEFINE_QUEUE(wide_queue, struct wide);
SHMREG_DEFINE_QUEUE(number_queue, uint64_t);

START_TEST(test_fifo_full_empty_at_every_wrap)
{
	const uint64_t capacity = capacities[_i % N_CAPACITIES];
	const struct shmreg_shape shape = shape_of(capacity, 8, 8);
	struct shmreg_queue a, b;
	uint64_t i, lap, x = 1000;
	void *base = map(&shape);

	if (_i / N_CAPACITIES > 0)
		queue_seed(base, &shape, starts[_i / N_CAPACITIES]);
	queue_bind(&a, base, &shape, 1);
	queue_bind(&b, base, &shape, 4095);
	expect_empty(&b);
	for (lap = 0; lap < 5; lap++) {
		for (i = 0; i < capacity; i++) {
			ck_assert_uint_eq(shmreg_queue_length(&a), i);
			push(lap & 1 ? &a : &b, 100 * lap + i);
		}
		ck_assert_int_eq(shmreg_queue_push(&a, &x), -EAGAIN);
		ck_assert_int_eq(shmreg_queue_push(&b, &x), -EAGAIN);
		ck_assert_uint_eq(shmreg_queue_length(&b), capacity);
		for (i = 0; i < capacity; i++)
			expect(i & 1 ? &a : &b, 100 * lap + i);
		expect_empty(&a);
		/* shift against the lap */
		push(&a, 1);
		expect(&a, 1);
	}
	ck_assert(queue_is_clean(base, &shape));
	plain_unmap(base, &shape);
}
END_TEST

START_TEST(test_zero_is_empty)
{
	const struct shmreg_shape shape = shape_of(16, 24, 8);
	struct shmreg_queue q;
	void *base = map(&shape);

	queue_bind(&q, base, &shape, 1);
	ck_assert_uint_eq(shmreg_queue_capacity(&q), 16);
	ck_assert_uint_eq(shmreg_queue_length(&q), 0);
	ck_assert(queue_is_clean(base, &shape));
	plain_unmap(base, &shape);
}
END_TEST

START_TEST(test_batch)
{
	const uint64_t capacity = capacities[_i % N_CAPACITIES];
	const struct shmreg_shape shape = shape_of(capacity, 8, 8);
	const uint32_t max = capacity < 63 ? (uint32_t)capacity : 63;
	struct shmreg_queue a, b;
	uint64_t in[200], out[200], i, next_in = 0, next_out = 0;
	uint32_t n, min;
	void *base = map(&shape);
	int r, round;

	queue_seed(base, &shape, starts[_i / N_CAPACITIES]);
	queue_bind(&a, base, &shape, 1);
	queue_bind(&b, base, &shape, 2);

	/* misuse, and nothing to do */
	ck_assert_int_eq(shmreg_queue_push_batch(&a, in, 0, 0), 0);
	ck_assert_int_eq(shmreg_queue_push_batch(&a, in, 0, 1), -EINVAL);
	ck_assert_int_eq(shmreg_queue_push_batch(&a, in, 1, 2), -EINVAL);
	ck_assert_int_eq(shmreg_queue_push_batch(&a, in, 200, max + 1), -EINVAL);
	ck_assert_int_eq(shmreg_queue_pop_batch(&a, out, 0), 0);
	ck_assert_int_eq(shmreg_queue_pop_batch(&a, out, 200), -EAGAIN);

	for (round = 0; round < 400; round++) {
		const uint64_t room = capacity - shmreg_queue_length(&a);

		n = (uint32_t)(round * 7 % 70 + 1);
		min = round % 3 == 0 ? (n < max ? n : max) : round % 3 == 1 ? 0 : 1;
		for (i = 0; i < n; i++)
			in[i] = next_in + i;
		r = shmreg_queue_push_batch(round & 1 ? &a : &b, in, n, min);
		if (room == 0 || room < min) {
			ck_assert_int_eq(r, -EAGAIN);
		} else {
			const uint64_t fits = n < max ? n : max;

			ck_assert_int_eq(r, (int)(fits < room ? fits : room));
			next_in += (uint64_t)r;
		}
		n = (uint32_t)(round * 5 % 66 + 1);
		r = shmreg_queue_pop_batch(round & 2 ? &a : &b, out, n);
		if (next_in == next_out) {
			ck_assert_int_eq(r, -EAGAIN);
			continue;
		}
		ck_assert_int_ge(r, 1);
		ck_assert_int_le(r, (int)(n < max ? n : max));
		for (i = 0; i < (uint64_t)r; i++)
			ck_assert_uint_eq(out[i], next_out + i);
		next_out += (uint64_t)r;
	}
	while ((r = shmreg_queue_pop_batch(&a, out, 63)) > 0)
		next_out += (uint64_t)r;
	ck_assert_uint_eq(next_in, next_out);
	ck_assert(queue_is_clean(base, &shape));
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

START_TEST(test_sizes_and_alignments)
{
	const struct shmreg_shape shape = shape_of(4, elems[_i].bytes, elems[_i].align);
	const size_t n = (size_t)elems[_i].bytes;
	unsigned char *in = malloc(3 * n + 1), *out = malloc(3 * n + 1);
	struct shmreg_queue_lease l;
	struct shmreg_queue q;
	size_t i, k;
	void *base = map(&shape);

	ck_assert(in != NULL && out != NULL);
	queue_bind(&q, base, &shape, 7);
	for (k = 0; k < 10; k++) {
		for (i = 0; i < 3 * n; i++)
			in[i] = (unsigned char)(i * 31 + k);
		in[3 * n] = out[n] = 0x5a;
		ck_assert_int_eq(shmreg_queue_push(&q, in), 0);
		ck_assert_int_eq(shmreg_queue_push(&q, in + n), 0);
		ck_assert_int_eq(shmreg_queue_push(&q, in + 2 * n), 0);
		ck_assert_int_eq(shmreg_queue_pop(&q, out), 0);
		ck_assert_uint_eq(out[n], 0x5a);
		ck_assert_mem_eq(out, in, n);
		ck_assert_int_eq(shmreg_queue_acquire(&q, &l), 0);
		ck_assert_uint_eq((uintptr_t)l.elem % elems[_i].align, 0);
		ck_assert_mem_eq(l.elem, in + n, n);
		ck_assert_int_eq(shmreg_queue_release(&q, &l), 0);
		ck_assert_int_eq(shmreg_queue_pop(&q, out), 0);
		ck_assert_mem_eq(out, in + 2 * n, n);
		out[3 * n] = 0x5a;
		ck_assert_int_eq(shmreg_queue_push_batch(&q, in, 3, 3), 3);
		ck_assert_int_eq(shmreg_queue_pop_batch(&q, out, 3), 3);
		ck_assert_mem_eq(out, in, 3 * n);
		ck_assert_uint_eq(out[3 * n], 0x5a);
	}
	ck_assert(queue_is_clean(base, &shape));
	plain_unmap(base, &shape);
	free(in);
	free(out);
}
END_TEST

START_TEST(test_typed)
{
	const struct shmreg_shape shape =
	    shape_of(8, sizeof(struct item), SHMREG_ALIGNOF(struct item));
	const struct shmreg_shape wide =
	    shape_of(2, sizeof(struct wide), SHMREG_ALIGNOF(struct wide));
	struct item x = { 1, 2 }, y, several[3] = { { 3, 4 }, { 5, 6 }, { 7, 8 } };
	struct item_queue_lease l;
	struct wide_queue wq;
	struct item_queue q;
	static struct wide w, v;
	void *base = map(&shape), *base2 = map(&wide);

	queue_bind(&q.queue, base, &shape, 3);
	queue_bind(&wq.queue, base2, &wide, 3);
	ck_assert_int_eq(item_queue_push(&q, &x), 0);
	ck_assert_int_eq(item_queue_push_batch(&q, several, 3, 3), 3);
	ck_assert_uint_eq(item_queue_length(&q), 4);
	ck_assert_int_eq(item_queue_pop(&q, &y), 0);
	ck_assert_mem_eq(&x, &y, sizeof(x));
	ck_assert_int_eq(item_queue_acquire(&q, &l), 0);
	ck_assert_uint_eq(l.elem->check, 4);
	ck_assert_int_eq(item_queue_refuse(&q, &l), 0);
	ck_assert_ptr_null(l.elem);
	ck_assert_int_eq(item_queue_pop_batch(&q, several, 3), 1); /* a redelivered one alone */
	ck_assert_uint_eq(several[0].n, 3);
	ck_assert_int_eq(item_queue_pop_batch(&q, several, 3), 2);
	ck_assert_uint_eq(several[1].n, 7);
	ck_assert_int_eq(item_queue_reserve(&q, &l), 0);
	l.elem->n = 17;
	ck_assert_int_eq(item_queue_commit(&q, &l), 0);
	ck_assert_int_eq(item_queue_commit(&q, &l), -EINVAL);
	/* typed and untyped agree on where things are */
	ck_assert_int_eq(shmreg_queue_pop(item_queue_untyped(&q), &y), 0);
	ck_assert_uint_eq(y.n, 17);

	memset(&w, 0x77, sizeof(w));
	ck_assert_int_eq(wide_queue_push(&wq, &w), 0);
	ck_assert_int_eq(shmreg_queue_push(&wq.queue, &w), 0);
	ck_assert_int_eq(shmreg_queue_pop(&wq.queue, &v), 0);
	ck_assert_mem_eq(&v, &w, sizeof(v));
	memset(&v, 0, sizeof(v));
	ck_assert_int_eq(wide_queue_pop(&wq, &v), 0);
	ck_assert_mem_eq(&v, &w, sizeof(v));
	ck_assert(queue_is_clean(base, &shape));
	plain_unmap(base, &shape);
	plain_unmap(base2, &wide);
}
END_TEST

/* A compiler that knows the stride may find slots in another way: they are the same ones. */
START_TEST(test_typed_at_every_wrap)
{
	const uint64_t capacity = capacities[_i % N_CAPACITIES];
	const struct shmreg_shape shape = shape_of(capacity, 8, 8);
	struct number_queue q;
	void *base = map(&shape);
	uint64_t i, lap, x;

	queue_seed(base, &shape, starts[_i / N_CAPACITIES]);
	queue_bind(&q.queue, base, &shape, 1);
	for (lap = 0; lap < 3; lap++) {
		for (i = 0; i < capacity; i++) {
			x = 100 * lap + i;
			ck_assert_int_eq(i & 1 ? number_queue_push(&q, &x) :
						 shmreg_queue_push(&q.queue, &x), 0);
		}
		for (i = 0; i < capacity; i++) {
			ck_assert_int_eq(i & 2 ? number_queue_pop(&q, &x) :
						 shmreg_queue_pop(&q.queue, &x), 0);
			ck_assert_uint_eq(x, 100 * lap + i);
		}
		/* shift against the lap */
		x = 7;
		ck_assert_int_eq(number_queue_push(&q, &x), 0);
		ck_assert_int_eq(number_queue_pop(&q, &x), 0);
	}
	ck_assert(queue_is_clean(base, &shape));
	plain_unmap(base, &shape);
}
END_TEST

static void look_in_vain(struct shmreg_queue *q)
{
	for (int i = 0; i < 3; i++)
		expect_empty(q);
}

/* Who has looked in vain sees whatever comes to the place where it looked. */
START_TEST(test_looks_again)
{
	const uint64_t capacity = capacities[_i % N_CAPACITIES];
	const struct shmreg_shape shape = shape_of(capacity, 8, 8);
	struct shmreg_queue a, b;
	struct shmreg_queue_lease lease;
	uint64_t i, pos, two[2] = { 1, 2 };
	void *base = map(&shape);

	queue_seed(base, &shape, starts[_i / N_CAPACITIES]);
	queue_bind(&a, base, &shape, 1);
	queue_bind(&b, base, &shape, 2);
	for (i = 0; i < 3 * capacity; i++) {
		push(&b, i);
		expect(&a, i);
		look_in_vain(&a);
		/* an element */
		push(&b, i);
		expect(&a, i);
		look_in_vain(&a);
		/* several: as many as are asked for */
		ck_assert_int_eq(shmreg_queue_push_batch(&b, two, 2, 2), 2);
		ck_assert_int_eq(shmreg_queue_pop_batch(&a, two, 2), 2);
		ck_assert_uint_eq(two[0], 1);
		push(&b, i);
		expect(&a, i);
		look_in_vain(&a);
		/* one that is not finished, and never will be */
		ck_assert_int_eq(shmreg_queue_reserve(&b, &lease), 0);
		look_in_vain(&a);
		ck_assert_int_eq(shmreg_queue_abort(&b, &lease), 0);
		look_in_vain(&a);
		push(&b, i);
		expect(&a, i);
		look_in_vain(&a);
		/* what others take */
		push(&b, i);
		expect(&b, i);
		look_in_vain(&a);
		push(&b, i);
		expect(&a, i);
		look_in_vain(&a);
		/* what another has claimed, and does not take before long */
		push(&b, i);
		ck_assert_int_eq(shmreg_queue_claim_pop(&b, 1, &pos), 1);
		look_in_vain(&a);
		shmreg_store_release(shmreg_queue_word_(shmreg_queue_slot_(&b, pos, b.stride)),
				     (pos & b.lap_mask) + b.lap);
		push(&b, i);
		expect(&a, i);
		look_in_vain(&a);
		/* what comes back */
		push(&b, i);
		ck_assert_int_eq(shmreg_queue_acquire(&b, &lease), 0);
		look_in_vain(&a);
		ck_assert_int_eq(shmreg_queue_refuse(&b, &lease), 0);
		expect(&a, i);
		look_in_vain(&a);
	}
	ck_assert(queue_is_clean(base, &shape));
	plain_unmap(base, &shape);
}
END_TEST

/* So long after that positions have come round, FREE(p) is also what is before the head gets to p. */
START_TEST(test_looks_again_much_later)
{
	const struct shmreg_shape shape = shape_of(4, 8, 8);
	struct shmreg_queue_shm *shm;
	struct shmreg_queue a, b;
	void *base = map(&shape);
	uint64_t head, tail;

	shm = base;
	queue_bind(&a, base, &shape, 1);
	queue_bind(&b, base, &shape, 2);
	for (uint64_t i = 0; i < 6; i++) {
		push(&b, i);
		expect(&b, i);
	}
	tail = shm->tail;
	head = shm->head;
	push(&b, 6);
	expect(&a, 6);
	look_in_vain(&a);
	/* the one before is there again, and its consumer was b */
	shm->tail = tail;
	shm->head = head - (UINT64_C(1) << SHMREG_QUEUE_POS_SHIFT);
	*shmreg_queue_word_(shmreg_queue_slot_(&b, shm->head, b.stride)) =
		(shm->head & b.lap_mask) | SHMREG_QUEUE_READY;
	*shmreg_queue_word_(shmreg_queue_slot_(&b, tail, b.stride)) = tail & b.lap_mask;
	*shmreg_queue_word_(shmreg_queue_slot_(&b, a.popped, b.stride)) = a.popped & b.lap_mask;
	expect(&a, 5);
	plain_unmap(base, &shape);
}
END_TEST

/* Without a seat, or wiped by fork: nothing is touched, and the reason is told. */
START_TEST(test_unusable)
{
	const struct shmreg_shape shape = shape_of(4, 8, 8);
	struct shmreg_queue_lease l = { NULL, 0 };
	struct shmreg_queue_stats stats = { .size = sizeof(stats) };
	struct shmreg_queue q;
	void *base = map(&shape);
	uint64_t x = 0;
	int i;

	for (i = 0; i < 2; i++) {
		const int error = i == 0 ? -EROFS : -ECHILD;

		if (i == 0)
			queue_bind(&q, base, &shape, 0);
		else
			memset(&q, 0, sizeof(q));
		ck_assert_int_eq(shmreg_queue_push(&q, &x), error);
		ck_assert_int_eq(shmreg_queue_pop(&q, &x), error);
		ck_assert_int_eq(shmreg_queue_push_batch(&q, &x, 1, 1), error);
		ck_assert_int_eq(shmreg_queue_pop_batch(&q, &x, 1), error);
		ck_assert_int_eq(shmreg_queue_reserve(&q, &l), error);
		ck_assert_int_eq(shmreg_queue_commit(&q, &l), error);
		ck_assert_int_eq(shmreg_queue_abort(&q, &l), error);
		ck_assert_int_eq(shmreg_queue_acquire(&q, &l), error);
		ck_assert_int_eq(shmreg_queue_release(&q, &l), error);
		ck_assert_int_eq(shmreg_queue_refuse(&q, &l), error);
		ck_assert_uint_eq(shmreg_queue_length(&q), 0);
		ck_assert_int_eq(shmreg_queue_stat(&q, &stats), i == 0 ? 0 : -ECHILD);
	}
	ck_assert(queue_is_clean(base, &shape));
	plain_unmap(base, &shape);
}
END_TEST

static int count_holders(void *data, const struct shmreg_queue_holder *holder)
{
	struct shmreg_queue_holder *seen = data;

	seen[holder->position & 3] = *holder;
	return 0;
}

static int stop_at_first(void *data, const struct shmreg_queue_holder *holder)
{
	(void)data;
	(void)holder;
	return 42;
}

START_TEST(test_stat_and_holders)
{
	const struct shmreg_shape shape = shape_of(4, 8, 8);
	struct shmreg_queue_holder seen[4] = { { 0, 0, 0, 0 } };
	struct { struct shmreg_queue_stats stats; uint64_t more; } big;
	struct shmreg_queue_stats stats;
	struct shmreg_queue_lease l, m;
	struct shmreg_queue q, look;
	void *base = map(&shape);

	queue_seed(base, &shape, 1000);
	queue_bind(&q, base, &shape, 9);
	queue_bind(&look, base, &shape, 0);
	push(&q, 1);
	push(&q, 2);
	ck_assert_int_eq(shmreg_queue_acquire(&q, &l), 0);
	ck_assert_int_eq(shmreg_queue_reserve(&q, &m), 0);
	stats.size = sizeof(stats);
	ck_assert_int_eq(shmreg_queue_stat(&look, &stats), 0);
	ck_assert_uint_eq(stats.capacity, 4);
	ck_assert_uint_eq(stats.length, 2);
	ck_assert_uint_eq(stats.n_claimed, 1003);
	ck_assert_uint_eq(stats.n_passed, 1001);
	memset(&big, 0x55, sizeof(big));
	big.stats.size = sizeof(big);
	ck_assert_int_eq(shmreg_queue_stat(&look, &big.stats), 0);
	ck_assert_uint_eq(big.more, 0);
	big.stats.size = 3;
	ck_assert_int_eq(shmreg_queue_stat(&look, &big.stats), -EINVAL);

	ck_assert_int_eq(shmreg_queue_holders(&look, count_holders, seen), 0);
	ck_assert_uint_eq(seen[0].position, 1000);
	ck_assert_uint_eq(seen[0].seat, 9);
	ck_assert_uint_eq(seen[0].n, 1);
	ck_assert_uint_eq(seen[0].state, SHMREG_QUEUE_READING);
	ck_assert_uint_eq(seen[2].position, 1002);
	ck_assert_uint_eq(seen[2].state, SHMREG_QUEUE_WRITING);
	ck_assert_uint_eq(seen[1].position, 0);
	ck_assert_int_eq(shmreg_queue_holders(&look, stop_at_first, NULL), 42);
	ck_assert_int_eq(shmreg_queue_refuse(&q, &l), 0);
	ck_assert_int_eq(shmreg_queue_holders(&look, count_holders, seen), 0);
	ck_assert_uint_eq(seen[0].state, SHMREG_QUEUE_REDEL);
	ck_assert_uint_eq(seen[0].seat, 0);
	plain_unmap(base, &shape);
}
END_TEST

/* Slots that were never used are not even read: the memory of a huge queue stays away. */
START_TEST(test_sparse_stays_sparse)
{
	const struct shmreg_shape shape = shape_of(UINT64_C(1) << 30, 8, 8);
	struct shmreg_queue_lease l;
	struct shmreg_queue q;
	void *base = map(&shape);
	uint64_t i;

	queue_bind(&q, base, &shape, 1);
	for (i = 0; i < 100; i++) {
		push(&q, i);
		ck_assert_int_eq(shmreg_queue_acquire(&q, &l), 0);
		ck_assert_int_eq(shmreg_queue_refuse(&q, &l), 0);
		expect(&q, i);
	}
	ck_assert_uint_eq(((struct shmreg_queue_shm *)base)->lapped, 0);
	plain_unmap(base, &shape);
}
END_TEST

/* A producer that never leaves the fast path still says so before the tail gets small again. */
START_TEST(test_lapped_is_set_in_time)
{
	const struct shmreg_shape shape = shape_of(4, 8, 8);
	struct shmreg_queue_shm *shm;
	struct shmreg_queue q;
	void *base = map(&shape);
	uint64_t i;

	queue_seed(base, &shape, 256 - 2);
	shm = base;
	queue_bind(&q, base, &shape, 5);
	for (i = 0; i < 4; i++) {
		push(&q, i);
		/* its first claim was not by the fast path */
		if (i == 0)
			shm->lapped = 0;
		ck_assert_uint_eq(shm->lapped, i < 2 ? 0 : 1);
	}
	plain_unmap(base, &shape);
}
END_TEST

/* Looked at once in 256 positions, and whenever it is full. */
START_TEST(test_high_water)
{
	const struct shmreg_shape shape = shape_of(64, 8, 8);
	struct shmreg_queue_stats stats = { .size = sizeof(stats) };
	struct shmreg_queue_shm *shm;
	struct shmreg_queue q, other;
	void *base = map(&shape);
	uint64_t i, x = 0;

	shm = base;
	queue_bind(&q, base, &shape, 5);
	queue_bind(&other, base, &shape, 6);
	/* 10 in it, on and on: what is sampled; and one that comes late samples, too */
	for (i = 0; i < 10; i++)
		push(&q, i);
	ck_assert_int_eq(shmreg_queue_stat(&q, &stats), 0);
	ck_assert_uint_eq(stats.high_water, 10);
	for (; i < 300; i++) {
		expect(&q, i - 10);
		push(&q, i);
	}
	ck_assert_uint_eq(shm->high, 10);
	push(&other, i);
	ck_assert_uint_eq(shm->high, 11);
	while (shmreg_queue_pop(&q, &x) == 0)
		;
	ck_assert_int_eq(shmreg_queue_stat(&q, &stats), 0);
	ck_assert_uint_eq(stats.length, 0);
	ck_assert_uint_eq(stats.high_water, 11);
	/* full: not before somebody was refused */
	for (i = 0; i < 64; i++)
		push(&q, i);
	ck_assert_int_eq(shmreg_queue_push_batch(&q, &x, 1, 1), -EAGAIN);
	ck_assert_uint_eq(shm->high, 64);
	/* nonsense is not repeated */
	shm->high = UINT64_MAX;
	expect(&q, 0);
	ck_assert_int_eq(shmreg_queue_stat(&q, &stats), 0);
	ck_assert_uint_eq(stats.high_water, 64);
	plain_unmap(base, &shape);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("queue");

	tcase_add_test(c, test_zero_is_empty);
	tcase_add_loop_test(c, test_fifo_full_empty_at_every_wrap, 0, N_STARTS * N_CAPACITIES);
	tcase_add_loop_test(c, test_batch, 0, N_STARTS * N_CAPACITIES);
	tcase_add_loop_test(c, test_sizes_and_alignments, 0,
			    (int)(sizeof(elems) / sizeof(*elems)));
	tcase_add_test(c, test_typed);
	tcase_add_loop_test(c, test_typed_at_every_wrap, 0, N_STARTS * N_CAPACITIES);
	tcase_add_loop_test(c, test_looks_again, 0, N_STARTS * N_CAPACITIES);
	tcase_add_test(c, test_looks_again_much_later);
	tcase_add_test(c, test_unusable);
	tcase_add_test(c, test_stat_and_holders);
	tcase_add_test(c, test_sparse_stays_sparse);
	tcase_add_test(c, test_lapped_is_set_in_time);
	tcase_add_test(c, test_high_water);
	tcase_set_timeout(c, 0);
	return run_case("queue", c);
}
