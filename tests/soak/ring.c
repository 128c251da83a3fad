/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <string.h>

#include "soak.h"

/*
 * Ring and ring of records. An item's number is its position and 1 more, and a successor learns from
 * the ring where its predecessor was: nothing is uncertain but what a dead consumer had noted.
 */
#define PAD 96
struct padded {
	struct item item;
	uint8_t pad[PAD];
};

static const struct shmreg_ring_params ring_params = { .size = sizeof(ring_params),
						       .capacity = 64,
						       .elem_bytes = sizeof(struct item),
						       .elem_align = 8 };
static const struct shmreg_record_params record_params = { .size = sizeof(record_params),
							   .capacity = 4096 };
static const struct shmreg_ring *look[2];	/* the director's */
static struct shmreg_ring_producer *producer;
static struct shmreg_ring_consumer *consumer;
static struct shmreg_record_producer *record_producer;
static struct shmreg_record_consumer *record_consumer;
static uint64_t position;

static struct shmreg_ring_stats stats_of(const struct shmreg_ring *ring)
{
	struct shmreg_ring_stats stats = { .size = sizeof(stats) };

	must(shmreg_ring_stat(ring, &stats));
	return stats;
}

/* Room for one more than HAND, or the lane is used up. */
static bool begin(struct client *c, uint32_t n)
{
	if (position + n >= LANE_MAX - HAND) {
		nap(1000);
		return false;
	}
	for (uint32_t i = 0; i < n; i++)
		lane_begin(c->books, 0, (uint32_t)position + 1 + i);
	return true;
}

static void pushed(struct client *c, uint32_t n)
{
	lane_certain(c, (uint32_t)position + 1, n);
	position += n;
	atomic_fetch_add(&c->books->n_waits, 1);
}

static void got(struct client *c, const struct item *item)
{
	item_seen(c, item);
	if (item->lane != NO_LANE && item->seq != position + 1)
		complain("%s: at position %llu is number %u", c->stage->name,
			 (unsigned long long)position, item->seq);
	position++;
}

static bool empty(const struct stage *stage)
{
	return shmreg_ring_length(look[stage->variant]) == 0;
}

/* The director gets what came to wake those who had gone already. */
static void drained(const struct stage *stage, struct books *b, const struct item *item)
{
	if (!item_is_good(item))
		complain("%s: what is left is torn", stage->name);
	else if (item->lane != NO_LANE)
		atomic_fetch_add(&b->seen[item->lane][item->seq], 1);
}

static void judge(const struct stage *stage, struct books *b, struct row *row)
{
	const struct shmreg_ring_stats stats = stats_of(look[stage->variant]);
	const bool records = stage->variant;

	b->n_repeated = 0;
	row->lost += judge_items(b, b->n_unknown);
	row->redelivered += b->n_repeated;
	if (stats.length != 0 || stats.producer != 0 || stats.consumer != 0)
		complain("%s: %llu left, seats %u and %u", stage->name,
			 (unsigned long long)stats.length, stats.producer, stats.consumer);
	if (records ? stats.n_records_written != stats.n_records_read :
		      stats.n_written != stats.n_read)
		complain("%s: not all that was written was read", stage->name);
	must(shmreg_ring_close(look[stage->variant]));
}

/* Elements. */

void ring_create(const struct stage *stage, struct shmreg_segment *segment)
{
	struct shmreg_ring_producer *p;

	must(shmreg_ring_producer_create(segment, &p, "r", &ring_params));
	must(shmreg_ring_producer_close(p));
	must(shmreg_ring_open_const(segment, &look[stage->variant], "r", NULL));
}

bool ring_is_empty(const struct stage *stage)
{
	return empty(stage);
}

void ring_poke(const struct stage *stage, struct shmreg_segment *segment)
{
	const struct item stop = item_make(NO_LANE, 0);
	struct shmreg_ring_producer *p;
	int r;

	(void)stage;
	must(shmreg_ring_producer_open(segment, &p, "r", NULL));
	r = shmreg_ring_push(p, &stop);
	if (r != -EAGAIN)
		must(r);
	must(shmreg_ring_producer_close(p));
}

void ring_judge(const struct stage *stage, struct books *b, struct row *row)
{
	struct shmreg_ring_consumer *rest;
	struct item item;

	must(shmreg_ring_consumer_open(look[stage->variant]->handle.segment, &rest, "r", NULL));
	while (shmreg_ring_pop(rest, &item) == 0)
		drained(stage, b, &item);
	must(shmreg_ring_consumer_close(rest));
	judge(stage, b, row);
}

void ring_open(struct client *c)
{
	if (c->produces) {
		must(shmreg_ring_producer_open(c->segment, &producer, "r", &ring_params));
		position = stats_of(&producer->ring).n_written;
	} else {
		must(shmreg_ring_consumer_open(c->segment, &consumer, "r", &ring_params));
		position = stats_of(&consumer->ring).n_read;
	}
}

void ring_close(struct client *c)
{
	must(c->produces ? shmreg_ring_producer_close(producer) :
			   shmreg_ring_consumer_close(consumer));
}

void ring_produce(struct client *c)
{
	uint32_t n = 1 + (uint32_t)random_below(&c->random, HAND);
	struct item item[HAND];
	void *room = NULL;
	int64_t r;

	if (!begin(c, n))
		return;
	for (uint32_t i = 0; i < n; i++)
		item[i] = item_make(0, (uint32_t)position + 1 + i);
	switch (random_below(&c->random, 4)) {
	case 0:
		r = shmreg_ring_push_wait(producer, item, NULL);
		must(r);
		r = 1;
		break;
	case 1:
		r = shmreg_ring_reserve_wait(producer, &room, n, NULL);
		must(r);
		memcpy(room, item, (size_t)r * sizeof(item[0]));
		sudden_while_held(c);
		must(shmreg_ring_commit(producer, (uint64_t)r));
		break;
	case 2:
		watch_wait(c, &producer->ring.handle, SHMREG_WAIT_SPACE);
		/* Fall through. */
	default:
		r = shmreg_ring_push_bulk_wait(producer, item, n, 1, NULL);
		must(r);
	}
	pushed(c, (uint32_t)r);
}

void ring_consume(struct client *c)
{
	struct item *hand = c->me->hand;
	const void *lent = NULL;
	int64_t n;

	switch (random_below(&c->random, 4)) {
	case 0:
		hands_begin(c, DOING_LEASE);
		n = shmreg_ring_view_wait(consumer, &lent, HAND, NULL);
		must(n);
		memcpy(hand, lent, (size_t)n * sizeof(hand[0]));
		for (int64_t i = 0; i < n; i++)
			got(c, &hand[i]);
		sudden_while_held(c);
		must(shmreg_ring_consume(consumer, (uint64_t)n));
		break;
	case 1:
		watch_wait(c, &consumer->ring.handle, SHMREG_WAIT_ITEMS);
		/* Fall through. */
	case 2:
		hands_begin(c, DOING_POP);
		n = shmreg_ring_pop_bulk_wait(consumer, hand, HAND, NULL);
		must(n);
		for (int64_t i = 0; i < n; i++)
			got(c, &hand[i]);
		break;
	default:
		hands_begin(c, DOING_POP);
		must(shmreg_ring_pop_wait(consumer, hand, NULL));
		got(c, hand);
	}
	hands_end(c);
	atomic_fetch_add(&c->books->n_waits, 1);
}

/* Records: an item and so many bytes as its number says. */

static size_t padded_make(struct padded *ret, uint32_t lane, uint32_t seq)
{
	const size_t pad = seq % PAD;

	ret->item = item_make(lane, seq);
	memset(ret->pad, (int)(seq & 0xff), pad);
	return sizeof(ret->item) + pad;
}

void record_create(const struct stage *stage, struct shmreg_segment *segment)
{
	struct shmreg_record_producer *p;

	must(shmreg_record_producer_create(segment, &p, "r", &record_params));
	must(shmreg_record_producer_close(p));
	must(shmreg_ring_open_const(segment, &look[stage->variant], "r", NULL));
}

bool record_is_empty(const struct stage *stage)
{
	return empty(stage);
}

void record_poke(const struct stage *stage, struct shmreg_segment *segment)
{
	struct shmreg_record_producer *p;
	struct padded stop;
	const size_t bytes = padded_make(&stop, NO_LANE, 0);
	int r;

	(void)stage;
	must(shmreg_record_producer_open(segment, &p, "r", NULL));
	r = shmreg_record_push(p, &stop, bytes);
	if (r != -EAGAIN)
		must(r);
	must(shmreg_record_producer_close(p));
}

void record_judge(const struct stage *stage, struct books *b, struct row *row)
{
	struct shmreg_record_consumer *rest;
	struct padded padded;
	size_t bytes;

	must(shmreg_record_consumer_open(look[stage->variant]->handle.segment, &rest, "r", NULL));
	while (shmreg_record_pop(rest, &padded, sizeof(padded), &bytes) == 0)
		drained(stage, b, &padded.item);
	must(shmreg_record_consumer_close(rest));
	judge(stage, b, row);
}

void record_open(struct client *c)
{
	if (c->produces) {
		must(shmreg_record_producer_open(c->segment, &record_producer, "r",
						 &record_params));
		position = stats_of(&record_producer->ring).n_records_written;
	} else {
		must(shmreg_record_consumer_open(c->segment, &record_consumer, "r",
						 &record_params));
		position = stats_of(&record_consumer->ring).n_records_read;
	}
}

void record_close(struct client *c)
{
	must(c->produces ? shmreg_record_producer_close(record_producer) :
			   shmreg_record_consumer_close(record_consumer));
}

void record_produce(struct client *c)
{
	struct shmreg_record record[HAND];
	struct padded padded[HAND];
	uint32_t n = 1 + (uint32_t)random_below(&c->random, HAND);
	void *room = NULL;
	int64_t r;

	if (!begin(c, n))
		return;
	for (uint32_t i = 0; i < n; i++) {
		record[i].data = &padded[i];
		record[i].bytes = padded_make(&padded[i], 0, (uint32_t)position + 1 + i);
	}
	switch (random_below(&c->random, 4)) {
	case 0:
		must(shmreg_record_push_wait(record_producer, padded, record[0].bytes, NULL));
		r = 1;
		break;
	case 1:
		must(shmreg_record_reserve_wait(record_producer, &room, sizeof(padded[0]), NULL));
		memcpy(room, padded, record[0].bytes);
		sudden_while_held(c);
		must(shmreg_record_commit(record_producer, record[0].bytes));
		r = 1;
		break;
	case 2:
		watch_wait(c, &record_producer->ring.handle, SHMREG_WAIT_SPACE);
		/* Fall through. */
	default:
		r = shmreg_record_push_bulk_wait(record_producer, record, n, 1, NULL);
		must(r);
	}
	pushed(c, (uint32_t)r);
}

static void record_got(struct client *c, const struct padded *padded, size_t bytes)
{
	struct padded right;

	if (bytes != padded_make(&right, padded->item.lane, padded->item.seq) ||
	    memcmp(padded, &right, bytes) != 0)
		complain("%s: a record of %zu bytes is torn", c->stage->name, bytes);
	memcpy(&c->me->hand[0], &padded->item, sizeof(padded->item));
	got(c, &c->me->hand[0]);
}

void record_consume(struct client *c)
{
	struct padded padded;
	const void *lent = NULL;
	size_t bytes = 0;

	switch (random_below(&c->random, 3)) {
	case 0:
		hands_begin(c, DOING_LEASE);
		must(shmreg_record_view_wait(record_consumer, &lent, &bytes, NULL));
		memcpy(&padded, lent, bytes < sizeof(padded) ? bytes : sizeof(padded));
		record_got(c, &padded, bytes);
		sudden_while_held(c);
		must(shmreg_record_consume(record_consumer));
		break;
	case 1:
		watch_wait(c, &record_consumer->ring.handle, SHMREG_WAIT_ITEMS);
		/* Fall through. */
	default:
		hands_begin(c, DOING_RECEIVE);
		must(shmreg_record_pop_wait(record_consumer, &padded, sizeof(padded), &bytes,
					    NULL));
		record_got(c, &padded, bytes);
	}
	hands_end(c);
	atomic_fetch_add(&c->books->n_waits, 1);
}
