/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * Objects as correct processes leave them are found well, wherever their counters are; with each
 * fault that there is a check for, that check finds it.
 */

#include <check.h>
#include <errno.h>
#include <string.h>

#include "cell-plain.h"
#include "inspect-world.h"
#include "object-queue-plain.h"
#include "ring-plain.h"
#include "suite.h"
#include "topic-plain.h"

static const uint64_t queue_starts[] = { 0, 1, 7, (UINT64_C(1) << 31) - 2, (UINT64_C(1) << 43) - 3 };
static const uint64_t topic_starts[] = TOPIC_STARTS;
#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))

static struct shmreg_queue *queue_at(struct shmreg_queue *q, void *base, uint32_t seat)
{
	queue_bind(q, base, &world_queue, seat);
	return q;
}

/* --- queue ------------------------------------------------------------------------------------ */

START_TEST(queue_well)
{
	void *base = world_add(&world_queue, "queue");
	struct shmreg_queue_lease lease[3];
	struct shmreg_queue a, b;
	uint64_t elem[2] = { 1, 2 };

	if (queue_starts[_i])
		queue_seed(base, &world_queue, queue_starts[_i]);
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
	void *base = world_add(&world_queue, "queue");
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
		shmreg_cell_slot_number(shm->latest, 6) * shmreg_cell_stride(24, 8) +
		shmreg_cell_word_offset(24));
	ck_assert_uint_eq(*slot, shm->latest);
	*slot = 0;
	ck_assert_int_eq(world_finds("cell.slot"), FINDING_ERROR);
	shm->latest |= SHMREG_CELL_PLACE_MASK;
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
	*pool_word(pool, &shape, shmreg_pool_ref_index(ref[1])) = shmreg_pool_word_kept(good, 0, 0);
	ck_assert_int_eq(world_finds("pool.word"), FINDING_ERROR);
	*pool_word(pool, &shape, shmreg_pool_ref_index(ref[1])) =
		shmreg_pool_word_kept(good, WORLD_NOBODYS, 0);
	ck_assert_int_eq(world_finds("object.seat"), FINDING_ERROR);
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
	return run_case("inspect", tc);
}
