/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <shmreg/cell.h>

#include "cell-bind.h"
#include "error.h"
#include "object.h"
#include "params.h"
#include "role.h"

static int open_any(struct shmreg_segment *segment, struct shmreg_handle **ret, uint32_t how,
		    const char *name, const struct shmreg_cell_params *params, uint32_t layout,
		    size_t handle_bytes)
{
	struct shmreg_cell_params p = { .size = sizeof(p) };
	struct shmreg_shape shape = { .kind = SHMREG_KIND_CELL, .layout = layout };
	int r;

	r = params_copy(&p, sizeof(p), params, "shmreg_cell_params");
	if (r < 0)
		return r;
	if (p.writers == 0 && (how & SHMREG_OBJECT_CREATE) != 0)
		p.writers = 1;
	if (p.slots == 0 && p.writers != 0)
		p.slots = SHMREG_CELL_SLOTS_DEFAULT;
	shape.elem_bytes = p.elem_bytes;
	shape.elem_align = p.elem_bytes != 0 ? p.elem_align : 0;
	shape.capacity = p.writers;
	shape.param[0] = p.slots;
	return shmreg_object_open(segment, ret, how, name, &shape, p.type_name, handle_bytes);
}

int shmreg_cell_open_layout(struct shmreg_segment *segment, const struct shmreg_cell **ret,
			    uint32_t how, const char *name,
			    const struct shmreg_cell_params *params, uint32_t layout,
			    size_t handle_bytes)
{
	struct shmreg_handle *handle;
	int r;

	if (handle_bytes < sizeof(struct shmreg_cell))
		handle_bytes = sizeof(struct shmreg_cell);
	r = open_any(segment, &handle, how, name, params, layout, handle_bytes);
	if (r < 0)
		return r;
	cell_prepare((struct shmreg_cell *)handle);
	*ret = (const struct shmreg_cell *)handle;
	return 0;
}

int shmreg_cell_writer_open_layout(struct shmreg_segment *segment, struct shmreg_cell_writer **ret,
				   uint32_t how, const char *name,
				   const struct shmreg_cell_params *params, uint32_t layout,
				   size_t handle_bytes)
{
	struct shmreg_cell_writer *w;
	struct shmreg_handle *handle;
	uint32_t writer;
	int r;

	r = object_refuse_read_only(segment, name, "shmreg_cell_open()");
	if (r < 0)
		return r;
	if (handle_bytes < sizeof(struct shmreg_cell_writer))
		handle_bytes = sizeof(struct shmreg_cell_writer);
	r = open_any(segment, &handle, how | SHMREG_OBJECT_SEAT, name, params, layout,
		     handle_bytes);
	if (r < 0)
		return r;
	w = (struct shmreg_cell_writer *)handle;
	r = role_take(handle, shmreg_cell_shm_(&w->cell)->writer, sizeof(uint64_t),
		      (uint32_t)handle->shape.capacity, "writer", &writer);
	if (r < 0) {
		shmreg_object_close(handle);
		return r;
	}
	cell_writer_prepare(w, writer);
	*ret = w;
	return 0;
}

int shmreg_cell_close(const struct shmreg_cell *cell)
{
	/* const is about the cell: the handle itself is ours to free. */
	return shmreg_object_close((struct shmreg_handle *)(uintptr_t)cell);
}

int shmreg_cell_writer_close(struct shmreg_cell_writer *writer)
{
	struct shmreg_handle *handle = (struct shmreg_handle *)writer;

	if (handle != NULL && handle->base != NULL && handle->n_leases == 0)
		role_leave(&shmreg_cell_shm_(&writer->cell)->writer[writer->writer], handle->seat);
	return shmreg_object_close(handle);
}
