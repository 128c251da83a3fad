/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_SNAPSHOT_H
#define SHMREGCTL_SNAPSHOT_H

/*
 * snapshot.h - all that can be known of a segment, at about one moment
 *
 * The directory is copied entry by entry while others go on, so that each entry
 * is consistent in itself. What is in the data area (occupancy, who holds what) is
 * read through a read-only attachment, and is left out where there can be none. What there
 * is to read is said in kind.h; source.h is where snapshots come from.
 */

#include <stdbool.h>
#include <stdint.h>

#include "ctl.h"
#include "openmetrics.h"

/* A number that is known of an object or of a holder. Tables of them end with a name of NULL. */
struct snapshot_fact {
	const char *name;	/* in JSON */
	const char *rate;	/* it only rises, and what the rate of that is called; else NULL */
	uint64_t modulus;	/* see rate_risen() */
	struct metric metric;	/* what it is to shmregctl metrics */
};
#define SNAPSHOT_FACTS_MAX 12

struct snapshot_object {
	struct shmreg_dir_object entry;
	uint32_t index;			/* in the directory */
	bool read;			/* the rest is known */
	uint64_t value[SNAPSHOT_FACTS_MAX];	/* of the facts of its kind */
	/* SHMREG_WAIT_...: for what somebody may be asleep, and for what descriptors are armed. */
	uint32_t asleep, armed;
};

struct snapshot_holder {
	size_t object;			/* index in snapshot.objects */
	const char *role;		/* a word or two */
	uint32_t seat;			/* 0: nobody's */
	const char *queue;		/* through which it travels; NULL: none */
	const struct snapshot_fact *facts;
	uint64_t value[SNAPSHOT_FACTS_MAX];	/* of these */
};

/* What is wanted of the data area; zeros: all there is. */
struct snapshot_choice {
	const char *object;	/* of this alone; NULL: of every object */
	bool no_holders;	/* not who holds what, for which whole queues may have to be searched */
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
	bool no_holders;		/* they were not asked for */
	bool attached;			/* the data area was read, */
	uint64_t read_ns;		/* then, by CLOCK_MONOTONIC */
	char why_not[SHMREG_ERROR_MAX + 1];	/* if not */
};

/*
 * What the directory says, and what the daemon did. @own: a participant that is left out, or 0.
 *
 * Return: NULL, if no memory is left.
 */
struct snapshot *snapshot_new(const struct shmreg_segment_info *info, const struct shmreg_dir *dir,
			      uint64_t own);
/* And what is in the data area. Return: 0 or -ENOMEM. */
int snapshot_read(struct snapshot *s, struct shmreg_segment *segment,
		  const struct snapshot_choice *choice);
struct snapshot *snapshot_free(struct snapshot *s);

/*
 * For those who read: @holder is copied. What is beyond the number that any sound object has is
 * left out.
 *
 * Return: 0; 1 there are enough of them; -ENOMEM.
 */
int snapshot_add_holder(struct snapshot *s, const struct snapshot_holder *holder);

/* Whose seat it is; NULL: nobody's, or not to be seen. */
const struct shmreg_dir_participant *snapshot_seat(const struct snapshot *s, uint32_t seat);
/* The name of an object, by its id or by its index in the directory; NULL: not there. */
const char *snapshot_name(const struct snapshot *s, uint64_t id);
const char *snapshot_name_at(const struct snapshot *s, uint32_t index);

/*
 * By how much @fact, the @i-th of its kind's, rose a second between two snapshots.
 *
 * Return: false, if it was not read twice of the same object.
 */
bool snapshot_rate(const struct snapshot *before, const struct snapshot *after,
		   const struct snapshot_object *object, const struct snapshot_fact *fact, size_t i,
		   double *ret);

#endif /* SHMREGCTL_SNAPSHOT_H */
