/* SPDX-License-Identifier: MIT */
#ifndef BENCH_RESULT_H
#define BENCH_RESULT_H

/* result.h - what came out of a row, and the statistics that make it */

#include "crew.h"
#include "place.h"

/* A median, its 95 % confidence interval, and where 80 % of the values lie. */
struct bench_spread {
	double median, low, high, p10, p90;
	uint32_t n;
};

/* Of values in any order, which are sorted. */
struct bench_spread bench_spread(double *values, uint32_t n);
/* @q: 0 .. 1, of sorted values */
void bench_sort(double *values, uint64_t n);
double bench_quantile(const double *sorted, uint64_t n, double q);

static const double bench_quantiles[] = { 0,	0.01, 0.1,  0.25,  0.5,	   0.75,
					  0.9,	0.95, 0.99, 0.995, 0.999, 0.9999, 1 };
#define BENCH_QUANTILES BENCH_N(bench_quantiles)

struct bench_outcome {
	const struct bench_contestant *contestant;
	int missing;			/* an errno: it takes no part */
	double disturbed;		/* which part of the samples was */
	struct bench_spread ns;		/* an operation */
	struct bench_spread ratio;	/* ours to it, sample by sample, in the row's unit */
	uint64_t n_latencies;		/* 0: not measured one by one */
	double quantiles[BENCH_QUANTILES];
};

enum bench_verdict {
	BENCH_NO_TARGET,
	BENCH_MET,
	BENCH_UNCLEAR,	/* missed, but the target lies within the confidence interval */
	BENCH_MISSED,
};

struct bench_judgement {
	const struct bench_target *target;
	const char *against;	/* who the best peer is */
	double value, low, high;	/* a ratio, or nanoseconds */
	enum bench_verdict verdict;
};

/* Of the samples of one class. */
struct bench_result {
	const struct bench_row *row;
	enum bench_class class;
	double probe_ns;
	int far;		/* placed as far apart as possible */
	uint32_t n_outcomes;
	struct bench_outcome outcomes[BENCH_CONTESTANTS_MAX];
	struct bench_judgement judgements[BENCH_TARGETS_MAX];
};

/* Nanoseconds an operation in the row's unit. */
double bench_in_unit(const struct bench_row *row, double ns);
const char *bench_unit_name(const struct bench_row *row);

/* Is a ratio's target BENCH_SAME? */
static inline int bench_is_same(const struct bench_target *target)
{
	return target->against && target->most_ns <= 0 && target->factor <= BENCH_SAME;
}

/* Fills in ->judgements. */
void bench_judge(struct bench_result *result);

#endif /* BENCH_RESULT_H */
