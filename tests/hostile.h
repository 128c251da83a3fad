/* SPDX-License-Identifier: MIT */
#ifndef TEST_HOSTILE_H
#define TEST_HOSTILE_H

/* hostile.h - what the tests against a peer that writes anything have in common */

#include <check.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "random.h"

#define GUARD 0xc5
#define GUARD_BYTES 32	/* before and behind what a call may use of a buffer */

static inline void guard_buffer(unsigned char *buffer, size_t bytes, size_t used)
{
	memset(buffer, GUARD, bytes);
	memset(buffer + GUARD_BYTES, 1, used);
}

static inline void guard_check(const unsigned char *buffer, size_t used)
{
	size_t i;

	/* Each ck_assert() is a write(): not for every byte. */
	for (i = 0; i < GUARD_BYTES; i++)
		if (buffer[i] != GUARD || buffer[GUARD_BYTES + used + i] != GUARD)
			ck_abort_msg("byte %zu around the buffer was overwritten", i);
}

/* A process that does nothing but @scribble. */
static inline pid_t hostile_start(void (*scribble)(struct random_state *r), struct random_state r)
{
	const pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	r.x ^= 1234567;
	for (;;)
		scribble(&r);
}

static inline void hostile_end(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
}

#endif /* TEST_HOSTILE_H */
