/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_OPENMETRICS_H
#define SHMREGCTL_OPENMETRICS_H

/*
 * openmetrics.h - writes OpenMetrics 1.0 text, or Prometheus' older text format 0.0.4
 *
 * A family is begun and then its samples are written, all of them: they may not be
 * interleaved with another family's. A family without samples leaves nothing. In the older
 * format there are no units, no creation times, no end, and an info is a gauge.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum metric_type { METRIC_GAUGE, METRIC_COUNTER, METRIC_INFO };

/* The samples of counters end with "_total", those of infos with "_info": not written here. */
struct metric {
	const char *name;	/* with its unit behind, without OPENMETRICS_PREFIX; NULL: none */
	const char *help;	/* half a sentence; no newline, no backslash */
	const char *unit;	/* NULL: a number of what the name says */
	enum metric_type type;
};
#define OPENMETRICS_PREFIX "shmreg_"

/* Initializers, for tables. */
#define GAUGE(n, h) { .name = (n), .help = (h) }
#define GAUGE_BYTES(n, h) { .name = n "_bytes", .help = (h), .unit = "bytes" }
#define COUNTER(n, h) { .name = (n), .help = (h), .type = METRIC_COUNTER }
#define COUNTER_BYTES(n, h) \
	{ .name = n "_bytes", .help = (h), .unit = "bytes", .type = METRIC_COUNTER }

struct openmetrics_label {
	const char *name;
	const char *value;	/* bytes that are not UTF-8 become U+FFFD, control characters '?' */
};

struct openmetrics {
	FILE *stream;
	bool prometheus;	/* the older format */
	const struct metric *metric;
	bool begun;		/* its head was written */
	/* The middle of the family's name, behind the prefix; NULL: none */
	const char *infix;
};

void openmetrics_init(struct openmetrics *m, FILE *stream, bool prometheus);
void openmetrics_end(struct openmetrics *m);

/* @metric lasts until the next one; "user_" as @infix makes shmreg_user_NAME; NULL: none. */
void openmetrics_family(struct openmetrics *m, const struct metric *metric, const char *infix);

/* Samples of it, with @n labels. */
void openmetrics_sample(struct openmetrics *m, const struct openmetrics_label *labels, size_t n,
			uint64_t value);
/* UINT64_MAX: there is no limit. */
void openmetrics_sample_limit(struct openmetrics *m, const struct openmetrics_label *labels, size_t n,
			      uint64_t value);
/* Of nanoseconds, in seconds. */
void openmetrics_sample_ns(struct openmetrics *m, const struct openmetrics_label *labels, size_t n,
			   uint64_t ns);
/*
 * Of a counter that has risen from 0 since @created_ns (CLOCK_REALTIME): if that moves, it has
 * begun anew. 0: not known, or it also begins anew by itself.
 */
void openmetrics_counter(struct openmetrics *m, const struct openmetrics_label *labels, size_t n,
			 uint64_t value, uint64_t created_ns);

#endif /* SHMREGCTL_OPENMETRICS_H */
