/* SPDX-License-Identifier: MIT */
#ifndef CRASH_QUEUE_START_H
#define CRASH_QUEUE_START_H

/* queue-start.h - how a queue is when an operation begins, of elements or of objects */

#include "queue-bind.h"
#include "subject.h"

#define WRAP (UINT64_C(1) << 43)	/* of positions */

/*
 * Under both policies: a struct start each, which ends with the shape's flags. Beside the first
 * something is pushed, beside the second popped.
 */
#define SETTING(name, DROP, REDELIVER, ...)                                                       \
	{ name ", drop", DROP, &(const struct start){ __VA_ARGS__, 0 } },                         \
	{                                                                                         \
		name ", redeliver", (REDELIVER) | SETTING_SECOND_PEER,                            \
			&(const struct start){ __VA_ARGS__, SHMREG_QUEUE_REDELIVER }              \
	}
#define PAIR SETTING_PAIR

/* Empties a queue that was just bound; everything before @first is history. */
static inline void queue_age(const struct shmreg_queue *q, uint64_t first)
{
	struct shmreg_queue_shm *shm = shmreg_queue_shm_(q);

	shm->tail = shm->head = first << SHMREG_QUEUE_POS_SHIFT;
	shm->lapped = first > q->mask;
	for (uint64_t p = first; p < first + q->mask + 1; p++) {
		const uint64_t pos = p << SHMREG_QUEUE_POS_SHIFT;

		*shmreg_queue_word_(shmreg_queue_slot_(q, pos, q->stride)) = pos & q->lap_mask;
	}
}

#endif /* CRASH_QUEUE_START_H */
