/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>

#include "copy-long.h"
#include "random.h"
#include "records-long.h"
#include "ring-plain.h"
#include "suite.h"

/* Long records: how they are copied, by which way, and that nothing depends on it. */

#define CAPACITY UINT64_C(16384)
#define LONGEST (CAPACITY / 2 - 8)
#define LENGTH_MAX 4096

static struct shmreg_shape shape;
static unsigned char *base;
static struct shmreg_record_producer p;
static struct shmreg_record_consumer c;

static void begin(uint64_t start, uint32_t around)
{
	shape = record_shape(CAPACITY);
	base = ring_map(&shape, start);
	ck_assert(record_producer_bind(&p, base, &shape, 1));
	ck_assert(record_consumer_bind(&c, base, &shape, 2));
	p.way.around = around;
	p.way.left = UINT32_MAX;	/* no trials */
}

static void fill(unsigned char *data, uint64_t seq, size_t bytes)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		data[i] = (unsigned char)(seq * 31 + i + i / 256 * 5);
}

static size_t length_of(uint64_t seq)
{
	return (size_t)(seq * 1237 % LENGTH_MAX);
}

/* --- the copies --------------------------------------------------------------------------- */

static void (*const copies[])(void *to, const void *from, size_t n) = {
	copy_ahead, copy_around, copy_fresh,
};

static unsigned char source[LENGTH_MAX + 128];

static void check_copy(size_t to, size_t from, size_t n)
{
	static unsigned char target[LENGTH_MAX + 192], want[sizeof(target)];
	const size_t all = to + n + 64;
	size_t i;

	for (i = 0; i < sizeof(copies) / sizeof(*copies); i++) {
		memset(target, 0xa5, all);
		memset(want, 0xa5, all);
		memcpy(want + to, source + from, n);
		copies[i](target + to, source + from, n);
		ck_assert_mem_eq(target, want, all);
	}
}

/* Each byte, and no other, wherever the two begin in a line. */
START_TEST(copies_all)
{
	size_t to, from, n;

	fill(source, 0, sizeof(source));
	for (to = 0; to < 64; to += 1 + to % 3)
		for (from = 0; from < 64; from += 3 + from % 5)
			for (n = 0; n < 200; n++)
				check_copy(to, from, n);
	for (n = 200; n <= LENGTH_MAX; n += 61)
		check_copy(n % 64, n / 64 % 64, n);
}
END_TEST

/* --- records ------------------------------------------------------------------------------ */

/* As long as can be, and a byte more than short, one after the other, around the end. */
START_TEST(come_whole)
{
	static unsigned char data[LONGEST + 1], got[LONGEST + 1];
	static const size_t lengths[] = { RECORD_SHORT, RECORD_SHORT + 1, LONGEST, 3000, 5 };
	size_t bytes, n;
	uint64_t i;

	begin(record_starts[_i / 2], (uint32_t)_i % 2);
	for (i = 0; i < 40; i++) {
		n = lengths[i % 5];
		fill(data, i, n);
		ck_assert_int_eq(shmreg_record_push(&p, data, n), 0);
		memset(got, 0xa5, sizeof(got));
		bytes = 99;
		ck_assert_int_eq(shmreg_record_peek(&c, 0, got, n, &bytes), 0);
		ck_assert_uint_eq(bytes, n);
		ck_assert_mem_eq(got, data, n);
		memset(got, 0xa5, sizeof(got));
		ck_assert_int_eq(shmreg_record_pop(&c, got, n - 1, &bytes), -EMSGSIZE);
		ck_assert_uint_eq(bytes, n);
		ck_assert_uint_eq(got[0], 0xa5);
		ck_assert_int_eq(shmreg_record_pop(&c, got, n, &bytes), 0);
		ck_assert_uint_eq(bytes, n);
		ck_assert_mem_eq(got, data, n);
		ck_assert_uint_eq(got[n], 0xa5);
	}
	ck_assert_int_eq(shmreg_record_pop(&c, got, 1, &bytes), -EAGAIN);
	ck_assert_int_eq(shmreg_record_push(&p, data, LONGEST + 1), -EMSGSIZE);
	ck_assert_uint_eq(shmreg_ring_length(&c.ring), 0);
	plain_unmap(base, &shape);
}
END_TEST

START_TEST(come_in_bulk)
{
	static unsigned char data[2][3000], got[3000];
	const struct shmreg_record records[] = { { data[0], 3000 }, { data[1], 2500 } };
	size_t bytes;

	begin(CAPACITY - 2600, (uint32_t)_i);
	fill(data[0], 1, 3000);
	fill(data[1], 2, 2500);
	ck_assert_int_eq(shmreg_record_push_bulk(&p, records, 2, 2), 2);
	ck_assert_int_eq(shmreg_record_pop(&c, got, sizeof(got), &bytes), 0);
	ck_assert_uint_eq(bytes, 3000);
	ck_assert_mem_eq(got, data[0], bytes);
	ck_assert_int_eq(shmreg_record_pop(&c, got, sizeof(got), &bytes), 0);
	ck_assert_uint_eq(bytes, 2500);
	ck_assert_mem_eq(got, data[1], bytes);
	plain_unmap(base, &shape);
}
END_TEST

/* What is pushed until there is no room, and then taken, leaves room for the same again. */
START_TEST(full_is_full)
{
	static unsigned char data[5000], got[5000];
	size_t bytes;
	int round, i;

	begin(0, 0);
	for (round = 0; round < 5; round++) {
		for (i = 0; i < 2; i++)
			ck_assert_int_eq(shmreg_record_push(&p, data, sizeof(data)), 0);
		/* Each time the padding is elsewhere. */
		while (shmreg_record_push(&p, data, sizeof(data)) == 0)
			i++;
		ck_assert_int_le(i, 3);
		ck_assert_int_eq(shmreg_record_push(&p, data, sizeof(data)), -EAGAIN);
		while (i-- > 0)
			ck_assert_int_eq(shmreg_record_pop(&c, got, sizeof(got), &bytes), 0);
		ck_assert_int_eq(shmreg_record_pop(&c, got, sizeof(got), &bytes), -EAGAIN);
	}
	plain_unmap(base, &shape);
}
END_TEST

/* --- which way ------------------------------------------------------------------------------ */

static struct shmreg_record_way way_now(uint32_t around)
{
	struct shmreg_record_way way;

	record_way_prepare(&way);
	ck_assert_uint_eq(way.around, 0);
	way.around = around;
	return way;
}

/* Only what is twice as fast is taken, and only a third faster is the way back. */
START_TEST(a_better_way)
{
	static const struct {
		uint32_t around;
		uint64_t mine, other;
		uint32_t changes;
	} cases[] = {
		{ 0, 1000, 501, 0 }, { 0, 1000, 500, 1 }, { 0, 1000, 1, 1 },   { 0, 500, 1000, 0 },
		{ 1, 1000, 750, 0 }, { 1, 1000, 749, 1 }, { 1, 500, 1000, 0 },
	};
	const uint32_t before = cases[_i].around, after = before ^ cases[_i].changes;
	struct shmreg_record_way way = way_now(before);
	int i;

	for (i = 0; i < 3; i++) {
		ck_assert_uint_eq(way.around, before);
		record_way_judge(&way, cases[_i].mine, cases[_i].other);
	}
	ck_assert_uint_eq(way.around, after);
	ck_assert_uint_eq(way.votes, 0);
}
END_TEST

/* One trial may err, two may; what was as expected in between begins anew. */
START_TEST(three_in_a_row)
{
	struct shmreg_record_way way = way_now(0);
	int i;

	for (i = 0; i < 2; i++) {
		record_way_judge(&way, 100, 10);
		ck_assert_uint_eq(way.left, 1);	/* at once */
		record_way_judge(&way, 100, 10);
		ck_assert_uint_eq(way.left, 1);
		record_way_judge(&way, 100, 100);
		ck_assert_uint_gt(way.left, 1);
		ck_assert_uint_eq(way.around, 0);
	}
}
END_TEST

/* What stays as it is, is asked for less and less often, but not never. */
START_TEST(trials_become_rare)
{
	struct shmreg_record_way way = way_now(0);
	uint32_t before = way.rest;
	int i;

	for (i = 0; i < 20; i++) {
		record_way_judge(&way, 100, 100);
		ck_assert_uint_eq(way.left, way.rest);
		ck_assert(way.rest == 2 * before || (i > 3 && way.rest == before));
		before = way.rest;
	}
	ck_assert_uint_le(way.rest, 1000);
	for (i = 0; i < 3; i++)
		record_way_judge(&way, 100, 10);
	ck_assert_uint_lt(way.left, before);
}
END_TEST

/* A trial is two records: the last that @left counts, and the next one. */
START_TEST(trials_take_place)
{
	static unsigned char data[4096], got[4096];
	uint32_t left, n = 0;
	size_t bytes;

	begin(0, 0);
	p.way.left = 3;
	p.way.cost = 0;
	do {
		left = p.way.left;
		ck_assert_int_eq(shmreg_record_push(&p, data, sizeof(data)), 0);
		ck_assert_int_eq(shmreg_record_pop(&c, got, sizeof(got), &bytes), 0);
		/* A short one does not count. */
		ck_assert_int_eq(shmreg_record_push(&p, data, 8), 0);
		ck_assert_int_eq(shmreg_record_pop(&c, got, 8, &bytes), 0);
		n++;
		if (COPY_AROUND && left == 1)
			ck_assert_uint_gt(p.way.cost, 0);
	} while (COPY_AROUND && p.way.left == left - 1);
	ck_assert_uint_eq(n, COPY_AROUND ? 4 : 1);
	plain_unmap(base, &shape);
}
END_TEST

/* --- two who use it at once -------------------------------------------------------------- */

static uint64_t n_all;
static uint64_t n_wrong;

static void *produce(void *data)
{
	static unsigned char record[LENGTH_MAX];
	uint64_t i;

	(void)data;
	for (i = 0; i < n_all; i++) {
		fill(record, i, length_of(i));
		while (shmreg_record_push(&p, record, length_of(i)) != 0)
			sched_yield();
	}
	return NULL;
}

static void *consume(void *data)
{
	static unsigned char record[LENGTH_MAX], want[LENGTH_MAX];
	size_t bytes;
	uint64_t i;

	(void)data;
	for (i = 0; i < n_all; i++) {
		while (shmreg_record_pop(&c, record, sizeof(record), &bytes) != 0)
			sched_yield();
		fill(want, i, length_of(i));
		if (bytes != length_of(i) || memcmp(record, want, bytes) != 0)
			shmreg_fetch_add_relaxed(&n_wrong, 1);
	}
	return NULL;
}

/* By each way, and as trials say. */
START_TEST(a_stream)
{
	pthread_t producer, consumer;

	begin(UINT64_MAX - 40007, _i == 1);
	if (_i == 2)
		p.way.left = 1;
	n_all = random_rounds(20000);
	ck_assert_int_eq(pthread_create(&producer, NULL, produce, NULL), 0);
	ck_assert_int_eq(pthread_create(&consumer, NULL, consume, NULL), 0);
	ck_assert_int_eq(pthread_join(producer, NULL), 0);
	ck_assert_int_eq(pthread_join(consumer, NULL), 0);
	ck_assert_uint_eq(n_wrong, 0);
	ck_assert_uint_eq(shmreg_ring_length(&c.ring), 0);
	plain_unmap(base, &shape);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("records-long");

	tcase_set_timeout(t, 0);
	tcase_add_test(t, copies_all);
	tcase_add_loop_test(t, come_whole, 0, 2 * N_RECORD_STARTS);
	tcase_add_loop_test(t, come_in_bulk, 0, 2);
	tcase_add_test(t, full_is_full);
	tcase_add_loop_test(t, a_better_way, 0, 7);
	tcase_add_test(t, three_in_a_row);
	tcase_add_test(t, trials_become_rare);
	tcase_add_test(t, trials_take_place);
	tcase_add_loop_test(t, a_stream, 0, 3);
	return run_case("records-long", t);
}
