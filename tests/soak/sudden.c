/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "soak.h"

/*
 * The director's signals mostly meet workers that sleep, for that is where they are most of the time.
 * So each has a fate of its own: a timer whose signal is SIGKILL or SIGSTOP is set just before an
 * operation, and goes off at any instruction of it; or it kills or stops itself while it holds
 * something.
 */

#define NEVER UINT64_MAX
#define DELAY_MAX_LOG2 16	/* nanoseconds: longer than an operation that need not wait */

static const int signals[2] = { SIGKILL, SIGSTOP };
static timer_t timers[2];
static uint64_t ops_until[2], holds_until[2];

/* As often small as large. */
static uint64_t up_to_log2(struct random_state *r, uint64_t log2)
{
	return 1 + random_below(r, UINT64_C(1) << random_below(r, log2 + 1));
}

void sudden_init(struct client *c)
{
	for (int i = 0; i < 2; i++) {
		struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = signals[i] };

		if (timer_create(CLOCK_MONOTONIC, &e, &timers[i]) < 0)
			complain("timer_create: %s", strerror(errno));
		ops_until[i] = random_below(&c->random, 2) ? up_to_log2(&c->random, 16) : NEVER;
		holds_until[i] = random_below(&c->random, 4) ? NEVER : up_to_log2(&c->random, 10);
	}
}

void sudden_before(struct client *c)
{
	if (atomic_load(&ledger->quiet))
		return;
	for (int i = 0; i < 2; i++) {
		struct itimerspec when = { .it_value = { 0 } };

		if (ops_until[i] == NEVER || --ops_until[i] > 0)
			continue;
		ops_until[i] = NEVER;
		if (signals[i] == SIGKILL)
			c->me->sudden = true;
		when.it_value.tv_nsec = (long)up_to_log2(&c->random, DELAY_MAX_LOG2);
		timer_settime(timers[i], 0, &when, NULL);
	}
}

void sudden_while_held(struct client *c)
{
	if (atomic_load(&ledger->quiet))
		return;
	for (int i = 0; i < 2; i++) {
		if (holds_until[i] == NEVER || --holds_until[i] > 0)
			continue;
		holds_until[i] = NEVER;
		if (signals[i] == SIGKILL)
			c->me->sudden = true;
		kill(getpid(), signals[i]);
	}
}
