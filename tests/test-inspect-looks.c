/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * What a look is, whatever it looks at: it makes no memory, comes to an end, and after each single
 * instruction of operations finds nothing wrong, for what stands still there is no error.
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

static unsigned int n_resident(void)
{
	unsigned char page[WORLD_BYTES / 4096] = { 0 };	/* of larger pages there are fewer */
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
	struct shmreg_shape large = world_queue;
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

/* Whatever lies there, looks end, and nothing beyond the data area is read. */
START_TEST(garbage)
{
	static const struct shmreg_shape array = { .kind = SHMREG_KIND_ARRAY, .layout = 1, .elem_align = 8,
						   .elem_bytes = 8, .capacity = 400 };
	const struct shmreg_shape shapes[] = {
		array, world_queue, ring_shape(4, 16, 8), record_shape(4096), cell_shape(16, 8, 8, 8),
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
	queue_bind(&h.queue, world_add(&world_queue, "queue"), &world_queue, 2);
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
	TCase *tc = tcase_create("looks");

	tcase_add_checked_fixture(tc, world_setup, world_teardown);
	tcase_add_test(tc, holes);
	tcase_add_test(tc, garbage);
	tcase_add_test(tc, each_instruction);
	return run_case("inspect-looks", tc);
}
