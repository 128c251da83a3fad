/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "tally.h"

#define PRINTED_FAILURES 5

bool tally_silent;

static const char *const outcome_name[N_OUTCOMES] = {
	[OUTCOME_WEDGED] = "WEDGED",
	[OUTCOME_LEAKED] = "LEAKED",
	[OUTCOME_LOST] = "LOST",
	[OUTCOME_DUPLICATED] = "DUPLICATED",
};

void tally_case(struct tally *t, unsigned int mode, enum outcome outcome, const char *format, ...)
{
	va_list args;

	t->cases[mode]++;
	t->outcome[outcome]++;
	if (outcome == OUTCOME_GOOD || tally_silent || tally_bad(t) > PRINTED_FAILURES)
		return;
	printf("  %s: ", outcome_name[outcome]);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

void tally_add(struct tally *sum, const struct tally *t)
{
	if (t->n_instructions > sum->n_instructions)
		sum->n_instructions = t->n_instructions;
	for (unsigned int i = 0; i < TALLY_MODES; i++)
		sum->cases[i] += t->cases[i];
	for (unsigned int i = 0; i < N_OUTCOMES; i++)
		sum->outcome[i] += t->outcome[i];
	sum->n_repaired += t->n_repaired;
	sum->n_lost += t->n_lost;
	sum->n_duplicated += t->n_duplicated;
}

uint64_t tally_cases(const struct tally *t)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < TALLY_MODES; i++)
		n += t->cases[i];
	return n;
}

uint64_t tally_bad(const struct tally *t)
{
	uint64_t n = 0;

	for (unsigned int i = OUTCOME_GOOD + 1; i < N_OUTCOMES; i++)
		n += t->outcome[i];
	return n;
}

static const char *const *columns;

void tally_print_head(const char *first, const char *const modes[TALLY_MODES])
{
	columns = modes;
	printf("%-26s %6s", first, "instr");
	for (unsigned int i = 0; i < TALLY_MODES; i++)
		if (modes[i])
			printf(" %9s", modes[i]);
	printf(" %9s %9s %9s %10s %6s\n", "kills", "repaired", "lost", "duplicated", "wedged");
}

static void print_bad(const struct tally *t)
{
	printf("wedged %" PRIu64 ", leaked %" PRIu64 ", lost %" PRIu64 ", duplicated %" PRIu64,
	       t->outcome[OUTCOME_WEDGED], t->outcome[OUTCOME_LEAKED], t->outcome[OUTCOME_LOST],
	       t->outcome[OUTCOME_DUPLICATED]);
}

void tally_print(const char *name, const struct tally *t)
{
	printf("%-26s %6" PRIu64, name, t->n_instructions);
	for (unsigned int i = 0; i < TALLY_MODES; i++)
		if (columns[i])
			printf(" %9" PRIu64, t->cases[i]);
	printf(" %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %10" PRIu64 " %6" PRIu64, tally_cases(t),
	       t->n_repaired, t->n_lost, t->n_duplicated, t->outcome[OUTCOME_WEDGED]);
	if (tally_bad(t)) {
		printf("  BAD: ");
		print_bad(t);
	}
	putchar('\n');
	fflush(stdout);
}

void tally_print_sum(const struct tally *t)
{
	print_bad(t);
	printf(", cases %" PRIu64 "\n", tally_cases(t));
	fflush(stdout);
}
