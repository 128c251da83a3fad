/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * Objects as correct processes leave them are found well, wherever their counters are; with each
 * fault that there is a check for, that check finds it. Also after each single instruction of
 * operations nothing is wrong: what stands still there is no error.
 */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "cell-plain.h"
#include "inspect-world.h"
#include "object-queue-plain.h"
#include "random.h"
#include "ring-plain.h"
#include "stepper.h"
#include "suite.h"
#include "topic-plain.h"

static const uint64_t queue_starts[] = { 0, 1, 7, (UINT64_C(1) << 31) - 2, (UINT64_C(1) << 43) - 3 };
static const uint64_t topic_starts[] = TOPIC_STARTS;
#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))

static const struct shmreg_shape queue_shape = {
	.kind = SHMREG_KIND_QUEUE, .layout = 1, .flags = SHMREG_QUEUE_REDELIVER, .elem_align = 8,
	.elem_bytes = 16, .capacity = 8,
};

static struct shmreg_queue *queue_at(struct shmreg_queue *q, void *base, uint32_t seat)
{
	queue_bind(q, base, &queue_shape, seat);
	return q;
}

/* --- queue ------------------------------------------------------------------------------------ */

START_TEST(queue_well)
{
	void *base = world_add(&queue_shape, "queue");
	struct shmreg_queue_lease lease[3];
	struct shmreg_queue a, b;
	uint64_t elem[2] = { 1, 2 };

	if (queue_starts[_i])
		queue_seed(base, &queue_shape, queue_starts[_i]);
	queue_at(&a, base, 1);
	queue_at(&b, base, 2);
	world_is_well();
	for (int turn = 0; turn < 5; turn++) {
		for (int i = 0; i < 8; i++) {
			ck_assert_int_eq(shmreg_queue_push(i % 2 ? &a : &b, elem), 0);
			world_is_well();
		}
		ck_assert_int_eq(shmreg_queue_push(&a, elem), -EAGAIN);
		for (int i = 0; i < 5; i++) {
			ck_assert_int_eq(shmreg_queue_pop(i % 2 ? &a : &b, elem), 0);
			world_is_well();
		}
		ck_assert_int_eq(shmreg_queue_acquire(&a, &lease[0]), 0);
		ck_assert_int_eq(shmreg_queue_acquire(&b, &lease[1]), 0);
		ck_assert_int_eq(shmreg_queue_reserve(&b, &lease[2]), 0);
		world_has_no_error();
		ck_assert_int_eq(shmreg_queue_release(&a, &lease[0]), 0);
		ck_assert_int_eq(shmreg_queue_refuse(&b, &lease[1]), 0);
		ck_assert_int_eq(shmreg_queue_abort(&b, &lease[2]), 0);
		world_has_no_error();
		while (shmreg_queue_pop(&a, elem) == 0)
			world_has_no_error();
		world_is_well();
	}
}
END_TEST

/* Two elements pushed from position 0, one taken. */
static struct shmreg_queue_shm *some_queue(struct shmreg_queue *q)
{
	void *base = world_add(&queue_shape, "queue");
	uint64_t elem[2] = { 1, 2 };

	queue_at(q, base, 1);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(shmreg_queue_push(q, elem), 0);
	ck_assert_int_eq(shmreg_queue_pop(q, elem), 0);
	world_is_well();
	return base;
}

static uint64_t *queue_word(const struct shmreg_queue *q, uint64_t position)
{
	return shmreg_queue_word_(shmreg_queue_slot_(q, position << SHMREG_QUEUE_POS_SHIFT, q->stride));
}

START_TEST(queue_faults)
{
	struct shmreg_queue q;
	struct shmreg_queue_shm *shm = some_queue(&q);
	const uint64_t tail = shm->tail, good = *queue_word(&q, 1);

	shm->tail = tail + (UINT64_C(9) << SHMREG_QUEUE_POS_SHIFT);	/* more than fit */
	ck_assert_int_eq(world_finds("queue.counters"), FINDING_ERROR);
	shm->tail = tail | 1;		/* bits that counters do not have */
	ck_assert_int_eq(world_finds("queue.counters"), FINDING_ERROR);
	shm->tail = tail;
	for (uint64_t bit = 1; bit; bit <<= 1) {
		*queue_word(&q, 1) = good ^ bit;
		/* TOMB and FREE could be. */
		if (bit != 4 && bit != 2 && bit != 1 && bit != 6)
			ck_assert_int_eq(world_finds("queue.slot"), FINDING_ERROR);
	}
	*queue_word(&q, 1) = SHMREG_QUEUE_REDEL;	/* nobody has claimed it yet */
	ck_assert_int_eq(world_finds("queue.slot"), FINDING_ERROR);
	*queue_word(&q, 1) = good;
	*queue_word(&q, 0) = SHMREG_QUEUE_WRITING | UINT64_C(1) << SHMREG_QUEUE_N_SHIFT |
			     UINT64_C(2) << SHMREG_QUEUE_OWNER_SHIFT;	/* before the head */
	ck_assert_int_eq(world_finds("queue.slot"), FINDING_ERROR);
}
END_TEST

START_TEST(queue_holders)
{
	struct shmreg_queue q, other;
	struct shmreg_queue_shm *shm = some_queue(&q);
	struct shmreg_queue_lease lease, lent;
	uint64_t elem[2] = { 0, 0 };

	/* Taken by somebody who is not there. */
	ck_assert_int_eq(shmreg_queue_acquire(&q, &lease), 0);
	world_has_no_error();
	shmreg_dir_seats(world_dir)[1] = SHMREG_SEAT_FREE;
	ck_assert_int_eq(world_finds("object.seat"), FINDING_ERROR);
	shmreg_dir_seats(world_dir)[1] = shmreg_dir_seats(world_dir)[2];
	/* Borrowed, to be filled: consumers wait. It may be meant so. */
	queue_at(&other, shm, 2);
	ck_assert_int_eq(shmreg_queue_reserve(&other, &lent), 0);
	ck_assert_int_eq(world_finds("queue.push"), FINDING_NOTE);
	/* Claimed, and nothing since: that is half of a push. */
	*queue_word(&q, 2) &= ~(SHMREG_QUEUE_STATE_MASK | SHMREG_QUEUE_OWNER_MASK | SHMREG_QUEUE_N_MASK);
	ck_assert_int_eq(world_finds("queue.push"), FINDING_WARNING);
	*queue_word(&q, 2) |= SHMREG_QUEUE_READY;
	/* Full, but for the one that is not given back. */
	for (int i = 0; i < 6; i++)
		ck_assert_int_eq(shmreg_queue_push(&other, elem), 0);
	ck_assert_int_eq(shmreg_queue_push(&other, elem), -EAGAIN);
	ck_assert_int_eq(world_finds("queue.pop"), FINDING_NOTE);
	*queue_word(&q, 1) = SHMREG_QUEUE_READY;
	ck_assert_int_eq(world_finds("queue.pop"), FINDING_WARNING);
}
END_TEST

/* --- ring ------------------------------------------------------------------------------------- */

START_TEST(ring_well)
{
	const struct shmreg_shape shape = ring_shape(4, 16, 8);
	struct shmreg_ring_shm *shm = world_add(&shape, "ring");
	struct shmreg_ring_producer p;
	struct shmreg_ring_consumer c;
	uint64_t elem[2] = { 1, 2 };

	shm->tail = shm->head = ring_starts[_i];
	ck_assert(ring_producer_bind(&p, shm, &shape, 1));
	ck_assert(ring_consumer_bind(&c, shm, &shape, 2));
	for (int i = 0; i < 20; i++) {
		world_has_no_error();
		ck_assert_int_eq(shmreg_ring_push(&p, elem), 0);
		world_has_no_error();
		if (i > 2)
			ck_assert_int_eq(shmreg_ring_pop(&c, elem), 0);
	}
	while (shmreg_ring_push(&p, elem) == 0)
		;
	/* It may not have come to it yet. */
	ck_assert_int_eq(world_finds("ring.full"), FINDING_NOTE);
	shm->tail++;
	ck_assert_int_eq(world_finds("ring.counters"), FINDING_ERROR);
	shm->tail--;
	shm->producer = WORLD_NOBODYS;
	ck_assert_int_eq(world_finds("object.seat"), FINDING_ERROR);
	shm->producer = 1;
	shm->consumer = 1 << 20;
	ck_assert_int_eq(world_finds("object.seat"), FINDING_ERROR);
}
END_TEST

START_TEST(records_well)
{
	const struct shmreg_shape shape = record_shape(128);
	struct shmreg_ring_shm *shm = world_add(&shape, "records");
	struct shmreg_ring_record *first;
	struct shmreg_record_producer p;
	struct shmreg_record_consumer c;
	char record[64] = "";
	size_t bytes;

	shm->tail = shm->head = record_starts[_i];
	ck_assert(record_producer_bind(&p, shm, &shape, 1));
	ck_assert(record_consumer_bind(&c, shm, &shape, 2));
	for (size_t i = 0; i < 40; i++) {
		world_has_no_error();
		if (shmreg_record_push(&p, record, i % 23) == 0)
			world_has_no_error();
		if (i % 3)
			ck_assert_int_le(shmreg_record_pop(&c, record, sizeof(record), &bytes), 0);
	}
	while (shmreg_record_pop(&c, record, sizeof(record), &bytes) == 0)
		;
	ck_assert_int_eq(shmreg_record_push(&p, record, 8), 0);
	first = (void *)((unsigned char *)(shm + 1) + (shm->head & 127 & ~SHMREG_RING_LOW_MASK));
	if (first->bytes == 8) {
		first->bytes = 16;	/* beyond the tail */
		ck_assert_int_eq(world_finds("ring.record"), FINDING_ERROR);
		first->bytes = 100;	/* more than any */
		ck_assert_int_eq(world_finds("ring.record"), FINDING_ERROR);
		first->bytes = 8;
	}
	world_is_well();
	shm->tail |= 2;
	ck_assert_int_eq(world_finds("ring.counters"), FINDING_ERROR);
}
END_TEST

/* --- cell ------------------------------------------------------------------------------------- */

START_TEST(cell_well)
{
	const struct shmreg_shape shape = cell_shape(24, 8, 2, 3);
	struct shmreg_cell_shm *shm = world_add(&shape, "cell");
	struct shmreg_cell_writer a, b;
	uint64_t value[3] = { 1, 2, 3 }, *slot;

	world_is_well();
	if (_i)
		cell_seed(shm, &shape, CELL_LAST_VERSION - 2, 1, 2, value);
	ck_assert(cell_writer_bind(&a, shm, &shape, 1));
	ck_assert(cell_writer_bind(&b, shm, &shape, 2));
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(shmreg_cell_write(i % 3 ? &a : &b, value), 0);
		world_is_well();
	}
	slot = (uint64_t *)(void *)((unsigned char *)(shm + 1) +
		((shm->latest >> SHMREG_CELL_WRITER_SHIFT & SHMREG_CELL_WRITER_MASK) * 3 +
		 (shm->latest & SHMREG_CELL_SLOT_MASK)) * shmreg_cell_stride(24, 8));
	ck_assert_uint_eq(*slot, shm->latest);
	*slot = 0;
	ck_assert_int_eq(world_finds("cell.slot"), FINDING_ERROR);
	shm->latest |= SHMREG_CELL_SLOT_MASK;
	ck_assert_int_eq(world_finds("cell.latest"), FINDING_ERROR);
	shm->latest = 0;
	world_is_well();
	shm->writer[1] = WORLD_NOBODYS;
	ck_assert_int_eq(world_finds("object.seat"), FINDING_ERROR);
}
END_TEST

/* --- topic ------------------------------------------------------------------------------------ */

START_TEST(topic_well)
{
	const struct shmreg_shape shape = topic_shape(4, 16, 8, SHMREG_TOPIC_RELIABLE, 2, 3, 0);
	unsigned char *base = world_add(&shape, "topic");
	const struct shmreg_topic_geometry g = shmreg_topic_geometry(&shape);
	uint64_t *slots = (uint64_t *)(void *)(base + g.slots_offset), item[2] = { 1, 2 };
	uint64_t *oldest, good;
	struct shmreg_topic_cursor *cursors = (void *)(base + g.cursors_offset);
	struct shmreg_topic_shm *shm = (void *)base;
	struct shmreg_publisher a, b;
	struct shmreg_subscriber sub;

	world_is_well();
	topic_seed(base, &shape, topic_starts[_i], 5);
	world_is_well();
	ck_assert_int_eq(publisher_bind(&a, base, &shape, 1, NULL, 0), 0);
	ck_assert_int_eq(publisher_bind(&b, base, &shape, 2, NULL, 1), 0);
	ck_assert_int_eq(subscriber_bind(&sub, base, &shape, 3, NULL, 0), 0);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(shmreg_publisher_publish(i % 3 ? &a : &b, item, sizeof(item)), 0);
		world_has_no_error();
		if (i > 2)
			ck_assert_int_eq(shmreg_subscriber_read(&sub, item, sizeof(item), NULL), 0);
		world_has_no_error();
	}
	while (shmreg_publisher_publish(&a, item, sizeof(item)) == 0)
		;
	ck_assert_int_eq(world_finds("topic.slow"), FINDING_NOTE);
	publisher_leave(&a);
	publisher_leave(&b);
	oldest = &slots[shm->tail & 3];
	good = *oldest;
	*oldest = good - (UINT64_C(1) << 40);	/* many turns ago */
	ck_assert_int_eq(world_finds_among("topic.slot"), FINDING_ERROR);
	*oldest = good ^ 1;			/* another's memory */
	ck_assert_int_eq(world_finds("topic.chunk"), FINDING_ERROR);
	*oldest = good | SHMREG_TOPIC_CHUNK_MASK;
	ck_assert_int_eq(world_finds("topic.slot"), FINDING_ERROR);
	*oldest = good;
	shm->tail += 9;
	ck_assert_int_eq(world_finds("topic.tail"), FINDING_ERROR);
	shm->tail -= 9;
	cursors[0].word += UINT64_C(7) << SHMREG_TOPIC_POSITION_SHIFT;
	cursors[0].word ^= 5;			/* a state that there is not */
	ck_assert_int_eq(world_finds("topic.cursor"), FINDING_ERROR);
	cursors[0].word ^= 5;
	cursors[0].word -= UINT64_C(17) << SHMREG_TOPIC_POSITION_SHIFT;
	ck_assert_int_eq(world_finds("topic.cursor"), FINDING_ERROR);	/* too far behind */
	cursors[0].word = SHMREG_TOPIC_EMPTY;
	world_is_well();
}
END_TEST

/* --- pool and queue of objects ---------------------------------------------------------------- */

START_TEST(pool_well)
{
	const struct shmreg_shape shape = pool_shape(40, 24, 8);
	const struct shmreg_shape other = object_queue_shape(4, 0, 1, 0);
	void *pool = world_add(&shape, "pool"), *queue = world_add(&other, "objects");
	struct shmreg_object_queue q;
	struct shmreg_pool p, of_queue;
	shmreg_pool_ref ref[5];
	uint64_t good;

	if (_i)
		pool_seed(pool, &shape, POOL_GENERATION_MAX - 1);
	pool_bind(&p, pool, &shape, 1);
	pool_bind(&of_queue, pool, &shape, 1);
	object_queue_bind(&q, queue, &other, 2, 1, &of_queue);
	for (int turn = 0; turn < 4; turn++) {
		for (int i = 0; i < 5; i++) {
			ck_assert_int_eq(shmreg_pool_acquire(&p, &ref[i]), 0);
			world_is_well();
		}
		for (int i = 0; i < 3; i++) {
			ck_assert_int_eq(shmreg_object_queue_send(&q, ref[i]), 0);
			world_is_well();
		}
		for (int i = 0; i < 3; i++) {
			ck_assert_int_eq(shmreg_object_queue_receive(&q, &ref[i]), 0);
			world_is_well();
		}
		for (int i = 0; i < 5; i++) {
			ck_assert_int_eq(shmreg_pool_release(i < 3 ? &of_queue : &p, ref[i]), 0);
			world_is_well();
		}
	}
	ck_assert_int_eq(shmreg_pool_acquire(&p, &ref[0]), 0);
	ck_assert_int_eq(shmreg_object_queue_send(&q, ref[0]), 0);
	/* It says that it travels, and is not there. */
	*pair_ref(&(struct pair){ .queue_shape = other, .queue = queue },
		  ((struct shmreg_queue_shm *)queue)->head >> SHMREG_QUEUE_POS_SHIFT) ^= 1;
	ck_assert_int_eq(world_finds("pool.lost"), FINDING_ERROR);
	/* Through something that is no queue of its. */
	world_entry(1)->shape.param[0] = 99;
	ck_assert_int_eq(world_finds("pool.lost"), FINDING_ERROR);
	world_entry(1)->shape.param[0] = 1;
	*pair_ref(&(struct pair){ .queue_shape = other, .queue = queue },
		  ((struct shmreg_queue_shm *)queue)->head >> SHMREG_QUEUE_POS_SHIFT) ^= 1;
	world_is_well();
	ck_assert_int_eq(shmreg_pool_acquire(&p, &ref[1]), 0);
	good = *pool_word(pool, &shape, shmreg_pool_ref_index(ref[1]));
	*pool_word(pool, &shape, shmreg_pool_ref_index(ref[1])) =
		shmreg_pool_word_held(good, WORLD_NOBODYS);
	ck_assert_int_eq(world_finds("object.seat"), FINDING_ERROR);
	*pool_word(pool, &shape, shmreg_pool_ref_index(ref[1])) = good | 3;
	ck_assert_int_eq(world_finds("pool.word"), FINDING_ERROR);
}
END_TEST

/* --- looks ------------------------------------------------------------------------------------ */

/* What one look does not like and the next does is forgotten; so is what is new then. */
START_TEST(only_what_lasts)
{
	struct shmreg_queue q;
	struct shmreg_queue_shm *shm = some_queue(&q);
	const uint64_t good = *queue_word(&q, 1), tail = shm->tail;
	struct inspection x = { 0 };

	*queue_word(&q, 1) = good ^ 16;
	ck_assert_uint_eq(inspect_look(&x, world_dir, world_data), 1);
	*queue_word(&q, 1) = good ^ 32;		/* wrong, but not the same wrong */
	ck_assert_uint_eq(inspect_look(&x, world_dir, world_data), 0);
	*queue_word(&q, 1) = good;
	shm->tail = tail | 1;
	ck_assert_uint_eq(inspect_look(&x, world_dir, world_data), 0);
	inspection_deinit(&x);
	/* A copy is looked at once: what stands still in it, or does not fit together, is no matter. */
	shm->tail = tail;
	*queue_word(&q, 1) = 0;
	world_finds("queue.push");
	x.is_copy = true;
	ck_assert_uint_eq(inspect_look(&x, world_dir, world_data), 0);
	*queue_word(&q, 1) = good ^ 16;
	ck_assert_uint_eq(inspect_look(&x, world_dir, world_data), 0);	/* n_looks is 2 */
	inspection_deinit(&x);
	x.is_copy = true;
	ck_assert_uint_eq(inspect_look(&x, world_dir, world_data), 1);
	inspection_deinit(&x);
	/* Many are counted, not kept. */
	for (uint64_t i = 0; i < 8; i++)
		*queue_word(&q, i) = UINT64_MAX;
	shm->lapped = 1;
	ck_assert_uint_eq(inspect_look(&x, world_dir, world_data), 2);
	ck_assert_uint_eq(x.list[0].n_more, 6);
	inspection_deinit(&x);
	/* Without a data area there is the directory. */
	ck_assert_uint_eq(inspect_look(&x, world_dir, NULL), 0);
	inspection_deinit(&x);
}
END_TEST

/* --- holes ------------------------------------------------------------------------------------ */

static unsigned int n_resident(void)
{
	unsigned char page[WORLD_BYTES / 4096];
	unsigned int n = 0;

	ck_assert_int_eq(mincore(world_data, WORLD_BYTES, page), 0);
	for (size_t i = 0; i < sizeof(page); i++)
		n += page[i] & 1;
	return n;
}

/* What was never used is not made memory by looking at it. */
START_TEST(holes)
{
	const struct shmreg_shape pool = pool_shape(4000, 8, 8), ring = ring_shape(1024, 16, 8);
	struct shmreg_shape large = queue_shape;
	struct shmreg_queue q;
	struct shmreg_pool p;
	shmreg_pool_ref ref;
	uint64_t elem[2] = { 1, 2 };
	unsigned int before;

	large.capacity = 4096;
	queue_bind(&q, world_add(&large, "queue"), &large, 1);
	pool_bind(&p, world_add(&pool, "pool"), &pool, 1);
	world_add(&ring, "ring");
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(shmreg_queue_push(&q, elem), 0);
	ck_assert_int_eq(shmreg_pool_acquire(&p, &ref), 0);
	world_is_well();
	before = n_resident();
	world_is_well();
	ck_assert_uint_eq(n_resident(), before);
	ck_assert_uint_lt(before, 10);
}
END_TEST

/* --- garbage ---------------------------------------------------------------------------------- */

/* Whatever lies there, looks end, and nothing beyond the data area is read. */
START_TEST(garbage)
{
	static const struct shmreg_shape array = { .kind = SHMREG_KIND_ARRAY, .layout = 1, .elem_align = 8,
						   .elem_bytes = 8, .capacity = 400 };
	const struct shmreg_shape shapes[] = {
		array, queue_shape, ring_shape(4, 16, 8), record_shape(4096), cell_shape(16, 8, 8, 8),
		topic_shape(64, 16, 8, SHMREG_TOPIC_RELIABLE, 64, 100, 0), topic_shape(2, 1, 1, 0, 1, 0, 0),
		pool_shape(1000, 24, 8), object_queue_shape(64, 0, 8, 7),
	};
	struct random_state random = { .x = 88172645463325252 };
	size_t n_found = 0;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		world_add(&shapes[i], (char[]){ (char)('a' + i), '\0' });
	for (int round = 0; round < 300; round++) {
		struct inspection x = { .is_copy = round % 3 == 2 };

		random_fill(&random, world_data, WORLD_BYTES);
		/* Small numbers go further. */
		for (uint64_t i = 0; i < WORLD_BYTES; i += 8)
			if (random_below(&random, 4) < (uint64_t)round % 4)
				memset(world_data + i + 1 + random_below(&random, 7), 0, 1);
		for (int i = 0; i < 2; i++)
			n_found += inspect_look(&x, world_dir, world_data);
		ck_assert(!x.failed);
		inspection_deinit(&x);
	}
	ck_assert_uint_gt(n_found, 300);
}
END_TEST

/* --- at each instruction ---------------------------------------------------------------------- */

static struct {
	struct shmreg_queue queue;
	struct shmreg_ring_producer ring_producer;
	struct shmreg_ring_consumer ring_consumer;
	struct shmreg_record_producer record_producer;
	struct shmreg_record_consumer record_consumer;
	struct shmreg_cell_writer cell;
	struct shmreg_publisher publisher;
	struct shmreg_subscriber subscriber;
	struct shmreg_pool pool;
	struct shmreg_object_queue objects;
} h;

static int all_operations(void *data)
{
	uint64_t elem[2] = { 1, 2 };
	shmreg_pool_ref ref;
	char record[32] = "";
	size_t bytes;
	int bad = 0;

	(void)data;
	for (int i = 0; i < 5; i++) {
		bad |= shmreg_queue_push(&h.queue, elem) | shmreg_queue_push(&h.queue, elem);
		bad |= shmreg_queue_pop(&h.queue, elem) | shmreg_queue_pop(&h.queue, elem);
		bad |= shmreg_ring_push(&h.ring_producer, elem) | shmreg_ring_pop(&h.ring_consumer, elem);
		bad |= shmreg_record_push(&h.record_producer, record, 20);
		bad |= shmreg_record_pop(&h.record_consumer, record, sizeof(record), &bytes);
		bad |= shmreg_cell_write(&h.cell, elem);
		bad |= shmreg_publisher_publish(&h.publisher, elem, sizeof(elem));
		bad |= shmreg_subscriber_read(&h.subscriber, elem, sizeof(elem), NULL);
		bad |= shmreg_pool_acquire(&h.pool, &ref) | shmreg_object_queue_send(&h.objects, ref);
		bad |= shmreg_object_queue_receive(&h.objects, &ref) | shmreg_pool_release(&h.pool, ref);
	}
	return bad;
}

static void stepped(void *data, pid_t child)
{
	(void)data, (void)child;
	world_has_no_error();
}

START_TEST(each_instruction)
{
	const struct stepper stepper = { .run = all_operations, .stepped = stepped };
	const struct shmreg_shape ring = ring_shape(4, 16, 8), records = record_shape(64);
	const struct shmreg_shape cell = cell_shape(16, 8, 1, 2);
	const struct shmreg_shape topic = topic_shape(2, 16, 8, SHMREG_TOPIC_RELIABLE, 1, 1, 0);
	const struct shmreg_shape pool = pool_shape(2, 24, 8);
	const struct shmreg_shape objects = object_queue_shape(2, 0, 1, 0);
	void *base = world_add(&pool, "pool");
	long n;

	pool_bind(&h.pool, base, &pool, 1);
	object_queue_bind(&h.objects, world_add(&objects, "objects"), &objects, 1, 1, &h.pool);
	queue_at(&h.queue, world_add(&queue_shape, "queue"), 2);
	base = world_add(&ring, "ring");
	ck_assert(ring_producer_bind(&h.ring_producer, base, &ring, 3));
	ck_assert(ring_consumer_bind(&h.ring_consumer, base, &ring, 4));
	base = world_add(&records, "records");
	ck_assert(record_producer_bind(&h.record_producer, base, &records, 5));
	ck_assert(record_consumer_bind(&h.record_consumer, base, &records, 6));
	ck_assert(cell_writer_bind(&h.cell, world_add(&cell, "cell"), &cell, 7));
	base = world_add(&topic, "topic");
	ck_assert_int_eq(publisher_bind(&h.publisher, base, &topic, 8, NULL, 0), 0);
	ck_assert_int_eq(subscriber_bind(&h.subscriber, base, &topic, 9, NULL, 0), 0);
	world_is_well();
	n = stepper_run(&stepper);
	if (n == -EPERM) {
		puts("skipped: may not trace processes here");
		return;
	}
	ck_assert_int_gt(n, 1000);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("kinds");

	tcase_add_checked_fixture(tc, world_setup, world_teardown);
	tcase_add_loop_test(tc, queue_well, 0, N(queue_starts));
	tcase_add_test(tc, queue_faults);
	tcase_add_test(tc, queue_holders);
	tcase_add_loop_test(tc, ring_well, 0, N_RING_STARTS);
	tcase_add_loop_test(tc, records_well, 0, N_RECORD_STARTS);
	tcase_add_loop_test(tc, cell_well, 0, 2);
	tcase_add_loop_test(tc, topic_well, 0, N(topic_starts));
	tcase_add_loop_test(tc, pool_well, 0, 2);
	tcase_add_test(tc, only_what_lasts);
	tcase_add_test(tc, holes);
	tcase_add_test(tc, garbage);
	tcase_add_test(tc, each_instruction);
	return run_case("inspect", tc);
}
