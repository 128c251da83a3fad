/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "object-queue-plain.h"
#include "torture.h"

/*
 * Processes that acquire, fill, send, receive and release while the parent kills and stops them,
 * repairs, and gives their seats to new ones; also the repair is killed. Whoever holds an object
 * writes into it that he does, and looks whether it stays so. What is sent has an owner, a
 * number and a checksum, and an account is kept outside:
 *
 *	nobody finds an object that he holds in another's hands, nor a torn one;
 *	nothing is received twice, but what a dead one had dealt with and not given back;
 *	what was sent and never received is what the dead had received and not entered, or, without
 *	REDELIVER, what n_dropped says; with REDELIVER and LEASES it is nothing;
 *	in the end every object is free and can be acquired.
 *
 * $SHMREG_TEST_SEED, printed, and $SHMREG_TEST_SCALE, a factor for the number of kills.
 */

#define WORKERS 5
#define MAX_SEQ (UINT64_C(1) << 22)
enum mode { REDELIVER = 1, LEASES = 2, POOL_BEFORE = 4 };

struct elem {
	uint64_t holder;	/* 0: on its way, or free */
	uint64_t worker, seq;
	uint64_t fill[60];
	uint64_t check;
};

/* Written by one worker at a time, read by the parent when it is dead. */
struct account {
	SHMREG_ALIGNAS(128) uint64_t next;	/* first number not sent for sure */
	uint64_t sending;		/* 1: that one may have been */
	uint64_t receiving;		/* 1: one may have been received and not entered */
	uint64_t leased;		/* id + 1 of the one that may have been entered, not given back */
	uint64_t n_ops, torn, stolen, failed;
};

struct oracle {
	struct account account[WORKERS];
	uint64_t stop;
	uint8_t seen[WORKERS][MAX_SEQ];
	uint8_t extra[WORKERS][MAX_SEQ];
	uint8_t doubt[WORKERS][MAX_SEQ];
};

static const struct {
	int mode;
	uint64_t n_objects, capacity, start, kills;
} runs[] = {
	{ 0, 6, 4, 0, 40 },
	{ POOL_BEFORE, 40, 16, (UINT64_C(1) << 43) - 2000, 40 },
	{ REDELIVER, 6, 4, (UINT64_C(1) << 43) - 1000, 40 },
	{ REDELIVER | POOL_BEFORE, 300, 64, 0, 40 },
	{ REDELIVER | LEASES, 8, 8, 0, 60 },
	{ LEASES | POOL_BEFORE, 4, 2, 7, 40 },
};

static struct oracle *o;
static struct pair pair;
static int mode;

static void idle(struct random_state *r)
{
	uint64_t n = random_below(r, 8) == 0 ? random_below(r, 3000) : random_below(r, 30);

	while (n-- > 0)
		__asm__ __volatile__("" : : : "memory");
}

/* Mine as long as I say so? */
static void hold(struct account *a, struct elem *e, uint64_t me, struct random_state *r)
{
	if (shmreg_exchange_acq_rel(&e->holder, me) != 0)
		a->stolen++;
	idle(r);
	if (shmreg_exchange_acq_rel(&e->holder, 0) != me)
		a->stolen++;
}

static void enter(struct account *a, const struct elem *e)
{
	if (e->worker >= WORKERS || e->seq >= MAX_SEQ || e->check != mix(e->worker, e->seq) ||
	    e->fill[0] != ~e->seq || e->fill[59] != ~e->seq) {
		a->torn++;
		return;
	}
	shmreg_fetch_add_relaxed(&o->seen[e->worker][e->seq], 1);
}

static void check(struct account *a, int r)
{
	if (r < 0 && r != -EAGAIN)
		a->failed++;
}

static void produce(struct actor *w, struct account *a, uint64_t me, struct random_state *r)
{
	shmreg_pool_ref ref;
	struct elem *e;
	int got;

	if (a->next + 1 >= MAX_SEQ)
		return;
	got = shmreg_pool_acquire(&w->pool, &ref);
	check(a, got);
	if (got < 0)
		return;
	e = shmreg_pool_get(&w->pool, ref);
	/* The last holder may have died with his name in it. */
	shmreg_store_release(&e->holder, 0);
	e->worker = me;
	e->seq = a->next;
	e->fill[0] = e->fill[59] = ~a->next;
	e->check = mix(me, a->next);
	hold(a, e, me + 1, r);
	if (random_below(r, 8) == 0) {
		check(a, shmreg_pool_release(&w->pool, ref));
		return;
	}
	shmreg_store_release(&a->sending, 1);
	got = shmreg_object_queue_send(&w->queue, ref);
	if (got == 0)
		shmreg_store_release(&a->next, a->next + 1);
	shmreg_store_release(&a->sending, 0);
	check(a, got);
	if (got < 0)
		check(a, shmreg_pool_release(&w->pool, ref));
}

static void receive(struct actor *w, struct account *a, uint64_t me, struct random_state *r)
{
	shmreg_pool_ref ref;
	struct elem *e = NULL;
	int got;

	shmreg_store_release(&a->receiving, 1);
	got = shmreg_object_queue_receive(&w->queue, &ref);
	if (got == 0) {
		e = shmreg_pool_get(&w->pool, ref);
		if (e == NULL)
			a->stolen++;
		else
			enter(a, e);
	}
	shmreg_store_release(&a->receiving, 0);
	check(a, got);
	if (got < 0 || e == NULL)
		return;
	hold(a, e, me + 1, r);
	check(a, shmreg_pool_release(&w->pool, ref));
}

static void borrow(struct actor *w, struct account *a, uint64_t me, struct random_state *r)
{
	struct shmreg_object_lease lease;
	shmreg_pool_ref ref;
	struct elem *e;
	int got;

	got = shmreg_object_queue_acquire(&w->queue, &lease);
	check(a, got);
	if (got < 0)
		return;
	e = lease.object;
	ref = lease.ref;
	/* If a dead one had it before: his name. */
	shmreg_store_release(&e->holder, 0);
	hold(a, e, me + 1, r);
	if (random_below(r, 4) == 0) {
		check(a, shmreg_object_queue_refuse(&w->queue, &lease));
		return;
	}
	if (e->worker < WORKERS && e->seq < MAX_SEQ)
		shmreg_store_release(&a->leased, e->worker * MAX_SEQ + e->seq + 1);
	enter(a, e);
	if (random_below(r, 2) == 0) {
		check(a, shmreg_object_queue_release(&w->queue, &lease));
		shmreg_store_release(&a->leased, 0);
		return;
	}
	check(a, shmreg_object_queue_keep(&w->queue, &lease));
	shmreg_store_release(&a->leased, 0);
	hold(a, e, me + 1, r);
	check(a, shmreg_pool_release(&w->pool, ref));
}

static void __attribute__((noreturn)) work(unsigned int me, uint64_t incarnation)
{
	struct random_state r = { mix(seed, incarnation * WORKERS + me) };
	struct account *a = &o->account[me];
	struct actor w;

	pair_bind(&pair, &w, me);
	while (!shmreg_load_acquire(&o->stop)) {
		if (random_below(&r, 16) < 6 + me)
			produce(&w, a, me, &r);
		else if (mode & LEASES)
			borrow(&w, a, me, &r);
		else
			receive(&w, a, me, &r);
		/* Not after each round: one who yields is never found half-way. */
		if ((++a->n_ops & 1023) == 0)
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

/* Settle a dead worker's account. Return: how many it may have received without entering them. */
static uint64_t settle(unsigned int me)
{
	struct account *a = &o->account[me];
	const uint64_t f = a->receiving;

	if (a->sending) {
		o->doubt[me][a->next] = 1;
		a->next++;
	}
	if (a->leased)
		o->extra[(a->leased - 1) / MAX_SEQ][(a->leased - 1) % MAX_SEQ]++;
	a->sending = a->receiving = a->leased = 0;
	return f;
}

static enum order order(void)
{
	return mode & POOL_BEFORE ? POOL_FIRST : QUEUE_FIRST;
}

static void repair_once(const void *dead)
{
	struct shmreg_reaper_report report[2];

	pair_repair(&pair, *(const uint32_t *)dead, order(), report);
	for (;;)
		pause();
}

static void repair(uint32_t dead, struct random_state *r)
{
	struct shmreg_reaper_report report[2];

	torture_interrupt(r, 3, 30, repair_once, &dead);
	pair_repair(&pair, dead, order(), report);
	ck_assert_uint_eq(report[0].n_gave_up + report[1].n_gave_up, 0);
}

/* Objects are taken from the queue. */
static uint64_t progress(void)
{
	return shmreg_load_acquire(&((struct shmreg_queue_shm *)pair.queue)->head);
}

static bool moves(uint64_t before)
{
	return progress() != before;
}

/* Return: how many objects the dead may have received without entering them. */
static uint64_t torment(uint64_t kills, struct random_state *r)
{
	uint64_t incarnation = 0, i, f = 0;
	unsigned int w, n, stopped;
	pid_t pid[WORKERS];
	uint32_t dead;

	for (w = 0; w < WORKERS; w++)
		pid[w] = spawn(w, 0);
	for (i = 0; i < kills; i++) {
		const struct timespec pause = { 0, (long)random_below(r, 1000000) };

		nanosleep(&pause, NULL);
		stopped = (unsigned int)random_below(r, 2 * WORKERS);
		if (stopped < WORKERS)
			kill(pid[stopped], SIGSTOP);
		for (dead = 0, n = 1 + (unsigned int)random_below(r, 3); n > 0; n--) {
			w = (unsigned int)random_below(r, WORKERS);
			if ((dead >> w & 1) != 0 || w == stopped)
				continue;
			torture_kill(pid[w]);
			dead |= 1u << w;
		}
		repair(dead, r);
		incarnation++;
		for (w = 0; w < WORKERS; w++)
			if ((dead >> w & 1) != 0) {
				f += settle(w);
				pid[w] = spawn(w, incarnation);
			}
		if (stopped < WORKERS)
			kill(pid[stopped], SIGCONT);
		if (i % 8 == 0)
			torture_await(moves, progress(), "nothing moves");
		for (w = 0; w < WORKERS; w++)
			if (shmreg_load_acquire(&o->account[w].next) > MAX_SEQ / 16 * 15)
				kills = i;
	}
	for (w = 0, dead = 0; w < WORKERS; w++) {
		torture_kill(pid[w]);
		dead |= 1u << w;
	}
	repair(dead, r);
	for (w = 0; w < WORKERS; w++)
		f += settle(w);
	return f;
}

/* The last one out receives what is left, and counts whether all objects are there. */
static void drain(void)
{
	struct account *a = &o->account[0];
	shmreg_pool_ref ref = 0;
	struct actor w;
	uint64_t i;
	int r;

	pair_bind(&pair, &w, WORKERS);
	while ((r = shmreg_object_queue_receive(&w.queue, &ref)) == 0) {
		enter(a, shmreg_pool_get(&w.pool, ref));
		ck_assert_int_eq(shmreg_pool_release(&w.pool, ref), 0);
	}
	ck_assert_int_eq(r, -EAGAIN);
	ck_assert_msg(pair_is_clean(&pair), "an object or a slot is not free: leaked");
	for (i = 0; i < pair.pool_shape.capacity; i++)
		ck_assert_msg(shmreg_pool_acquire(&w.pool, &ref) == 0, "object %llu cannot be found",
			      (unsigned long long)i);
	ck_assert_int_eq(shmreg_pool_acquire(&w.pool, &ref), -EAGAIN);
}

static void audit(uint64_t f_max, uint64_t n_kills)
{
	const struct shmreg_queue_shm *shm = pair.queue;
	uint64_t w, i, sent = 0, seen = 0, missing = 0, n_ops = 0, allowed;

	for (w = 0; w < WORKERS; w++) {
		const struct account *a = &o->account[w];

		ck_assert_msg(a->torn == 0, "%llu objects were torn", (unsigned long long)a->torn);
		ck_assert_msg(a->stolen == 0, "%llu objects had two holders",
			      (unsigned long long)a->stolen);
		ck_assert_msg(a->failed == 0, "%llu calls failed", (unsigned long long)a->failed);
		n_ops += a->n_ops;
		for (i = 0; i < a->next; i++) {
			const unsigned int n = o->seen[w][i];

			/* Not an assertion each: Check keeps an account of all that hold. */
			if (n > 1u + o->extra[w][i])
				ck_abort_msg("object %llu of %llu came %u times",
					     (unsigned long long)i, (unsigned long long)w, n);
			seen += n > 0;
			missing += n == 0 && !o->doubt[w][i];
			sent += !o->doubt[w][i];
		}
		ck_assert_uint_eq(o->seen[w][a->next], 0);
	}
	allowed = (mode & LEASES ? 0 : f_max) + (mode & REDELIVER ? 0 : shm->n_dropped);
	printf("%llu kills, %llu calls, %llu sent, %llu received, missing %llu of %llu, dropped %llu, "
	       "redelivered %llu, aborted %llu\n", (unsigned long long)n_kills,
	       (unsigned long long)n_ops, (unsigned long long)sent, (unsigned long long)seen,
	       (unsigned long long)missing, (unsigned long long)allowed,
	       (unsigned long long)shm->n_dropped, (unsigned long long)shm->n_redelivered,
	       (unsigned long long)shm->n_aborted);
	ck_assert_uint_le(missing, allowed);
	ck_assert_uint_eq(mode & REDELIVER ? shm->n_dropped : shm->n_redelivered, 0);
	ck_assert_uint_gt(seen, 0);
}

START_TEST(torture)
{
	const uint64_t kills = torture_scaled(runs[_i].kills);
	struct random_state r;
	uint64_t f;

	torture_begin(&r, (uint64_t)_i);
	mode = runs[_i].mode;
	pair_map(&pair, runs[_i].n_objects, sizeof(struct elem), runs[_i].capacity,
		 mode & REDELIVER ? SHMREG_QUEUE_REDELIVER : 0, runs[_i].start,
		 runs[_i].start ? POOL_GENERATION_MAX - 500 : 0);
	o = torture_map(sizeof(*o));
	f = torment(kills, &r);
	drain();
	audit(f, kills);
	munmap(o, sizeof(*o));
	pair_unmap(&pair);
}
END_TEST

int main(void)
{
	return RUN_LOOP("object-queue-torture", torture, runs);
}
