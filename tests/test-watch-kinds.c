/* SPDX-License-Identifier: MIT */
#include "watcher.h"

/* Watches of each kind of object, by those who can write and those who cannot. */

struct word {
	uint64_t n;
};
SHMREG_DEFINE_RING(words, struct word);
SHMREG_DEFINE_TOPIC(news, struct word);
SHMREG_DEFINE_POOL(word_pool, struct word);
SHMREG_DEFINE_CELL(word_cell, struct word);
SHMREG_DEFINE_OBJECT_QUEUE(mail, word_pool);

#define ROUNDS 5	/* the first is rung by the daemon, the others by the waker itself */

static const struct word one = { 1 };

static const struct shmreg_handle *any(const void *handle)
{
	return handle;
}

START_TEST(rings)
{
	struct words_producer *producer = NULL;
	struct words_consumer *consumer = NULL;
	struct shmreg_watch *items, *space;
	struct word word;
	int i, k;

	harness_ok(words_producer_create(seg, &producer, "ring", 4));
	harness_ok(words_consumer_open(seg, &consumer, "ring"));
	items = watch(any(consumer), ITEMS);
	space = watch(any(producer), SPACE);
	for (i = 0; i < ROUNDS; i++) {
		expect_nothing(items, 0);
		expect_ready(space, SPACE);
		for (k = 0; k < 4; k++)
			harness_ok(words_push(producer, &one));
		expect_ready(items, ITEMS);
		expect_nothing(space, 0);
		harness_ok(words_pop(consumer, &word));
		expect_ready(space, SPACE);
		while (words_pop(consumer, &word) == 0)
			;
	}
	shmreg_watch_close(items);
	shmreg_watch_close(space);
}
END_TEST

/* Room for what did not fit: not readable for less. */
START_TEST(rings_of_records)
{
	const struct shmreg_record_params params = { .size = sizeof(params), .capacity = 128 };
	struct shmreg_record_producer *producer = NULL;
	struct shmreg_record_consumer *consumer = NULL;
	struct shmreg_watch *items, *space;
	char data[56] = "";
	size_t bytes;
	int i;

	harness_ok(shmreg_record_producer_create(seg, &producer, "records", &params));
	harness_ok(shmreg_record_consumer_open(seg, &consumer, "records", NULL));
	items = watch(any(consumer), ITEMS);
	space = watch(any(producer), SPACE);
	for (i = 0; i < ROUNDS; i++) {
		expect_nothing(items, 0);
		while (shmreg_record_push(producer, data, 8) == 0)
			;
		ck_assert_int_eq(shmreg_record_push(producer, data, 56), -EAGAIN);
		expect_ready(items, ITEMS);
		expect_nothing(space, 0);
		harness_ok(shmreg_record_pop(consumer, data, sizeof(data), &bytes));
		expect_nothing(space, 0);
		while (shmreg_record_pop(consumer, data, sizeof(data), &bytes) == 0)
			;
		expect_ready(space, SPACE);
		harness_ok(shmreg_record_push(producer, data, 56));
		harness_ok(shmreg_record_pop(consumer, data, sizeof(data), &bytes));
	}
	shmreg_watch_close(items);
	shmreg_watch_close(space);
}
END_TEST

START_TEST(topics)
{
	const struct shmreg_topic_params params = {
		.size = sizeof(params), .capacity = 4, .flags = SHMREG_TOPIC_RELIABLE,
		.publishers = 1, .subscribers = 2,
	};
	struct news_publisher *publisher = NULL;
	struct news_subscriber *a = NULL, *b = NULL;
	struct shmreg_watch *for_a, *for_b, *space;
	struct word word;
	int i, k;

	harness_ok(news_publisher_create(seg, &publisher, "topic", &params));
	harness_ok(news_subscriber_open(seg, &a, "topic", 0));
	harness_ok(news_subscriber_open(seg, &b, "topic", 0));
	for_a = watch(any(a), ITEMS);
	for_b = watch(any(b), ITEMS);
	space = watch(any(publisher), SPACE);
	for (i = 0; i < ROUNDS; i++) {
		expect_nothing(for_a, 0);
		expect_nothing(for_b, 0);
		for (k = 0; k < 4; k++)
			harness_ok(news_publisher_publish(publisher, &one));
		expect_ready(for_a, ITEMS);
		expect_ready(for_b, ITEMS);
		expect_nothing(space, 0);
		while (news_subscriber_read(a, &word, NULL) == 0)
			;
		expect_nothing(for_a, 0);
		expect_nothing(space, 0);
		while (news_subscriber_read(b, &word, NULL) == 0)
			;
		expect_ready(space, SPACE);
	}
	shmreg_watch_close(for_a);
	shmreg_watch_close(for_b);
	shmreg_watch_close(space);
}
END_TEST

START_TEST(pools_and_their_queues)
{
	struct word_pool *pool = NULL, *other_pool = NULL;
	shmreg_pool_ref refs[3], ref;
	struct shmreg_watch *space, *items;
	struct mail *mail = NULL;
	int i, k;

	harness_ok(word_pool_create(seg, &pool, "pool", 3));
	harness_ok(word_pool_open(seg, &other_pool, "pool"));
	harness_ok(mail_create(seg, &mail, "mail", pool, 4, 0));
	space = watch(any(other_pool), SPACE);
	items = watch(any(mail), ITEMS);
	for (i = 0; i < ROUNDS; i++) {
		expect_ready(space, SPACE);
		for (k = 0; k < 3; k++)
			harness_ok(word_pool_make(pool, &refs[k], &one));
		expect_nothing(space, 0);
		expect_nothing(items, 0);
		harness_ok(mail_send(mail, refs[0]));
		expect_ready(items, ITEMS);
		expect_nothing(space, 0);
		harness_ok(mail_receive(mail, &ref));
		harness_ok(word_pool_release(pool, ref));
		expect_ready(space, SPACE);
		harness_ok(word_pool_release(pool, refs[1]));
		harness_ok(word_pool_release(pool, refs[2]));
	}
	shmreg_watch_close(space);
	shmreg_watch_close(items);
}
END_TEST

START_TEST(cells_and_atomics)
{
	struct word_cell_writer *writer = NULL;
	const struct word_cell *cell = NULL;
	struct word_atomic *atomic = NULL;
	struct shmreg_watch *cell_watch, *atomic_watch;
	int i;

	harness_ok(word_cell_writer_create(seg, &writer, "cell", 1, 2));
	harness_ok(word_cell_open(seg, &cell, "cell"));
	harness_ok(word_atomic_create(seg, &atomic, "atomic"));
	cell_watch = watch(any(cell), ITEMS);
	atomic_watch = watch(any(atomic), ITEMS);
	expect_ready(atomic_watch, ITEMS);	/* it has a value */
	expect_nothing(cell_watch, 0);		/* it has none */
	expect_nothing(atomic_watch, 0);
	for (i = 0; i < ROUNDS; i++) {
		harness_ok(word_cell_write(writer, &one));
		expect_ready(cell_watch, ITEMS);
		expect_nothing(cell_watch, 0);
		word_atomic_fetch_add(atomic, 1);
		word_atomic_notify_all(atomic);
		expect_ready(atomic_watch, ITEMS);
		expect_nothing(atomic_watch, 0);
		/* Told of something that has not changed: looked at, and not said. */
		word_atomic_notify_all(atomic);
		ck_assert_int_eq(shmreg_watch_ready(atomic_watch), 0);
	}
	shmreg_watch_close(cell_watch);
	shmreg_watch_close(atomic_watch);
}
END_TEST

/*
 * Those who cannot write arm nothing: each event rings. More events than the bell has room for,
 * and the one after them counts.
 */
START_TEST(read_only)
{
	struct shmreg_connection *reader = harness_connect();
	struct word_cell_writer *writer = NULL;
	const struct word_cell *cell = NULL;
	struct shmreg_segment *theirs;
	struct shmreg_watch *w;
	int i, k;

	harness_ok(word_cell_writer_create(seg, &writer, "cell", 1, 2));
	harness_ok(shmreg_segment_open(reader, &theirs, ACTOR_SEGMENT, SHMREG_ACCESS_READ));
	harness_ok(word_cell_open(theirs, &cell, "cell"));
	w = watch(any(cell), ITEMS);
	for (i = 0; i < 20; i++) {
		expect_nothing(w, 0);
		for (k = 0; k <= i * 5; k++)
			harness_ok(word_cell_write(writer, &one));
		expect_ready(w, ITEMS);
	}
	shmreg_watch_close(w);
	shmreg_disconnect(reader);
}
END_TEST

/* A topic's readers need no right to write, and the queue's onlookers either. */
START_TEST(read_only_topic_and_queue)
{
	const struct shmreg_topic_params params = { .size = sizeof(params), .capacity = 8 };
	struct shmreg_connection *reader = harness_connect();
	const struct shmreg_queue *queue = NULL;
	struct news_subscriber *subscriber = NULL;
	struct news_publisher *publisher = NULL;
	const struct shmreg_topic *topic = NULL;
	struct shmreg_watch *for_topic, *for_queue, *for_onlooker;
	struct shmreg_segment *theirs;
	struct word word;
	int i;

	harness_ok(news_publisher_create(seg, &publisher, "topic", &params));
	harness_ok(shmreg_segment_open(reader, &theirs, ACTOR_SEGMENT, SHMREG_ACCESS_READ));
	harness_ok(news_subscriber_open(theirs, &subscriber, "topic", 0));
	harness_ok(shmreg_topic_open_const(theirs, &topic, "topic", NULL));
	harness_ok(shmreg_queue_open_const(theirs, &queue, "queue", NULL));
	for_topic = watch(any(subscriber), ITEMS);
	for_onlooker = watch(any(topic), ITEMS);
	for_queue = watch(any(queue), ITEMS);
	for (i = 0; i < ROUNDS; i++) {
		expect_nothing(for_topic, 0);
		expect_nothing(for_onlooker, 0);
		expect_nothing(for_queue, 0);
		harness_ok(news_publisher_publish(publisher, &one));
		expect_ready(for_topic, ITEMS);
		expect_ready(for_onlooker, ITEMS);
		harness_ok(news_subscriber_read(subscriber, &word, NULL));
		actor_ok(&other, deed_push, 1);
		expect_ready(for_queue, ITEMS);
		pop();
	}
	shmreg_watch_close(for_topic);
	shmreg_watch_close(for_onlooker);
	shmreg_watch_close(for_queue);
	shmreg_disconnect(reader);
}
END_TEST

static struct shmreg_watch *theirs_watch;

static int64_t deed_watch(struct actor *a, int64_t unused)
{
	int r;

	(void)unused;
	if (a->atomic_const != NULL)
		r = shmreg_watch_open(&a->atomic_const->atomic.handle, ITEMS, &theirs_watch);
	else
		r = shmreg_watch_open(handle_of(a->queue), ITEMS, &theirs_watch);
	return r;
}

static int64_t deed_arm(struct actor *a, int64_t unused)
{
	(void)a, (void)unused;
	while (shmreg_watch_ready(theirs_watch) > 0)
		;
	expect_nothing(theirs_watch, 0);
	return 0;
}

static int64_t deed_await(struct actor *a, int64_t unused)
{
	(void)a, (void)unused;
	await_ready(theirs_watch, ITEMS);
	return 0;
}

/* Neither may send a signal to the other, or open its descriptors. */
START_TEST(across_uids)
{
	static const struct identity anna = { .uid = 20001, .gid = 20001 };
	static const struct identity bert = { .uid = 20002, .gid = 20002 };
	struct process writer, reader;
	int i;

	if (harness_need_root())
		return;
	actor_start_as(&writer, &anna);
	actor_ok(&writer, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&writer, deed_queue_open, 0);
	actor_ok(&writer, deed_watch, 0);
	actor_start_as(&reader, &bert);
	actor_ok(&reader, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&reader, deed_queue_open, 0);
	actor_ok(&reader, deed_watch, 0);
	for (i = 0; i < ROUNDS; i++) {
		actor_ok(&writer, deed_arm, 0);
		actor_ok(&reader, deed_arm, 0);
		actor_ok(&other, deed_push, 1);
		actor_ok(&writer, deed_await, 0);
		actor_ok(&reader, deed_await, 0);
		actor_expect(&writer, deed_pop, 0, 1);
		actor_ok(&reader, deed_arm, 0);
		actor_ok(&writer, deed_push, 2);
		actor_ok(&reader, deed_await, 0);
		actor_expect(&reader, deed_pop, 0, 2);
	}
	process_kill(&reader);
	process_kill(&writer);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watch-kinds");
	TCase *tc = harness_case(suite, "watch-kinds");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, rings);
	tcase_add_test(tc, rings_of_records);
	tcase_add_test(tc, topics);
	tcase_add_test(tc, pools_and_their_queues);
	tcase_add_test(tc, cells_and_atomics);
	tcase_add_test(tc, read_only);
	tcase_add_test(tc, read_only_topic_and_queue);
	tcase_add_test(tc, across_uids);
	return harness_main(suite);
}
