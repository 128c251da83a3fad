/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>

#include <shmreg/abi/ring.h>

#include "repair-report.h"
#include "ring-repair.h"
#include "role.h"

/*
 * Why the roles are all there is: see "Death" in shmreg/ring-inline.h. A role is given away
 * with R, so that who takes it next sees the counter that the dead one left.
 */
int ring_repair(const struct shmreg_shape *shape, void *base, const struct repair_memory *memory,
		const uint64_t dead[64], struct shmreg_reaper_report *ret)
{
	const uint64_t roles = offsetof(struct shmreg_ring_shm, producer);
	struct shmreg_ring_shm *const shm = base;
	uint64_t bytes, align, start, end;

	if (shape->kind != SHMREG_KIND_RING || shmreg_shape_bytes(shape, &bytes, &align, NULL) < 0)
		return -EINVAL;
	repair_report_reset(ret);
	/* Both lie in one block, hence in one page. */
	if (!repair_memory_next(memory, roles, &start, &end) || start != roles)
		return 0;
	ret->n_seats += role_repair(&shm->producer, dead);
	ret->n_seats += role_repair(&shm->consumer, dead);
	ret->n_repaired = ret->n_seats;
	return 0;
}
