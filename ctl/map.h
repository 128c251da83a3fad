/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_MAP_H
#define SHMREGCTL_MAP_H

/* map.h - what lies where in a data area, and how much of it is memory */

#include <stdio.h>

#include "json.h"
#include "pages.h"
#include "source.h"

/* A part of the data area. They follow each other without gaps and are all of it. */
struct map_part {
	uint64_t offset, bytes;
	uint64_t resident;		/* of it has memory */
	const struct snapshot_object *object;	/* NULL: free */
};

struct map {
	const struct snapshot *snapshot;
	struct shmreg_segment *segment;
	struct map_part *parts;
	size_t n_parts, n_free;
	uint64_t resident, used, free, largest_free;
	struct pages pages;
	bool in_file;			/* nothing is known of pages */
};

/* Return: 0; -ENOMEM. @snapshot and @segment are to stay. */
int map_new(struct map *ret, const struct snapshot *snapshot, struct shmreg_segment *segment,
	    bool in_file);
void map_free(struct map *map);

/* How much of [@from, @to) has memory. */
uint64_t map_resident(const struct map *map, uint64_t from, uint64_t to);
/* 0: all that is free is in one piece; to 100: in many small ones. */
unsigned int map_fragmentation(const struct map *map);

/* @columns wide; with block characters or without. Return: 0; -ENOMEM. */
int map_print(const struct map *map, unsigned int columns, bool utf8, FILE *stream);
void map_json(const struct map *map, struct json *j);

#endif /* SHMREGCTL_MAP_H */
