/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_TESTS_LAYOUTS_H
#define SHMREG_TESTS_LAYOUTS_H

/* layouts.h - the layout version of each kind of object */

#include <shmreg/abi/object.h>

/* Return: 0 of what is no kind. */
static inline uint32_t layout_of(uint32_t kind)
{
	static const uint32_t layouts[SHMREG_KIND_MAX + 1] = {
		[SHMREG_KIND_ARRAY] = SHMREG_ARRAY_LAYOUT, [SHMREG_KIND_ATOMIC] = SHMREG_ATOMIC_LAYOUT,
		[SHMREG_KIND_QUEUE] = SHMREG_QUEUE_LAYOUT, [SHMREG_KIND_RING] = SHMREG_RING_LAYOUT,
		[SHMREG_KIND_TOPIC] = SHMREG_TOPIC_LAYOUT, [SHMREG_KIND_POOL] = SHMREG_POOL_LAYOUT,
		[SHMREG_KIND_CELL] = SHMREG_CELL_LAYOUT,
	};

	return kind <= SHMREG_KIND_MAX ? layouts[kind] : 0;
}

#endif /* SHMREG_TESTS_LAYOUTS_H */
