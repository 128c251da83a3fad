/* SPDX-License-Identifier: MIT */
#ifndef TEST_EXIST_FIXTURE_H
#define TEST_EXIST_FIXTURE_H

/* exist-fixture.h - a sleeper, who waits until something exists, and its maker */

#include <signal.h>

#include "actor.h"
#include "asleep.h"

#define PAST UINT64_C(0)
#define SOON UINT64_C(10000000)

static struct harness h;
static struct process maker, sleeper;

static inline void start(const char *const *options)
{
	harness_start(&h, options);
	actor_start(&maker);
	actor_start(&sleeper);
}

static inline void teardown(void)
{
	if (maker.pid)
		process_finish(&maker);
	if (sleeper.pid)
		process_finish(&sleeper);
	harness_stop(&h);
}

/* Of who waits: @first, then it sleeps in @wait. */
static inline void fall_asleep_in(deed_fn first, int64_t first_arg, deed_fn wait, int64_t arg)
{
	actor_ok(&sleeper, first, first_arg);
	actor_begin(&sleeper, wait, arg);
	asleep_await(sleeper.pid, sleeper.pid);
}

/* Of somebody who was woken in vain, if at all. */
static inline void still_asleep(void)
{
	asleep_await(sleeper.pid, sleeper.pid);
	ck_assert(!process_speaks(&sleeper));
}

/* A limited wait, of which @r came, never returns early. */
static inline int not_early(int r, const struct timespec *deadline)
{
	const struct timespec now = shmreg_deadline(0);

	ck_assert(r == 0 || now.tv_sec > deadline->tv_sec ||
		  (now.tv_sec == deadline->tv_sec && now.tv_nsec >= deadline->tv_nsec));
	return r;
}

static int n_signals;

static inline void count(int signal)
{
	(void)signal;
	n_signals++;
}

static inline int64_t deed_handle(struct actor *a, int64_t unused)
{
	const struct sigaction action = { .sa_handler = count };

	(void)a, (void)unused;
	return sigaction(SIGUSR1, &action, NULL);
}

#endif /* TEST_EXIST_FIXTURE_H */
