/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_TESTS_RANDOM_H
#define SHMREG_TESTS_RANDOM_H

/*
 * random.h - stands in for tests/random.h: what is at random there is the fuzzer's choice here
 *
 * So the rows of tests/hostile are compiled for the fuzzer as they are.
 */

#include <stddef.h>
#include <stdint.h>

#include "fuzz.h"

struct random_state {
	struct fuzz_input *in;
};

static inline uint64_t random_next(struct random_state *state)
{
	return fuzz_u64(state->in);
}

static inline uint64_t random_below(struct random_state *state, uint64_t n)
{
	return fuzz_below(state->in, n);
}

static inline void random_fill(struct random_state *state, void *p, size_t n)
{
	fuzz_take(state->in, p, n);
}

#endif /* SHMREG_TESTS_RANDOM_H */
