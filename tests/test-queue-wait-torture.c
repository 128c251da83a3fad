/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "queue-repair.h"
#include "segment.h"
#include "torture.h"
#include "wait-fixture.h"

/*
 * Processes that wait for each other at a queue, without deadlines, while the parent kills and
 * stops them. It repairs as the reaper does and raises the death word as the daemon does, on a
 * directory of its own, and gives their seats to new ones. Something always moves; again and
 * again no more is pushed, and all is popped; and in the end each of those who are left asleep is
 * woken once more.
 *
 * Elements are numbered by their producer. None comes twice; missing are at most those that a
 * consumer had popped and not entered when it was killed, and those that the reaper dropped.
 */

#define PRODUCERS 2
#define CONSUMERS 3
#define WORKERS (PRODUCERS + CONSUMERS)
#define PARENT PRODUCERS	/* pushes, too, in the end */
#define MAX_SEQ (UINT64_C(1) << 20)
#define BATCH 4
#define EXCUSED 0x80	/* pushed by one who died in the act */

struct account {
	SHMREG_ALIGNAS(128) uint64_t next;
	uint64_t pushing, popping;
	uint64_t failed;
};

struct oracle {
	struct account account[WORKERS];
	uint8_t seen[PRODUCERS + 1][MAX_SEQ];
	/* What a handle knows of a directory. */
	struct shmreg_dir dir;
	struct shmreg_dir_object entry;
};

static struct oracle *o;
static struct shmreg_shape shape;
static struct shmreg_queue_shm *shm;
static struct shmreg_segment segment;
static pid_t pid[WORKERS];
static uint64_t f;	/* may be missing, of those who were killed */

static void bind(struct shmreg_queue *q, unsigned int me)
{
	queue_bind(q, shm, &shape, 1 + me * 700);
	q->handle.segment = &segment;
	q->handle.entry = &o->entry;
	q->handle.object = o->entry.id;
	q->handle.spin_ns = me % 2 * 3000;
}

static void produce(struct shmreg_queue *q, unsigned int me, struct random_state *r)
{
	const uint64_t most = shape.capacity < BATCH ? shape.capacity : BATCH;
	const uint64_t n = random_below(r, 2) ? 1 : 1 + random_below(r, most);
	struct account *a = &o->account[me];
	uint64_t elems[BATCH];
	int got;

	if (a->next + BATCH >= MAX_SEQ) {
		pause();
		return;
	}
	for (uint64_t i = 0; i < n; i++)
		elems[i] = (uint64_t)me << 32 | (a->next + i);
	shmreg_store_release(&a->pushing, n);
	if (n == 1) {
		got = shmreg_queue_push_wait(q, elems, NULL);
		got = got == 0 ? 1 : got;
	} else {
		got = shmreg_queue_push_batch_wait(q, elems, (uint32_t)n,
						   1 + (uint32_t)random_below(r, n), NULL);
	}
	if (got > 0)
		shmreg_store_release(&a->next, a->next + (uint64_t)got);
	else if (got != -EBUSY)
		a->failed++;
	shmreg_store_release(&a->pushing, 0);
}

static void enter(struct account *a, uint64_t elem)
{
	if (elem >> 32 > PARENT || (elem & UINT32_MAX) >= MAX_SEQ)
		a->failed++;
	else
		shmreg_fetch_add_relaxed(&o->seen[elem >> 32][elem & UINT32_MAX], 1);
}

static void consume(struct shmreg_queue *q, unsigned int me, struct random_state *r)
{
	const uint64_t n = random_below(r, 2) ? 1 : 1 + random_below(r, BATCH);
	struct account *a = &o->account[me];
	uint64_t elems[BATCH];
	int got;

	shmreg_store_release(&a->popping, n);
	if (n == 1) {
		got = shmreg_queue_pop_wait(q, elems, NULL);
		got = got == 0 ? 1 : got;
	} else {
		got = shmreg_queue_pop_batch_wait(q, elems, (uint32_t)n, NULL);
	}
	for (int i = 0; i < got; i++)
		enter(a, elems[i]);
	if (got < 0 && got != -EBUSY)
		a->failed++;
	shmreg_store_release(&a->popping, 0);
}

static void spawn(unsigned int me, uint64_t incarnation)
{
	struct random_state r = { mix(seed, incarnation * WORKERS + me) };
	struct shmreg_queue q;

	pid[me] = torture_fork();
	if (pid[me] != 0)
		return;
	bind(&q, me);
	for (;;)
		if (me < PRODUCERS)
			produce(&q, me, &r);
		else
			consume(&q, me, &r);
}

/* As daemon and reaper do: noticed, repaired, and said so. */
static void bury(const bool gone[WORKERS])
{
	struct shmreg_reaper_report report = { 0 };
	uint64_t dead[64] = { 0 };
	unsigned int i;

	for (i = 0; i < WORKERS; i++)
		if (gone[i])
			dead[(1 + i * 700) / 64] |= UINT64_C(1) << (1 + i * 700) % 64;
	ck_assert_int_eq(queue_repair(&shape, shm, dead, &report), 0);
	ck_assert_uint_eq(report.n_gave_up, 0);
	shmreg_fetch_add_release(&o->dir.death, 1);
	asleep_wake_for_nothing(&o->dir.death);
	for (i = 0; i < WORKERS; i++) {
		struct account *a = &o->account[i];

		if (!gone[i])
			continue;
		for (; a->pushing > 0; a->pushing--, a->next++)
			shmreg_fetch_or_acq_rel(&o->seen[i][a->next], (uint8_t)EXCUSED);
		f += a->popping;
		a->popping = 0;
	}
}

static void kill_these(const bool gone[WORKERS])
{
	for (unsigned int i = 0; i < WORKERS; i++)
		if (gone[i])
			torture_kill(pid[i]);
	bury(gone);
}

static bool moves(uint64_t before)
{
	return shmreg_load_acquire(&shm->head) != before;
}

/* Nor is anything to be delivered again, or in somebody's hands. */
static bool is_empty(uint64_t unused)
{
	(void)unused;
	return queue_is_clean(shm, &shape);
}

static bool are_seen(uint64_t n)
{
	uint64_t seen = 0;

	for (uint64_t i = 0; i < n; i++)
		seen += shmreg_load_acquire(&o->seen[PARENT][i]);
	return seen == n;
}

static bool used_up(void)
{
	return shmreg_load_acquire(&o->account[0].next) > MAX_SEQ / 16 * 15 ||
	       shmreg_load_acquire(&o->account[1].next) > MAX_SEQ / 16 * 15;
}

/* Nobody pushes any more: consumers who all sleep take all nevertheless. */
static void drain(void)
{
	static const bool gone[WORKERS] = { true, true };

	kill_these(gone);
	torture_await(is_empty, 0, "elements are left, and all sleep");
}

static void torment(uint64_t kills, struct random_state *r)
{
	for (uint64_t i = 1; i <= kills && !used_up(); i++) {
		const struct timespec pause = { 0, (long)random_below(r, 1000000) };
		const unsigned int stopped = (unsigned int)random_below(r, 2 * WORKERS);
		bool gone[WORKERS] = { false };
		unsigned int w;

		nanosleep(&pause, NULL);
		if (stopped < WORKERS)
			kill(pid[stopped], SIGSTOP);
		for (uint64_t n = random_below(r, 3); n > 0; n--)
			gone[random_below(r, WORKERS)] = true;
		if (stopped < WORKERS)
			gone[stopped] = false;
		kill_these(gone);
		for (w = 0; w < WORKERS; w++)
			if (gone[w])
				spawn(w, i);
		/* Wake them for nothing, too. */
		if (random_below(r, 4) == 0)
			asleep_wake_for_nothing(&shm->items.half[SHMREG_EVENTCOUNT_COUNT]);
		if (stopped < WORKERS)
			kill(pid[stopped], SIGCONT);
		if (i % 2 == 0) {
			drain();
			for (w = 0; w < PRODUCERS; w++)
				spawn(w, kills + i);
		} else if (i % 8 == 1)
			torture_await(moves, shmreg_load_acquire(&shm->head), "no element moves");
	}
}

/* Nobody pushes any more: all is taken, and who is left asleep can be woken. */
static void finish(void)
{
	bool gone[WORKERS] = { false };
	uint64_t elems[CONSUMERS];
	struct shmreg_queue q;

	drain();
	for (unsigned int i = PRODUCERS; i < WORKERS; i++)
		asleep_await(pid[i], pid[i]);
	ck_assert(is_empty(0));
	queue_bind(&q, shm, &shape, 4000);
	for (uint64_t i = 0; i < CONSUMERS; i++) {
		elems[i] = (uint64_t)PARENT << 32 | i;
		ck_assert_int_eq(shmreg_queue_push_wait(&q, &elems[i], NULL), 0);
	}
	torture_await(are_seen, CONSUMERS, "the last ones are not taken");
	for (unsigned int i = PRODUCERS; i < WORKERS; i++)
		asleep_await(pid[i], pid[i]);
	for (unsigned int i = PRODUCERS; i < WORKERS; i++)
		gone[i] = true;
	kill_these(gone);
	ck_assert_msg(queue_is_clean(shm, &shape), "a slot is not free: wedged or leaked");
}

static void audit(void)
{
	uint64_t missing = 0, unique = 0;

	for (unsigned int w = 0; w < WORKERS; w++)
		ck_assert_uint_eq(o->account[w].failed, 0);
	for (unsigned int w = 0; w < PRODUCERS; w++)
		for (uint64_t i = 0; i < o->account[w].next; i++) {
			const uint8_t seen = o->seen[w][i];

			ck_assert_msg((seen & ~EXCUSED) <= 1, "an element came twice");
			unique += seen & 1;
			missing += seen == 0;
		}
	printf("%llu popped, %llu missing, of at most %llu and %llu dropped\n",
	       (unsigned long long)unique, (unsigned long long)missing, (unsigned long long)f,
	       (unsigned long long)shm->n_dropped);
	ck_assert_uint_le(missing, f + shm->n_dropped);
	ck_assert_uint_gt(unique, 0);
}

static const struct {
	uint64_t capacity;
	uint32_t flags;
	uint64_t kills;
} runs[] = {
	{ 2, 0, 150 },
	{ 2, SHMREG_QUEUE_REDELIVER, 150 },
	{ 8, 0, 150 },
	{ 8, SHMREG_QUEUE_REDELIVER, 200 },
	{ 64, SHMREG_QUEUE_REDELIVER, 100 },
};

START_TEST(torture)
{
	struct random_state r;

	ck_assert_int_eq(waiter_register(), 0);
	torture_begin(&r, (uint64_t)_i);
	shape = shape_of(runs[_i].capacity, 8, 8);
	shape.flags = runs[_i].flags;
	shm = map(&shape);
	o = torture_map(sizeof(*o));
	o->entry.state = SHMREG_ENTRY_LIVE;
	o->entry.id = 5;
	segment.dir = &o->dir;
	for (unsigned int w = 0; w < WORKERS; w++)
		spawn(w, 0);
	torment(torture_scaled(runs[_i].kills), &r);
	finish();
	audit();
	munmap(o, sizeof(*o));
	plain_unmap(shm, &shape);
}
END_TEST

int main(void)
{
	return RUN_LOOP("queue-wait-torture", torture, runs);
}
