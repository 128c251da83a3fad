/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stddef.h>

#include "patience.h"

#define SECOND_NS UINT64_C(1000000000)

static volatile sig_atomic_t caught;

static void catch(int signal)
{
	caught = signal;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

void patience_catch(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = catch }, old;

	/* No SA_RESTART: reads and waits are to end. What is ignored stays so, as nohup(1) wants it. */
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

bool patience_interrupted(void)
{
	return caught != 0;
}

void patience_end(void)
{
	if (!caught)
		return;
	signal(caught, SIG_DFL);
	raise(caught);
}

struct patience patience_begin(uint64_t timeout_ns)
{
	const uint64_t t = now();

	return (struct patience){ timeout_ns > UINT64_MAX - t ? UINT64_MAX : t + timeout_ns };
}

struct timespec patience_deadline(const struct patience *patience)
{
	const uint64_t soon = now() + SECOND_NS;
	const uint64_t ns = patience->end_ns < soon ? patience->end_ns : soon;

	return (struct timespec){ .tv_sec = (time_t)(ns / SECOND_NS), .tv_nsec = (long)(ns % SECOND_NS) };
}

bool patience_lasts(const struct patience *patience, int64_t r)
{
	return (r == -ETIMEDOUT || r == -EINTR) && !caught && now() < patience->end_ns;
}
