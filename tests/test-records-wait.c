/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <string.h>

#include <shmreg/wait.h>

#include "ring-plain.h"
#include "ring-waits.h"

/* The waits for a ring of records. All are of 8 bytes, and take 16, but where it says otherwise. */

#define CAPACITY 64
#define N (CAPACITY / 16)
#define START (UINT64_MAX - 15)	/* positions wrap, and the first ends where the memory does */
#define UNTOUCHED 0x5a5a

static struct shmreg_shape shape;
static void *base;
static struct shmreg_record_producer p;
static struct shmreg_record_consumer c;

static void begin(void)
{
	shape = record_shape(CAPACITY);
	base = ring_map(&shape, START);
	ck_assert(record_producer_bind(&p, base, &shape, 1));
	ck_assert(record_consumer_bind(&c, base, &shape, 4095));
}

static void succeed(uint32_t event)
{
	if (event == SHMREG_WAIT_ITEMS)
		ck_assert(record_consumer_bind(&c, base, &shape, 70));
	else
		ck_assert(record_producer_bind(&p, base, &shape, 71));
}

static struct shmreg_ring *ring(uint32_t event)
{
	return event == SHMREG_WAIT_ITEMS ? &c.ring : &p.ring;
}

static void push(void)
{
	const uint64_t n = p.n_written;

	ck_assert_int_eq(shmreg_record_push(&p, &n, sizeof(n)), 0);
}

static void push_bulk(void)
{
	const uint64_t n = p.n_written;
	const struct shmreg_record record = { &n, sizeof(n) };

	ck_assert_int_eq(shmreg_record_push_bulk(&p, &record, 1, 1), 1);
}

static void commit(void)
{
	const uint64_t n = p.n_written;
	void *room;

	ck_assert_int_eq(shmreg_record_reserve(&p, &room, 24), 0);
	memcpy(room, &n, sizeof(n));
	ck_assert_int_eq(shmreg_record_commit(&p, sizeof(n)), 0);
}

static void fill(void)
{
	int i;

	for (i = 0; i < N; i++)
		push();
}

static void pop(void)
{
	uint64_t n, want = c.n_read;
	size_t bytes;

	ck_assert_int_eq(shmreg_record_pop(&c, &n, sizeof(n), &bytes), 0);
	ck_assert_uint_eq(n, want);
}

static void consume(void)
{
	const void *seen;
	size_t bytes;

	ck_assert_int_eq(shmreg_record_view(&c, &seen, &bytes), 0);
	ck_assert_int_eq(shmreg_record_consume(&c), 0);
}

static void skip(void)
{
	ck_assert_int_eq(shmreg_record_skip(&c, 1), 1);
}

static void clear(void)
{
	ck_assert_int_eq(shmreg_record_clear(&c), N);
}

static const struct waking wakings[] = {
	{ "push", SHMREG_WAIT_ITEMS, push },
	{ "push_bulk", SHMREG_WAIT_ITEMS, push_bulk },
	{ "commit", SHMREG_WAIT_ITEMS, commit },
	{ "pop", SHMREG_WAIT_SPACE, pop },
	{ "consume", SHMREG_WAIT_SPACE, consume },
	{ "skip", SHMREG_WAIT_SPACE, skip },
	{ "clear", SHMREG_WAIT_SPACE, clear },
};

/* @r: what was returned; @got, which was UNTOUCHED, number @want if it is not an error. */
static int64_t checked(int64_t r, uint64_t got, size_t bytes, uint64_t want)
{
	ck_assert_uint_eq(got, r < 0 ? UNTOUCHED : want);
	ck_assert_uint_eq(bytes, r < 0 ? UNTOUCHED : sizeof(got));
	return r;
}

static int64_t wait_push(const struct timespec *deadline)
{
	const uint64_t n = p.n_written;

	return shmreg_record_push_wait(&p, &n, sizeof(n), deadline);
}

/* In a full ring it goes behind the first record's place, which then is padding. */
static int64_t wait_push_longest(const struct timespec *deadline)
{
	const uint64_t n[] = { p.n_written, 0, 0 };

	return shmreg_record_push_wait(&p, n, sizeof(n), deadline);
}

static int64_t wait_push_bulk(const struct timespec *deadline)
{
	const uint64_t n[] = { p.n_written, p.n_written + 1 };
	const struct shmreg_record records[] = { { &n[0], 8 }, { &n[1], 8 } };
	const int64_t r = shmreg_record_push_bulk_wait(&p, records, 2, 2, deadline);

	ck_assert(r < 0 || r == 2);
	return r;
}

static int64_t wait_reserve(const struct timespec *deadline)
{
	uint64_t n = p.n_written;
	void *room = &n;
	const int r = shmreg_record_reserve_wait(&p, &room, sizeof(n), deadline);

	ck_assert_int_eq(r < 0, room == &n);
	if (r == 0) {
		memcpy(room, &n, sizeof(n));
		ck_assert_int_eq(shmreg_record_commit(&p, sizeof(n)), 0);
	}
	return r;
}

static int64_t wait_pop(const struct timespec *deadline)
{
	uint64_t want = c.n_read, n = UNTOUCHED;
	size_t bytes = UNTOUCHED;
	const int r = shmreg_record_pop_wait(&c, &n, sizeof(n), &bytes, deadline);

	return checked(r, n, bytes, want);
}

static int64_t wait_peek(const struct timespec *deadline)
{
	uint64_t n = UNTOUCHED;
	size_t bytes = UNTOUCHED;
	const int r = shmreg_record_peek_wait(&c, 2, &n, sizeof(n), &bytes, deadline);

	return checked(r, n, bytes, c.n_read + 2);
}

static int64_t wait_view(const struct timespec *deadline)
{
	const uint64_t untouched = UNTOUCHED;
	const void *seen = &untouched;
	size_t bytes = UNTOUCHED;
	const int r = shmreg_record_view_wait(&c, &seen, &bytes, deadline);

	return checked(r, *(const uint64_t *)seen, bytes, c.n_read);
}

static int64_t wait_skip(const struct timespec *deadline)
{
	const int64_t r = shmreg_record_skip_wait(&c, 2, deadline);

	ck_assert_int_ne(r, 0);
	return r;
}

static const struct waiting waitings[] = {
	{ "push", SHMREG_WAIT_SPACE, 1, wait_push },
	{ "push of the longest", SHMREG_WAIT_SPACE, 3, wait_push_longest },
	{ "push_bulk of 2", SHMREG_WAIT_SPACE, 2, wait_push_bulk },
	{ "reserve", SHMREG_WAIT_SPACE, 1, wait_reserve },
	{ "pop", SHMREG_WAIT_ITEMS, 1, wait_pop },
	{ "peek at the third", SHMREG_WAIT_ITEMS, 3, wait_peek },
	{ "view", SHMREG_WAIT_ITEMS, 1, wait_view },
	{ "skip", SHMREG_WAIT_ITEMS, 1, wait_skip },
};

/* What could never come true is not waited for at all, nor what asks for nothing. */
START_TEST(never)
{
	const struct timespec soon = shmreg_deadline(100000000);
	unsigned char data[CAPACITY] = { 0 };
	const struct shmreg_record records[] = { { data, 24 }, { data, 24 } };
	size_t bytes;
	void *room;

	begin();
	ck_assert_int_eq(shmreg_record_peek_wait(&c, CAPACITY / 8, data, 8, &bytes, &soon), -EINVAL);
	ck_assert_int_eq(shmreg_record_peek_wait(&c, UINT64_MAX, data, 8, &bytes, &soon), -EINVAL);
	ck_assert_int_eq(shmreg_record_skip_wait(&c, 0, &soon), 0);
	fill();
	ck_assert_int_eq(shmreg_record_push_wait(&p, data, CAPACITY / 2 - 7, &soon), -EMSGSIZE);
	ck_assert_int_eq(shmreg_record_reserve_wait(&p, &room, CAPACITY / 2 - 7, &soon), -EMSGSIZE);
	ck_assert_int_eq(shmreg_record_push_bulk_wait(&p, records, 2, 2, &soon), -EMSGSIZE);
	ck_assert_int_eq(shmreg_record_push_bulk_wait(&p, records, 1, 2, &soon), -EINVAL);
	ck_assert_int_eq(shmreg_record_push_bulk_wait(&p, records, 0, 0, &soon), 0);
	/* one that is too long for the caller's buffer is there: it need not wait */
	ck_assert_int_eq(shmreg_record_pop_wait(&c, data, 7, &bytes, &soon), -EMSGSIZE);
	ck_assert_uint_eq(bytes, 8);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_test(t, never);
}

const struct subject subject = {
	.name = "records-wait",
	.begin = begin,
	.fill = fill,
	.succeed = succeed,
	.ring = ring,
	SUBJECT_WAITINGS(waitings),
	SUBJECT_WAKINGS(wakings),
	.add_tests = add_tests,
};
