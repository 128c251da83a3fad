/* SPDX-License-Identifier: MIT */
#ifndef TEST_WAKE_COST_H
#define TEST_WAKE_COST_H

/* wake-cost.h - a program's push and pop, as it is, and without looking whether anybody waits */

#include <shmreg/queue.h>

/* Of numbers. Return: as shmreg_queue_push(), _pop(). */
int cost_push_with(struct shmreg_queue *q, const uint64_t *value);
int cost_pop_with(struct shmreg_queue *q, uint64_t *value);
int cost_push_without(struct shmreg_queue *q, const uint64_t *value);
int cost_pop_without(struct shmreg_queue *q, uint64_t *value);

/* Were they compiled as programs are: optimized, and not instrumented? */
int cost_counts(void);

#endif /* TEST_WAKE_COST_H */
