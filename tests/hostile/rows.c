/* SPDX-License-Identifier: MIT */
#include "rows.h"

const struct hostile_row *const hostile_rows[] = {
	&hostile_array,	  &hostile_atomic, &hostile_queue, &hostile_ring,
	&hostile_records, &hostile_cell,   &hostile_pool,  &hostile_object_queue,
	&hostile_topic,
};
const unsigned int n_hostile_rows = ROW_N(hostile_rows);
