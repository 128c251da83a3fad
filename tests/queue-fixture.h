/* SPDX-License-Identifier: MIT */
#ifndef TEST_QUEUE_FIXTURE_H
#define TEST_QUEUE_FIXTURE_H

/* queue-fixture.h - what the tests of a queue by itself have in common */

#include <check.h>
#include <errno.h>

#include "queue-plain.h"

static inline struct shmreg_shape shape_of(uint64_t capacity, uint64_t elem_bytes,
					   uint32_t elem_align)
{
	struct shmreg_shape shape = {
		.kind = SHMREG_KIND_QUEUE,
		.layout = SHMREG_QUEUE_LAYOUT,
		.elem_align = elem_align,
		.elem_bytes = elem_bytes,
		.capacity = capacity,
	};

	return shape;
}

static inline void *map(const struct shmreg_shape *shape)
{
	void *base = plain_map(shape);

	ck_assert_ptr_nonnull(base);
	return base;
}

/* Positions at which something wraps: a lap, the bits that producers watch, everything. */
static const uint64_t starts[] = {
	0,
	1,
	256 - 3,
	(UINT64_C(1) << 31) - 3,
	(UINT64_C(1) << 32) - 2,
	(UINT64_C(1) << 42) - 3,
	(UINT64_C(1) << 43) - 9,
	(UINT64_C(1) << 43) - 1,
};
#define N_STARTS ((int)(sizeof(starts) / sizeof(*starts)))
static const uint64_t capacities[] = { 2, 4, 8, 64, 128 };
#define N_CAPACITIES ((int)(sizeof(capacities) / sizeof(*capacities)))

static inline void push(struct shmreg_queue *q, uint64_t n)
{
	ck_assert_int_eq(shmreg_queue_push(q, &n), 0);
}

static inline void expect(struct shmreg_queue *q, uint64_t n)
{
	uint64_t got = ~n;

	ck_assert_int_eq(shmreg_queue_pop(q, &got), 0);
	ck_assert_uint_eq(got, n);
}

static inline void expect_empty(struct shmreg_queue *q)
{
	uint64_t got = 99;

	ck_assert_int_eq(shmreg_queue_pop(q, &got), -EAGAIN);
	ck_assert_uint_eq(got, 99);	/* written only on success */
}

#endif /* TEST_QUEUE_FIXTURE_H */
