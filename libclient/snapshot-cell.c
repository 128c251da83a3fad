/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <shmreg/abi/cell.h>
#include <shmreg/compiler.h>

#include "snapshot-copy.h"

/* (S5) in snapshot-copy.h */

#define TRIES 1000

/* Where the slot lies that a word names; 0: it names none. */
static uint64_t slot_at(const struct shmreg_dir_object *o, uint64_t word)
{
	const uint64_t n_slots = o->shape.capacity * o->shape.param[0];
	const uint64_t number = shmreg_cell_slot_number(word, n_slots);

	if (number == n_slots)
		return 0;
	return o->offset + sizeof(struct shmreg_cell_shm) +
	       number * shmreg_cell_stride(o->shape.elem_bytes, o->shape.elem_align);
}

void snapshot_cell(struct snapshot_copy *c, const struct shmreg_dir_object *o)
{
	const uint64_t latest_at = o->offset + offsetof(struct shmreg_cell_shm, latest);
	const uint64_t word_offset = shmreg_cell_word_offset(o->shape.elem_bytes);
	uint64_t word = 0, at = 0;
	bool is_whole = false;
	int i;

	if (!snapshot_is_there(c, o->offset))
		return;
	for (i = 0; i < TRIES && !is_whole; i++) {
		word = snapshot_load(c, latest_at);					/* P' */
		at = slot_at(o, word);
		if (at == 0)
			break;
		snapshot_bytes(c, at, at, o->shape.elem_bytes);
		shmreg_fence_acquire();							/* F' */
		is_whole = snapshot_load(c, at + word_offset) == word;			/* V' */
	}
	snapshot_words(c, o->offset, sizeof(struct shmreg_cell_shm));
	*(uint64_t *)snapshot_at(c, latest_at) = is_whole ? word : 0;
	if (is_whole)
		*(uint64_t *)snapshot_at(c, at + word_offset) = word;
	else if (word != 0)
		snapshot_note(c, o, at == 0 ? SHMREG_SNAPSHOT_BROKEN : SHMREG_SNAPSHOT_NOVALUE, 1);
}
