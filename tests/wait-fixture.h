/* SPDX-License-Identifier: MIT */
#ifndef TEST_WAIT_FIXTURE_H
#define TEST_WAIT_FIXTURE_H

/* wait-fixture.h - a queue of numbers in plain memory that some wait at, and what they do */

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "asleep.h"
#include "queue-fixture.h"
#include "segment.h"
#include "waiter.h"

struct world {
	struct shmreg_shape shape;
	struct shmreg_queue_shm *shm;
	struct shmreg_queue q;		/* the test's own handle */
};

static inline void world_new(struct world *w, uint64_t capacity)
{
	ck_assert_int_eq(waiter_register(), 0);
	w->shape = shape_of(capacity, 8, 8);
	w->shm = map(&w->shape);
	queue_bind(&w->q, w->shm, &w->shape, 1);
}

static inline void world_free(struct world *w)
{
	plain_unmap(w->shm, &w->shape);
}

/* What a sleeper does. */
struct job {
	struct shmreg_queue q;
	const struct timespec *deadline;
	uint32_t min;		/* of push_batch_wait(): fours at most */
	uint64_t value;		/* pushed, and what was popped, if it is a thread that pops */
};

static inline void job_new(struct job *j, const struct world *w, uint32_t seat)
{
	memset(j, 0, sizeof(*j));
	queue_bind(&j->q, w->shm, &w->shape, seat);
}

static inline int job_pop(void *arg)
{
	struct job *j = arg;

	return shmreg_queue_pop_wait(&j->q, &j->value, j->deadline);
}

static inline int job_push(void *arg)
{
	struct job *j = arg;

	return shmreg_queue_push_wait(&j->q, &j->value, j->deadline);
}

static inline int job_push_several(void *arg)
{
	const uint64_t values[4] = { 1, 2, 3, 4 };
	struct job *j = arg;

	return shmreg_queue_push_batch_wait(&j->q, values, 4, j->min, j->deadline);
}

static inline uint32_t count_of(const union shmreg_eventcount *event)
{
	return shmreg_load_acquire(&event->half[SHMREG_EVENTCOUNT_COUNT]);
}

static inline uint32_t sequence_of(const union shmreg_eventcount *event)
{
	return count_of(event) & SHMREG_EVENTCOUNT_SEQUENCE;
}

/* Several sleepers: until all are asleep, until @n have returned; how many have. */
static inline unsigned int n_done(const struct sleeper *s, unsigned int n)
{
	unsigned int i, done = 0;

	for (i = 0; i < n; i++)
		done += s[i].is_over || sleeper_is_done(&s[i]);
	return done;
}

struct some {
	const struct sleeper *s;
	unsigned int n, wanted;
};

static inline bool so_many_done(void *arg)
{
	const struct some *some = arg;

	return n_done(some->s, some->n) >= some->wanted;
}

static inline void await_done(const struct sleeper *s, unsigned int n, unsigned int wanted)
{
	asleep_until(so_many_done, &(struct some){ s, n, wanted }, "so many waits return");
}

#endif /* TEST_WAIT_FIXTURE_H */
