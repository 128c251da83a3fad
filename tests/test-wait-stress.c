/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "random.h"
#include "suite.h"
#include "syscalls.h"
#include "torture.h"
#include "wait-fixture.h"

/*
 * Lost wake-ups, by chance. A few tokens go to and fro between two small queues through the hands
 * of more workers than there are tokens, which do nothing but wait; each makes a few hops
 * and then is handed to the test. As soon as all are there, all workers sleep, and the
 * next round begins: so a token beside which everybody sleeps on is not found by chance, by who
 * is woken for the next one. Workers spin never, leave by short deadlines, hold slots reserved
 * in front of others' elements, want two at once, are stopped, and are woken for nothing; and
 * round each system call of the library's, which is where everything can happen between two
 * steps of shmreg/wake.h, they loiter.
 *
 * $SHMREG_TEST_SEED, printed, and $SHMREG_TEST_SCALE, a factor for the number of rounds.
 */

#define ROUNDS 5000
#define SIDES 2
#define WORKERS 6		/* half of them a side */
#define TOKENS 3
#define HOPS 5			/* at most */
#define CAPACITY 2
#define PATIENCE_NS UINT64_C(20000000000)

static struct world side[SIDES], over;
static pid_t pid[WORKERS];

/* Of this process. */
static struct random_state loitering;

static void loiter(long number)
{
	const struct timespec pause = { 0, (long)random_below(&loitering, 20000) };

	(void)number;
	switch (random_below(&loitering, 8)) {
	case 0:
		nanosleep(&pause, NULL);
		break;
	case 1: case 2:
		sched_yield();
	}
}

/* None, or one that may pass. */
static const struct timespec *perhaps(struct random_state *r, struct timespec *deadline)
{
	if (random_below(r, 12) != 0)
		return NULL;
	*deadline = shmreg_deadline(random_below(r, 100000));
	return deadline;
}

static void dawdle(struct random_state *r)
{
	uint64_t n = random_below(r, 4) == 0 ? random_below(r, 2000) : 0;

	while (n-- > 0)
		__asm__ __volatile__("" : : : "memory");
	if (random_below(r, 16) == 0)
		sched_yield();
}

static uint32_t take(struct shmreg_queue *q, struct random_state *r, uint64_t tokens[2])
{
	struct shmreg_queue_lease lease;
	struct timespec deadline;
	int n;

	for (;;) {
		switch (random_below(r, 3)) {
		case 0:
			n = shmreg_queue_pop_wait(q, tokens, perhaps(r, &deadline));
			n = n == 0 ? 1 : n;
			break;
		case 1:
			n = shmreg_queue_pop_batch_wait(q, tokens, 2, perhaps(r, &deadline));
			break;
		default:
			n = shmreg_queue_acquire_wait(q, &lease, perhaps(r, &deadline));
			if (n < 0)
				break;
			tokens[0] = *(uint64_t *)lease.elem;
			dawdle(r);
			n = shmreg_queue_release(q, &lease) == 0 ? 1 : -EPROTO;
		}
		if (n > 0)
			return (uint32_t)n;
		if (n != -ETIMEDOUT)
			_exit(2);
	}
}

static void give(struct shmreg_queue *q, struct random_state *r, const uint64_t *tokens,
		 uint32_t n_tokens)
{
	struct shmreg_queue_lease lease;
	struct timespec deadline;
	uint32_t given = 0;
	int n;

	while (given < n_tokens) {
		switch (random_below(r, 3)) {
		case 0:
			n = shmreg_queue_push_wait(q, &tokens[given], perhaps(r, &deadline));
			n = n == 0 ? 1 : n;
			break;
		case 1:
			n = shmreg_queue_push_batch_wait(q, &tokens[given], n_tokens - given,
							 n_tokens - given, perhaps(r, &deadline));
			break;
		default:
			n = shmreg_queue_reserve_wait(q, &lease, perhaps(r, &deadline));
			if (n < 0)
				break;
			/* What others push meanwhile is behind it. */
			dawdle(r);
			*(uint64_t *)lease.elem = tokens[given];
			n = shmreg_queue_commit(q, &lease) == 0 ? 1 : -EPROTO;
		}
		if (n > 0)
			given += (uint32_t)n;
		else if (n != -ETIMEDOUT)
			_exit(3);
	}
}

static void work(unsigned int me)
{
	struct random_state r = { mix(seed, me) };
	struct job from, to, end;
	uint64_t tokens[2], going[2];
	uint32_t n, i, n_going;

	loitering.x = mix(seed, 100 + me) | 1;
	syscalls_before = syscalls_behind = loiter;
	job_new(&from, &side[me % SIDES], 2 + me);
	job_new(&to, &side[(me + 1) % SIDES], 2 + me);
	job_new(&end, &over, 2 + me);
	from.q.handle.spin_ns = to.q.handle.spin_ns = end.q.handle.spin_ns = 0;
	for (;;) {
		n = take(&from.q, &r, tokens);
		dawdle(&r);
		for (i = 0, n_going = 0; i < n; i++)
			if (tokens[i] == 0)
				give(&end.q, &r, &tokens[i], 1);
			else
				going[n_going++] = tokens[i] - 1;
		give(&to.q, &r, going, n_going);
	}
}

static void disturb(struct random_state *r, unsigned int *stopped)
{
	union shmreg_eventcount *event;
	struct world *w;

	if (*stopped < WORKERS) {
		kill(pid[*stopped], SIGCONT);
		*stopped = WORKERS;
	}
	switch (random_below(r, 8)) {
	case 0:
		*stopped = (unsigned int)random_below(r, WORKERS);
		kill(pid[*stopped], SIGSTOP);
		break;
	case 1:
		w = &side[random_below(r, SIDES)];
		event = random_below(r, 2) ? &w->shm->items : &w->shm->space;
		asleep_wake_for_nothing(&event->half[SHMREG_EVENTCOUNT_COUNT]);
	}
}

/* Until a token is over; meanwhile the workers are disturbed, and then left alone. */
static void await_token(struct random_state *r, uint64_t round)
{
	struct timespec deadline;
	unsigned int stopped = WORKERS, i;
	uint64_t token;
	int n = -ETIMEDOUT;

	for (i = (unsigned int)random_below(r, 3); i > 0 && n == -ETIMEDOUT; i--) {
		disturb(r, &stopped);
		deadline = shmreg_deadline(random_below(r, 100000));
		n = shmreg_queue_pop_wait(&over.q, &token, &deadline);
	}
	if (stopped < WORKERS)
		kill(pid[stopped], SIGCONT);
	deadline = shmreg_deadline(PATIENCE_NS);
	if (n == -ETIMEDOUT)
		n = shmreg_queue_pop_wait(&over.q, &token, &deadline);
	ck_assert_msg(n == 0, "round %llu: everybody sleeps (%d): %llu and %llu elements; items "
		      "%#x %#x, space %#x %#x, over %llu %#x", (unsigned long long)round, n,
		      (unsigned long long)shmreg_queue_length(&side[0].q),
		      (unsigned long long)shmreg_queue_length(&side[1].q),
		      count_of(&side[0].shm->items), count_of(&side[1].shm->items),
		      count_of(&side[0].shm->space), count_of(&side[1].shm->space),
		      (unsigned long long)shmreg_queue_length(&over.q), count_of(&over.shm->items));
}

START_TEST(test_tokens)
{
	const uint64_t rounds = torture_scaled(ROUNDS);
	struct random_state r;
	unsigned int i;
	uint64_t round;

	torture_begin(&r, 0);
	for (i = 0; i < SIDES; i++)
		world_new(&side[i], CAPACITY);
	world_new(&over, 4);
	over.q.handle.spin_ns = 0;
	for (i = 0; i < WORKERS; i++) {
		pid[i] = torture_fork();
		if (pid[i] == 0)
			work(i);
	}
	for (round = 0; round < rounds; round++) {
		for (i = 0; i < TOKENS; i++) {
			const uint64_t hops = random_below(&r, HOPS + 1);

			ck_assert_int_eq(shmreg_queue_push_wait(&side[random_below(&r, SIDES)].q,
								&hops, NULL), 0);
		}
		for (i = 0; i < TOKENS; i++)
			await_token(&r, round);
	}
	for (i = 0; i < WORKERS; i++)
		torture_kill(pid[i]);
	printf("%llu rounds; sequences: items %u %u, space %u %u\n", (unsigned long long)rounds,
	       sequence_of(&side[0].shm->items), sequence_of(&side[1].shm->items),
	       sequence_of(&side[0].shm->space), sequence_of(&side[1].shm->space));
	for (i = 0; i < SIDES; i++) {
		ck_assert_uint_eq(shmreg_queue_length(&side[i].q), 0);
		world_free(&side[i]);
	}
	world_free(&over);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("wait-stress");

	tcase_set_timeout(t, 0);
	tcase_add_test(t, test_tokens);
	return run_case("wait-stress", t);
}
