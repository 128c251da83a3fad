/* SPDX-License-Identifier: MIT */
#ifndef TEST_TORTURE_H
#define TEST_TORTURE_H

/*
 * torture.h - what the tests have in common that kill processes at random
 *
 * $SHMREG_TEST_SEED, printed, replays what the parent does; $SHMREG_TEST_SCALE is a factor for the
 * number of kills; $SHMREG_TEST_PATIENCE are the seconds after which it is wedged.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "random.h"
#include "suite.h"

extern uint64_t seed;

uint64_t mix(uint64_t a, uint64_t b);

/* Choose the seed, print it and begin the line about run number @run. */
void torture_begin(struct random_state *ret, uint64_t run);

uint64_t torture_scaled(uint64_t kills);	/* at least 1 */

/* Zeroed memory that all processes share, sparse; munmap() it. */
void *torture_map(size_t bytes);

/* As fork(); the child dies with its parent. */
pid_t torture_fork(void);

int torture_end(pid_t pid);	/* SIGKILL. Return: the status, as waitpid() gives it */
void torture_kill(pid_t pid);		/* SIGKILL; it must not have ended by itself before */
void torture_wait(pid_t pid);	/* waits; it must end with 0 */

/*
 * One time of @one_of: @act again and again, in a process that is killed in the act, after fewer
 * than @yields of the parent's. Return: whether it was.
 */
bool torture_interrupt(struct random_state *r, uint64_t one_of, uint64_t yields,
		       void (*act)(const void *arg), const void *arg);

/* Until @done; if it never is, though somebody lives who could do it, it is wedged. */
void torture_await(bool (*done)(uint64_t arg), uint64_t arg, const char *wedged);

#endif /* TEST_TORTURE_H */
