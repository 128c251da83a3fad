/* SPDX-License-Identifier: MIT */
#include "object-queue-rig.h"

static void begin(struct actor *a)
{
	shmreg_store_release(&a->log.started, 1);
}

static void finish(struct actor *a)
{
	shmreg_store_release(&a->log.finished, 1);
}

static void sent(struct actor *a, int result)
{
	shmreg_store_release(&a->log.result, result);
	if (result == 0)
		shmreg_store_release(&a->log.n_sent, a->log.n_sent + 1);
}

/* @object: before it was given away. @holds: 0 if it was. */
static void taken(struct actor *a, int result, const struct item *item, shmreg_pool_ref holds)
{
	const uint32_t n = a->log.n_taken;

	shmreg_store_release(&a->log.result, result);
	if (result != 0)
		return;
	a->log.taken[n] = item_whole(item) ? item->value : 0;
	a->log.holds[n] = holds;
	shmreg_store_release(&a->log.n_taken, n + 1);
}

static struct item item_at(struct actor *a, shmreg_pool_ref ref)
{
	const struct item *item = shmreg_pool_get(&a->pool, ref);

	return item != NULL ? *item : (struct item){ 0 };
}

static void run_send(void *arg)
{
	struct actor *a = arg;

	begin(a);
	sent(a, shmreg_object_queue_send(&a->queue, a->own[0]));
	finish(a);
}

static void receive(struct actor *a)
{
	shmreg_pool_ref ref = 0;
	const int r = shmreg_object_queue_receive(&a->queue, &ref);
	const struct item item = r == 0 ? item_at(a, ref) : (struct item){ 0 };

	taken(a, r, &item, ref);
}

static void run_receive(void *arg)
{
	struct actor *a = arg;

	begin(a);
	receive(a);
	finish(a);
}

static void run_acquire_release(void *arg)
{
	struct actor *a = arg;
	struct shmreg_object_lease lease = { 0 };
	struct item item = { 0 };
	int r;

	begin(a);
	r = shmreg_object_queue_acquire(&a->queue, &lease);
	if (r == 0) {
		item = *(const struct item *)lease.object;
		r = shmreg_object_queue_release(&a->queue, &lease);
	}
	taken(a, r, &item, 0);
	finish(a);
}

static void run_acquire_refuse(void *arg)
{
	struct actor *a = arg;
	struct shmreg_object_lease lease = { 0 };
	int r;

	begin(a);
	r = shmreg_object_queue_acquire(&a->queue, &lease);
	if (r == 0)
		r = shmreg_object_queue_refuse(&a->queue, &lease);
	shmreg_store_release(&a->log.result, r);
	finish(a);
}

/* Two objects lent out at once; the second is kept, the first done with. */
static void run_two_leases(void *arg)
{
	struct actor *a = arg;
	struct shmreg_object_lease one, two;
	struct item item = { 0 };
	int r;

	begin(a);
	r = shmreg_object_queue_acquire(&a->queue, &one);
	if (r == 0 && shmreg_object_queue_acquire(&a->queue, &two) == 0) {
		r = shmreg_object_queue_keep(&a->queue, &two);
		item = item_at(a, two.ref);
		taken(a, r, &item, two.ref);
	}
	if (r == 0) {
		item = *(const struct item *)one.object;
		r = shmreg_object_queue_release(&a->queue, &one);
	}
	taken(a, r, &item, 0);
	finish(a);
}

static void run_receive_release(void *arg)
{
	struct actor *a = arg;
	shmreg_pool_ref ref;

	begin(a);
	receive(a);
	ref = a->log.holds[0];
	if (a->log.n_taken == 1 && shmreg_pool_release(&a->pool, ref) == 0)
		shmreg_store_release(&a->log.holds[0], 0);
	finish(a);
}

#define EFFECT(send, take, refuses)                                                               \
	&(const struct effect)                                                                    \
	{                                                                                         \
		send, take, refuses                                                               \
	}
const struct operation object_queue_operations[] = {
	[SEND] = { "send", run_send, OPERATION_PAIR, EFFECT(1, 0, false) },
	[RECEIVE] = { "receive", run_receive, OPERATION_PAIR, EFFECT(0, 1, false) },
	[ACQUIRE_RELEASE] = { "acquire, release", run_acquire_release, 0, EFFECT(0, 1, false) },
	[ACQUIRE_REFUSE] = { "acquire, refuse", run_acquire_refuse, 0, EFFECT(0, 1, true) },
	[TWO_LEASES] = { "two acquires, keep, release", run_two_leases, 0, EFFECT(0, 2, false) },
	[RECEIVE_RELEASE] = { "receive, release", run_receive_release, 0, EFFECT(0, 1, false) },
};

static void run_hasty_send(void *arg)
{
	struct actor *a = arg;
	struct shmreg_object_queue *q = &a->queue;
	const uint64_t index = shmreg_pool_ref_index(a->own[0]);
	uint64_t word = shmreg_pool_word_free(a->own[0]) | q->claim;
	struct shmreg_queue_claim_ claim;
	int r;

	begin(a);
	r = shmreg_queue_claim_push_one_(&q->queue, 16, &claim);
	if (r == 1) {
		shmreg_store_relaxed(shmreg_object_queue_ref_(claim.slot), a->own[0]);
		shmreg_store_release(shmreg_queue_word_(claim.slot), claim.lap | SHMREG_QUEUE_READY);
		shmreg_cas_acq_rel(&q->owner[index], &word,
				   shmreg_object_queue_sent_(q, a->own[0], claim.pos));
		r = 0;
	}
	sent(a, r);
	finish(a);
}
const struct operation hasty_send = { "hasty send", run_hasty_send, 0, EFFECT(1, 0, false) };

static void run_hasty_receive(void *arg)
{
	struct actor *a = arg;
	struct shmreg_object_queue *q = &a->queue;
	struct shmreg_queue_claim_ claim;
	struct item item = { 0 };
	uint64_t ref = 0, word;
	int r;

	begin(a);
	r = shmreg_queue_claim_pop_one_(&q->queue, 16, &claim);
	if (r == 1) {
		ref = shmreg_load_relaxed(shmreg_object_queue_ref_(claim.slot));
		shmreg_store_release(shmreg_queue_word_(claim.slot), claim.lap + q->queue.lap);
		word = shmreg_object_queue_sent_(q, ref, claim.pos);
		shmreg_cas_acq_rel(&q->owner[shmreg_pool_ref_index(ref)], &word,
				   shmreg_pool_word_free(ref) | q->claim);
		item = item_at(a, ref);
		r = 0;
	}
	taken(a, r, &item, ref);
	finish(a);
}
const struct operation hasty_receive = { "hasty receive", run_hasty_receive, 0,
					 EFFECT(0, 1, false) };
