/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_ADVICE_H
#define SHMREGCTL_ADVICE_H

/*
 * advice.h - from how much of it was ever needed to how large it should be
 *
 * Of an object's high-water mark half as much again is room to spare, and what was ever full is
 * doubled: how much would have been needed is not known then. A structure that was never used says
 * nothing; nor does a mark that is young, which is for whoever reads this to judge.
 */

#include <shmreg/abi/directory.h>

#include "findings.h"
#include "snapshot.h"

enum advice_verdict {
	ADVICE_NONE,   /* has no size to advise about: arrays, atomics, cells, what is removed */
	ADVICE_UNUSED, /* was never used */
	ADVICE_FITS,
	ADVICE_LARGER,	/* it was too small */
	ADVICE_SMALLER, /* half of it would do */
};

struct advice_object {
	const struct snapshot_object *object;
	enum advice_verdict verdict;
	uint64_t high_water;	/* in units of the capacity; UINT64_MAX: not known */
	uint64_t n_short;	/* how often it was too small; of queues 1 if ever */
	uint64_t capacity;	/* suggested */
	uint64_t bytes;		/* that it would take then */
};

struct advice {
	const struct snapshot *snapshot;
	struct advice_object *objects;
	size_t n_objects;
	uint64_t data_bytes;	/* suggested for the segment */
	uint32_t max_objects, max_participants;
};

/* Return: NULL, if no memory is left. @s must outlive it. */
struct advice *advice_new(const struct snapshot *s);
struct advice *advice_free(struct advice *a);

/* How it was too small: "12 times full"; "-" if it was not. @size bytes. */
void advice_short(const struct advice_object *a, char *ret, size_t size);
const char *advice_verdict(enum advice_verdict verdict);
/* A line of C that makes it so; @size bytes. */
void advice_code(const struct advice_object *a, char *ret, size_t size);
/* The line of shell that makes the segment. */
void advice_create(const struct advice *a, char *ret, size_t size);

/* What is so small that it costs something, or so large, as notes. */
void advice_findings(const struct advice *a, struct findings *f);

#endif /* SHMREGCTL_ADVICE_H */
