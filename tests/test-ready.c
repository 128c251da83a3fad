/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include <shmreg/atomic.h>

#include "cell-plain.h"
#include "pool-plain.h"
#include "queue-plain.h"
#include "ready.h"
#include "ring-plain.h"
#include "suite.h"
#include "topic-plain.h"

/* What ready_look() says is what the call that follows finds, for each kind. */

#define ITEMS SHMREG_WAIT_ITEMS
#define SPACE SHMREG_WAIT_SPACE

static struct ready_seen seen;

static uint32_t look(const struct shmreg_handle *handle)
{
	return ready_look(handle, ITEMS | SPACE, &seen);
}

static void setup(void)
{
	memset(&seen, 0, sizeof(seen));
}

START_TEST(a_queue_has_items_and_space)
{
	const struct shmreg_shape shape = { .kind = SHMREG_KIND_QUEUE, .layout = 1,
					    .elem_align = 8, .elem_bytes = 8, .capacity = 4 };
	void *base = plain_map(&shape);
	struct shmreg_queue q, reader;
	uint64_t n = 0;
	int i, round;

	queue_bind(&q, base, &shape, 1);
	queue_bind(&reader, base, &shape, 0);
	for (round = 0; round < 5; round++) {
		ck_assert_uint_eq(look(&q.handle), SPACE);
		for (i = 0; i < 4; i++) {
			ck_assert_uint_ne(look(&q.handle) & SPACE, 0);
			ck_assert_int_eq(shmreg_queue_push(&q, &n), 0);
			ck_assert_uint_eq(ready_look(&q.handle, ITEMS, &seen), ITEMS);
		}
		ck_assert_uint_eq(look(&q.handle), ITEMS);
		ck_assert_uint_eq(look(&reader.handle), ITEMS);
		for (i = 0; i < 4; i++) {
			ck_assert_uint_ne(look(&q.handle) & ITEMS, 0);
			ck_assert_int_eq(shmreg_queue_pop(&q, &n), 0);
			ck_assert_uint_eq(ready_look(&q.handle, SPACE, &seen), SPACE);
		}
	}
	ck_assert_uint_eq(look(&reader.handle), SPACE);
	plain_unmap(base, &shape);
}
END_TEST

/* Reserved, aborted, acquired and refused slots. */
START_TEST(what_is_unfinished_in_a_queue_is_not_ready)
{
	const struct shmreg_shape shape = { .kind = SHMREG_KIND_QUEUE, .layout = 1,
					    .elem_align = 8, .elem_bytes = 8, .capacity = 4,
					    .flags = SHMREG_QUEUE_REDELIVER };
	void *base = plain_map(&shape);
	struct shmreg_queue_lease lease;
	struct shmreg_queue q, other;
	uint64_t n = 7;
	int i;

	queue_bind(&q, base, &shape, 1);
	queue_bind(&other, base, &shape, 2);
	ck_assert_int_eq(shmreg_queue_reserve(&other, &lease), 0);
	ck_assert_uint_eq(look(&q.handle), SPACE);
	ck_assert_int_eq(shmreg_queue_commit(&other, &lease), 0);
	ck_assert_uint_eq(look(&q.handle), ITEMS | SPACE);
	ck_assert_int_eq(shmreg_queue_acquire(&q, &lease), 0);
	ck_assert_uint_eq(look(&other.handle), SPACE);
	ck_assert_int_eq(shmreg_queue_refuse(&q, &lease), 0);
	ck_assert_uint_eq(look(&other.handle), ITEMS | SPACE);
	ck_assert_uint_eq(look(&q.handle), ITEMS | SPACE);
	ck_assert_int_eq(shmreg_queue_pop(&other, &n), 0);
	/* What may be found is said until a call has looked, and not again. */
	for (i = 0; look(&q.handle) == (ITEMS | SPACE); i++) {
		ck_assert_int_lt(i, 3);
		ck_assert_int_eq(shmreg_queue_pop(&q, &n), -EAGAIN);
	}
	ck_assert_uint_eq(look(&q.handle), SPACE);
	/* An aborted one is passed by the first call that comes. */
	ck_assert_int_eq(shmreg_queue_reserve(&q, &lease), 0);
	ck_assert_int_eq(shmreg_queue_abort(&q, &lease), 0);
	for (i = 0; (look(&q.handle) & ITEMS) != 0; i++) {
		ck_assert_int_lt(i, 3);
		ck_assert_int_eq(shmreg_queue_pop(&q, &n), -EAGAIN);
	}
	plain_unmap(base, &shape);
}
END_TEST

START_TEST(a_ring_has_items_and_space)
{
	const struct shmreg_shape shape = ring_shape(4, 8, 8);
	void *base = ring_map(&shape, ring_starts[_i]);
	struct shmreg_ring_producer p;
	struct shmreg_ring_consumer c;
	struct shmreg_ring reader;
	uint64_t n = 0;
	int i, round;

	ck_assert(ring_producer_bind(&p, base, &shape, 1));
	ck_assert(ring_consumer_bind(&c, base, &shape, 2));
	ring_bind_const(&reader, base, &shape);
	for (round = 0; round < 5; round++) {
		ck_assert_uint_eq(look(&p.ring.handle), SPACE);
		for (i = 0; i < 4; i++) {
			ck_assert_uint_ne(look(&p.ring.handle) & SPACE, 0);
			ck_assert_int_eq(shmreg_ring_push(&p, &n), 0);
			ck_assert_uint_ne(look(&c.ring.handle) & ITEMS, 0);
		}
		ck_assert_uint_eq(look(&p.ring.handle), ITEMS);
		ck_assert_uint_eq(look(&reader.handle), ITEMS);
		for (i = 0; i < 4; i++)
			ck_assert_int_eq(shmreg_ring_pop(&c, &n), 0);
	}
	plain_unmap(base, &shape);
}
END_TEST

/* Space for records is space for the one that found none: neither for less nor for more. */
START_TEST(a_ring_of_records_has_space_for_the_one_that_waits)
{
	const struct shmreg_shape shape = record_shape(128);
	void *base = ring_map(&shape, record_starts[_i]);
	struct shmreg_record_producer p;
	struct shmreg_record_consumer c;
	struct shmreg_record both[2];
	unsigned char data[64] = { 0 };
	uint64_t round;
	size_t got, bytes;
	bool fits;

	ck_assert(record_producer_bind(&p, base, &shape, 1));
	ck_assert(record_consumer_bind(&c, base, &shape, 2));
	for (round = 0; round < 200; round++) {
		bytes = round * 11 % (shmreg_record_max(&p.ring) + 1);
		while (shmreg_record_push(&p, data, bytes) == 0)
			;
		ck_assert_uint_eq(look(&p.ring.handle) & SPACE, 0);
		ck_assert_uint_eq(look(&c.ring.handle) & ITEMS, ITEMS);
		do {
			ck_assert_int_eq(shmreg_record_pop(&c, data, sizeof(data), &got), 0);
			fits = (look(&p.ring.handle) & SPACE) != 0;
			ck_assert_int_eq(shmreg_record_push(&p, data, bytes), fits ? 0 : -EAGAIN);
		} while (!fits);
		while ((look(&c.ring.handle) & ITEMS) != 0)
			ck_assert_int_eq(shmreg_record_pop(&c, data, sizeof(data), &got), 0);
		ck_assert_int_eq(shmreg_record_pop(&c, data, sizeof(data), &got), -EAGAIN);
		/* All or none of two. */
		both[0] = both[1] = (struct shmreg_record){ data, round * 5 % 25 };
		while (shmreg_record_push_bulk(&p, both, 2, 2) == 2)
			;
		ck_assert_uint_eq(look(&p.ring.handle) & SPACE, 0);
		while ((look(&p.ring.handle) & SPACE) == 0)
			ck_assert_int_eq(shmreg_record_pop(&c, data, sizeof(data), &got), 0);
		ck_assert_int_eq(shmreg_record_push_bulk(&p, both, 2, 2), 2);
		ck_assert_int_gt(shmreg_record_clear(&c), 0);
	}
	plain_unmap(base, &shape);
}
END_TEST

static void publish(struct shmreg_publisher *pub, int n)
{
	while (n-- > 0)
		ck_assert_int_eq(shmreg_publisher_publish(pub, &(uint64_t){ 1 }, 8), 0);
}

START_TEST(a_topic_has_items_for_each_subscriber)
{
	const struct shmreg_shape shape = topic_shape(4, 8, 8, 0, 1, 2, 0);
	void *base = plain_map(&shape);
	struct shmreg_subscriber a, b;
	struct shmreg_publisher pub;
	struct shmreg_topic reader = { 0 };
	uint64_t n;

	ck_assert_int_eq(publisher_bind(&pub, base, &shape, 1, NULL, 0), 0);
	ck_assert_int_eq(subscriber_bind(&a, base, &shape, 2, NULL, 0), 0);
	ck_assert_int_eq(subscriber_bind(&b, base, &shape, 0, NULL, 0), 0);
	topic_bind(&reader, base, &shape, 0, NULL);
	ck_assert_uint_eq(look(&a.topic.handle), SPACE);
	ck_assert_uint_eq(look(&b.topic.handle), SPACE);
	ck_assert_uint_eq(look(&reader.handle), SPACE);
	publish(&pub, 1);
	ck_assert_uint_eq(look(&a.topic.handle), ITEMS | SPACE);
	ck_assert_uint_eq(look(&b.topic.handle), ITEMS | SPACE);
	ck_assert_uint_eq(look(&reader.handle), ITEMS | SPACE);
	ck_assert_uint_eq(look(&reader.handle), SPACE);
	ck_assert_int_eq(shmreg_subscriber_read(&a, &n, sizeof(n), NULL), 0);
	ck_assert_uint_eq(look(&a.topic.handle), SPACE);
	/* Who looks in vain shows how far it is. */
	ck_assert_uint_eq(*topic_cursors(&a.topic) >> SHMREG_TOPIC_POSITION_SHIFT, 1);
	ck_assert_uint_eq(look(&b.topic.handle), ITEMS | SPACE);
	/* Overtaken. */
	publish(&pub, 40);
	ck_assert_uint_eq(look(&a.topic.handle), ITEMS | SPACE);
	ck_assert_uint_eq(look(&b.topic.handle), ITEMS | SPACE);
	ck_assert_uint_eq(look(&reader.handle), ITEMS | SPACE);
	while (look(&a.topic.handle) == (ITEMS | SPACE))
		ck_assert_int_eq(shmreg_subscriber_read(&a, &n, sizeof(n), NULL), 0);
	ck_assert_int_eq(shmreg_subscriber_read(&a, &n, sizeof(n), NULL), -EAGAIN);
	plain_unmap(base, &shape);
}
END_TEST

START_TEST(a_reliable_topic_has_no_space_while_a_subscriber_is_behind)
{
	const struct shmreg_shape shape = topic_shape(4, 8, 8, SHMREG_TOPIC_RELIABLE, 1, 2, 0);
	uint64_t seats[SHMREG_SEATS] = { [1] = SHMREG_SEAT_LIVE, [2] = SHMREG_SEAT_LIVE };
	void *base = plain_map(&shape);
	struct shmreg_subscriber sub;
	struct shmreg_publisher pub;
	uint64_t n;

	ck_assert_int_eq(publisher_bind(&pub, base, &shape, 1, seats, 0), 0);
	ck_assert_int_eq(subscriber_bind(&sub, base, &shape, 2, seats, 0), 0);
	publish(&pub, 3);
	ck_assert_uint_eq(look(&pub.topic.handle) & SPACE, SPACE);
	publish(&pub, 1);
	ck_assert_uint_eq(look(&pub.topic.handle) & SPACE, 0);
	ck_assert_int_eq(shmreg_publisher_publish(&pub, &(uint64_t){ 1 }, 8), -EAGAIN);
	ck_assert_int_eq(shmreg_subscriber_read(&sub, &n, sizeof(n), NULL), 0);
	ck_assert_uint_eq(look(&pub.topic.handle) & SPACE, SPACE);
	publish(&pub, 1);
	ck_assert_uint_eq(look(&pub.topic.handle) & SPACE, 0);
	seats[2] = SHMREG_SEAT_DEAD;
	ck_assert_uint_eq(look(&pub.topic.handle) & SPACE, SPACE);
	publish(&pub, 1);
	plain_unmap(base, &shape);
}
END_TEST

/* Who is too far behind is evicted, so publishers never wait for long. */
START_TEST(a_topic_that_evicts_has_space)
{
	const struct shmreg_shape shape = topic_shape(4, 8, 8, SHMREG_TOPIC_RELIABLE, 1, 2, 2);
	void *base = plain_map(&shape);
	struct shmreg_subscriber sub;
	struct shmreg_publisher pub;
	int i;

	ck_assert_int_eq(publisher_bind(&pub, base, &shape, 1, NULL, 0), 0);
	ck_assert_int_eq(subscriber_bind(&sub, base, &shape, 2, NULL, 0), 0);
	for (i = 0; i < 10; i++) {
		ck_assert_uint_eq(look(&pub.topic.handle) & SPACE, SPACE);
		publish(&pub, 1);
	}
	plain_unmap(base, &shape);
}
END_TEST

START_TEST(a_pool_has_space)
{
	static const uint64_t capacities[] = { 1, 15, 16, 17, 255, 5000 };
	const uint64_t n = capacities[_i];
	const struct shmreg_shape shape = pool_shape(n, 8, 8);
	void *base = plain_map(&shape);
	struct shmreg_pool p, reader;
	shmreg_pool_ref *refs = calloc(n, sizeof(*refs));
	uint64_t i;

	pool_bind(&p, base, &shape, 1);
	pool_bind(&reader, base, &shape, 0);
	for (i = 0; i < n; i++) {
		ck_assert_uint_eq(look(&p.handle), SPACE);
		ck_assert_int_eq(shmreg_pool_acquire(&p, &refs[i]), 0);
	}
	ck_assert_uint_eq(look(&p.handle), 0);
	ck_assert_int_eq(shmreg_pool_acquire(&p, &refs[0]), -EAGAIN);
	ck_assert_uint_eq(look(&reader.handle), 0);
	for (i = 0; i < n; i += 1 + n / 20) {
		ck_assert_int_eq(shmreg_pool_release(&p, refs[i]), 0);
		ck_assert_uint_eq(look(&reader.handle), SPACE);
		ck_assert_uint_eq(look(&p.handle), SPACE);
		ck_assert_int_eq(shmreg_pool_acquire(&p, &refs[i]), 0);
		ck_assert_uint_eq(look(&p.handle), 0);
	}
	free(refs);
	plain_unmap(base, &shape);
}
END_TEST

START_TEST(a_cell_is_ready_once_a_change)
{
	const struct shmreg_shape shape = cell_shape(8, 8, 1, 2);
	void *base = plain_map(&shape);
	struct shmreg_cell_writer w;
	struct ready_seen other = { 0 };
	uint64_t n = 3;

	ck_assert(cell_writer_bind(&w, base, &shape, 1));
	ck_assert_uint_eq(look(&w.cell.handle), 0);
	ck_assert_int_eq(shmreg_cell_write(&w, &n), 0);
	ck_assert_uint_eq(look(&w.cell.handle), ITEMS);
	ck_assert_uint_eq(look(&w.cell.handle), 0);
	ck_assert_int_eq(shmreg_cell_write(&w, &n), 0);
	ck_assert_int_eq(shmreg_cell_write(&w, &n), 0);
	ck_assert_uint_eq(look(&w.cell.handle), ITEMS);
	ck_assert_uint_eq(look(&w.cell.handle), 0);
	ck_assert_uint_eq(ready_look(&w.cell.handle, ITEMS, &other), ITEMS);
	ck_assert_uint_eq(ready_look(&w.cell.handle, SPACE, &other), 0);
	plain_unmap(base, &shape);
}
END_TEST

START_TEST(an_atomic_is_ready_at_first_and_when_it_differs)
{
	static const uint64_t sizes[] = { 1, 2, 4, 8 };
	uint64_t value[2] = { 0, UINT64_MAX };
	const struct shmreg_handle handle = {
		.base = (unsigned char *)value,
		.shape = { .kind = SHMREG_KIND_ATOMIC, .elem_bytes = sizes[_i] },
	};
	unsigned char *const last = (unsigned char *)value + sizes[_i] - 1;

	ck_assert_uint_eq(look(&handle), ITEMS);
	ck_assert_uint_eq(look(&handle), 0);
	*last ^= 1;
	last[1] ^= 1;	/* not its own */
	ck_assert_uint_eq(look(&handle), ITEMS);
	ck_assert_uint_eq(look(&handle), 0);
	last[1] ^= 1;
	ck_assert_uint_eq(look(&handle), 0);
}
END_TEST

START_TEST(nothing_is_ready_in_a_forked_child_or_an_array)
{
	const struct shmreg_handle wiped = { .shape = { .kind = SHMREG_KIND_QUEUE } };
	const struct shmreg_handle array = { .base = (unsigned char *)&seen,
					     .shape = { .kind = SHMREG_KIND_ARRAY } };
	const struct shmreg_handle strange = { .base = (unsigned char *)&seen,
					       .shape = { .kind = 12345 } };

	ck_assert_uint_eq(look(&wiped), 0);
	ck_assert_uint_eq(look(&array), 0);
	ck_assert_uint_eq(look(&strange), 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("ready");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_queue_has_items_and_space);
	tcase_add_test(tc, what_is_unfinished_in_a_queue_is_not_ready);
	tcase_add_loop_test(tc, a_ring_has_items_and_space, 0, N_RING_STARTS);
	tcase_add_loop_test(tc, a_ring_of_records_has_space_for_the_one_that_waits, 0,
			    N_RECORD_STARTS);
	tcase_add_test(tc, a_topic_has_items_for_each_subscriber);
	tcase_add_test(tc, a_reliable_topic_has_no_space_while_a_subscriber_is_behind);
	tcase_add_test(tc, a_topic_that_evicts_has_space);
	tcase_add_loop_test(tc, a_pool_has_space, 0, 6);
	tcase_add_test(tc, a_cell_is_ready_once_a_change);
	tcase_add_loop_test(tc, an_atomic_is_ready_at_first_and_when_it_differs, 0, 4);
	tcase_add_test(tc, nothing_is_ready_in_a_forked_child_or_an_array);
	return run_case("ready", tc);
}
