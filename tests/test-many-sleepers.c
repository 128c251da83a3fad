/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Thousands asleep on one object: each is woken that has something to be woken for. */

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "asleep.h"
#include "harness.h"

#define N 2000
#define STACK_BYTES 65536

SHMREG_DEFINE_QUEUE(words, uint64_t);
SHMREG_DEFINE_TOPIC(word_topic, uint64_t);
SHMREG_DEFINE_CELL(word_cell, uint64_t);

static struct harness h;
static struct shmreg_connection *c;
static struct shmreg_segment *s;

static void setup(void)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 22 };

	harness_start_made(&h, "seg", &params, &c, &s);
}

static void teardown(void)
{
	c = shmreg_disconnect(c);
	harness_stop(&h);
}

/* Less than struct sleeper: there are many. */
static struct one {
	pthread_t thread;
	uint32_t tid;
	int result;
	uint64_t got;
	union {
		struct words *queue;
		struct word_topic_subscriber *subscriber;
		const struct word_cell *cell;
	} handle;
} ones[N];
static int (*wait_one)(struct one *one);

static void *run(void *arg)
{
	struct one *const one = arg;

	shmreg_store_release(&one->tid, (uint32_t)gettid());
	one->result = wait_one(one);
	return NULL;
}

static void all_fall_asleep(int (*wait)(struct one *one))
{
	pthread_attr_t attr;
	unsigned int i;

	wait_one = wait;
	pthread_attr_init(&attr);
	ck_assert_int_eq(pthread_attr_setstacksize(&attr, STACK_BYTES), 0);
	for (i = 0; i < N; i++)
		ck_assert_int_eq(pthread_create(&ones[i].thread, &attr, run, &ones[i]), 0);
	pthread_attr_destroy(&attr);
	for (i = 0; i < N; i++) {
		while (shmreg_load_acquire(&ones[i].tid) == 0)
			sched_yield();
		asleep_await(getpid(), (pid_t)ones[i].tid);
	}
}

static void all_return(void)
{
	unsigned int i;

	for (i = 0; i < N; i++) {
		ck_assert_int_eq(pthread_join(ones[i].thread, NULL), 0);
		ck_assert_msg(ones[i].result == 0, "sleeper %u: %s", i,
			      strerror(-ones[i].result));
	}
}

static int pop(struct one *one)
{
	return words_pop_wait(one->handle.queue, &one->got, NULL);
}

/* Looks, and is only then as fast as the others. */
static int look_and_pop(struct one *one)
{
	struct shmreg_wait_item item = { .handle = &one->handle.queue->queue.handle,
					 .events = SHMREG_WAIT_ITEMS };
	int r;

	do {
		r = shmreg_wait_any(&item, 1, NULL);
		if (r == 1)
			r = words_pop(one->handle.queue, &one->got);
	} while (r == -EAGAIN);
	return r;
}

static int (*const takers[])(struct one *one) = { pop, look_and_pop };

START_TEST(queue)
{
	bool has[N] = { false };
	struct words *q = NULL;
	uint64_t i;

	harness_ok(words_create(s, &q, "queue", 4096, 0));
	for (i = 0; i < N; i++)
		harness_ok(words_open(s, &ones[i].handle.queue, "queue"));
	all_fall_asleep(takers[_i]);
	for (i = 0; i < N; i++)
		harness_ok(words_push(q, &i));
	all_return();
	for (i = 0; i < N; i++) {
		ck_assert_uint_lt(ones[i].got, N);
		ck_assert(!has[ones[i].got]);
		has[ones[i].got] = true;
	}
	ck_assert_uint_eq(words_length(q), 0);
}
END_TEST

static int subscriber_read(struct one *one)
{
	return word_topic_subscriber_read_wait(one->handle.subscriber, &one->got, NULL, NULL);
}

START_TEST(topic)
{
	const struct shmreg_topic_params params = { .size = sizeof(params), .capacity = 8,
						    .subscribers = N };
	struct word_topic_publisher *publisher = NULL;
	const uint64_t word = 7;
	unsigned int i;

	harness_ok(word_topic_publisher_create(s, &publisher, "topic", &params));
	for (i = 0; i < N; i++)
		harness_ok(word_topic_subscriber_open(s, &ones[i].handle.subscriber, "topic", 0));
	all_fall_asleep(subscriber_read);
	harness_ok(word_topic_publisher_publish(publisher, &word));
	all_return();
	for (i = 0; i < N; i++)
		ck_assert_uint_eq(ones[i].got, word);
}
END_TEST

static int cell_read(struct one *one)
{
	uint64_t version;

	return word_cell_read_wait(one->handle.cell, 0, &one->got, &version, NULL);
}

START_TEST(cell)
{
	struct word_cell_writer *writer = NULL;
	const uint64_t word = 7;
	unsigned int i;

	harness_ok(word_cell_writer_create(s, &writer, "cell", 1, 4));
	for (i = 0; i < N; i++)
		harness_ok(word_cell_open(s, &ones[i].handle.cell, "cell"));
	all_fall_asleep(cell_read);
	harness_ok(word_cell_write(writer, &word));
	all_return();
	for (i = 0; i < N; i++)
		ck_assert_uint_eq(ones[i].got, word);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("many-sleepers");
	TCase *tc = harness_case(suite, "many-sleepers");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, queue, 0, 2);
	tcase_add_test(tc, topic);
	tcase_add_test(tc, cell);
	return suite;
}

int main(void)
{
	return harness_main(suite());
}
