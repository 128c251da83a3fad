/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_TESTS_STEPPER_H
#define SHMREG_TESTS_STEPPER_H

/*
 * stepper.h - run something in a child, one instruction at a time
 *
 * What a process that is killed leaves in shared memory is what its retired
 * instructions stored: so looking at the memory after each instruction shows
 * everything that a SIGKILL could ever leave.
 */

#include <sys/types.h>

struct stepper {
	/* In the child; 0 is good. */
	int (*run)(void *data);
	/* In the parent, the child stopped, after each instruction of run(). */
	void (*stepped)(void *data, pid_t child);
	void *data;
};

/*
 * Return: number of instructions; -EPERM ptrace is not allowed here, or this processor has no
 * atomic instructions but loads and stores in pairs, which steps would tear apart (AArch64);
 * -ECHILD the child died or run() did not return 0.
 */
long stepper_run(const struct stepper *s);

#endif /* SHMREG_TESTS_STEPPER_H */
