/* SPDX-License-Identifier: MIT */
#ifndef HOSTILE_ROWS_H
#define HOSTILE_ROWS_H

/* rows.h - the rows that there are */

#include "hostile.h"

#define ROW_N(array) (sizeof(array) / sizeof((array)[0]))

extern const struct hostile_row hostile_array;
extern const struct hostile_row hostile_atomic;
extern const struct hostile_row hostile_queue;
extern const struct hostile_row hostile_ring;
extern const struct hostile_row hostile_records;
extern const struct hostile_row hostile_cell;
extern const struct hostile_row hostile_pool;
extern const struct hostile_row hostile_object_queue;
extern const struct hostile_row hostile_topic;

#endif /* HOSTILE_ROWS_H */
