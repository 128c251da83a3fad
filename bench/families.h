/* SPDX-License-Identifier: MIT */
#ifndef BENCH_FAMILIES_H
#define BENCH_FAMILIES_H

/* families.h - the rows and contestants there are, each in a file of its own */

#include "bench.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct bench_family bench_queue;

/* Ours */
extern const struct bench_peer bench_shmreg_queue;
/* Bare algorithms, written for the comparison, and what the machine can do */
extern const struct bench_peer bench_vyukov;

#ifdef __cplusplus
}
#endif

#endif /* BENCH_FAMILIES_H */
