/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>

#include "harness.h"
#include "look-writer.h"
#include "torture.h"

struct hands {
	struct shmreg_segment *s;
	uint64_t number;
	struct item_array *array;
	struct item_atomic *atomic;
	struct item_cell_writer *cell;
	struct item_pool *pool;
	struct item_objects *objects;
	struct item_queue *queue, *kept;
	struct item_ring_producer *ring_producer;
	struct item_ring_consumer *ring_consumer;
	struct shmreg_record_producer *record_producer;
	struct shmreg_record_consumer *record_consumer;
	struct item_topic_publisher *publisher;
};

void look_fill(struct item *ret, uint64_t number)
{
	for (unsigned int i = 0; i < LOOK_WORDS; i++)
		ret->word[i] = number;
}

/* -EBUSY: its role is somebody's who lives, or is not repaired yet. */
static void may_be_busy(int r)
{
	if (r < 0 && r != -EBUSY)
		harness_ok(r);
}

static void open_all(struct hands *w)
{
	static const struct shmreg_topic_params topic = {
		.capacity = 32, .publishers = LOOK_WRITERS, .subscribers = 4,
	};
	struct shmreg_connection *c;

	harness_ok(shmreg_connect(&c, NULL));
	harness_ok(shmreg_segment_open(c, &w->s, LOOK_SEGMENT, SHMREG_ACCESS_WRITE));
	harness_ok(item_array_open_or_create(w->s, &w->array, "array", LOOK_ARRAY_LENGTH));
	harness_ok(item_atomic_open_or_create(w->s, &w->atomic, "atomic"));
	harness_ok(item_pool_open_or_create(w->s, &w->pool, "pool", 32));
	harness_ok(item_objects_open_or_create(w->s, &w->objects, "objects", w->pool, 16, 0));
	harness_ok(item_queue_open_or_create(w->s, &w->queue, "queue", 16, 0));
	harness_ok(item_queue_open_or_create(w->s, &w->kept, "kept", 16, SHMREG_QUEUE_REDELIVER));
	may_be_busy(item_cell_writer_open_or_create(w->s, &w->cell, "cell", LOOK_WRITERS, 0));
	may_be_busy(item_topic_publisher_open_or_create(w->s, &w->publisher, "topic", &topic));
}

/* The first that comes; its successor once it is repaired. */
static void open_roles(struct hands *w)
{
	static const struct shmreg_record_params records = { .size = sizeof(records), .capacity = 512 };

	if (!w->ring_producer)
		may_be_busy(item_ring_producer_open_or_create(w->s, &w->ring_producer, "ring", 16));
	else if (!w->ring_consumer)
		may_be_busy(item_ring_consumer_open_or_create(w->s, &w->ring_consumer, "ring", 16));
	if (!w->record_consumer)
		may_be_busy(shmreg_record_consumer_open_or_create(w->s, &w->record_consumer, "records",
								  &records));
	else if (!w->record_producer)
		may_be_busy(shmreg_record_producer_open_or_create(w->s, &w->record_producer, "records",
								  &records));
}

static void work_with_roles(struct hands *w, const struct item *item)
{
	const size_t bytes = 8 * (1 + w->number % LOOK_WORDS);
	struct item got;
	size_t n;

	if (w->ring_producer)
		(void)!item_ring_push(w->ring_producer, item);
	if (w->ring_consumer && w->number % 64 < 32)
		while (item_ring_pop(w->ring_consumer, &got) == 0)
			;
	if (w->record_producer)
		(void)!shmreg_record_push(w->record_producer, item, bytes);
	if (w->record_consumer && w->number % 64 < 32)
		while (shmreg_record_pop(w->record_consumer, &got, sizeof(got), &n) == 0)
			;
	if (w->cell)
		(void)!item_cell_write(w->cell, item);
	if (w->publisher)
		(void)!item_topic_publisher_publish(w->publisher, item);
}

static void work_with_objects(struct hands *w)
{
	shmreg_pool_ref ref;

	if (w->number % 2 && item_pool_acquire(w->pool, &ref) == 0) {
		look_fill(item_pool_get(w->pool, ref), w->number);
		if (item_objects_send(w->objects, ref) < 0)
			(void)!item_pool_release(w->pool, ref);
	} else if (item_objects_receive(w->objects, &ref) == 0) {
		look_fill(item_pool_get(w->pool, ref), 0);
		(void)!item_pool_release(w->pool, ref);
	}
}

/* In one half of the time they are filled, in the other emptied; never by one at a time only. */
static void work_with_queues(struct hands *w, const struct item *item)
{
	struct item_queue_lease lease;
	struct item got;

	if (w->number % 64 < 32) {
		const struct item several[3] = { *item, *item, *item };

		(void)!(w->number % 2 ? item_queue_push(w->queue, item) :
					item_queue_push_batch(w->queue, several, 3, 1));
		if (item_queue_reserve(w->kept, &lease) == 0) {
			look_fill(lease.elem, w->number);
			(void)!item_queue_commit(w->kept, &lease);
		}
	} else {
		(void)!item_queue_pop(w->queue, &got);
		if (item_queue_acquire(w->kept, &lease) == 0)
			(void)!item_queue_release(w->kept, &lease);
	}
}

_Noreturn static void write_for_ever(uint64_t number)
{
	struct hands w = { .number = number };
	struct item item;

	open_all(&w);
	for (;; w.number++) {
		look_fill(&item, w.number);
		if (w.number % 1024 == 0)
			open_roles(&w);
		work_with_roles(&w, &item);
		work_with_objects(&w);
		work_with_queues(&w, &item);
		*item_array_at(w.array, w.number % LOOK_ARRAY_LENGTH) = item;
		item_atomic_store_relaxed(w.atomic, w.number);
	}
}

pid_t look_writer_start(uint64_t number)
{
	const pid_t pid = torture_fork();

	if (pid == 0)
		write_for_ever(number);
	return pid;
}
