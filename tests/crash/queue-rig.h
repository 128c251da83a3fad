/* SPDX-License-Identifier: MIT */
#ifndef CRASH_QUEUE_RIG_H
#define CRASH_QUEUE_RIG_H

/*
 * queue-rig.h - a queue in memory shared with the processes that are to die
 *
 * Everything that a case changes lies in one image: the queue, the actors' handles
 * and their logs. It can be saved, restored and compared. The code that runs is
 * the library's own, inline and not; the queue is bound without segment and daemon.
 *
 * Each element's value says whose it is; the rest of an element follows from its
 * value, so that a torn one shows.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shmreg/abi/reaper.h>
#include <shmreg/queue.h>

enum actor_number {
	VICTIM,		/* dies */
	SECOND,		/* dies too, or lives on, as the mode says */
	PEER,		/* lives; works in this process */
	CHECKER,	/* drains the queue afterwards */
	N_ACTORS,
};

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

struct operation {
	const char *name;
	void (*run)(void *actor);
	uint32_t n_push;	/* elements it pushes at most */
	uint32_t n_take;	/* elements it takes at most */
	bool together;		/* what it pushes is there whole or not at all */
	bool refuses;		/* gives elements back, out of order */
};

/* How the queue is when the operation begins. */
struct setting {
	const char *name;
	uint64_t capacity;
	uint64_t first;		/* position of the first element ever pushed */
	uint32_t n_queued;
	enum actor_number by;	/* who pushed and popped last */
	bool tomb;		/* an aborted push is at the head */
	bool refused;		/* an element waits to be handed out again */
};

/* The image; its address is the same in all processes. */
void rig_init(void);
void rig_setup(const struct setting *setting, uint32_t flags);
void rig_reset(void);		/* as rig_setup() left it */

size_t rig_bytes(void);
void rig_save(void *image);
void rig_restore(const void *image);
bool rig_equal(const void *image);

struct actor *rig_actor(enum actor_number number);
struct shmreg_queue_shm *rig_queue(void);
const struct shmreg_shape *rig_shape(void);
/* Values that the setting left in the queue: rig_first_value() and so many after it. */
uint64_t rig_first_value(void);
uint32_t rig_n_queued(void);

/* Repairs what the actors in this mask (1 << number) left, as the reaper does. */
struct shmreg_reaper_report rig_repair(uint32_t dead);
/* Instead of it, for tests of the tests. */
extern void (*rig_broken_repair)(uint32_t dead);

struct item {
	uint64_t value, triple, inverse;
};
static inline struct item item_of(uint64_t value)
{
	return (struct item){ value, 3 * value, ~value };
}
static inline bool item_whole(const struct item *i)
{
	return i->triple == 3 * i->value && i->inverse == ~i->value;
}

#endif /* CRASH_QUEUE_RIG_H */
