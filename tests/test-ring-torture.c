/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ring-plain.h"
#include "ring-repair.h"
#include "torture.h"

/*
 * Processes that want to be the producer, and others the consumer; who has a role works at random,
 * now and then gives the role back, and is killed or stopped by the parent, which repairs;
 * also the repair is killed. Element number i must lie at position i, record number k be
 * the k-th, and what is in it follows from its number: so the oracle is exact. Nothing may be torn,
 * missing, doubled or out of order, and whoever takes over finds the counter where its predecessor
 * was for sure, or behind the call it died in, whole.
 *
 * $SHMREG_TEST_SEED, printed, and $SHMREG_TEST_SCALE, a factor for the number of kills.
 */

#define EACH 2			/* processes for each role */
#define N (2 * EACH)
#define BULK 6
#define WORDS 512		/* an element is large, so that a kill finds many half copied */
#define SEAT(w) (1 + 1000 * (uint32_t)(w))

/* Of a role: who has it writes, its successor and the parent read. */
struct account {
	SHMREG_ALIGNAS(128) uint64_t sure;	/* elements or records that calls which returned did */
	uint64_t min, max;		/* that the call under way does, if it does anything */
	uint64_t n_calls, n_taken, n_in_doubt, n_done_in_doubt;
};

struct oracle {
	struct account account[2];	/* PRODUCING, CONSUMING */
	uint64_t stop, n_wrong;
	char what[200];
};
enum { PRODUCING, CONSUMING };

static struct oracle *o;
static struct shmreg_shape shape;
static struct shmreg_ring_shm *shm;
static uint64_t start;

static bool of_records(void)
{
	return (shape.flags & SHMREG_RING_RECORDS) != 0;
}

static void wrong(const char *what, uint64_t number)
{
	if (shmreg_fetch_add_relaxed(&o->n_wrong, 1) == 0)
		snprintf(o->what, sizeof(o->what), "%s, number %llu", what,
			 (unsigned long long)number);
}

/* Some words follow from the number: the copy shall take the time. */
static void fill(uint64_t *words, uint64_t number, size_t n)
{
	if (n > 0) {
		words[0] = ~number;
		words[n / 2] = number * 3;
		words[n - 1] = number * 5;
	}
}

static void verify(const uint64_t *words, uint64_t number, size_t n)
{
	const bool good = n < 3 || (words[0] == ~number && words[n / 2] == number * 3);

	if (!good || (n > 0 && words[n - 1] != number * 5))
		wrong("torn, or another", number);
}

/* Words of record @number. */
static size_t length_of(uint64_t number)
{
	const uint64_t max = (shape.capacity / 2 - 8) / 8;

	return (size_t)(mix(seed, number) % ((max < WORDS ? max : WORDS) + 1));
}

/* Somebody has taken the role, and finds its counter at @number. */
static void took_over(struct account *a, uint64_t number)
{
	const uint64_t done = number - a->sure;

	if (done != 0 && (done < a->min || done > a->max))
		wrong("a call was done in part, or undone", number);
	a->n_taken++;
	a->n_in_doubt += a->max > 0;
	a->n_done_in_doubt += done > 0;
	shmreg_store_release(&a->sure, number);
	shmreg_store_release(&a->max, 0);
}

static void begins(struct account *a, uint64_t min, uint64_t max)
{
	shmreg_store_release(&a->min, min);
	shmreg_store_release(&a->max, max);
}

static void returns(struct account *a, int64_t done)
{
	if (done > 0)
		shmreg_store_release(&a->sure, a->sure + (uint64_t)done);
	shmreg_store_release(&a->max, 0);
	a->n_calls++;
	if (done < 0 && done != -EAGAIN)
		wrong("an error", (uint64_t)-done);
	/* Not after each: one who yields is never found half-way. */
	if (a->n_calls % (done <= 0 ? 256 : 1024) == 0)
		sched_yield();
}

static void push_some(struct shmreg_ring_producer *p, struct account *a, struct random_state *r)
{
	static uint64_t words[BULK][WORDS];
	const uint64_t cap = shape.capacity < BULK ? shape.capacity : BULK;
	uint64_t n = 1 + random_below(r, cap), min = random_below(r, n + 1), i;
	int64_t got;
	void *place;

	for (i = 0; i < n; i++)
		fill(words[i], a->sure + i, WORDS);
	switch (random_below(r, 3)) {
	case 0:
		begins(a, 1, 1);
		got = shmreg_ring_push(p, words) == 0 ? 1 : -EAGAIN;
		break;
	case 1:
		begins(a, min ? min : 1, n);
		got = shmreg_ring_push_bulk(p, words, n, min);
		break;
	default:
		got = shmreg_ring_reserve(p, &place, n);
		if (got < 0)
			break;
		memcpy(place, words, (size_t)got * sizeof(words[0]));
		begins(a, (uint64_t)got, (uint64_t)got);
		if (shmreg_ring_commit(p, (uint64_t)got) != 0)
			got = -EINVAL;
	}
	returns(a, got);
}

static void pop_some(struct shmreg_ring_consumer *c, struct account *a, struct random_state *r)
{
	static uint64_t words[BULK][WORDS];
	uint64_t n = 1 + random_below(r, BULK), i;
	const void *view;
	int64_t got;

	switch (random_below(r, 4)) {
	case 0:
		begins(a, 1, 1);
		got = shmreg_ring_pop(c, words) == 0 ? 1 : -EAGAIN;
		for (i = 0; got > 0 && i < 1; i++)
			verify(words[i], a->sure + i, WORDS);
		break;
	case 1:
		begins(a, 1, n);
		got = shmreg_ring_pop_bulk(c, words, n);
		for (i = 0; got > 0 && i < (uint64_t)got; i++)
			verify(words[i], a->sure + i, WORDS);
		break;
	case 2:
		got = shmreg_ring_view(c, &view, n);
		if (got < 0)
			break;
		for (i = 0; i < (uint64_t)got; i++)
			verify((const uint64_t *)view + i * WORDS, a->sure + i, WORDS);
		begins(a, (uint64_t)got, (uint64_t)got);
		if (shmreg_ring_consume(c, (uint64_t)got) != 0)
			got = -EINVAL;
		break;
	default:
		begins(a, 1, n);
		got = shmreg_ring_skip(c, n);
	}
	returns(a, got);
}

static void push_records(struct shmreg_record_producer *p, struct account *a,
			 struct random_state *r)
{
	static uint64_t words[3][WORDS];
	struct shmreg_record records[3];
	uint64_t i;
	int64_t got;
	void *place;

	for (i = 0; i < 3; i++) {
		records[i] = (struct shmreg_record){ words[i], 8 * length_of(a->sure + i) };
		fill(words[i], a->sure + i, records[i].bytes / 8);
	}
	switch (random_below(r, 3)) {
	case 0:
		begins(a, 1, 1);
		got = shmreg_record_push(p, words, records[0].bytes) == 0 ? 1 : -EAGAIN;
		break;
	case 1:
		begins(a, 1, 3);
		got = shmreg_record_push_bulk(p, records, 3, 1);
		break;
	default:
		got = shmreg_record_reserve(p, &place, (size_t)shmreg_record_max(&p->ring));
		if (got < 0)
			break;
		memcpy(place, words, records[0].bytes);
		begins(a, 1, 1);
		got = shmreg_record_commit(p, records[0].bytes) == 0 ? 1 : -EINVAL;
	}
	returns(a, got);
}

static void pop_records(struct shmreg_record_consumer *c, struct account *a, struct random_state *r)
{
	static uint64_t words[WORDS];
	const void *view;
	size_t bytes;
	int64_t got;

	switch (random_below(r, 3)) {
	case 0:
		begins(a, 1, 1);
		got = shmreg_record_pop(c, words, sizeof(words), &bytes);
		if (got < 0)
			break;
		if (bytes != 8 * length_of(a->sure))
			wrong("a length", a->sure);
		verify(words, a->sure, bytes / 8);
		got = 1;
		break;
	case 1:
		got = shmreg_record_view(c, &view, &bytes);
		if (got < 0)
			break;
		if (bytes != 8 * length_of(a->sure))
			wrong("a length", a->sure);
		verify(view, a->sure, bytes / 8);
		begins(a, 1, 1);
		got = shmreg_record_consume(c) == 0 ? 1 : -EINVAL;
		break;
	default:
		begins(a, 1, 2);
		got = shmreg_record_skip(c, 2);
	}
	returns(a, got);
}

static bool keeps_it(struct random_state *r)
{
	return random_below(r, 32768) != 0 && !shmreg_load_acquire(&o->stop);
}

/* One who has got the role, until he gives it back or dies. */
static bool work_once(unsigned int role, uint32_t seat, struct random_state *r)
{
	struct account *a = &o->account[role];
	struct shmreg_record_producer rp;
	struct shmreg_record_consumer rc;
	struct shmreg_ring_producer p;
	struct shmreg_ring_consumer c;
	uint64_t mine = seat;

	if (role == PRODUCING && of_records()) {
		if (!record_producer_bind(&rp, shm, &shape, seat))
			return false;
		for (took_over(a, rp.n_written); keeps_it(r);)
			push_records(&rp, a, r);
	} else if (role == PRODUCING) {
		if (!ring_producer_bind(&p, shm, &shape, seat))
			return false;
		for (took_over(a, p.tail - start); keeps_it(r);)
			push_some(&p, a, r);
	} else if (of_records()) {
		if (!record_consumer_bind(&rc, shm, &shape, seat))
			return false;
		for (took_over(a, rc.n_read); keeps_it(r);)
			pop_records(&rc, a, r);
	} else {
		if (!ring_consumer_bind(&c, shm, &shape, seat))
			return false;
		for (took_over(a, c.head - start); keeps_it(r);)
			pop_some(&c, a, r);
	}
	shmreg_cas_acq_rel(role == PRODUCING ? &shm->producer : &shm->consumer, &mine, 0);
	return true;
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

/* Now and then by a process that is killed in the act. */
static void repair(const uint64_t dead[64], struct random_state *r)
{
	struct shmreg_reaper_report report;

	torture_interrupt(r, 8, 10, repair_again, dead);
	ck_assert_int_eq(ring_repair(&shape, shm, NULL, dead, &report), 0);
	ck_assert_uint_le(report.n_repaired, 2);
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
		int status;

		if (!o->stop)
			kill(pid[w], SIGKILL);
		ck_assert_int_eq(waitpid(pid[w], &status, 0), pid[w]);
		ck_assert(!o->stop || status == 0);
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
	torture_wait(pid);
	ck_assert_msg(o->n_wrong == 0, "%s (and %llu more)", o->what,
		      (unsigned long long)o->n_wrong - 1);
	ck_assert_uint_eq(a[PRODUCING].sure, a[CONSUMING].sure);
	ck_assert_uint_gt(a[CONSUMING].sure, 0);
	printf("%llu through, in %llu and %llu calls; roles taken %llu and %llu times, calls in doubt "
	       "%llu and %llu, of which done %llu and %llu\n",
	       (unsigned long long)a[CONSUMING].sure, (unsigned long long)a[PRODUCING].n_calls,
	       (unsigned long long)a[CONSUMING].n_calls, (unsigned long long)a[PRODUCING].n_taken,
	       (unsigned long long)a[CONSUMING].n_taken,
	       (unsigned long long)a[PRODUCING].n_in_doubt,
	       (unsigned long long)a[CONSUMING].n_in_doubt,
	       (unsigned long long)a[PRODUCING].n_done_in_doubt,
	       (unsigned long long)a[CONSUMING].n_done_in_doubt);
}

static const struct {
	uint64_t capacity, start;
	bool records;
} runs[] = {
	{ 2, 0, false },
	{ 8, UINT64_MAX - 3000, false },
	{ 1024, UINT64_MAX - 100000, false },
	{ 64, UINT64_MAX - 100007, true },
	{ 16384, UINT64_MAX - 1000007, true },
	{ 1 << 20, 40, true },
};

START_TEST(torture)
{
	struct random_state r;

	torture_begin(&r, (uint64_t)_i);
	start = runs[_i].start;
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
