/* SPDX-License-Identifier: MIT */
#ifndef TEST_QUEUE_PLAIN_H
#define TEST_QUEUE_PLAIN_H

/* queue-plain.h - queues in plain memory, without segment and daemon */

#include <stdbool.h>

#include <shmreg/queue.h>

#include "plain.h"
#include "queue-bind.h"

/*
 * queue_seed() - the queue at @base as it looks when it is empty at @position
 *
 * For tests of wraps. Nobody may be using it.
 */
void queue_seed(void *base, const struct shmreg_shape *shape, uint64_t position);

/*
 * queue_is_clean() - is it empty, with every slot free for its next position?
 *
 * What must be true of a queue that nobody is using, once it was repaired and drained.
 */
bool queue_is_clean(const void *base, const struct shmreg_shape *shape);

#endif /* TEST_QUEUE_PLAIN_H */
