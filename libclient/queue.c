/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <shmreg/queue.h>

#include "error.h"
#include "object.h"
#include "params.h"
#include "queue-bind.h"

static int open_any(struct shmreg_segment *segment, struct shmreg_queue **ret, uint32_t how,
		    const char *name, const struct shmreg_queue_params *params, uint32_t layout,
		    size_t handle_bytes)
{
	struct shmreg_queue_params p = { .size = sizeof(p) };
	struct shmreg_shape shape = { .kind = SHMREG_KIND_QUEUE, .layout = layout };
	struct shmreg_handle *handle;
	int r;

	r = params_copy(&p, sizeof(p), params, "shmreg_queue_params");
	if (r < 0)
		return r;
	if (handle_bytes < sizeof(struct shmreg_queue))
		handle_bytes = sizeof(struct shmreg_queue);
	shape.flags = p.flags;
	shape.elem_bytes = p.elem_bytes;
	shape.elem_align = p.elem_bytes != 0 ? p.elem_align : 0;
	shape.capacity = p.capacity;
	r = shmreg_object_open(segment, &handle, how, name, &shape, p.type_name, handle_bytes);
	if (r < 0)
		return r;
	queue_prepare((struct shmreg_queue *)handle);
	*ret = (struct shmreg_queue *)handle;
	return 0;
}

int shmreg_queue_open_layout(struct shmreg_segment *segment, struct shmreg_queue **ret,
			     uint32_t how, const char *name,
			     const struct shmreg_queue_params *params, uint32_t layout,
			     size_t handle_bytes)
{
	int r;

	r = object_refuse_read_only(segment, name, "shmreg_queue_open_const()");
	if (r < 0)
		return r;
	return open_any(segment, ret, how | SHMREG_OBJECT_SEAT, name, params, layout,
			handle_bytes);
}

int shmreg_queue_open_const_layout(struct shmreg_segment *segment, const struct shmreg_queue **ret,
				   const char *name, const struct shmreg_queue_params *params,
				   uint32_t layout, size_t handle_bytes)
{
	struct shmreg_queue *q;
	int r;

	r = open_any(segment, &q, SHMREG_OBJECT_ATTACH, name, params, layout, handle_bytes);
	if (r < 0)
		return r;
	*ret = q;
	return 0;
}

int shmreg_queue_close(const struct shmreg_queue *queue)
{
	/* const is about the elements: the handle itself is ours to free. */
	return shmreg_object_close((struct shmreg_handle *)(uintptr_t)queue);
}
