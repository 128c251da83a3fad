/* SPDX-License-Identifier: MIT */
#ifndef CRASH_TOPIC_RIG_H
#define CRASH_TOPIC_RIG_H

/*
 * topic-rig.h - the topic's subject: its image, and what operations and oracle share
 *
 * Each message's value says whose it is; the rest of it follows from the value.
 */

#include <stdbool.h>
#include <stdint.h>

#include "item.h"
#include "rig.h"
#include "topic-bind.h"

#define RIG_MESSAGES 16	/* at most, that one operation publishes or reads */

/* What an actor knows to have done: written after each call that returned. */
struct actor_log {
	uint32_t started;
	uint32_t finished;
	int32_t result;		/* of the last call that was not as it should be */
	uint32_t n_published;
	uint32_t n_read;
	struct {
		uint64_t position, value, n_lost;
	} read[RIG_MESSAGES];
};

struct actor {
	struct shmreg_publisher pub;	/* of role `number`, if the topic has so many */
	struct shmreg_subscriber sub;
	struct actor_log log;
	uint64_t first_value;
	uint64_t joined;		/* position from which it reads */
	uint32_t number;
};

/* Of an operation, for the oracle: what it does at most. */
struct effect {
	uint32_t n_publish;
	uint32_t n_read;
	bool laps;		/* and times two laps of the capacity */
};

struct start {
	uint64_t capacity;
	uint64_t first;		/* as many were published, long ago */
	uint32_t publishers;	/* 1 or 3: the checker has no role */
	uint32_t flags;		/* of the shape */
	uint32_t lag_max;
	uint32_t n_before;	/* published by @by, and read by nobody */
	enum actor_number by;
	bool asleep;		/* subscribers and publishers: COUNT_ASLEEP */
};

#define MAX_CAPACITY 4
#define CURSORS 3

struct image {
	struct actor actor[N_ACTORS];
	struct shmreg_shape shape;
	uint64_t first;		/* position of the first message that counts */
	SHMREG_ALIGNAS(SHMREG_BLOCK) unsigned char topic[sizeof(struct shmreg_topic_shm) +
							 N_ACTORS * 128 + CURSORS * 128 + 128 +
							 (MAX_CAPACITY + N_ACTORS) * 64];
};

static inline struct shmreg_topic_publisher *image_role(struct image *image, uint32_t index)
{
	return (struct shmreg_topic_publisher *)(void *)topic_roles(
		       &image->actor[CHECKER].sub.topic) + index;
}

/* topic-operations.c */
extern const struct operation topic_operations[];
enum {
	PUBLISH,
	PUBLISH_TWICE,
	RESERVE_PUBLISH,
	READ,
	READ_TWICE,
	PEEK_CONSUME,
	JOIN_READ,
	TYPED_PUBLISH,
	TYPED_READ,
	TYPED_RESERVE,
	LEAVE,
	LEAVE_TAKE,
	PUBLISH_READ,
	LOOK,
	N_TOPIC_OPERATIONS,
};
/* What others do around one who is stopped. */
extern const struct operation publish_laps;
/* Planted: changes the spare before the slot. */
extern const struct operation hasty_publish;
/* Does not settle for whom it displaces. */
extern const struct operation careless_publish;
/* Stores the slot's word without comparing. */
extern const struct operation rude_publish;

/* topic-oracle.c */
void topic_judge(void *image, const struct cast *cast, struct judgement *ret);

#endif /* CRASH_TOPIC_RIG_H */
