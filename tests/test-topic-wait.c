/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "topic-repair.h"	/* before the fixture, whose variables it has as arguments */
#include "topic-fixture.h"
#include "topic-half.h"
#include "waiter.h"
#include "waits.h"

/*
 * Every wait for a topic, without a daemon. Who waits is a child with a handle of its own. The
 * test makes what it waits for: messages, by `source`; room, by `holder`, a subscriber that
 * has read nothing.
 */

SHMREG_DEFINE_TOPIC(items, struct item);

#define CAPACITY 4
#define START ((UINT64_C(1) << 42) - 2)		/* turns wrap meanwhile */

struct waiting {
	const char *name;
	size_t event;		/* where it is in the topic */
	int (*wait)(const struct timespec *deadline);
};

static struct items_publisher source, pub;
static struct items_subscriber holder, sub;
static struct shmreg_topic look;
static const struct waiting *op;
static uint64_t next_in, next_out;	/* positions: of source, and of who reads */
static uint32_t interruptible;

static const struct item mine = { 7, ~UINT64_C(7) };

/* What was read is the message at next_out; with an error nothing was. */
static int judge(int r, const struct item *item, const struct shmreg_topic_message *m)
{
	if (r < 0) {
		ck_assert_uint_eq(m->position, 99);
		return r;
	}
	ck_assert_uint_eq(m->position, next_out);
	ck_assert_uint_eq(item->n, next_out);
	ck_assert_uint_eq(item->check, ~next_out);
	next_out++;
	return r;
}

static int read_wait(const struct timespec *deadline)
{
	struct shmreg_topic_message m = { .position = 99 };
	struct item item = { 0, 0 };
	const int r = shmreg_subscriber_read_wait(&sub.subscriber, &item, sizeof(item), &m,
						  deadline);

	return judge(r, &item, &m);
}

static int typed_read_wait(const struct timespec *deadline)
{
	struct shmreg_topic_message m = { .position = 99 };
	struct item item = { 0, 0 };
	const int r = items_subscriber_read_wait(&sub, &item, &m, deadline);

	return judge(r, &item, &m);
}

static int peek_wait(const struct timespec *deadline)
{
	struct shmreg_topic_message m = { .position = 99 };
	const void *place = NULL;
	int r = shmreg_subscriber_peek_wait(&sub.subscriber, &place, &m, deadline);

	r = judge(r, place, &m);
	if (r == 0)
		ck_assert_int_eq(shmreg_subscriber_consume(&sub.subscriber), 0);
	else
		ck_assert_ptr_null(place);
	return r;
}

static int typed_peek_wait(const struct timespec *deadline)
{
	struct shmreg_topic_message m = { .position = 99 };
	const struct item *place = NULL;
	int r = items_subscriber_peek_wait(&sub, &place, &m, deadline);

	r = judge(r, place, &m);
	if (r == 0)
		ck_assert_int_eq(items_subscriber_consume(&sub), 0);
	else
		ck_assert_ptr_null(place);
	return r;
}

static int read_at_wait(const struct timespec *deadline)
{
	struct shmreg_topic_message m = { .position = 99 };
	struct item item = { 0, 0 };
	const int r = shmreg_topic_read_at_wait(&look, next_out, &item, sizeof(item), &m, deadline);

	return judge(r, &item, &m);
}

static int publish_wait(const struct timespec *deadline)
{
	return shmreg_publisher_publish_wait(&pub.publisher, &mine, sizeof(mine), deadline);
}

static int typed_publish_wait(const struct timespec *deadline)
{
	return items_publisher_publish_wait(&pub, &mine, deadline);
}

static void fill_in(void)
{
	struct item *place;

	ck_assert_int_eq(items_publisher_reserve(&pub, &place), 0);
	*place = mine;
}

static int publish_reserved_wait(const struct timespec *deadline)
{
	fill_in();
	return shmreg_publisher_publish_reserved_wait(&pub.publisher, sizeof(mine), deadline);
}

static int typed_publish_reserved_wait(const struct timespec *deadline)
{
	fill_in();
	return items_publisher_publish_reserved_wait(&pub, deadline);
}

#define MESSAGE offsetof(struct shmreg_topic_shm, message)
#define SPACE offsetof(struct shmreg_topic_shm, space)

static const struct waiting waitings[] = {
	{ "read_wait", MESSAGE, read_wait },
	{ "typed read_wait", MESSAGE, typed_read_wait },
	{ "peek_wait", MESSAGE, peek_wait },
	{ "typed peek_wait", MESSAGE, typed_peek_wait },
	{ "read_at_wait", MESSAGE, read_at_wait },
	{ "publish_wait", SPACE, publish_wait },
	{ "typed publish_wait", SPACE, typed_publish_wait },
	{ "publish_reserved_wait", SPACE, publish_reserved_wait },
	{ "typed publish_reserved_wait", SPACE, typed_publish_reserved_wait },
};
#define N_WAITINGS ((int)(sizeof(waitings) / sizeof(waitings[0])))
/* Each of them with one publisher, on its fast path, and with several. */
#define N_RUNS (2 * N_WAITINGS)
#define N_PUBLISHERS 3

static struct shmreg_topic_shm *shm(void)
{
	return base;
}

static void put(struct items_publisher *p)
{
	const struct item item = { next_in, ~next_in };

	ck_assert_int_eq(items_publisher_publish(p, &item), 0);
	next_in++;
}

static void take(struct items_subscriber *s)
{
	struct item item;

	ck_assert_int_eq(items_subscriber_read(s, &item, NULL), 0);
}

/* In whoever waits, number @me: a handle of its own. */
static void take_part(uint32_t me)
{
	if (op->event == SPACE) {
		ck_assert_int_eq(publisher_bind(&pub.publisher, base, &shape, 100 + me, NULL, me),
				 0);
		pub.publisher.topic.handle.wait_flags = interruptible;
	} else if (op->wait == read_at_wait) {
		topic_bind(&look, base, &shape, 0, NULL);
		look.handle.wait_flags = interruptible;
	} else {
		/* Not all of them have a cursor, if that is possible. */
		ck_assert_int_eq(subscriber_bind(&sub.subscriber, base, &shape,
						 me == 1 ? 0 : 200 + me, NULL, 0), 0);
		sub.subscriber.topic.handle.wait_flags = interruptible;
	}
	next_out = next_in;
}

/* Whoever was number @me has died. */
static void bury(uint32_t me)
{
	const uint32_t seat = op->event == SPACE ? 100 + me : 200 + me;
	struct shmreg_reaper_report report;
	uint64_t dead[64] = { 0 };

	dead[seat / 64] |= UINT64_C(1) << seat % 64;
	ck_assert_int_eq(topic_repair(&shape, base, dead, &report), 0);
	ck_assert_uint_eq(report.n_gave_up, 0);
}

/* What one of them is waiting for. */
static void make_one(void)
{
	if (op->event == MESSAGE)
		put(&source);
	else
		take(&holder);
}

static int64_t wait_in_op(const struct timespec *deadline)
{
	return op->wait(deadline);
}

static void begin(int run)
{
	int i;

	op = &waitings[run % N_WAITINGS];
	printf("%s\n", op->name);
	ck_assert_int_eq(waiter_register(), 0);
	set_up(CAPACITY, op->event == SPACE ? SHMREG_TOPIC_RELIABLE : 0,
	       run < N_WAITINGS ? 1 : N_PUBLISHERS, 0, START);
	waits.wait = wait_in_op;
	waits.event = (union shmreg_eventcount *)(void *)((unsigned char *)base + op->event);
	waits.take_part = take_part;
	next_in = START;
	interruptible = 0;
	ck_assert_int_eq(publisher_bind(&source.publisher, base, &shape, 1, NULL, 0), 0);
	if (op->event == MESSAGE)
		return;
	ck_assert_int_eq(subscriber_bind(&holder.subscriber, base, &shape, 2, NULL, 0), 0);
	for (i = 0; i < CAPACITY; i++)
		put(&source);
	publisher_leave(&source.publisher);
}

static void end(void)
{
	tear_down();
}

START_TEST(deadlines)
{
	const struct timespec past = { 0, 0 };

	begin(_i);
	take_part(0);
	waits_in_vain();
	make_one();
	ck_assert_int_eq(op->wait(&past), 0);
	make_one();
	ck_assert_int_eq(op->wait(&past), 0);
	ck_assert_int_eq(op->wait(&past), -ETIMEDOUT);
	end();
}
END_TEST

START_TEST(does_not_wait_if_it_need_not)
{
	begin(_i);
	take_part(0);
	make_one();
	ck_assert_int_eq(op->wait(NULL), 0);
	/* nobody was told of anything: not one call of the kernel */
	ck_assert_uint_eq(shm()->message.both, 0);
	ck_assert_uint_eq(shm()->space.both, 0);
	end();
}
END_TEST

START_TEST(woken)
{
	struct sleeper s;

	begin(_i);
	sleeper_fork(&s, _i % 2 ? wait_an_hour : wait_for_ever, NULL);
	sleeper_await(&s);
	asleep_await_flags(waits.event, SHMREG_EVENTCOUNT_ASLEEP);
	make_one();
	ck_assert_int_eq(sleeper_result(&s), 0);
	ck_assert_uint_eq(waits_count(), 2);	/* by the sleeper and by who woke it */
	end();
}
END_TEST

START_TEST(woken_for_nothing)
{
	struct sleeper s;

	begin(_i);
	waits_on(&s);
	make_one();
	ck_assert_int_eq(sleeper_result(&s), 0);
	end();
}
END_TEST

START_TEST(signals)
{
	begin(_i);
	waits_through_a_signal();
	interruptible = SHMREG_WAIT_INTERRUPTIBLE;
	bury(0);
	waits_for_a_signal();
	end();
}
END_TEST

START_TEST(dies_asleep)
{
	struct sleeper s;

	begin(_i);
	sleeper_fork(&s, wait_for_ever, NULL);
	sleeper_await(&s);
	sleeper_kill(&s);
	ck_assert_uint_ne(waits_count() & SHMREG_EVENTCOUNT_ASLEEP, 0);
	bury(0);
	sleeper_fork(&s, wait_for_ever, NULL);
	sleeper_await(&s);
	make_one();
	ck_assert_int_eq(sleeper_result(&s), 0);
	end();
}
END_TEST

START_TEST(forked)
{
	begin(_i);
	memset(&pub, 0, sizeof(pub));
	memset(&sub, 0, sizeof(sub));
	memset(&look, 0, sizeof(look));
	if (op->wait != publish_reserved_wait && op->wait != typed_publish_reserved_wait)
		waits_as_a_stranger();
	ck_assert_int_eq(shmreg_publisher_publish_reserved_wait(&pub.publisher, 16, NULL), -ECHILD);
	ck_assert_int_eq(items_publisher_publish_reserved_wait(&pub, NULL), -ECHILD);
	end();
}
END_TEST

/* Those who wait for messages get each message, all of them. */
START_TEST(all_are_woken)
{
	begin(_i);
	if (op->event == MESSAGE)
		waits_all_are_woken(make_one);
	end();
}
END_TEST

/* There is room for one: the first to sleep would be woken for it, but stands still. */
START_TEST(one_is_stopped)
{
	struct sleeper first, second;
	uint64_t naps;

	begin(N_WAITINGS + _i);
	if (op->event != SPACE) {
		end();
		return;
	}
	sleeper_fork(&first, wait_for_ever, (void *)0);
	sleeper_await(&first);
	sleeper_fork(&second, wait_for_ever, (void *)1);
	sleeper_await(&second);
	naps = sleeper_naps(&first);
	ck_assert_int_eq(kill(first.pid, SIGSTOP), 0);
	make_one();
	ck_assert_int_eq(sleeper_result(&second), 0);
	/* it finds none left, and waits for the next */
	ck_assert_int_eq(kill(first.pid, SIGCONT), 0);
	sleeper_await_after(&first, naps);
	make_one();
	ck_assert_int_eq(sleeper_result(&first), 0);
	end();
}
END_TEST

/* A publisher that is stopped before it wakes anybody: the next one wakes for both. */
START_TEST(publisher_is_stopped)
{
	struct items_publisher second;
	struct item item = { START, ~START };
	struct sleeper s;
	uint64_t naps;

	begin(N_WAITINGS + _i);
	if (op->event != MESSAGE) {
		end();
		return;
	}
	sleeper_fork(&s, wait_for_ever, NULL);
	sleeper_await(&s);
	naps = sleeper_naps(&s);
	topic_publish_half(&source.publisher, &item, sizeof(item));
	ck_assert_uint_eq(sleeper_naps(&s), naps);
	ck_assert_int_eq(publisher_bind(&second.publisher, base, &shape, 4, NULL, 1), 0);
	next_in = START + 1;
	put(&second);
	ck_assert_int_eq(sleeper_result(&s), 0);	/* it was the first */
	/* it goes on behind the change of its slot */
	publisher_settle(&source.publisher, START, START & source.publisher.topic.mask);
	end();
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("topic-wait");

	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, deadlines, 0, N_RUNS);
	tcase_add_loop_test(t, does_not_wait_if_it_need_not, 0, N_RUNS);
	tcase_add_loop_test(t, woken, 0, N_RUNS);
	tcase_add_loop_test(t, woken_for_nothing, 0, N_RUNS);
	tcase_add_loop_test(t, signals, 0, N_WAITINGS);
	tcase_add_loop_test(t, dies_asleep, 0, N_WAITINGS);
	tcase_add_loop_test(t, forked, 0, N_WAITINGS);
	tcase_add_loop_test(t, all_are_woken, 0, N_RUNS);
	tcase_add_loop_test(t, one_is_stopped, 0, N_WAITINGS);
	tcase_add_loop_test(t, publisher_is_stopped, 0, N_WAITINGS);
	return run_case("topic-wait", t);
}
