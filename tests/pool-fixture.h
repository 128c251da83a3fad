/* SPDX-License-Identifier: MIT */
#ifndef TEST_POOL_FIXTURE_H
#define TEST_POOL_FIXTURE_H

/* pool-fixture.h - what the tests of a pool by itself have in common */

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pool-plain.h"
#include "suite.h"

static struct shmreg_shape shape;
static void *base;

static inline void setup_of(uint64_t capacity, uint64_t elem_bytes, uint32_t elem_align)
{
	shape = pool_shape(capacity, elem_bytes, elem_align);
	base = plain_map(&shape);
	ck_assert_ptr_nonnull(base);
}

static inline void setup(uint64_t capacity)
{
	setup_of(capacity, 24, 8);
}

static inline void teardown(void)
{
	ck_assert(pool_is_clean(base, &shape));
	plain_unmap(base, &shape);
}

static inline shmreg_pool_ref acquire(struct shmreg_pool *p)
{
	shmreg_pool_ref ref = SHMREG_POOL_NONE;

	ck_assert_int_eq(shmreg_pool_acquire(p, &ref), 0);
	ck_assert_uint_lt(shmreg_pool_ref_index(ref), shape.capacity);
	ck_assert_int_eq(shmreg_pool_check(p, ref), 0);
	return ref;
}

static inline void expect_exhausted(struct shmreg_pool *p)
{
	shmreg_pool_ref ref = 99;

	ck_assert_int_eq(shmreg_pool_acquire(p, &ref), -EAGAIN);
	ck_assert_uint_eq(ref, 99);	/* written only on success */
}

static inline struct shmreg_pool_stats stat_of(const struct shmreg_pool *p)
{
	struct shmreg_pool_stats stat = { .size = sizeof(stat) };

	ck_assert_int_eq(shmreg_pool_stat(p, &stat), 0);
	ck_assert_uint_eq(stat.n_free + stat.n_held + stat.n_sent, shape.capacity);
	return stat;
}

#endif /* TEST_POOL_FIXTURE_H */
