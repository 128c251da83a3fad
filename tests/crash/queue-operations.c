/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "queue-rig.h"
#include "waiter.h"

SHMREG_DEFINE_QUEUE(item_queue, struct item);

/*
 * The log is written with release stores after each call, so that it says no more
 * than what has returned, and the compiler merges nothing.
 */
static void begin(struct actor *a)
{
	shmreg_store_release(&a->log.started, 1);
}

static void finish(struct actor *a)
{
	shmreg_store_release(&a->log.finished, 1);
}

static void pushed(struct actor *a, int result, uint32_t n)
{
	shmreg_store_release(&a->log.result, result);
	if (result >= 0)
		shmreg_store_release(&a->log.n_pushed, a->log.n_pushed + n);
}

static void popped(struct actor *a, int result, const struct item *items, uint32_t n)
{
	shmreg_store_release(&a->log.result, result);
	if (result < 0)
		return;
	for (uint32_t i = 0; i < n; i++)
		a->log.popped[a->log.n_popped + i] = item_whole(&items[i]) ? items[i].value : 0;
	shmreg_store_release(&a->log.n_popped, a->log.n_popped + n);
}

static void run_push(void *arg)
{
	struct actor *a = arg;
	struct item item = item_of(a->first_value);

	begin(a);
	pushed(a, shmreg_queue_push(&a->queue, &item), 1);
	finish(a);
}

static void run_pop(void *arg)
{
	struct actor *a = arg;
	struct item item;

	begin(a);
	popped(a, shmreg_queue_pop(&a->queue, &item), &item, 1);
	finish(a);
}

static void run_push_batch(void *arg)
{
	struct actor *a = arg;
	struct item items[2] = { item_of(a->first_value), item_of(a->first_value + 1) };

	begin(a);
	pushed(a, shmreg_queue_push_batch(&a->queue, items, 2, 2), 2);
	finish(a);
}

static void run_pop_batch(void *arg)
{
	struct actor *a = arg;
	struct item items[2];
	int n;

	begin(a);
	n = shmreg_queue_pop_batch(&a->queue, items, 2);
	popped(a, n, items, n > 0 ? (uint32_t)n : 0);
	finish(a);
}

static void fill(const struct shmreg_queue_lease *lease, uint64_t value)
{
	struct item *item = lease->elem;

	*item = item_of(value);
}

static void run_reserve_commit(void *arg)
{
	struct actor *a = arg;
	struct shmreg_queue_lease lease;
	int r;

	begin(a);
	r = shmreg_queue_reserve(&a->queue, &lease);
	if (r == 0) {
		fill(&lease, a->first_value);
		r = shmreg_queue_commit(&a->queue, &lease);
	}
	pushed(a, r, 1);
	finish(a);
}

static void run_reserve_abort(void *arg)
{
	struct actor *a = arg;
	struct shmreg_queue_lease lease;
	int r;

	begin(a);
	r = shmreg_queue_reserve(&a->queue, &lease);
	if (r == 0) {
		fill(&lease, a->first_value);
		r = shmreg_queue_abort(&a->queue, &lease);
	}
	pushed(a, r, 0);
	finish(a);
}

static void run_acquire_release(void *arg)
{
	struct actor *a = arg;
	struct shmreg_queue_lease lease;
	struct item item;
	int r;

	begin(a);
	r = shmreg_queue_acquire(&a->queue, &lease);
	if (r == 0) {
		item = *(const struct item *)lease.elem;
		r = shmreg_queue_release(&a->queue, &lease);
	}
	popped(a, r, &item, 1);
	finish(a);
}

static void run_acquire_refuse(void *arg)
{
	struct actor *a = arg;
	struct shmreg_queue_lease lease;
	int r;

	begin(a);
	r = shmreg_queue_acquire(&a->queue, &lease);
	if (r == 0)
		r = shmreg_queue_refuse(&a->queue, &lease);
	popped(a, r, NULL, 0);
	finish(a);
}

static void run_typed_push(void *arg)
{
	struct actor *a = arg;
	const struct item item = item_of(a->first_value);

	begin(a);
	pushed(a, item_queue_push((struct item_queue *)&a->queue, &item), 1);
	finish(a);
}

static void run_typed_pop(void *arg)
{
	struct actor *a = arg;
	struct item item;

	begin(a);
	popped(a, item_queue_pop((struct item_queue *)&a->queue, &item), &item, 1);
	finish(a);
}

/* Two slots lent out at once, finished in the other order. */
static void run_two_reserves(void *arg)
{
	struct actor *a = arg;
	struct shmreg_queue_lease one, two;
	int r;

	begin(a);
	r = shmreg_queue_reserve(&a->queue, &one);
	if (r == 0) {
		fill(&one, a->first_value);
		if (shmreg_queue_reserve(&a->queue, &two) == 0) {
			fill(&two, a->first_value + 1);
			shmreg_queue_abort(&a->queue, &two);
		}
		r = shmreg_queue_commit(&a->queue, &one);
	}
	pushed(a, r, 1);
	finish(a);
}

static void run_two_acquires(void *arg)
{
	struct actor *a = arg;
	struct shmreg_queue_lease one, two;
	struct item item;
	int r;

	begin(a);
	r = shmreg_queue_acquire(&a->queue, &one);
	if (r == 0) {
		if (shmreg_queue_acquire(&a->queue, &two) == 0)
			shmreg_queue_refuse(&a->queue, &two);
		item = *(const struct item *)one.elem;
		r = shmreg_queue_release(&a->queue, &one);
	}
	popped(a, r, &item, 1);
	finish(a);
}

/* One handle in both roles, one call after the other. */
static void run_push_pop(void *arg)
{
	struct actor *a = arg;
	struct item item = item_of(a->first_value);

	begin(a);
	pushed(a, shmreg_queue_push(&a->queue, &item), 1);
	popped(a, shmreg_queue_pop(&a->queue, &item), &item, 1);
	finish(a);
}

/* What comes while it looks the second time is for it, as what was there at once. */
static void run_pop_again(void *arg)
{
	struct actor *a = arg;
	struct item item;
	int r;

	begin(a);
	r = shmreg_queue_pop(&a->queue, &item);
	for (int i = 0; i < 2 && r == -EAGAIN; i++)
		r = shmreg_queue_pop(&a->queue, &item);
	popped(a, r, &item, 1);
	finish(a);
}

/* For whose deadline see queue-sleep.c. */
static const struct timespec deadline = { INT32_MAX, 0 };

static void run_pop_wait(void *arg)
{
	struct actor *a = arg;
	struct item item;

	begin(a);
	queue_wait_by(a);
	popped(a, shmreg_queue_pop_wait(&a->queue, &item, &deadline), &item, 1);
	finish(a);
}

static void run_push_wait(void *arg)
{
	struct actor *a = arg;
	struct item item = item_of(a->first_value);

	begin(a);
	queue_wait_by(a);
	pushed(a, shmreg_queue_push_wait(&a->queue, &item, &deadline), 1);
	finish(a);
}

static void run_push_batch_wait(void *arg)
{
	struct actor *a = arg;
	struct item items[2] = { item_of(a->first_value), item_of(a->first_value + 1) };

	begin(a);
	queue_wait_by(a);
	pushed(a, shmreg_queue_push_batch_wait(&a->queue, items, 2, 2, &deadline), 2);
	finish(a);
}

#define EFFECT(push, take, together, refuses)                                                     \
	&(const struct effect)                                                                    \
	{                                                                                         \
		push, take, together, refuses, false                                              \
	}
#define WAITS(push, take)                                                                         \
	&(const struct effect)                                                                    \
	{                                                                                         \
		push, take, true, false, true                                                     \
	}
#define RACE (OPERATION_PAIR | OPERATION_RACE)
#define WAKES (RACE | OPERATION_RESUME)
const struct operation queue_operations[N_QUEUE_OPERATIONS] = {
	[PUSH] = { "push", run_push, WAKES, EFFECT(1, 0, true, false) },
	[POP] = { "pop", run_pop, WAKES, EFFECT(0, 1, false, false) },
	[PUSH_BATCH] = { "push_batch", run_push_batch, WAKES, EFFECT(2, 0, true, false) },
	[POP_BATCH] = { "pop_batch", run_pop_batch, RACE, EFFECT(0, 2, false, false) },
	[RESERVE_COMMIT] = { "reserve, commit", run_reserve_commit, OPERATION_PAIR,
			     EFFECT(1, 0, true, false) },
	[RESERVE_ABORT] = { "reserve, abort", run_reserve_abort, OPERATION_PAIR,
			    EFFECT(0, 0, true, false) },
	[ACQUIRE_RELEASE] = { "acquire, release", run_acquire_release, OPERATION_PAIR,
			      EFFECT(0, 1, false, false) },
	[ACQUIRE_REFUSE] = { "acquire, refuse", run_acquire_refuse, OPERATION_PAIR,
			     EFFECT(0, 1, false, true) },
	[TYPED_PUSH] = { "push (typed)", run_typed_push, 0, EFFECT(1, 0, true, false) },
	[TYPED_POP] = { "pop (typed)", run_typed_pop, 0, EFFECT(0, 1, false, false) },
	[TWO_RESERVES] = { "two reserves", run_two_reserves, 0, EFFECT(1, 0, true, false) },
	[TWO_ACQUIRES] = { "two acquires", run_two_acquires, 0, EFFECT(0, 2, false, true) },
	[PUSH_POP] = { "push, pop", run_push_pop, 0, EFFECT(1, 1, true, false) },
	[POP_AGAIN] = { "pop_again", run_pop_again, WAKES, EFFECT(0, 1, false, false) },
	[POP_WAIT] = { "pop_wait", run_pop_wait, OPERATION_RESUME, WAITS(0, 1) },
	[PUSH_WAIT] = { "push_wait", run_push_wait, OPERATION_RESUME, WAITS(1, 0) },
	[PUSH_BATCH_WAIT] = { "push_batch_wait", run_push_batch_wait, OPERATION_RESUME, WAITS(2, 0) },
};
/* Claims without recording, as if the last claim had been its own. */
static void run_careless_push(void *arg)
{
	struct actor *a = arg;
	struct shmreg_queue *q = &a->queue;
	struct shmreg_queue_shm *shm = shmreg_queue_shm_(q);
	const struct item item = item_of(a->first_value);
	uint64_t c = shmreg_load_acquire(&shm->tail);
	unsigned char *const slot = shmreg_queue_slot_(q, c, q->stride);
	const uint64_t lap = c & q->lap_mask;
	int r = -EAGAIN;

	begin(a);
	if (shmreg_load_acquire(shmreg_queue_word_(slot)) == lap &&
	    shmreg_cas_acq_rel(&shm->tail, &c, (c & ~SHMREG_QUEUE_LOW_MASK) + q->claim)) {
		memcpy(slot + q->elem_offset, &item, sizeof(item));
		shmreg_store_release(shmreg_queue_word_(slot), lap | SHMREG_QUEUE_READY);
		r = 0;
	}
	pushed(a, r, 1);
	finish(a);
}
const struct operation careless_push = { "careless push", run_careless_push, 0,
					 EFFECT(1, 0, true, false) };

static void run_hasty_batch(void *arg)
{
	struct actor *a = arg;
	struct shmreg_queue *q = &a->queue;
	uint64_t first, pos;
	int n;

	begin(a);
	n = shmreg_queue_claim_push(q, 2, 2, &first);
	for (int i = 0; i < n; i++) {
		unsigned char *slot;

		pos = first + ((uint64_t)i << SHMREG_QUEUE_POS_SHIFT);
		slot = shmreg_queue_slot_(q, pos, q->stride);
		*(struct item *)(void *)(slot + q->elem_offset) =
			item_of(a->first_value + (uint64_t)i);
		shmreg_store_release(shmreg_queue_word_(slot),
				     (pos & q->lap_mask) | SHMREG_QUEUE_READY);
	}
	pushed(a, n, 2);
	finish(a);
}
const struct operation hasty_batch = { "hasty batch", run_hasty_batch, 0,
				       EFFECT(2, 0, true, false) };

static void run_careless_acquire(void *arg)
{
	struct actor *a = arg;
	uint64_t one, two;
	int r;

	begin(a);
	r = shmreg_queue_claim_pop(&a->queue, 1, &one);
	if (r == 1)
		r = shmreg_queue_claim_pop(&a->queue, 1, &two);
	(void)r;
	finish(a);
}
const struct operation careless_acquire = { "careless acquire", run_careless_acquire, 0,
					    EFFECT(0, 2, false, false) };

static void run_silent_push(void *arg)
{
	struct actor *a = arg;
	struct shmreg_queue *q = &a->queue;
	struct shmreg_queue_claim_ claim;
	const struct item item = item_of(a->first_value);
	int r;

	begin(a);
	r = shmreg_queue_claim_push_one_(q, q->stride, &claim);
	if (r == 1) {
		memcpy(claim.slot + q->elem_offset, &item, sizeof(item));
		shmreg_store_release(shmreg_queue_word_(claim.slot),
				     claim.lap | SHMREG_QUEUE_READY);
	}
	pushed(a, r, 1);
	finish(a);
}
const struct operation silent_push = { "silent push", run_silent_push, 0,
				       EFFECT(1, 0, true, false) };

static void run_hasty_wait(void *arg)
{
	struct actor *a = arg;
	struct item item;
	struct waiter w;
	int r;

	begin(a);
	queue_wait_by(a);
	waiter_begin(&w, &a->queue.handle, &shmreg_queue_shm_(&a->queue)->items, &deadline);
	r = shmreg_queue_pop(&a->queue, &item);
	if (r == -EAGAIN && waiter_next(&w) == 0 && waiter_next(&w) == 0)
		r = shmreg_queue_pop(&a->queue, &item);
	popped(a, waiter_end(&w, r, shmreg_queue_length(&a->queue) > 0), &item, 1);
	finish(a);
}
const struct operation hasty_wait = { "hasty wait", run_hasty_wait, 0, WAITS(0, 1) };

static void run_selfish_wait(void *arg)
{
	struct actor *a = arg;
	struct item item;
	struct waiter w;
	int r;

	begin(a);
	queue_wait_by(a);
	waiter_begin(&w, &a->queue.handle, &shmreg_queue_shm_(&a->queue)->items, &deadline);
	r = shmreg_queue_pop(&a->queue, &item);
	if (r == -EAGAIN && waiter_next(&w) == 0)
		r = shmreg_queue_pop(&a->queue, &item);
	/* As if its deadline had passed as it was woken. */
	if (r == -EAGAIN)
		waiter_next(&w);
	popped(a, r, &item, 1);
	finish(a);
}
const struct operation selfish_wait = { "selfish wait", run_selfish_wait, 0, WAITS(0, 1) };
