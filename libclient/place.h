/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_PLACE_H
#define LIBSHMREG_PLACE_H

/* place.h - what a segment's placement asks of each who attaches to it */

#include "segment.h"

/*
 * place_data() - do it to the mapping of one that is attached read-write
 *
 * What cannot be had is noted in @s and no failure.
 */
void place_data(struct shmreg_segment *s);

/*
 * place_pool() - place huge pages of a pool on the NUMA nodes asked for, and allocate them
 *
 * Their policy is the mapping's, not the file's: what others touch first is where it happens to
 * be, so this comes before anybody uses the segment. Does nothing to other segments.
 *
 * Return: 0; -ENOMEM the nodes have too few; -EPERM, -EINVAL, ...; with a sentence.
 */
int place_pool(const struct shmreg_segment *s);

/* Was it all had, transparent huge pages apart? Return: 0; -errno, with a sentence. */
int place_check(const struct shmreg_segment *s);

#endif /* LIBSHMREG_PLACE_H */
