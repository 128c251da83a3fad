/* SPDX-License-Identifier: MIT */
#ifndef TEST_SNAPSHOT_CROWD_H
#define TEST_SNAPSHOT_CROWD_H

/*
 * snapshot-crowd.h - processes that use an object of each kind, and what a snapshot may show of it
 *
 * Each element says who made it, its number, and a sum, so that what is torn or out of order shows.
 */

#include "harness.h"

/* A segment "crowd" with the objects, until-removed; closed again. */
void crowd_create(struct shmreg_connection *connection);
/* The processes work until they are killed; each has done something when this returns. */
void crowd_start(void);
void crowd_kill(void);

struct crowd_seen {
	uint64_t n_queue, n_ring, n_records, n_topic, n_cell;	/* elements */
};
/* Fails the test for what may not be. Adds to @seen what there was. */
void crowd_check(struct shmreg_segment *file, struct crowd_seen *seen);

#endif /* TEST_SNAPSHOT_CROWD_H */
