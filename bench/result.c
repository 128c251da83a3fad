/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "result.h"

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

void bench_sort(double *values, uint64_t n)
{
	qsort(values, n, sizeof(*values), compare);
}

double bench_quantile(const double *sorted, uint64_t n, double q)
{
	const double at = q * (double)(n - 1);
	const uint64_t below = (uint64_t)at;

	if (below + 1 >= n)
		return sorted[n - 1];
	return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

struct bench_spread bench_spread(double *values, uint32_t n)
{
	struct bench_spread s = { .n = n };
	double half;

	if (n == 0)
		return s;
	bench_sort(values, n);
	s.median = bench_quantile(values, n, 0.5);
	s.p10 = bench_quantile(values, n, 0.1);
	s.p90 = bench_quantile(values, n, 0.9);
	/* Ranks between which the true median lies: binomial, normal approximation. */
	half = 0.98 / sqrt((double)n);
	s.low = bench_quantile(values, n, half < 0.5 ? 0.5 - half : 0);
	s.high = bench_quantile(values, n, half < 0.5 ? 0.5 + half : 1);
	return s;
}

double bench_in_unit(const struct bench_row *row, double ns)
{
	switch (row->unit) {
	case BENCH_RATE:
		return 1000 / ns;
	case BENCH_BYTES:
		return (double)row->bytes / ns;
	default:
		return ns;
	}
}

const char *bench_unit_name(const struct bench_row *row)
{
	static const char *const names[] = { "ns", "M/s", "GB/s" };

	return names[row->unit];
}

static const struct bench_outcome *find(const struct bench_result *result, const char *against)
{
	const struct bench_outcome *best = NULL, *o;

	for (o = result->outcomes; o < result->outcomes + result->n_outcomes; o++) {
		if (o->missing || o->ns.n == 0 || o->contestant->role == BENCH_OURS)
			continue;
		if (strcmp(against, BENCH_BEST_PEER) != 0) {
			if (strcmp(against, o->contestant->name) == 0)
				return o;
		} else if (o->contestant->role == BENCH_PEER &&
			   (!best || o->ns.median < best->ns.median)) {
			best = o;
		}
	}
	return best;
}

static const struct bench_outcome *ours(const struct bench_result *result)
{
	const struct bench_outcome *o;

	for (o = result->outcomes; o < result->outcomes + result->n_outcomes; o++)
		if (!o->missing && o->ns.n > 0 && o->contestant->role == BENCH_OURS)
			return o;
	return NULL;
}

/* @less: is less better? */
static enum bench_verdict verdict(const struct bench_judgement *j, double bound, bool less)
{
	if (less ? j->value <= bound : j->value >= bound)
		return BENCH_MET;
	return (less ? j->low <= bound : j->high >= bound) ? BENCH_UNCLEAR : BENCH_MISSED;
}

static void judge_absolute(struct bench_judgement *j, const struct bench_outcome *our)
{
	size_t i;

	j->value = our->ns.median;
	j->low = our->ns.low;
	j->high = our->ns.high;
	for (i = 0; i < BENCH_QUANTILES && our->n_latencies > 0; i++)
		if (fabs(bench_quantiles[i] - j->target->quantile) < 1e-9 && j->target->quantile > 0)
			j->value = j->low = j->high = our->quantiles[i];
	j->verdict = verdict(j, j->target->most_ns, true);
}

static void judge_ratio(struct bench_judgement *j, const struct bench_outcome *other,
			const struct bench_row *row)
{
	const bool less = row->unit == BENCH_NS;

	j->against = other->contestant->name;
	j->value = other->ratio.median;
	j->low = other->ratio.low;
	j->high = other->ratio.high;
	if (bench_is_same(j->target))
		j->verdict = verdict(j, less ? 1 + BENCH_SAME_WITHIN : 1 - BENCH_SAME_WITHIN, less);
	else
		j->verdict = verdict(j, j->target->factor, less);
}

void bench_judge(struct bench_result *result)
{
	const struct bench_outcome *const our = ours(result), *other;
	const struct bench_target *target;
	size_t i;

	for (i = 0; i < BENCH_TARGETS_MAX; i++) {
		target = &result->row->targets[i];
		result->judgements[i] = (struct bench_judgement){ .target = target };
		if (!our)
			continue;
		if (target->most_ns > 0)
			judge_absolute(&result->judgements[i], our);
		else if (target->against && (other = find(result, target->against)))
			judge_ratio(&result->judgements[i], other, result->row);
	}
}
