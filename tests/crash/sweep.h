/* SPDX-License-Identifier: MIT */
#ifndef CRASH_SWEEP_H
#define CRASH_SWEEP_H

/*
 * sweep.h - where the deaths happen
 *
 * Shared memory is all that outlives a process. Two deaths that leave the same
 * image are one case: where the modes below say "every instruction", a death at an
 * instruction that changed nothing in the image since the last one is counted, but
 * not repaired and judged again. Real SIGKILLs at every instruction are
 * what alone does if told to; elsewhere the image is taken when the victim stands at the
 * instruction, judged, and put back, which is the same for all others.
 *
 *	alone	killed at k; while it is stopped there, @peer may do a whole call
 *	resume	stopped at k, @peer does a whole call, it goes on, dies j later
 *	nested	dead at k, the repair killed at its m-th, then repaired
 *	two dead	@victim stopped at k1, @second starts and stops at k2, both die
 *	race	@victim dies at k2; @second, stopped at k1, lives, goes on after repair
 *	slow	dead at k, the repair stopped at m, @peer does a call, repair goes on
 *
 * Deaths are at every instruction; those of a repair (m of nested) behind every store to
 * the image, which comes to the same. Somebody who lives on is stopped meanwhile at
 * every few instructions (k of resume), or before every store (k of race, m of slow), which is
 * where what it has loaded can be old. All of them are at every instruction if sweep_full.
 */

#include "subject.h"

/* Real SIGKILLs in every sweep_alone(), and every instruction for all that is sampled else. */
extern bool sweep_full;

struct scenario {
	const struct setting *setting;
	const struct operation *victim, *second, *peer;	/* NULL: nobody */
	bool killed;		/* alone: by a SIGKILL at every instruction */
};

/* Once in every process that sweeps: memory for the image. */
void sweep_init(void);

void sweep_alone(struct tally *t, const struct scenario *s);
void sweep_resume(struct tally *t, const struct scenario *s);
void sweep_nested(struct tally *t, const struct scenario *s);
void sweep_two_dead(struct tally *t, const struct scenario *s);
/* Two dead, and the repair of both is killed at every instruction. */
void sweep_two_dead_nested(struct tally *t, const struct scenario *s);
void sweep_race(struct tally *t, const struct scenario *s);
void sweep_slow(struct tally *t, const struct scenario *s);

/* The sweep of a planted bug. */
void sweep_planted(struct tally *t, const struct planted *planted);

#endif /* CRASH_SWEEP_H */
