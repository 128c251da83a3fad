/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_RING_LOOK_H
#define LIBSHMREG_RING_LOOK_H

/* ring-look.h - what rings of elements and of records have in common where it is slow */

#include <shmreg/ring.h>

/*
 * ring_full() - count that the producer found no room
 * @full_at:	the tail when it was counted last
 *
 * Return: -EAGAIN, -ESTALE, -ENOTRECOVERABLE.
 */
int ring_full(const struct shmreg_ring *ring, uint64_t tail, uint64_t *full_at);

#endif /* LIBSHMREG_RING_LOOK_H */
