/* SPDX-License-Identifier: MIT */
#ifndef TEST_POOL_PLAIN_H
#define TEST_POOL_PLAIN_H

/* pool-plain.h - pools in plain memory, without segment and daemon */

#include <stdbool.h>

#include <shmreg/pool.h>

#include "plain.h"
#include "pool-bind.h"

struct shmreg_shape pool_shape(uint64_t capacity, uint64_t elem_bytes, uint32_t elem_align);

/* The last generation before it begins anew at 1. */
#define POOL_GENERATION_MAX ((UINT64_C(1) << 26) - 1)

/*
 * pool_seed() - the pool at @base as it looks when every object was acquired @generation times
 *
 * For tests of wraps. Nobody may be using it.
 */
void pool_seed(void *base, const struct shmreg_shape *shape, uint64_t generation);

/* The word of an object, to look at and to plant things in. */
uint64_t *pool_word(void *base, const struct shmreg_shape *shape, uint64_t index);

/* pool_is_clean() - is every object free, or kept, as must be true of a pool that nobody uses? */
bool pool_is_clean(void *base, const struct shmreg_shape *shape);

/* Words of hints with bits set, in both levels. */
uint64_t pool_count_hints(void *base, const struct shmreg_shape *shape);

/*
 * pool_hints_hold() - is all that is said to be full held?
 *
 * What must be true whenever nobody is in a call.
 */
bool pool_hints_hold(void *base, const struct shmreg_shape *shape);

#endif /* TEST_POOL_PLAIN_H */
