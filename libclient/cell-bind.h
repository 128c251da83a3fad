/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_CELL_BIND_H
#define LIBSHMREG_CELL_BIND_H

/* cell-bind.h - a cell's handles without segment and daemon; for the library and its tests */

#include <stdbool.h>

#include <shmreg/cell.h>

/*
 * cell_bind() - a handle for reading
 * @c:		its handle.base and shape are set here
 * @base:	SHMREG_BLOCK-aligned, shmreg_shape_bytes() long; zeros are a cell never written
 */
void cell_bind(struct shmreg_cell *c, void *base, const struct shmreg_shape *shape);

/*
 * cell_writer_bind() - one for writing, with a place that is free
 * @seat:	not 0
 * Return: whether there was one.
 */
bool cell_writer_bind(struct shmreg_cell_writer *w, void *base, const struct shmreg_shape *shape,
		      uint32_t seat);

/* The same for handles whose base, shape and seat are set; the place is @writer's already. */
void cell_prepare(struct shmreg_cell *c);
void cell_writer_prepare(struct shmreg_cell_writer *w, uint32_t writer);

#endif /* LIBSHMREG_CELL_BIND_H */
