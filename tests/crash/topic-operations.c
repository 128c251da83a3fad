/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "topic-rig.h"

SHMREG_DEFINE_TOPIC(item_topic, struct item);

static void begin(struct actor *a)
{
	shmreg_store_release(&a->log.started, 1);
}

static void finish(struct actor *a)
{
	shmreg_store_release(&a->log.finished, 1);
}

static void published(struct actor *a, int result)
{
	if (result < 0)
		shmreg_store_release(&a->log.result, result);
	else
		shmreg_store_release(&a->log.n_published, a->log.n_published + 1);
}

static void have_read(struct actor *a, int result, const struct item *item,
		      const struct shmreg_topic_message *m)
{
	const uint32_t n = a->log.n_read;

	if (result < 0) {
		if (result != -EAGAIN && result != -EPIPE)
			shmreg_store_release(&a->log.result, result);
		return;
	}
	a->log.read[n].position = m->position;
	a->log.read[n].value = item_whole(item) ? item->value : 0;
	a->log.read[n].n_lost = m->n_lost;
	shmreg_store_release(&a->log.n_read, n + 1);
}

static void publish(struct actor *a)
{
	const struct item item = item_of(a->first_value + a->log.n_published);

	published(a, shmreg_publisher_publish(&a->pub, &item, sizeof(item)));
}

static void read_one(struct actor *a)
{
	struct shmreg_topic_message m;
	struct item item;

	have_read(a, shmreg_subscriber_read(&a->sub, &item, sizeof(item), &m), &item, &m);
}

static void run_publish(void *arg)
{
	begin(arg);
	publish(arg);
	finish(arg);
}

/* So that what the first has left behind is put to use. */
static void run_publish_twice(void *arg)
{
	begin(arg);
	publish(arg);
	publish(arg);
	finish(arg);
}

static void run_reserve_publish(void *arg)
{
	struct actor *a = arg;
	void *place;
	int r;

	begin(a);
	r = shmreg_publisher_reserve(&a->pub, &place);
	if (r == 0) {
		*(struct item *)place = item_of(a->first_value);
		r = shmreg_publisher_publish_reserved(&a->pub, sizeof(struct item));
	}
	published(a, r);
	finish(a);
}

static void run_read(void *arg)
{
	begin(arg);
	read_one(arg);
	finish(arg);
}

static void run_read_twice(void *arg)
{
	begin(arg);
	read_one(arg);
	read_one(arg);
	finish(arg);
}

static void run_peek_consume(void *arg)
{
	struct actor *a = arg;
	struct shmreg_topic_message m;
	const void *place;
	struct item item;
	int r;

	begin(a);
	r = shmreg_subscriber_peek(&a->sub, &place, &m);
	if (r == 0) {
		memcpy(&item, place, sizeof(item));
		r = shmreg_subscriber_consume(&a->sub);
	}
	have_read(a, r, &item, &m);
	finish(a);
}

/* With a seat whose cursor it had: as a successor does, and as the evicted do in part. */
static void join(struct actor *a, uint64_t history)
{
	void *const base = a->sub.topic.handle.base;
	const struct shmreg_shape shape = a->sub.topic.handle.shape;
	int r;

	subscriber_leave(&a->sub);
	r = subscriber_bind(&a->sub, base, &shape, actor_seat(a->number), NULL, history);
	if (r < 0)
		shmreg_store_release(&a->log.result, r);
	else
		shmreg_store_release(&a->joined, a->sub.next);
}

static void run_join_read(void *arg)
{
	begin(arg);
	join(arg, 1);
	read_one(arg);
	finish(arg);
}

static void run_publish_laps(void *arg)
{
	struct actor *a = arg;
	uint64_t i;

	begin(a);
	for (i = 0; i <= 2 * a->sub.topic.handle.shape.capacity; i++)
		publish(a);
	finish(a);
}

static void run_typed_publish(void *arg)
{
	struct actor *a = arg;
	const struct item item = item_of(a->first_value);

	begin(a);
	published(a, item_topic_publisher_publish((struct item_topic_publisher *)&a->pub, &item));
	finish(a);
}

static void run_typed_read(void *arg)
{
	struct actor *a = arg;
	struct shmreg_topic_message m;
	struct item item;

	begin(a);
	have_read(a, item_topic_subscriber_read((struct item_topic_subscriber *)&a->sub, &item, &m),
		  &item, &m);
	finish(a);
}

static void run_typed_reserve(void *arg)
{
	struct actor *a = arg;
	struct item_topic_publisher *pub = (struct item_topic_publisher *)&a->pub;
	struct item *place;
	int r;

	begin(a);
	r = item_topic_publisher_reserve(pub, &place);
	if (r == 0) {
		*place = item_of(a->first_value);
		r = item_topic_publisher_publish_reserved(pub);
	}
	published(a, r);
	finish(a);
}

static void run_leave(void *arg)
{
	struct actor *a = arg;

	begin(a);
	subscriber_leave(&a->sub);
	finish(a);
}

static void run_leave_take(void *arg)
{
	struct actor *a = arg;
	int r = -ECHILD;

	begin(a);
	if (a->pub.role != NULL) {
		publisher_leave(&a->pub);
		r = publisher_bind(&a->pub, a->sub.topic.handle.base, &a->sub.topic.handle.shape,
				   actor_seat(a->number), NULL, a->number);
	}
	if (r == 0)
		publish(a);
	else
		shmreg_store_release(&a->log.result, r);
	finish(a);
}

static void run_publish_read(void *arg)
{
	begin(arg);
	publish(arg);
	read_one(arg);
	finish(arg);
}

static void run_look(void *arg)
{
	struct actor *a = arg;
	struct shmreg_topic_message m[2];
	struct item items[2];
	int r;

	begin(a);
	r = shmreg_topic_last(&a->sub.topic, items, sizeof(*items), 2, m);
	if (r < 0)
		shmreg_store_release(&a->log.result, r);
	for (int i = 0; i < r; i++)
		if (!item_whole(&items[i]))
			shmreg_store_release(&a->log.result, -EBADMSG);
	finish(a);
}

#define EFFECT(...)                                                                                \
	&(const struct effect)                                                                     \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
const struct operation topic_operations[N_TOPIC_OPERATIONS] = {
	[PUBLISH] = { "publish", run_publish, OPERATION_PAIR, EFFECT(1, 0, false) },
	[PUBLISH_TWICE] = { "publish, publish", run_publish_twice, 0, EFFECT(2, 0, false) },
	[RESERVE_PUBLISH] = { "reserve, publish", run_reserve_publish, 0, EFFECT(1, 0, false) },
	[READ] = { "read", run_read, OPERATION_PAIR, EFFECT(0, 1, false) },
	[READ_TWICE] = { "read, read", run_read_twice, 0, EFFECT(0, 2, false) },
	[PEEK_CONSUME] = { "peek, consume", run_peek_consume, 0, EFFECT(0, 1, false) },
	[JOIN_READ] = { "leave, join, read", run_join_read, 0, EFFECT(0, 1, false) },
	[TYPED_PUBLISH] = { "publish (typed)", run_typed_publish, 0, EFFECT(1, 0, false) },
	[TYPED_READ] = { "read (typed)", run_typed_read, 0, EFFECT(0, 1, false) },
	[TYPED_RESERVE] = { "reserve, publish (typed)", run_typed_reserve, 0, EFFECT(1, 0, false) },
	[LEAVE] = { "leave", run_leave, 0, EFFECT(0, 0, false) },
	[LEAVE_TAKE] = { "leave, take role, publish", run_leave_take, 0, EFFECT(1, 0, false) },
	[PUBLISH_READ] = { "publish, read", run_publish_read, 0, EFFECT(1, 1, false) },
	[LOOK] = { "last two", run_look, 0, EFFECT(0, 0, false) },
};

const struct operation publish_laps = { "publish two laps", run_publish_laps, 0,
					EFFECT(1, 0, true) };

/* A publication by hand. Return: whether it was made. */
static bool by_hand(struct actor *a, bool hasty, bool rude)
{
	struct shmreg_publisher *pub = &a->pub;
	const struct shmreg_topic *t = &pub->topic;
	struct shmreg_topic_chunk *header;
	uint64_t p, w, word, *slot;
	uint64_t displaced;
	void *place;

	if (shmreg_publisher_reserve(pub, &place) < 0 || topic_newest_from(t, pub->next, &p) < 0)
		return false;
	*(struct item *)place = item_of(a->first_value + a->log.n_published);
	slot = shmreg_topic_slot_(t, p);
	w = shmreg_load_acquire(slot);
	displaced = shmreg_topic_absolute_(t, w, p & t->mask);
	header = shmreg_topic_header_(shmreg_topic_chunk_(t, pub->spare, t->stride));
	shmreg_publisher_head_(pub, header, sizeof(struct item));
	shmreg_store_release(&header->displaced,
			     (uint32_t)shmreg_topic_relative_(displaced,
							      shmreg_topic_home_(t, pub->index)));
	shmreg_store_release(&pub->role->want, p);
	if (hasty)
		shmreg_store_release(&pub->role->spare,
				     ((pub->sequence >> SHMREG_TOPIC_SEQUENCE_SHIFT) + 1)
						     << SHMREG_TOPIC_SEQUENCE_SHIFT |
					     header->displaced);
	word = shmreg_topic_turn_(t, p) |
	       shmreg_topic_relative_(pub->spare, p & t->mask);
	if (rude)
		shmreg_store_release(slot, word);
	else if (!shmreg_cas_acq_rel(slot, &w, word))
		return false;
	publisher_settle(pub, p, displaced);
	published(a, 0);
	return true;
}

static void run_hasty(void *arg)
{
	begin(arg);
	by_hand(arg, true, false);
	finish(arg);
}
const struct operation hasty_publish = { "hasty publish", run_hasty, 0, EFFECT(1, 0, false) };

static void run_careless(void *arg)
{
	begin(arg);
	for (int i = 0; i < 3; i++)
		by_hand(arg, false, false);
	finish(arg);
}
const struct operation careless_publish = { "careless publish", run_careless, 0,
					    EFFECT(3, 0, false) };

static void run_rude(void *arg)
{
	begin(arg);
	by_hand(arg, false, true);
	finish(arg);
}
const struct operation rude_publish = { "rude publish", run_rude, 0, EFFECT(1, 0, false) };
