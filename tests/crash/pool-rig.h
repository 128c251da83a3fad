/* SPDX-License-Identifier: MIT */
#ifndef CRASH_POOL_RIG_H
#define CRASH_POOL_RIG_H

/*
 * pool-rig.h - the pool's subject: each object is free, or one's, whoever dies
 *
 * Each actor notes the references it has, and writes into what it holds whose it is. What a dead
 * one held, noted or not, must be free after repair; what a living one has noted must be its
 * own and untouched, and nothing else may be. Then all that is free can be acquired, whatever
 * the hints said when somebody died.
 */

#include <stdbool.h>
#include <stdint.h>

#include <shmreg/pool.h>

#include "pool-bind.h"
#include "rig.h"

#define CAPACITY_MAX 24
#define KEEPERS 3		/* that so many objects have */
#define KEPT 4			/* references an actor can note */

struct item {
	uint64_t owner;
	uint64_t ref;
};
SHMREG_DEFINE_POOL(item_pool, struct item);

struct actor {
	struct item_pool pool;
	struct {
		uint64_t ref[KEPT];	/* 0: none, or given back */
		uint32_t n_again, n_bad;
	} log;
};

struct image {
	struct actor actor[N_ACTORS];
	struct shmreg_shape shape;
	uint64_t kept[CAPACITY_MAX];	/* what nobody is to touch */
	SHMREG_ALIGNAS(SHMREG_BLOCK)
	unsigned char pool[sizeof(struct shmreg_pool_shm) + 2 * SHMREG_BLOCK + 2 * 16 * 8 +
			   KEEPERS * sizeof(struct shmreg_pool_keeper) + CAPACITY_MAX * sizeof(struct item) + SHMREG_BLOCK];
};

struct start {
	uint32_t capacity;
	uint32_t n_free;	/* besides one object that each of the actors holds */
	uint32_t n_vain;	/* searches that have been in vain since: hints of full groups */
	uint64_t generation;
	bool asleep;		/* somebody may wait for a free object */
	enum {
		KEEP_NOTHING,		/* nobody does */
		KEEP,			/* those who are keepers may */
		KEEP_ONE,		/* and do: what they have had; it is free */
		RECALLED,		/* and others want it */
	} keep;
};

static inline uint64_t *word_of(struct image *image, uint64_t index)
{
	return &image->actor[CHECKER].pool.pool.owner[index];
}

static inline struct shmreg_pool_shm *shm_of(struct image *image)
{
	return (struct shmreg_pool_shm *)(void *)image->pool;
}

/* pool-operations.c */
extern const struct operation pool_operations[];
enum {
	ACQUIRE,
	MAKE,
	RELEASE,
	RELEASE_ACQUIRE,
	ACQUIRE_RELEASE_RELEASE,
	RELEASE_TWICE,
	ACQUIRE_BATCH,
	BATCHES,
	SEARCH,
	N_POOL_OPERATIONS,
};
/* A peer's: it finds all full, and says so. */
extern const struct operation vain;
/* Planted: takes without saying who takes it, and then says so. */
extern const struct operation take_first;
/* An object more, noted in a place of the log; and given back, if there is one. */
void actor_get(struct actor *a, unsigned int place);
void actor_give(struct actor *a, unsigned int place);

/* pool-oracle.c */
void pool_judge(void *image, const struct cast *cast, struct judgement *ret);

#endif /* CRASH_POOL_RIG_H */
