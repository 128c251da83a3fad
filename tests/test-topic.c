/* SPDX-License-Identifier: MIT */
#include <config.h>

#include "topic-fixture.h"

/* A topic by itself: order, laps, loss, history, sizes, in place, a look, types. */

struct wide {
	SHMREG_ALIGNAS(128) unsigned char b[384];
};
SHMREG_DEFINE_TOPIC(wides, struct wide);

START_TEST(test_everybody_gets_everything)
{
	const uint64_t start = starts[_i % N_STARTS], capacity = UINT64_C(2) << _i / N_STARTS % 3;
	const uint32_t flags = _i / N_STARTS / 3 & 1 ? SHMREG_TOPIC_RELIABLE : 0;
	const uint32_t publishers = _i / N_STARTS / 6 ? 3 : 1;
	struct shmreg_publisher pub[3];
	struct shmreg_subscriber a, b, c;
	struct shmreg_topic_message m;
	uint64_t i, newest;
	uint32_t k;

	set_up(capacity, flags, publishers, 0, start);
	for (k = 0; k < publishers; k++)
		ck_assert_int_eq(publisher_bind(&pub[k], base, &shape, 10 + k, NULL, k), 0);
	ck_assert_int_eq(subscriber_bind(&a, base, &shape, 1, NULL, 0), 0);
	ck_assert_int_eq(subscriber_bind(&b, base, &shape, 4095, NULL, 0), 0);
	expect_nothing(&a);
	for (i = start; i != start + 6 * capacity + 1; i++) {
		publish(&pub[i * i % publishers], i);
		m = expect(&a, i, i, 0);
		ck_assert_uint_eq(m.publisher, i * i % publishers);
		ck_assert_uint_eq(m.flags, 0);
		ck_assert_uint_eq(m.time_ns, 0);
		expect_nothing(&a);
		if (i & 1) {
			ck_assert_uint_eq(shmreg_subscriber_lag(&b), i == start ? 1 : 2);
			if (i != start)
				expect(&b, i - 1, i - 1, 0);
			expect(&b, i, i, 0);
		}
		ck_assert_int_eq(shmreg_topic_newest(&a.topic, &newest), 0);
		ck_assert_uint_eq(newest, i + 1);
	}
	if (!flags) {
		/* who only looks */
		ck_assert_int_eq(subscriber_bind(&c, base, &shape, 0, NULL, 1), 0);
		expect(&c, i - 1, i - 1, 0);
	}
	for (k = 0; k < publishers; k++)
		publisher_leave(&pub[k]);
	subscriber_leave(&a);
	subscriber_leave(&b);
	ck_assert(topic_is_left(base, &shape));
	tear_down();
}
END_TEST

START_TEST(test_zero_is_empty)
{
	struct shmreg_subscriber sub;
	struct shmreg_publisher pub;

	shape = topic_shape(16, 24, 8, 0, 2, 3, 0);
	base = plain_map(&shape);
	ck_assert(topic_is_whole(base, &shape));
	ck_assert(topic_is_left(base, &shape));
	ck_assert_int_eq(subscriber_bind(&sub, base, &shape, 3, NULL, SHMREG_TOPIC_ALL), 0);
	expect_nothing(&sub);
	ck_assert_uint_eq(shmreg_subscriber_lag(&sub), 0);
	ck_assert_int_eq(publisher_bind(&pub, base, &shape, 2, NULL, 1), 0);
	publish(&pub, 5);
	expect(&sub, 5, 0, 0);
	tear_down();
}
END_TEST

/* Overtaken: what is gone is told exactly, and it goes on where there is some time to read. */
START_TEST(test_loss_is_told)
{
	const uint64_t start = starts[_i % N_STARTS], capacity = UINT64_C(2) << _i / N_STARTS % 3;
	struct shmreg_subscriber sub;
	struct shmreg_publisher pub;
	uint64_t n, i, first, lost = 0;

	set_up(capacity, 0, 1 + (uint32_t)(_i & 1), 0, start);
	ck_assert_int_eq(publisher_bind(&pub, base, &shape, 1, NULL, 0), 0);
	ck_assert_int_eq(subscriber_bind(&sub, base, &shape, 2, NULL, 0), 0);
	i = start;
	for (n = 1; n < 4 * capacity; n++) {
		uint64_t k, published = i + n;

		for (k = 0; k < n; k++)
			publish(&pub, i + k);
		first = n <= capacity ? i : published - capacity + capacity / 4;
		ck_assert_uint_eq(shmreg_subscriber_lag(&sub), n);
		expect(&sub, first, first, first - i);
		lost += first - i;
		ck_assert_uint_eq(shmreg_subscriber_n_lost(&sub), lost);
		for (k = first + 1; k != published; k++)
			expect(&sub, k, k, 0);
		expect_nothing(&sub);
		i = published;
	}
	tear_down();
}
END_TEST

START_TEST(test_history)
{
	const uint64_t start = starts[_i];
	struct shmreg_subscriber sub;
	struct shmreg_publisher pub;
	struct shmreg_topic_message m[8];
	struct item items[8];
	uint64_t i, k, n;

	set_up(8, 0, 1, 0, start);
	ck_assert_int_eq(publisher_bind(&pub, base, &shape, 1, NULL, 0), 0);
	for (i = 0; i < 20; i++) {
		publish(&pub, start + i);
		if (i < 8)
			continue;
		for (n = 0; n <= 8; n++) {
			ck_assert_int_eq(subscriber_bind(&sub, base, &shape, 2, NULL, n), 0);
			ck_assert_uint_eq(shmreg_subscriber_lag(&sub), n);
			for (k = i + 1 - n; k <= i; k++)
				expect(&sub, start + k, start + k, 0);
			expect_nothing(&sub);
			subscriber_leave(&sub);
			/* the same without moving anything */
			ck_assert_int_eq(shmreg_topic_last(&pub.topic, items, sizeof(*items),
							   (uint32_t)n, m), (int)n);
			for (k = 0; k < n; k++) {
				ck_assert_uint_eq(items[k].n, start + i + 1 - n + k);
				ck_assert_uint_eq(m[k].position, items[k].n);
			}
		}
		ck_assert_int_eq(subscriber_bind(&sub, base, &shape, 0, NULL, SHMREG_TOPIC_ALL), 0);
		ck_assert_uint_eq(shmreg_subscriber_lag(&sub), 8);
	}
	ck_assert_int_eq(shmreg_topic_read_at(&pub.topic, start + 12, items, 16, m), 0);
	ck_assert_int_eq(shmreg_topic_read_at(&pub.topic, start + 12, items, 15, m), -EMSGSIZE);
	ck_assert_int_eq(shmreg_topic_read_at(&pub.topic, start + 11, items, 16, m), -EPIPE);
	ck_assert_int_eq(shmreg_topic_read_at(&pub.topic, start + 20, items, 16, m), -EAGAIN);
	ck_assert_int_eq(shmreg_topic_last(&pub.topic, items, sizeof(*items), 1000, NULL), 8);
	/* One in the middle is overwritten meanwhile: what is behind it has no gap. */
	*shmreg_topic_slot_(&pub.topic, start + 17) += UINT64_C(1) << SHMREG_TOPIC_TURN_SHIFT;
	ck_assert_int_eq(shmreg_topic_last(&pub.topic, items, sizeof(*items), 8, m), 2);
	ck_assert_uint_eq(items[0].n, start + 18);
	ck_assert_uint_eq(m[1].position, start + 19);
	tear_down();
}
END_TEST

START_TEST(test_sizes)
{
	unsigned char data[100], copy[100];
	struct shmreg_topic_message m;
	struct shmreg_subscriber sub;
	struct shmreg_publisher pub;
	const void *place;
	size_t n;

	shape = topic_shape(4, 100, 1, 0, 1, 4, 0);
	base = plain_map(&shape);
	ck_assert_int_eq(publisher_bind(&pub, base, &shape, 1, NULL, 0), 0);
	ck_assert_int_eq(subscriber_bind(&sub, base, &shape, 2, NULL, 0), 0);
	for (n = 0; n <= sizeof(data); n++) {
		memset(data, (int)n + 1, sizeof(data));
		memset(copy, 0, sizeof(copy));
		shmreg_publisher_stamp(&pub, n);
		ck_assert_int_eq(shmreg_publisher_publish(&pub, data, n), 0);
		if (n > 0)
			ck_assert_int_eq(shmreg_subscriber_read(&sub, copy, n - 1, &m), -EMSGSIZE);
		ck_assert_int_eq(shmreg_subscriber_peek(&sub, &place, &m), 0);
		ck_assert_uint_eq(m.bytes, n);
		ck_assert_int_eq(memcmp(place, data, n), 0);
		ck_assert_int_eq(shmreg_subscriber_read(&sub, copy, n, &m), 0);
		ck_assert_uint_eq(m.bytes, n);
		ck_assert_uint_eq(m.time_ns, n);
		ck_assert_int_eq(memcmp(copy, data, n), 0);
		ck_assert(n == sizeof(copy) || copy[n] == 0);
	}
	ck_assert_int_eq(shmreg_publisher_publish(&pub, data, 101), -EMSGSIZE);
	ck_assert_int_eq(shmreg_publisher_publish_reserved(&pub, 101), -EMSGSIZE);
	expect_nothing(&sub);
	tear_down();
}
END_TEST

START_TEST(test_in_place)
{
	struct shmreg_topic_message m;
	struct shmreg_subscriber sub;
	struct shmreg_publisher pub;
	struct item *place;
	const struct item *seen;
	const void *p, *again;
	void *q;
	uint64_t i;

	set_up(4, 0, 1 + (uint32_t)_i, 0, 0);
	ck_assert_int_eq(publisher_bind(&pub, base, &shape, 1, NULL, 0), 0);
	ck_assert_int_eq(subscriber_bind(&sub, base, &shape, 2, NULL, 0), 0);
	ck_assert_int_eq(shmreg_subscriber_consume(&sub), -EINVAL);
	ck_assert_int_eq(shmreg_subscriber_peek(&sub, &p, NULL), -EAGAIN);
	for (i = 0; i < 20; i++) {
		ck_assert_int_eq(shmreg_publisher_reserve(&pub, &q), 0);
		place = q;
		place->n = i;
		place->check = ~i;
		expect_nothing(&sub);
		ck_assert_int_eq(shmreg_publisher_publish_reserved(&pub, sizeof(*place)), 0);
		ck_assert_int_eq(shmreg_subscriber_peek(&sub, &p, NULL), 0);
		seen = p;
		ck_assert_uint_eq(seen->n, i);
		ck_assert_int_eq(shmreg_subscriber_peek(&sub, &again, NULL), 0);
		ck_assert_ptr_eq(p, again);
		ck_assert_int_eq(shmreg_subscriber_consume(&sub), 0);
		ck_assert_int_eq(shmreg_subscriber_consume(&sub), -EINVAL);
	}
	/* Overwritten while one looks: lost, and told with the next. */
	publish(&pub, 20);
	ck_assert_int_eq(shmreg_subscriber_peek(&sub, &p, NULL), 0);
	for (i = 21; i < 24; i++)
		publish(&pub, i);
	ck_assert_uint_eq(((const struct item *)p)->n, 20);
	publish(&pub, 24);
	ck_assert_int_eq(shmreg_subscriber_consume(&sub), -EPIPE);
	ck_assert_int_eq(shmreg_subscriber_consume(&sub), -EINVAL);
	expect(&sub, 22, 22, 2);
	/* What was peeked at is not what one would read now. */
	ck_assert_int_eq(shmreg_subscriber_peek(&sub, &p, NULL), 0);
	for (i = 25; i < 40; i++)
		publish(&pub, i);
	ck_assert_int_eq(shmreg_subscriber_read(&sub, &i, 1, NULL), -EMSGSIZE);
	ck_assert_int_eq(shmreg_subscriber_consume(&sub), -EINVAL);
	expect(&sub, 37, 37, 14);
	ck_assert_int_eq(shmreg_subscriber_consume(&sub), -EINVAL);
	/* What peek() has told is told to read(), too, if it gives the same; but not once it is consumed. */
	for (i = 40; i < 50; i++)
		publish(&pub, i);
	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(shmreg_subscriber_peek(&sub, &p, &m), 0);
		ck_assert_uint_eq(m.position, 47);
		ck_assert_uint_eq(m.n_lost, 9);
		ck_assert_uint_eq(m.first_lost, 38);
	}
	ck_assert_int_eq(shmreg_subscriber_consume(&sub), 0);
	expect(&sub, 48, 48, 0);
	tear_down();
}
END_TEST

static int see_subscriber(void *data, const struct shmreg_topic_subscriber_info *info)
{
	struct shmreg_topic_subscriber_info *ret = data;

	ret[info->index] = *info;
	return 0;
}

static int see_publisher(void *data, const struct shmreg_topic_publisher_info *info)
{
	struct shmreg_topic_publisher_info *ret = data;

	ret[info->index] = *info;
	return info->index == 1 ? 5 : 0;
}

/* Who has no cursor is overtaken like anybody else: it goes on a little behind the oldest. */
START_TEST(test_without_cursor)
{
	const uint64_t start = starts[_i];
	struct shmreg_subscriber sub;
	struct shmreg_publisher pub;
	uint64_t i;

	set_up(8, 0, 1, 0, start);
	ck_assert_int_eq(publisher_bind(&pub, base, &shape, 1, NULL, 0), 0);
	ck_assert_int_eq(subscriber_bind(&sub, base, &shape, 0, NULL, 0), 0);
	for (i = 0; i < 20; i++)
		publish(&pub, start + i);
	expect(&sub, start + 14, start + 14, 14);
	for (i = 15; i < 20; i++)
		expect(&sub, start + i, start + i, 0);
	expect_nothing(&sub);
	tear_down();
}
END_TEST

START_TEST(test_look)
{
	struct shmreg_topic_publisher_info publishers[3] = { { .seat = 0 } };
	struct shmreg_topic_subscriber_info subscribers[4] = { { .seat = 0 } };
	struct shmreg_topic_stats stats = { .size = 1 };
	struct shmreg_publisher pub[2];
	struct shmreg_subscriber a, b, c;
	const uint64_t start = starts[_i];
	const void *place;
	uint64_t i;

	set_up(4, 0, 3, 0, start);
	ck_assert_int_eq(publisher_bind(&pub[0], base, &shape, 9, NULL, 1), 0);
	ck_assert_int_eq(publisher_bind(&pub[1], base, &shape, 11, NULL, 1), -EBUSY);
	ck_assert_int_eq(publisher_bind(&pub[1], base, &shape, 11, NULL, 2), 0);
	ck_assert_int_eq(subscriber_bind(&a, base, &shape, 2, NULL, 0), 0);
	ck_assert_int_eq(subscriber_bind(&b, base, &shape, 3, NULL, 0), 0);
	for (i = 0; i < 6; i++)
		publish(&pub[i & 1], start + i);
	expect(&a, start + 3, start + 3, 3);
	ck_assert_int_eq(shmreg_topic_subscribers(&b.topic, see_subscriber, subscribers), 0);
	ck_assert_uint_eq(subscribers[0].seat, 2);
	ck_assert_uint_eq(subscribers[0].state, SHMREG_TOPIC_ACTIVE);
	ck_assert_uint_eq(subscribers[0].position, start + 4);
	ck_assert_uint_eq(subscribers[0].lag, 2);
	ck_assert_uint_eq(subscribers[0].n_lost, 3);
	ck_assert_uint_eq(subscribers[0].n_read, 1);
	ck_assert_uint_eq(subscribers[1].seat, 3);
	ck_assert_uint_eq(subscribers[1].lag, 6);
	ck_assert_uint_eq(subscribers[2].seat, 0);
	/* one that begins with what is there */
	ck_assert_int_eq(subscriber_bind(&c, base, &shape, 4, NULL, 2), 0);
	for (i = 4; i < 6; i++)
		expect(&c, start + i, start + i, 0);
	/* who finds that it has read all shows it */
	ck_assert_int_eq(shmreg_subscriber_peek(&c, &place, NULL), -EAGAIN);
	ck_assert_int_eq(shmreg_topic_subscribers(&b.topic, see_subscriber, subscribers), 0);
	ck_assert_uint_eq(subscribers[2].n_read, 2);
	ck_assert_uint_eq(subscribers[2].n_lost, 0);
	ck_assert_int_eq(shmreg_topic_publishers(&b.topic, see_publisher, publishers), 5);
	ck_assert_uint_eq(publishers[1].seat, 9);
	ck_assert_uint_eq(publishers[1].n_published, 3);
	ck_assert_uint_eq(publishers[2].seat, 0);
	ck_assert_int_eq(shmreg_topic_stat(&b.topic, &stats), -EINVAL);
	stats.size = sizeof(stats);
	ck_assert_int_eq(shmreg_topic_stat(&b.topic, &stats), 0);
	ck_assert_uint_eq(stats.n_published, start + 6);
	ck_assert_uint_eq(stats.capacity, 4);
	ck_assert_uint_eq(shmreg_topic_capacity(&b.topic), 4);
	ck_assert_uint_eq(shmreg_topic_message_bytes(&b.topic), 16);
	tear_down();
}
END_TEST

/* Who reads on and on, never in vain, is seen 16 messages behind at the most. */
START_TEST(test_cursor_follows)
{
	struct shmreg_topic_subscriber_info subscribers[4] = { { .seat = 0 } };
	const uint64_t start = starts[_i], capacity = 64;
	struct shmreg_publisher pub;
	struct shmreg_subscriber sub;
	uint64_t i;

	set_up(capacity, 0, 1, 0, start);
	ck_assert_int_eq(publisher_bind(&pub, base, &shape, 9, NULL, 0), 0);
	ck_assert_int_eq(subscriber_bind(&sub, base, &shape, 2, NULL, 0), 0);
	for (i = 0; i < capacity; i++)
		publish(&pub, start + i);
	for (i = 0; i < capacity; i++) {
		expect(&sub, start + i, start + i, 0);
		ck_assert_int_eq(shmreg_topic_subscribers(&sub.topic, see_subscriber, subscribers),
				 0);
		ck_assert_uint_le(start + i + 1 - subscribers[0].position, 16);
		ck_assert_uint_eq(subscribers[0].lag,
				  start + capacity - subscribers[0].position);
	}
	tear_down();
}
END_TEST

START_TEST(test_typed)
{
	struct wides_subscriber sub;
	struct wides_publisher pub;
	struct wide wide, *place;
	const struct wide *seen;
	struct shmreg_topic_message m;
	int i;

	shape = topic_shape(2, sizeof(wide), 128, 0, 1, 1, 0);
	base = plain_map(&shape);
	ck_assert_int_eq(publisher_bind(&pub.publisher, base, &shape, 1, NULL, 0), 0);
	ck_assert_int_eq(subscriber_bind(&sub.subscriber, base, &shape, 2, NULL, 0), 0);
	ck_assert_uint_eq(pub.publisher.topic.stride, SHMREG_TOPIC_STRIDE_(struct wide));
	ck_assert_uint_eq(pub.publisher.topic.elem_offset, SHMREG_TOPIC_ELEM_OFFSET_(struct wide));
	for (i = 0; i < 9; i++) {
		memset(&wide, i, sizeof(wide));
		ck_assert_int_eq(wides_publisher_publish(&pub, &wide), 0);
		ck_assert_int_eq(wides_subscriber_peek(&sub, &seen, NULL), 0);
		ck_assert_uint_eq((uintptr_t)seen % 128, 0);
		ck_assert_int_eq(memcmp(seen, &wide, sizeof(wide)), 0);
		ck_assert_int_eq(wides_subscriber_consume(&sub), 0);
		ck_assert_int_eq(wides_publisher_reserve(&pub, &place), 0);
		memset(place, i + 100, sizeof(*place));
		ck_assert_int_eq(wides_publisher_publish_reserved(&pub), 0);
		ck_assert_uint_eq(wides_subscriber_lag(&sub), 1);
		ck_assert_int_eq(wides_subscriber_read(&sub, &wide, &m), 0);
		ck_assert_int_eq(wide.b[383], i + 100);
		ck_assert_uint_eq(m.bytes, sizeof(wide));
	}
	tear_down();
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("topic");

	tcase_set_timeout(c, 0);
	tcase_add_loop_test(c, test_everybody_gets_everything, 0, N_STARTS * 12);
	tcase_add_test(c, test_zero_is_empty);
	tcase_add_loop_test(c, test_loss_is_told, 0, N_STARTS * 3);
	tcase_add_loop_test(c, test_history, 0, N_STARTS);
	tcase_add_test(c, test_sizes);
	tcase_add_loop_test(c, test_in_place, 0, 2);
	tcase_add_loop_test(c, test_look, 0, N_STARTS);
	tcase_add_loop_test(c, test_cursor_follows, 0, N_STARTS);
	tcase_add_loop_test(c, test_without_cursor, 0, N_STARTS);
	tcase_add_test(c, test_typed);
	return run_case("topic", c);
}
