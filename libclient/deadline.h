/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_DEADLINE_H
#define LIBSHMREG_DEADLINE_H

/* deadline.h - points of CLOCK_MONOTONIC until which is waited; NULL: for ever */

#include <stdbool.h>
#include <time.h>

#define NS_PER_S 1000000000

static inline bool deadline_is_one(const struct timespec *deadline)
{
	return deadline == NULL || (deadline->tv_nsec >= 0 && deadline->tv_nsec < NS_PER_S);
}

static inline bool deadline_is_past(const struct timespec *deadline)
{
	struct timespec t;

	if (deadline == NULL)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec > deadline->tv_sec ||
	       (t.tv_sec == deadline->tv_sec && t.tv_nsec >= deadline->tv_nsec);
}

#endif /* LIBSHMREG_DEADLINE_H */
