/* SPDX-License-Identifier: MIT */
#ifndef CRASH_OBJECT_QUEUE_RIG_H
#define CRASH_OBJECT_QUEUE_RIG_H

/*
 * object-queue-rig.h - the subject of a pool and a queue for its objects
 *
 * Each object that was filled has a value, and the rest of it follows from that.
 */

#include <shmreg/object-queue.h>

#include "item.h"
#include "rig.h"

#define RIG_OBJECTS 12
#define RIG_CAPACITY 4		/* of the queue, at most */
#define RIG_OWN 2		/* objects that each actor holds when it begins */
#define RIG_INDEX 77		/* of the queue's entry in the directory */

/* What an actor knows to have done: written after each call that returned. */
struct actor_log {
	uint32_t started;
	uint32_t finished;
	int32_t result;			/* of the last call */
	uint32_t n_sent;		/* of its own, in their order */
	uint32_t n_taken;		/* values that it received or borrowed and did not refuse */
	uint64_t taken[RIG_OWN];
	shmreg_pool_ref holds[RIG_OWN];	/* what it received; 0: given back */
};

struct actor {
	struct shmreg_object_queue queue;
	struct shmreg_pool pool;
	struct actor_log log;
	uint64_t first_value;
	shmreg_pool_ref own[RIG_OWN];	/* with first_value, and the next */
};

/* Of an operation, for the oracle: at most. */
struct effect {
	uint32_t n_send;
	uint32_t n_take;
	bool refuses;
};

struct start {
	uint64_t capacity;
	uint64_t first;		/* position of the first that was ever sent */
	uint32_t n_queued;
	enum actor_number by;	/* who sent and received last */
	bool exhausted;		/* no object is free, and the pool's hints say so */
	bool pool_first;	/* so the reaper repairs */
	bool asleep;		/* somebody may wait for objects, room and free ones */
	uint32_t flags;
};

struct image {
	struct actor actor[N_ACTORS];
	struct shmreg_shape pool_shape, queue_shape;
	uint32_t n_queued;
	uint32_t n_spare;
	bool pool_first;
	shmreg_pool_ref spare[RIG_OBJECTS];	/* the checker's */
	SHMREG_ALIGNAS(SHMREG_BLOCK) unsigned char
		queue[sizeof(struct shmreg_queue_shm) + RIG_CAPACITY * 16 + SHMREG_BLOCK];
	SHMREG_ALIGNAS(SHMREG_BLOCK) unsigned char pool[2048];
};

static inline struct shmreg_queue_shm *image_queue(struct image *image)
{
	return (struct shmreg_queue_shm *)(void *)image->queue;
}

static inline struct shmreg_pool_shm *image_pool(struct image *image)
{
	return (struct shmreg_pool_shm *)(void *)image->pool;
}

/* object-queue-operations.c */
enum {
	SEND,
	RECEIVE,
	ACQUIRE_RELEASE,
	ACQUIRE_REFUSE,
	TWO_LEASES,
	N_OBJECT_QUEUE_OPERATIONS,
	/* for those who live */
	RECEIVE_RELEASE = N_OBJECT_QUEUE_OPERATIONS,
};
extern const struct operation object_queue_operations[];
/* Planted: READY before the object is SENT; FREE before it is HELD. */
extern const struct operation hasty_send, hasty_receive;

/* object-queue-oracle.c */
void object_queue_look(void *image);
void object_queue_judge(void *image, const struct cast *cast, struct judgement *ret);

#endif /* CRASH_OBJECT_QUEUE_RIG_H */
