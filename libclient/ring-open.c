/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>

#include "error.h"
#include "object.h"
#include "ring-open.h"
#include "role.h"

static uint64_t *role_word(const struct shmreg_handle *handle, enum ring_role role)
{
	struct shmreg_ring_shm *const shm = (struct shmreg_ring_shm *)(void *)handle->base;

	return role == RING_PRODUCER ? &shm->producer : &shm->consumer;
}

int ring_open(struct shmreg_segment *segment, struct shmreg_handle **ret, uint32_t how,
	      const char *name, const struct shmreg_shape *shape, const char *type_name,
	      size_t handle_bytes, enum ring_role role)
{
	struct shmreg_handle *handle;
	uint32_t which;
	int r;

	r = object_refuse_read_only(segment, name, "shmreg_ring_open_const()");
	if (r < 0)
		return r;
	r = shmreg_object_open(segment, &handle, how | SHMREG_OBJECT_SEAT, name, shape, type_name,
			       handle_bytes);
	if (r < 0)
		return r;
	/* Who leaves the capacity open has not been asked for the flags. */
	if (((handle->shape.flags ^ shape->flags) & SHMREG_RING_RECORDS) != 0)
		r = error_set(-EMEDIUMTYPE, "object '%s' is a ring of %s; the program wants one of %s",
			      name, shape->flags & SHMREG_RING_RECORDS ? "elements" : "records",
			      shape->flags & SHMREG_RING_RECORDS ? "records" : "elements");
	if (r == 0)
		r = role_take(handle, role_word(handle, role), 0, 1,
			      role == RING_PRODUCER ? "producer" : "consumer", &which);
	if (r < 0) {
		shmreg_object_close(handle);
		return r;
	}
	*ret = handle;
	return 0;
}

int ring_leave(struct shmreg_handle *handle, enum ring_role role)
{
	/* In a forked child there is neither, and the object's close says so. */
	if (handle != NULL && handle->base != NULL)
		role_leave(role_word(handle, role), handle->seat);
	return shmreg_object_close(handle);
}
