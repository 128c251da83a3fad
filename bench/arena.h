/* SPDX-License-Identifier: MIT */
#ifndef BENCH_ARENA_H
#define BENCH_ARENA_H

/* arena.h - the memory that a crew's workers share, for those who are not in a segment */

#include "bench.h"

#define BENCH_ARENA_BYTES (UINT64_C(1) << 30)	/* sparse */

struct bench_arena *bench_arena_new(void);	/* NULL: no memory */
struct bench_arena *bench_arena_free(struct bench_arena *arena);

#endif /* BENCH_ARENA_H */
