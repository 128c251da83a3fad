/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <string.h>

#include "soak.h"

/* A pool, and a queue through which its objects travel; none may be missing in the end. */
#define OBJECTS 24

static const struct shmreg_pool_params pool_params = { .size = sizeof(pool_params),
						       .capacity = OBJECTS,
						       .elem_bytes = sizeof(struct item),
						       .elem_align = 64 };
static const struct shmreg_object_queue_params queue_params = { .size = sizeof(queue_params),
								.capacity = 16,
								.flags = SHMREG_QUEUE_REDELIVER };
static struct shmreg_pool *pool;
static struct shmreg_object_queue *queue;

static void open_both(struct shmreg_segment *segment)
{
	must(shmreg_pool_open_or_create(segment, &pool, "p", &pool_params));
	must(shmreg_object_queue_open_or_create(segment, &queue, "q", pool, &queue_params));
}

void object_create(const struct stage *stage, struct shmreg_segment *segment)
{
	(void)stage;
	open_both(segment);
}

bool object_is_empty(const struct stage *stage)
{
	(void)stage;
	return shmreg_queue_length(shmreg_object_queue_untyped(queue)) == 0;
}

void object_poke(const struct stage *stage, struct shmreg_segment *segment)
{
	const struct item stop = item_make(NO_LANE, 0);
	shmreg_pool_ref ref = SHMREG_POOL_NONE;
	int r = shmreg_pool_acquire_init(pool, &ref, &stop);

	(void)stage, (void)segment;
	if (r == -EAGAIN)
		return;
	must(r);
	r = shmreg_object_queue_send(queue, ref);
	if (r == -EAGAIN)
		r = shmreg_pool_release(pool, ref);
	must(r);
}

void object_open(struct client *c)
{
	open_both(c->segment);
}

void object_close(struct client *c)
{
	(void)c;
	must(shmreg_object_queue_close(queue));
	must(shmreg_pool_close(pool));
}

/* What others have to wait for, and the dead give back. */
static void hoard(void)
{
	shmreg_pool_ref refs[6];
	const int n = shmreg_pool_acquire_batch(pool, refs, 6, 2);

	if (n == -EAGAIN)
		return;
	must(n);
	nap(500);
	must(shmreg_pool_release_batch(pool, refs, (uint32_t)n));
}

void object_produce(struct client *c)
{
	const uint64_t how = random_below(&c->random, 16);
	shmreg_pool_ref ref = SHMREG_POOL_NONE;
	struct item item;
	uint32_t seq;
	int r;

	if (how == 0)
		hoard();
	if (how < 4)
		watch_wait(c, &pool->handle, SHMREG_WAIT_SPACE);
	seq = lane_take(c, 1);
	if (seq == 0)
		return;
	item = item_make(c->lane, seq);
	if (how % 2) {
		must(shmreg_pool_acquire_wait(pool, &ref, NULL));
		memcpy(shmreg_pool_get(pool, ref), &item, sizeof(item));
	} else {
		must(shmreg_pool_acquire_init_wait(pool, &ref, &item, NULL));
	}
	sudden_while_held(c);
	r = shmreg_object_queue_send(queue, ref);
	if (r == -EAGAIN)
		r = shmreg_object_queue_send_wait(queue, ref, NULL);
	must(r);
	lane_certain(c, seq, 1);
	atomic_fetch_add(&c->books->n_waits, 2);
}

static void receive(struct client *c)
{
	struct item *hand = c->me->hand;
	shmreg_pool_ref ref = SHMREG_POOL_NONE;

	hands_begin(c, DOING_RECEIVE);
	must(shmreg_object_queue_receive_wait(queue, &ref, NULL));
	memcpy(hand, shmreg_pool_get(pool, ref), sizeof(*hand));
	item_seen(c, hand);
	hands_end(c);
	sudden_while_held(c);
	must(shmreg_pool_release(pool, ref));
}

static void lend(struct client *c, uint64_t how)
{
	struct item *hand = c->me->hand;
	struct shmreg_object_lease lease;
	shmreg_pool_ref ref = SHMREG_POOL_NONE;

	hands_begin(c, DOING_LEASE);
	must(shmreg_object_queue_acquire_wait(queue, &lease, NULL));
	if (how == 0 && !atomic_load(&ledger->quiet)) {
		must(shmreg_object_queue_refuse(queue, &lease));
	} else {
		ref = lease.ref;
		memcpy(hand, lease.object, sizeof(*hand));
		item_seen(c, hand);
		sudden_while_held(c);
		if (how == 1) {
			must(shmreg_object_queue_keep(queue, &lease));
			must(shmreg_pool_release(pool, ref));
		} else {
			must(shmreg_object_queue_release(queue, &lease));
		}
	}
	hands_end(c);
}

void object_consume(struct client *c)
{
	const uint64_t how = random_below(&c->random, 8);

	if (how >= 6)
		watch_wait(c, &queue->queue.handle, SHMREG_WAIT_ITEMS);
	if (how >= 4 && how < 6)
		receive(c);
	else
		lend(c, how);
	atomic_fetch_add(&c->books->n_waits, 1);
}

void object_judge(const struct stage *stage, struct books *b, struct row *row)
{
	struct shmreg_queue_stats stats = { .size = sizeof(stats) };
	struct shmreg_pool_stats pooled = { .size = sizeof(pooled) };
	struct item item;
	shmreg_pool_ref ref = SHMREG_POOL_NONE;

	while (shmreg_object_queue_receive(queue, &ref) == 0) {
		memcpy(&item, shmreg_pool_get(pool, ref), sizeof(item));
		if (!item_is_good(&item))
			complain("%s: what is left is torn", stage->name);
		else if (item.lane != NO_LANE)
			atomic_fetch_add(&b->seen[item.lane][item.seq], 1);
		must(shmreg_pool_release(pool, ref));
	}
	must(shmreg_queue_stat(shmreg_object_queue_untyped(queue), &stats));
	must(shmreg_pool_stat(pool, &pooled));
	if (pooled.n_free != OBJECTS)
		complain("%s: %llu objects are held and %llu sent, and nobody is there",
			 stage->name, (unsigned long long)pooled.n_held,
			 (unsigned long long)pooled.n_sent);
	row->repaired += stats.n_aborted + stats.n_redelivered + pooled.n_reclaimed;
	row->dropped += stats.n_dropped;
	row->redelivered += stats.n_redelivered;
	row->lost += judge_items(b, b->n_unknown) + OBJECTS - pooled.n_free;
	must(shmreg_object_queue_close(queue));
	must(shmreg_pool_close(pool));
}
