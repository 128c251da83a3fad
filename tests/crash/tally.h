/* SPDX-License-Identifier: MIT */
#ifndef CRASH_TALLY_H
#define CRASH_TALLY_H

/*
 * tally.h - what became of the cases: a line an operation, and the sum
 *
 * A case is one death (or two) at one place. What it comes to is the worst that
 * was seen: nothing but what the contract allows, or one of four.
 */

#include <stdbool.h>
#include <stdint.h>

enum outcome {
	OUTCOME_GOOD,
	OUTCOME_WEDGED,	/* the structure does not work any more, or would make others wait */
	OUTCOME_LEAKED,	/* a slot, a seat, a participant did not come back */
	OUTCOME_LOST,	/* lost, invented, torn or out of order beyond the contract */
	OUTCOME_DUPLICATED,	/* came twice beyond the contract */
	N_OUTCOMES,
};

#define TALLY_MODES 6

struct tally {
	uint64_t n_instructions;	/* the longest run of the operation */
	uint64_t cases[TALLY_MODES];
	uint64_t n_repaired;	/* cases in which there was something to put right */
	uint64_t n_lost;	/* elements lost within the contract */
	uint64_t n_duplicated;	/* that came twice within the contract */
	uint64_t outcome[N_OUTCOMES];
};

/*
 * One case more. If it is not good, @format says where and why; the first few of
 * a tally are printed. Silent: nothing is (for tests of the tests).
 */
extern bool tally_silent;
void tally_case(struct tally *t, unsigned int mode, enum outcome outcome, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void tally_add(struct tally *sum, const struct tally *t);
uint64_t tally_cases(const struct tally *t);
uint64_t tally_bad(const struct tally *t);

/* Modes that are NULL have no column, here and in the lines below. */
void tally_print_head(const char *first, const char *const modes[TALLY_MODES]);
void tally_print(const char *name, const struct tally *t);
/* Beyond the contract: "wedged N, leaked N, lost N, duplicated N, cases N" */
void tally_print_sum(const struct tally *t);

#endif /* CRASH_TALLY_H */
