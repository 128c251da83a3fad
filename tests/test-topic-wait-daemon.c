/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Waits for topics in a real segment, for messages and for room. */

#include <errno.h>
#include <string.h>

#include "asleep.h"
#include "readers.h"
#include "segment.h"
#include "topic-half.h"

SHMREG_DEFINE_TOPIC(words, uint64_t);

#define CAPACITY 4

static struct words_publisher *pub;
static struct words_subscriber *sub;
static const struct shmreg_topic_params lossy = { .size = sizeof(lossy), .capacity = CAPACITY,
						  .publishers = 2 };
static const struct shmreg_topic_params reliable = { .size = sizeof(reliable),
						     .capacity = CAPACITY, .publishers = 2,
						     .flags = SHMREG_TOPIC_RELIABLE };

/* Another process: it says that it is ready, and then what came of its wait. */
struct reader {
	uint32_t access;
	int how;
};
enum { READ, PEEK, READ_AT, N_HOW };

static int64_t wait_for_message(struct words_subscriber *reader, const struct shmreg_topic *look,
				int how)
{
	const uint64_t *place;
	uint64_t word = 0;
	int r;

	switch (how) {
	case READ:
		r = words_subscriber_read_wait(reader, &word, NULL, NULL);
		break;
	case PEEK:
		r = words_subscriber_peek_wait(reader, &place, NULL, NULL);
		if (r == 0) {
			word = *place;
			r = words_subscriber_consume(reader);
		}
		break;
	default:
		r = shmreg_topic_read_at_wait(look, 0, &word, sizeof(word), NULL, NULL);
		break;
	}
	return r < 0 ? r : (int64_t)word;
}

static void read_one(const struct mouth *mouth, void *arg)
{
	const struct reader *how = arg;
	struct shmreg_segment *segment = readers_attach(how->access);
	struct words_subscriber *reader = NULL;
	const struct shmreg_topic *look = NULL;

	if (how->how == READ_AT)
		harness_ok(shmreg_topic_open_const(segment, &look, "topic", NULL));
	else
		harness_ok(words_subscriber_open(segment, &reader, "topic", 0));
	tell(mouth, 0);
	tell(mouth, wait_for_message(reader, look, how->how));
	hear(mouth);
}

/* With what holds it up: it has to wait for room. */
static void publish_one(const struct mouth *mouth, void *unused)
{
	struct shmreg_segment *segment = readers_attach(SHMREG_ACCESS_WRITE);
	struct words_publisher *publisher = NULL;
	const uint64_t word = 77;

	(void)unused;
	harness_ok(words_publisher_open(segment, &publisher, "topic"));
	tell(mouth, 0);
	tell(mouth, words_publisher_publish_wait(publisher, &word, NULL));
	hear(mouth);
}

static void hold(const struct mouth *mouth, void *unused)
{
	struct shmreg_segment *segment = readers_attach(SHMREG_ACCESS_WRITE);
	struct words_subscriber *holder = NULL;

	(void)unused;
	harness_ok(words_subscriber_open(segment, &holder, "topic", 0));
	tell(mouth, 0);
	/* Until it is killed; or goes without closing anything. */
	hear(mouth);
	shmreg_disconnect(segment->connection);
	tell(mouth, 0);
	hear(mouth);
}

static void publish_half(const struct mouth *mouth, void *unused)
{
	struct shmreg_segment *segment = readers_attach(SHMREG_ACCESS_WRITE);
	struct words_publisher *publisher = NULL;
	const uint64_t word = 55;

	(void)unused;
	harness_ok(words_publisher_open(segment, &publisher, "topic"));
	tell(mouth, 0);
	hear(mouth);
	topic_publish_half(&publisher->publisher, &word, sizeof(word));
	tell(mouth, 0);
	hear(mouth);
}

static void publish(uint64_t word)
{
	ck_assert_int_eq(words_publisher_publish(pub, &word), 0);
}

static struct reader runs[] = {
	{ SHMREG_ACCESS_WRITE, READ },
	{ SHMREG_ACCESS_WRITE, PEEK },
	{ SHMREG_ACCESS_WRITE, READ_AT },
	{ SHMREG_ACCESS_READ, READ },
	{ SHMREG_ACCESS_READ, PEEK },
	{ SHMREG_ACCESS_READ, READ_AT },
};
#define N_RUNS ((int)(sizeof(runs) / sizeof(runs[0])))

static void *begin(int run)
{
	harness_ok(words_publisher_create(readers_segment, &pub, "topic", &lossy));
	return &runs[run];
}

const struct subject subject = {
	.object = "topic",
	.read = read_one,
	.write_half = publish_half,
	.begin = begin,
	.put = publish,
	.n_runs = N_RUNS,
};

/* A reliable topic that is full, because of `p`, or of a subscriber of one's own. */
static void fill(struct process *p)
{
	uint64_t i;

	harness_ok(words_publisher_create(readers_segment, &pub, "topic", &reliable));
	if (p != NULL)
		start(p, hold, NULL);
	else
		harness_ok(words_subscriber_open(readers_segment, &sub, "topic", 0));
	for (i = 0; i < CAPACITY; i++)
		publish(i);
	ck_assert_int_eq(words_publisher_publish(pub, &i), -EAGAIN);
}

START_TEST(room)
{
	struct process publisher;
	uint64_t word;

	fill(NULL);
	start_asleep(&publisher, publish_one, NULL);
	ck_assert_int_eq(words_subscriber_read(sub, &word, NULL), 0);
	process_expect(&publisher, 0);
	process_finish(&publisher);
}
END_TEST

/* Who holds it up dies, or goes without a word. */
START_TEST(holder_dies)
{
	struct process holder, publisher;

	fill(&holder);
	start_asleep(&publisher, publish_one, NULL);
	if (_i == 0) {
		process_kill(&holder);
		process_expect(&publisher, 0);
	} else {
		process_tell(&holder, 0);
		process_expect(&holder, 0);
		process_expect(&publisher, 0);
		process_finish(&holder);
	}
	process_finish(&publisher);
}
END_TEST

/* Stopped is not dead: it sleeps on, and goes on with it. */
START_TEST(holder_is_stopped)
{
	struct process holder, publisher;

	fill(&holder);
	start_asleep(&publisher, publish_one, NULL);
	process_stop(&holder);
	asleep_await(publisher.pid, publisher.pid);
	ck_assert(!process_speaks(&publisher));
	process_kill(&holder);
	process_expect(&publisher, 0);
	process_finish(&publisher);
}
END_TEST

START_TEST(publisher_dies_asleep)
{
	struct process dead, publisher;
	uint64_t word;

	fill(NULL);
	start_asleep(&dead, publish_one, NULL);
	process_kill(&dead);
	/* in its role, once that was repaired */
	start_asleep(&publisher, publish_one, NULL);
	ck_assert_int_eq(words_subscriber_read(sub, &word, NULL), 0);
	process_expect(&publisher, 0);
	process_finish(&publisher);
}
END_TEST

START_TEST(removed_while_full)
{
	struct process publisher;

	fill(NULL);
	start_asleep(&publisher, publish_one, NULL);
	harness_ok(shmreg_object_remove(readers_segment, "topic"));
	process_expect(&publisher, -ESTALE);
	process_finish(&publisher);
}
END_TEST

static void use_inherited(const struct mouth *mouth, void *arg)
{
	const struct shmreg_topic *look = arg;
	const struct timespec past = { 0, 0 };
	const uint64_t *place;
	uint64_t word = 1;

	ck_assert_int_eq(words_publisher_publish_wait(pub, &word, NULL), -ECHILD);
	ck_assert_int_eq(words_publisher_publish_reserved_wait(pub, NULL), -ECHILD);
	ck_assert_int_eq(words_subscriber_read_wait(sub, &word, NULL, &past), -ECHILD);
	ck_assert_int_eq(words_subscriber_peek_wait(sub, &place, NULL, NULL), -ECHILD);
	ck_assert_int_eq(shmreg_topic_read_at_wait(look, 0, &word, 8, NULL, NULL), -ECHILD);
	tell(mouth, 0);
}

START_TEST(forked)
{
	const struct shmreg_topic *look = NULL;

	fill(NULL);
	harness_ok(shmreg_topic_open_const(readers_segment, &look, "topic", NULL));
	process_try(use_inherited, (void *)(uintptr_t)look);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("topic-wait-daemon");
	TCase *t = harness_case(suite, "topic");

	tcase_add_checked_fixture(t, readers_setup, readers_teardown);
	readers_add_tests(t);
	tcase_add_test(t, room);
	tcase_add_loop_test(t, holder_dies, 0, 2);
	tcase_add_test(t, holder_is_stopped);
	tcase_add_test(t, publisher_dies_asleep);
	tcase_add_test(t, removed_while_full);
	tcase_add_test(t, forked);
	return harness_main(suite);
}
