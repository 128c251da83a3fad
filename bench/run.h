/* SPDX-License-Identifier: MIT */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

/* run.h - one row, from its workers' start to its results */

#include "result.h"

struct bench_options {
	double seconds;		/* a row, about */
	double sample_ns;	/* of a sample */
	uint32_t least_rounds;
	bool tiny;		/* as few operations as there can be: for a test */
};

/*
 * bench_run_row() - measure a row
 * @ret:	a result for each class of which there are enough samples, most samples first
 * @ret_n:	how many; 0: nobody of ours took part
 *
 * Return: false if somebody failed; a sentence was written to standard error.
 */
bool bench_run_row(const struct bench_row *row, bool far, const struct bench_options *options,
		   struct bench_result ret[BENCH_CLASSES], uint32_t *ret_n);

#endif /* BENCH_RUN_H */
