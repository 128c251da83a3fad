/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "asleep.h"
#include "pool-fixture.h"
#include "segment.h"
#include "waiter.h"

/* Who waits for free objects, in plain memory: threads with a handle each, and a process to kill. */

#define N_MAX 6000

/* One who waits; kept outside of the stacks, since threads use it. */
struct waits {
	struct shmreg_pool pool;
	shmreg_pool_ref refs[8];
	uint32_t n, min;		/* n = 0: acquire_wait() */
	const struct timespec *deadline;
	struct sleeper sleeper;
};

static struct waits waits[4];
static struct shmreg_pool holder;
static shmreg_pool_ref held[N_MAX];

static union shmreg_eventcount *space(void)
{
	return &((struct shmreg_pool_shm *)base)->space;
}

static uint32_t flags(void)
{
	return shmreg_load_acquire(&space()->half[SHMREG_EVENTCOUNT_COUNT]) &
	       ~SHMREG_EVENTCOUNT_SEQUENCE;
}

static uint32_t sequence(void)
{
	return shmreg_load_acquire(&space()->half[SHMREG_EVENTCOUNT_COUNT]) &
	       SHMREG_EVENTCOUNT_SEQUENCE;
}

/* A pool of which the holder has everything. */
static void setup_held(uint64_t capacity)
{
	unsigned int i;

	ck_assert_int_eq(waiter_register(), 0);
	setup(capacity);
	pool_bind(&holder, base, &shape, 1000);
	for (i = 0; i < 4; i++) {
		waits[i] = (struct waits){ .n = 0 };
		pool_bind(&waits[i].pool, base, &shape, 1 + 64 * i);
	}
	ck_assert_int_eq(shmreg_pool_acquire_batch(&holder, held, (uint32_t)capacity,
						   (uint32_t)capacity), (int)capacity);
}

static int do_wait(void *arg)
{
	struct waits *w = arg;

	return w->n == 0 ? shmreg_pool_acquire_wait(&w->pool, w->refs, w->deadline)
			 : shmreg_pool_acquire_batch_wait(&w->pool, w->refs, w->n, w->min,
							  w->deadline);
}

static void fall_asleep(struct waits *w)
{
	sleeper_spawn(&w->sleeper, do_wait, w);
	sleeper_await(&w->sleeper);
	ck_assert_uint_ne(shmreg_load_acquire(&space()->both) & SHMREG_EVENTCOUNT_WANTED, 0);
}

static void give(unsigned int first, unsigned int n)
{
	while (n-- > 0)
		ck_assert_int_eq(shmreg_pool_release(&holder, held[first + n]), 0);
}

static void give_all(struct shmreg_pool *p, const shmreg_pool_ref *refs, uint32_t n)
{
	ck_assert_int_eq(shmreg_pool_release_batch(p, refs, n), 0);
}

static unsigned int n_done(unsigned int n)
{
	unsigned int i, done = 0;

	for (i = 0; i < n; i++)
		done += sleeper_is_done(&waits[i].sleeper);
	return done;
}

struct done {
	unsigned int of, n;
};

static bool are_done(void *arg)
{
	const struct done *d = arg;

	return n_done(d->of) >= d->n;
}

static void await_done(unsigned int of, unsigned int n)
{
	asleep_until(are_done, &(struct done){ of, n }, "as many have got what they waited for");
}

START_TEST(without_sleep)
{
	const struct timespec past = { 0, 0 }, none = { 0, 1000000000 };
	const uint64_t value[3] = { 7, 8, 9 };
	shmreg_pool_ref ref = 99, refs[3];
	struct timespec soon, now;

	setup_held(3);
	give(0, 2);
	ck_assert_int_eq(shmreg_pool_acquire_wait(&waits[0].pool, &ref, &past), 0);
	ck_assert_int_eq(shmreg_pool_acquire_init_wait(&waits[0].pool, &refs[0], value, NULL), 0);
	ck_assert_uint_eq(*(uint64_t *)shmreg_pool_get(&waits[0].pool, refs[0]), 7);
	give_all(&waits[0].pool, &ref, 1);
	/* min = 0 is 1; n = 0 is nothing */
	ck_assert_int_eq(shmreg_pool_acquire_batch_wait(&waits[0].pool, refs + 1, 2, 0, NULL), 1);
	ck_assert_int_eq(shmreg_pool_acquire_batch_wait(&waits[0].pool, NULL, 0, 0, NULL), 0);
	ck_assert_int_eq(shmreg_pool_acquire_batch_wait(&waits[0].pool, refs, 1, 2, NULL), -EINVAL);
	ck_assert_int_eq(shmreg_pool_acquire_batch_wait(&waits[0].pool, refs, 4, 4, NULL), -EINVAL);

	ref = 99;
	ck_assert_int_eq(shmreg_pool_acquire_wait(&waits[1].pool, &ref, &past), -ETIMEDOUT);
	ck_assert_int_eq(shmreg_pool_acquire_wait(&waits[1].pool, &ref, &none), -EINVAL);
	ck_assert_int_eq(shmreg_pool_acquire_init_wait(&waits[1].pool, &ref, value, &past),
			 -ETIMEDOUT);
	soon = shmreg_deadline(20000000);
	ck_assert_int_eq(shmreg_pool_acquire_wait(&waits[1].pool, &ref, &soon), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &now);
	ck_assert(now.tv_sec > soon.tv_sec ||
		  (now.tv_sec == soon.tv_sec && now.tv_nsec >= soon.tv_nsec));
	ck_assert_uint_eq(ref, 99);
	soon = shmreg_deadline(1000000);
	held[1] = held[2] = 99;
	ck_assert_int_eq(shmreg_pool_acquire_batch_wait(&waits[1].pool, held + 1, 2, 2, &soon),
			 -ETIMEDOUT);
	ck_assert_uint_eq(held[1] | held[2], SHMREG_POOL_NONE);
	memset(held, 0, sizeof(held));
	/* four calls found too few, each counted once; and -EINVAL, which had looked */
	ck_assert_uint_eq(stat_of(&holder).n_exhausted, 5);
	pool_seed(base, &shape, 1);
}
END_TEST

START_TEST(released)
{
	setup_held(2);
	fall_asleep(&waits[0]);
	give(0, 1);
	ck_assert_int_eq(sleeper_result(&waits[0].sleeper), 0);
	ck_assert_int_eq(shmreg_pool_check(&waits[0].pool, waits[0].refs[0]), 0);
	fall_asleep(&waits[1]);
	give_all(&waits[0].pool, waits[0].refs, 1);
	ck_assert_int_eq(sleeper_result(&waits[1].sleeper), 0);
	give_all(&waits[1].pool, waits[1].refs, 1);
	/* Nobody sleeps: whoever finds that out says so, and then it costs nothing. */
	ck_assert_uint_eq(flags(), 0);
	ck_assert_uint_eq(stat_of(&holder).n_exhausted, 2);
	give(1, 1);
}
END_TEST

/* By another handle of the participant that holds it, which needs a directory to know. */
START_TEST(released_by_another_handle)
{
	static struct {
		struct shmreg_dir dir;
		uint64_t seats[SHMREG_SEATS];
	} directory;
	struct shmreg_segment segment = { .dir = &directory.dir, .participant = 7 };
	struct shmreg_pool other;

	setup_held(2);
	directory.dir.seats_offset = offsetof(__typeof__(directory), seats);
	directory.seats[holder.handle.seat] = UINT64_C(7) << SHMREG_SEAT_PARTICIPANT_SHIFT |
					      SHMREG_SEAT_LIVE;
	pool_bind(&other, base, &shape, 2000);
	other.handle.segment = &segment;
	fall_asleep(&waits[0]);
	ck_assert_int_eq(shmreg_pool_release(&other, held[0]), 0);
	ck_assert_int_eq(sleeper_result(&waits[0].sleeper), 0);
	fall_asleep(&waits[1]);
	give_all(&other, held + 1, 1);
	ck_assert_int_eq(sleeper_result(&waits[1].sleeper), 0);
	give_all(&waits[0].pool, waits[0].refs, 1);
	give_all(&waits[1].pool, waits[1].refs, 1);
}
END_TEST

/* Wherever it lies, and whatever the hints say: two levels of them. */
START_TEST(released_anywhere)
{
	static const unsigned int where[] = { 0, 15, 16, 255, 256, 4095, 4096, 5000, N_MAX - 1 };
	shmreg_pool_ref ref;
	unsigned int i;

	setup_held(N_MAX);
	for (i = 0; i < sizeof(where) / sizeof(*where); i++) {
		struct waits *w = &waits[i % 4];

		ck_assert_int_eq(shmreg_pool_acquire(&holder, &ref), -EAGAIN);
		ck_assert_uint_gt(pool_count_hints(base, &shape), N_MAX / 256);
		fall_asleep(w);
		give(where[i], 1);
		ck_assert_int_eq(sleeper_result(&w->sleeper), 0);
		ck_assert_uint_eq(shmreg_pool_ref_index(w->refs[0]),
				  shmreg_pool_ref_index(held[where[i]]));
		/* Back to the holder, by way of its last. */
		give_all(&w->pool, w->refs, 1);
		ck_assert_int_eq(shmreg_pool_acquire(&holder, &held[where[i]]), 0);
	}
	give_all(&holder, held, N_MAX);
}
END_TEST

START_TEST(one_for_one)
{
	uint64_t naps[3];
	unsigned int i;

	setup_held(3);
	for (i = 0; i < 3; i++)
		fall_asleep(&waits[i]);
	for (i = 0; i < 3; i++)
		naps[i] = sleeper_naps(&waits[i].sleeper);
	give(2, 1);
	await_done(3, 1);
	/* The others were not even woken. */
	for (i = 0; i < 3; i++)
		if (!sleeper_is_done(&waits[i].sleeper)) {
			sleeper_await(&waits[i].sleeper);
			ck_assert(!asleep_is_sound() ||
				  sleeper_naps(&waits[i].sleeper) == naps[i]);
		}
	ck_assert_uint_eq(n_done(3), 1);
	give_all(&holder, held, 2);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(sleeper_result(&waits[i].sleeper), 0);
	for (i = 0; i < 3; i++)
		give_all(&waits[i].pool, waits[i].refs, 1);
}
END_TEST

/*
 * An object that somebody freed who was stopped before he woke anybody is found by who is
 * woken for another: he wakes the next.
 */
START_TEST(passed_on)
{
	uint64_t w;

	setup_held(3);
	fall_asleep(&waits[0]);
	fall_asleep(&waits[1]);
	w = shmreg_pool_word_free(held[0]) | holder.claim;
	ck_assert_int_eq(shmreg_pool_free_(&holder, shmreg_pool_ref_index(held[0]), w), 1);
	give(1, 1);
	ck_assert_int_eq(sleeper_result(&waits[0].sleeper), 0);
	ck_assert_int_eq(sleeper_result(&waits[1].sleeper), 0);
	give_all(&waits[0].pool, waits[0].refs, 1);
	give_all(&waits[1].pool, waits[1].refs, 1);
	give(2, 1);
}
END_TEST

/* Stopped between R and C: free, and hidden; who finishes wakes, and it is found. */
START_TEST(hidden)
{
	const struct shmreg_pool_shm *shm;
	shmreg_pool_ref other;
	uint64_t naps;

	setup_held(1);
	shm = base;
	ck_assert_int_eq(shmreg_pool_acquire(&holder, &other), -EAGAIN);
	fall_asleep(&waits[0]);
	naps = sleeper_naps(&waits[0].sleeper);
	shmreg_store_release(pool_word(base, &shape, 0), shmreg_pool_word_free(held[0]));
	asleep_wake_for_nothing(&space()->half[SHMREG_EVENTCOUNT_COUNT]);
	sleeper_await_after(&waits[0].sleeper, naps);
	shmreg_pool_clear_hints(&holder, 0);
	shmreg_pool_wake_(&holder, shm, 1);
	ck_assert_int_eq(sleeper_result(&waits[0].sleeper), 0);
	give_all(&waits[0].pool, waits[0].refs, 1);
}
END_TEST

START_TEST(several_at_once)
{
	struct waits *const many = &waits[0], *const one = &waits[1];
	uint64_t naps;

	setup_held(4);
	many->n = 3;
	many->min = 2;
	fall_asleep(many);
	ck_assert_uint_ne(flags() & SHMREG_EVENTCOUNT_MIXED, 0);
	naps = sleeper_naps(&many->sleeper);
	give(0, 1);
	/* Too few: asleep again, and nothing is held meanwhile, nor anybody woken by that. */
	sleeper_await_after(&many->sleeper, naps);
	ck_assert_uint_eq(sequence(), 3);	/* it came, was woken, came again */
	ck_assert_uint_eq(stat_of(&holder).n_free, 1);
	one->n = 1;
	one->min = 1;
	ck_assert_int_eq(do_wait(one), 1);
	/* Both asleep: whichever is the first, both are woken. */
	one->n = 0;
	held[0] = one->refs[0];
	fall_asleep(one);
	give(1, 1);
	ck_assert_int_eq(sleeper_result(&one->sleeper), 0);
	sleeper_await(&many->sleeper);
	ck_assert(!sleeper_is_done(&many->sleeper));
	give_all(&holder, held + 2, 2);
	ck_assert_int_eq(sleeper_result(&many->sleeper), 2);
	/* M has gone with them. */
	give_all(&one->pool, one->refs, 1);
	give_all(&one->pool, held, 1);
	ck_assert_uint_eq(flags(), 0);
	give_all(&many->pool, many->refs, 2);
}
END_TEST

/* A batch that is too small is given back, and counts as released. */
START_TEST(given_back_by_a_batch)
{
	struct waits *const many = &waits[0];
	shmreg_pool_ref refs[3];
	uint32_t before;

	setup_held(3);
	give(0, 1);
	many->n = many->min = 2;
	fall_asleep(many);
	before = sequence();
	ck_assert_int_eq(shmreg_pool_acquire_batch(&holder, refs, 3, 3), -EAGAIN);
	ck_assert_uint_gt(sequence(), before);
	give(1, 1);
	ck_assert_int_eq(sleeper_result(&many->sleeper), 2);
	give_all(&many->pool, many->refs, 2);
	give(2, 1);
}
END_TEST

START_TEST(woken_for_nothing)
{
	uint64_t naps;
	int i;

	setup_held(1);
	fall_asleep(&waits[0]);
	for (i = 0; i < 3; i++) {
		naps = sleeper_naps(&waits[0].sleeper);
		ck_assert_uint_eq(
			asleep_wake_for_nothing(&space()->half[SHMREG_EVENTCOUNT_COUNT]), 1);
		sleeper_await_after(&waits[0].sleeper, naps);
	}
	/* Calls are counted, not tries. */
	ck_assert_uint_eq(stat_of(&holder).n_exhausted, 1);
	give(0, 1);
	ck_assert_int_eq(sleeper_result(&waits[0].sleeper), 0);
	give_all(&waits[0].pool, waits[0].refs, 1);
}
END_TEST

START_TEST(sleeper_dies)
{
	struct sleeper child;

	setup_held(1);
	sleeper_fork(&child, do_wait, &waits[0]);
	sleeper_await(&child);
	sleeper_kill(&child);
	asleep_await_flags(space(), SHMREG_EVENTCOUNT_ASLEEP);
	fall_asleep(&waits[1]);
	give(0, 1);
	ck_assert_int_eq(sleeper_result(&waits[1].sleeper), 0);
	give_all(&waits[1].pool, waits[1].refs, 1);
	ck_assert_uint_eq(flags() & SHMREG_EVENTCOUNT_ASLEEP, 0);
}
END_TEST

static void handle_signal(int number)
{
	(void)number;
}

START_TEST(signals)
{
	const struct sigaction action = { .sa_handler = handle_signal };
	uint64_t naps;

	ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
	setup_held(1);
	fall_asleep(&waits[0]);
	naps = sleeper_naps(&waits[0].sleeper);
	ck_assert_int_eq(pthread_kill(waits[0].sleeper.thread, SIGUSR1), 0);
	sleeper_await_after(&waits[0].sleeper, naps);
	ck_assert_int_eq(shmreg_handle_set_waiting(&waits[1].pool.handle, 0,
						   SHMREG_WAIT_INTERRUPTIBLE), 0);
	fall_asleep(&waits[1]);
	ck_assert_int_eq(pthread_kill(waits[1].sleeper.thread, SIGUSR1), 0);
	ck_assert_int_eq(sleeper_result(&waits[1].sleeper), -EINTR);
	ck_assert_uint_eq(waits[1].refs[0], SHMREG_POOL_NONE);
	give(0, 1);
	ck_assert_int_eq(sleeper_result(&waits[0].sleeper), 0);
	give_all(&waits[0].pool, waits[0].refs, 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		without_sleep, released, released_by_another_handle, released_anywhere,
		one_for_one, passed_on, hidden,
		several_at_once, given_back_by_a_batch, woken_for_nothing, sleeper_dies, signals,
	};

	return RUN_SUITE("pool-wait", tests, NULL, teardown, 120);
}
