/* SPDX-License-Identifier: MIT */
#ifndef TEST_WAITS_H
#define TEST_WAITS_H

/*
 * waits.h - what is true of every wait, for whatever it is
 *
 * A test sets `waits` to the one that it is about. Who waits is a child, with handles that are
 * copies of the test's, or its own.
 */

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <shmreg/abi/eventcount.h>
#include <shmreg/wait.h>

#include "asleep.h"

struct waits {
	/* 0 or more; -errno */
	int64_t (*wait)(const struct timespec *deadline);
	union shmreg_eventcount *event;
	void (*take_part)(uint32_t me);		/* in who waits, number @me; NULL: nothing is to be done */
};
static struct waits waits;

static inline uint32_t *waits_word(void)
{
	return &waits.event->half[SHMREG_EVENTCOUNT_COUNT];
}

static inline uint32_t waits_count(void)
{
	return shmreg_load_acquire(waits_word());
}

/* For sleeper_fork(), its argument being the number of who waits. */
static inline int wait_for_ever(void *me)
{
	if (waits.take_part != NULL)
		waits.take_part((uint32_t)(uintptr_t)me);
	return (int)waits.wait(NULL);
}

static inline int wait_an_hour(void *me)
{
	const struct timespec deadline = shmreg_deadline(UINT64_C(3600000000000));

	if (waits.take_part != NULL)
		waits.take_part((uint32_t)(uintptr_t)me);
	return (int)waits.wait(&deadline);
}

static inline int64_t waits_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* There is nothing to be had, by no deadline. */
static inline void waits_in_vain(void)
{
	struct timespec deadline;
	int64_t before;

	ck_assert_int_eq(waits.wait(&(struct timespec){ 0, 0 }), -ETIMEDOUT);
	ck_assert_int_eq(waits.wait(&(struct timespec){ -1, 0 }), -ETIMEDOUT);
	before = waits_now();
	deadline = shmreg_deadline(2000000);
	ck_assert_int_eq(waits.wait(&deadline), -ETIMEDOUT);
	ck_assert_int_ge(waits_now() - before, 2000000);
	ck_assert_int_eq(waits.wait(&(struct timespec){ 0, -1 }), -EINVAL);
	ck_assert_int_eq(waits.wait(&(struct timespec){ 0, 1000000000 }), -EINVAL);
}

/* As fork() leaves it, who is not the owner. */
static inline void waits_as_a_stranger(void)
{
	ck_assert_int_eq(waits.wait(NULL), -ECHILD);
	ck_assert_int_eq(waits.wait(&(struct timespec){ 0, 0 }), -ECHILD);
}

/* It is asleep, and is again, whatever wakes it. */
static inline void waits_on(struct sleeper *s)
{
	uint64_t naps;
	int i;

	sleeper_fork(s, wait_for_ever, NULL);
	for (i = 0; i < 3; i++) {
		sleeper_await(s);
		naps = sleeper_naps(s);
		ck_assert_uint_eq(asleep_wake_for_nothing(waits_word()), 1);
		sleeper_await_after(s, naps);
	}
}

static inline void waits_ignore(int signal)
{
	(void)signal;
}

/* A handler that runs ends the wait of who asked for that, and of nobody else. */
static inline void waits_through_a_signal(void)
{
	const struct sigaction action = { .sa_handler = waits_ignore };
	struct sleeper s;
	uint64_t naps;

	ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
	sleeper_fork(&s, wait_for_ever, NULL);
	sleeper_await(&s);
	naps = sleeper_naps(&s);
	ck_assert_int_eq(kill(s.pid, SIGUSR1), 0);
	sleeper_await_after(&s, naps);
	sleeper_kill(&s);
}

static inline void waits_for_a_signal(void)
{
	struct sleeper s;

	sleeper_fork(&s, wait_for_ever, NULL);
	sleeper_await(&s);
	ck_assert_int_eq(kill(s.pid, SIGUSR1), 0);
	ck_assert_int_eq(sleeper_result(&s), -EINTR);
}

/* Three of them, woken by one @act. */
static inline void waits_all_are_woken(void (*act)(void))
{
	struct sleeper s[3];
	uintptr_t i;

	for (i = 0; i < 3; i++) {
		sleeper_fork(&s[i], wait_for_ever, (void *)i);
		sleeper_await(&s[i]);
	}
	act();
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(sleeper_result(&s[i]), 0);
}

#endif /* TEST_WAITS_H */
