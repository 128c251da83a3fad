/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_PLACE_H
#define LIBSHMREG_PLACE_H

/*
 * place.h - what a segment's placement asks of each who attaches to it
 *
 * The NUMA policy of ordinary shared memory belongs to the file, and outlives mappings and who set
 * it. Others may attach as soon as the daemon has made the segment, before who creates it has come
 * to set the policy, or after he died without. So whoever attaches sets it first of all, to the same
 * that it is already: no page is touched by anybody to whose mapping it does not apply. That of
 * a pool's pages is the mapping's alone, so who creates such a segment allocates them all.
 */

#include "segment.h"

/* All there are, if to spread over none in particular is asked for; before the daemon is asked. */
void place_choose_nodes(struct shmreg_placement *p);

/*
 * place_nodes() - set the NUMA policy; before the first access to the mapping
 *
 * Return: 0; -EINVAL nodes that there are not; -EPERM it is forbidden; ...; with a sentence.
 */
int place_nodes(const struct shmreg_segment *s);

/*
 * place_pool() - allocate the huge pages of a pool on the NUMA nodes asked for
 *
 * After place_nodes(). Does nothing to other segments.
 *
 * Return: 0; -ENOMEM the nodes have too few; ...; with a sentence.
 */
int place_pool(const struct shmreg_segment *s);

/*
 * place_data() - do the rest to the mapping of one that is attached read-write
 *
 * What cannot be had is noted in @s and no failure.
 */
void place_data(struct shmreg_segment *s);

/* Was it all had, transparent huge pages apart? Return: 0; -errno, with a sentence. */
int place_check(const struct shmreg_segment *s);

#endif /* LIBSHMREG_PLACE_H */
