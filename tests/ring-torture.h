/* SPDX-License-Identifier: MIT */
#ifndef TEST_RING_TORTURE_H
#define TEST_RING_TORTURE_H

/* ring-torture.h - processes that have a role in a ring and work at random, and their accounts */

#include "ring-plain.h"
#include "torture.h"

#define WORDS 512		/* an element is large, so that a kill finds many half copied */

/* Of a role: who has it writes, its successor and the parent read. */
struct account {
	SHMREG_ALIGNAS(128) uint64_t sure;	/* elements or records that calls which returned did */
	uint64_t min, max;		/* that the call under way does, if it does anything */
	uint64_t n_calls, n_taken, n_in_doubt, n_done_in_doubt;
};

struct oracle {
	struct account account[2];	/* PRODUCING, CONSUMING */
	uint64_t stop, n_wrong;
	char what[200];
};
enum { PRODUCING, CONSUMING };

/* Shared by all, except waits and start, which a worker inherits. */
extern struct oracle *o;
extern struct shmreg_shape shape;
extern struct shmreg_ring_shm *shm;
extern uint64_t start;		/* where the ring began */
extern bool waits;		/* for ever, but for signals */

bool of_records(void);

/* Somebody has taken the role, and finds its counter at @number. */
void took_over(struct account *a, uint64_t number);

/* One who has got the role, until he gives it back or dies. Return: whether he got it. */
bool work_once(unsigned int role, uint32_t seat, struct random_state *r);

#endif /* TEST_RING_TORTURE_H */
