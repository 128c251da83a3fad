/* SPDX-License-Identifier: MIT */
#ifndef TEST_QUEUE_TORTURE_H
#define TEST_QUEUE_TORTURE_H

/* queue-torture.h - processes that push and pop at random, and keep an account of it */

#include "queue-plain.h"
#include "torture.h"

#define WORKERS 5
#define MAX_SEQ (UINT64_C(1) << 24)
#define BATCH 6

/* Large, so that a kill finds many of them half copied. */
struct elem {
	uint64_t worker;
	uint64_t seq;
	uint64_t fill[93];
	uint64_t check;
};

enum mode {
	KILL = 1,
	REDELIVER = 2,
	LEASES = 4,	/* consume through leases only */
	REFUSE = 8,
	ABORT = 16,
	FIFO = 32,	/* nothing comes twice, so each producer's elements come in order */
};

/* Written by one worker at a time, read by the parent when it is dead. */
struct account {
	SHMREG_ALIGNAS(128) uint64_t next;	/* first number not pushed for sure */
	uint64_t pushing, pushing_min;	/* how many from there are being pushed, at least */
	uint64_t aborting;		/* a reserved slot is being aborted */
	uint64_t n_aborted;
	uint64_t popping;		/* how many are being popped, not through leases */
	uint64_t processing;		/* id + 1 of the one that is leased */
	uint64_t n_ops;
	uint64_t torn, disorder, failed;
};

struct oracle {
	struct account account[WORKERS];
	uint64_t stop;
	uint8_t seen[WORKERS][MAX_SEQ];
	uint8_t extra[WORKERS][MAX_SEQ];	/* seen more than once is excused */
};

/* Shared by all, except mode, which a worker inherits. */
extern struct oracle *o;
extern struct shmreg_shape shape;
extern void *base;
extern int mode;
extern const uint32_t seats[WORKERS];

/* Enter an element that was consumed. @last: of each worker, the next that may come. */
void enter(struct account *a, const struct elem *e, uint64_t last[WORKERS]);

/* A worker's life: it ends when it is killed, or told to stop. */
void work(unsigned int me, uint64_t incarnation) __attribute__((noreturn));

#endif /* TEST_QUEUE_TORTURE_H */
