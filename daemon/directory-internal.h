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

#endif /* SHMREGD_DIRECTORY_INTERNAL_H */
