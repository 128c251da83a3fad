/* SPDX-License-Identifier: MIT */
#ifndef TEST_TOPIC_FIXTURE_H
#define TEST_TOPIC_FIXTURE_H

/* topic-fixture.h - what the tests of a topic by itself have in common */

#include <check.h>
#include <errno.h>
#include <string.h>

#include "suite.h"
#include "topic-plain.h"

struct item {
	uint64_t n;
	uint64_t check;
};

static const uint64_t starts[] = TOPIC_STARTS;
#define N_STARTS ((int)(sizeof(starts) / sizeof(*starts)))
#define SEQUENCE ((UINT64_C(1) << 40) - 3)

static struct shmreg_shape shape;
static void *base;

static inline void set_up(uint64_t capacity, uint32_t flags, uint32_t publishers, uint32_t lag_max,
				  uint64_t start)
{
	shape = topic_shape(capacity, 16, 8, flags, publishers, 4, lag_max);
	base = plain_map(&shape);
	ck_assert_ptr_nonnull(base);
	topic_seed(base, &shape, start, SEQUENCE);
}

static inline void tear_down(void)
{
	ck_assert(topic_is_whole(base, &shape));
	plain_unmap(base, &shape);
}

static inline void publish(struct shmreg_publisher *pub, uint64_t n)
{
	const struct item item = { n, ~n };

	ck_assert_int_eq(shmreg_publisher_publish(pub, &item, sizeof(item)), 0);
}

/* The next message is @n, at @position, with @n_lost lost before it. */
static inline struct shmreg_topic_message expect(struct shmreg_subscriber *sub, uint64_t n,
							 uint64_t position, uint64_t n_lost)
{
	struct shmreg_topic_message m;
	struct item item;

	memset(&m, 0xff, sizeof(m));
	ck_assert_int_eq(shmreg_subscriber_read(sub, &item, sizeof(item), &m), 0);
	ck_assert_uint_eq(item.n, n);
	ck_assert_uint_eq(item.check, ~n);
	ck_assert_uint_eq(m.position, position);
	ck_assert_uint_eq(m.bytes, sizeof(item));
	ck_assert_uint_eq(m.n_lost, n_lost);
	ck_assert_uint_eq(m.first_lost, position - n_lost);
	return m;
}

static inline void expect_nothing(struct shmreg_subscriber *sub)
{
	struct item item = { 7, 7 };

	ck_assert_int_eq(shmreg_subscriber_read(sub, &item, sizeof(item), NULL), -EAGAIN);
	ck_assert_uint_eq(item.n, 7);
}

#endif /* TEST_TOPIC_FIXTURE_H */
