/* SPDX-License-Identifier: MIT */
#include <config.h>

#include "wake-cost.h"

SHMREG_DEFINE_QUEUE(numbers, uint64_t);

int cost_push_with(struct shmreg_queue *q, const uint64_t *value)
{
	return numbers_push((struct numbers *)(void *)q, value);
}

int cost_pop_with(struct shmreg_queue *q, uint64_t *value)
{
	return numbers_pop((struct numbers *)(void *)q, value);
}

int cost_counts(void)
{
#if !defined(__OPTIMIZE__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return 0;
#else
	return 1;
#endif
}
