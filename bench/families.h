/* SPDX-License-Identifier: MIT */
#ifndef BENCH_FAMILIES_H
#define BENCH_FAMILIES_H

/* families.h - the rows and contestants there are, each in a file of its own */

#include "bench.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct bench_family bench_control, bench_huge, bench_memory, bench_messages, bench_plane,
	bench_pool, bench_queue, bench_ring, bench_values;

/* Ours */
extern const struct bench_peer bench_shmreg_control, bench_shmreg_huge, bench_shmreg_memory,
	bench_shmreg_messages, bench_shmreg_plane, bench_shmreg_pool, bench_shmreg_queue,
	bench_shmreg_ring, bench_shmreg_values;
/* Bare algorithms, written for the comparison, and what the machine can do */
extern const struct bench_peer bench_lines, bench_bare_rings, bench_bare_values,
	bench_vyukov;
/* What every system has */
extern const struct bench_peer bench_posix;
/* What others have made, if it was there when this was built */
extern const struct bench_peer bench_boost, bench_ck, bench_concurrentqueue, bench_iceoryx,
	bench_interprocess, bench_readerwriterqueue, bench_rte, bench_zmq;

#ifdef __cplusplus
}
#endif

#endif /* BENCH_FAMILIES_H */
