/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CREW_H
#define BENCH_CREW_H

/*
 * crew.h - the harness and its workers: forked, led through samples, gone
 *
 * Workers sleep between samples; in one, all begin together. A worker that fails, dies or hangs
 * ends the crew with a sentence on standard error, not the program.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "bench.h"

#define BENCH_WORKERS_MAX 64
#define BENCH_CONTESTANTS_MAX 32

struct bench_crew;

/* What one sample of one contestant came to. */
struct bench_sample {
	uint64_t ns;		/* from when all had begun until the last was done */
	/* Round trips of a line between two of the workers, just before and after. */
	double probe_ns[2];
	bool disturbed;		/* something else ran on a worker's CPU meanwhile */
	const double *latencies[BENCH_WORKERS_MAX];
	uint64_t n_latencies[BENCH_WORKERS_MAX];
};

/*
 * bench_crew_start() - fork the workers of @row, pinned to @cpus, and let them open all contestants
 * @contestants:	those of @row's measure, whose ->create() is called here
 *
 * Return: NULL if a worker failed.
 */
struct bench_crew *bench_crew_start(const struct bench_row *row, const int *cpus,
				    const struct bench_contestant *const *contestants,
				    uint32_t n_contestants);
/* Why contestant @i takes no part: an errno; 0: it does. */
int bench_crew_missing(const struct bench_crew *crew, uint32_t i);
/* Return: false if a worker failed; then only bench_crew_stop() is left to do. */
bool bench_crew_sample(struct bench_crew *crew, uint32_t contestant, uint64_t n,
		       struct bench_sample *ret);
/* Only the round trip of a line. */
bool bench_crew_probe(struct bench_crew *crew, double *ret);
/* Return: NULL. */
struct bench_crew *bench_crew_stop(struct bench_crew *crew);

#endif /* BENCH_CREW_H */
