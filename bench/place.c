/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <sched.h>

#include "crew.h"
#include "place.h"

#define CPUS_MAX 32
#define TRIES 5

static int cpus_of[CPUS_MAX];
static uint32_t n_cpus;		/* of which distances are known */
static uint32_t n_usable;
static double distance[CPUS_MAX][CPUS_MAX];

enum bench_class bench_class_of(double probe_ns)
{
	return probe_ns < BENCH_SIBLING_NS ? BENCH_SIBLING :
	       probe_ns < BENCH_NEAR_NS	   ? BENCH_NEAR :
					     BENCH_FAR;
}

const char *bench_class_name(enum bench_class class)
{
	static const char *const names[] = { "alone", "sibling", "near", "far" };

	return names[class];
}

uint32_t bench_place_n_cpus(void)
{
	return n_usable;
}

double bench_place_ns(uint32_t a, uint32_t b)
{
	return a < n_cpus && b < n_cpus ? distance[a][b] : 0;
}

/* The best of some: what disturbs only makes it longer. */
static double measure(int a, int b)
{
	static const struct bench_row row = { .name = "placement", .n_producers = 1, .n_consumers = 1 };
	const int cpus[] = { a, b };
	struct bench_crew *crew = bench_crew_start(&row, cpus, NULL, 0);
	double best = 0, ns;
	int i;

	for (i = 0; i < TRIES && bench_crew_probe(crew, &ns); i++)
		if (best == 0 || ns < best)
			best = ns;
	bench_crew_stop(crew);
	return best;
}

void bench_place_measure(void)
{
	cpu_set_t set;
	uint32_t a, b;
	int cpu;

	CPU_ZERO(&set);
	(void)sched_getaffinity(0, sizeof(set), &set);
	n_usable = (uint32_t)CPU_COUNT(&set);
	for (cpu = 0; cpu < CPU_SETSIZE && n_cpus < CPUS_MAX; cpu++)
		if (CPU_ISSET((size_t)cpu, &set))
			cpus_of[n_cpus++] = cpu;
	for (a = 0; a < n_cpus; a++)
		for (b = 0; b < a; b++)
			distance[a][b] = distance[b][a] = measure(cpus_of[a], cpus_of[b]);
}

/* What is to be small: siblings share a core, so they come last. */
static double cost(uint32_t a, uint32_t b)
{
	return bench_class_of(distance[a][b]) == BENCH_SIBLING ? 1e9 : distance[a][b];
}

static void choose(uint32_t first, uint32_t n, uint32_t *ret, double *ret_cost)
{
	uint32_t i, j, k;
	double sum = 0;

	ret[0] = first;
	for (i = 1; i < n; i++) {
		uint32_t best = CPUS_MAX;
		double best_cost = 0, c;

		for (j = 0; j < n_cpus; j++) {
			for (c = 0, k = 0; k < i && ret[k] != j; k++)
				c += cost(ret[k], j);
			if (k == i && (best == CPUS_MAX || c < best_cost)) {
				best = j;
				best_cost = c;
			}
		}
		ret[i] = best;
		sum += best_cost;
	}
	*ret_cost = sum;
}

static void farthest(uint32_t *ret)
{
	uint32_t a, b;

	for (a = 0; a < n_cpus; a++)
		for (b = 0; b < a; b++)
			if (distance[a][b] > distance[ret[0]][ret[1]]) {
				ret[0] = a;
				ret[1] = b;
			}
}

void bench_place(uint32_t n, bool far, int *cpus)
{
	uint32_t at[CPUS_MAX] = { 0, 1 }, best[CPUS_MAX] = { 0, 1 }, first, i;
	double best_cost = -1, sum;

	if (n > n_cpus) {
		for (i = 0; i < n; i++)
			cpus[i] = -1;
		return;
	}
	if (far && n == 2) {
		farthest(best);
	} else {
		for (first = 0; first < n_cpus; first++) {
			choose(first, n, at, &sum);
			if (best_cost < 0 || sum < best_cost) {
				best_cost = sum;
				for (i = 0; i < n; i++)
					best[i] = at[i];
			}
		}
	}
	for (i = 0; i < n; i++)
		cpus[i] = cpus_of[best[i]];
}

bool bench_place_has_far(void)
{
	uint32_t at[2] = { 0, 1 }, near[2] = { 0, 1 }, first;
	double best_cost = -1, sum;

	if (n_cpus < 3)
		return false;
	farthest(at);
	for (first = 0; first < n_cpus; first++) {
		uint32_t pair[2];

		choose(first, 2, pair, &sum);
		if (best_cost < 0 || sum < best_cost) {
			best_cost = sum;
			near[0] = pair[0];
			near[1] = pair[1];
		}
	}
	return bench_class_of(distance[at[0]][at[1]]) != bench_class_of(distance[near[0]][near[1]]);
}
