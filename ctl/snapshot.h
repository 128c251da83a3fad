/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_SNAPSHOT_H
#define SHMREGCTL_SNAPSHOT_H

/*
 * snapshot.h - all that can be known of a segment, at about one moment
 *
 * The directory is copied entry by entry while others go on, so that each entry
 * is consistent in itself. What is in the data area (occupancy, who holds what) is
 * read through a read-only attachment which lasts only for that, and is left
 * out where there can be none.
 */

#include <stdbool.h>
#include <stdint.h>

#include <shmreg/queue.h>

#include "ctl.h"

struct snapshot_object {
	struct shmreg_dir_object entry;
	bool read;			/* the rest is known */
	uint64_t value;			/* of an atomic */
	struct shmreg_queue_stats queue;
};

struct snapshot_holder {
	size_t object;			/* index in snapshot.objects */
	struct shmreg_queue_holder slot;
};

struct snapshot {
	struct shmreg_segment_info info;
	struct shmreg_dir header;
	uint64_t seats[SHMREG_SEATS];
	struct shmreg_dir_participant *participants;
	size_t n_participants;
	struct snapshot_object *objects;
	size_t n_objects;
	struct snapshot_holder *holders;
	size_t n_holders;
	bool attached;			/* the data area was read */
	char why_not[SHMREG_ERROR_MAX + 1];	/* if not */
};

/* Return: 0, with *ret to be freed; or what ctl_failed() says. */
int snapshot_take(const struct ctl *ctl, const char *name, struct snapshot **ret);
struct snapshot *snapshot_free(struct snapshot *s);

/* Whose seat it is; NULL: nobody's, or not to be seen. */
const struct shmreg_dir_participant *snapshot_seat(const struct snapshot *s, uint32_t seat);

#endif /* SHMREGCTL_SNAPSHOT_H */
