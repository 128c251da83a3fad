/* SPDX-License-Identifier: MIT */
#ifndef TEST_CELL_PLAIN_H
#define TEST_CELL_PLAIN_H

/* cell-plain.h - cells in plain memory, without segment and daemon */

#include <stdbool.h>

#include <shmreg/cell.h>

#include "cell-bind.h"
#include "plain.h"

#define CELL_LAST_VERSION ((UINT64_C(1) << 47) - 1)

static inline struct shmreg_shape cell_shape(uint64_t elem_bytes, uint32_t elem_align,
					     uint32_t writers, uint32_t slots)
{
	struct shmreg_shape shape = {
		.kind = SHMREG_KIND_CELL,
		.layout = SHMREG_CELL_LAYOUT,
		.elem_align = elem_align,
		.elem_bytes = elem_bytes,
		.capacity = writers,
		.param = { slots },
	};

	return shape;
}

/*
 * cell_seed() - as if @version had been published by @writer in @slot, and were @elem
 *
 * For tests of wraps. Nobody may be using it.
 */
void cell_seed(void *base, const struct shmreg_shape *shape, uint64_t version, uint32_t writer,
	       uint32_t slot, const void *elem);

/*
 * cell_is_sound() - what is true of a cell at every instruction of everybody
 *
 * latest is 0, or names a slot that there is, and that has its word; places name seats.
 */
bool cell_is_sound(const void *base, const struct shmreg_shape *shape);

#endif /* TEST_CELL_PLAIN_H */
