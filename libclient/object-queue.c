/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>

#include <shmreg/object-queue.h>

#include "error.h"
#include "object.h"
#include "object-queue-bind.h"
#include "params.h"
#include "segment.h"

static uint32_t entry_index(const struct shmreg_handle *handle)
{
	return (uint32_t)(handle->entry - shmreg_dir_objects(handle->segment->dir));
}

static int check_pool(const struct shmreg_segment *segment, const char *name,
		      const struct shmreg_pool *pool)
{
	if (pool == NULL)
		return error_set(-EINVAL, "the pool of whose objects '%s' is to be a queue is NULL", name);
	if (pool->handle.segment == NULL)
		return error_set(-ECHILD, "the pool's handle was inherited by fork(), or is closed "
				 "already");
	if (pool->handle.segment != segment)
		return error_set(-EINVAL, "pool '%s' is in segment '%s', and a queue of its objects can "
				 "be in no other", pool->handle.entry->name,
				 pool->handle.segment->name);
	if (pool->claim == 0)
		return error_set(-EINVAL, "pool '%s' was opened for reading: through this handle nothing "
				 "can be sent or received", pool->handle.entry->name);
	return 0;
}

int shmreg_object_queue_open_layout(struct shmreg_segment *segment,
				    struct shmreg_object_queue **ret, uint32_t how,
				    const char *name, struct shmreg_pool *pool,
				    const struct shmreg_object_queue_params *params,
				    uint32_t layout, size_t handle_bytes)
{
	struct shmreg_object_queue_params p = { .size = sizeof(p) };
	struct shmreg_object_queue *q;
	struct shmreg_handle *handle;
	struct shmreg_shape shape;
	int r;

	r = object_refuse_read_only(segment, name, "shmreg_queue_open_const()");
	if (r == 0)
		r = check_pool(segment, name != NULL ? name : "", pool);
	if (r == 0)
		r = params_copy(&p, sizeof(p), params, "shmreg_object_queue_params");
	if (r < 0)
		return r;
	if (p.reserved != 0 || (p.flags & ~SHMREG_QUEUE_REDELIVER) != 0)
		return error_set(-EINVAL, "the parameters of queue '%s' have unknown flags: a queue of "
				 "objects knows SHMREG_QUEUE_REDELIVER", name != NULL ? name : "");
	if (handle_bytes < sizeof(struct shmreg_object_queue))
		handle_bytes = sizeof(struct shmreg_object_queue);
	shape = object_queue_shape(p.capacity, p.flags, pool->handle.object,
				   entry_index(&pool->handle));
	shape.layout = layout;
	r = shmreg_object_open(segment, &handle, how | SHMREG_OBJECT_SEAT, name, &shape,
			       pool->handle.entry->type_name, handle_bytes);
	if (r < 0)
		return r;
	q = (struct shmreg_object_queue *)handle;
	object_queue_prepare(q, entry_index(handle), pool);
	/* It stays open as long as we do: what we know of it is where it lies. */
	pool->handle.n_leases++;
	*ret = q;
	return 0;
}

int shmreg_object_queue_close(struct shmreg_object_queue *q)
{
	struct shmreg_pool *pool;
	int r;

	if (q == NULL)
		return 0;
	pool = q->pool;
	r = shmreg_object_close(&q->queue.handle);
	if (r == 0)
		pool->handle.n_leases--;
	return r;
}
