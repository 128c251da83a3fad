/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <string.h>

#include "soak.h"

/* Queues, of both flavours: the variant is the flags. A worker has one. */
static struct shmreg_queue *queues[N_STAGES];

#define Q(stage) queues[stage_number(stage)]

static struct shmreg_queue_params params_of(const struct stage *stage)
{
	return (struct shmreg_queue_params){ .size = sizeof(struct shmreg_queue_params),
					     .capacity = 32,
					     .elem_bytes = sizeof(struct item),
					     .elem_align = 8,
					     .flags = stage->variant };
}

void queue_create(const struct stage *stage, struct shmreg_segment *segment)
{
	const struct shmreg_queue_params params = params_of(stage);

	must(shmreg_queue_create(segment, &Q(stage), "q", &params));
}

bool queue_is_empty(const struct stage *stage)
{
	return shmreg_queue_length(Q(stage)) == 0;
}

void queue_poke(const struct stage *stage, struct shmreg_segment *segment)
{
	const struct item stop = item_make(NO_LANE, 0);
	const int r = shmreg_queue_push(Q(stage), &stop);

	(void)segment;
	if (r != -EAGAIN)
		must(r);
}

void queue_open(struct client *c)
{
	const struct shmreg_queue_params params = params_of(c->stage);

	must(shmreg_queue_open(c->segment, &Q(c->stage), "q", &params));
}

void queue_close(struct client *c)
{
	must(shmreg_queue_close(Q(c->stage)));
}

static void reserve(struct client *c, struct shmreg_queue *q, const struct item *item, bool abort)
{
	struct shmreg_queue_lease lease;

	must(shmreg_queue_reserve_wait(q, &lease, NULL));
	if (abort) {
		must(shmreg_queue_abort(q, &lease));
		must(shmreg_queue_reserve_wait(q, &lease, NULL));
	}
	memcpy(lease.elem, item, sizeof(*item));
	sudden_while_held(c);
	must(shmreg_queue_commit(q, &lease));
	atomic_fetch_add(&c->books->n_waits, 1);
}

void queue_produce(struct client *c)
{
	struct shmreg_queue *q = Q(c->stage);
	const uint64_t how = random_below(&c->random, 6);
	const uint32_t n = how == 1 ? 1 + (uint32_t)random_below(&c->random, 8) : 1;
	const uint32_t seq = lane_take(c, n);
	struct item item[8];
	int r;

	if (seq == 0)
		return;
	for (uint32_t i = 0; i < n; i++)
		item[i] = item_make(c->lane, seq + i);
	switch (how) {
	case 0:
		while ((r = shmreg_queue_push(q, item)) == -EAGAIN)
			watch_wait(c, &q->handle, SHMREG_WAIT_SPACE);
		must(r);
		break;
	case 1:
		must(shmreg_queue_push_batch_wait(q, item, n, n, NULL));
		break;
	case 2:
	case 3:
		reserve(c, q, item, how == 3);
		break;
	default:
		while ((r = shmreg_queue_push(q, item)) == -EAGAIN) {
			const struct timespec soon = shmreg_deadline(200000);

			r = shmreg_queue_push_wait(q, item, how == 4 ? NULL : &soon);
			atomic_fetch_add(&c->books->n_waits, 1);
			if (r != -ETIMEDOUT)
				break;
		}
		must(r);
	}
	lane_certain(c, seq, n);
}

static void lend(struct client *c, struct shmreg_queue *q, bool refuse)
{
	struct shmreg_queue_lease lease;

	hands_begin(c, DOING_LEASE);
	must(shmreg_queue_acquire_wait(q, &lease, NULL));
	atomic_fetch_add(&c->books->n_waits, 1);
	if (refuse) {
		must(shmreg_queue_refuse(q, &lease));
	} else {
		memcpy(&c->me->hand[0], lease.elem, sizeof(struct item));
		item_seen(c, &c->me->hand[0]);
		sudden_while_held(c);
		must(shmreg_queue_release(q, &lease));
	}
	hands_end(c);
}

static void pop(struct client *c, struct shmreg_queue *q, int how)
{
	struct item *hand = c->me->hand;
	int n;

	hands_begin(c, DOING_POP);
	if (how == 0) {
		n = shmreg_queue_pop_batch_wait(q, hand, HAND, NULL);
	} else if (how == 1) {
		n = shmreg_queue_pop_wait(q, hand, NULL);
		n = n == 0 ? 1 : n;
	} else {
		const struct timespec soon = shmreg_deadline(200000);

		n = shmreg_queue_pop_wait(q, hand, &soon);
		n = n == 0 ? 1 : n == -ETIMEDOUT ? 0 : n;
	}
	must(n);
	for (int i = 0; i < n; i++)
		item_seen(c, &hand[i]);
	hands_end(c);
	atomic_fetch_add(&c->books->n_waits, 1);
}

void queue_consume(struct client *c)
{
	struct shmreg_queue *q = Q(c->stage);
	const int how = (int)random_below(&c->random, 8);

	switch (how) {
	case 3:
		watch_wait(c, &q->handle, SHMREG_WAIT_ITEMS);
		pop(c, q, 2);
		break;
	case 4:
		lend(c, q, !atomic_load(&ledger->quiet));
		break;
	case 5:
	case 6:
		lend(c, q, false);
		break;
	default:
		pop(c, q, how);
	}
}

void queue_judge(const struct stage *stage, struct books *b, struct row *row)
{
	struct shmreg_queue_stats stats = { .size = sizeof(stats) };
	struct shmreg_queue *q = Q(stage);
	struct item item;

	while (shmreg_queue_pop(q, &item) == 0)
		if (!item_is_good(&item))
			complain("%s: what is left is torn", stage->name);
		else if (item.lane != NO_LANE)
			atomic_fetch_add(&b->seen[item.lane][item.seq], 1);
	must(shmreg_queue_stat(q, &stats));
	row->repaired += stats.n_aborted + stats.n_dropped + stats.n_redelivered;
	row->dropped += stats.n_dropped;
	row->redelivered += stats.n_redelivered;
	row->lost += judge_items(b, stats.n_dropped);
	must(shmreg_queue_close(q));
}
