/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <err.h>
#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "report.h"

#define PATTERNS_MAX 64
#define SECONDS_MAX 3600

static const char usage[] =
	"Usage: shmreg-bench [OPTION...]\n"
	"\n"
	"Measures shmreg's structures and those of others, side by side. Needs a daemon:\n"
	"shmregctl run -- shmreg-bench. bench/README says how to read what it prints.\n"
	"\n"
	"  --list         the rows, and who takes part in each\n"
	"  --row PATTERN  only rows that match it (a shell pattern); may be given again\n"
	"  --seconds S    for each row, about (default 1)\n"
	"  --json FILE    the results as JSON, beside the table\n"
	"  --full         10 seconds a row, and each pair of workers near and far\n"
	"  --tiny         as little as possible, only to see whether all work\n"
	"  --help, --version\n";

enum { LIST = 256, ROW, SECONDS, JSON, FULL, TINY, HELP, VERSION_ };

static const struct option options[] = {
	{ "list", no_argument, NULL, LIST },	   { "row", required_argument, NULL, ROW },
	{ "seconds", required_argument, NULL, SECONDS }, { "json", required_argument, NULL, JSON },
	{ "full", no_argument, NULL, FULL },	   { "tiny", no_argument, NULL, TINY },
	{ "help", no_argument, NULL, HELP },	   { "version", no_argument, NULL, VERSION_ },
	{ NULL, 0, NULL, 0 },
};

struct arguments {
	const char *patterns[PATTERNS_MAX];
	int n_patterns;
	const char *json;
	bool list, full;
	struct bench_options options;
};

static void parse(int argc, char **argv, struct arguments *a)
{
	char *end;
	int c;

	*a = (struct arguments){ .options = { .sample_ns = 1e6, .least_rounds = 9 } };
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case LIST:
			a->list = true;
			break;
		case ROW:
			if (a->n_patterns == PATTERNS_MAX)
				errx(2, "at most %d patterns", PATTERNS_MAX);
			a->patterns[a->n_patterns++] = optarg;
			break;
		case SECONDS:
			a->options.seconds = strtod(optarg, &end);
			if (*end || end == optarg ||
			    !(a->options.seconds > 0 && a->options.seconds <= SECONDS_MAX))
				errx(2, "--seconds takes a number above 0 and up to %d, not \"%s\"",
				     SECONDS_MAX, optarg);
			break;
		case JSON:
			a->json = optarg;
			break;
		case FULL:
			a->full = true;
			break;
		case TINY:
			a->options.tiny = true;
			a->options.least_rounds = 2;
			break;
		case HELP:
			fputs(usage, stdout);
			exit(0);
		case VERSION_:
			puts("shmreg-bench " PACKAGE_VERSION);
			exit(0);
		default:
			exit(2);
		}
	}
	if (optind < argc)
		errx(2, "unexpected argument \"%s\"; --row takes a row's name", argv[optind]);
	if (a->options.seconds == 0)
		a->options.seconds = a->full ? 10 : 1;
}

static bool wanted(const struct arguments *a, const struct bench_row *row)
{
	int i;

	for (i = 0; i < a->n_patterns; i++)
		if (fnmatch(a->patterns[i], row->name, 0) == 0)
			return true;
	return a->n_patterns == 0;
}

static void list(const struct bench_row *row)
{
	const struct bench_peer *const *p;
	const struct bench_contestant *c;

	printf("%-24s %s:", row->name, row->title);
	for (p = bench_peers; *p; p++)
		for (c = (*p)->contestants; c < (*p)->contestants + (*p)->n_contestants; c++)
			if (strcmp(c->measure, row->measure) == 0 && c->bytes == row->bytes)
				printf(" %s;", c->name);
	putchar('\n');
}

struct totals {
	unsigned int n_rows, n_verdicts[BENCH_MISSED + 1], n_skipped, n_failed;
};

static void run(const struct arguments *a, const struct bench_row *row, bool far, struct json *j,
		struct totals *t)
{
	static struct bench_result results[BENCH_CLASSES];
	const uint32_t n_workers = row->n_producers + row->n_consumers;
	uint32_t n, i, k;

	if (n_workers > bench_place_n_cpus() && !a->options.tiny) {
		printf("%s: skipped: %u workers, %u CPUs\n\n", row->name, n_workers,
		       bench_place_n_cpus());
		t->n_skipped++;
		return;
	}
	t->n_rows++;
	if (!bench_run_row(row, far, &a->options, results, &n)) {
		printf("%s: FAILED\n\n", row->name);
		t->n_failed++;
		return;
	}
	if (n == 0) {
		printf("%s: skipped: nobody of ours takes part\n\n", row->name);
		t->n_skipped++;
	}
	for (i = 0; i < n; i++) {
		bench_report_text(stdout, &results[i]);
		if (j)
			bench_report_json(j, &results[i]);
		for (k = 0; k < BENCH_TARGETS_MAX; k++)
			t->n_verdicts[results[i].judgements[k].verdict]++;
	}
}

static void for_rows(const struct arguments *a, struct json *j, struct totals *t)
{
	const struct bench_family *const *f;
	const struct bench_row *row;

	for (f = bench_families; *f; f++) {
		for (row = (*f)->rows; row < (*f)->rows + (*f)->n_rows; row++) {
			if (!wanted(a, row))
				continue;
			if (a->list) {
				list(row);
				t->n_rows++;
				continue;
			}
			run(a, row, false, j, t);
			if (a->full && row->n_producers + row->n_consumers == 2 &&
			    bench_place_has_far())
				run(a, row, true, j, t);
		}
	}
}

int main(int argc, char **argv)
{
	struct arguments a;
	struct totals t = { 0 };
	struct json j;
	FILE *json = NULL;
	const char *const *missing;

	parse(argc, argv, &a);
	if (a.json && !(json = fopen(a.json, "we")))
		err(2, "%s", a.json);
	if (!a.list) {
		bench_place_measure();
		if (json) {
			json_init(&j, json);
			bench_report_json_begin(&j, &a.options);
		}
	}
	for_rows(&a, json ? &j : NULL, &t);
	if (t.n_rows + t.n_skipped == 0)
		errx(2, "no row matches; --list shows them");
	for (missing = bench_missing_peers; *missing; missing++)
		printf("skipped peer: %s was not there when this was built\n", *missing);
	if (a.list)
		return 0;
	if (json) {
		bench_report_json_end(&j);
		if (fclose(json) != 0)
			err(1, "%s", a.json);
	}
	printf("%u rows; targets: %u met, %u unclear, %u missed; %u rows skipped, %u failed\n", t.n_rows,
	       t.n_verdicts[BENCH_MET], t.n_verdicts[BENCH_UNCLEAR], t.n_verdicts[BENCH_MISSED],
	       t.n_skipped, t.n_failed);
	return t.n_failed > 0;
}
