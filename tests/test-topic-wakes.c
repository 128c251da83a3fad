/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <string.h>

#include <shmreg/wait.h>

#include "topic-fixture.h"
#include "waiter.h"

/* Whoever wakes those who wait for a topic, one by one; and what is not waited for. */

SHMREG_DEFINE_TOPIC(items, struct item);

#define CAPACITY 4
#define START ((UINT64_C(1) << 42) - 2)		/* turns wrap meanwhile */
#define N_PUBLISHERS 3
#define MESSAGE offsetof(struct shmreg_topic_shm, message)
#define SPACE offsetof(struct shmreg_topic_shm, space)

static struct items_publisher source;
static struct items_subscriber lag;	/* has not read */
static uint64_t next_in;

static const struct item mine = { 7, ~UINT64_C(7) };

static union shmreg_eventcount *event_at(size_t offset)
{
	return (union shmreg_eventcount *)(void *)((unsigned char *)base + offset);
}

static uint32_t count_at(size_t offset)
{
	return shmreg_load_acquire(&event_at(offset)->half[SHMREG_EVENTCOUNT_COUNT]);
}

/* Somebody seems to sleep: afterwards the sequence is raised, or is not. */
static bool raises(size_t offset, void (*act)(void))
{
	const uint32_t before = count_at(offset);

	shmreg_fetch_or_acq_rel(&event_at(offset)->half[SHMREG_EVENTCOUNT_COUNT],
				SHMREG_EVENTCOUNT_ASLEEP);
	act();
	/* If so, it found that nobody slept. */
	if (((count_at(offset) ^ before) & SHMREG_EVENTCOUNT_SEQUENCE) == 0)
		return false;
	ck_assert_uint_eq(count_at(offset) & SHMREG_EVENTCOUNT_ASLEEP, 0);
	return true;
}

static void publish_one(void)
{
	const struct item item = { next_in, ~next_in };

	ck_assert_int_eq(items_publisher_publish(&source, &item), 0);
	next_in++;
}

static void publish_reserved(void)
{
	struct item *place;

	ck_assert_int_eq(items_publisher_reserve(&source, &place), 0);
	*place = (struct item){ next_in, ~next_in };
	ck_assert_int_eq(items_publisher_publish_reserved(&source), 0);
	next_in++;
}

static void read_one(void)
{
	struct item item;

	ck_assert_int_eq(items_subscriber_read(&lag, &item, NULL), 0);
}

static void untyped_read(void)
{
	struct item item;

	ck_assert_int_eq(shmreg_subscriber_read(&lag.subscriber, &item, sizeof(item), NULL), 0);
}

static void peek_and_consume(void)
{
	const struct item *place;

	ck_assert_int_eq(items_subscriber_peek(&lag, &place, NULL), 0);
	ck_assert_int_eq(items_subscriber_consume(&lag), 0);
}

static void peek(void)
{
	const struct item *place;

	ck_assert_int_eq(items_subscriber_peek(&lag, &place, NULL), 0);
}

static void leave(void)
{
	subscriber_leave(&lag.subscriber);
}

static void join(void)
{
	ck_assert_int_eq(subscriber_bind(&lag.subscriber, base, &shape, 5, NULL, 0), 0);
}

static void set_up_wakers(uint32_t flags, uint32_t publishers, uint32_t lag_max)
{
	ck_assert_int_eq(waiter_register(), 0);
	set_up(CAPACITY, flags, publishers, lag_max, START);
	next_in = START;
	ck_assert_int_eq(publisher_bind(&source.publisher, base, &shape, 1, NULL, 0), 0);
	join();
}

START_TEST(wakers_of_a_lossy_topic)
{
	int i;

	set_up_wakers(0, _i ? N_PUBLISHERS : 1, 0);
	ck_assert(raises(MESSAGE, publish_one));
	ck_assert(raises(MESSAGE, publish_reserved));
	ck_assert(!raises(SPACE, publish_one));
	/* nobody can be waiting for room: nothing is looked at */
	ck_assert(!raises(SPACE, read_one));
	ck_assert(!raises(SPACE, untyped_read));
	ck_assert(!raises(SPACE, peek_and_consume));
	for (i = 0; i < 2 * CAPACITY; i++)
		publish_one();
	ck_assert(!raises(SPACE, read_one));
	ck_assert_uint_gt(lag.subscriber.n_lost, 0);
	ck_assert(!raises(MESSAGE, leave));
	tear_down();
}
END_TEST

START_TEST(wakers_of_a_reliable_topic)
{
	const uint32_t lag_max = _i ? CAPACITY - 1 : 0;

	set_up_wakers(SHMREG_TOPIC_RELIABLE, N_PUBLISHERS, lag_max);
	ck_assert(raises(MESSAGE, publish_one));
	ck_assert(!raises(SPACE, publish_one));
	ck_assert(raises(SPACE, read_one));
	ck_assert(raises(SPACE, untyped_read));
	ck_assert(raises(MESSAGE, publish_one));
	ck_assert(!raises(SPACE, peek));
	ck_assert(raises(SPACE, peek_and_consume));
	publish_one();
	ck_assert(!raises(MESSAGE, read_one));
	ck_assert(raises(SPACE, leave));
	/* who joins holds publishers where it announced itself, until it has found its place */
	ck_assert(raises(SPACE, join));
	tear_down();
}
END_TEST

START_TEST(wakers_by_eviction)
{
	set_up_wakers(SHMREG_TOPIC_RELIABLE, _i ? N_PUBLISHERS : 1, 2);
	publish_one();
	ck_assert(!raises(SPACE, publish_one));
	ck_assert(raises(SPACE, publish_one));
	/* who finds that it was evicted joins anew */
	ck_assert(raises(SPACE, read_one));
	ck_assert_uint_eq(lag.subscriber.n_lost, 1);
	tear_down();
}
END_TEST

/* History that is overwritten before it is read: the subscriber jumps, and so does its cursor. */
START_TEST(wakers_by_loss)
{
	set_up_wakers(SHMREG_TOPIC_RELIABLE, 1, 0);
	subscriber_leave(&lag.subscriber);
	publish_one();		/* nobody holds it for a lap */
	ck_assert_int_eq(subscriber_bind(&lag.subscriber, base, &shape, 5, NULL, CAPACITY), 0);
	publish_one();
	publish_one();
	ck_assert(raises(SPACE, peek));
	ck_assert_uint_gt(lag.subscriber.n_lost, 0);
	tear_down();
}
END_TEST

/* What is not -EAGAIN comes at once, whatever the deadline. */
START_TEST(need_not_wait)
{
	struct shmreg_topic_message m;
	struct item item;
	uint64_t i;

	set_up_wakers(0, _i ? N_PUBLISHERS : 1, 0);
	/* of a lossy topic there is always room */
	for (i = 0; i < 2 * CAPACITY; i++)
		ck_assert_int_eq(items_publisher_publish_wait(&source, &mine, NULL), 0);
	ck_assert_int_eq(shmreg_publisher_publish_wait(&source.publisher, &mine, 17, NULL),
			 -EMSGSIZE);
	ck_assert_int_eq(shmreg_publisher_publish_reserved_wait(&source.publisher, 17, NULL),
			 -EMSGSIZE);
	ck_assert_int_eq(shmreg_topic_read_at_wait(&lag.subscriber.topic, START, &item, sizeof(item),
						   NULL, NULL), -EPIPE);
	/* overtaken, which it is told with the next that is there */
	ck_assert_int_eq(items_subscriber_read_wait(&lag, &item, &m, NULL), 0);
	ck_assert_uint_gt(m.n_lost, 0);
	ck_assert_int_eq(shmreg_subscriber_read_wait(&lag.subscriber, &item, 3, NULL, NULL),
			 -EMSGSIZE);
	ck_assert_uint_eq(event_at(MESSAGE)->both, 0);
	ck_assert_uint_eq(event_at(SPACE)->both, 0);
	tear_down();
}
END_TEST

/* What is reserved stays so, as it was filled; and a position is full once. */
START_TEST(stays_reserved)
{
	struct shmreg_topic_stats stats = { .size = sizeof(stats) };
	struct timespec deadline;
	struct item *place, item;
	int i;

	set_up_wakers(SHMREG_TOPIC_RELIABLE, _i ? N_PUBLISHERS : 1, 0);
	for (i = 0; i < CAPACITY; i++)
		publish_one();
	ck_assert_int_eq(items_publisher_reserve(&source, &place), 0);
	*place = mine;
	for (i = 0; i < 3; i++) {
		deadline = shmreg_deadline(1000000);
		ck_assert_int_eq(items_publisher_publish_reserved_wait(&source, &deadline),
				 -ETIMEDOUT);
	}
	ck_assert_int_eq(shmreg_topic_stat(&source.publisher.topic, &stats), 0);
	ck_assert_uint_eq(stats.n_full, 1);
	read_one();
	ck_assert_int_eq(items_publisher_publish_reserved_wait(&source, NULL), 0);
	for (i = 1; i < CAPACITY; i++)
		read_one();
	ck_assert_int_eq(items_subscriber_read(&lag, &item, NULL), 0);
	ck_assert_mem_eq(&item, &mine, sizeof(mine));
	tear_down();
}
END_TEST

/* Who holds it up too long is evicted, and not waited for. */
START_TEST(evicts)
{
	struct shmreg_topic_message m;
	struct item item;
	uint64_t i;

	set_up_wakers(SHMREG_TOPIC_RELIABLE, _i ? N_PUBLISHERS : 1, 2);
	for (i = 0; i < 5; i++)
		ck_assert_int_eq(items_publisher_publish_wait(&source, &mine, NULL), 0);
	ck_assert_int_eq(items_subscriber_read_wait(&lag, &item, &m, NULL), 0);
	ck_assert_uint_gt(m.n_lost, 0);
	ck_assert_uint_eq(m.flags, SHMREG_TOPIC_WAS_EVICTED);
	tear_down();
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("topic-wakes");

	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, wakers_of_a_lossy_topic, 0, 2);
	tcase_add_loop_test(t, wakers_of_a_reliable_topic, 0, 2);
	tcase_add_loop_test(t, wakers_by_eviction, 0, 2);
	tcase_add_test(t, wakers_by_loss);
	tcase_add_loop_test(t, need_not_wait, 0, 2);
	tcase_add_loop_test(t, stays_reserved, 0, 2);
	tcase_add_loop_test(t, evicts, 0, 2);
	return run_case("topic-wakes", t);
}
