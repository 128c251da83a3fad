/* SPDX-License-Identifier: MIT */
#ifndef TEST_RING_PLAIN_H
#define TEST_RING_PLAIN_H

/* ring-plain.h - rings in plain memory, without segment and daemon */

#include <check.h>
#include <errno.h>

#include "plain.h"
#include "ring-bind.h"

static inline struct shmreg_shape ring_shape(uint64_t capacity, uint64_t elem_bytes,
					     uint32_t elem_align)
{
	const struct shmreg_shape shape = {
		.kind = SHMREG_KIND_RING,
		.layout = SHMREG_RING_LAYOUT,
		.elem_align = elem_align,
		.elem_bytes = elem_bytes,
		.capacity = capacity,
	};

	return shape;
}

static inline struct shmreg_shape record_shape(uint64_t capacity)
{
	struct shmreg_shape shape = ring_shape(capacity, 1, 1);

	shape.flags = SHMREG_RING_RECORDS;
	return shape;
}

/* A ring that is empty at @position, a multiple of 8 if of records; nobody has a role. */
static inline void *ring_map(const struct shmreg_shape *shape, uint64_t position)
{
	struct shmreg_ring_shm *shm = plain_map(shape);

	ck_assert_ptr_nonnull(shm);
	shmreg_store_relaxed(&shm->tail, position);
	shmreg_store_relaxed(&shm->head, position);
	return shm;
}

/* Positions at which something wraps: the memory, half of the numbers, all of them. */
static const uint64_t ring_starts[] = {
	0, 1, 6, (UINT64_C(1) << 32) - 3, (UINT64_C(1) << 63) - 5, UINT64_MAX - 6, UINT64_MAX,
};
#define N_RING_STARTS ((int)(sizeof(ring_starts) / sizeof(*ring_starts)))

static const uint64_t record_starts[] = {
	0, 8, 40, (UINT64_C(1) << 32) - 24, (UINT64_C(1) << 63) - 40, UINT64_MAX - 63, UINT64_MAX - 7,
};
#define N_RECORD_STARTS ((int)(sizeof(record_starts) / sizeof(*record_starts)))

#endif /* TEST_RING_PLAIN_H */
