/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <shmreg/pool.h>

#include "error.h"
#include "object.h"
#include "params.h"
#include "pool-bind.h"
#include "pool-keep.h"
#include "segment.h"

static int open_any(struct shmreg_segment *segment, struct shmreg_pool **ret, uint32_t how,
		    const char *name, const struct shmreg_pool_params *params, uint32_t layout,
		    size_t handle_bytes)
{
	struct shmreg_pool_params p = { .size = sizeof(p) };
	struct shmreg_shape shape = { .kind = SHMREG_KIND_POOL, .layout = layout };
	struct shmreg_handle *handle;
	int r;

	r = params_copy(&p, sizeof(p), params, "shmreg_pool_params");
	if (r < 0)
		return r;
	if (handle_bytes < sizeof(struct shmreg_pool))
		handle_bytes = sizeof(struct shmreg_pool);
	shape.flags = p.flags;
	shape.elem_bytes = p.elem_bytes;
	shape.elem_align = p.elem_bytes != 0 ? p.elem_align : 0;
	shape.capacity = p.capacity;
	r = shmreg_object_open(segment, &handle, how, name, &shape, p.type_name, handle_bytes);
	if (r < 0)
		return r;
	pool_prepare((struct shmreg_pool *)handle);
	*ret = (struct shmreg_pool *)handle;
	return 0;
}

int shmreg_pool_open_layout(struct shmreg_segment *segment, struct shmreg_pool **ret, uint32_t how,
			    const char *name, const struct shmreg_pool_params *params,
			    uint32_t layout, size_t handle_bytes)
{
	int r;

	r = object_refuse_read_only(segment, name, "shmreg_pool_open_const()");
	if (r == 0)
		r = open_any(segment, ret, how | SHMREG_OBJECT_SEAT, name, params, layout,
			     handle_bytes);
	/*
	 * What it acquires is the participant's, and is held when all handles are closed. Relaxed:
	 * who closes the segment has heard from all who have used it.
	 */
	if (r == 0)
		shmreg_store_relaxed(&segment->acquires, 1);
	return r;
}

int shmreg_pool_open_const_layout(struct shmreg_segment *segment, const struct shmreg_pool **ret,
				  const char *name, const struct shmreg_pool_params *params,
				  uint32_t layout, size_t handle_bytes)
{
	struct shmreg_pool *pool;
	int r;

	r = open_any(segment, &pool, SHMREG_OBJECT_ATTACH, name, params, layout, handle_bytes);
	if (r < 0)
		return r;
	*ret = pool;
	return 0;
}

int shmreg_pool_close(const struct shmreg_pool *pool)
{
	/* const is about the objects: the handle itself is ours to free. */
	struct shmreg_pool *const p = (struct shmreg_pool *)(uintptr_t)pool;

	if (p == NULL)
		return 0;
	pool_keep_end(p);
	return shmreg_object_close(&p->handle);
}
