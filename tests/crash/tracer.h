/* SPDX-License-Identifier: MIT */
#ifndef CRASH_TRACER_H
#define CRASH_TRACER_H

/*
 * tracer.h - a child led by single steps, to be killed at any instruction
 *
 * On x86-64 the stores that a killed process has retired are exactly those of
 * the instructions before the one at which it was stopped, in program order. So
 * single-stepping enumerates every state in which a kill can leave memory.
 *
 * Whatever goes wrong with ptrace itself ends the program: there is nothing to
 * test then.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct tracee {
	pid_t pid;		/* 0: none */
	bool finished;		/* stands behind the end of its function */
	uint64_t n_steps;
};

/* NULL, or why nothing can be traced here: a sentence's end. */
const char *tracer_unusable(void);

/* This process and its children stay on one processor: stops are passed on faster. */
void tracer_pin(unsigned int cpu);
unsigned int tracer_n_cpus(void);

/*
 * Forks; the child stands before the first instruction of the call of @run. What
 * @prepare does (may be NULL), it does before, at full speed.
 */
void tracee_start(struct tracee *t, void (*run)(void *arg), void (*prepare)(void *arg), void *arg);

/* One instruction; a system call is one. False, without effect, if it has finished. */
bool tracee_step(struct tracee *t);

/* The next instruction is a system call. */
bool tracee_at_syscall(const struct tracee *t);

/*
 * At full speed until it has done @n system calls more; it stands behind the last.
 * False if it finished before.
 */
bool tracee_syscalls(struct tracee *t, uint64_t n);

/*
 * At full speed to behind its next access to the 8 bytes at @word, by hardware
 * watchpoint. False, without effect, if there are none here. What it has run is not
 * in n_steps.
 */
bool tracee_until_access(struct tracee *t, const void *word);

/* To the end of its function, at full speed. */
void tracee_finish(struct tracee *t);

/* SIGKILL; it is gone when this returns. Nothing if there is none. */
void tracee_kill(struct tracee *t);

#endif /* CRASH_TRACER_H */
