/* SPDX-License-Identifier: MIT */
#include <config.h>

/* shmreg_wait_any(): asleep on several objects at once. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "wait-any-fixture.h"

#define SOON UINT64_C(10000000)

START_TEST(each_wakes)
{
	struct sleeper sleeper;

	fall_asleep(&sleeper);
	make((unsigned int)_i);
	ck_assert_int_eq(sleeper_result(&sleeper), 1);
	ready_is(_i == QUEUE ? SHMREG_WAIT_ITEMS : 0, _i == FULL ? SHMREG_WAIT_SPACE : 0,
		 _i == ATOMIC ? SHMREG_WAIT_ITEMS : 0);
	ck_assert_int_eq(items[_i].error, 0);
}
END_TEST

/* Not only the first is told of. */
START_TEST(all_are_looked_at)
{
	unsigned int i;

	for (i = 0; i < N_ITEMS; i++)
		make(i);
	ck_assert_int_eq(shmreg_wait_any(items, N_ITEMS, NULL), 3);
	ready_is(SHMREG_WAIT_ITEMS, SHMREG_WAIT_SPACE, SHMREG_WAIT_ITEMS);
	/* What is not taken is reported again; the atomic has not changed since. */
	ck_assert_int_eq(shmreg_wait_any(items, N_ITEMS, NULL), 2);
	ready_is(SHMREG_WAIT_ITEMS, SHMREG_WAIT_SPACE, 0);
}
END_TEST

START_TEST(both_events_of_one)
{
	struct shmreg_wait_item both = item(&queue->queue.handle,
					    SHMREG_WAIT_ITEMS | SHMREG_WAIT_SPACE);

	ck_assert_int_eq(shmreg_wait_any(&both, 1, NULL), 1);
	ck_assert_uint_eq(both.ready, SHMREG_WAIT_SPACE);
	make(QUEUE);
	ck_assert_int_eq(shmreg_wait_any(&both, 1, NULL), 1);
	ck_assert_uint_eq(both.ready, SHMREG_WAIT_ITEMS | SHMREG_WAIT_SPACE);
}
END_TEST

static int wait_twice_for_one(void *arg)
{
	struct shmreg_wait_item *twice = arg;

	return shmreg_wait_any(twice, 2, NULL);
}

START_TEST(twice_the_same)
{
	struct shmreg_wait_item twice[2] = { items[QUEUE], items[QUEUE] };
	struct sleeper sleeper;

	sleeper_spawn(&sleeper, wait_twice_for_one, twice);
	sleeper_await(&sleeper);
	make(QUEUE);
	ck_assert_int_eq(sleeper_result(&sleeper), 2);
}
END_TEST

START_TEST(deadlines)
{
	struct timespec deadline, now;

	settle();
	deadline = shmreg_deadline(SOON);
	harness_result(shmreg_wait_any(items, N_ITEMS, &deadline), -ETIMEDOUT);
	now = shmreg_deadline(0);
	ck_assert(now.tv_sec > deadline.tv_sec ||
		  (now.tv_sec == deadline.tv_sec && now.tv_nsec >= deadline.tv_nsec));
	ready_is(0, 0, 0);
	make(FULL);
	ck_assert_int_eq(shmreg_wait_any(items, N_ITEMS, &deadline), 1);
	ready_is(0, SHMREG_WAIT_SPACE, 0);
}
END_TEST

START_TEST(spurious)
{
	const uint32_t *const words[] = {
		&shmreg_segment_dir(s)->death,
		&items[FULL].handle->entry->state,
		&queue->queue.handle.entry->state,
		(const uint32_t *)(const void *)(items[QUEUE].handle->base +
			shmreg_kind_eventcount(SHMREG_KIND_QUEUE, SHMREG_WAIT_ITEMS)),
	};
	struct sleeper sleeper;
	unsigned int i;
	uint64_t naps;

	fall_asleep(&sleeper);
	for (i = 0; i < 40; i++) {
		naps = sleeper_naps(&sleeper);
		/* Without futex_waitv it sleeps on one of them. */
		if (asleep_wake_for_nothing(words[i % 4]) > 0)
			sleeper_await_after(&sleeper, naps);
	}
	make(ATOMIC);
	ck_assert_int_eq(sleeper_result(&sleeper), 1);
}
END_TEST

static int n_signals;

static void count(int signal)
{
	(void)signal;
	shmreg_fetch_add_relaxed(&n_signals, 1);
}

static bool has_counted(void *arg)
{
	return shmreg_load_relaxed(&n_signals) == *(int *)arg;
}

START_TEST(signals)
{
	const struct sigaction action = { .sa_handler = count };
	struct sleeper sleeper;
	int wanted = 1;

	ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
	fall_asleep(&sleeper);
	ck_assert_int_eq(pthread_kill(sleeper.thread, SIGUSR1), 0);
	asleep_until(has_counted, &wanted, "the signal is there");
	sleeper_await(&sleeper);
	make(QUEUE);
	ck_assert_int_eq(sleeper_result(&sleeper), 1);
}
END_TEST

START_TEST(signals_if_one_asks)
{
	const struct sigaction action = { .sa_handler = count };
	struct sleeper sleeper;

	ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
	harness_ok(shmreg_handle_set_waiting(items[_i].handle, 0, SHMREG_WAIT_INTERRUPTIBLE));
	fall_asleep(&sleeper);
	ck_assert_int_eq(pthread_kill(sleeper.thread, SIGUSR1), 0);
	ck_assert_int_eq(sleeper_result(&sleeper), -EINTR);
	ready_is(0, 0, 0);
}
END_TEST

/* Who is woken first takes nothing: it is passed on. */
START_TEST(not_taken)
{
	struct sleeper looks, takes;
	struct word_queue *other = NULL;

	harness_ok(word_queue_open(s, &other, "queue"));
	fall_asleep(&looks);
	sleeper_spawn(&takes, pop, other);
	sleeper_await(&takes);
	make(QUEUE);
	ck_assert_int_eq(sleeper_result(&takes), 0);
	/* If it was slower than the other after all, it sleeps on. */
	make(QUEUE);
	ck_assert_int_eq(sleeper_result(&looks), 1);
}
END_TEST

/* The same if it was woken for the second of several. */
START_TEST(not_taken_of_another)
{
	struct shmreg_wait_item turned[2] = { items[FULL], items[QUEUE] };
	struct sleeper looks, takes;
	struct word_queue *other = NULL;

	harness_ok(word_queue_open(s, &other, "queue"));
	sleeper_spawn(&looks, wait_twice_for_one, turned);
	sleeper_await(&looks);
	sleeper_spawn(&takes, pop, other);
	sleeper_await(&takes);
	make(QUEUE);
	ck_assert_int_eq(sleeper_result(&takes), 0);
	make(QUEUE);
	ck_assert_int_eq(sleeper_result(&looks), 1);
}
END_TEST

START_TEST(bad_calls)
{
	const struct timespec bad = { .tv_nsec = -1 };
	struct shmreg_wait_item many[SHMREG_WAIT_ANY_MAX + 1];
	unsigned int i;

	for (i = 0; i <= SHMREG_WAIT_ANY_MAX; i++)
		many[i] = items[QUEUE];
	harness_result(shmreg_wait_any(many, SHMREG_WAIT_ANY_MAX + 1, NULL), -E2BIG);
	harness_sentence("at most 32");
	harness_result(shmreg_wait_any(many, UINT32_MAX, NULL), -E2BIG);
	harness_result(shmreg_wait_any(many, 0, NULL), -EINVAL);
	harness_result(shmreg_wait_any(NULL, 1, NULL), -EINVAL);
	harness_result(shmreg_wait_any(many, 1, &bad), -EINVAL);
	harness_sentence("tv_nsec");
	many[1].events = 0;
	harness_result(shmreg_wait_any(many, 2, NULL), -EINVAL);
	harness_sentence("item 1");
	many[1].events = SHMREG_WAIT_ERROR;
	harness_result(shmreg_wait_any(many, 2, NULL), -EINVAL);
	many[1] = items[ATOMIC];
	many[1].events = SHMREG_WAIT_SPACE;
	harness_result(shmreg_wait_any(many, 2, NULL), -EINVAL);
	harness_sentence("atomic");
	many[1].handle = NULL;
	harness_result(shmreg_wait_any(many, 2, NULL), -EINVAL);
	harness_sentence("NULL");
}
END_TEST

static void wait_in_child(const struct mouth *mouth, void *arg)
{
	(void)arg;
	tell(mouth, shmreg_wait_any(items, N_ITEMS, NULL));
}

START_TEST(forked)
{
	struct process child;

	process_start(&child, wait_in_child, NULL);
	process_expect(&child, -ECHILD);
	ck_assert_int_eq(process_wait(&child), 0);
}
END_TEST

/* Each in a segment of its own, with both events, of which neither is there: 128 words. */
static struct shmreg_wait_item all[SHMREG_WAIT_ANY_MAX];
static struct word_queue *queues[SHMREG_WAIT_ANY_MAX];
static struct word_queue_lease leases[SHMREG_WAIT_ANY_MAX][2];

static int wait_for_all(void *arg)
{
	(void)arg;
	return shmreg_wait_any(all, SHMREG_WAIT_ANY_MAX, NULL);
}

START_TEST(as_many_as_possible)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 12 };
	static const unsigned int which[] = { 0, SHMREG_WAIT_ANY_MAX / 2, SHMREG_WAIT_ANY_MAX - 1 };
	struct shmreg_segment *segment;
	struct sleeper sleeper;
	unsigned int i, j;
	char name[16];

	for (i = 0; i < SHMREG_WAIT_ANY_MAX; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		harness_ok(shmreg_segment_create(c, &segment, name, &params));
		harness_ok(word_queue_create(segment, &queues[i], "q", 2, 0));
		for (j = 0; j < 2; j++)
			harness_ok(word_queue_reserve(queues[i], &leases[i][j]));
		all[i] = item(&queues[i]->queue.handle, SHMREG_WAIT_ITEMS | SHMREG_WAIT_SPACE);
	}
	for (i = 0; i < 3; i++) {
		sleeper_spawn(&sleeper, wait_for_all, NULL);
		sleeper_await(&sleeper);
		harness_ok(word_queue_commit(queues[which[i]], &leases[which[i]][0]));
		ck_assert_int_eq(sleeper_result(&sleeper), 1);
		ck_assert_uint_eq(all[which[i]].ready, SHMREG_WAIT_ITEMS);
		/* For the next round nothing is to be there. */
		harness_ok(word_queue_acquire(queues[which[i]], &leases[which[i]][0]));
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("wait-any");
	TCase *tc = harness_case(suite, "wait-any");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, each_wakes, 0, N_ITEMS);
	tcase_add_test(tc, all_are_looked_at);
	tcase_add_test(tc, both_events_of_one);
	tcase_add_test(tc, twice_the_same);
	tcase_add_test(tc, deadlines);
	tcase_add_test(tc, spurious);
	tcase_add_test(tc, signals);
	tcase_add_loop_test(tc, signals_if_one_asks, 0, N_ITEMS);
	tcase_add_test(tc, not_taken);
	tcase_add_test(tc, not_taken_of_another);
	tcase_add_test(tc, bad_calls);
	tcase_add_test(tc, forked);
	tcase_add_test(tc, as_many_as_possible);
	return suite;
}

int main(void)
{
	return harness_main(suite());
}
