/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_LEVEL_H
#define SHMREGCTL_LEVEL_H

/* level.h - what objects of different kinds have in common, so that they can be compared */

#include <stdbool.h>
#include <stdio.h>

#include "snapshot.h"

/* How full an object is; of a topic, how far its slowest subscriber is behind. */
struct level {
	uint64_t n;
	uint64_t total;
	uint64_t high;		/* the most there ever was */
};

/* Return: false, if the object has no such thing, or was not read. */
bool level_of(const struct snapshot_object *o, struct level *ret);
/* 0 to 100, whatever the numbers. */
double level_percent(uint64_t n, uint64_t total);

/* The value of the fact that is called so; UINT64_MAX: there is none. */
uint64_t level_fact(const struct snapshot_fact *facts, const uint64_t *value, const char *name);

/*
 * Operations a second: elements that went in or out, values written. What failed and what is
 * counted in bytes does not count.
 *
 * Return: false, if they are not known.
 */
bool level_operations(const struct snapshot *before, const struct snapshot *after,
		      const struct snapshot_object *o, double *ret);
/* "pushed 1200/s, popped 0.5/s"; "idle"; "-". */
void level_print_rates(FILE *out, const struct snapshot *before, const struct snapshot *after,
		       const struct snapshot_object *o);
/* What was lost or refused, and what deaths have cost: "full 12, dropped 1"; or nothing. */
void level_print_trouble(FILE *out, const struct snapshot_object *o);
/* A fact's name in JSON, for people: n_read is "read". */
void level_print_name(FILE *out, const char *name);

#endif /* SHMREGCTL_LEVEL_H */
