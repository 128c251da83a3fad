/* SPDX-License-Identifier: MIT */
#include <config.h>

#define SHMREG_WAKE_NOTHING_
#include "wake-cost.h"

SHMREG_DEFINE_QUEUE(numbers, uint64_t);

int cost_push_without(struct shmreg_queue *q, const uint64_t *value)
{
	return numbers_push((struct numbers *)(void *)q, value);
}

int cost_pop_without(struct shmreg_queue *q, uint64_t *value)
{
	return numbers_pop((struct numbers *)(void *)q, value);
}
