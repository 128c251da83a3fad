/* SPDX-License-Identifier: MIT */
#ifndef BENCH_PLACE_H
#define BENCH_PLACE_H

/* place.h - which CPUs the workers run on, and how far apart two CPUs are */

#include <stdbool.h>
#include <stdint.h>

/* By the round trip of a cache line. A virtual machine's CPUs change theirs while they run. */
enum bench_class {
	BENCH_ALONE,	/* one worker: no distance */
	BENCH_SIBLING,	/* hardware threads of one core */
	BENCH_NEAR,	/* one last-level cache */
	BENCH_FAR,	/* across the interconnect */
	BENCH_CLASSES,
};
#define BENCH_SIBLING_NS 50.0	/* below: siblings */
#define BENCH_NEAR_NS 250.0	/* below: near */

enum bench_class bench_class_of(double probe_ns);
const char *bench_class_name(enum bench_class class);

/* Measures all pairs of CPUs this process may use (of the first 32). */
void bench_place_measure(void);
uint32_t bench_place_n_cpus(void);
/* Of a pair of the first 32; 0: the same, or not known. */
double bench_place_ns(uint32_t a, uint32_t b);

/*
 * bench_place() - CPUs for @n workers
 * @far:	the pair that is farthest apart; only for two
 *
 * The first is the one with the nearest neighbours, the others are the nearest to it that are
 * no siblings, as far as there are. With more workers than CPUs none is pinned: -1.
 */
void bench_place(uint32_t n, bool far, int *cpus);
/* Are there two CPUs of another class than those that bench_place(2, false) gives? */
bool bench_place_has_far(void);

#endif /* BENCH_PLACE_H */
