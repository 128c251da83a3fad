/* SPDX-License-Identifier: MIT */
#include <config.h>

#include "topic-fixture.h"

/* A topic by itself: what somebody wrote over it, and handles after fork(). */

SHMREG_DEFINE_TOPIC(items, struct item);

/* As a typed wrapper reads: whatever the length, all of an element. */
static int read_typed(struct shmreg_subscriber *sub, struct item *item)
{
	return shmreg_subscriber_read_sized(sub, item, sizeof(*item), 1, sub->topic.elem_bytes,
					    sub->topic.elem_offset, sub->topic.stride, NULL);
}

/* What no correct process writes: an error, and no access elsewhere, which plain_map() would see. */
START_TEST(test_nonsense)
{
	struct shmreg_topic_chunk *header;
	struct shmreg_subscriber sub;
	struct shmreg_publisher pub, other;
	struct item item = { 0, 0 };
	uint64_t *slot, w, newest;
	const void *place;

	set_up(4, 0, 2, 0, 6);
	ck_assert_int_eq(publisher_bind(&pub, base, &shape, 1, NULL, 0), 0);
	ck_assert_int_eq(subscriber_bind(&sub, base, &shape, 2, NULL, 0), 0);
	publish(&pub, 6);
	slot = shmreg_topic_slot_(&pub.topic, 6);
	w = *slot;
	/* a chunk that there is not */
	*slot |= SHMREG_TOPIC_CHUNK_MASK;
	ck_assert_int_eq(shmreg_subscriber_read(&sub, &item, sizeof(item), NULL), -EUCLEAN);
	ck_assert_int_eq(shmreg_subscriber_peek(&sub, &place, NULL), -EUCLEAN);
	ck_assert_int_eq(shmreg_topic_read_at(&sub.topic, 6, &item, sizeof(item), NULL), -EUCLEAN);
	*slot = w;
	/* a message larger than any */
	header = shmreg_topic_header_(shmreg_topic_chunk_(
		&pub.topic, shmreg_topic_absolute_(&pub.topic, w, 2), pub.topic.stride));
	header->bytes = 17;
	ck_assert_int_eq(shmreg_subscriber_read(&sub, &item, 1000, NULL), -EUCLEAN);
	ck_assert_int_eq(read_typed(&sub, &item), -EUCLEAN);
	sub.page = sub.next;		/* as it is where there are news */
	ck_assert_int_eq(read_typed(&sub, &item), -EUCLEAN);
	ck_assert_int_eq(shmreg_subscriber_peek(&sub, &place, NULL), -EUCLEAN);
	ck_assert_int_eq(shmreg_topic_read_at(&sub.topic, 6, &item, 1000, NULL), -EUCLEAN);
	header->bytes = 16;
	/* a publisher, a displaced chunk that there is not */
	for (w = 7; w < 10; w++)
		publish(&pub, w);
	header->publisher = 2;
	ck_assert_int_eq(shmreg_publisher_publish(&pub, &item, 16), -EUCLEAN);
	header->publisher = 1;
	header->displaced = (uint32_t)shmreg_topic_relative_(pub.topic.n_chunks,
							     shmreg_topic_home_(&pub.topic, 1));
	ck_assert_int_eq(shmreg_publisher_publish(&pub, &item, 16), -EUCLEAN);
	header->publisher = 0;
	header->displaced = 4;
	/* a tail where nothing was published yet; a slot that has stayed behind */
	((struct shmreg_topic_shm *)base)->tail = 20;
	ck_assert_int_eq(shmreg_publisher_publish(&pub, &item, 16), -EUCLEAN);
	ck_assert_int_eq(publisher_bind(&other, base, &shape, 5, NULL, 1), -EUCLEAN);
	ck_assert_int_eq(shmreg_topic_newest(&pub.topic, &newest), -EUCLEAN);
	((struct shmreg_topic_shm *)base)->tail = 12;
	subscriber_go(&sub, 11);
	ck_assert_int_eq(shmreg_subscriber_read(&sub, &item, sizeof(item), NULL), -EUCLEAN);
	((struct shmreg_topic_shm *)base)->tail = 10;
	ck_assert_int_eq(shmreg_publisher_publish(&pub, &item, 16), 0);
	tear_down();
}
END_TEST

/* A forked child finds its handles full of zeros. */
START_TEST(test_fork)
{
	struct shmreg_topic_stats stats = { .size = sizeof(stats) };
	struct shmreg_subscriber sub;
	struct shmreg_publisher pub;
	struct items_publisher typed_pub;
	struct items_subscriber typed_sub;
	struct item item = { 0, 0 }, *place;
	const struct item *seen;
	const void *p;
	uint64_t newest;
	void *q;

	memset(&sub, 0, sizeof(sub));
	memset(&pub, 0, sizeof(pub));
	memset(&typed_pub, 0, sizeof(typed_pub));
	memset(&typed_sub, 0, sizeof(typed_sub));
	ck_assert_int_eq(shmreg_publisher_publish(&pub, &item, 0), -ECHILD);
	ck_assert_int_eq(shmreg_publisher_publish(&pub, &item, 16), -ECHILD);
	ck_assert_int_eq(shmreg_publisher_reserve(&pub, &q), -ECHILD);
	ck_assert_int_eq(shmreg_publisher_publish_reserved(&pub, 0), -ECHILD);
	ck_assert_int_eq(shmreg_publisher_publish_reserved(&pub, 16), -ECHILD);
	ck_assert_int_eq(items_publisher_publish(&typed_pub, &item), -ECHILD);
	ck_assert_int_eq(items_publisher_reserve(&typed_pub, &place), -ECHILD);
	ck_assert_int_eq(items_publisher_publish_reserved(&typed_pub), -ECHILD);
	ck_assert_int_eq(items_subscriber_read(&typed_sub, &item, NULL), -ECHILD);
	ck_assert_int_eq(items_subscriber_peek(&typed_sub, &seen, NULL), -ECHILD);
	ck_assert_int_eq(items_subscriber_consume(&typed_sub), -ECHILD);
	ck_assert_int_eq(shmreg_subscriber_read(&sub, &item, 16, NULL), -ECHILD);
	ck_assert_int_eq(shmreg_subscriber_peek(&sub, &p, NULL), -ECHILD);
	ck_assert_int_eq(shmreg_subscriber_consume(&sub), -ECHILD);
	ck_assert_uint_eq(shmreg_subscriber_lag(&sub), 0);
	ck_assert_int_eq(shmreg_topic_newest(&sub.topic, &newest), -ECHILD);
	ck_assert_int_eq(shmreg_topic_read_at(&sub.topic, 0, &item, 16, NULL), -ECHILD);
	ck_assert_int_eq(shmreg_topic_last(&sub.topic, &item, 16, 1, NULL), -ECHILD);
	ck_assert_int_eq(shmreg_topic_stat(&sub.topic, &stats), -ECHILD);
	ck_assert_int_eq(shmreg_topic_publishers(&sub.topic, NULL, NULL), -ECHILD);
	ck_assert_int_eq(shmreg_topic_subscribers(&sub.topic, NULL, NULL), -ECHILD);
}
END_TEST

/* "newest - n" where there are not so many: nothing was ever there, whatever the slot says. */
START_TEST(test_before_the_first)
{
	struct shmreg_publisher pub;
	struct item item = { 7, 7 };
	uint64_t newest, n;

	set_up(8, 0, 1, 0, 0);
	ck_assert_int_eq(publisher_bind(&pub, base, &shape, 1, NULL, 0), 0);
	for (n = 0; n < 3; n++)
		publish(&pub, n);
	ck_assert_int_eq(shmreg_topic_newest(&pub.topic, &newest), 0);
	for (n = 4; n < 20; n++)
		ck_assert_int_eq(shmreg_topic_read_at(&pub.topic, newest - n, &item, sizeof(item),
						      NULL), -EPIPE);
	ck_assert_uint_eq(item.n, 7);
	tear_down();
}
END_TEST

/* Who could not join, because of what somebody wrote there, leaves no cursor behind. */
START_TEST(test_failed_join)
{
	struct shmreg_topic_shm *shm;
	struct shmreg_subscriber sub;
	struct shmreg_publisher pub;
	uint64_t i;

	set_up(4, SHMREG_TOPIC_RELIABLE, 1, 0, 0);
	shm = (struct shmreg_topic_shm *)base;
	ck_assert_int_eq(publisher_bind(&pub, base, &shape, 1, NULL, 0), 0);
	for (i = 0; i < 3; i++)
		publish(&pub, i);
	memset(&sub, 0, sizeof(sub));
	topic_bind(&sub.topic, base, &shape, 2, NULL);
	*topic_cursors(&sub.topic) = topic_cursor_announce(&sub.topic, 3);
	shm->tail = 1000;
	ck_assert_int_lt(subscriber_join(&sub, 0, 3, 0), 0);
	subscriber_leave(&sub);
	ck_assert_uint_eq(*topic_cursors(&sub.topic), SHMREG_TOPIC_EMPTY);
	shm->tail = 3;
	/* It holds nobody. */
	for (i = 3; i < 20; i++)
		publish(&pub, i);
	tear_down();
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("topic-misuse");

	tcase_set_timeout(c, 0);
	tcase_add_test(c, test_nonsense);
	tcase_add_test(c, test_fork);
	tcase_add_test(c, test_before_the_first);
	tcase_add_test(c, test_failed_join);
	return run_case("topic-misuse", c);
}
