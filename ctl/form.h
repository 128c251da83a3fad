/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_FORM_H
#define SHMREGCTL_FORM_H

/* form.h - in which way an object has elements: its kind, where that is all there is to it */

#include <shmreg/abi/object.h>

enum form {
	FORM_UNKNOWN,
	FORM_ARRAY,
	FORM_ATOMIC,
	FORM_CELL,
	FORM_OBJECTS,	/* a queue, of a pool's objects */
	FORM_POOL,
	FORM_QUEUE,
	FORM_RECORDS,	/* a ring, of records */
	FORM_RING,
	FORM_TOPIC,
	N_FORMS
};

enum form form_of(const struct shmreg_shape *shape);

#endif /* SHMREGCTL_FORM_H */
