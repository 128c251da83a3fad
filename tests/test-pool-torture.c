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

#include "pool-plain.h"
#include "pool-repair.h"
#include "torture.h"

/*
 * Processes that acquire and release at random while the parent kills and stops them, repairs, and
 * gives their seats to new ones; also the repair is killed. Each writes a number that nobody
 * else has, with a checksum, into what it holds, and finds it there until it releases it. An
 * account is kept outside of the pool: what it says somebody held when he died is what the
 * pool says, and comes back.
 *
 * $SHMREG_TEST_SEED, printed, and $SHMREG_TEST_SCALE, a factor for the number of kills.
 */

#define WORKERS 5
#define HOLD 12
#define BATCH 5

struct object {
	uint64_t owner, number;
	uint64_t fill[29];
	uint64_t check;
};

/* Written by one worker at a time, read by the parent when it is dead. */
struct account {
	SHMREG_ALIGNAS(128) uint64_t refs[HOLD];	/* held for sure */
	uint64_t n_acquired, n_again, n_bad, n_failed;
};

struct oracle {
	struct account account[WORKERS];
	uint64_t stop;
};

static const uint32_t seats[WORKERS] = { 1, 63, 64, 2000, 4095 };
static struct oracle *o;
static struct shmreg_shape shape;
static void *base;
static uint64_t n_freed;

static void fill(struct object *object, uint64_t owner, uint64_t number)
{
	size_t i;

	object->owner = owner;
	object->number = number;
	for (i = 0; i < 29; i++)
		object->fill[i] = number + i;
	object->check = mix(owner, number);
}

static bool is_whole(const struct object *object, uint64_t owner)
{
	return object->owner == owner && object->check == mix(owner, object->number) &&
	       object->fill[0] == object->number && object->fill[28] == object->number + 28;
}

static void keep(struct shmreg_pool *p, struct account *a, uint64_t owner, shmreg_pool_ref ref)
{
	struct object *object = shmreg_pool_get(p, ref);
	unsigned int i = 0;

	if (object == NULL) {
		a->n_failed++;
		return;
	}
	while (a->refs[i] != SHMREG_POOL_NONE)
		i++;
	fill(object, owner, a->n_acquired);
	shmreg_store_release(&a->refs[i], ref);
	shmreg_store_release(&a->n_acquired, a->n_acquired + 1);
}

static void give(struct shmreg_pool *p, struct account *a, uint64_t owner, unsigned int i)
{
	const shmreg_pool_ref ref = a->refs[i];
	const struct object *object = shmreg_pool_get(p, ref);

	if (object == NULL || !is_whole(object, owner))
		a->n_bad++;
	/* Before, so that what the account has is held. */
	shmreg_store_release(&a->refs[i], SHMREG_POOL_NONE);
	if (shmreg_pool_release(p, ref) != 0)
		a->n_failed++;
	if (shmreg_pool_release(p, ref) != -ESTALE)
		a->n_failed++;
}

static void work(unsigned int me, uint64_t incarnation)
{
	struct random_state r = { mix(seed, incarnation * WORKERS + me) };
	struct account *a = &o->account[me];
	const uint64_t owner = incarnation * WORKERS + me + 1;
	shmreg_pool_ref refs[BATCH];
	struct shmreg_pool p;
	uint64_t n_ops = 0;
	int got, i;

	pool_bind(&p, base, &shape, seats[me]);
	while (!shmreg_load_acquire(&o->stop)) {
		unsigned int n_held = 0;

		for (i = 0; i < HOLD; i++)
			n_held += a->refs[i] != SHMREG_POOL_NONE;
		if (random_below(&r, HOLD) < n_held) {
			i = (int)random_below(&r, HOLD);
			if (a->refs[i] != SHMREG_POOL_NONE)
				give(&p, a, owner, (unsigned int)i);
		} else {
			const uint32_t n = 1 + (uint32_t)random_below(&r, BATCH);

			if (n_held + n > HOLD)
				continue;
			got = n > 1 ? shmreg_pool_acquire_batch(&p, refs, n,
								random_below(&r, 2) ? n : 1)
				    : shmreg_pool_acquire(&p, refs);
			got = n == 1 && got == 0 ? 1 : got;
			for (i = 0; i < got; i++)
				keep(&p, a, owner, refs[i]);
			if (got == -EAGAIN)
				a->n_again++;
			else if (got <= 0)
				a->n_failed++;
		}
		/* Not after each round: one who yields is never found half-way. */
		if ((++n_ops & 1023) == 0)
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

static uint64_t held_by(uint32_t seat)
{
	uint64_t i, w, n = 0;

	for (i = 0; i < shape.capacity; i++) {
		w = shmreg_load_acquire(pool_word(base, &shape, i));
		n += w == shmreg_pool_word_held(w, seat);
	}
	return n;
}

/* What the account has is held, and whole. Return: what the pool says that it held. */
static uint64_t settle(unsigned int me, uint64_t incarnation)
{
	struct account *a = &o->account[me];
	const struct shmreg_pool_geometry g = shmreg_pool_geometry(&shape);
	const struct object *object;
	uint64_t index, noted = 0, held;
	unsigned int i;

	for (i = 0; i < HOLD; i++) {
		if (a->refs[i] == SHMREG_POOL_NONE)
			continue;
		index = shmreg_pool_ref_index(a->refs[i]);
		ck_assert_uint_eq(*pool_word(base, &shape, index),
				  shmreg_pool_word_held(a->refs[i], seats[me]));
		object = (const struct object *)(void *)((unsigned char *)base + g.elems_offset +
							 index * g.stride);
		ck_assert(is_whole(object, incarnation * WORKERS + me + 1));
		a->refs[i] = SHMREG_POOL_NONE;
		noted++;
	}
	held = held_by(seats[me]);
	/* Beyond that only what a call was about, or had just returned. */
	ck_assert_uint_ge(held, noted);
	ck_assert_uint_le(held, noted + BATCH);
	return held;
}

static void repair_again(const void *arg)
{
	struct shmreg_reaper_report report;
	struct shmreg_pool_shm *shm = base;
	const uint64_t *dead = arg;
	int i;

	pool_repair(&shape, base, NULL, dead, &report);
	for (i = 0; i < 64; i++)
		shmreg_fetch_or_acq_rel(&shm->users[i], dead[i]);
}

/* Repair; now and then by a process that is killed in the act. Return: 1 if it was, else 0. */
static uint64_t repair(const uint64_t dead[64], struct random_state *r, uint64_t n_held)
{
	const bool was_killed = torture_interrupt(r, 4, 30, repair_again, dead);
	struct shmreg_reaper_report report = { 0 };
	unsigned int i;

	ck_assert_int_eq(pool_repair(&shape, base, NULL, dead, &report), 0);
	ck_assert_uint_eq(report.n_gave_up, 0);
	if (!was_killed)
		ck_assert_uint_eq(report.n_freed, n_held);
	n_freed += n_held;
	for (i = 0; i < WORKERS; i++)
		if (dead[seats[i] / 64] >> seats[i] % 64 & 1)
			ck_assert_uint_eq(held_by(seats[i]), 0);
	return was_killed;
}

static uint64_t progress(void)
{
	uint64_t n = 0;
	unsigned int w;

	for (w = 0; w < WORKERS; w++)
		n += shmreg_load_acquire(&o->account[w].n_acquired);
	return n;
}

static bool moves(uint64_t before)
{
	return progress() != before;
}

static uint64_t torment(uint64_t kills, struct random_state *r)
{
	uint64_t incarnation[WORKERS] = { 0 }, next = 1, i, n_held, n_repairs_killed = 0;
	unsigned int w, n, stopped;
	pid_t pid[WORKERS];

	for (w = 0; w < WORKERS; w++)
		pid[w] = spawn(w, 0);
	for (i = 0; i <= kills; i++) {
		const struct timespec pause = { 0, (long)random_below(r, 1000000) };
		uint64_t dead[64] = { 0 };
		bool gone[WORKERS] = { false };

		nanosleep(&pause, NULL);
		stopped = (unsigned int)random_below(r, 2 * WORKERS);
		if (stopped < WORKERS)
			kill(pid[stopped], SIGSTOP);
		/* In the end, all of them. */
		n = i == kills ? 0 : 1 + (unsigned int)random_below(r, 3);
		for (w = 0; n == 0 && w < WORKERS; w++)
			gone[w] = true;
		while (n-- > 0 && i < kills) {
			w = (unsigned int)random_below(r, WORKERS);
			gone[w] |= w != stopped;
		}
		for (w = 0, n_held = 0; w < WORKERS; w++)
			if (gone[w]) {
				torture_kill(pid[w]);
				dead[seats[w] / 64] |= UINT64_C(1) << seats[w] % 64;
				n_held += settle(w, incarnation[w]);
			}
		n_repairs_killed += repair(dead, r, n_held);
		if (i == kills)
			break;
		for (w = 0; w < WORKERS; w++)
			if (gone[w]) {
				incarnation[w] = next++;
				pid[w] = spawn(w, incarnation[w]);
			}
		if (stopped < WORKERS)
			kill(pid[stopped], SIGCONT);
		if (i % 16 == 0)
			torture_await(moves, progress(), "nothing can be acquired");
	}
	return n_repairs_killed;
}

static void torture(uint64_t capacity, uint64_t generation, uint64_t kills)
{
	shmreg_pool_ref *refs = calloc(capacity, sizeof(*refs));
	uint64_t n_repairs_killed, n_again = 0;
	struct random_state r;
	struct shmreg_pool p;
	unsigned int w;

	ck_assert_ptr_nonnull(refs);
	torture_begin(&r, capacity);
	shape = pool_shape(capacity, sizeof(struct object), 8);
	base = plain_map(&shape);
	ck_assert_ptr_nonnull(base);
	o = torture_map(sizeof(*o));
	pool_seed(base, &shape, generation);
	n_freed = 0;
	n_repairs_killed = torment(torture_scaled(kills), &r);
	for (w = 0; w < WORKERS; w++) {
		ck_assert_uint_eq(o->account[w].n_bad, 0);
		ck_assert_uint_eq(o->account[w].n_failed, 0);
		n_again += o->account[w].n_again;
	}
	printf("%llu of %llu acquired, %llu times in vain, %llu of the dead freed\n",
	       (unsigned long long)progress(), (unsigned long long)capacity,
	       (unsigned long long)n_again, (unsigned long long)n_freed);
	ck_assert(pool_is_clean(base, &shape));
	ck_assert_uint_eq(pool_count_hints(base, &shape), 0);
	ck_assert_uint_le(((struct shmreg_pool_shm *)base)->n_reclaimed, n_freed);
	ck_assert_uint_ge(((struct shmreg_pool_shm *)base)->n_reclaimed + n_repairs_killed,
			  n_freed);
	pool_bind(&p, base, &shape, 1000);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&p, refs, (uint32_t)capacity,
						   (uint32_t)capacity),
			 (int)capacity);
	munmap(o, sizeof(*o));
	plain_unmap(base, &shape);
	free(refs);
}

START_TEST(few)
{
	torture(6, POOL_GENERATION_MAX - 100, 150);
}
END_TEST

START_TEST(some)
{
	torture(40, POOL_GENERATION_MAX - 10000, 150);
}
END_TEST

START_TEST(many)
{
	torture(300, 0, 80);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { few, some, many };

	return RUN_SUITE("pool-torture", tests, NULL, NULL, 600);
}
