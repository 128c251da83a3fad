/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "kind.h"
#include "level.h"

uint64_t level_fact(const struct snapshot_fact *facts, const uint64_t *value, const char *name)
{
	for (size_t i = 0; facts[i].name; i++)
		if (strcmp(facts[i].name, name) == 0)
			return value[i];
	return UINT64_MAX;
}

bool level_of(const struct snapshot_object *o, struct level *ret)
{
	const struct snapshot_fact *facts = kind_of(o)->facts;
	uint64_t n, high;

	if (!o->read)
		return false;
	n = level_fact(facts, o->value, "length");
	if (n == UINT64_MAX)
		n = level_fact(facts, o->value, "lag");
	if (n == UINT64_MAX) {
		n = level_fact(facts, o->value, "n_held");
		if (n != UINT64_MAX)
			n += level_fact(facts, o->value, "n_sent");
	}
	if (n == UINT64_MAX)
		return false;
	high = level_fact(facts, o->value, "high_water");
	if (high == UINT64_MAX)
		high = level_fact(facts, o->value, "lag_high_water");
	*ret = (struct level){ .n = n, .total = o->entry.shape.capacity,
			       .high = high == UINT64_MAX || high < n ? n : high };
	return true;
}

double level_percent(uint64_t n, uint64_t total)
{
	if (!total || n >= total)
		return n ? 100 : 0;
	return (double)n / (double)total * 100;
}

static bool is_operation(const char *rate)
{
	static const char *const others[] = { "full", "exhausted", "skipped", "superseded",
					      "bytes_written", "bytes_read" };

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(rate, others[i]) == 0)
			return false;
	return true;
}

bool level_operations(const struct snapshot *before, const struct snapshot *after,
		      const struct snapshot_object *o, double *ret)
{
	const struct snapshot_fact *facts = kind_of(o)->facts;
	bool known = false;
	double rate, sum = 0;

	for (size_t i = 0; before && facts[i].name; i++)
		if (facts[i].rate && is_operation(facts[i].rate) &&
		    snapshot_rate(before, after, o, &facts[i], i, &rate)) {
			known = true;
			sum += rate;
		}
	if (known)
		*ret = sum;
	return known;
}

void level_print_name(FILE *out, const char *name)
{
	if (name[0] == 'n' && name[1] == '_')
		name += 2;
	for (; *name; name++)
		fputc(*name == '_' ? ' ' : *name, out);
}

void level_print_rates(FILE *out, const struct snapshot *before, const struct snapshot *after,
		       const struct snapshot_object *o)
{
	const struct snapshot_fact *facts = kind_of(o)->facts;
	const char *comma = "";
	bool known = false;
	double rate;

	for (size_t i = 0; before && facts[i].name; i++) {
		if (!snapshot_rate(before, after, o, &facts[i], i, &rate))
			continue;
		known = true;
		if (rate <= 0)
			continue;
		fputs(comma, out);
		level_print_name(out, facts[i].rate);
		fprintf(out, " %.*f/s", rate < 100 ? 1 : 0, rate);
		comma = ", ";
	}
	if (!*comma)
		fputs(known ? "idle" : "-", out);
}

void level_print_trouble(FILE *out, const struct snapshot_object *o)
{
	static const char *const names[] = {
		"n_lost",    "n_dropped",   "n_aborted",   "n_evicted", "n_exhausted", "n_full",
		"n_skipped", "n_reclaimed", "n_redelivered", "n_settled",
	};
	const struct snapshot_fact *facts = kind_of(o)->facts;
	const char *comma = "";

	if (!o->read)
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const uint64_t n = level_fact(facts, o->value, names[i]);

		if (!n || n == UINT64_MAX)
			continue;
		fputs(comma, out);
		level_print_name(out, names[i]);
		fprintf(out, " %" PRIu64, n);
		comma = ", ";
	}
}
