/* SPDX-License-Identifier: MIT */
#include <config.h>

#include "queue-repair.h"
#include "repair.h"

int shmreg_repair_object(const struct shmreg_shape *shape, void *base, const uint64_t dead[64],
			 struct shmreg_reaper_report *ret)
{
	uint64_t bytes, align;
	const int r = shmreg_shape_bytes(shape, &bytes, &align, NULL);

	if (r < 0)
		return r;
	if (shape->kind == SHMREG_KIND_QUEUE)
		return queue_repair(shape, base, dead, ret);
	ret->status = 0;
	ret->n_seats = 0;
	ret->n_repaired = 0;
	ret->n_freed = 0;
	ret->n_requeued = 0;
	ret->n_gave_up = 0;
	return 0;
}
