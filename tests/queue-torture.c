/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include "queue-torture.h"

struct oracle *o;
struct shmreg_shape shape;
void *base;
int mode;
const uint32_t seats[WORKERS] = { 1, 63, 64, 2000, 4095 };

static void fill(struct elem *e, uint64_t worker, uint64_t seq)
{
	e->worker = worker;
	e->seq = seq;
	e->fill[0] = e->fill[46] = e->fill[92] = ~seq;
	e->check = mix(worker, seq);
}

void enter(struct account *a, const struct elem *e, uint64_t last[WORKERS])
{
	if (e->worker >= WORKERS || e->seq >= MAX_SEQ || e->check != mix(e->worker, e->seq) ||
	    e->fill[0] != ~e->seq || e->fill[46] != ~e->seq || e->fill[92] != ~e->seq) {
		a->torn++;
		return;
	}
	if ((mode & FIFO) && e->seq < last[e->worker])
		a->disorder++;
	last[e->worker] = e->seq + 1;
	shmreg_fetch_add_relaxed(&o->seen[e->worker][e->seq], 1);
}

/* Work on a leased element, without letting the processor go. */
static void hold(struct random_state *r)
{
	uint64_t n = random_below(r, 8) == 0 ? random_below(r, 5000) : 0;

	while (n-- > 0)
		__asm__ __volatile__("" : : : "memory");
}

static void produce(struct shmreg_queue *q, struct account *a, uint64_t me, struct random_state *r)
{
	const uint64_t n = 1 + random_below(r, BATCH < shape.capacity ? BATCH : shape.capacity);
	struct shmreg_queue_lease lease;
	struct elem e[BATCH];
	uint64_t i;
	int got;

	if (a->next + BATCH >= MAX_SEQ)
		return;
	switch (random_below(r, 3)) {
	case 0:
		fill(e, me, a->next);
		a->pushing_min = 1;
		shmreg_store_release(&a->pushing, 1);
		got = shmreg_queue_push(q, e);
		if (got == 0)
			shmreg_store_release(&a->next, a->next + 1);
		break;
	case 1:
		for (i = 0; i < n; i++)
			fill(&e[i], me, a->next + i);
		a->pushing_min = random_below(r, 2) ? n : 1 + random_below(r, n);
		shmreg_store_release(&a->pushing, n);
		got = shmreg_queue_push_batch(q, e, (uint32_t)n, (uint32_t)a->pushing_min);
		if (got > (int)n || (got >= 0 && got < (int)a->pushing_min))
			a->failed++;
		if (got > 0)
			shmreg_store_release(&a->next, a->next + (uint64_t)got);
		break;
	default:
		got = shmreg_queue_reserve(q, &lease);
		if (got < 0)
			break;
		hold(r);
		if ((mode & ABORT) && random_below(r, 4) == 0) {
			shmreg_store_release(&a->aborting, 1);
			got = shmreg_queue_abort(q, &lease);
			shmreg_store_release(&a->n_aborted, a->n_aborted + 1);
			shmreg_store_release(&a->aborting, 0);
			break;
		}
		fill(lease.elem, me, a->next);
		a->pushing_min = 1;
		shmreg_store_release(&a->pushing, 1);
		got = shmreg_queue_commit(q, &lease);
		if (got == 0)
			shmreg_store_release(&a->next, a->next + 1);
	}
	shmreg_store_release(&a->pushing, 0);
	if (got < 0 && got != -EAGAIN && got != -EBUSY)
		a->failed++;
}

static void consume(struct shmreg_queue *q, struct account *a, uint64_t last[WORKERS],
		    struct random_state *r)
{
	const uint64_t n = 1 + random_below(r, BATCH);
	struct shmreg_queue_lease lease;
	struct elem e[BATCH];
	int got, i;

	switch (mode & LEASES ? 2 : random_below(r, 3)) {
	case 0:
		shmreg_store_release(&a->popping, 1);
		got = shmreg_queue_pop(q, e);
		if (got == 0)
			enter(a, e, last);
		shmreg_store_release(&a->popping, 0);
		break;
	case 1:
		shmreg_store_release(&a->popping, n);
		got = shmreg_queue_pop_batch(q, e, (uint32_t)n);
		if (got > (int)n || got == 0)
			a->failed++;
		for (i = 0; i < got; i++)
			enter(a, &e[i], last);
		shmreg_store_release(&a->popping, 0);
		break;
	default:
		got = shmreg_queue_acquire(q, &lease);
		if (got < 0)
			break;
		hold(r);
		if ((mode & REFUSE) && random_below(r, 4) == 0) {
			got = shmreg_queue_refuse(q, &lease);
			break;
		}
		e[0] = *(struct elem *)lease.elem;
		if (e[0].worker < WORKERS && e[0].seq < MAX_SEQ)
			shmreg_store_release(&a->processing, e[0].worker * MAX_SEQ + e[0].seq + 1);
		enter(a, e, last);
		got = shmreg_queue_release(q, &lease);
		shmreg_store_release(&a->processing, 0);
	}
	if (got < 0 && got != -EAGAIN && got != -EBUSY)
		a->failed++;
}

void work(unsigned int me, uint64_t incarnation)
{
	struct random_state r = { mix(seed, incarnation * WORKERS + me) };
	struct account *a = &o->account[me];
	uint64_t last[WORKERS] = { 0 };
	struct shmreg_queue q;

	queue_bind(&q, base, &shape, seats[me]);
	while (!shmreg_load_acquire(&o->stop)) {
		/* Each has its own inclination, so that the queue is now full, now empty. */
		if (random_below(&r, 16) < 6 + me)
			produce(&q, a, me, &r);
		else
			consume(&q, a, last, &r);
		/* Not after each round: one who yields is never found half-way. */
		if ((++a->n_ops & 1023) == 0)
			sched_yield();
	}
	_exit(0);
}
