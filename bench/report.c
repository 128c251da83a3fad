/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <string.h>
#include <sys/utsname.h>

#include "json.h"
#include "report.h"

static void text_outcome(FILE *to, const struct bench_row *row, const struct bench_outcome *o)
{
	const double a = bench_in_unit(row, o->ns.p10), b = bench_in_unit(row, o->ns.p90);

	if (o->missing) {
		fprintf(to, "  %-30s skipped: %s\n", o->contestant->name, strerror(o->missing));
		return;
	}
	if (o->ns.n == 0)
		return;
	fprintf(to, "%c %-30s %10.2f %-4s %10.2f .. %-10.2f",
		o->contestant->role == BENCH_OURS    ? '>' :
		o->contestant->role == BENCH_LIMIT ? '-' :
						       ' ',
		o->contestant->name, bench_in_unit(row, o->ns.median), bench_unit_name(row),
		a < b ? a : b, a < b ? b : a);
	if (o->contestant->role != BENCH_OURS && o->ratio.n > 0)
		fprintf(to, " %7.3f [%.3f, %.3f]", o->ratio.median, o->ratio.low, o->ratio.high);
	if (o->disturbed > 0.2)
		fprintf(to, "  %.0f %% disturbed", o->disturbed * 100);
	if (o->n_latencies > 0)
		fprintf(to, "  p50 %.0f p99 %.0f p99.9 %.0f", o->quantiles[4], o->quantiles[8],
			o->quantiles[10]);
	fputc('\n', to);
}

static const char *verdict_name(enum bench_verdict verdict)
{
	static const char *const names[] = { "no target", "met", "unclear", "MISSED" };

	return names[verdict];
}

static void text_judgement(FILE *to, const struct bench_row *row, const struct bench_judgement *j)
{
	if (j->verdict == BENCH_NO_TARGET)
		return;
	fprintf(to, "  = %s: ", verdict_name(j->verdict));
	if (j->target->most_ns > 0 && j->target->quantile > 0)
		fprintf(to, "%.4g quantile %.0f ns, at most %.0f\n", j->target->quantile, j->value,
			j->target->most_ns);
	else if (j->target->most_ns > 0)
		fprintf(to, "%.1f ns, at most %.0f\n", j->value, j->target->most_ns);
	else if (bench_is_same(j->target))
		fprintf(to, "%.3f [%.3f, %.3f] x %s, the same within %.0f %%\n", j->value, j->low,
			j->high, j->against, 100 * BENCH_SAME_WITHIN);
	else
		fprintf(to, "%.3f [%.3f, %.3f] x %s, %s %.2f\n", j->value, j->low, j->high,
			j->against, row->unit == BENCH_NS ? "at most" : "at least",
			j->target->factor);
}

void bench_report_text(FILE *to, const struct bench_result *result)
{
	const struct bench_row *const row = result->row;
	uint32_t i;

	fprintf(to, "%s: %s", row->name, row->title);
	if (result->class != BENCH_ALONE)
		fprintf(to, " (%s: %.0f ns a round trip of a line)", bench_class_name(result->class),
			result->probe_ns);
	fputc('\n', to);
	for (i = 0; i < result->n_outcomes; i++)
		text_outcome(to, row, &result->outcomes[i]);
	for (i = 0; i < BENCH_TARGETS_MAX; i++)
		text_judgement(to, row, &result->judgements[i]);
	fputc('\n', to);
	fflush(to);
}

static void json_spread(struct json *j, const char *key, const struct bench_spread *s)
{
	json_open_object(j, key);
	json_number(j, "n", s->n);
	json_decimal(j, "median", s->median);
	json_decimal(j, "low", s->low);
	json_decimal(j, "high", s->high);
	json_decimal(j, "p10", s->p10);
	json_decimal(j, "p90", s->p90);
	json_close(j);
}

static void json_outcome(struct json *j, const struct bench_row *row, const struct bench_outcome *o)
{
	static const char *const roles[] = { "ours", "peer", "limit" };
	uint32_t i;

	json_open_object(j, NULL);
	json_string(j, "name", o->contestant->name);
	json_string(j, "role", roles[o->contestant->role]);
	if (o->missing)
		json_string(j, "skipped", strerror(o->missing));
	if (o->ns.n > 0) {
		json_decimal(j, "value", bench_in_unit(row, o->ns.median));
		json_decimal(j, "disturbed", o->disturbed);
		json_spread(j, "ns", &o->ns);
		json_spread(j, "ratio", &o->ratio);
	}
	if (o->n_latencies > 0) {
		json_number(j, "n_latencies", o->n_latencies);
		json_open_array(j, "quantiles");
		for (i = 0; i < BENCH_QUANTILES; i++) {
			json_open_array(j, NULL);
			json_decimal(j, NULL, bench_quantiles[i] * 100);
			json_decimal(j, NULL, o->quantiles[i]);
			json_close(j);
		}
		json_close(j);
	}
	json_close(j);
}

static void json_judgement(struct json *j, const struct bench_judgement *judgement)
{
	const struct bench_target *const t = judgement->target;

	if (judgement->verdict == BENCH_NO_TARGET)
		return;
	json_open_object(j, NULL);
	json_string(j, "verdict", verdict_name(judgement->verdict));
	if (t->most_ns > 0) {
		json_decimal(j, "most_ns", t->most_ns);
		if (t->quantile > 0)
			json_decimal(j, "percentile", t->quantile * 100);
	} else {
		json_string(j, "against", judgement->against);
		json_decimal(j, "factor", bench_is_same(t) ? 1 : t->factor);
		if (bench_is_same(t))
			json_decimal(j, "within", BENCH_SAME_WITHIN);
	}
	json_decimal(j, "value", judgement->value);
	json_decimal(j, "low", judgement->low);
	json_decimal(j, "high", judgement->high);
	json_close(j);
}

void bench_report_json(struct json *j, const struct bench_result *result)
{
	const struct bench_row *const row = result->row;
	uint32_t i;

	json_open_object(j, NULL);
	json_string(j, "row", row->name);
	json_string(j, "measure", row->measure);
	json_string(j, "title", row->title);
	json_number(j, "bytes", row->bytes);
	json_number(j, "producers", row->n_producers);
	json_number(j, "consumers", row->n_consumers);
	json_number(j, "param", row->param);
	json_string(j, "unit", bench_unit_name(row));
	json_string(j, "class", bench_class_name(result->class));
	json_bool(j, "far", result->far);
	json_decimal(j, "probe_ns", result->probe_ns);
	json_open_array(j, "contestants");
	for (i = 0; i < result->n_outcomes; i++)
		json_outcome(j, row, &result->outcomes[i]);
	json_close(j);
	json_open_array(j, "targets");
	for (i = 0; i < BENCH_TARGETS_MAX; i++)
		json_judgement(j, &result->judgements[i]);
	json_close(j);
	json_close(j);
}

/* What /proc/cpuinfo calls the processor. */
static void json_processor(struct json *j)
{
	FILE *const f = fopen("/proc/cpuinfo", "re");
	char line[256], *name = NULL;

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "model name", 10) == 0 && (name = strchr(line, ':')))
			break;
	}
	json_string(j, "processor", name ? name + 2 : NULL);
	if (f)
		fclose(f);
}

static void json_distances(struct json *j)
{
	uint32_t a, b;

	json_open_array(j, "round_trip_ns");
	for (a = 0; bench_place_ns(a, a == 0) > 0; a++) {
		json_open_array(j, NULL);
		for (b = 0; b < a; b++)
			json_decimal(j, NULL, bench_place_ns(a, b));
		json_close(j);
	}
	json_close(j);
}

void bench_report_json_begin(struct json *j, const struct bench_options *options)
{
	const char *const *missing;
	struct utsname u;

	json_open_object(j, NULL);
	json_string(j, "version", PACKAGE_VERSION);
	json_open_object(j, "machine");
	json_processor(j);
	if (uname(&u) == 0) {
		json_string(j, "kernel", u.release);
		json_string(j, "architecture", u.machine);
	}
	json_number(j, "cpus", bench_place_n_cpus());
	json_distances(j);
	json_close(j);
	json_string(j, "compiler", __VERSION__);
	json_decimal(j, "seconds", options->seconds);
	json_bool(j, "tiny", options->tiny);
	json_open_array(j, "missing_peers");
	for (missing = bench_missing_peers; *missing; missing++)
		json_string(j, NULL, *missing);
	json_close(j);
	json_open_array(j, "results");
}

void bench_report_json_end(struct json *j)
{
	json_close(j);
	json_close(j);
	json_end(j);
}
