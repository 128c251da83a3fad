/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "random.h"
#include "ring-plain.h"
#include "ring-repair.h"
#include "suite.h"
#include "waiter.h"

/*
 * A producer and a consumer in one process, where ThreadSanitizer sees both sides of each
 * pairing: elements are plain memory. Now and then one "dies": it walks away from
 * what it reserved or viewed, the role is repaired, and a successor with a fresh
 * handle goes on.
 *
 * The oracle: all come, once, in order; but what a dead consumer had not passed comes again.
 * Meanwhile somebody looks, and what he is told must be possible.
 *
 * Each runs twice: trying again and again; and waiting, for ever, so that a wake-up that is lost
 * ends nothing but the test.
 */

#define BULK 5

struct elem {
	uint64_t seq;
	uint64_t check[5];
};
SHMREG_DEFINE_RING(elem_ring, struct elem);

static struct shmreg_shape shape;
static struct shmreg_ring_shm *shm;
static uint64_t n_all;		/* elements or records */
static uint64_t n_torn, n_failed, n_deaths, done;
static bool waits;
static pthread_mutex_t reaper = PTHREAD_MUTEX_INITIALIZER;	/* one repair at a time */

/* The other side is about to do something: give the processor away only now and then. */
static void relax(unsigned int *n)
{
	if ((++*n & 511) == 0)
		sched_yield();
}

/* @call, or the same that waits. */
#define CALL(call, ...) (waits ? call##_wait(__VA_ARGS__, NULL) : call(__VA_ARGS__))

static void wrong(uint64_t *n)
{
	shmreg_fetch_add_relaxed(n, 1);
}

static void fill(struct elem *e, uint64_t seq)
{
	size_t i;

	e->seq = seq;
	for (i = 0; i < 5; i++)
		e->check[i] = seq * (i + 3);
}

static void verify(const struct elem *e, uint64_t seq)
{
	struct elem want;

	fill(&want, seq);
	if (memcmp(e, &want, sizeof(want)) != 0)
		wrong(&n_torn);
}

static void bury(uint32_t seat)
{
	struct shmreg_reaper_report report;
	uint64_t dead[64] = { 0 };

	dead[seat / 64] |= UINT64_C(1) << seat % 64;
	pthread_mutex_lock(&reaper);
	if (ring_repair(&shape, shm, NULL, dead, &report) != 0 || report.n_repaired != 1)
		wrong(&n_failed);
	pthread_mutex_unlock(&reaper);
	wrong(&n_deaths);
}

static void *produce(void *data)
{
	struct elem_ring_producer p;
	struct random_state r;
	struct elem e[BULK], *room;
	unsigned int n_idle = 0;
	uint64_t seq = 0, n, i;
	int64_t got;

	(void)data;
	random_seed(&r);
	if (!ring_producer_bind(&p.producer, shm, &shape, 1))
		wrong(&n_failed);
	while (seq < n_all) {
		n = 1 + random_below(&r, n_all - seq < BULK ? n_all - seq : BULK);
		for (i = 0; i < n; i++)
			fill(&e[i], seq + i);
		switch (random_below(&r, 4)) {
		case 0:
			got = CALL(elem_ring_push_bulk, &p, e, n,
				   random_below(&r, (n < shape.capacity ? n : shape.capacity) + 1));
			break;
		case 1:
			got = CALL(elem_ring_reserve, &p, &room, n);
			if (got <= 0)
				break;
			for (i = 0; i < (uint64_t)got; i++)
				room[i] = e[i];
			if (random_below(&r, 64) == 0) {
				bury(1);
				if (!ring_producer_bind(&p.producer, shm, &shape, 1))
					wrong(&n_failed);
				got = 0;
			} else if (elem_ring_commit(&p, (uint64_t)got) != 0) {
				wrong(&n_failed);
			}
			break;
		default:
			got = CALL(elem_ring_push, &p, e);
			if (got == 0)
				got = 1;
		}
		if (got > 0)
			seq += (uint64_t)got;
		else if (got == -EAGAIN)
			relax(&n_idle);
		else if (got < 0)
			wrong(&n_failed);
	}
	return NULL;
}

static void *consume(void *data)
{
	struct elem_ring_consumer c;
	const struct elem *seen;
	struct random_state r;
	struct elem e[BULK];
	unsigned int n_idle = 0;
	uint64_t seq = 0, n, i;
	int64_t got;

	(void)data;
	random_seed(&r);
	r.x += 77;
	if (!ring_consumer_bind(&c.consumer, shm, &shape, 64))
		wrong(&n_failed);
	while (seq < n_all) {
		n = 1 + random_below(&r, BULK);
		switch (random_below(&r, 6)) {
		case 0:
			got = CALL(elem_ring_pop_bulk, &c, e, n);
			for (i = 0; got > 0 && i < (uint64_t)got; i++)
				verify(&e[i], seq + i);
			break;
		case 1:
			got = CALL(elem_ring_view, &c, &seen, n);
			if (got <= 0)
				break;
			for (i = 0; i < (uint64_t)got; i++)
				verify(&seen[i], seq + i);
			if (random_below(&r, 64) == 0) {
				bury(64);
				if (!ring_consumer_bind(&c.consumer, shm, &shape, 64))
					wrong(&n_failed);
				got = 0;
			} else if (elem_ring_consume(&c, (uint64_t)got) != 0) {
				wrong(&n_failed);
			}
			break;
		case 2:
			got = elem_ring_peek(&c, n - 1, e);
			if (got == 0)
				verify(e, seq + n - 1);
			break;
		case 3:
			got = random_below(&r, 8) == 0 ? elem_ring_clear(&c)
						       : CALL(elem_ring_skip, &c, n);
			break;
		default:
			got = CALL(elem_ring_pop, &c, e);
			if (got == 0) {
				verify(e, seq);
				got = 1;
			}
		}
		if (got > 0)
			seq += (uint64_t)got;
		else if (got == -EAGAIN)
			relax(&n_idle);
		else if (got < 0)
			wrong(&n_failed);
	}
	return NULL;
}

static void fill_record(unsigned char *data, uint64_t seq)
{
	const size_t n = (size_t)(seq * 7 % 25);
	size_t i;

	for (i = 0; i < n; i++)
		data[i] = (unsigned char)(seq + i * 3);
}

static void verify_record(const unsigned char *data, size_t bytes, uint64_t seq)
{
	unsigned char want[32];

	fill_record(want, seq);
	if (bytes != seq * 7 % 25 || memcmp(data, want, bytes) != 0)
		wrong(&n_torn);
}

static void *produce_records(void *data)
{
	struct shmreg_record_producer p;
	struct shmreg_record records[3];
	unsigned char bytes[3][32];
	struct random_state r;
	unsigned int n_idle = 0;
	uint64_t seq = 0, n, i;
	int64_t got;
	void *place;

	(void)data;
	random_seed(&r);
	if (!record_producer_bind(&p, shm, &shape, 1))
		wrong(&n_failed);
	while (seq < n_all) {
		n = 1 + random_below(&r, n_all - seq < 3 ? n_all - seq : 3);
		for (i = 0; i < n; i++) {
			fill_record(bytes[i], seq + i);
			records[i] = (struct shmreg_record){ bytes[i], (seq + i) * 7 % 25 };
		}
		switch (random_below(&r, 3)) {
		case 0:
			got = CALL(shmreg_record_push_bulk, &p, records, n,
				   random_below(&r, n + 1));
			if (got == -EMSGSIZE && n > 1)
				got = 0;	/* beyond half of the smallest */
			break;
		case 1:
			got = CALL(shmreg_record_reserve, &p, &place, 24);
			if (got < 0)
				break;
			memcpy(place, bytes[0], records[0].bytes);
			if (random_below(&r, 64) == 0) {
				bury(1);
				if (!record_producer_bind(&p, shm, &shape, 1))
					wrong(&n_failed);
				break;
			}
			got = shmreg_record_commit(&p, records[0].bytes) == 0 ? 1 : -EINVAL;
			break;
		default:
			got = CALL(shmreg_record_push, &p, bytes[0], records[0].bytes);
			if (got == 0)
				got = 1;
		}
		if (got > 0)
			seq += (uint64_t)got;
		else if (got == -EAGAIN)
			relax(&n_idle);
		else if (got < 0)
			wrong(&n_failed);
	}
	return NULL;
}

static void *consume_records(void *data)
{
	struct shmreg_record_consumer c;
	unsigned char bytes[32];
	struct random_state r;
	unsigned int n_idle = 0;
	const void *seen;
	uint64_t seq = 0, n;
	size_t got_bytes;
	int64_t got;

	(void)data;
	random_seed(&r);
	r.x += 77;
	if (!record_consumer_bind(&c, shm, &shape, 64))
		wrong(&n_failed);
	while (seq < n_all) {
		n = random_below(&r, 3);
		switch (random_below(&r, 6)) {
		case 0:
			got = CALL(shmreg_record_view, &c, &seen, &got_bytes);
			if (got < 0)
				break;
			verify_record(seen, got_bytes, seq);
			if (random_below(&r, 64) == 0) {
				bury(64);
				if (!record_consumer_bind(&c, shm, &shape, 64))
					wrong(&n_failed);
				break;
			}
			got = shmreg_record_consume(&c) == 0 ? 1 : -EINVAL;
			break;
		case 1:
			got = shmreg_record_peek(&c, n, bytes, sizeof(bytes), &got_bytes);
			if (got == 0)
				verify_record(bytes, got_bytes, seq + n);
			break;
		case 2:
			got = random_below(&r, 8) == 0 ? shmreg_record_clear(&c)
						       : CALL(shmreg_record_skip, &c, n);
			break;
		default:
			got = CALL(shmreg_record_pop, &c, bytes, sizeof(bytes), &got_bytes);
			if (got == 0) {
				verify_record(bytes, got_bytes, seq);
				got = 1;
			}
		}
		if (got > 0)
			seq += (uint64_t)got;
		else if (got == -EAGAIN)
			relax(&n_idle);
		else if (got < 0)
			wrong(&n_failed);
	}
	return NULL;
}

/*
 * Bytes and records belong together: a record here takes 8 to 32 bytes, and padding less than a
 * record, so the one bounds the other, both ways.
 */
static void *look(void *data)
{
	struct shmreg_ring_stats stats = { .size = sizeof(stats) };
	struct shmreg_ring ring;
	uint64_t written = 0, read = 0, records = 0;
	const char *patience = getenv("SHMREG_TEST_PATIENCE");
	const time_t most = patience ? atoi(patience) : 60;
	const uint64_t start = *(uint64_t *)data;
	time_t since = time(NULL);

	ring_bind_const(&ring, shm, &shape);
	while (!shmreg_load_acquire(&done)) {
		if (shmreg_ring_stat(&ring, &stats) != 0 || stats.length > stats.capacity ||
		    stats.high > stats.capacity)
			wrong(&n_failed);
		if (stats.n_written - start < written || stats.n_records_written < records)
			wrong(&n_failed);
		if (stats.n_written - start != written || stats.n_read - start != read)
			since = time(NULL);
		/* Both could go on: one does not know. */
		ck_assert_msg(time(NULL) - since <= most, "a wake-up was lost");
		written = stats.n_written - start;
		read = stats.n_read - start;
		records = stats.n_records_written;
		if ((shape.flags & SHMREG_RING_RECORDS) != 0 &&
		    (records * 8 > written || written > records * 32 * 2))
			wrong(&n_failed);
		sched_yield();
	}
	return NULL;
}

static void torture(struct shmreg_shape s, uint64_t start, uint64_t n, void *(*from)(void *),
		    void *(*to)(void *))
{
	pthread_t producer, consumer, observer;

	ck_assert_int_eq(waiter_register(), 0);

	shape = s;
	n_all = random_rounds((unsigned long)n);
	shm = ring_map(&shape, start);
	ck_assert_int_eq(pthread_create(&producer, NULL, from, NULL), 0);
	ck_assert_int_eq(pthread_create(&consumer, NULL, to, NULL), 0);
	ck_assert_int_eq(pthread_create(&observer, NULL, look, &start), 0);
	ck_assert_int_eq(pthread_join(producer, NULL), 0);
	ck_assert_int_eq(pthread_join(consumer, NULL), 0);
	shmreg_store_release(&done, 1);
	ck_assert_int_eq(pthread_join(observer, NULL), 0);
	printf("%llu, %llu deaths, %u and %u wake-ups\n", (unsigned long long)n_all,
	       (unsigned long long)n_deaths,
	       shm->items.half[SHMREG_EVENTCOUNT_COUNT] & SHMREG_EVENTCOUNT_SEQUENCE,
	       shm->space.half[SHMREG_EVENTCOUNT_COUNT] & SHMREG_EVENTCOUNT_SEQUENCE);
	ck_assert(waits || (shm->items.both | shm->space.both) == 0);
	ck_assert_uint_eq(n_torn, 0);
	ck_assert_uint_eq(n_failed, 0);
	if ((shape.flags & SHMREG_RING_RECORDS) == 0) {
		ck_assert_uint_eq(shm->tail, shm->head);
		ck_assert_uint_eq(shm->tail - start, n_all);
	} else {
		ck_assert_uint_eq(shm->tail & ~SHMREG_RING_LOW_MASK,
				  shm->head & ~SHMREG_RING_LOW_MASK);
		ck_assert_uint_eq(shm->n_written[shm->tail & SHMREG_RING_FLIP], n_all);
		ck_assert_uint_eq(shm->n_read[shm->head & SHMREG_RING_FLIP], n_all);
	}
	plain_unmap(shm, &shape);
}

static const uint64_t capacities[] = { 2, 4, 8, 64 };

START_TEST(elements)
{
	const int i = _i % 4;

	waits = _i >= 4;
	torture(ring_shape(capacities[i], sizeof(struct elem), SHMREG_ALIGNOF(struct elem)),
		UINT64_MAX - 1000 + (uint64_t)i, UINT64_C(2000) << i, produce, consume);
}
END_TEST

START_TEST(records)
{
	const int i = _i % 4;

	waits = _i >= 4;
	torture(record_shape(UINT64_C(64) << i), UINT64_MAX - 8007 + 8 * (uint64_t)i,
		UINT64_C(2000) << i, produce_records, consume_records);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("ring-threads");

	tcase_set_timeout(t, 0);
	tcase_add_loop_test(t, elements, 0, 8);
	tcase_add_loop_test(t, records, 0, 8);
	return run_case("ring-threads", t);
}
