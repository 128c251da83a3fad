/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "asleep.h"
#include "crash/inside.h"
#include "object-queue-plain.h"
#include "suite.h"
#include "waiter.h"

/*
 * Who makes an event happen is stopped before each instruction that loads or stores in the
 * objects, and there somebody comes who waits for it: he gets it at once or falls asleep. Then
 * the other goes on to the end, and he must have got it: (N1) and (N2) of shmreg/wake.h, and
 * for the pool that hints mislead no sleeper. The same the other way round: who is about to
 * fall asleep is stopped, and meanwhile it happens.
 */

#define N_OBJECTS 3
#define CAPACITY 2		/* of the queue */

/* Pool and queue, mapped twice: who uses the second mapping can be stopped. */
#define BYTES 16384
#define QUEUE_AT 8192
static unsigned char *memory, *alias;
static struct pair pair, alias_pair;
static struct actor giver, sleeping, other;
static shmreg_pool_ref held[N_OBJECTS];
static struct shmreg_object_lease lent;

/* What the giver does. Return: 0. */
static int release(void)
{
	return shmreg_pool_release(&giver.pool, held[0]);
}

static int release_two(void)
{
	return shmreg_pool_release_batch(&giver.pool, held, 2);
}

/* Too few: what it took, it gives back. */
static int take_and_give_back(void)
{
	shmreg_pool_ref refs[2];

	return shmreg_pool_acquire_batch(&giver.pool, refs, 2, 2) == -EAGAIN ? 0 : 1;
}

static int send(void)
{
	return shmreg_object_queue_send(&giver.queue, held[0]);
}

static int receive(void)
{
	shmreg_pool_ref ref;

	return shmreg_object_queue_receive(&giver.queue, &ref);
}

static int release_lease(void)
{
	return shmreg_object_queue_release(&giver.queue, &lent);
}

static int keep_lease(void)
{
	return shmreg_object_queue_keep(&giver.queue, &lent);
}

static int refuse_lease(void)
{
	return shmreg_object_queue_refuse(&giver.queue, &lent);
}

/* Who waits. */
static int wait_one(void *arg)
{
	shmreg_pool_ref ref;

	(void)arg;
	return shmreg_pool_acquire_wait(&sleeping.pool, &ref, NULL);
}

static int wait_two(void *arg)
{
	shmreg_pool_ref refs[2];
	int r;

	(void)arg;
	r = shmreg_pool_acquire_batch_wait(&sleeping.pool, refs, 2, 2, NULL);
	return r == 2 ? 0 : r;
}

static int wait_object(void *arg)
{
	shmreg_pool_ref ref;

	(void)arg;
	return shmreg_object_queue_receive_wait(&sleeping.queue, &ref, NULL);
}

static int wait_room(void *arg)
{
	(void)arg;
	return shmreg_object_queue_send_wait(&sleeping.queue, held[2], NULL);
}

enum before {
	HOLDS_ALL,		/* and a search has been in vain: it is said */
	HOLDS_ALL_BUT_ONE,
	FULL,			/* the queue; the sleeper holds the last object */
	LENT,			/* one object of a full queue; likewise */
	LENT_LAST,		/* the only one in the queue; all others are held */
};

static const struct {
	const char *name;
	int (*run)(void);
	sleeper_fn wait;
	enum before before;
} cases[] = {
	{ "release", release, wait_one, HOLDS_ALL },
	{ "release two, one is wanted", release_two, wait_one, HOLDS_ALL },
	{ "release two, both are wanted", release_two, wait_two, HOLDS_ALL },
	{ "release the second of two", release, wait_two, HOLDS_ALL_BUT_ONE },
	{ "take one, and give it back", take_and_give_back, wait_one, HOLDS_ALL_BUT_ONE },
	{ "send", send, wait_object, HOLDS_ALL },
	{ "receive", receive, wait_room, FULL },
	{ "release a lease, room is wanted", release_lease, wait_room, LENT },
	{ "release a lease, the object is wanted", release_lease, wait_one, LENT_LAST },
	{ "keep", keep_lease, wait_room, LENT },
	{ "refuse", refuse_lease, wait_object, LENT_LAST },
};

struct stop {
	int number;		/* in cases */
	long at, n;
	int result;
	struct sleeper sleeper;
};

static void map(void)
{
	memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(memory, MAP_FAILED);
	alias = mremap(memory, 0, BYTES, MREMAP_MAYMOVE);
	ck_assert_ptr_ne(alias, MAP_FAILED);
	pair.pool_shape = pool_shape(N_OBJECTS, 16, 8);
	pair.queue_shape = object_queue_shape(CAPACITY, SHMREG_QUEUE_REDELIVER, PAIR_POOL_ID, 3);
	alias_pair = pair;
	pair.pool = memory;
	pair.queue = memory + QUEUE_AT;
	alias_pair.pool = alias;
	alias_pair.queue = alias + QUEUE_AT;
}

static void unmap(void)
{
	munmap(memory, BYTES);
	munmap(alias, BYTES);
}

/* @stopped: who will be, &giver or &sleeping */
static void prepare(enum before before, const struct actor *stopped)
{
	shmreg_pool_ref ref;
	int i;

	map();
	pair_bind(stopped == &giver ? &alias_pair : &pair, &giver, 0);
	pair_bind(stopped == &sleeping ? &alias_pair : &pair, &sleeping, 1);
	pair_bind(&pair, &other, 2);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&giver.pool, held, N_OBJECTS, N_OBJECTS),
			 N_OBJECTS);
	ck_assert_int_eq(shmreg_pool_acquire(&other.pool, &ref), -EAGAIN);
	if (before == HOLDS_ALL_BUT_ONE)
		ck_assert_int_eq(shmreg_pool_release(&giver.pool, held[2]), 0);
	if (before == FULL || before == LENT) {
		for (i = 0; i < 2; i++)
			ck_assert_int_eq(shmreg_object_queue_send(&giver.queue, held[i]), 0);
		ck_assert_int_eq(shmreg_pool_release(&giver.pool, held[2]), 0);
		ck_assert_int_eq(shmreg_pool_acquire(&sleeping.pool, &held[2]), 0);
	}
	if (before == LENT_LAST)
		ck_assert_int_eq(shmreg_object_queue_send(&giver.queue, held[0]), 0);
	if (before == LENT || before == LENT_LAST)
		ck_assert_int_eq(shmreg_object_queue_acquire(&giver.queue, &lent), 0);
}

static void give(void *data)
{
	struct stop *stop = data;

	stop->result = cases[stop->number].run();
}

static void wait(void *data)
{
	struct stop *stop = data;

	stop->result = cases[stop->number].wait(NULL);
}

static bool has_decided(void *arg)
{
	const struct sleeper *s = arg;

	return sleeper_is_done(s) || asleep(s->pid, s->tid);
}

/* Return: whether to be stopped again. */
static bool sleeper_comes(void *data)
{
	struct stop *stop = data;

	if (stop->n++ != stop->at)
		return true;
	sleeper_spawn(&stop->sleeper, cases[stop->number].wait, NULL);
	asleep_until(has_decided, &stop->sleeper, "it has got something, or is asleep");
	return false;
}

static bool it_happens(void *data)
{
	struct stop *stop = data;

	if (stop->n++ != stop->at)
		return true;
	ck_assert_int_eq(cases[stop->number].run(), 0);
	return false;
}

START_TEST(giver_is_stopped)
{
	struct stop stop;
	long at;

	if (inside_unusable())
		return;
	ck_assert_int_eq(waiter_register(), 0);
	for (at = 0;; at++) {
		stop = (struct stop){ .number = _i, .at = at };
		prepare(cases[_i].before, &giver);
		inside_accesses(alias, BYTES, give, &stop, sleeper_comes, &stop);
		ck_assert_int_eq(stop.result, 0);
		if (stop.n > at)
			ck_assert_int_eq(sleeper_result(&stop.sleeper), 0);
		unmap();
		if (stop.n <= at)
			break;
	}
	printf("%s: %ld accesses\n", cases[_i].name, at);
	ck_assert_int_gt(at, 3);
}
END_TEST

/*
 * Enough for two rounds of the sleeper's loop: where accesses fault he cannot sleep, and looks
 * again and again until it has happened.
 */
#define STOPS 40

START_TEST(sleeper_is_stopped)
{
	struct stop stop;
	long at;

	if (inside_unusable())
		return;
	ck_assert_int_eq(waiter_register(), 0);
	/* Who sleeps for ever: Check has another use for it. */
	ck_assert_ptr_ne(signal(SIGALRM, SIG_DFL), SIG_ERR);
	for (at = 0; at < STOPS; at++) {
		stop = (struct stop){ .number = _i, .at = at };
		prepare(cases[_i].before, &sleeping);
		alarm(20);
		inside_accesses(alias, BYTES, wait, &stop, it_happens, &stop);
		alarm(0);
		ck_assert_int_eq(stop.result, 0);
		unmap();
		if (stop.n <= at)
			break;
	}
	ck_assert_int_gt(at, 3);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("pool-wait-steps");

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, giver_is_stopped, 0, sizeof(cases) / sizeof(*cases));
	tcase_add_loop_test(tc, sleeper_is_stopped, 0, sizeof(cases) / sizeof(*cases));
	return run_case("pool-wait-steps", tc);
}
