/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <shmreg/records.h>

#include "params.h"
#include "ring-bind.h"
#include "ring-open.h"

/* What the parameters say. Return: 0; -EINVAL. */
static int shape_of(struct shmreg_shape *ret, struct shmreg_record_params *ret_params,
		    const struct shmreg_record_params *params, uint32_t layout)
{
	const int r = params_copy(ret_params, sizeof(*ret_params), params, "shmreg_record_params");

	if (r < 0)
		return r;
	*ret = (struct shmreg_shape){
		.kind = SHMREG_KIND_RING,
		.layout = layout,
		.flags = SHMREG_RING_RECORDS,
		.elem_bytes = 1,
		.elem_align = 1,
		.capacity = ret_params->capacity,
	};
	return 0;
}

/* @least: bytes that the library's part of the handle has */
static int open_role(struct shmreg_segment *segment, struct shmreg_handle **ret, uint32_t how,
		     const char *name, const struct shmreg_record_params *params, uint32_t layout,
		     size_t handle_bytes, size_t least, enum ring_role role)
{
	struct shmreg_record_params p = { .size = sizeof(p) };
	struct shmreg_shape shape;
	int r;

	r = shape_of(&shape, &p, params, layout);
	if (r < 0)
		return r;
	return ring_open(segment, ret, how, name, &shape, p.type_name,
			 handle_bytes < least ? least : handle_bytes, role);
}

int shmreg_record_producer_open_layout(struct shmreg_segment *segment,
				       struct shmreg_record_producer **ret, uint32_t how,
				       const char *name, const struct shmreg_record_params *params,
				       uint32_t layout, size_t handle_bytes)
{
	struct shmreg_handle *handle;
	int r;

	r = open_role(segment, &handle, how, name, params, layout, handle_bytes, sizeof(**ret),
		      RING_PRODUCER);
	if (r < 0)
		return r;
	record_producer_prepare((struct shmreg_record_producer *)handle);
	*ret = (struct shmreg_record_producer *)handle;
	return 0;
}

int shmreg_record_consumer_open_layout(struct shmreg_segment *segment,
				       struct shmreg_record_consumer **ret, uint32_t how,
				       const char *name, const struct shmreg_record_params *params,
				       uint32_t layout, size_t handle_bytes)
{
	struct shmreg_handle *handle;
	int r;

	r = open_role(segment, &handle, how, name, params, layout, handle_bytes, sizeof(**ret),
		      RING_CONSUMER);
	if (r < 0)
		return r;
	record_consumer_prepare((struct shmreg_record_consumer *)handle);
	*ret = (struct shmreg_record_consumer *)handle;
	return 0;
}

int shmreg_record_producer_close(struct shmreg_record_producer *producer)
{
	return ring_leave((struct shmreg_handle *)producer, RING_PRODUCER);
}

int shmreg_record_consumer_close(struct shmreg_record_consumer *consumer)
{
	return ring_leave((struct shmreg_handle *)consumer, RING_CONSUMER);
}
