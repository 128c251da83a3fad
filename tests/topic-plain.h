/* SPDX-License-Identifier: MIT */
#ifndef TEST_TOPIC_PLAIN_H
#define TEST_TOPIC_PLAIN_H

/* topic-plain.h - topics in plain memory, without segment and daemon */

#include <stdbool.h>

#include <shmreg/topic.h>

#include "plain.h"
#include "topic-bind.h"

struct shmreg_shape topic_shape(uint64_t capacity, uint64_t bytes, uint32_t align, uint32_t flags,
				uint32_t publishers, uint32_t subscribers, uint32_t lag_max);

/*
 * topic_seed() - the topic at @base as it looks after @position messages of publisher 0
 *
 * For tests of wraps; all its messages are of 0 bytes. @sequence: of every spare, 40 bits. Nobody
 * may be using it.
 */
void topic_seed(void *base, const struct shmreg_shape *shape, uint64_t position,
		uint64_t sequence);

/*
 * topic_is_whole() - is every chunk in exactly one place, and every publication settled?
 * topic_is_left() - are all roles and cursors free?
 *
 * What must be true of a topic that nobody is using, once it was repaired.
 */
bool topic_is_whole(const void *base, const struct shmreg_shape *shape);
bool topic_is_left(const void *base, const struct shmreg_shape *shape);

/* Where to begin so that something wraps: turns with 2, 4 and 8 slots; cursors. */
#define TOPIC_STARTS                                                                               \
	{                                                                                          \
		0, 1, 7, (UINT64_C(1) << 48) - 5, (UINT64_C(1) << 42) - 3,                         \
			(UINT64_C(1) << 43) - 9, (UINT64_C(1) << 41) - 2                           \
	}

#endif /* TEST_TOPIC_PLAIN_H */
