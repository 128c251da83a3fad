/* SPDX-License-Identifier: MIT */
#ifndef BENCH_DEATH_H
#define BENCH_DEATH_H

/* death.h - a process that holds an object of a pool is killed: how long until that is repaired? */

#include "control.h"

/* What of it is the kernel's: to end the process, and to say so. */
#define DEATH_LIMIT(measure, open, close)                                                          \
	{ measure, "SIGKILL to pidfd", BENCH_LIMIT, 0, NULL, open, death_noticed, close, NULL }

/* For all contestants of a worker. */
int death_open(struct bench_worker *w);
/* From SIGKILL to the event that says that it is repaired. */
uint64_t death_repaired(struct bench_worker *w, uint64_t n);
/* From SIGKILL until a pidfd says it. */
uint64_t death_noticed(struct bench_worker *w, uint64_t n);

#endif /* BENCH_DEATH_H */
