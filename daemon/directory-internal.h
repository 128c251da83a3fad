/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_DIRECTORY_INTERNAL_H
#define SHMREGD_DIRECTORY_INTERNAL_H

/* directory-internal.h - steps that directory.c and directory-recover.c share */

#include "directory.h"

/* Put the entry, which is in no chain, at the head of its bucket. */
void directory_link(struct directory *d, uint32_t index);
/* Take it out of its chain, if it is in it. */
void directory_unlink(struct directory *d, uint32_t index);
void directory_raise_generation(struct directory *d);
void directory_apply_set(struct directory *d);

/* The participants whose entries are LIVE or DEAD, by id. */
struct directory_member {
	uint64_t id;
	uint32_t index;
	bool has_seats;		/* for the user of the table */
};
struct directory_members {
	struct directory_member *members;
	size_t n;
};
/* Return: 0, free(ret->members) later; -ENOMEM. */
int directory_members(const struct directory *d, struct directory_members *ret);
struct directory_member *directory_member(const struct directory_members *m, uint64_t id);

#endif /* SHMREGD_DIRECTORY_INTERNAL_H */
