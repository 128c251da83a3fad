/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Waits for topics in a real segment, and the daemon's part in them: deaths, removal, restart. */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "asleep.h"
#include "harness.h"
#include "segment.h"
#include "topic-half.h"

SHMREG_DEFINE_TOPIC(words, uint64_t);

#define CAPACITY 4

static struct harness h;
static struct shmreg_connection *c;
static struct shmreg_segment *s;
static struct words_publisher *pub;
static struct words_subscriber *sub;
static const struct shmreg_topic_params lossy = { .size = sizeof(lossy), .capacity = CAPACITY,
						  .publishers = 2 };
static const struct shmreg_topic_params reliable = { .size = sizeof(reliable),
						     .capacity = CAPACITY, .publishers = 2,
						     .flags = SHMREG_TOPIC_RELIABLE };

static void setup(void)
{
	harness_start_segment(&h, 8, &c, &s);
}

static void teardown(void)
{
	c = shmreg_disconnect(c);
	harness_stop(&h);
}

static struct shmreg_segment *attach(uint32_t access)
{
	struct shmreg_connection *connection = harness_connect();
	struct shmreg_segment *segment = NULL;

	harness_ok(shmreg_segment_open(connection, &segment, "seg", access));
	return segment;
}

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
	struct shmreg_segment *segment = attach(how->access);
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
	struct shmreg_segment *segment = attach(SHMREG_ACCESS_WRITE);
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
	struct shmreg_segment *segment = attach(SHMREG_ACCESS_WRITE);
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
	struct shmreg_segment *segment = attach(SHMREG_ACCESS_WRITE);
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

static void start(struct process *p, process_fn run, void *arg)
{
	process_start(p, run, arg);
	process_expect(p, 0);
}

static void start_asleep(struct process *p, process_fn run, void *arg)
{
	start(p, run, arg);
	asleep_await(p->pid, p->pid);
}

static bool speaks(const struct process *p)
{
	char byte;

	return recv(p->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void publish(uint64_t word)
{
	ck_assert_int_eq(words_publisher_publish(pub, &word), 0);
}

static void end(struct process *p)
{
	process_finish(p);
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

START_TEST(message)
{
	struct process p[3];
	int i;

	harness_ok(words_publisher_create(s, &pub, "topic", &lossy));
	for (i = 0; i < 3; i++)
		start_asleep(&p[i], read_one, &runs[_i]);
	publish(5);
	for (i = 0; i < 3; i++) {
		process_expect(&p[i], 5);
		end(&p[i]);
	}
}
END_TEST

/* It is there, but nobody was woken; who notices the death wakes them. */
START_TEST(publisher_dies_before_it_wakes)
{
	struct process p, reader;

	harness_ok(words_publisher_create(s, &pub, "topic", &lossy));
	start(&p, publish_half, NULL);
	start_asleep(&reader, read_one, &runs[_i]);
	process_tell(&p, 0);
	process_expect(&p, 0);
	ck_assert(!speaks(&reader));
	process_kill(&p);
	process_expect(&reader, 55);
	end(&reader);
	/* all as it must be for those who come after it */
	publish(6);
}
END_TEST

/* The same while there is no daemon, that is: when one has come back. */
START_TEST(publisher_dies_without_a_daemon)
{
	struct process p, reader;

	harness_ok(words_publisher_create(s, &pub, "topic", &lossy));
	start(&p, publish_half, NULL);
	start_asleep(&reader, read_one, &runs[_i]);
	process_tell(&p, 0);
	process_expect(&p, 0);
	harness_kill_daemon(&h);
	process_kill(&p);
	ck_assert(!speaks(&reader));
	harness_restart_daemon(&h);
	process_expect(&reader, 55);
	end(&reader);
}
END_TEST

START_TEST(daemon_restarts)
{
	struct process reader;

	harness_ok(words_publisher_create(s, &pub, "topic", &lossy));
	start_asleep(&reader, read_one, &runs[_i]);
	harness_kill_daemon(&h);
	harness_restart_daemon(&h);
	asleep_await(reader.pid, reader.pid);
	publish(5);
	process_expect(&reader, 5);
	end(&reader);
}
END_TEST

START_TEST(daemon_is_not_there)
{
	struct process reader;

	harness_ok(words_publisher_create(s, &pub, "topic", &lossy));
	start_asleep(&reader, read_one, &runs[_i]);
	harness_kill_daemon(&h);
	publish(5);
	process_expect(&reader, 5);
	harness_restart_daemon(&h);
	end(&reader);
}
END_TEST

static uint32_t death;

static bool death_moved(void *unused)
{
	(void)unused;
	return shmreg_load_acquire(&s->dir->death) != death;
}

/* Somebody dies with whom the topic has nothing to do. */
START_TEST(woken_for_nothing)
{
	struct process reader, stranger;
	uint64_t naps;

	harness_ok(words_publisher_create(s, &pub, "topic", &lossy));
	harness_ok(words_subscriber_open(s, &sub, "topic", 0));
	start(&stranger, hold, NULL);
	start_asleep(&reader, read_one, &runs[_i]);
	naps = asleep_naps(reader.pid, reader.pid);
	death = shmreg_load_acquire(&s->dir->death);
	process_kill(&stranger);
	harness_wait(death_moved, NULL, "death");
	asleep_await_after(reader.pid, reader.pid, naps);
	ck_assert(!speaks(&reader));
	publish(5);
	process_expect(&reader, 5);
	end(&reader);
}
END_TEST

START_TEST(reader_dies_asleep)
{
	struct process dead, reader;

	harness_ok(words_publisher_create(s, &pub, "topic", &lossy));
	start_asleep(&dead, read_one, &runs[_i]);
	start_asleep(&reader, read_one, &runs[_i]);
	process_kill(&dead);
	publish(5);
	process_expect(&reader, 5);
	end(&reader);
}
END_TEST

START_TEST(removed)
{
	struct process reader;

	harness_ok(words_publisher_create(s, &pub, "topic", &lossy));
	start_asleep(&reader, read_one, &runs[_i]);
	harness_ok(shmreg_object_remove(s, "topic"));
	process_expect(&reader, -ESTALE);
	end(&reader);
}
END_TEST

/* A reliable topic that is full, because of `p`, or of a subscriber of one's own. */
static void fill(struct process *p)
{
	uint64_t i;

	harness_ok(words_publisher_create(s, &pub, "topic", &reliable));
	if (p != NULL)
		start(p, hold, NULL);
	else
		harness_ok(words_subscriber_open(s, &sub, "topic", 0));
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
	end(&publisher);
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
		end(&holder);
	}
	end(&publisher);
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
	ck_assert(!speaks(&publisher));
	process_kill(&holder);
	process_expect(&publisher, 0);
	end(&publisher);
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
	end(&publisher);
}
END_TEST

START_TEST(removed_while_full)
{
	struct process publisher;

	fill(NULL);
	start_asleep(&publisher, publish_one, NULL);
	harness_ok(shmreg_object_remove(s, "topic"));
	process_expect(&publisher, -ESTALE);
	end(&publisher);
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
	struct process child;

	fill(NULL);
	harness_ok(shmreg_topic_open_const(s, &look, "topic", NULL));
	process_start(&child, use_inherited, (void *)(uintptr_t)look);
	process_expect(&child, 0);
	ck_assert_int_eq(process_wait(&child), 0);
}
END_TEST

/* Of another user, who may read and not write. */
START_TEST(another_user)
{
	const struct identity nobody = { .uid = 65534, .gid = 65534 };
	const struct shmreg_set mode = { .what = SHMREG_SET_MODE, .mode = 0644 };
	struct process reader;

	if (harness_need_root())
		return;
	harness_ok(shmreg_segment_set(c, "seg", &mode));
	harness_ok(words_publisher_create(s, &pub, "topic", &lossy));
	process_start_as(&reader, &nobody, read_one, &runs[N_RUNS - 1]);
	process_expect(&reader, 0);
	asleep_await(reader.pid, reader.pid);
	publish(5);
	process_expect(&reader, 5);
	end(&reader);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("topic-wait-daemon");
	TCase *t = harness_case(suite, "topic");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, message, 0, N_RUNS);
	tcase_add_loop_test(t, publisher_dies_before_it_wakes, 0, N_RUNS);
	tcase_add_loop_test(t, publisher_dies_without_a_daemon, 0, N_RUNS);
	tcase_add_loop_test(t, daemon_restarts, 0, N_RUNS);
	tcase_add_loop_test(t, daemon_is_not_there, 0, N_RUNS);
	tcase_add_loop_test(t, woken_for_nothing, 0, N_RUNS);
	tcase_add_loop_test(t, reader_dies_asleep, 0, N_RUNS);
	tcase_add_loop_test(t, removed, 0, N_RUNS);
	tcase_add_test(t, room);
	tcase_add_loop_test(t, holder_dies, 0, 2);
	tcase_add_test(t, holder_is_stopped);
	tcase_add_test(t, publisher_dies_asleep);
	tcase_add_test(t, removed_while_full);
	tcase_add_test(t, forked);
	tcase_add_test(t, another_user);
	return harness_main(suite);
}
