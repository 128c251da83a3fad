/* SPDX-License-Identifier: MIT */
#ifndef TEST_PROCESS_H
#define TEST_PROCESS_H

/*
 * process.h - processes of a test, led by the hand
 *
 * A test forks a client, says words to it and hears words from it, so that
 * both know how far the other has got without a clock. Everything here fails
 * the test (ck_abort) when something is not as asked.
 *
 * A failing ck_assert in the child ends the child with status 1 and fails the
 * test with the child's message.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
	pid_t pid;	/* 0: none, or waited for */
	int fd;		/* to it; -1 */
};

/* In the child: what @run is given. The process ends with status 0 when run returns. */
struct mouth {
	int fd;
};
typedef void (*process_fn)(const struct mouth *mouth, void *arg);

void process_start(struct process *p, process_fn run, void *arg);

/*
 * As another user. Needs root: see harness_need_root(). The groups are all its
 * supplementary ones.
 */
struct identity {
	uid_t uid;
	gid_t gid;
	gid_t groups[4];
	int n_groups;
};
void process_start_as(struct process *p, const struct identity *who, process_fn run, void *arg);

void process_tell(struct process *p, int64_t word);
int64_t process_hear(struct process *p);	/* blocks; fails the test if it ends instead */
void process_expect(struct process *p, int64_t word);
bool process_speaks(struct process *p);		/* is there something to hear? */

int process_wait(struct process *p);		/* its status, as waitpid() gives it */
void process_try(process_fn run, void *arg);	/* a process that says 0 and ends */
void process_finish(struct process *p);		/* tells 0, waits, status must be "exited with 0" */
void process_kill(struct process *p);		/* SIGKILL; it is gone when this returns */
void process_stop(struct process *p);		/* SIGSTOP; it stands still when this returns */
void process_continue(struct process *p);

/* In the child. hear() ends the process quietly if the test is gone. */
void tell(const struct mouth *mouth, int64_t word);
int64_t hear(const struct mouth *mouth);

#endif /* TEST_PROCESS_H */
