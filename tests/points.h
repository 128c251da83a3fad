/* SPDX-License-Identifier: MIT */
#ifndef TEST_POINTS_H
#define TEST_POINTS_H

/*
 * points.h - who may be killed writes nothing where the test is read from
 *
 * Check notes every assertion that holds in a file, to name the last one of a test that crashed.
 * A client that was forked has the same file. Killed in the middle of such a note, it leaves a
 * part of one, and Check ends with "Bad message type". So clients keep to themselves what holds.
 * What does not hold they say as ever.
 *
 * This is included before everything else, by the compiler's command line.
 */
#include <config.h>

#include <check.h>
#include <stdbool.h>
#include <sys/types.h>

/* One for the whole program. Check's own fork, of the test, is not one of ours. */
extern bool in_client;
__attribute__((weak)) bool in_client;

/* Without <unistd.h>, whose names some of those that include this have for their own. */
extern pid_t libc_fork(void) __asm__("fork");
extern pid_t fork_client(void);

__attribute__((weak)) pid_t fork_client(void)
{
	const pid_t pid = libc_fork();

	in_client |= pid == 0;
	return pid;
}

#define fork fork_client
#define _mark_point(file, line) (in_client ? (void)0 : (_mark_point)(file, line))

#endif /* TEST_POINTS_H */
