/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <inttypes.h>

#include <shmreg/abi/cell.h>

#include "inspect.h"

/* Words of a cell: shmreg/abi/cell.h. */

static void inspect_latest(struct inspection *x, const struct inspected *o,
			   const struct shmreg_cell_shm *shm)
{
	const struct shmreg_shape *shape = &o->entry.shape;
	const uint64_t latest = shmreg_load_acquire(&shm->latest);
	const uint64_t n_slots = shape->capacity * shape->param[0];
	const uint64_t slot = shmreg_cell_slot_number(latest, n_slots);
	const uint64_t stride = shmreg_cell_stride(shape->elem_bytes, shape->elem_align);
	uint64_t w;

	if (!latest)
		return;
	if (slot == n_slots) {
		suspect(x, FINDING_ERROR, "cell.latest", ADVICE_GARBLED, 0, latest, 0,
			"the latest value is said to be in a slot that there is not (%#" PRIx64
			"): somebody who may write wrote over it",
			latest);
		return;
	}
	w = shmreg_load_acquire((const uint64_t *)(const void *)(o->base + sizeof(*shm) +
				slot * stride + shmreg_cell_word_offset(shape->elem_bytes)));
	x->n_words++;
	/* A slot is not written anew as long as it has the latest value. */
	if (w != latest && shmreg_load_acquire(&shm->latest) == latest)
		suspect(
		    x, FINDING_ERROR, "cell.slot", ADVICE_GARBLED, 0, latest, w,
		    "the slot of the latest value says that it is another's: somebody who may "
		    "write "
		    "wrote over it, and readers get EUCLEAN or EBUSY until it is written again");
}

void inspect_cell(struct inspection *x, const struct inspected *o)
{
	const struct shmreg_cell_shm *shm = (const void *)o->base;

	inspect_latest(x, o, shm);
	for (uint64_t i = 0; i < o->entry.shape.capacity; i++) {
		const uint64_t seat = shmreg_load_acquire(&shm->writer[i]);

		if (seat)
			inspect_seat(x, seat, i, seat, "a writer's role");
	}
}
