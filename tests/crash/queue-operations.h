/* SPDX-License-Identifier: MIT */
#ifndef CRASH_QUEUE_OPERATIONS_H
#define CRASH_QUEUE_OPERATIONS_H

/* queue-operations.h - what is killed: the public calls, each with its log */

#include "queue-rig.h"

extern const struct operation operations[];
extern const unsigned int n_operations;

/* The first so many are the public calls by themselves; others are combinations. */
#define N_PLAIN_OPERATIONS 8

/* For those who live. */
extern const struct operation *const push_operation;
extern const struct operation *const pop_operation;

/* A push that forgets to record the claim before its own; for tests of the tests. */
extern const struct operation careless_push;
/* A batch that publishes its leader first. */
extern const struct operation hasty_batch;
/* An acquire that does not mark its slot before the next claim. */
extern const struct operation careless_acquire;

#endif /* CRASH_QUEUE_OPERATIONS_H */
