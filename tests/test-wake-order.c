/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "crash/inside.h"
#include "random.h"
#include "suite.h"
#include "syscalls.h"
#include "torture.h"
#include "wait-fixture.h"

/*
 * (N1) of shmreg/wake.h on a real processor: the waker's store sits in its store buffer while it
 * loads the event count, and meanwhile the sleeper announces itself and tries. Round after round of
 * just these steps, by two processes that begin each round together; everything else is done to
 * have the store take long and the load be quick. After a round either the sleeper has seen
 * what was stored, or the waker has seen the sleeper and raised the sequence after it.
 */

#define ROUNDS 20000
#define LOOKS 5000	/* at the other side, before the processor is given away */

struct stage {
	SHMREG_ALIGNAS(128) uint64_t data;
	SHMREG_ALIGNAS(128) union shmreg_eventcount event;
	SHMREG_ALIGNAS(128) uint64_t go;	/* round that both may begin */
	SHMREG_ALIGNAS(128) uint64_t ready;	/* round for which the waker waits */
	SHMREG_ALIGNAS(128) uint64_t done;	/* round that the waker has finished */
};

static struct stage *stage;
static struct shmreg_handle handle;

/* On the @n-th of the processors that there are for this process. Return: whether there is one. */
static bool pin(size_t n)
{
	cpu_set_t all, one;

	if (sched_getaffinity(0, sizeof(all), &all) != 0)
		return false;
	CPU_ZERO(&one);
	for (size_t i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all) && n-- == 0) {
			CPU_SET(i, &one);
			return sched_setaffinity(0, sizeof(one), &one) == 0;
		}
	return false;
}

static void await(const uint64_t *word, uint64_t value)
{
	unsigned int n = 0;

	while (shmreg_load_acquire(word) != value)
		if (++n % LOOKS == 0)
			sched_yield();
}

static void delay(struct random_state *r)
{
	uint64_t n = random_below(r, 60);

	while (n-- > 0)
		__asm__ __volatile__("" : : : "memory");
}

static void wake(uint64_t rounds)
{
	struct random_state r = { mix(seed, 1) };
	unsigned char *const base = (unsigned char *)stage;
	uint64_t i;

	pin(1);
	for (i = 1; i <= rounds; i++) {
		shmreg_store_release(&stage->ready, i);
		await(&stage->go, i);
		delay(&r);
		/* So that the load below is quick. */
		(void)shmreg_load_relaxed(&stage->event.both);
		shmreg_store_release(&stage->data, i);				/* P */
		shmreg_wake_(&handle, base, offsetof(struct stage, event), 1);
		shmreg_store_release(&stage->done, i);
	}
	_exit(0);
}

START_TEST(test_order)
{
	const uint64_t rounds = torture_scaled(ROUNDS);
	const struct timespec *const no_deadline = NULL;
	uint64_t i, n_seen = 0, n_raised = 0;
	struct random_state r;
	pid_t pid;

	ck_assert_int_eq(waiter_register(), 0);
	torture_begin(&r, 0);
	stage = torture_map(sizeof(*stage));
	handle.base = (unsigned char *)stage;
	handle.shape.kind = SHMREG_KIND_QUEUE;
	pid = torture_fork();
	if (pid == 0)
		wake(rounds);
	pin(0);
	for (i = 1; i <= rounds; i++) {
		struct waiter x;
		bool seen, raised;

		waiter_begin(&x, &handle, &stage->event, no_deadline);
		await(&stage->ready, i);
		/* So that the store there takes long: the line is here. */
		(void)shmreg_load_relaxed(&stage->data);
		shmreg_store_release(&stage->go, i);
		delay(&r);
		waiter_next(&x);						/* W, F */
		seen = shmreg_load_acquire(&stage->data) == i;			/* try */
		await(&stage->done, i);
		/* since the sleeper's own, at W */
		raised = ((stage->event.half[SHMREG_EVENTCOUNT_COUNT] ^ x.one.count) &
			  SHMREG_EVENTCOUNT_SEQUENCE) != 0;
		ck_assert_msg(seen || raised, "round %llu: a lost wake-up", (unsigned long long)i);
		n_seen += seen;
		n_raised += raised;
		/* Nobody sleeps. */
		shmreg_fetch_and_acq_rel(&stage->event.half[SHMREG_EVENTCOUNT_COUNT],
					 ~SHMREG_EVENTCOUNT_ASLEEP);
	}
	torture_wait(pid);
	printf("%llu rounds, %llu seen by the sleeper, %llu by the waker\n",
	       (unsigned long long)rounds, (unsigned long long)n_seen,
	       (unsigned long long)n_raised);
	munmap(stage, sizeof(*stage));
}
END_TEST

/*
 * The same, played: before any access of the sleeper's the waker stores, which nobody sees before the
 * next membarrier, and looks for sleepers.
 */
static struct {
	struct stage *stage;		/* the waker's mapping; the sleeper's is above */
	long at, n;
	bool stored;			/* and nobody sees it yet */
	bool sees;			/* a sleeper */
	bool seen;			/* by the sleeper */
} play;

static void let_see(long number)
{
	if (number == SYS_membarrier && play.stored)
		shmreg_store_release(&play.stage->data, 1);
}

static bool wake_here(void *data)
{
	(void)data;
	if (play.n++ != play.at)
		return true;
	play.stored = true;							/* P */
	play.sees = (shmreg_load_acquire(&play.stage->event.both) & SHMREG_EVENTCOUNT_WANTED) != 0; /* L */
	return false;
}

static void announce(void *data)
{
	struct waiter x;

	(void)data;
	waiter_begin(&x, &handle, &stage->event, NULL);
	waiter_next(&x);							/* W, F */
	play.seen = shmreg_load_acquire(&stage->data) == 1;			/* try */
}

START_TEST(test_order_played)
{
	const size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
	struct stage *waker;
	long at;

	if (inside_unusable())
		return;
	ck_assert_int_eq(waiter_register(), 0);
	waker = torture_map(bytes);
	stage = mremap(waker, 0, bytes, MREMAP_MAYMOVE);
	ck_assert_ptr_ne(stage, MAP_FAILED);
	handle.base = (unsigned char *)stage;
	handle.shape.kind = SHMREG_KIND_QUEUE;
	syscalls_before = let_see;
	for (at = 0;; at++) {
		memset(waker, 0, sizeof(*waker));
		memset(&play, 0, sizeof(play));
		play.stage = waker;
		play.at = at;
		inside_accesses(stage, bytes, announce, NULL, wake_here, NULL);
		if (play.n <= at)
			break;
		ck_assert_msg(play.seen || play.sees, "access %ld: a lost wake-up", at);
	}
	/* W at least, and the try */
	ck_assert_int_ge(at, 2);
	syscalls_before = NULL;
	munmap(stage, bytes);
	munmap(waker, bytes);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("wake-order");

	tcase_set_timeout(t, 0);
	tcase_add_test(t, test_order_played);
	tcase_add_test(t, test_order);
	return run_case("wake-order", t);
}
