/* SPDX-License-Identifier: MIT */
#ifndef TEST_ASLEEP_H
#define TEST_ASLEEP_H

/*
 * asleep.h - waits beside the test: until they really sleep, woken for nothing, what came of them
 *
 * Everything here waits on conditions that /proc and the words themselves show, and fails the
 * test (ck_abort) if one does not come true in ASLEEP_PATIENCE_S: so a lost wake-up is a failure
 * with a sentence, and no hang.
 *
 *	sleeper_fork(&s, pop, q);		or sleeper_spawn(): a thread
 *	sleeper_await(&s);			it sleeps
 *	push(q, 5);
 *	ck_assert_int_eq(sleeper_result(&s), 0);
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <shmreg/abi/eventcount.h>

#define ASLEEP_PATIENCE_S 60	/* $SHMREG_TEST_PATIENCE is another */

/* Is this thread (@tid: @pid for a process with one) asleep in a futex call? */
bool asleep(pid_t pid, pid_t tid);
/* Until it is. The plain one does not mind which process: it must not end meanwhile. */
void asleep_await(pid_t pid, pid_t tid);

/* How often it has gone to sleep, whatever for. */
uint64_t asleep_naps(pid_t pid, pid_t tid);
/* Until it is asleep in a futex, having gone to sleep since it had done so @naps times. */
void asleep_await_after(pid_t pid, pid_t tid, uint64_t naps);

/* Until @flags (SHMREG_EVENTCOUNT_ASLEEP, _ARMED, _MIXED) are all set; all clear. */
void asleep_await_flags(const union shmreg_eventcount *event, uint32_t flags);
void asleep_await_no_flags(const union shmreg_eventcount *event, uint32_t flags);

/*
 * Who sleeps, is it until he is woken? Not where there is no futex_waitv, as under valgrind: there
 * he looks 50 times a second, and what nobody told him he finds out.
 */
bool asleep_is_sound(void);

/* Wake all who sleep on @word, which stays what it is. Return: how many. */
unsigned int asleep_wake_for_nothing(const uint32_t *word);

/* Until @done says true; for what else a test waits for. */
void asleep_until(bool (*done)(void *arg), void *arg, const char *what);

/* A wait that runs beside the test. */
typedef int (*sleeper_fn)(void *arg);

struct sleeper {
	pid_t pid, tid;
	bool is_thread, is_over;
	pthread_t thread;
	sleeper_fn wait;
	void *arg;
	struct sleeper_shared *shared;
};

/* @wait(@arg) in a child, which then ends without more ado; @arg is the child's copy. */
void sleeper_fork(struct sleeper *s, sleeper_fn wait, void *arg);
/* In a thread of this process. */
void sleeper_spawn(struct sleeper *s, sleeper_fn wait, void *arg);

void sleeper_await(const struct sleeper *s);		/* until it is asleep in a futex */
uint64_t sleeper_naps(const struct sleeper *s);
void sleeper_await_after(const struct sleeper *s, uint64_t naps);
bool sleeper_is_done(const struct sleeper *s);		/* its wait has returned */
int sleeper_result(struct sleeper *s);			/* until it has; what; the sleeper is over */
void sleeper_kill(struct sleeper *s);			/* of sleeper_fork(): SIGKILL; is over */

#endif /* TEST_ASLEEP_H */
