/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>

#include <shmreg/ring.h>

#include "error.h"
#include "params.h"
#include "ring-bind.h"
#include "ring-open.h"

/* What the parameters say. Return: 0; -EINVAL. */
static int shape_of(struct shmreg_shape *ret, struct shmreg_ring_params *ret_params,
		    const struct shmreg_ring_params *params, uint32_t layout)
{
	int r;

	r = params_copy(ret_params, sizeof(*ret_params), params, "shmreg_ring_params");
	if (r < 0)
		return r;
	if (ret_params->flags != 0)
		return error_set(-EINVAL, "shmreg_ring_params.flags is %#x; a ring of elements knows none, "
				 "and of records there is <shmreg/records.h>", ret_params->flags);
	*ret = (struct shmreg_shape){
		.kind = SHMREG_KIND_RING,
		.layout = layout,
		.elem_bytes = ret_params->elem_bytes,
		.elem_align = ret_params->elem_bytes != 0 ? ret_params->elem_align : 0,
		.capacity = ret_params->capacity,
	};
	return 0;
}

/* @least: bytes that the library's part of the handle has */
static int open_role(struct shmreg_segment *segment, struct shmreg_handle **ret, uint32_t how,
		     const char *name, const struct shmreg_ring_params *params, uint32_t layout,
		     size_t handle_bytes, size_t least, enum ring_role role)
{
	struct shmreg_ring_params p = { .size = sizeof(p) };
	struct shmreg_shape shape;
	int r;

	r = shape_of(&shape, &p, params, layout);
	if (r < 0)
		return r;
	return ring_open(segment, ret, how, name, &shape, p.type_name,
			 handle_bytes < least ? least : handle_bytes, role);
}

int shmreg_ring_producer_open_layout(struct shmreg_segment *segment,
				     struct shmreg_ring_producer **ret, uint32_t how,
				     const char *name, const struct shmreg_ring_params *params,
				     uint32_t layout, size_t handle_bytes)
{
	struct shmreg_handle *handle;
	int r;

	r = open_role(segment, &handle, how, name, params, layout, handle_bytes, sizeof(**ret),
		      RING_PRODUCER);
	if (r < 0)
		return r;
	ring_producer_prepare((struct shmreg_ring_producer *)handle);
	*ret = (struct shmreg_ring_producer *)handle;
	return 0;
}

int shmreg_ring_consumer_open_layout(struct shmreg_segment *segment,
				     struct shmreg_ring_consumer **ret, uint32_t how,
				     const char *name, const struct shmreg_ring_params *params,
				     uint32_t layout, size_t handle_bytes)
{
	struct shmreg_handle *handle;
	int r;

	r = open_role(segment, &handle, how, name, params, layout, handle_bytes, sizeof(**ret),
		      RING_CONSUMER);
	if (r < 0)
		return r;
	ring_consumer_prepare((struct shmreg_ring_consumer *)handle);
	*ret = (struct shmreg_ring_consumer *)handle;
	return 0;
}

int shmreg_ring_open_const_layout(struct shmreg_segment *segment, const struct shmreg_ring **ret,
				  const char *name, const struct shmreg_ring_params *params,
				  uint32_t layout, size_t handle_bytes)
{
	struct shmreg_ring_params p = { .size = sizeof(p) };
	struct shmreg_handle *handle;
	struct shmreg_shape shape;
	int r;

	r = shape_of(&shape, &p, params, layout);
	if (r < 0)
		return r;
	if (handle_bytes < sizeof(**ret))
		handle_bytes = sizeof(**ret);
	r = shmreg_object_open(segment, &handle, SHMREG_OBJECT_ATTACH, name, &shape, p.type_name,
			       handle_bytes);
	if (r < 0)
		return r;
	*ret = (const struct shmreg_ring *)handle;
	return 0;
}

int shmreg_ring_producer_close(struct shmreg_ring_producer *producer)
{
	return ring_leave((struct shmreg_handle *)producer, RING_PRODUCER);
}

int shmreg_ring_consumer_close(struct shmreg_ring_consumer *consumer)
{
	return ring_leave((struct shmreg_handle *)consumer, RING_CONSUMER);
}

int shmreg_ring_close(const struct shmreg_ring *ring)
{
	/* const is about the elements: the handle itself is ours to free. */
	return shmreg_object_close((struct shmreg_handle *)(uintptr_t)ring);
}
