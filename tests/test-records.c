/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "ring-plain.h"
#include "suite.h"

/* A ring of records by itself: order, room, padding, bulk, places, counts, wraps, misuse. */

static struct shmreg_shape shape;
static unsigned char *base;
static struct shmreg_record_producer p;
static struct shmreg_record_consumer c;

static void begin(uint64_t capacity, uint64_t start)
{
	shape = record_shape(capacity);
	base = ring_map(&shape, start);
	ck_assert(record_producer_bind(&p, base, &shape, 1));
	ck_assert(record_consumer_bind(&c, base, &shape, 4095));
}

static void fill(unsigned char *data, uint64_t seq, size_t bytes)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		data[i] = (unsigned char)(seq * 7 + i);
}

static int push(uint64_t seq, size_t bytes)
{
	unsigned char data[2048];

	fill(data, seq, bytes);
	return shmreg_record_push(&p, data, bytes);
}

static void expect(uint64_t seq, size_t bytes)
{
	unsigned char data[2048 + 1], want[2048];
	size_t got = 99;

	fill(want, seq, bytes);
	data[bytes] = 0x5a;
	ck_assert_int_eq(shmreg_record_pop(&c, data, bytes, &got), 0);
	ck_assert_uint_eq(got, bytes);
	ck_assert_mem_eq(data, want, bytes);
	ck_assert_uint_eq(data[bytes], 0x5a);
}

static void expect_empty(void)
{
	unsigned char data[8];
	size_t got = 99;

	ck_assert_int_eq(shmreg_record_pop(&c, data, sizeof(data), &got), -EAGAIN);
	ck_assert_uint_eq(got, 99);
}

static struct shmreg_ring_stats stats_now(void)
{
	struct shmreg_ring_stats stats = { .size = sizeof(stats) };

	ck_assert_int_eq(shmreg_ring_stat(&p.ring, &stats), 0);
	return stats;
}

/* The longest record fits into an empty ring wherever the tail is, and a longer one never. */
START_TEST(longest_always_fits)
{
	const uint64_t capacity = UINT64_C(64) << _i % 3, start = record_starts[_i / 3];
	uint64_t offset;
	size_t max;

	for (offset = 0; offset < capacity; offset += 8) {
		begin(capacity, start + offset);
		max = (size_t)shmreg_record_max(&p.ring);
		ck_assert_uint_eq(max, capacity / 2 - 8);
		ck_assert_int_eq(push(0, max + 1), -EMSGSIZE);
		ck_assert_int_eq(push(offset, max), 0);
		expect(offset, max);
		expect_empty();
		ck_assert_uint_eq(shmreg_ring_length(&c.ring), 0);
		plain_unmap(base, &shape);
	}
}
END_TEST

/* Records of all sizes, the ring now empty, now full, against a list of what must be in it. */
START_TEST(sizes_at_every_wrap)
{
	const uint64_t capacity = UINT64_C(64) << _i % 4;
	uint64_t written = 0, read = 0, bytes, x = (uint64_t)_i, limit = 1, record[64], used;
	size_t max, n;
	int r;

	begin(capacity, record_starts[_i / 4]);
	max = (size_t)shmreg_record_max(&p.ring);
	expect_empty();
	for (bytes = 0; bytes < 10000;) {
		x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
		n = (size_t)(x >> 33) % (max + 1);
		used = shmreg_ring_length(&c.ring);
		r = push(written, n);
		if (r == 0) {
			ck_assert_uint_lt(written - read, 64);
			record[written++ % 64] = n;
			bytes += n + 8;
		} else {
			ck_assert_int_eq(r, -EAGAIN);
			/* there was too little room, padding included: (M1) */
			ck_assert_uint_gt(used + 2 * ((n + 15) & ~7u), capacity);
		}
		if ((x >> 20) % 1000 == 0 || r < 0)
			limit = (x >> 40) % 9;
		while (written - read > limit) {
			expect(read, (size_t)record[read % 64]);
			read++;
		}
	}
	while (written != read) {
		expect(read, (size_t)record[read % 64]);
		read++;
	}
	expect_empty();
	ck_assert_uint_eq(stats_now().n_records_written, written);
	ck_assert_uint_eq(stats_now().n_records_read, read);
	ck_assert_uint_eq(shmreg_ring_length(&c.ring), 0);
	plain_unmap(base, &shape);
}
END_TEST

START_TEST(too_long_stays)
{
	unsigned char data[16];
	size_t got = 99;

	begin(64, record_starts[_i]);
	ck_assert_int_eq(push(1, 10), 0);
	memset(data, 0x77, sizeof(data));
	ck_assert_int_eq(shmreg_record_pop(&c, data, 9, &got), -EMSGSIZE);
	ck_assert_uint_eq(got, 10);
	ck_assert_int_eq(shmreg_record_peek(&c, 0, data, 0, &got), -EMSGSIZE);
	ck_assert_uint_eq(got, 10);
	ck_assert_uint_eq(data[0], 0x77);
	expect(1, 10);
	/* Also one that it has seen to be there before. */
	ck_assert_int_eq(push(2, 0), 0);
	ck_assert_int_eq(push(3, 10), 0);
	expect(2, 0);
	ck_assert_int_eq(shmreg_record_pop(&c, data, 9, &got), -EMSGSIZE);
	ck_assert_uint_eq(got, 10);
	ck_assert_uint_eq(data[0], 0x77);
	expect(3, 10);
	plain_unmap(base, &shape);
}
END_TEST

START_TEST(bulk)
{
	unsigned char data[8][64];
	struct shmreg_record records[9];
	uint64_t i;

	begin(256, record_starts[_i]);
	for (i = 0; i < 8; i++) {
		fill(data[i], i, sizeof(data[i]));
		records[i] = (struct shmreg_record){ data[i], 10 };	/* takes 24 */
	}
	records[8] = records[7];
	ck_assert_int_eq(shmreg_record_push_bulk(&p, records, 0, 0), 0);
	ck_assert_int_eq(shmreg_record_push_bulk(&p, records, 2, 3), -EINVAL);
	ck_assert_int_eq(shmreg_record_push_bulk(&p, records, 8, 6), -EMSGSIZE);	/* 144 > 128 */
	ck_assert_int_eq(shmreg_record_push_bulk(&p, records, 5, 5), 5);
	for (i = 0; i < 5; i++)
		expect(i, 10);
	/* All of them, with the padding, and then no more. */
	ck_assert_int_eq(shmreg_record_push_bulk(&p, records, 9, 0), 9);
	ck_assert_int_eq(shmreg_record_push_bulk(&p, records, 5, 5), -EAGAIN);
	for (i = 0; i < 9; i++)
		ck_assert_int_eq(shmreg_record_skip(&c, 1), 1);
	expect_empty();
	/* One that is too long is refused when its turn comes. */
	records[2].bytes = 121;
	ck_assert_int_eq(shmreg_record_push_bulk(&p, records, 5, 3), -EMSGSIZE);
	expect_empty();
	ck_assert_int_eq(shmreg_record_push_bulk(&p, records, 5, 1), 2);
	ck_assert_int_eq(shmreg_record_push_bulk(&p, records + 2, 3, 0), -EMSGSIZE);
	expect(0, 10);
	expect(1, 10);
	expect_empty();
	/* All or none: nothing of what was refused is seen, wherever it would have lain. */
	records[2].bytes = 10;
	for (i = 0; i < 100; i++) {
		ck_assert_int_eq(push(i, (size_t)(i % 100)), 0);
		if (shmreg_record_push_bulk(&p, records, 5, 5) == 5)
			ck_assert_int_eq(shmreg_record_clear(&c), 6);
		else
			expect(i, (size_t)(i % 100));
		expect_empty();
	}
	plain_unmap(base, &shape);
}
END_TEST

START_TEST(in_place)
{
	unsigned char want[64] = { 0 };
	const struct shmreg_record three[3] = { { want, 1 }, { want, 1 }, { want, 1 } };
	const void *view;
	uint64_t i, n;
	size_t got;
	void *place;

	begin(128, record_starts[_i]);
	ck_assert_int_eq(shmreg_record_commit(&p, 0), -EINVAL);
	ck_assert_int_eq(shmreg_record_consume(&c), -EINVAL);
	for (i = 0; i < 200; i++) {
		n = i * 13 % 57;
		ck_assert_int_eq(shmreg_record_reserve(&p, &place, 56), 0);
		ck_assert_uint_eq((uintptr_t)place % 8, 0);
		fill(place, i, (size_t)n);
		expect_empty();
		ck_assert_int_eq(shmreg_record_commit(&p, 57), -EINVAL);
		ck_assert_int_eq(shmreg_record_commit(&p, (size_t)n), 0);
		ck_assert_int_eq(shmreg_record_commit(&p, 0), -EINVAL);	/* over */
		ck_assert_int_eq(shmreg_record_view(&c, &view, &got), 0);
		ck_assert_uint_eq((uintptr_t)view % 8, 0);
		ck_assert_uint_eq(got, n);
		fill(want, i, (size_t)n);
		ck_assert_mem_eq(view, want, (size_t)n);
		ck_assert_int_eq(shmreg_record_consume(&c), 0);
		ck_assert_int_eq(shmreg_record_consume(&c), -EINVAL);
	}
	ck_assert_int_eq(shmreg_record_reserve(&p, &place, 57), -EMSGSIZE);
	/* something else in between: what was given is not given any more */
	ck_assert_int_eq(shmreg_record_reserve(&p, &place, 56), 0);
	ck_assert_int_eq(push(5, 3), 0);
	ck_assert_int_eq(shmreg_record_commit(&p, 3), -EINVAL);
	ck_assert_int_eq(shmreg_record_view(&c, &view, &got), 0);
	expect(5, 3);
	ck_assert_int_eq(shmreg_record_consume(&c), -EINVAL);
	ck_assert_int_eq(shmreg_record_view(&c, &view, &got), -EAGAIN);
	/* ...nor after what was not pushed for want of room, but has been written there */
	for (i = 0; i < 6; i++)
		ck_assert_int_eq(push(i, 1), 0);
	ck_assert_int_eq(shmreg_record_reserve(&p, &place, 1), 0);
	ck_assert_int_eq(shmreg_record_push_bulk(&p, three, 3, 3), -EAGAIN);
	ck_assert_int_eq(shmreg_record_commit(&p, 1), -EINVAL);
	ck_assert_int_eq(shmreg_record_clear(&c), 6);
	/* A reservation that is not used, but for its padding, leaves nothing behind. */
	while (shmreg_record_reserve(&p, &place, 24) == 0 && push(6, 1) == 0)
		;
	while (shmreg_record_skip(&c, 1) == 1)
		;
	expect_empty();
	plain_unmap(base, &shape);
}
END_TEST

START_TEST(peek_skip_clear)
{
	unsigned char data[64], want[64];
	uint64_t i, round;
	size_t got;

	begin(512, record_starts[_i]);
	ck_assert_int_eq(shmreg_record_skip(&c, 1), -EAGAIN);
	ck_assert_int_eq(shmreg_record_skip(&c, 0), 0);
	ck_assert_int_eq(shmreg_record_clear(&c), 0);
	for (round = 0; round < 40; round++) {
		for (i = 0; i < 7; i++)
			ck_assert_int_eq(push(i, (size_t)(i + round)), 0);
		for (i = 0; i < 7; i++) {
			ck_assert_int_eq(shmreg_record_peek(&c, i, data, 64, &got), 0);
			ck_assert_uint_eq(got, i + round);
			fill(want, i, got);
			ck_assert_mem_eq(data, want, got);
		}
		ck_assert_int_eq(shmreg_record_peek(&c, 7, data, 64, &got), -EAGAIN);
		ck_assert_int_eq(shmreg_record_peek(&c, UINT64_MAX, data, 64, &got), -EAGAIN);
		ck_assert_int_eq(shmreg_record_skip(&c, 2), 2);
		expect(2, (size_t)(2 + round));
		ck_assert_int_eq(shmreg_record_skip(&c, 1), 1);
		expect(4, (size_t)(4 + round));
		if (round & 1)
			ck_assert_int_eq(shmreg_record_clear(&c), 2);
		else
			ck_assert_int_eq(shmreg_record_skip(&c, 100), 2);
		expect_empty();
	}
	ck_assert_uint_eq(stats_now().n_skipped, 40 * 5);
	ck_assert_uint_eq(stats_now().n_records_written, 40 * 7);
	ck_assert_uint_eq(stats_now().n_records_read, 40 * 7);
	plain_unmap(base, &shape);
}
END_TEST

START_TEST(stat)
{
	struct shmreg_ring_stats stats;
	uint64_t n;

	begin(64, 0);
	ck_assert_int_eq(push(1, 1), 0);
	ck_assert_int_eq(push(2, 9), 0);
	ck_assert_int_eq(push(3, 8), 0);
	expect(1, 1);
	stats = stats_now();
	ck_assert_uint_eq(stats.capacity, 64);
	ck_assert_uint_eq(stats.length, 24 + 16);
	ck_assert_uint_eq(stats.n_written, 16 + 24 + 16);
	ck_assert_uint_eq(stats.n_read, 16);
	ck_assert_uint_eq(stats.n_records_written, 3);
	ck_assert_uint_eq(stats.n_records_read, 1);
	ck_assert_uint_eq(stats.high, 56);
	ck_assert_uint_eq(stats.producer, 1);
	ck_assert_uint_eq(stats.consumer, 4095);
	for (n = 0; n < 5; n++)
		ck_assert_int_eq(push(4, 24), -EAGAIN);
	ck_assert_uint_eq(stats_now().n_full, 1);
	/* A successor finds the counts of its predecessor. */
	((struct shmreg_ring_shm *)(void *)base)->producer = 0;
	((struct shmreg_ring_shm *)(void *)base)->consumer = 0;
	ck_assert(record_producer_bind(&p, base, &shape, 7));
	ck_assert(record_consumer_bind(&c, base, &shape, 8));
	expect(2, 9);
	ck_assert_int_eq(push(4, 2), 0);
	ck_assert_uint_eq(stats_now().n_records_written, 4);
	ck_assert_uint_eq(stats_now().n_records_read, 2);
	ck_assert_uint_eq(stats_now().producer, 7);
	plain_unmap(base, &shape);
}
END_TEST

START_TEST(wiped)
{
	const struct shmreg_record record = { "x", 1 };
	unsigned char data[8] = { 0 };
	const void *view;
	size_t got;
	void *place;

	memset(&p, 0, sizeof(p));
	memset(&c, 0, sizeof(c));
	ck_assert_int_eq(shmreg_record_push(&p, data, 0), -ECHILD);
	ck_assert_int_eq(shmreg_record_push(&p, data, 8), -ECHILD);
	ck_assert_int_eq(shmreg_record_push_bulk(&p, &record, 1, 1), -ECHILD);
	ck_assert_int_eq(shmreg_record_reserve(&p, &place, 0), -ECHILD);
	ck_assert_int_eq(shmreg_record_commit(&p, 0), -ECHILD);
	ck_assert_int_eq(shmreg_record_pop(&c, data, 8, &got), -ECHILD);
	ck_assert_int_eq(shmreg_record_peek(&c, 0, data, 8, &got), -ECHILD);
	ck_assert_int_eq(shmreg_record_peek(&c, 9, data, 8, &got), -ECHILD);
	ck_assert_int_eq(shmreg_record_view(&c, &view, &got), -ECHILD);
	ck_assert_int_eq(shmreg_record_consume(&c), -ECHILD);
	ck_assert_int_eq(shmreg_record_skip(&c, 0), -ECHILD);
	ck_assert_int_eq(shmreg_record_skip(&c, 1), -ECHILD);
	ck_assert_int_eq(shmreg_record_clear(&c), -ECHILD);
	ck_assert_uint_eq(shmreg_record_max(&c.ring), 0);
}
END_TEST

START_TEST(sparse_stays_sparse)
{
	begin(UINT64_C(1) << 34, 0);
	ck_assert_uint_eq(shmreg_record_max(&p.ring), SHMREG_RECORD_MAX);
	ck_assert_int_eq(push(1, 100), 0);
	expect(1, 100);
	plain_unmap(base, &shape);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("records");

	tcase_add_loop_test(t, longest_always_fits, 0, 3 * N_RECORD_STARTS);
	tcase_add_loop_test(t, sizes_at_every_wrap, 0, 4 * N_RECORD_STARTS);
	tcase_add_loop_test(t, too_long_stays, 0, N_RECORD_STARTS);
	tcase_add_loop_test(t, bulk, 0, N_RECORD_STARTS);
	tcase_add_loop_test(t, in_place, 0, N_RECORD_STARTS);
	tcase_add_loop_test(t, peek_skip_clear, 0, N_RECORD_STARTS);
	tcase_add_test(t, stat);
	tcase_add_test(t, wiped);
	tcase_add_test(t, sparse_stays_sparse);
	tcase_set_timeout(t, 0);
	return run_case("records", t);
}
