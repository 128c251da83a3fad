/* SPDX-License-Identifier: MIT */
#ifndef CRASH_QUEUE_RIG_H
#define CRASH_QUEUE_RIG_H

/*
 * queue-rig.h - the queue's subject: its image, and what operations and oracle share
 *
 * Each element's value says whose it is; the rest of an element follows from its
 * value, so that a torn one shows.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shmreg/queue.h>

#include "item.h"
#include "rig.h"

#define RIG_ITEMS 8	/* at most, that one operation pushes or takes */

/* What an actor knows to have done: written after each call that returned. */
struct actor_log {
	uint32_t started;
	uint32_t finished;
	int32_t result;		/* of the last call */
	uint32_t n_pushed;
	uint32_t n_popped;
	uint64_t popped[RIG_ITEMS];
};

struct actor {
	struct shmreg_queue queue;	/* first: what operations are given */
	struct actor_log log;
	uint64_t first_value;
};

/* Of an operation, for the oracle. */
struct effect {
	uint32_t n_push;	/* elements it pushes at most */
	uint32_t n_take;	/* elements it takes at most */
	bool together;		/* what it pushes is there whole or not at all */
	bool refuses;		/* gives elements back, out of order */
	bool waits;
};

/* How the queue is when the operation begins. */
struct start {
	uint64_t capacity;
	uint64_t first;		/* position of the first element ever pushed */
	uint32_t n_queued;
	/* who pushed and popped last: the victim need not record before its own, or must */
	enum actor_number by;
	bool tomb;		/* an aborted push is at the head */
	bool refused;		/* an element waits to be handed out again */
	enum { NOBODY_SLEEPS, TWO_SLEEP, ONE_FOR_TWO } sleep;	/* the latter beside a plain one */
	uint32_t flags;		/* of the shape */
};

#define MAX_CAPACITY 8

/*
 * The futexes of both event counts: queue-sleep.c is the kernel, as far as queues need one. Who
 * waits has a bed: those who are stepped, and two who have slept since before it began. They are
 * woken in this order.
 */
enum side { ITEMS, SPACE, N_SIDES };
enum { MAYBE_CHOOSY = PEER, PLAIN, N_BEDS };	/* those of VICTIM and SECOND come first */
enum bed { NOBODY, FALLING_ASLEEP, ASLEEP_IN_BED, WOKEN };

struct image {
	struct actor actor[N_ACTORS];
	struct shmreg_shape shape;
	uint32_t bed[N_SIDES][N_BEDS];
	uint32_t n_queued;	/* values that the setting left in the queue, from SETUP_VALUE on */
	SHMREG_ALIGNAS(SHMREG_BLOCK) unsigned char queue[sizeof(struct shmreg_queue_shm) +
							 MAX_CAPACITY * 32];
};

static inline struct shmreg_queue_shm *image_queue(struct image *image)
{
	return (struct shmreg_queue_shm *)(void *)image->queue;
}

static inline union shmreg_eventcount *queue_event(struct image *image, enum side side)
{
	return side == ITEMS ? &image_queue(image)->items : &image_queue(image)->space;
}

/* queue-operations.c */
extern const struct operation queue_operations[];
enum {
	PUSH,
	POP,
	PUSH_BATCH,
	POP_BATCH,
	RESERVE_COMMIT,
	RESERVE_ABORT,
	ACQUIRE_RELEASE,
	ACQUIRE_REFUSE,
	/* those before by themselves; combinations */
	TYPED_PUSH,
	TYPED_POP,
	TWO_RESERVES,
	TWO_ACQUIRES,
	PUSH_POP,
	POP_AGAIN,
	POP_WAIT,
	PUSH_WAIT,
	PUSH_BATCH_WAIT,
	N_QUEUE_OPERATIONS,
};

/* Planted: forgets to record the claim before its own. */
extern const struct operation careless_push;
/* A batch that publishes its leader first. */
extern const struct operation hasty_batch;
/* An acquire that does not mark its slot before the next claim. */
extern const struct operation careless_acquire;

/* Wakes nobody. */
extern const struct operation silent_push;
/* Announces itself, and does not look again before it sleeps. */
extern const struct operation hasty_wait;
/* Takes one of several, and does not pass on what woke it. */
extern const struct operation selfish_wait;

/* queue-sleep.c */
void queue_wait_by(const struct actor *actor);	/* whose bed it is, from now on */
enum outcome queue_judge_sleep(struct image *image, const struct cast *cast, struct judgement *ret);
/* After queue_judge_sleep() has got all out of bed: how much there was to take. */
enum outcome queue_judge_lost(const struct cast *cast, uint64_t n_items, uint64_t n_space,
			      struct judgement *ret);

/* queue-oracle.c */
void queue_look(void *image);
void queue_judge(void *image, const struct cast *cast, struct judgement *ret);

#endif /* CRASH_QUEUE_RIG_H */
