/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_KIND_H
#define SHMREGCTL_KIND_H

/*
 * kind.h - what can be said of the objects of each kind
 *
 * One table row a kind; what rows have in common is said of every object in the same way.
 */

#include <stdio.h>

#include "json.h"
#include "snapshot.h"

struct kind {
	/* In the order of snapshot_object.value. */
	const struct snapshot_fact *facts;
	/*
	 * Fills in the values and the holders of s->objects[i]; writes nothing to the segment.
	 * Return: 0; -ENOMEM; another -errno: it cannot be read.
	 */
	int (*read)(struct snapshot *s, size_t i, struct shmreg_segment *segment);
	/* Flags and parameters, as words behind the kind's name; and as members. NULL: there are none. */
	void (*print_manner)(FILE *out, const struct snapshot *s, const struct shmreg_shape *shape);
	void (*json_manner)(struct json *j, const struct snapshot *s, const struct shmreg_shape *shape);
	/* How full it is, and what else a person wants to know at once. */
	void (*print_occupancy)(FILE *out, const struct snapshot_object *o);
};

/* Never NULL: of kinds and layouts unknown here all is left out. */
const struct kind *kind_of(const struct snapshot_object *o);

/* "; what n", if @n is not 0 */
void kind_note(FILE *out, const char *what, uint64_t n);
/* "n of total word, p%" */
void kind_part(FILE *out, uint64_t n, uint64_t total, const char *word);

/* kind-....c */
extern const struct kind kind_atomic, kind_queue, kind_ring, kind_records;
extern const struct kind kind_topic, kind_pool, kind_cell;

/* Of the holders that subscribe to a topic, the first being their index. */
extern const struct snapshot_fact topic_subscriber_facts[];

#endif /* SHMREGCTL_KIND_H */
