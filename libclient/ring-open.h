/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_RING_OPEN_H
#define LIBSHMREG_RING_OPEN_H

/* ring-open.h - open and close of the four handles that have a role in a ring */

#include <shmreg/ring.h>

enum ring_role { RING_PRODUCER, RING_CONSUMER };

/*
 * ring_open() - open a ring and take a role in it
 * @shape:	its flags say whether of records
 *
 * Return: 0, or as shmreg_ring_producer_create().
 */
int ring_open(struct shmreg_segment *segment, struct shmreg_handle **ret, uint32_t how,
	      const char *name, const struct shmreg_shape *shape, const char *type_name,
	      size_t handle_bytes, enum ring_role role);

/* ring_leave() - give the role and the handle back. Return: 0; -ECHILD. */
int ring_leave(struct shmreg_handle *handle, enum ring_role role);

#endif /* LIBSHMREG_RING_OPEN_H */
