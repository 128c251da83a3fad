/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "queue-repair.h"
#include "queue-torture.h"

/*
 * Processes that push and pop at random while the parent kills and stops them, repairs, and
 * gives their seats to new ones; also the repair is killed. Every element has an owner, a number
 * and a checksum, and an account is kept outside of the queue. In the end:
 *
 *	positions claimed = different elements seen + aborted (by their producers, and
 *		by the reaper's count) + dropped (by the reaper's count) + F
 *
 * where F are those that a killed consumer had taken and freed, but not entered yet: at most what
 * its call asked for. With leases, which are entered before they are released, F is 0, less those
 * that were entered and then dropped with their holder.
 *
 * $SHMREG_TEST_SEED, printed, and $SHMREG_TEST_SCALE, a factor for the number of kills.
 */

/* Of pushes in doubt: all or nothing. */
struct doubt {
	uint64_t worker, first, n, min;
};

static struct doubt *doubts;
static size_t n_doubts;
static uint64_t n_in_hand;	/* elements that the dead had leased */

static pid_t spawn(unsigned int me, uint64_t incarnation)
{
	const pid_t pid = torture_fork();

	if (pid == 0)
		work(me, incarnation);
	return pid;
}

/* Settle a dead worker's account. Return: how many elements it may have taken along. */
static uint64_t settle(unsigned int me)
{
	struct account *a = &o->account[me];
	uint64_t f = a->popping;

	if (a->pushing > 0) {
		doubts = realloc(doubts, (n_doubts + 1) * sizeof(*doubts));
		ck_assert_ptr_nonnull(doubts);
		doubts[n_doubts++] = (struct doubt){ me, a->next, a->pushing, a->pushing_min };
		a->next += a->pushing;
	}
	if (a->processing > 0) {
		/* Entered or not, released or not: it may come again, or be dropped. */
		o->extra[(a->processing - 1) / MAX_SEQ][(a->processing - 1) % MAX_SEQ]++;
		n_in_hand++;
	}
	/* Aborted by itself or by the reaper, entered or not: one in doubt. */
	f += a->aborting;
	a->pushing = a->popping = a->processing = a->aborting = 0;
	return f;
}

static void repair_again(const void *arg)
{
	struct shmreg_reaper_report report;
	struct shmreg_queue_shm *shm = base;
	const uint64_t *dead = arg;
	int i;

	queue_repair(&shape, base, dead, &report);
	for (i = 0; i < 64; i++)
		shmreg_fetch_or_acq_rel(&shm->users[i], dead[i]);
}

/* Repair; now and then by a process that is killed in the act. Return: 1 if it was, else 0. */
static uint64_t repair(const uint64_t dead[64], struct random_state *r)
{
	const bool was_killed = torture_interrupt(r, 4, 30, repair_again, dead);
	struct shmreg_reaper_report report = { 0 };

	ck_assert_int_eq(queue_repair(&shape, base, dead, &report), 0);
	ck_assert_uint_eq(report.n_gave_up, 0);
	return was_killed;
}

/* What live processes did: proof that nobody waits for somebody dead. */
static uint64_t progress(void)
{
	return shmreg_load_acquire(&((struct shmreg_queue_shm *)base)->head);
}

static bool moves(uint64_t before)
{
	return progress() != before;
}

static bool numbers_are_used_up(void)
{
	unsigned int w;

	for (w = 0; w < WORKERS; w++)
		if (shmreg_load_acquire(&o->account[w].next) > MAX_SEQ / 16 * 15)
			return true;
	return false;
}

static void torment(uint64_t kills, struct random_state *r, uint64_t *ret_f)
{
	uint64_t incarnation = 0, i, f = 0;
	unsigned int w, n, stopped;
	pid_t pid[WORKERS];

	for (w = 0; w < WORKERS; w++)
		pid[w] = spawn(w, 0);
	for (i = 0; i < kills && !numbers_are_used_up(); i++) {
		const struct timespec pause = { 0, (long)random_below(r, 1000000) };
		uint64_t dead[64] = { 0 };
		bool gone[WORKERS] = { false };

		nanosleep(&pause, NULL);
		stopped = (unsigned int)random_below(r, 2 * WORKERS);
		if (stopped < WORKERS)
			kill(pid[stopped], SIGSTOP);
		if (mode & KILL) {
			n = 1 + (unsigned int)random_below(r, 3);
			while (n-- > 0) {
				w = (unsigned int)random_below(r, WORKERS);
				if (gone[w] || w == stopped)
					continue;
				torture_kill(pid[w]);
				gone[w] = true;
				dead[seats[w] / 64] |= UINT64_C(1) << seats[w] % 64;
			}
			f += repair(dead, r);
			incarnation++;
			for (w = 0; w < WORKERS; w++)
				if (gone[w]) {
					f += settle(w);
					pid[w] = spawn(w, incarnation);
				}
		}
		if (stopped < WORKERS)
			kill(pid[stopped], SIGCONT);
		if (i % 16 == 0)
			torture_await(moves, progress(), "no element moves");
	}
	/* In the end, either all finish or all die. */
	if (mode & KILL) {
		uint64_t dead[64] = { 0 };

		for (w = 0; w < WORKERS; w++) {
			torture_kill(pid[w]);
			dead[seats[w] / 64] |= UINT64_C(1) << seats[w] % 64;
		}
		f += repair(dead, r);
		for (w = 0; w < WORKERS; w++)
			f += settle(w);
	} else {
		shmreg_store_release(&o->stop, 1);
		for (w = 0; w < WORKERS; w++)
			torture_wait(pid[w]);
	}
	*ret_f = f;
}

static void drain(void)
{
	struct account *a = &o->account[0];
	uint64_t last[WORKERS] = { 0 };
	struct shmreg_queue q;
	struct elem e;
	int r;

	queue_bind(&q, base, &shape, 1000);
	while ((r = shmreg_queue_pop(&q, &e)) == 0)
		enter(a, &e, last);
	ck_assert_int_eq(r, -EAGAIN);
	ck_assert_msg(queue_is_clean(base, &shape), "a slot is not free: wedged or leaked");
}

/* Torn, doubled or missing elements. */
static void audit(uint64_t claimed, uint64_t f_max, uint64_t n_kills)
{
	const struct shmreg_queue_shm *shm = base;
	uint64_t w, i, unique = 0, doubled = 0, missing = 0, pushed = 0, aborted = 0, f, n_ops = 0;
	size_t k;

	for (w = 0; w < WORKERS; w++) {
		const struct account *a = &o->account[w];

		ck_assert_uint_eq(a->torn, 0);
		ck_assert_uint_eq(a->disorder, 0);
		ck_assert_uint_eq(a->failed, 0);
		pushed += a->next;
		aborted += a->n_aborted;
		n_ops += a->n_ops;
		for (i = 0; i < MAX_SEQ && i < a->next + BATCH; i++) {
			unique += o->seen[w][i] > 0;
			doubled += o->seen[w][i] > 1 + o->extra[w][i];
			if (o->seen[w][i] == 0)
				missing++;
		}
		missing -= BATCH;
	}
	ck_assert_msg(doubled == 0, "%llu elements came twice", (unsigned long long)doubled);
	/* Batches in doubt: none of it, or at least the minimum, and from its beginning on. */
	for (k = 0; k < n_doubts; k++) {
		const struct doubt *d = &doubts[k];
		uint64_t there = 0, prefix = 0;

		for (i = 0; i < d->n; i++) {
			there += o->seen[d->worker][d->first + i] > 0;
			prefix += there == i + 1;
		}
		if (there == 0)
			missing -= d->n;
		else if (mode & LEASES) {
			ck_assert_uint_ge(there, d->min);
			ck_assert_uint_eq(there, prefix);
			missing -= d->n - there;
		}
	}
	f = claimed - unique - aborted - shm->n_aborted - shm->n_dropped;
	printf("%s%s%s%s%s: %llu kills, %llu calls, %llu positions, %llu seen, aborted %llu, by "
	       "death %llu, "
	       "dropped %llu, redelivered %llu, F %lld of %llu, missing %llu\n",
	       mode & KILL ? "kill" : "run", mode & REDELIVER ? " redeliver" : "",
	       mode & LEASES ? " leases" : "", mode & REFUSE ? " refuse" : "",
	       mode & ABORT ? " abort" : "", (unsigned long long)n_kills, (unsigned long long)n_ops,
	       (unsigned long long)claimed, (unsigned long long)unique, (unsigned long long)aborted,
	       (unsigned long long)shm->n_aborted, (unsigned long long)shm->n_dropped,
	       (unsigned long long)shm->n_redelivered, (long long)f, (unsigned long long)f_max,
	       (unsigned long long)missing);
	ck_assert_msg((int64_t)f >= (mode & REDELIVER ? 0 : -(int64_t)n_in_hand),
		      "%lld elements from nowhere", -(long long)f);
	ck_assert_int_le((int64_t)f, (int64_t)f_max);
	if (!(mode & KILL))
		ck_assert_uint_eq(unique, pushed);
	/* Of those pushed for sure, none is missing for which nobody died. */
	if (mode & LEASES && mode & REDELIVER)
		ck_assert_uint_eq(missing, 0);
	if (mode & REDELIVER)
		ck_assert_uint_eq(shm->n_dropped, 0);
	else
		ck_assert_uint_eq(shm->n_redelivered, 0);
	ck_assert_uint_gt(unique, 0);
}

static const struct {
	int mode;
	uint64_t capacity;
	uint64_t start;
	uint64_t kills;
} runs[] = {
	{ FIFO, 8, (UINT64_C(1) << 43) - 3000, 60 },
	{ FIFO | ABORT, 2, 0, 40 },
	{ REFUSE | ABORT, 8, (UINT64_C(1) << 31) - 1000, 60 },
	{ KILL | FIFO, 8, (UINT64_C(1) << 43) - 5000, 150 },
	{ KILL | FIFO, 2, 0, 100 },
	{ KILL | ABORT, 64, (UINT64_C(1) << 43) - 20000, 100 },
	{ KILL | REDELIVER, 8, 0, 150 },
	{ KILL | REDELIVER, 256, (UINT64_C(1) << 43) - 5000, 80 },
	{ KILL | REDELIVER | LEASES, 8, (UINT64_C(1) << 43) - 1000, 200 },
	{ KILL | REDELIVER | LEASES | REFUSE | ABORT, 16, 0, 150 },
	{ KILL | LEASES | REFUSE, 4, 7, 100 },
};

START_TEST(torture)
{
	struct random_state r;
	uint64_t f, claimed, kills = torture_scaled(runs[_i].kills);

	torture_begin(&r, (uint64_t)_i);
	mode = runs[_i].mode;
	shape = (struct shmreg_shape){
		.kind = SHMREG_KIND_QUEUE,
		.layout = SHMREG_QUEUE_LAYOUT,
		.flags = mode & REDELIVER ? SHMREG_QUEUE_REDELIVER : 0,
		.elem_align = 8,
		.elem_bytes = sizeof(struct elem),
		.capacity = runs[_i].capacity,
	};
	base = plain_map(&shape);
	ck_assert_ptr_nonnull(base);
	o = torture_map(sizeof(*o));
	if (runs[_i].start != 0)
		queue_seed(base, &shape, runs[_i].start);
	torment(kills, &r, &f);
	drain();
	claimed = ((struct shmreg_queue_shm *)base)->tail >> SHMREG_QUEUE_POS_SHIFT;
	audit((claimed - runs[_i].start) & ((UINT64_C(1) << 43) - 1), f, kills);
	munmap(o, sizeof(*o));
	plain_unmap(base, &shape);
	free(doubts);
}
END_TEST

int main(void)
{
	return RUN_LOOP("queue-torture", torture, runs);
}
