/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>

#include <shmreg/abi/cell.h>

#include "cell-repair.h"
#include "repair-report.h"
#include "role.h"

int cell_repair_sparse(const struct shmreg_shape *shape, void *base,
		       const struct repair_memory *memory, const uint64_t dead[64],
		       struct shmreg_reaper_report *ret)
{
	struct shmreg_cell_shm *shm = base;
	uint64_t bytes, align, i, at, start = 0, end = 0;
	uint32_t n = 0;

	if (shape->kind != SHMREG_KIND_CELL || shmreg_shape_bytes(shape, &bytes, &align, NULL) < 0)
		return -EINVAL;
	for (i = 0; i < shape->capacity; i++) {
		at = offsetof(struct shmreg_cell_shm, writer) + i * sizeof(uint64_t);
		if (at >= end && !repair_memory_next(memory, at, &start, &end))
			break;
		/* In a hole, or of one who has a place and lives, or a free one. */
		if (at >= start && role_repair(&shm->writer[i], dead))
			n++;
	}
	repair_report_reset(ret);
	ret->n_seats = n;
	ret->n_repaired = n;
	return 0;
}
