/* SPDX-License-Identifier: MIT */
#include <config.h>

/* shmreg_wait_any() on objects of every kind, written by another participant; also read-only. */

#include <errno.h>

#include "asleep.h"
#include "harness.h"

SHMREG_DEFINE_QUEUE(words, uint64_t);
SHMREG_DEFINE_RING(word_ring, uint64_t);
SHMREG_DEFINE_TOPIC(word_topic, uint64_t);
SHMREG_DEFINE_CELL(word_cell, uint64_t);
SHMREG_DEFINE_ATOMIC(word_atomic, uint64_t);
SHMREG_DEFINE_POOL(word_pool, uint64_t);

static struct harness h;
static struct shmreg_connection *c;
static struct shmreg_segment *s, *mine;	/* mine: of who waits */
static const uint64_t word = 7;

/* The other participant's ends. */
static struct words *queue, *full_queue;
static struct word_ring_producer *producer;
static struct word_ring_consumer *full_consumer;
static struct shmreg_record_producer *record_producer;
static struct word_topic_publisher *publisher, *reliable_publisher;
static struct word_topic_subscriber *reliable_subscriber;
static struct word_cell_writer *writer;
static struct word_atomic *atomic;
static struct word_pool *pool;
static shmreg_pool_ref taken;

static void setup(void)
{
	const struct shmreg_topic_params lossy = { .size = sizeof(lossy), .capacity = 4 };
	const struct shmreg_topic_params reliable = { .size = sizeof(reliable), .capacity = 2,
						      .flags = SHMREG_TOPIC_RELIABLE,
						      .publishers = 2 };
	const struct shmreg_record_params bytes = { .size = sizeof(bytes), .capacity = 64 };
	struct word_ring_producer *full_producer = NULL;
	int i;

	harness_start_segment(&h, 0, &c, &s);
	harness_ok(words_create(s, &queue, "queue", 4, 0));
	harness_ok(words_create(s, &full_queue, "full-queue", 2, 0));
	harness_ok(word_ring_producer_create(s, &producer, "ring", 4));
	harness_ok(word_ring_producer_create(s, &full_producer, "full-ring", 2));
	harness_ok(word_ring_consumer_open(s, &full_consumer, "full-ring"));
	harness_ok(shmreg_record_producer_create(s, &record_producer, "records", &bytes));
	harness_ok(word_topic_publisher_create(s, &publisher, "topic", &lossy));
	harness_ok(word_topic_publisher_create(s, &reliable_publisher, "reliable", &reliable));
	harness_ok(word_topic_subscriber_open(s, &reliable_subscriber, "reliable", 0));
	harness_ok(word_cell_writer_create(s, &writer, "cell", 1, 4));
	harness_ok(word_atomic_create(s, &atomic, "atomic"));
	harness_ok(word_pool_create(s, &pool, "pool", 1));
	harness_ok(word_pool_acquire(pool, &taken));
	for (i = 0; i < 2; i++) {
		harness_ok(words_push(full_queue, &word));
		harness_ok(word_ring_push(full_producer, &word));
		harness_ok(word_topic_publisher_publish(reliable_publisher, &word));
	}
	harness_ok(word_ring_producer_close(full_producer));
}

static void teardown(void)
{
	c = shmreg_disconnect(c);
	harness_stop(&h);
}

enum { QUEUE, FULL_QUEUE, RING, FULL_RING, RECORDS, SUBSCRIBER, PUBLISHER, TOPIC, CELL, ATOMIC,
       POOL, N_KINDS };
#define N_READ_ONLY 5
static struct shmreg_wait_item items[N_KINDS];
static unsigned int which[N_KINDS], n_items;

static void wait_for(unsigned int kind, const struct shmreg_handle *handle, uint32_t event)
{
	items[n_items] = (struct shmreg_wait_item){ .handle = handle, .events = event };
	which[n_items++] = kind;
}

static void open_read_only_kinds(uint32_t access)
{
	const struct shmreg_topic *topic = NULL;
	const struct word_cell *cell = NULL;
	const struct word_atomic *a = NULL;
	const struct shmreg_queue *q = NULL;

	harness_ok(shmreg_segment_open(c, &mine, "seg", access));
	n_items = 0;
	harness_ok(shmreg_queue_open_const(mine, &q, "queue", NULL));
	wait_for(QUEUE, &q->handle, SHMREG_WAIT_ITEMS);
	harness_ok(shmreg_queue_open_const(mine, &q, "full-queue", NULL));
	wait_for(FULL_QUEUE, &q->handle, SHMREG_WAIT_SPACE);
	harness_ok(shmreg_topic_open_const(mine, &topic, "topic", NULL));
	wait_for(TOPIC, &topic->handle, SHMREG_WAIT_ITEMS);
	harness_ok(word_cell_open(mine, &cell, "cell"));
	wait_for(CELL, &cell->cell.handle, SHMREG_WAIT_ITEMS);
	harness_ok(word_atomic_open_const(mine, &a, "atomic"));
	wait_for(ATOMIC, &a->atomic.handle, SHMREG_WAIT_ITEMS);
}

static void open_all_kinds(void)
{
	struct word_ring_consumer *consumer = NULL;
	struct word_ring_producer *full_producer = NULL;
	struct shmreg_record_consumer *record_consumer = NULL;
	struct word_topic_subscriber *subscriber = NULL;
	struct word_topic_publisher *held_up = NULL;
	struct word_pool *p = NULL;

	open_read_only_kinds(SHMREG_ACCESS_WRITE);
	harness_ok(word_ring_consumer_open(mine, &consumer, "ring"));
	wait_for(RING, &consumer->consumer.ring.handle, SHMREG_WAIT_ITEMS);
	harness_ok(word_ring_producer_open(mine, &full_producer, "full-ring"));
	wait_for(FULL_RING, &full_producer->producer.ring.handle, SHMREG_WAIT_SPACE);
	harness_ok(shmreg_record_consumer_open(mine, &record_consumer, "records", NULL));
	wait_for(RECORDS, &record_consumer->ring.handle, SHMREG_WAIT_ITEMS);
	harness_ok(word_topic_subscriber_open(mine, &subscriber, "topic", 0));
	wait_for(SUBSCRIBER, &subscriber->subscriber.topic.handle, SHMREG_WAIT_ITEMS);
	harness_ok(word_topic_publisher_open(mine, &held_up, "reliable"));
	wait_for(PUBLISHER, &held_up->publisher.topic.handle, SHMREG_WAIT_SPACE);
	harness_ok(word_pool_open(mine, &p, "pool"));
	wait_for(POOL, &p->pool.handle, SHMREG_WAIT_SPACE);
}

static void make(unsigned int kind)
{
	uint64_t got;

	switch (kind) {
	case QUEUE:
		harness_ok(words_push(queue, &word));
		return;
	case FULL_QUEUE:
		harness_ok(words_pop(full_queue, &got));
		return;
	case RING:
		harness_ok(word_ring_push(producer, &word));
		return;
	case FULL_RING:
		harness_ok(word_ring_pop(full_consumer, &got));
		return;
	case RECORDS:
		harness_ok(shmreg_record_push(record_producer, &word, sizeof(word)));
		return;
	case SUBSCRIBER:
	case TOPIC:
		harness_ok(word_topic_publisher_publish(publisher, &word));
		return;
	case PUBLISHER:
		harness_ok(word_topic_subscriber_read(reliable_subscriber, &got, NULL));
		return;
	case CELL:
		harness_ok(word_cell_write(writer, &word));
		return;
	case ATOMIC:
		word_atomic_fetch_add(atomic, 1);
		word_atomic_notify_all(atomic);
		return;
	default:
		harness_ok(word_pool_release(pool, taken));
	}
}

static int wait_for_items(void *unused)
{
	(void)unused;
	return shmreg_wait_any(items, n_items, NULL);
}

static void one_wakes(unsigned int i)
{
	const struct timespec past = shmreg_deadline(0);
	struct sleeper sleeper;
	unsigned int j;
	bool is_one;
	int r, n = 0;

	/* The atomic's first value. */
	ck_assert_int_eq(shmreg_wait_any(items, n_items, &past), 1);
	harness_result(shmreg_wait_any(items, n_items, &past), -ETIMEDOUT);
	sleeper_spawn(&sleeper, wait_for_items, NULL);
	sleeper_await(&sleeper);
	make(which[i]);
	r = sleeper_result(&sleeper);
	for (j = 0; j < n_items; j++) {
		/* A message is the topic's and the subscriber's. */
		is_one = j == i || (which[j] == SUBSCRIBER && which[i] == TOPIC) ||
			 (which[j] == TOPIC && which[i] == SUBSCRIBER);
		ck_assert_msg(items[j].ready == (is_one ? items[j].events : 0),
			      "kind %u: ready %#x after kind %u", which[j], items[j].ready,
			      which[i]);
		n += is_one;
	}
	ck_assert_int_eq(r, n);
}

START_TEST(all_kinds)
{
	open_all_kinds();
	ck_assert_uint_eq(n_items, N_KINDS);
	one_wakes((unsigned int)_i);
}
END_TEST

START_TEST(read_only)
{
	open_read_only_kinds(SHMREG_ACCESS_READ);
	ck_assert_uint_eq(n_items, N_READ_ONLY);
	one_wakes((unsigned int)_i);
}
END_TEST

/* A sleeper that can write and one that cannot: each in the other's segment's company. */
START_TEST(mixed)
{
	const struct timespec past = shmreg_deadline(0);
	struct sleeper sleeper;
	struct words *q = NULL;

	open_read_only_kinds(SHMREG_ACCESS_READ);
	harness_ok(words_open(s, &q, "queue"));
	items[0].handle = &q->queue.handle;
	ck_assert_int_eq(shmreg_wait_any(items, n_items, &past), 1);
	sleeper_spawn(&sleeper, wait_for_items, NULL);
	sleeper_await(&sleeper);
	make(_i == 0 ? QUEUE : CELL);
	ck_assert_int_eq(sleeper_result(&sleeper), 1);
}
END_TEST

START_TEST(read_only_through_a_restart)
{
	const struct timespec past = shmreg_deadline(0);
	struct sleeper sleeper;

	open_read_only_kinds(SHMREG_ACCESS_READ);
	ck_assert_int_eq(shmreg_wait_any(items, n_items, &past), 1);
	sleeper_spawn(&sleeper, wait_for_items, NULL);
	sleeper_await(&sleeper);
	harness_kill_daemon(&h);
	harness_restart_daemon(&h);
	sleeper_await(&sleeper);
	make(CELL);
	ck_assert_int_eq(sleeper_result(&sleeper), 1);
}
END_TEST

/* To be woken without the right to write takes a daemon that knows us. */
START_TEST(read_only_and_lost)
{
	const struct timespec past = shmreg_deadline(0);
	struct words *q = NULL;

	open_read_only_kinds(SHMREG_ACCESS_READ);
	harness_ok(words_open(s, &q, "queue"));
	items[0].handle = &q->queue.handle;
	ck_assert_int_eq(shmreg_wait_any(items, n_items, &past), 1);
	harness_kill_daemon(&h);
	keeper_forget(&h.keeper);
	harness_restart_daemon(&h);
	ck_assert_int_eq(shmreg_wait_any(items, n_items, NULL), (int)n_items - 1);
	ck_assert_uint_eq(items[0].ready, 0);
	ck_assert_uint_eq(items[1].ready, SHMREG_WAIT_ERROR);
	ck_assert_int_eq(items[1].error, -ESTALE);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("wait-any-kinds");
	TCase *tc = harness_case(suite, "wait-any-kinds");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, all_kinds, 0, N_KINDS);
	tcase_add_loop_test(tc, read_only, 0, N_READ_ONLY);
	tcase_add_loop_test(tc, mixed, 0, 2);
	tcase_add_test(tc, read_only_through_a_restart);
	tcase_add_test(tc, read_only_and_lost);
	return suite;
}

int main(void)
{
	return harness_main(suite());
}
