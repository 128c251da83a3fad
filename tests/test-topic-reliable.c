/* SPDX-License-Identifier: MIT */
#include <config.h>

#include "topic-fixture.h"

/* A topic by itself whose publishers wait for subscribers: room, eviction, joining. */

/* Reliable: the slowest of those who live holds publishers. */
START_TEST(test_room)
{
	const uint64_t start = starts[_i % N_STARTS];
	uint64_t seats[4096] = { 0 }, i, at;
	struct shmreg_subscriber a, b;
	struct shmreg_publisher pub;
	const struct item item = { 0, 0 };
	struct shmreg_topic_stats stats = { .size = sizeof(stats) };

	set_up(4, SHMREG_TOPIC_RELIABLE, 1 + (uint32_t)(_i / N_STARTS), 0, start);
	ck_assert_int_eq(publisher_bind(&pub, base, &shape, 1, seats, 0), 0);
	for (i = 0; i < 10; i++)	/* nobody listens */
		publish(&pub, start + i);
	at = start + 10;
	ck_assert_int_eq(subscriber_bind(&a, base, &shape, 2, NULL, 0), 0);
	ck_assert_int_eq(subscriber_bind(&b, base, &shape, 3, NULL, 0), 0);
	for (i = 0; i < 4; i++)
		publish(&pub, at + i);
	ck_assert_int_eq(shmreg_publisher_publish(&pub, &item, 16), -EAGAIN);
	for (i = 0; i < 4; i++)
		expect(&a, at + i, at + i, 0);
	ck_assert_int_eq(shmreg_publisher_publish(&pub, &item, 16), -EAGAIN);
	expect(&b, at, at, 0);
	publish(&pub, at + 4);
	ck_assert_int_eq(shmreg_publisher_publish_reserved(&pub, 16), -EAGAIN);
	ck_assert_int_eq(shmreg_topic_stat(&pub.topic, &stats), 0);
	ck_assert_uint_eq(stats.n_full, 2);
	ck_assert_uint_eq(stats.lag_high, 4);
	ck_assert_uint_eq(stats.n_published, at + 5);
	ck_assert_uint_eq(stats.n_subscribers, 2);
	ck_assert_uint_eq(stats.n_publishers, 1);
	/* b dies: it holds nobody from then on, repaired or not. */
	seats[3] = SHMREG_SEAT_DEAD;
	for (i = 5; i < 8; i++)
		publish(&pub, at + i);
	ck_assert_int_eq(shmreg_publisher_publish(&pub, &item, 16), -EAGAIN);
	/* a leaves */
	subscriber_leave(&a);
	publish(&pub, at + 8);
	/* Cursors that are all taken: a topic that is reliable has no place for more. */
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(subscriber_bind(&a, base, &shape, 10 + (uint32_t)i, NULL, 0), 0);
	ck_assert_int_eq(subscriber_bind(&a, base, &shape, 20, NULL, 0), -EBUSY);
	tear_down();
}
END_TEST

START_TEST(test_eviction)
{
	const uint64_t start = starts[_i % N_STARTS];
	const uint32_t lag_max = 1 + (uint32_t)(_i / N_STARTS) * 3 % 8;
	struct shmreg_topic_stats stats = { .size = sizeof(stats) };
	struct shmreg_topic_message m;
	struct shmreg_subscriber sub;
	struct shmreg_publisher pub;
	uint64_t i, at = start, first;
	const void *p;
	int round;

	set_up(8, SHMREG_TOPIC_RELIABLE, 2, lag_max, start);
	ck_assert_int_eq(publisher_bind(&pub, base, &shape, 1, NULL, 0), 0);
	ck_assert_int_eq(subscriber_bind(&sub, base, &shape, 2, NULL, 0), 0);
	for (round = 0; round < 3; round++) {
		/* At the limit, not beyond: all is there. */
		for (i = 0; i < lag_max; i++)
			publish(&pub, at + i);
		for (i = 0; i < lag_max; i++) {
			m = expect(&sub, at + i, at + i, 0);
			ck_assert_uint_eq(m.flags, 0);
		}
		at += lag_max;
		/* Beyond: the first is there still, or not; then it joins again, and knows it. */
		for (i = 0; i < 20; i++)
			publish(&pub, at + i);
		first = at + 20 - lag_max / 2;
		if (lag_max == 1) {	/* nothing is left; it is told with the next */
			expect_nothing(&sub);
			publish(&pub, at + 20);
			m = expect(&sub, at + 20, at + 20, 20);
			ck_assert_uint_eq(m.flags, SHMREG_TOPIC_WAS_EVICTED);
			at += 21;
			continue;
		}
		ck_assert_int_eq(shmreg_subscriber_peek(&sub, &p, &m), 0);
		if (m.flags & SHMREG_TOPIC_WAS_EVICTED) {
			expect(&sub, first, first, first - at);
		} else {
			expect(&sub, m.position, m.position, m.position - at);
			m = expect(&sub, first, first, first - m.position - 1);
			ck_assert_uint_eq(m.flags, SHMREG_TOPIC_WAS_EVICTED);
		}
		for (i = first + 1; i != at + 20; i++)
			expect(&sub, i, i, 0);
		expect_nothing(&sub);
		at += 20;
	}
	ck_assert_int_eq(shmreg_topic_stat(&pub.topic, &stats), 0);
	ck_assert_uint_ge(stats.n_evicted, 3);
	ck_assert_uint_eq(stats.lag_high, lag_max);
	subscriber_leave(&sub);
	publisher_leave(&pub);
	ck_assert(topic_is_left(base, &shape));
	tear_down();
}
END_TEST

/* Between announcement and look others publish laps, or evict: what follows is safe all the same. */
START_TEST(test_joining_takes_time)
{
	const uint32_t lag_max = _i & 1 ? 3 : 0;
	const uint64_t at = starts[_i / 2];
	struct shmreg_subscriber sub;
	struct shmreg_publisher pub;
	uint64_t i, *cursor;

	set_up(4, SHMREG_TOPIC_RELIABLE, 2, lag_max, at);
	ck_assert_int_eq(publisher_bind(&pub, base, &shape, 1, NULL, 0), 0);
	memset(&sub, 0, sizeof(sub));
	topic_bind(&sub.topic, base, &shape, 2, NULL);
	cursor = topic_cursors(&sub.topic);
	/* The newest was looked up, and nothing said yet. */
	for (i = 0; i < 9; i++)
		publish(&pub, at + i);
	*cursor = topic_cursor_announce(&sub.topic, at);
	/* Now it is; who was stopped behind its look at the cursors goes on for as long as it may. */
	if (lag_max != 0)
		*cursor = (*cursor & ~SHMREG_TOPIC_STATE_MASK) | SHMREG_TOPIC_EVICTED;
	ck_assert_int_eq(subscriber_join(&sub, 0, at, 0), 0);
	ck_assert_uint_eq(*cursor, topic_cursor_announce(&sub.topic, at + 9));
	expect_nothing(&sub);
	for (; i < 12; i++)
		publish(&pub, at + i);
	for (i = 9; i < 12; i++)
		expect(&sub, at + i, at + i, 0);
	tear_down();
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("topic-reliable");

	tcase_set_timeout(c, 0);
	tcase_add_loop_test(c, test_room, 0, N_STARTS * 2);
	tcase_add_loop_test(c, test_eviction, 0, N_STARTS * 3);
	tcase_add_loop_test(c, test_joining_takes_time, 0, N_STARTS * 2);
	return run_case("topic-reliable", c);
}
