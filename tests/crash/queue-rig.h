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
	uint32_t flags;		/* of the shape */
};

#define MAX_CAPACITY 8

struct image {
	struct actor actor[N_ACTORS];
	struct shmreg_shape shape;
	uint32_t n_queued;	/* values that the setting left in the queue, from SETUP_VALUE on */
	SHMREG_ALIGNAS(SHMREG_BLOCK) unsigned char queue[sizeof(struct shmreg_queue_shm) +
							 MAX_CAPACITY * 32];
};

static inline struct shmreg_queue_shm *image_queue(struct image *image)
{
	return (struct shmreg_queue_shm *)(void *)image->queue;
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
	N_QUEUE_OPERATIONS,
};

/* Planted: forgets to record the claim before its own. */
extern const struct operation careless_push;
/* A batch that publishes its leader first. */
extern const struct operation hasty_batch;
/* An acquire that does not mark its slot before the next claim. */
extern const struct operation careless_acquire;

/* queue-oracle.c */
void queue_look(void *image);
void queue_judge(void *image, const struct cast *cast, struct judgement *ret);

#endif /* CRASH_QUEUE_RIG_H */
