/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

#define ROUNDS_MAX 4000
#define TRIES 4
/* Of a class with fewer rounds, or a smaller part of all, nothing is said if there is another. */
#define LEAST_ROUNDS 5
#define LEAST_PART 0.1
/* All latencies of a contestant are kept up to here. */
#define LATENCIES_MAX (UINT64_C(1) << 20)

/* One contestant's samples so far. */
struct series {
	const struct bench_contestant *contestant;
	uint64_t n;			/* operations in the next sample */
	double ns[ROUNDS_MAX];		/* an operation */
	double probe[ROUNDS_MAX];
	enum bench_class class[ROUNDS_MAX];
	double *latencies;
	enum bench_class *latency_class;
	uint64_t n_latencies;
	bool disturbed[ROUNDS_MAX];
	uint32_t n_disturbed;
};

struct run {
	const struct bench_row *row;
	const struct bench_options *options;
	struct bench_crew *crew;
	uint32_t n_contestants;
	const struct bench_contestant *contestants[BENCH_CONTESTANTS_MAX];
	struct series *series;		/* of each contestant */
	uint32_t n_rounds;
};

static void find_contestants(struct run *run)
{
	const struct bench_peer *const *peer;
	const struct bench_contestant *c;

	for (peer = bench_peers; *peer; peer++)
		for (c = (*peer)->contestants; c < (*peer)->contestants + (*peer)->n_contestants; c++)
			if (strcmp(c->measure, run->row->measure) == 0 && c->bytes == run->row->bytes &&
			    run->n_contestants < BENCH_CONTESTANTS_MAX)
				run->contestants[run->n_contestants++] = c;
}

static uint64_t whole(const struct bench_row *row, double n)
{
	const uint64_t granule = row->granule ? row->granule : 256;
	uint64_t most = row->n_max ? row->n_max : UINT64_C(1) << 40;

	if (n > (double)most)
		n = (double)most;
	return n < (double)granule ? granule : (uint64_t)n / granule * granule;
}

static void keep_latencies(struct series *s, const struct bench_sample *sample, uint32_t n_workers,
			   enum bench_class class)
{
	uint64_t j;
	uint32_t i;

	for (i = 0; i < n_workers; i++) {
		if (sample->n_latencies[i] > 0 && !s->latencies) {
			s->latencies = malloc(LATENCIES_MAX * sizeof(*s->latencies));
			s->latency_class = malloc(LATENCIES_MAX * sizeof(*s->latency_class));
			if (!s->latencies || !s->latency_class)
				bench_fail("no memory for latencies");
		}
		for (j = 0; j < sample->n_latencies[i] && s->n_latencies < LATENCIES_MAX; j++) {
			s->latencies[s->n_latencies] = sample->latencies[i][j];
			s->latency_class[s->n_latencies++] = class;
		}
	}
}

/* The sample's value: of single latencies their median. */
static double value(const struct bench_sample *sample, uint32_t n_workers, uint64_t n)
{
	static double all[BENCH_WORKERS_MAX * BENCH_LATENCIES];
	uint32_t i, n_all = 0;
	uint64_t j;

	for (i = 0; i < n_workers; i++)
		for (j = 0; j < sample->n_latencies[i]; j++)
			all[n_all++] = sample->latencies[i][j];
	return n_all > 0 ? bench_spread(all, n_all).median : (double)sample->ns / (double)n;
}

/* BENCH_CLASSES: it changed meanwhile, so the sample is of none. */
static enum bench_class class_of(const struct bench_sample *sample, uint32_t n_workers)
{
	const enum bench_class class = bench_class_of(sample->probe_ns[0]);

	if (n_workers == 1)
		return BENCH_ALONE;
	return class == bench_class_of(sample->probe_ns[1]) ? class : BENCH_CLASSES;
}

/* @keep: else it is only to find out how many operations fill a sample's time */
static bool sample(struct run *run, uint32_t i, bool keep)
{
	const uint32_t n_workers = run->row->n_producers + run->row->n_consumers;
	struct series *const s = &run->series[i];
	struct bench_sample sample;
	uint32_t tries = 0;
	double wanted;

	/* A disturbed sample is taken again; on a machine that is always busy there is none else. */
	do {
		if (!bench_crew_sample(run->crew, i, s->n, &sample))
			return false;
	} while (sample.disturbed && keep && ++tries < TRIES && !run->options->tiny);
	if (keep) {
		s->ns[run->n_rounds] = value(&sample, n_workers, s->n);
		s->probe[run->n_rounds] = (sample.probe_ns[0] + sample.probe_ns[1]) / 2;
		s->class[run->n_rounds] = class_of(&sample, n_workers);
		s->disturbed[run->n_rounds] = sample.disturbed;
		s->n_disturbed += sample.disturbed;
		keep_latencies(s, &sample, n_workers, s->class[run->n_rounds]);
	}
	if (run->options->tiny)
		return true;
	/* By small steps: a sample that was disturbed says little. */
	wanted = (double)s->n * run->options->sample_ns / (double)sample.ns;
	wanted = fmin(wanted, (double)s->n * (keep ? 1.2 : 8));
	s->n = whole(run->row, keep ? fmax(wanted, (double)s->n * 0.8) : wanted);
	return true;
}

static bool round_of_all(struct run *run, bool keep)
{
	uint32_t i;

	for (i = 0; i < run->n_contestants; i++)
		if (!bench_crew_missing(run->crew, i) && !sample(run, i, keep))
			return false;
	run->n_rounds += keep;
	return true;
}

static bool measure(struct run *run)
{
	const struct bench_options *const o = run->options;
	uint64_t end;
	uint32_t i;

	for (i = 0; i < run->n_contestants; i++) {
		run->series[i].contestant = run->contestants[i];
		run->series[i].n = whole(run->row, 0);
	}
	for (i = 0; i < (o->tiny ? 0 : 6); i++)
		if (!round_of_all(run, false))
			return false;
	end = bench_now() + (uint64_t)(o->seconds * 1e9);
	while (run->n_rounds < ROUNDS_MAX &&
	       (run->n_rounds < o->least_rounds || (!o->tiny && bench_now() < end)))
		if (!round_of_all(run, true))
			return false;
	return true;
}

/* Disturbed samples count only where there are hardly any others. */
static void drop_disturbed(struct run *run)
{
	struct series *s;
	uint32_t i, n_clean;

	for (s = run->series; s < run->series + run->n_contestants; s++) {
		n_clean = run->n_rounds - s->n_disturbed;
		for (i = 0; i < run->n_rounds && n_clean >= run->options->least_rounds / 2; i++)
			if (s->disturbed[i])
				s->class[i] = BENCH_CLASSES;
	}
}

static const struct series *series_of_ours(const struct run *run)
{
	uint32_t i;

	for (i = 0; i < run->n_contestants; i++)
		if (run->contestants[i]->role == BENCH_OURS && !bench_crew_missing(run->crew, i))
			return &run->series[i];
	return NULL;
}

static void outcome(const struct run *run, uint32_t i, enum bench_class class,
		    struct bench_outcome *ret)
{
	const struct series *const s = &run->series[i], *const our = series_of_ours(run);
	static double values[ROUNDS_MAX], ratios[ROUNDS_MAX], latencies[LATENCIES_MAX];
	uint32_t round, n = 0, n_ratios = 0;
	uint64_t j, n_latencies = 0;

	*ret = (struct bench_outcome){
		.contestant = run->contestants[i],
		.missing = bench_crew_missing(run->crew, i),
		.disturbed = (double)s->n_disturbed / run->n_rounds,
	};
	if (ret->missing)
		return;
	for (round = 0; round < run->n_rounds; round++) {
		if (s->class[round] != class)
			continue;
		values[n++] = s->ns[round];
		if (our && our->class[round] == class)
			ratios[n_ratios++] = bench_in_unit(run->row, our->ns[round]) /
					     bench_in_unit(run->row, s->ns[round]);
	}
	ret->ns = bench_spread(values, n);
	ret->ratio = bench_spread(ratios, n_ratios);
	for (j = 0; j < s->n_latencies; j++)
		if (s->latency_class[j] == class)
			latencies[n_latencies++] = s->latencies[j];
	ret->n_latencies = n_latencies;
	if (n_latencies > 0) {
		bench_sort(latencies, n_latencies);
		for (j = 0; j < BENCH_QUANTILES; j++)
			ret->quantiles[j] = bench_quantile(latencies, n_latencies, bench_quantiles[j]);
	}
}

static uint32_t n_in_class(const struct series *s, uint32_t n_rounds, enum bench_class class)
{
	uint32_t i, n = 0;

	for (i = 0; i < n_rounds; i++)
		n += s->class[i] == class;
	return n;
}

static double probe_of(const struct series *s, uint32_t n_rounds, enum bench_class class)
{
	static double values[ROUNDS_MAX];
	uint32_t i, n = 0;

	for (i = 0; i < n_rounds; i++)
		if (s->class[i] == class)
			values[n++] = s->probe[i];
	return bench_spread(values, n).median;
}

static void results(const struct run *run, bool far, struct bench_result *ret, uint32_t *ret_n)
{
	const struct series *const our = series_of_ours(run);
	uint32_t n[BENCH_CLASSES], class, i;

	*ret_n = 0;
	if (!our)
		return;
	for (class = 0; class < BENCH_CLASSES; class++)
		n[class] = n_in_class(our, run->n_rounds, (enum bench_class)class);
	for (;;) {
		struct bench_result *const r = &ret[*ret_n];
		uint32_t most = 0;

		for (class = 1; class < BENCH_CLASSES; class++)
			if (n[class] > n[most])
				most = class;
		if (n[most] == 0)
			return;
		if (*ret_n > 0 && (n[most] < LEAST_ROUNDS || n[most] < LEAST_PART * run->n_rounds))
			return;
		memset(r, 0, sizeof(*r));
		r->row = run->row;
		r->class = (enum bench_class)most;
		r->far = far;
		r->probe_ns = probe_of(our, run->n_rounds, r->class);
		r->n_outcomes = run->n_contestants;
		for (i = 0; i < run->n_contestants; i++)
			outcome(run, i, r->class, &r->outcomes[i]);
		bench_judge(r);
		(*ret_n)++;
		n[most] = 0;
	}
}

bool bench_run_row(const struct bench_row *row, bool far, const struct bench_options *options,
		   struct bench_result ret[BENCH_CLASSES], uint32_t *ret_n)
{
	struct run run = { .row = row, .options = options };
	int cpus[BENCH_WORKERS_MAX];
	bool good;
	uint32_t i;

	*ret_n = 0;
	find_contestants(&run);
	run.series = calloc(run.n_contestants, sizeof(*run.series));
	if (!run.series && run.n_contestants > 0)
		bench_fail("no memory for %s", row->name);
	bench_place(row->n_producers + row->n_consumers, far, cpus);
	run.crew = bench_crew_start(row, cpus, run.contestants, run.n_contestants);
	good = run.crew && measure(&run);
	if (good) {
		drop_disturbed(&run);
		results(&run, far, ret, ret_n);
	}
	bench_crew_stop(run.crew);
	for (i = 0; i < run.n_contestants; i++) {
		free(run.series[i].latencies);
		free(run.series[i].latency_class);
	}
	free(run.series);
	return good;
}
