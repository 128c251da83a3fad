/* SPDX-License-Identifier: MIT */
#ifndef TEST_READERS_H
#define TEST_READERS_H

/*
 * readers.h - those who wait for what is written into an object of a real segment, all of whom get it
 *
 * And the daemon's part in that: deaths, removal, restart. A program is readers.c, one `subject`,
 * and tests of its own.
 */

#include "harness.h"

extern struct shmreg_segment *readers_segment;

struct subject {
	const char *object;
	/*
	 * Another process, told how by @arg: says 0 when it is ready, and then the word that it has
	 * waited for, or what its wait has failed with.
	 */
	process_fn read;
	/* Says 0, and does so again when it has written 55 and woken nobody. */
	process_fn write_half;
	/* Makes the object, as far as that is left to the tests. Return: @arg of read() in run @run. */
	void *(*begin)(int run);
	void (*put)(uint64_t word);
	int n_runs;		/* of the last, the reader may only read */
};
extern const struct subject subject;

void readers_setup(void);
void readers_teardown(void);
void readers_add_tests(TCase *t);

/* In a child: a participant of its own. */
struct shmreg_segment *readers_attach(uint32_t access);
void start(struct process *p, process_fn run, void *arg);	/* until it says 0 */
void start_asleep(struct process *p, process_fn run, void *arg);

#endif /* TEST_READERS_H */
