/* SPDX-License-Identifier: MIT */
#ifndef CRASH_QUEUE_ORACLE_H
#define CRASH_QUEUE_ORACLE_H

/*
 * queue-oracle.h - what must hold of a queue after deaths and repair
 *
 *  - Every element that was in the queue, or whose push returned, is there once
 *    or was popped once; no other is there, none is torn.
 *  - Of what a dead consumer had claimed and not given back: with REDELIVER all
 *    of it is there; else it is dropped, no more than its call takes, and n_dropped
 *    has counted it.
 *  - What a dead producer was pushing is there whole or not at all, where the
 *    contract says so.
 *  - Elements of one producer come out in its order, redelivered ones excepted.
 *  - Drained, every slot is FREE for its lap, and no dead seat is noted: else
 *    something has leaked.
 *  - The queue takes and gives capacity elements twice more, and knows when it is
 *    full and when it is empty: else it is wedged.
 */

#include "queue-rig.h"
#include "tally.h"

/* Who took part in the case. NULL: the actor did nothing. */
struct cast {
	const struct operation *operation[N_ACTORS];
	uint32_t dead;		/* mask of 1 << number; the others ran to the end */
};

/* Before any repair: notes what was in the queue, and how far it was claimed. */
void oracle_look(void);

/*
 * After repair; drains the queue and uses it. @exact: no repair died, so that
 * the queue's counts must be right. @ret_why says what is wrong, in static storage.
 */
enum outcome oracle_judge(const struct cast *cast, bool exact, const char **ret_why);

#endif /* CRASH_QUEUE_ORACLE_H */
