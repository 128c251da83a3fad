/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_RING_WAIT_H
#define LIBSHMREG_RING_WAIT_H

/* ring-wait.h - how waits for rings of elements and of records begin */

#include <errno.h>

#include <shmreg/ring.h>

#include "waiter.h"

/* @event: where in struct shmreg_ring_shm. Return: 0; -ECHILD. */
static inline int ring_wait_begin(struct waiter *w, const struct shmreg_ring *ring, size_t event,
				  const struct timespec *deadline)
{
	const unsigned char *const base = ring->handle.base;

	if (base == NULL)
		return -ECHILD;
	waiter_begin(w, &ring->handle, (const void *)(base + event), deadline);
	return 0;
}

#define RING_ITEMS offsetof(struct shmreg_ring_shm, items)
#define RING_SPACE offsetof(struct shmreg_ring_shm, space)

#endif /* LIBSHMREG_RING_WAIT_H */
