/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <shmreg/wait.h>

#include "ring-plain.h"
#include "ring-waits.h"

/* The waits for a ring of elements, typed and not. */

#define CAPACITY 4
#define START (UINT64_MAX - 2)	/* positions wrap meanwhile */
#define UNTOUCHED 0x5a5a

SHMREG_DEFINE_RING(word_ring, uint64_t);

static struct shmreg_shape shape;
static void *base;
static struct word_ring_producer p;
static struct word_ring_consumer c;

/* The number of the next to be pushed; taken. */
static uint64_t next_in(void)
{
	return p.producer.tail - START;
}

static uint64_t next_out(void)
{
	return shmreg_ring_head_(&c.consumer) - START;
}

static void begin(void)
{
	shape = ring_shape(CAPACITY, 8, 8);
	base = ring_map(&shape, START);
	ck_assert(ring_producer_bind(&p.producer, base, &shape, 1));
	ck_assert(ring_consumer_bind(&c.consumer, base, &shape, 4095));
}

static void succeed(uint32_t event)
{
	if (event == SHMREG_WAIT_ITEMS)
		ck_assert(ring_consumer_bind(&c.consumer, base, &shape, 70));
	else
		ck_assert(ring_producer_bind(&p.producer, base, &shape, 71));
}

static struct shmreg_ring *ring(uint32_t event)
{
	return event == SHMREG_WAIT_ITEMS ? &c.consumer.ring : &p.producer.ring;
}

static void push(void)
{
	const uint64_t n = next_in();

	ck_assert_int_eq(shmreg_ring_push(&p.producer, &n), 0);
}

static void typed_push(void)
{
	const uint64_t n = next_in();

	ck_assert_int_eq(word_ring_push(&p, &n), 0);
}

static void push_bulk(void)
{
	const uint64_t n = next_in();

	ck_assert_int_eq(shmreg_ring_push_bulk(&p.producer, &n, 1, 1), 1);
}

static void commit(void)
{
	const uint64_t n = next_in();
	uint64_t *room;

	ck_assert_int_ge(word_ring_reserve(&p, &room, 2), 1);
	*room = n;
	ck_assert_int_eq(word_ring_commit(&p, 1), 0);
}

static void fill(void)
{
	int i;

	for (i = 0; i < CAPACITY; i++)
		push();
}

static void pop(void)
{
	const uint64_t want = next_out();
	uint64_t n;

	ck_assert_int_eq(shmreg_ring_pop(&c.consumer, &n), 0);
	ck_assert_uint_eq(n, want);
}

static void typed_pop(void)
{
	uint64_t n;

	ck_assert_int_eq(word_ring_pop(&c, &n), 0);
}

static void pop_bulk(void)
{
	uint64_t n;

	ck_assert_int_eq(shmreg_ring_pop_bulk(&c.consumer, &n, 1), 1);
}

static void consume(void)
{
	const uint64_t *seen;

	ck_assert_int_ge(word_ring_view(&c, &seen, 2), 1);
	ck_assert_int_eq(word_ring_consume(&c, 1), 0);
}

static void skip(void)
{
	ck_assert_int_eq(shmreg_ring_skip(&c.consumer, 1), 1);
}

static void clear(void)
{
	ck_assert_int_eq(shmreg_ring_clear(&c.consumer), CAPACITY);
}

static const struct waking wakings[] = {
	{ "push", SHMREG_WAIT_ITEMS, push },
	{ "typed push", SHMREG_WAIT_ITEMS, typed_push },
	{ "push_bulk", SHMREG_WAIT_ITEMS, push_bulk },
	{ "commit", SHMREG_WAIT_ITEMS, commit },
	{ "pop", SHMREG_WAIT_SPACE, pop },
	{ "typed pop", SHMREG_WAIT_SPACE, typed_pop },
	{ "pop_bulk", SHMREG_WAIT_SPACE, pop_bulk },
	{ "consume", SHMREG_WAIT_SPACE, consume },
	{ "skip", SHMREG_WAIT_SPACE, skip },
	{ "clear", SHMREG_WAIT_SPACE, clear },
};

/* @r: what was returned; @got, which was UNTOUCHED, number @want if it is not an error. */
static int64_t checked(int64_t r, uint64_t got, uint64_t want)
{
	ck_assert_uint_eq(got, r < 0 ? UNTOUCHED : want);
	return r;
}

static int64_t wait_push(const struct timespec *deadline)
{
	const uint64_t n = next_in();

	return shmreg_ring_push_wait(&p.producer, &n, deadline);
}

static int64_t wait_typed_push(const struct timespec *deadline)
{
	const uint64_t n = next_in();

	return word_ring_push_wait(&p, &n, deadline);
}

static int64_t wait_push_bulk(const struct timespec *deadline)
{
	const uint64_t n = next_in(), words[] = { n, n + 1, n + 2 };
	const int64_t r = shmreg_ring_push_bulk_wait(&p.producer, words, 3, 3, deadline);

	ck_assert(r < 0 || r == 3);
	return r;
}

static int64_t wait_typed_push_bulk(const struct timespec *deadline)
{
	const uint64_t n = next_in(), words[] = { n, n + 1, n + 2 };
	const int64_t r = word_ring_push_bulk_wait(&p, words, 3, 2, deadline);

	ck_assert(r < 0 || r == 2);
	return r;
}

static int64_t wait_reserve(const struct timespec *deadline)
{
	uint64_t untouched;
	void *place = &untouched;
	const int64_t r = shmreg_ring_reserve_wait(&p.producer, &place, 2, deadline);

	ck_assert_int_eq(r < 0, place == &untouched);
	return r;
}

static int64_t wait_typed_reserve(const struct timespec *deadline)
{
	uint64_t untouched, *place = &untouched;
	const int64_t r = word_ring_reserve_wait(&p, &place, 2, deadline);

	ck_assert_int_eq(r < 0, place == &untouched);
	if (r > 0) {
		*place = next_in();
		ck_assert_int_eq(word_ring_commit(&p, 1), 0);
	}
	return r;
}

static int64_t wait_pop(const struct timespec *deadline)
{
	uint64_t want = next_out(), n = UNTOUCHED;
	const int r = shmreg_ring_pop_wait(&c.consumer, &n, deadline);

	return checked(r, n, want);
}

static int64_t wait_typed_pop(const struct timespec *deadline)
{
	uint64_t want = next_out(), n = UNTOUCHED;
	const int r = word_ring_pop_wait(&c, &n, deadline);

	return checked(r, n, want);
}

static int64_t wait_pop_bulk(const struct timespec *deadline)
{
	uint64_t want = next_out(), n[2] = { UNTOUCHED, UNTOUCHED };
	const int64_t r = shmreg_ring_pop_bulk_wait(&c.consumer, n, 2, deadline);

	ck_assert_int_ne(r, 0);
	return checked(r, n[0], want);
}

static int64_t wait_typed_pop_bulk(const struct timespec *deadline)
{
	uint64_t want = next_out(), n[2] = { UNTOUCHED, UNTOUCHED };
	const int64_t r = word_ring_pop_bulk_wait(&c, n, 2, deadline);

	ck_assert_int_ne(r, 0);
	return checked(r, n[0], want);
}

static int64_t wait_peek(const struct timespec *deadline)
{
	uint64_t n = UNTOUCHED;
	const int r = shmreg_ring_peek_wait(&c.consumer, 2, &n, deadline);

	return checked(r, n, next_out() + 2);
}

static int64_t wait_typed_peek(const struct timespec *deadline)
{
	uint64_t n = UNTOUCHED;
	const int r = word_ring_peek_wait(&c, CAPACITY - 1, &n, deadline);

	return checked(r, n, next_out() + CAPACITY - 1);
}

static int64_t wait_view(const struct timespec *deadline)
{
	const uint64_t untouched = UNTOUCHED;
	const void *seen = &untouched;
	const int64_t r = shmreg_ring_view_wait(&c.consumer, &seen, 2, deadline);

	return checked(r, *(const uint64_t *)seen, next_out());
}

static int64_t wait_typed_view(const struct timespec *deadline)
{
	const uint64_t untouched = UNTOUCHED, *seen = &untouched;
	const int64_t r = word_ring_view_wait(&c, &seen, 2, deadline);

	return checked(r, *seen, next_out());
}

static int64_t wait_skip(const struct timespec *deadline)
{
	const int64_t r = shmreg_ring_skip_wait(&c.consumer, 2, deadline);

	ck_assert_int_ne(r, 0);
	return r;
}

static int64_t wait_typed_skip(const struct timespec *deadline)
{
	return word_ring_skip_wait(&c, 1, deadline);
}

static const struct waiting waitings[] = {
	{ "push", SHMREG_WAIT_SPACE, 1, wait_push },
	{ "typed push", SHMREG_WAIT_SPACE, 1, wait_typed_push },
	{ "push_bulk of 3", SHMREG_WAIT_SPACE, 3, wait_push_bulk },
	{ "typed push_bulk of 2 or 3", SHMREG_WAIT_SPACE, 2, wait_typed_push_bulk },
	{ "reserve", SHMREG_WAIT_SPACE, 1, wait_reserve },
	{ "typed reserve", SHMREG_WAIT_SPACE, 1, wait_typed_reserve },
	{ "pop", SHMREG_WAIT_ITEMS, 1, wait_pop },
	{ "typed pop", SHMREG_WAIT_ITEMS, 1, wait_typed_pop },
	{ "pop_bulk", SHMREG_WAIT_ITEMS, 1, wait_pop_bulk },
	{ "typed pop_bulk", SHMREG_WAIT_ITEMS, 1, wait_typed_pop_bulk },
	{ "peek at the third", SHMREG_WAIT_ITEMS, 3, wait_peek },
	{ "typed peek at the last", SHMREG_WAIT_ITEMS, CAPACITY, wait_typed_peek },
	{ "view", SHMREG_WAIT_ITEMS, 1, wait_view },
	{ "typed view", SHMREG_WAIT_ITEMS, 1, wait_typed_view },
	{ "skip", SHMREG_WAIT_ITEMS, 1, wait_skip },
	{ "typed skip", SHMREG_WAIT_ITEMS, 1, wait_typed_skip },
};

/* What could never come true is not waited for at all, nor what asks for nothing. */
START_TEST(never)
{
	const struct timespec soon = shmreg_deadline(100000000);
	uint64_t words[CAPACITY + 1] = { 0 };
	const void *seen;
	void *room;

	begin();
	ck_assert_int_eq(shmreg_ring_peek_wait(&c.consumer, CAPACITY, words, &soon), -EINVAL);
	ck_assert_int_eq(word_ring_peek_wait(&c, UINT64_MAX, words, &soon), -EINVAL);
	ck_assert_int_eq(shmreg_ring_pop_bulk_wait(&c.consumer, words, 0, &soon), 0);
	ck_assert_int_eq(shmreg_ring_view_wait(&c.consumer, &seen, 0, &soon), 0);
	ck_assert_int_eq(shmreg_ring_skip_wait(&c.consumer, 0, &soon), 0);
	fill();
	ck_assert_int_eq(shmreg_ring_push_bulk_wait(&p.producer, words, CAPACITY + 1,
						    CAPACITY + 1, &soon), -EINVAL);
	ck_assert_int_eq(word_ring_push_bulk_wait(&p, words, 1, 2, &soon), -EINVAL);
	ck_assert_int_eq(shmreg_ring_push_bulk_wait(&p.producer, words, 0, 0, &soon), 0);
	ck_assert_int_eq(shmreg_ring_reserve_wait(&p.producer, &room, 0, &soon), 0);
}
END_TEST

/* A peer that is no correct process: the wait ends, and says so. */
START_TEST(broken)
{
	struct shmreg_ring_shm *shm;
	uint64_t n = 0;

	begin();
	shm = base;
	shmreg_store_relaxed(&shm->tail, START + CAPACITY + 1);
	ck_assert_int_eq(shmreg_ring_pop_wait(&c.consumer, &n, NULL), -EUCLEAN);
	fill();
	shmreg_store_relaxed(&shm->head, START + CAPACITY + 1);
	ck_assert_int_eq(shmreg_ring_push_wait(&p.producer, &n, NULL), -EUCLEAN);
}
END_TEST

static void add_tests(TCase *t)
{
	tcase_add_test(t, never);
	tcase_add_test(t, broken);
}

const struct subject subject = {
	.name = "ring-wait",
	.begin = begin,
	.fill = fill,
	.succeed = succeed,
	.ring = ring,
	SUBJECT_WAITINGS(waitings),
	SUBJECT_WAKINGS(wakings),
	.add_tests = add_tests,
};
