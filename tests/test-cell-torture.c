/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cell-plain.h"
#include "cell-repair.h"
#include "torture.h"
#include "waiter.h"

/*
 * Processes that write and read while the parent kills and stops them, repairs, and gives their
 * places to new ones; also the repair is killed. Every value has an owner, a number and a
 * checksum, and an account is kept outside of the cell:
 *
 *	a value is whole, one that somebody began to write, and what its version was before;
 *	versions never go back, not even behind what was finished before the read began;
 *	values of a writer come in order; each finished write was published or superseded.
 *
 * Now and then who only reads waits for a change, for ever; in the end signals get it out.
 *
 * $SHMREG_TEST_SEED, printed, and $SHMREG_TEST_SCALE, a factor for the number of kills.
 */

#define WORKERS 5
#define TABLE (UINT64_C(1) << 23)
#define START (CELL_LAST_VERSION - 2000)	/* so that versions wrap soon */

struct elem {
	uint64_t worker;
	uint64_t seq;
	uint64_t fill[125];
	uint64_t check;
};

/* Written by one worker at a time, read by the parent when it is dead. */
struct account {
	SHMREG_ALIGNAS(128) uint64_t next;	/* values begun */
	uint64_t n_done;	/* values for sure written */
	uint64_t n_aborted;
	uint64_t n_reads, torn, back, failed, busy;
};

struct oracle {
	struct account account[WORKERS];
	uint64_t stop;
	uint64_t floor;		/* every version up to this was finished */
	uint64_t table[TABLE];	/* of each version, whose value it was */
};

static struct oracle *o;
static struct shmreg_shape shape;
static void *base;
static const uint32_t seats[WORKERS] = { 1, 63, 64, 2000, 4095 };

/* Versions as they would be if they did not wrap; START is 1. */
static uint64_t ordinal(uint64_t version)
{
	return version >= START ? version - START + 1 : version + CELL_LAST_VERSION - START + 1;
}

static void fill(struct elem *e, uint64_t worker, uint64_t seq)
{
	size_t i;

	e->worker = worker;
	e->seq = seq;
	for (i = 0; i < 125; i++)
		e->fill[i] = seq + i;
	e->check = mix(worker, seq);
}

static bool is_whole(const struct elem *e)
{
	uint64_t torn = 0;
	size_t i;

	for (i = 0; i < 125; i++)
		torn |= e->fill[i] ^ (e->seq + i);
	return torn == 0 && e->check == mix(e->worker, e->seq) && e->worker < WORKERS;
}

enum how { READ, PEEK, WAIT };

struct reader {
	uint64_t latest;	/* ordinal of the last one read */
	uint64_t version;	/* and its version */
	uint64_t seq[WORKERS];
};

/* A value that was read; it was not older than @floor, which was loaded before. */
static void enter(struct account *a, struct reader *reader, const struct elem *e, uint64_t version,
		  uint64_t floor)
{
	const uint64_t n = ordinal(version), id = (e->worker + 1) << 56 | (e->seq + 1);
	uint64_t none = 0;

	a->n_reads++;
	if (!is_whole(e) || e->seq >= shmreg_load_acquire(&o->account[e->worker].next)) {
		a->torn++;
		return;
	}
	if (n < floor || n < reader->latest || e->seq < reader->seq[e->worker])
		a->back++;
	reader->latest = n;
	reader->version = version;
	reader->seq[e->worker] = e->seq;
	if (n < TABLE && !shmreg_cas_relaxed(&o->table[n], &none, id) && none != id)
		a->torn++;
}

static void look(const struct shmreg_cell *c, struct account *a, struct reader *reader,
		 enum how how)
{
	const uint64_t floor = shmreg_load_acquire(&o->floor);
	struct shmreg_cell_view view;
	uint64_t version = 0;
	struct elem e;
	int r;

	if (how == PEEK) {
		r = shmreg_cell_peek(c, &view);
		if (r == 0) {
			memcpy(&e, view.elem, sizeof(e));
			version = view.version;
			r = shmreg_cell_validate(c, &view);
		}
	} else if (how == WAIT) {
		r = shmreg_cell_read_wait(c, reader->version, &e, &version, NULL);
		if (r == -EINTR)
			return;
		if (r == 0 && version == reader->version)
			a->back++;
	} else {
		r = shmreg_cell_read(c, &e, &version);
	}
	if (r == 0)
		enter(a, reader, &e, version, floor);
	else if (r == -EBUSY || (how == PEEK && r == -EAGAIN))
		a->busy++;
	else
		a->failed++;
}

static void finished(uint64_t version)
{
	uint64_t was = shmreg_load_relaxed(&o->floor);

	while (was < ordinal(version) &&
	       !shmreg_cas_acq_rel(&o->floor, &was, ordinal(version)))
		continue;
}

static void put(struct shmreg_cell_writer *w, struct account *a, uint64_t me,
		struct random_state *r)
{
	void *in_place;
	struct elem e;

	if (random_below(r, 2)) {
		fill(&e, me, a->next);
		shmreg_store_release(&a->next, a->next + 1);
		if (shmreg_cell_write(w, &e) != 0)
			a->failed++;
	} else {
		shmreg_store_release(&a->next, a->next + 1);
		if (shmreg_cell_begin(w, &in_place) != 0) {
			a->failed++;
			return;
		}
		fill(in_place, me, a->next - 1);
		if (random_below(r, 8) == 0) {
			if (shmreg_cell_abort(w) != 0)
				a->failed++;
			a->n_aborted++;
			return;
		}
		if (shmreg_cell_commit(w) != 0)
			a->failed++;
	}
	finished(shmreg_cell_version(&w->cell));
	shmreg_store_release(&a->n_done, a->n_done + 1);
}

static enum how how(struct random_state *r, bool writes)
{
	const uint64_t n = random_below(r, 8);

	return n < 2 ? PEEK : n < 5 || writes ? READ : WAIT;
}

static void work(unsigned int me, uint64_t incarnation)
{
	struct random_state r = { mix(seed, incarnation * WORKERS + me) };
	struct account *a = &o->account[me];
	struct reader reader = { 0 };
	struct shmreg_cell_writer w;
	uint64_t n;

	if (me < shape.capacity) {
		if (!cell_writer_bind(&w, base, &shape, seats[me]))
			a->failed++;
	} else {
		cell_bind(&w.cell, base, &shape);
		w.cell.handle.wait_flags = SHMREG_WAIT_INTERRUPTIBLE;
	}
	for (n = 1; !shmreg_load_acquire(&o->stop); n++) {
		if (me < shape.capacity && random_below(&r, 8) != 0)
			put(&w, a, me, &r);
		else
			look(&w.cell, a, &reader, how(&r, me < shape.capacity));
		if ((n & 1023) == 0)
			sched_yield();
	}
	_exit(0);
}

static pid_t spawn(unsigned int me, uint64_t incarnation)
{
	const pid_t pid = torture_fork();

	if (pid == 0)
		work(me, incarnation);
	return pid;
}

static void repair_again(const void *dead)
{
	struct shmreg_reaper_report report;

	cell_repair(&shape, base, dead, &report);
}

/* Repair; now and then first by a process that is killed in the act. */
static void repair(const uint64_t dead[64], struct random_state *r)
{
	struct shmreg_reaper_report report;

	torture_interrupt(r, 4, 10, repair_again, dead);
	ck_assert_int_eq(cell_repair(&shape, base, dead, &report), 0);
	ck_assert_int_eq(cell_repair(&shape, base, dead, &report), 0);
	ck_assert_uint_eq(report.n_seats, 0);
}

static bool is_newer(uint64_t before)
{
	struct shmreg_cell c;

	cell_bind(&c, base, &shape);
	return shmreg_cell_version(&c) != before;
}

/* Where it sleeps, it is told to look up. */
static bool has_ended(uint64_t pid)
{
	siginfo_t info = { .si_pid = 0 };

	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
	if (info.si_pid == 0)
		kill((pid_t)pid, SIGUSR1);
	return info.si_pid != 0;
}

static void torment(uint64_t kills, struct random_state *r, struct account *mine)
{
	struct reader reader = { 0 };
	unsigned int w, n, stopped;
	struct shmreg_cell c;
	pid_t pid[WORKERS];
	uint64_t i;

	cell_bind(&c, base, &shape);
	for (w = 0; w < WORKERS; w++)
		pid[w] = spawn(w, 0);
	for (i = 1; i <= kills && ordinal(shmreg_cell_version(&c)) < TABLE / 8 * 7; i++) {
		const struct timespec pause = { 0, (long)random_below(r, 1000000) };
		uint64_t dead[64] = { 0 };
		bool gone[WORKERS] = { false };

		nanosleep(&pause, NULL);
		stopped = (unsigned int)random_below(r, 2 * WORKERS);
		if (stopped < WORKERS)
			kill(pid[stopped], SIGSTOP);
		for (n = 1 + (unsigned int)random_below(r, 3); n > 0; n--) {
			w = (unsigned int)random_below(r, WORKERS);
			if (gone[w] || w == stopped)
				continue;
			torture_kill(pid[w]);
			gone[w] = true;
			dead[seats[w] / 64] |= UINT64_C(1) << seats[w] % 64;
		}
		/* Nobody waits for the dead, the stopped, or for repair. */
		look(&c, mine, &reader, READ);
		repair(dead, r);
		look(&c, mine, &reader, READ);
		for (w = 0; w < WORKERS; w++)
			if (gone[w])
				pid[w] = spawn(w, i);
		if (stopped < WORKERS)
			kill(pid[stopped], SIGCONT);
		if (i % 16 == 0)
			torture_await(is_newer, shmreg_cell_version(&c), "nothing is published");
	}
	shmreg_store_release(&o->stop, 1);
	for (w = 0; w < WORKERS; w++) {
		torture_await(has_ended, (uint64_t)pid[w], "somebody does not end");
		torture_wait(pid[w]);
	}
	look(&c, mine, &reader, READ);
}

static const struct {
	uint32_t writers, slots;
	uint64_t kills;
} runs[] = {
	{ 1, 4, 150 },
	{ 1, 2, 150 },
	{ 2, 2, 150 },
	{ 3, 4, 150 },
	{ 4, 3, 150 },
};

static void on_signal(int signal)
{
	(void)signal;
}

START_TEST(torture)
{
	const struct sigaction action = { .sa_handler = on_signal };
	const uint64_t kills = torture_scaled(runs[_i].kills);
	uint64_t published, begun = 0, done = 0, reads = 0, busy = 0;
	struct shmreg_cell_stats stat = { .size = sizeof(stat) };
	struct account mine = { 0 };
	struct shmreg_cell c;
	struct random_state r;
	struct elem e;
	unsigned int w;

	ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
	ck_assert_int_eq(waiter_register(), 0);
	torture_begin(&r, (uint64_t)_i);
	shape = cell_shape(sizeof(struct elem), 8, runs[_i].writers, runs[_i].slots);
	base = plain_map(&shape);
	ck_assert_ptr_nonnull(base);
	o = torture_map(sizeof(*o));
	fill(&e, 0, 0);
	o->account[0].next = 1;
	o->floor = 1;
	cell_seed(base, &shape, START, 0, runs[_i].slots - 1, &e);
	torment(kills, &r, &mine);

	ck_assert(cell_is_sound(base, &shape));
	cell_bind(&c, base, &shape);
	ck_assert_int_eq(shmreg_cell_stat(&c, &stat), 0);
	for (w = 0; w <= WORKERS; w++) {
		const struct account *a = w < WORKERS ? &o->account[w] : &mine;

		ck_assert_uint_eq(a->torn, 0);
		ck_assert_uint_eq(a->back, 0);
		ck_assert_uint_eq(a->failed, 0);
		begun += a->next - a->n_aborted;
		done += a->n_done;
		reads += a->n_reads;
		busy += a->busy;
	}
	published = ordinal(stat.version);
	printf("%u writers, %u slots, %llu kills: %llu published, %llu superseded, %llu finished of "
	       "%llu begun, %llu reads, %llu overtaken\n", runs[_i].writers, runs[_i].slots,
	       (unsigned long long)kills, (unsigned long long)published,
	       (unsigned long long)stat.n_superseded, (unsigned long long)done,
	       (unsigned long long)begun, (unsigned long long)reads, (unsigned long long)busy);
	ck_assert_uint_le(published + stat.n_superseded, begun);
	/* The first value was nobody's. What a death left uncounted was not finished either. */
	ck_assert_uint_ge(published - 1 + stat.n_superseded, done);
	if (runs[_i].writers == 1)
		ck_assert_uint_eq(stat.n_superseded, 0);
	ck_assert_uint_gt(done, 0);
	ck_assert_uint_gt(reads, 0);
	munmap(o, sizeof(*o));
	plain_unmap(base, &shape);
}
END_TEST

int main(void)
{
	return RUN_LOOP("cell-torture", torture, runs);
}
