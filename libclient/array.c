/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <shmreg/array.h>

#include "error.h"
#include "object.h"
#include "params.h"

static int open_any(struct shmreg_segment *segment, struct shmreg_handle **ret, uint32_t how,
		    const char *name, const struct shmreg_array_params *params, uint32_t layout)
{
	struct shmreg_array_params p = { .size = sizeof(p) };
	struct shmreg_shape shape = { .kind = SHMREG_KIND_ARRAY, .layout = layout };
	int r;

	r = params_copy(&p, sizeof(p), params, "shmreg_array_params");
	if (r < 0)
		return r;
	if (p.reserved != 0)
		return error_set(-EINVAL, "shmreg_array_params.reserved is %" PRIu32
				 "; it must be 0", p.reserved);
	shape.elem_bytes = p.elem_bytes;
	shape.elem_align = p.elem_bytes != 0 ? p.elem_align : 0;
	shape.capacity = p.length;
	return shmreg_object_open(segment, ret, how, name, &shape, p.type_name,
				  sizeof(struct shmreg_array));
}

int shmreg_array_open_layout(struct shmreg_segment *segment, struct shmreg_array **ret,
			     uint32_t how, const char *name,
			     const struct shmreg_array_params *params, uint32_t layout)
{
	struct shmreg_handle *handle;
	int r;

	r = object_refuse_read_only(segment, name, "shmreg_array_open_const()");
	if (r < 0)
		return r;
	r = open_any(segment, &handle, how, name, params, layout);
	if (r < 0)
		return r;
	*ret = (struct shmreg_array *)handle;
	return 0;
}

int shmreg_array_open_const_layout(struct shmreg_segment *segment,
				   const struct shmreg_array **ret, const char *name,
				   const struct shmreg_array_params *params, uint32_t layout)
{
	struct shmreg_handle *handle;
	int r;

	r = open_any(segment, &handle, SHMREG_OBJECT_ATTACH, name, params, layout);
	if (r < 0)
		return r;
	*ret = (const struct shmreg_array *)handle;
	return 0;
}

int shmreg_array_close(const struct shmreg_array *array)
{
	/* const is about the elements: the handle itself is ours to free. */
	return shmreg_object_close((struct shmreg_handle *)(uintptr_t)array);
}

void shmreg_array_out_of_range(const struct shmreg_array *array, uint64_t index)
{
	const uint64_t length = array->handle.shape.capacity;

	if (array->handle.base == NULL)
		fprintf(stderr, "libshmreg: element %" PRIu64 " of an array whose handle is closed "
			"or was inherited by fork\n", index);
	else
		fprintf(stderr, "libshmreg: element %" PRIu64 " of array '%s', which has %" PRIu64
			" (0 .. %" PRIu64 ")\n", index, array->handle.entry->name, length,
			length - 1);
	abort();
}

extern inline uint64_t shmreg_array_length(const struct shmreg_array *array);
extern inline void *shmreg_array_data(struct shmreg_array *array);
extern inline const void *shmreg_array_data_const(const struct shmreg_array *array);
extern inline void *shmreg_array_at(struct shmreg_array *array, uint64_t index);
extern inline const void *shmreg_array_at_const(const struct shmreg_array *array, uint64_t index);
