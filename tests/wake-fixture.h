/* SPDX-License-Identifier: MIT */
#ifndef TEST_WAKE_FIXTURE_H
#define TEST_WAKE_FIXTURE_H

/* wake-fixture.h - a queue of four, and those who sleep at it */

#include <unistd.h>

#include "wait-fixture.h"

#define SLEEPERS 6

static struct world w;
static struct job jobs[SLEEPERS];
static struct sleeper s[SLEEPERS];

static inline void setup(void)
{
	world_new(&w, 4);
	for (uint32_t i = 0; i < SLEEPERS; i++)
		job_new(&jobs[i], &w, 2 + i);
	alarm(200);
}

static inline void teardown(void)
{
	alarm(0);
	world_free(&w);
}

static inline void start(unsigned int n, sleeper_fn wait)
{
	for (unsigned int i = 0; i < n; i++) {
		sleeper_fork(&s[i], wait, &jobs[i]);
		sleeper_await(&s[i]);
	}
}

static inline void expect_all(unsigned int n, int r)
{
	for (unsigned int i = 0; i < n; i++)
		ck_assert_int_eq(sleeper_result(&s[i]), r);
}

static inline void fill_up(void)
{
	for (uint64_t i = 0; i < 4; i++)
		push(&w.q, i);
}

#endif /* TEST_WAKE_FIXTURE_H */
