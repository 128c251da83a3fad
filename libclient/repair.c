/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>

#include <shmreg/abi/pool.h>
#include <shmreg/abi/queue.h>

#include "cell-repair.h"
#include "pool-repair.h"
#include "queue-repair.h"
#include "repair-report.h"
#include "repair.h"
#include "ring-repair.h"
#include "topic-repair.h"

/* Of the kinds with users. */
#define HEADER_MIN \
	(sizeof(struct shmreg_pool_shm) < sizeof(struct shmreg_queue_shm) ? \
		 sizeof(struct shmreg_pool_shm) : \
		 sizeof(struct shmreg_queue_shm))

int shmreg_repair_object(const struct shmreg_shape *shape, void *base,
			 const struct repair_memory *memory, const uint64_t dead[64],
			 struct shmreg_reaper_report *ret)
{
	uint64_t bytes, align, start, end;
	const int r = shmreg_shape_bytes(shape, &bytes, &align, NULL);

	if (r < 0)
		return r;
	if (shape->kind == SHMREG_KIND_CELL)
		return cell_repair_sparse(shape, base, memory, dead, ret);
	if (shape->kind == SHMREG_KIND_RING)
		return ring_repair(shape, base, memory, dead, ret);
	if (shape->kind == SHMREG_KIND_TOPIC)
		return topic_repair_sparse(shape, base, memory, dead, ret);
	/* An object in whose header nobody ever wrote has no users; it may lie in two pages. */
	if (repair_memory_next(memory, 0, &start, &end) && start < HEADER_MIN) {
		if (shape->kind == SHMREG_KIND_QUEUE)
			return queue_repair_sparse(shape, base, memory, dead, ret);
		if (shape->kind == SHMREG_KIND_POOL)
			return pool_repair(shape, base, memory, dead, ret);
	}
	repair_report_reset(ret);
	return 0;
}

int shmreg_repair_object_queue(const struct shmreg_shape *shape, void *base,
			       const struct repair_memory *memory,
			       const struct queue_repair_pool *pool, const uint64_t dead[64],
			       struct shmreg_reaper_report *ret)
{
	uint64_t start, end;

	if (!shmreg_shape_is_object_queue(shape))
		return -EINVAL;
	if (!repair_memory_next(memory, 0, &start, &end) || start >= HEADER_MIN)
		return shmreg_repair_object(shape, base, memory, dead, ret);
	return queue_repair_objects(shape, base, memory, pool, dead, ret);
}
