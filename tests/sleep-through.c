/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * One sleeper of every sort; the daemon is killed with SIGKILL and started again, by shmregctl run
 * that runs this program, while they sleep; then what each waits for happens.
 */

#include <errno.h>
#include <signal.h>

#include <shmreg.h>

#include "asleep.h"
#include "suite.h"

SHMREG_DEFINE_QUEUE(words, uint64_t);
SHMREG_DEFINE_RING(word_ring, uint64_t);
SHMREG_DEFINE_TOPIC(word_topic, uint64_t);
SHMREG_DEFINE_CELL(word_cell, uint64_t);
SHMREG_DEFINE_ATOMIC(word_atomic, uint64_t);
SHMREG_DEFINE_POOL(word_pool, uint64_t);

static struct shmreg_connection *c;
static struct shmreg_segment *s, *theirs;	/* two participants */
static const uint64_t word = 7;

static void ok(int r)
{
	ck_assert_msg(r >= 0, "%d: %s", r, shmreg_error());
}

static struct words *empty, *full, *any;
static struct word_ring_consumer *consumer;
static struct word_topic_subscriber *subscriber;
static const struct word_cell *cell;
static struct word_atomic *atomic;
static struct word_pool *pool;

static int pop(void *unused)
{
	uint64_t got = 0;
	const int r = words_pop_wait(empty, &got, NULL);

	(void)unused;
	return r < 0 || got == word ? r : -EBADMSG;
}

static int push(void *unused)
{
	(void)unused;
	return words_push_wait(full, &word, NULL);
}

static int ring_pop(void *unused)
{
	uint64_t got = 0;
	const int r = word_ring_pop_wait(consumer, &got, NULL);

	(void)unused;
	return r < 0 || got == word ? r : -EBADMSG;
}

static int topic_read(void *unused)
{
	uint64_t got = 0;
	const int r = word_topic_subscriber_read_wait(subscriber, &got, NULL, NULL);

	(void)unused;
	return r < 0 || got == word ? r : -EBADMSG;
}

static int cell_read(void *unused)
{
	uint64_t got = 0, version;
	const int r = word_cell_read_wait(cell, 0, &got, &version, NULL);

	(void)unused;
	return r < 0 || got == word ? r : -EBADMSG;
}

static int atomic_wait(void *unused)
{
	uint64_t got = 0;
	const int r = word_atomic_wait(atomic, 0, &got, NULL);

	(void)unused;
	return r < 0 || got == word ? r : -EBADMSG;
}

static int pool_acquire(void *unused)
{
	shmreg_pool_ref ref;

	(void)unused;
	return word_pool_acquire_wait(pool, &ref, NULL);
}

static int object_wait(void *unused)
{
	(void)unused;
	return shmreg_object_wait(s, "late", 0, NULL);
}

static int segment_wait(void *unused)
{
	struct shmreg_segment *late;

	(void)unused;
	return shmreg_segment_open_wait(c, &late, "late", SHMREG_ACCESS_WRITE, 0, NULL);
}

static int wait_any(void *unused)
{
	struct shmreg_wait_item item = { .handle = &any->queue.handle,
					 .events = SHMREG_WAIT_ITEMS };
	const int r = shmreg_wait_any(&item, 1, NULL);

	(void)unused;
	return r < 0 || item.ready == SHMREG_WAIT_ITEMS ? r : -EBADMSG;
}

static const struct {
	sleeper_fn wait;
	int result;
} sorts[] = {
	{ pop, 0 },	     { push, 0 },	  { ring_pop, 0 },    { topic_read, 0 },
	{ cell_read, 0 },    { atomic_wait, 0 },  { pool_acquire, 0 }, { object_wait, 0 },
	{ segment_wait, 0 }, { wait_any, 1 },
};
#define N_SORTS (sizeof(sorts) / sizeof(sorts[0]))

/* What the sleepers have, and what wakes them. */
static struct words *from_full, *to_empty, *to_any;
static struct word_ring_producer *producer;
static struct word_topic_publisher *publisher;
static struct word_cell_writer *writer;
static struct word_atomic *their_atomic;
static struct word_pool *their_pool;
static shmreg_pool_ref taken;

static void prepare(void)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 20 };
	const struct shmreg_topic_params topic = { .size = sizeof(topic), .capacity = 4 };

	ok(shmreg_connect(&c, NULL));
	ok(shmreg_segment_create(c, &s, "through", &params));
	ok(shmreg_segment_open(c, &theirs, "through", SHMREG_ACCESS_WRITE));
	ok(words_create(s, &empty, "empty", 4, 0));
	ok(words_open(theirs, &to_empty, "empty"));
	ok(words_create(s, &any, "any", 4, 0));
	ok(words_open(theirs, &to_any, "any"));
	ok(words_create(s, &full, "full", 2, 0));
	ok(words_open(theirs, &from_full, "full"));
	ok(words_push(full, &word));
	ok(words_push(full, &word));
	ok(word_ring_producer_create(theirs, &producer, "ring", 4));
	ok(word_ring_consumer_open(s, &consumer, "ring"));
	ok(word_topic_publisher_create(theirs, &publisher, "topic", &topic));
	ok(word_topic_subscriber_open(s, &subscriber, "topic", 0));
	ok(word_cell_writer_create(theirs, &writer, "cell", 1, 4));
	ok(word_cell_open(s, &cell, "cell"));
	ok(word_atomic_create(theirs, &their_atomic, "atomic"));
	ok(word_atomic_open(s, &atomic, "atomic"));
	ok(word_pool_create(theirs, &their_pool, "pool", 1));
	ok(word_pool_open(s, &pool, "pool"));
	ok(word_pool_acquire(their_pool, &taken));
}

static void everything_happens(void)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 12 };
	struct shmreg_segment *late;
	struct words *late_queue;
	uint64_t got;

	ok(words_push(to_empty, &word));
	ok(words_push(to_any, &word));
	ok(words_pop(from_full, &got));
	ok(word_ring_push(producer, &word));
	ok(word_topic_publisher_publish(publisher, &word));
	ok(word_cell_write(writer, &word));
	word_atomic_store(their_atomic, word);
	word_atomic_notify_all(their_atomic);
	ok(word_pool_release(their_pool, taken));
	ok(words_create(theirs, &late_queue, "late", 2, 0));
	ok(shmreg_segment_create(c, &late, "late", &params));
}

static void kill_daemon(void)
{
	struct shmreg_stats_reply before, after;

	ok(shmreg_stats(c, UINT32_MAX, &before));
	ck_assert_int_eq(kill((pid_t)before.pid, SIGKILL), 0);
	/* It may be dying still when it is asked; then there is no one, until there is another. */
	do
		ok(shmreg_stats(c, UINT32_MAX, &after));
	while (after.pid == before.pid);
	ck_assert_uint_eq(after.n_restarts, before.n_restarts + 1);
}

START_TEST(through_a_restart)
{
	struct sleeper sleepers[N_SORTS];
	unsigned int i;
	int r;

	prepare();
	for (i = 0; i < N_SORTS; i++) {
		sleeper_spawn(&sleepers[i], sorts[i].wait, NULL);
		sleeper_await(&sleepers[i]);
	}
	kill_daemon();
	for (i = 0; i < N_SORTS; i++)
		sleeper_await(&sleepers[i]);
	everything_happens();
	for (i = 0; i < N_SORTS; i++) {
		r = sleeper_result(&sleepers[i]);
		ck_assert_msg(r == sorts[i].result, "sleeper %u: %d instead of %d", i, r,
			      sorts[i].result);
	}
	shmreg_disconnect(c);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("sleep-through");

	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, through_a_restart);
	return run_case("sleep-through", tc);
}
