/* SPDX-License-Identifier: MIT */
#ifndef TEST_PLAIN_H
#define TEST_PLAIN_H

/* plain.h - objects of any kind in plain memory, without segment and daemon */

#include <shmreg/abi/object.h>

/*
 * plain_map() - shared anonymous memory for an object, unreadable pages on both sides
 *
 * Sparse, all zero, its last byte before an unreadable page. NULL if the shape is none.
 */
void *plain_map(const struct shmreg_shape *shape);
void plain_unmap(void *base, const struct shmreg_shape *shape);

#endif /* TEST_PLAIN_H */
