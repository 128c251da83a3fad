/* SPDX-License-Identifier: MIT */
#ifndef TEST_HONEST_H
#define TEST_HONEST_H

/*
 * honest.h - one who only wants to be served, and notes how long it took
 */

#include "attack.h"
#include "process.h"

#define SAMPLES_MAX 65536

struct samples {
	_Atomic uint32_t n;
	uint32_t usec[SAMPLES_MAX];
};

/* Asks until stage->honest_stop; each request must be answered, and with success. Says 1 when it has
 * made its segments. */
void honest_start(struct process *p, const struct identity *who, struct stage *stage,
		  struct samples *samples);
/* Sorts them. @share: 0.5 is the median, 1 the longest. */
void samples_sort(struct samples *s);
double samples_at(const struct samples *s, double share);

#endif /* TEST_HONEST_H */
