/* SPDX-License-Identifier: MIT */
#ifndef BENCH_FAMILIES_H
#define BENCH_FAMILIES_H

/* families.h - the rows and contestants there are, each in a file of its own */

#include "bench.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct bench_family bench_queue, bench_ring;

/* Ours */
extern const struct bench_peer bench_shmreg_queue, bench_shmreg_ring;
/* Bare algorithms, written for the comparison, and what the machine can do */
extern const struct bench_peer bench_lines, bench_bare_rings, bench_vyukov;
/* What others have made, if it was there when this was built */
extern const struct bench_peer bench_boost, bench_ck, bench_concurrentqueue,
	bench_readerwriterqueue, bench_rte;

#ifdef __cplusplus
}
#endif

#endif /* BENCH_FAMILIES_H */
