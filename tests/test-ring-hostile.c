/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostile.h"
#include "random.h"
#include "ring-plain.h"
#include "ring-repair.h"
#include "suite.h"

/*
 * A peer that writes anything anywhere. Whatever it does, each call returns, with one of the
 * values that its contract lists, and touches nothing outside: unreadable pages lie on both sides
 * of the ring, and guards around the buffers. Which elements come does not matter here.
 */

#define MAX_BULK 40
#define MAX_ELEM 200

static struct shmreg_shape shape;
static struct shmreg_ring_shm *shm;
static uint64_t bytes;
static unsigned char buffer[MAX_BULK * MAX_ELEM + 2 * GUARD_BYTES];
static struct shmreg_ring_producer p;
static struct shmreg_ring_consumer c;
static struct shmreg_record_producer rp;
static struct shmreg_record_consumer rc;

static void guard(size_t used)
{
	guard_buffer(buffer, sizeof(buffer), used);
}

static void check_guard(size_t used)
{
	guard_check(buffer, used);
}

static int is_of_records(void)
{
	return (shape.flags & SHMREG_RING_RECORDS) != 0;
}

/* A counter as a ring might have it, or nearly. */
static uint64_t nonsense(struct random_state *r, uint64_t near)
{
	switch (random_below(r, 8)) {
	case 0:
		return random_next(r);
	case 1:
		return random_below(r, 2) ? 0 : UINT64_MAX;
	case 2:
		return near + shape.capacity * (random_below(r, 5) - 2);
	default:
		return near + random_below(r, 2 * shape.capacity + 1) - shape.capacity;
	}
}

/* One act of a hostile peer. By atomic stores, as it would be seen by the processor. */
static void scribble(struct random_state *r)
{
	const uint64_t near = shmreg_load_relaxed(random_below(r, 2) ? &shm->tail : &shm->head);
	uint32_t *header;

	switch (random_below(r, 8)) {
	case 0:
		shmreg_store_relaxed(&shm->tail, nonsense(r, near));
		break;
	case 1:
		shmreg_store_relaxed(&shm->head, nonsense(r, near));
		break;
	case 2:
		shmreg_store_relaxed((uint64_t *)(void *)shm + random_below(r, bytes / 8),
				     random_next(r));
		break;
	case 3:
		shmreg_store_relaxed(random_below(r, 2) ? &shm->producer : &shm->consumer,
				     random_below(r, 2) ? random_below(r, 8) : random_next(r));
		break;
	default:
		/* Where records begin, what they might begin with. */
		header = (uint32_t *)(void *)((unsigned char *)(shm + 1) +
					      8 * random_below(r, (bytes - sizeof(*shm)) / 8));
		switch (random_below(r, 5)) {
		case 0:
			shmreg_store_relaxed(header, SHMREG_RING_PADDING);
			break;
		case 1:
			shmreg_store_relaxed(header, (uint32_t)(shape.capacity / 2 - 8 +
								random_below(r, 3) - 1));
			break;
		case 2:
			shmreg_store_relaxed(header, (uint32_t)random_next(r));
			break;
		default:
			shmreg_store_relaxed(header, (uint32_t)random_below(r, shape.capacity));
		}
	}
}

static void check_error(int64_t r)
{
	ck_assert_msg(r == -EAGAIN || r == -EUCLEAN, "returned %lld", (long long)r);
}

/* [@first, @first + @n) is inside, and aligned: it may be filled. */
static void check_place(const void *first, uint64_t n, uint64_t align)
{
	ck_assert_uint_ge((uintptr_t)first, (uintptr_t)(shm + 1));
	ck_assert_uint_le((uintptr_t)first + n, (uintptr_t)shm + bytes);
	ck_assert_uint_eq((uintptr_t)first % align, 0);
}

static void act_on_elements(struct random_state *r)
{
	const uint64_t n = random_below(r, MAX_BULK + 1), min = random_below(r, n + 2);
	const size_t size = (size_t)shape.elem_bytes;
	const void *view;
	void *place;
	int64_t got;

	guard(n * size > size ? n * size : size);
	switch (random_below(r, 10)) {
	case 0:
		got = shmreg_ring_push(&p, buffer + GUARD_BYTES);
		break;
	case 1:
		got = shmreg_ring_pop(&c, buffer + GUARD_BYTES);
		break;
	case 2:
		got = shmreg_ring_push_bulk(&p, buffer + GUARD_BYTES, n, min);
		ck_assert_int_le(got, (int64_t)(n < shape.capacity ? n : shape.capacity));
		if (got == -EINVAL && (min > n || min > shape.capacity))
			got = 0;
		break;
	case 3:
		got = shmreg_ring_pop_bulk(&c, buffer + GUARD_BYTES, n);
		ck_assert_int_le(got, (int64_t)(n < shape.capacity ? n : shape.capacity));
		break;
	case 4:
		got = shmreg_ring_peek(&c, random_below(r, 2) ? n : random_next(r),
				       buffer + GUARD_BYTES);
		break;
	case 5:
		got = shmreg_ring_reserve(&p, &place, n);
		if (got > 0) {
			check_place(place, (uint64_t)got * size, shape.elem_align);
			memset(place, (int)n, (size_t)got * size);
		}
		break;
	case 6:
		got = shmreg_ring_view(&c, &view, n);
		if (got > 0)
			check_place(view, (uint64_t)got * size, shape.elem_align);
		break;
	case 7:
		got = shmreg_ring_commit(&p, n);
		if (got == -EINVAL)
			got = 0;
		break;
	case 8:
		got = shmreg_ring_consume(&c, n);
		if (got == -EINVAL)
			got = 0;
		break;
	default:
		got = random_below(r, 2) ? shmreg_ring_skip(&c, n) : shmreg_ring_clear(&c);
		ck_assert_int_le(got, (int64_t)shape.capacity);
	}
	if (got < 0)
		check_error(got);
	check_guard(n * size > size ? n * size : size);
}

static void act_on_records(struct random_state *r)
{
	const size_t n = (size_t)random_below(r, shape.capacity / 2 + 8);
	struct shmreg_record records[4];
	const void *view;
	size_t length, i;
	int64_t got;
	void *place;

	guard(n);
	switch (random_below(r, 10)) {
	case 0:
	case 1:
		got = shmreg_record_push(&rp, buffer + GUARD_BYTES, n);
		break;
	case 2:
		got = shmreg_record_pop(&rc, buffer + GUARD_BYTES, n, &length);
		if (got == 0)
			ck_assert_uint_le(length, n);
		else if (got == -EMSGSIZE)
			ck_assert_uint_le(length, shape.capacity / 2 - 8);
		break;
	case 3:
		for (i = 0; i < 4; i++)
			records[i] = (struct shmreg_record){ buffer + GUARD_BYTES, n / (i + 1) };
		got = shmreg_record_push_bulk(&rp, records, random_below(r, 5), 0);
		ck_assert_int_le(got, 4);
		break;
	case 4:
		got = shmreg_record_peek(&rc, random_below(r, 2) ? n : random_next(r),
					 buffer + GUARD_BYTES, n, &length);
		break;
	case 5:
		got = shmreg_record_reserve(&rp, &place, n);
		if (got == 0) {
			check_place(place, n, 8);
			memset(place, (int)n, n);
		}
		break;
	case 6:
		got = shmreg_record_view(&rc, &view, &length);
		if (got == 0)
			check_place(view, length, 8);
		break;
	case 7:
		got = shmreg_record_commit(&rp, n);
		if (got == -EINVAL)
			got = 0;
		break;
	case 8:
		got = shmreg_record_consume(&rc);
		if (got == -EINVAL)
			got = 0;
		break;
	default:
		got = random_below(r, 2) ? shmreg_record_skip(&rc, n) : shmreg_record_clear(&rc);
		ck_assert_int_le(got, (int64_t)shape.capacity / 8);
	}
	if (got < 0 && got != -EMSGSIZE)
		check_error(got);
	check_guard(n);
}

/* One call of whatever there is, by the victim; now and then by its successor. */
static void act(struct random_state *r)
{
	const uint64_t dead[64] = { 1 << 2 | 1 << 3 };
	struct shmreg_ring_stats stats = { .size = sizeof(stats) };
	struct shmreg_reaper_report report;
	struct shmreg_ring look;

	switch (random_below(r, 64)) {
	case 0:
		ring_bind_const(&look, shm, &shape);
		ck_assert_uint_le(shmreg_ring_length(&look), shape.capacity);
		ck_assert_uint_le(shmreg_ring_space(&look), shape.capacity);
		ck_assert_int_eq(shmreg_ring_stat(&look, &stats), 0);
		ck_assert_uint_le(stats.length, shape.capacity);
		break;
	case 1:
		ck_assert_int_eq(ring_repair(&shape, shm, NULL, dead, &report), 0);
		ck_assert_uint_le(report.n_seats, 2);
		break;
	case 2:
		/* What it takes over may be anything, but for the role. */
		do
			shmreg_store_relaxed(&shm->producer, 0);
		while (is_of_records() ? !record_producer_bind(&rp, shm, &shape, 1)
				       : !ring_producer_bind(&p, shm, &shape, 1));
		do
			shmreg_store_relaxed(&shm->consumer, 0);
		while (is_of_records() ? !record_consumer_bind(&rc, shm, &shape, 1)
				       : !ring_consumer_bind(&c, shm, &shape, 1));
		break;
	default:
		if (is_of_records())
			act_on_records(r);
		else
			act_on_elements(r);
	}
}

static const struct {
	uint64_t capacity, elem_bytes;
	uint32_t elem_align;
} shapes[] = {
	{ 2, 8, 8 }, { 2, 1, 1 }, { 4, 100, 4 }, { 8, 128, 128 }, { 64, 24, 8 }, { 128, 200, 8 },
	{ 64, 0, 0 }, { 128, 0, 0 }, { 1024, 0, 0 }, { 8192, 0, 0 },	/* of records */
};
#define N_SHAPES ((int)(sizeof(shapes) / sizeof(*shapes)))

static void begin(int i, struct random_state *r)
{
	uint64_t align;

	random_seed(r);
	r->x += (uint64_t)i * 77;
	i %= N_SHAPES;
	shape = shapes[i].elem_bytes == 0 ? record_shape(shapes[i].capacity)
					  : ring_shape(shapes[i].capacity, shapes[i].elem_bytes,
						       shapes[i].elem_align);
	shm = ring_map(&shape, 0);
	ck_assert_int_eq(shmreg_shape_bytes(&shape, &bytes, &align, NULL), 0);
	if (is_of_records()) {
		ck_assert(record_producer_bind(&rp, shm, &shape, 1));
		ck_assert(record_consumer_bind(&rc, shm, &shape, 1));
	} else {
		ck_assert(ring_producer_bind(&p, shm, &shape, 1));
		ck_assert(ring_consumer_bind(&c, shm, &shape, 1));
	}
}

/* The victim's calls and the hostile ones take turns: can be had again by the seed. */
START_TEST(in_turns)
{
	const unsigned long rounds = random_rounds(20000);
	struct random_state r;
	unsigned long i;
	uint64_t k;

	begin(_i, &r);
	for (i = 0; i < rounds; i++) {
		if (i % 1000 == 999)
			random_fill(&r, shm, (size_t)bytes);
		if (i % 1000 == 499)
			memset(shm, 0, (size_t)bytes);
		/* Not always: the victim gets on only if it is left in peace. */
		for (k = random_below(&r, 8); k > 5; k--)
			scribble(&r);
		act(&r);
	}
	plain_unmap(shm, &shape);
}
END_TEST

/* All at once, by another process. */
START_TEST(at_once)
{
	const unsigned long rounds = random_rounds(20000) / 2;
	struct random_state r;
	unsigned long i;
	pid_t pid;

	begin(_i, &r);
	pid = hostile_start(scribble, r);
	for (i = 0; i < rounds; i++)
		act(&r);
	hostile_end(pid);
	plain_unmap(shm, &shape);
}
END_TEST

/* Counters further apart than the ring is long, and the other way round. */
START_TEST(impossible_counters_are_unclean)
{
	struct shmreg_ring look;
	const void *view;
	uint64_t x = 0;
	void *place;

	shape = ring_shape(4, 8, 8);
	shm = ring_map(&shape, 10);
	ck_assert(ring_producer_bind(&p, shm, &shape, 1));
	ck_assert(ring_consumer_bind(&c, shm, &shape, 2));
	ring_bind_const(&look, shm, &shape);
	shm->head = _i ? 11 : 5;
	shm->tail = _i ? 15 : 9;
	ck_assert_int_eq(shmreg_ring_push(&p, &x), -EUCLEAN);
	ck_assert_int_eq(shmreg_ring_push_bulk(&p, &x, 1, 1), -EUCLEAN);
	ck_assert_int_eq(shmreg_ring_reserve(&p, &place, 1), -EUCLEAN);
	ck_assert_int_eq(shmreg_ring_pop(&c, &x), -EUCLEAN);
	ck_assert_int_eq(shmreg_ring_pop_bulk(&c, &x, 1), -EUCLEAN);
	ck_assert_int_eq(shmreg_ring_peek(&c, 0, &x), -EUCLEAN);
	ck_assert_int_eq(shmreg_ring_view(&c, &view, 1), -EUCLEAN);
	ck_assert_int_eq(shmreg_ring_skip(&c, 1), -EUCLEAN);
	ck_assert_int_eq(shmreg_ring_clear(&c), -EUCLEAN);
	ck_assert_uint_eq(shmreg_ring_length(&look), 4);
	plain_unmap(shm, &shape);
}
END_TEST

static void expect_unclean(void)
{
	unsigned char data[64];
	const void *view;
	size_t length = 99;

	ck_assert_int_eq(shmreg_record_pop(&rc, data, sizeof(data), &length), -EUCLEAN);
	ck_assert_int_eq(shmreg_record_view(&rc, &view, &length), -EUCLEAN);
	ck_assert_int_eq(shmreg_record_peek(&rc, 0, data, sizeof(data), &length), -EUCLEAN);
	ck_assert_int_eq(shmreg_record_skip(&rc, 1), -EUCLEAN);
	ck_assert_int_eq(shmreg_record_clear(&rc), -EUCLEAN);
	ck_assert_uint_eq(length, 99);
}

/* Records that leave the ring, or what is there of it; padding that nothing follows. */
START_TEST(impossible_records_are_unclean)
{
	uint32_t *first, *last;
	uint64_t length;

	shape = record_shape(64);
	shm = ring_map(&shape, 0);
	ck_assert(record_producer_bind(&rp, shm, &shape, 1));
	ck_assert(record_consumer_bind(&rc, shm, &shape, 2));
	first = (uint32_t *)(void *)(shm + 1);
	last = first + 14;
	for (length = 8; length <= 64; length += 8) {
		shm->tail = length;
		*first = (uint32_t)length - 7;		/* reaches behind the tail */
		expect_unclean();
	}
	record_consumer_prepare(&rc);			/* from here on it knows of all 64 */
	*first = 25;					/* more than any */
	expect_unclean();
	*first = UINT32_MAX - 1;
	expect_unclean();
	*first = SHMREG_RING_PADDING;			/* all of the ring */
	expect_unclean();
	shm->tail = 64 + 8;				/* more than all */
	expect_unclean();
	plain_unmap(shm, &shape);

	shm = ring_map(&shape, 56);
	ck_assert(record_producer_bind(&rp, shm, &shape, 1));
	ck_assert(record_consumer_bind(&rc, shm, &shape, 2));
	first = (uint32_t *)(void *)(shm + 1);
	last = first + 14;
	shm->tail = 56 + 32;
	*last = 1;					/* leaves the ring's memory */
	expect_unclean();
	*last = SHMREG_RING_PADDING;
	*first = SHMREG_RING_PADDING;			/* twice */
	expect_unclean();
	plain_unmap(shm, &shape);

	shm = ring_map(&shape, 56);
	ck_assert(record_producer_bind(&rp, shm, &shape, 1));
	ck_assert(record_consumer_bind(&rc, shm, &shape, 2));
	first = (uint32_t *)(void *)(shm + 1);
	last = first + 14;
	shm->tail = 64;
	*last = SHMREG_RING_PADDING;
	expect_unclean();				/* and no record */
	shm->head = 200;
	ck_assert_int_eq(shmreg_record_push(&rp, first, 9), -EUCLEAN);
	plain_unmap(shm, &shape);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("ring-hostile");

	/* Only against a call that never returns. */
	tcase_set_timeout(t, 600);
	tcase_add_loop_test(t, in_turns, 0, 2 * N_SHAPES);
	tcase_add_loop_test(t, at_once, 0, N_SHAPES);
	tcase_add_loop_test(t, impossible_counters_are_unclean, 0, 2);
	tcase_add_test(t, impossible_records_are_unclean);
	return run_case("ring-hostile", t);
}
