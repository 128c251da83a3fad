/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <assert.h>
#include <inttypes.h>

#include "json.h"
#include "openmetrics.h"

static const char *const types[] = {
	[METRIC_GAUGE] = "gauge",
	[METRIC_COUNTER] = "counter",
	[METRIC_INFO] = "info",
};
static const char *const suffixes[] = {
	[METRIC_GAUGE] = "",
	[METRIC_COUNTER] = "_total",
	[METRIC_INFO] = "_info",
};

void openmetrics_init(struct openmetrics *m, FILE *stream, bool prometheus)
{
	*m = (struct openmetrics){ .stream = stream, .prometheus = prometheus };
}

void openmetrics_end(struct openmetrics *m)
{
	if (!m->prometheus)
		fputs("# EOF\n", m->stream);
}

void openmetrics_family(struct openmetrics *m, const struct metric *metric, const char *infix)
{
	m->metric = metric;
	m->infix = infix ? infix : "";
	m->begun = false;
}

static void name(const struct openmetrics *m, const char *suffix)
{
	fprintf(m->stream, OPENMETRICS_PREFIX "%s%s%s", m->infix, m->metric->name, suffix);
}

/* What describes a family names it; in the older format it names the samples. */
static void describe(const struct openmetrics *m, const char *what, const char *text)
{
	fprintf(m->stream, "# %s ", what);
	name(m, m->prometheus ? suffixes[m->metric->type] : "");
	fprintf(m->stream, " %s\n", text);
}

static void begin(struct openmetrics *m)
{
	const struct metric *metric = m->metric;

	if (m->begun)
		return;
	m->begun = true;
	describe(m, "TYPE", m->prometheus && metric->type == METRIC_INFO ? "gauge" :
							       types[metric->type]);
	if (metric->unit && !m->prometheus)
		describe(m, "UNIT", metric->unit);
	describe(m, "HELP", metric->help);
}

static void value_of(FILE *stream, const char *value)
{
	const unsigned char *s = (const unsigned char *)value;

	while (*s) {
		const unsigned int n = json_utf8_length(s);

		if (*s == '\\' || *s == '"')
			fprintf(stream, "\\%c", *s);
		else if (*s == '\n')
			fputs("\\n", stream);
		else if (*s < ' ' || *s == 0x7f)
			fputc('?', stream);
		else if (n)
			fwrite(s, 1, n, stream);
		else
			fputs("\xef\xbf\xbd", stream);
		s += n ? n : 1;
	}
}

static void labelled(struct openmetrics *m, const struct openmetrics_label *labels, size_t n,
		     const char *suffix)
{
	name(m, suffix);
	for (size_t i = 0; i < n; i++) {
		fprintf(m->stream, "%c%s=\"", i ? ',' : '{', labels[i].name);
		value_of(m->stream, labels[i].value);
		fputc('"', m->stream);
	}
	fputs(n ? "} " : " ", m->stream);
}

/* In no locale's manner, and exact. */
static void seconds(FILE *stream, uint64_t ns)
{
	fprintf(stream, "%" PRIu64 ".%09" PRIu64 "\n", ns / 1000000000, ns % 1000000000);
}

void openmetrics_sample(struct openmetrics *m, const struct openmetrics_label *labels, size_t n,
			uint64_t value)
{
	assert(m->metric->type != METRIC_COUNTER);
	begin(m);
	labelled(m, labels, n, suffixes[m->metric->type]);
	fprintf(m->stream, "%" PRIu64 "\n", value);
}

void openmetrics_sample_limit(struct openmetrics *m, const struct openmetrics_label *labels, size_t n,
			      uint64_t value)
{
	if (value != UINT64_MAX) {
		openmetrics_sample(m, labels, n, value);
		return;
	}
	begin(m);
	labelled(m, labels, n, "");
	fputs("+Inf\n", m->stream);
}

void openmetrics_sample_ns(struct openmetrics *m, const struct openmetrics_label *labels, size_t n,
			   uint64_t ns)
{
	assert(m->metric->type == METRIC_GAUGE);
	begin(m);
	labelled(m, labels, n, "");
	seconds(m->stream, ns);
}

void openmetrics_counter(struct openmetrics *m, const struct openmetrics_label *labels, size_t n,
			 uint64_t value, uint64_t created_ns)
{
	assert(m->metric->type == METRIC_COUNTER);
	begin(m);
	labelled(m, labels, n, suffixes[METRIC_COUNTER]);
	fprintf(m->stream, "%" PRIu64 "\n", value);
	if (created_ns && !m->prometheus) {
		labelled(m, labels, n, "_created");
		seconds(m->stream, created_ns);
	}
}
