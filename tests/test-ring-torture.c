/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ring-repair.h"
#include "ring-torture.h"
#include "waiter.h"

/*
 * Processes that want to be the producer, and others the consumer; who has a role works at random,
 * now and then gives the role back, and is killed or stopped by the parent, which repairs;
 * also the repair is killed. Element number i must lie at position i, record number k be
 * the k-th, and what is in it follows from its number: so the oracle is exact. Nothing may be torn,
 * missing, doubled or out of order, and whoever takes over finds the counter where its predecessor
 * was for sure, or behind the call it died in, whole.
 *
 * In some runs they wait, for ever: then the parent does what the daemon does after a death, and
 * wakes all. Who is not woken otherwise stays asleep, and nothing moves any more. In the end
 * signals get them out.
 *
 * $SHMREG_TEST_SEED, printed, and $SHMREG_TEST_SCALE, a factor for the number of kills.
 */

#define EACH 2			/* processes for each role */
#define N (2 * EACH)
#define SEAT(w) (1 + 1000 * (uint32_t)(w))

static void on_signal(int signal)
{
	(void)signal;
}

static void begin_waiting(void)
{
	const struct sigaction action = { .sa_handler = on_signal };

	ck_assert_int_eq(waiter_register(), 0);
	ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
}

static pid_t spawn(unsigned int w, uint64_t incarnation)
{
	struct random_state r = { mix(seed, incarnation * N + w) };
	const pid_t pid = torture_fork();

	if (pid > 0)
		return pid;
	while (!shmreg_load_acquire(&o->stop))
		if (!work_once(w / EACH, SEAT(w), &r))
			sched_yield();
	_exit(0);
}

static void repair_again(const void *dead)
{
	struct shmreg_reaper_report report;

	ring_repair(&shape, shm, NULL, dead, &report);
}

/* In place of the death word, which is not there without a daemon. */
static void wake_all(void)
{
	struct shmreg_ring look;

	ring_bind_const(&look, shm, &shape);
	shmreg_wake_slow(&look.handle, offsetof(struct shmreg_ring_shm, items), SHMREG_WAKE_ALL);
	shmreg_wake_slow(&look.handle, offsetof(struct shmreg_ring_shm, space), SHMREG_WAKE_ALL);
}

/* Now and then by a process that is killed in the act. */
static void repair(const uint64_t dead[64], struct random_state *r)
{
	struct shmreg_reaper_report report;

	torture_interrupt(r, 8, 10, repair_again, dead);
	ck_assert_int_eq(ring_repair(&shape, shm, NULL, dead, &report), 0);
	ck_assert_uint_le(report.n_repaired, 2);
	if (waits)
		wake_all();
}

/* Somebody lives for each role, so elements go through. */
static uint64_t progress(void)
{
	return shmreg_load_acquire(&o->account[CONSUMING].sure);
}

static bool moves(uint64_t before)
{
	if (progress() != before)
		return true;
	ck_assert_msg(shmreg_load_relaxed(&o->n_wrong) == 0, "%s", o->what);
	return false;
}

/* Tells it again and again to look: what comes before it sleeps is lost. */
static bool ends(uint64_t pid)
{
	int status;

	if (waits)
		kill((pid_t)pid, SIGUSR1);
	if (waitpid((pid_t)pid, &status, WNOHANG) == 0)
		return false;
	ck_assert_int_eq(status, 0);
	return true;
}

static void torment(uint64_t kills, struct random_state *r)
{
	uint64_t incarnation = 0, i, dead[64];
	unsigned int w, n, stopped;
	bool gone[N];
	pid_t pid[N];

	for (w = 0; w < N; w++)
		pid[w] = spawn(w, 0);
	for (i = 0; i < kills; i++) {
		const struct timespec pause = { 0, (long)random_below(r, 1000000) };

		nanosleep(&pause, NULL);
		memset(gone, 0, sizeof(gone));
		memset(dead, 0, sizeof(dead));
		stopped = (unsigned int)random_below(r, 2 * N);
		if (stopped < N)
			kill(pid[stopped], SIGSTOP);
		for (n = 1 + (unsigned int)random_below(r, 3); n > 0; n--) {
			w = (unsigned int)random_below(r, N);
			if (gone[w] || w == stopped)
				continue;
			torture_kill(pid[w]);
			gone[w] = true;
			dead[SEAT(w) / 64] |= UINT64_C(1) << SEAT(w) % 64;
		}
		repair(dead, r);
		incarnation++;
		for (w = 0; w < N; w++)
			if (gone[w])
				pid[w] = spawn(w, incarnation);
		if (stopped < N)
			kill(pid[stopped], SIGCONT);
		if (i % 16 == 0)
			torture_await(moves, progress(), "no element moves");
	}
	/* In the end, all die, or all come to their ends. */
	memset(dead, 0, sizeof(dead));
	if (random_below(r, 2) == 0)
		shmreg_store_release(&o->stop, 1);
	for (w = 0; w < N; w++) {
		if (o->stop)
			torture_await(ends, (uint64_t)pid[w], "does not end");
		else
			torture_kill(pid[w]);
		dead[SEAT(w) / 64] |= UINT64_C(1) << SEAT(w) % 64;
	}
	repair(dead, r);
	ck_assert_uint_eq(shm->producer, 0);
	ck_assert_uint_eq(shm->consumer, 0);
}

/* What is left, by one more consumer; then the accounts must agree. */
static void drain(void)
{
	const struct account *a = o->account;
	struct random_state r = { seed };
	struct shmreg_record_producer rp;
	struct shmreg_ring_producer p;
	struct shmreg_ring look;
	pid_t pid;

	/* By a producer of none, so that a last call in doubt is settled. */
	if (of_records()) {
		ck_assert(record_producer_bind(&rp, shm, &shape, 1));
		took_over(&o->account[PRODUCING], rp.n_written);
	} else {
		ck_assert(ring_producer_bind(&p, shm, &shape, 1));
		took_over(&o->account[PRODUCING], p.tail - start);
	}
	ring_bind_const(&look, shm, &shape);
	o->stop = 0;
	pid = torture_fork();
	if (pid == 0) {
		while (shmreg_ring_length(&look) > 0)
			work_once(CONSUMING, SEAT(EACH), &r);
		_exit(0);
	}
	/* It gives the role back now and then, and looks. */
	while (shmreg_ring_length(&look) > 0)
		sched_yield();
	shmreg_store_release(&o->stop, 1);
	torture_await(ends, (uint64_t)pid, "does not end");
	ck_assert_msg(o->n_wrong == 0, "%s (and %llu more)", o->what,
		      (unsigned long long)o->n_wrong - 1);
	ck_assert_uint_eq(a[PRODUCING].sure, a[CONSUMING].sure);
	ck_assert_uint_gt(a[CONSUMING].sure, 0);
	printf("%llu through%s, in %llu and %llu calls; roles taken %llu and %llu times, calls in "
	       "doubt %llu and %llu, of which done %llu and %llu\n",
	       (unsigned long long)a[CONSUMING].sure, waits ? " by waits" : "",
	       (unsigned long long)a[PRODUCING].n_calls,
	       (unsigned long long)a[CONSUMING].n_calls, (unsigned long long)a[PRODUCING].n_taken,
	       (unsigned long long)a[CONSUMING].n_taken,
	       (unsigned long long)a[PRODUCING].n_in_doubt,
	       (unsigned long long)a[CONSUMING].n_in_doubt,
	       (unsigned long long)a[PRODUCING].n_done_in_doubt,
	       (unsigned long long)a[CONSUMING].n_done_in_doubt);
}

static const struct {
	uint64_t capacity, start;
	bool records, waits;
} runs[] = {
	{ 2, 0, false, false },
	{ 8, UINT64_MAX - 3000, false, false },
	{ 1024, UINT64_MAX - 100000, false, false },
	{ 64, UINT64_MAX - 100007, true, false },
	{ 16384, UINT64_MAX - 1000007, true, false },
	{ 1 << 20, 40, true, false },
	{ 2, 0, false, true },
	{ 8, UINT64_MAX - 3000, false, true },
	{ 64, UINT64_MAX - 100007, true, true },
	{ 16384, UINT64_MAX - 1000007, true, true },
};

START_TEST(torture)
{
	struct random_state r;

	torture_begin(&r, (uint64_t)_i);
	begin_waiting();
	start = runs[_i].start;
	waits = runs[_i].waits;
	shape = runs[_i].records ? record_shape(runs[_i].capacity)
				 : ring_shape(runs[_i].capacity, 8 * WORDS, 8);
	shm = ring_map(&shape, start);
	o = torture_map(sizeof(*o));
	torment(torture_scaled(150), &r);
	drain();
	munmap(o, sizeof(*o));
	plain_unmap(shm, &shape);
}
END_TEST

int main(void)
{
	return RUN_LOOP("ring-torture", torture, runs);
}
