/* SPDX-License-Identifier: MIT */
#include <config.h>

#include "form.h"

enum form form_of(const struct shmreg_shape *shape)
{
	switch (shape->kind) {
	case SHMREG_KIND_ARRAY:
		return FORM_ARRAY;
	case SHMREG_KIND_ATOMIC:
		return FORM_ATOMIC;
	case SHMREG_KIND_QUEUE:
		return shmreg_shape_is_object_queue(shape) ? FORM_OBJECTS : FORM_QUEUE;
	case SHMREG_KIND_RING:
		return shape->flags & SHMREG_RING_RECORDS ? FORM_RECORDS : FORM_RING;
	case SHMREG_KIND_TOPIC:
		return FORM_TOPIC;
	case SHMREG_KIND_POOL:
		return FORM_POOL;
	case SHMREG_KIND_CELL:
		return FORM_CELL;
	default:
		return FORM_UNKNOWN;
	}
}
