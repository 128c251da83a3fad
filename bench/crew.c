/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "arena.h"
#include "crew.h"

#define PROBE (-1)	/* only that */
#define QUIT (-2)
/* Round trips of a probe: the best of some rallies, for what disturbs one is not the distance. */
#define RALLY 32
#define RALLIES 8
/* A sample or an open that takes so long has hung. */
#define PATIENCE_NS UINT64_C(60000000000)

/* Of each worker, on lines of its own. */
struct report {
	_Alignas(128) uint64_t begin, end, sum, n_latencies;
	double probe[2];	/* before and after */
	long n_preempted;
	int opened[BENCH_CONTESTANTS_MAX];
	_Alignas(128) double latencies[BENCH_LATENCIES];
};

/* Shared by the harness and its workers. */
struct shared {
	/* Futex: one more for each order; what it is stands beside it. */
	uint32_t order;
	int what;		/* a contestant, or PROBE, QUIT */
	uint64_t n;
	_Alignas(128) uint32_t n_ready;	/* counts on: the next time all have come at twice as many */
	_Alignas(128) uint32_t n_done;	/* futex */
	_Alignas(128) uint64_t ball[32];	/* of the probe, on two lines far from each other */
	struct report report[BENCH_WORKERS_MAX];
};

struct bench_crew {
	const struct bench_row *row;
	const struct bench_contestant *const *contestants;
	uint32_t n_contestants, n_workers;
	uint64_t number;
	bool failed;
	pid_t pids[BENCH_WORKERS_MAX];
	void *made[BENCH_CONTESTANTS_MAX];
	int missing[BENCH_CONTESTANTS_MAX];
	struct bench_arena *arena;
	struct shared *shared;
};

static void futex_wait(uint32_t *word, uint32_t value, const struct timespec *timeout)
{
	(void)syscall(SYS_futex, word, FUTEX_WAIT, value, timeout, NULL, 0);
}

static void futex_wake(uint32_t *word)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE, BENCH_WORKERS_MAX, NULL, NULL, 0);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

/* All go on when the last one has come, the @nth time in one order. */
static void meet(struct shared *s, uint32_t n_workers, uint32_t nth)
{
	uint32_t spins = 0;

	__atomic_fetch_add(&s->n_ready, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&s->n_ready, __ATOMIC_ACQUIRE) < n_workers * nth)
		bench_relax(&spins);
}

static void rally(struct shared *s, int side, uint64_t first)
{
	uint64_t *const mine = &s->ball[side ? 0 : 16], *const other = &s->ball[side ? 16 : 0];
	uint32_t spins = 0;
	uint64_t i;

	for (i = first; i < first + RALLY; i++) {
		if (side)
			__atomic_store_n(mine, i, __ATOMIC_RELEASE);
		while (__atomic_load_n(other, __ATOMIC_ACQUIRE) != i)
			bench_relax(&spins);
		if (!side)
			__atomic_store_n(mine, i, __ATOMIC_RELEASE);
	}
}

/* @nth: the how-manieth of this order, from 0. Return: nanoseconds a round trip. */
static double probe(const struct bench_crew *crew, uint32_t index, uint32_t nth)
{
	const uint32_t second = crew->row->n_consumers > 0 ? crew->row->n_producers : 1;
	uint64_t best = UINT64_MAX, begin, ns;
	uint32_t i;

	if (index != 0 && index != second)
		return 0;
	for (i = 0; i < RALLIES; i++) {
		begin = bench_now();
		rally(crew->shared, index == 0, 1 + (nth * RALLIES + i) * RALLY);
		ns = bench_now() - begin;
		if (ns < best)
			best = ns;
	}
	return (double)best / RALLY;
}

static long n_preempted(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_nivcsw;
}

static void obey(struct bench_crew *crew, struct bench_worker *workers, uint32_t index)
{
	struct shared *const s = crew->shared;
	struct report *const report = &s->report[index];
	const int what = s->what;
	const bool alone = crew->n_workers == 1;
	struct bench_worker *w;

	meet(s, crew->n_workers, 1);
	if (!alone)
		report->probe[0] = probe(crew, index, 0);
	if (what == PROBE)
		return;
	w = &workers[what];
	w->n_latencies = 0;
	report->n_preempted = n_preempted();
	meet(s, crew->n_workers, 2);
	report->begin = bench_now();
	report->sum = crew->contestants[what]->work(w, s->n);
	report->end = bench_now();
	report->n_preempted = n_preempted() - report->n_preempted;
	report->n_latencies = w->n_latencies;
	if (!alone) {
		meet(s, crew->n_workers, 3);
		report->probe[1] = probe(crew, index, 1);
	}
}

static void done(struct shared *s, uint32_t n_workers)
{
	if (__atomic_add_fetch(&s->n_done, 1, __ATOMIC_ACQ_REL) == n_workers)
		futex_wake(&s->n_done);
}

static void work(struct bench_crew *crew, uint32_t index, int cpu, pid_t parent)
	__attribute__((noreturn));
static void work(struct bench_crew *crew, uint32_t index, int cpu, pid_t parent)
{
	static struct bench_worker workers[BENCH_CONTESTANTS_MAX];
	struct shared *const s = crew->shared;
	uint32_t i, seen = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	if (cpu >= 0)
		pin(cpu);
	for (i = 0; i < crew->n_contestants; i++) {
		workers[i] = (struct bench_worker){
			.row = crew->row,
			.arena = crew->arena,
			.index = index,
			.n_workers = crew->n_workers,
			.crew = crew->number,
			.shared = crew->made[i],
			.latencies = s->report[index].latencies,
		};
		if (!crew->missing[i])
			s->report[index].opened[i] = crew->contestants[i]->open(&workers[i]);
	}
	for (;;) {
		done(s, crew->n_workers);
		while (__atomic_load_n(&s->order, __ATOMIC_ACQUIRE) == seen)
			futex_wait(&s->order, seen, NULL);
		seen++;
		if (s->what == QUIT)
			break;
		obey(crew, workers, index);
	}
	for (i = 0; i < crew->n_contestants; i++)
		if (!crew->missing[i] && s->report[index].opened[i] >= 0 && crew->contestants[i]->close)
			crew->contestants[i]->close(&workers[i]);
	exit(0);
}

/* None of them ends before it is told to. */
static bool all_live(struct bench_crew *crew)
{
	uint32_t i;
	int status;

	for (i = 0; i < crew->n_workers; i++) {
		if (waitpid(crew->pids[i], &status, WNOHANG) != crew->pids[i])
			continue;
		if (WIFSIGNALED(status))
			fprintf(stderr, "shmreg-bench: %s: worker %u was killed by signal %d\n",
				crew->row->name, i, WTERMSIG(status));
		crew->pids[i] = 0;
		return false;
	}
	return true;
}

static bool await_all(struct bench_crew *crew, const char *what)
{
	struct shared *const s = crew->shared;
	const struct timespec soon = { .tv_nsec = 200000000 };
	const uint64_t end = bench_now() + PATIENCE_NS;
	uint32_t n;

	while ((n = __atomic_load_n(&s->n_done, __ATOMIC_ACQUIRE)) < crew->n_workers) {
		futex_wait(&s->n_done, n, &soon);
		if (__atomic_load_n(&s->n_done, __ATOMIC_ACQUIRE) == n && !all_live(crew))
			return false;
		if (bench_now() > end) {
			fprintf(stderr, "shmreg-bench: %s: %s hangs\n", crew->row->name, what);
			return false;
		}
	}
	return true;
}

static bool await(struct bench_crew *crew, const char *what)
{
	crew->failed = !await_all(crew, what);
	return !crew->failed;
}

static bool order(struct bench_crew *crew, int what, uint64_t n)
{
	struct shared *const s = crew->shared;

	s->what = what;
	s->n = n;
	s->n_ready = 0;
	s->n_done = 0;
	memset(s->ball, 0, sizeof(s->ball));
	__atomic_fetch_add(&s->order, 1, __ATOMIC_RELEASE);
	futex_wake(&s->order);
	return what == QUIT || await(crew, what == PROBE ? "the probe" : crew->contestants[what]->name);
}

static uint64_t elapsed(const struct bench_crew *crew)
{
	const struct report *const report = crew->shared->report;
	uint64_t begin = report->begin, end = report->end;
	uint32_t i;

	for (i = 1; i < crew->n_workers; i++) {
		if (report[i].begin < begin)
			begin = report[i].begin;
		if (report[i].end > end)
			end = report[i].end;
	}
	return end > begin ? end - begin : 1;
}

struct bench_crew *bench_crew_start(const struct bench_row *row, const int *cpus,
				    const struct bench_contestant *const *contestants,
				    uint32_t n_contestants)
{
	static uint64_t n_crews;
	struct bench_crew *const crew = calloc(1, sizeof(*crew));
	const pid_t self = getpid();
	uint32_t i, j;

	if (!crew || !(crew->arena = bench_arena_new()))
		bench_fail("no memory for %s", row->name);
	crew->row = row;
	crew->number = n_crews++;
	crew->contestants = contestants;
	crew->n_contestants = n_contestants;
	crew->n_workers = row->n_producers + row->n_consumers;
	crew->shared = bench_alloc(crew->arena, sizeof(*crew->shared), 128);
	for (i = 0; i < n_contestants; i++)
		if (contestants[i]->create)
			crew->missing[i] = contestants[i]->create(crew->arena, row, &crew->made[i]);
	fflush(NULL);
	for (i = 0; i < crew->n_workers; i++) {
		crew->pids[i] = fork();
		if (crew->pids[i] == 0)
			work(crew, i, cpus[i], self);
		if (crew->pids[i] < 0) {
			fprintf(stderr, "shmreg-bench: %s: fork: %s\n", row->name, strerror(errno));
			return bench_crew_stop(crew);
		}
	}
	if (!await(crew, "opening"))
		return bench_crew_stop(crew);
	for (i = 0; i < n_contestants; i++)
		for (j = 0; j < crew->n_workers; j++)
			if (!crew->missing[i])
				crew->missing[i] = crew->shared->report[j].opened[i];
	return crew;
}

int bench_crew_missing(const struct bench_crew *crew, uint32_t i)
{
	return -crew->missing[i];
}

bool bench_crew_sample(struct bench_crew *crew, uint32_t contestant, uint64_t n,
		       struct bench_sample *ret)
{
	uint64_t sum = 0;
	uint32_t i;

	*ret = (struct bench_sample){ 0 };
	if (!order(crew, (int)contestant, n))
		return false;
	for (i = 0; i < crew->n_workers; i++) {
		sum += crew->shared->report[i].sum;
		ret->disturbed |= crew->shared->report[i].n_preempted > 0;
		ret->latencies[i] = crew->shared->report[i].latencies;
		ret->n_latencies[i] = crew->shared->report[i].n_latencies;
	}
	ret->probe_ns[0] = crew->shared->report[0].probe[0];
	ret->probe_ns[1] = crew->shared->report[0].probe[1];
	if (sum != 0) {
		fprintf(stderr, "shmreg-bench: %s: %s lost, repeated or garbled something\n",
			crew->row->name, crew->contestants[contestant]->name);
		return false;
	}
	ret->ns = elapsed(crew);
	return true;
}

bool bench_crew_probe(struct bench_crew *crew, double *ret)
{
	if (!order(crew, PROBE, 0))
		return false;
	*ret = crew->shared->report[0].probe[0];
	return true;
}

struct bench_crew *bench_crew_stop(struct bench_crew *crew)
{
	if (!crew)
		return NULL;
	/* Who failed may have left the others where they wait for it. */
	const uint64_t end = crew->failed ? 0 : bench_now() + 5 * UINT64_C(1000000000);
	const struct timespec soon = { .tv_nsec = 1000000 };
	uint32_t i, n = 1;

	order(crew, QUIT, 0);
	while (n > 0) {
		for (i = n = 0; i < crew->n_workers; i++) {
			if (crew->pids[i] <= 0)
				continue;
			if (bench_now() > end)
				kill(crew->pids[i], SIGKILL);
			if (waitpid(crew->pids[i], NULL, WNOHANG) == crew->pids[i])
				crew->pids[i] = 0;
			else
				n++;
		}
		if (n > 0)
			nanosleep(&soon, NULL);
	}
	for (i = 0; i < crew->n_contestants; i++)
		if (crew->contestants[i]->destroy && crew->made[i])
			crew->contestants[i]->destroy(crew->made[i]);
	bench_arena_free(crew->arena);
	free(crew);
	return NULL;
}
