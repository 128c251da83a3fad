/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include <shmreg/atomic.h>
#include <shmreg/wait.h>

#include "asleep.h"
#include "plain.h"
#include "suite.h"
#include "waiter.h"

/* Waiting until an atomic's value changes, in plain memory. */

SHMREG_DEFINE_ATOMIC(counter, uint64_t);
SHMREG_DEFINE_ATOMIC(small, int8_t);
SHMREG_DEFINE_ATOMIC(half, uint16_t);
SHMREG_DEFINE_ATOMIC(word, uint32_t);

struct waits {
	const struct counter *counter;
	uint64_t expected, value;
	struct sleeper sleeper;
};

static struct counter n;
static struct waits waits[3];

static void bind(struct shmreg_atomic *atomic, uint32_t bytes)
{
	*atomic = (struct shmreg_atomic){
		.handle.shape = {
			.kind = SHMREG_KIND_ATOMIC,
			.layout = SHMREG_ATOMIC_LAYOUT,
			.elem_align = bytes,
			.elem_bytes = bytes,
			.capacity = 1,
		},
	};
	atomic->handle.base = plain_map(&atomic->handle.shape);
	ck_assert_ptr_nonnull(atomic->handle.base);
}

static void unbind(const struct shmreg_atomic *atomic)
{
	plain_unmap(atomic->handle.base, &atomic->handle.shape);
}

static void setup(void)
{
	unsigned int i;

	ck_assert_int_eq(waiter_register(), 0);
	bind(&n.atomic, 8);
	for (i = 0; i < 3; i++)
		waits[i] = (struct waits){ .counter = &n, .value = 99 };
}

static void teardown(void)
{
	unbind(&n.atomic);
}

static union shmreg_eventcount *change(void)
{
	return &((struct shmreg_atomic_shm *)(void *)counter_cell(&n))->change;
}

static uint32_t *count(void)
{
	return &change()->half[SHMREG_EVENTCOUNT_COUNT];
}

static int do_wait(void *arg)
{
	struct waits *w = arg;

	return counter_wait(w->counter, w->expected, &w->value, NULL);
}

static struct sleeper *fall_asleep(unsigned int i)
{
	sleeper_spawn(&waits[i].sleeper, do_wait, &waits[i]);
	sleeper_await(&waits[i].sleeper);
	return &waits[i].sleeper;
}

static unsigned int n_done(unsigned int of)
{
	unsigned int i, done = 0;

	for (i = 0; i < of; i++)
		done += sleeper_is_done(&waits[i].sleeper);
	return done;
}

static bool one_is_done(void *arg)
{
	(void)arg;
	return n_done(3) > 0;
}

/* No sleep where the value differs, at every width; else the deadline. */
#define WIDTH(bits, atomic, was, is)                                                              \
	do {                                                                                      \
		uint##bits##_t value = 77;                                                        \
		struct timespec soon = shmreg_deadline(1000000);                                  \
		ck_assert_int_eq(shmreg_atomic##bits##_wait(atomic, was, &value, NULL), 0);       \
		ck_assert_uint_eq(value, (uint##bits##_t)(is));                                   \
		value = 77;                                                                       \
		ck_assert_int_eq(shmreg_atomic##bits##_wait(atomic, (uint##bits##_t)(is), &value, \
							    &soon), -ETIMEDOUT);                  \
		ck_assert_int_eq(shmreg_atomic##bits##_wait(atomic, (uint##bits##_t)(is), &value, \
							    &past), -ETIMEDOUT);                  \
		ck_assert_int_eq(shmreg_atomic##bits##_wait(atomic, (uint##bits##_t)(is), &value, \
							    &none), -EINVAL);                     \
		ck_assert_uint_eq(value, 77);                                                     \
	} while (0)

START_TEST(without_sleep)
{
	const struct timespec past = { 0, 0 }, none = { 0, 1000000000 };
	struct small s8;
	struct half s16;
	struct word s32;
	uint32_t other = 77;
	int8_t negative = 77;

	bind(&s8.atomic, 1);
	bind(&s16.atomic, 2);
	bind(&s32.atomic, 4);
	small_store(&s8, -3);
	half_store(&s16, 0xfffe);
	word_store(&s32, UINT32_MAX);
	counter_store(&n, UINT64_C(1) << 63);
	WIDTH(8, &s8.atomic, 3, -3);
	WIDTH(16, &s16.atomic, 0, 0xfffe);
	WIDTH(32, &s32.atomic, 0, UINT32_MAX);
	WIDTH(64, &n.atomic, 0, UINT64_C(1) << 63);
	ck_assert_int_eq(small_wait(&s8, 3, &negative, NULL), 0);
	ck_assert_int_eq(negative, -3);
	negative = 77;
	ck_assert_int_eq(small_wait(&s8, -3, &negative, &past), -ETIMEDOUT);
	ck_assert_int_eq(negative, 77);
	/* of another size */
	ck_assert_int_eq(shmreg_atomic32_wait(&n.atomic, 0, &other, NULL), -EINVAL);
	ck_assert_uint_eq(other, 77);
	/* Nobody waited long enough to be seen, or was, and it is known that he left. */
	counter_notify_all(&n);
	ck_assert_uint_eq(shmreg_load_acquire(count()) & ~SHMREG_EVENTCOUNT_SEQUENCE, 0);
	unbind(&s8.atomic);
	unbind(&s16.atomic);
	unbind(&s32.atomic);
}
END_TEST

START_TEST(notified)
{
	struct sleeper *sleeper = fall_asleep(0);
	uint64_t naps = sleeper_naps(sleeper);

	ck_assert_uint_ne(shmreg_load_acquire(count()) & SHMREG_EVENTCOUNT_ASLEEP, 0);
	/* Woken for nothing, and without a change. */
	asleep_wake_for_nothing(count());
	sleeper_await_after(sleeper, naps);
	naps = sleeper_naps(sleeper);
	counter_notify_one(&n);
	sleeper_await_after(sleeper, naps);
	counter_store_relaxed(&n, 5);
	counter_notify_one(&n);
	ck_assert_int_eq(sleeper_result(sleeper), 0);
	ck_assert_uint_eq(waits[0].value, 5);
}
END_TEST

START_TEST(one_or_all)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		fall_asleep(i);
	counter_store(&n, 1);
	counter_notify_one(&n);
	asleep_until(one_is_done, NULL, "one has noticed");
	for (i = 0; i < 3 && asleep_is_sound(); i++)
		if (!sleeper_is_done(&waits[i].sleeper))
			sleeper_await(&waits[i].sleeper);
	ck_assert(!asleep_is_sound() || n_done(3) == 1);
	counter_notify_all(&n);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(sleeper_result(&waits[i].sleeper), 0);
		ck_assert_uint_eq(waits[i].value, 1);
	}
	ck_assert_uint_eq(shmreg_load_acquire(count()) & SHMREG_EVENTCOUNT_ASLEEP, 0);
}
END_TEST

/* By the cell, as most will do it. */
START_TEST(by_the_cell)
{
	struct sleeper *sleeper = fall_asleep(0);

	ck_assert_uint_eq(shmreg_atomic64_fetch_add_release(shmreg_atomic64_cell(&n.atomic), 7), 0);
	shmreg_atomic_notify_all(&n.atomic);
	ck_assert_int_eq(sleeper_result(sleeper), 0);
	ck_assert_uint_eq(waits[0].value, 7);
}
END_TEST

/*
 * By turns: odd is ours, even the other's. What is not atomic is handed over with the turn, as
 * ThreadSanitizer sees.
 */
#define TURNS 2000
static uint64_t handed_over;

static int take_turns(void *arg)
{
	const uint64_t parity = *(const uint64_t *)arg;
	uint64_t turn, i;

	for (i = 0; i < TURNS; i++) {
		turn = counter_load_acquire(&n);
		while (turn % 2 != parity)
			if (counter_wait(&n, turn, &turn, NULL) != 0)
				return -1;
		if (handed_over != turn)
			return -1;
		handed_over = turn + 1;
		counter_store_release(&n, turn + 1);
		counter_notify_one(&n);
	}
	return 0;
}

START_TEST(by_turns)
{
	static uint64_t odd = 1, even = 0;
	struct sleeper other;

	handed_over = 0;
	sleeper_spawn(&other, take_turns, &odd);
	ck_assert_int_eq(take_turns(&even), 0);
	ck_assert_int_eq(sleeper_result(&other), 0);
	ck_assert_uint_eq(counter_load(&n), 2 * TURNS);
}
END_TEST

START_TEST(sleeper_dies)
{
	struct sleeper child, *sleeper;

	sleeper_fork(&child, do_wait, &waits[1]);
	sleeper_await(&child);
	sleeper_kill(&child);
	asleep_await_flags(change(), SHMREG_EVENTCOUNT_ASLEEP);
	sleeper = fall_asleep(0);
	counter_store_release(&n, 1);
	counter_notify_one(&n);
	ck_assert_int_eq(sleeper_result(sleeper), 0);
}
END_TEST

static void handle_signal(int number)
{
	(void)number;
}

START_TEST(signals)
{
	const struct sigaction action = { .sa_handler = handle_signal };
	struct counter other = n;
	struct sleeper *sleeper;
	uint64_t naps;

	ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
	ck_assert_int_eq(shmreg_handle_set_waiting(&other.atomic.handle, 0,
						   SHMREG_WAIT_INTERRUPTIBLE), 0);
	sleeper = fall_asleep(0);
	naps = sleeper_naps(sleeper);
	ck_assert_int_eq(pthread_kill(sleeper->thread, SIGUSR1), 0);
	sleeper_await_after(sleeper, naps);
	waits[1].counter = &other;
	fall_asleep(1);
	ck_assert_int_eq(pthread_kill(waits[1].sleeper.thread, SIGUSR1), 0);
	ck_assert_int_eq(sleeper_result(&waits[1].sleeper), -EINTR);
	counter_store(&n, 1);
	counter_notify_all(&n);
	ck_assert_int_eq(sleeper_result(sleeper), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		without_sleep, notified, one_or_all, by_the_cell, by_turns, sleeper_dies, signals,
	};

	return RUN_SUITE("atomic-wait", tests, setup, teardown, 120);
}
