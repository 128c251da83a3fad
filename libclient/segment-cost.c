/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <shmreg/segment.h>

#include "error.h"
#include "params.h"

int shmreg_segment_cost(const struct shmreg_segment_params *params,
			struct shmreg_segment_cost *ret)
{
	struct shmreg_segment_params p = { .size = sizeof(p) };
	struct shmreg_segment_cost cost = { 0 };
	const size_t size = ret->size;
	struct shmreg_dir dir;
	uint64_t page;
	int r;

	if (size < sizeof(size) || size > 4096)
		return error_set(-EINVAL, "shmreg_segment_cost.size is %zu; set it to sizeof before the "
				 "call", size);
	r = params_copy(&p, sizeof(p), params, "shmreg_segment_params");
	if (r < 0)
		return r;
	if (p.bytes == 0 || p.bytes > SHMREG_DATA_BYTES_MAX)
		return error_set(-EINVAL, "a segment of %" PRIu64 " bytes is impossible: 1 to %" PRIu64
				 " are", p.bytes, SHMREG_DATA_BYTES_MAX);
	cost.size = size;
	cost.max_participants =
		p.max_participants != 0 ? p.max_participants : SHMREG_PARTICIPANTS_DEFAULT;
	cost.max_objects = p.max_objects != 0 ? p.max_objects : SHMREG_OBJECTS_DEFAULT;
	r = shmreg_dir_layout(&dir, cost.max_participants, cost.max_objects);
	if (r < 0)
		return error_set(r, "%u participants and %u objects are impossible: 1 to %u and 1 to %u "
				 "are", cost.max_participants, cost.max_objects,
				 SHMREG_PARTICIPANTS_MAX, SHMREG_OBJECTS_MAX);
	page = shmreg_huge_bytes(p.placement.huge);
	cost.data_bytes = page != 0 ? (p.bytes + page - 1) / page * page : shmreg_data_bytes(p.bytes);
	cost.dir_bytes = dir.dir_bytes;
	if (size > sizeof(cost))
		memset(ret, 0, size);
	memcpy(ret, &cost, size < sizeof(cost) ? size : sizeof(cost));
	return 0;
}
