/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_ABI_CELL_H
#define SHMREG_ABI_CELL_H

/*
 * shmreg/abi/cell.h - the bytes of a cell
 *
 * A value is written into a slot that nobody is told of, then published by one
 * change of `latest`:
 *
 *	63            17 16           4 3      0
 *	+---------------+--------------+--------+
 *	| version    47 | slot + 1  13 | 0    4 |
 *	+---------------+--------------+--------+
 *
 * Version 0: never written, and the whole word is 0; the version after 2^47 - 1 is 1.
 * Each of shape.capacity writers has param[0] slots of its own: slot i of writer w is number
 * w * param[0] + i of all. So one comparison says whether a word names one that there is, for
 * 0 names none; and the bits below are 0 so that a reader who knows the size of a slot finds it
 * by one addition.
 *
 * A slot begins with the value. Behind it is the word of `latest` that names the slot, or 0
 * while it is being written: a copy of its value is whole if that word was still in the slot
 * when the copy was complete. (Behind, so that a value lies in as few lines as it can.)
 *
 * A slot's life, every transition made by its writer:
 *
 *	any ----> 0			before the first byte of a new value
 *	0 ------> (v, slot)		the value is whole; nobody is told yet
 *
 * Writers: writer[i] is the seat of the handle that is writer i, or 0; as a ring's
 * roles. Nothing else is ever to be repaired: latest names whole slots only.
 */

#include <shmreg/abi/eventcount.h>
#include <shmreg/abi/object.h>
#include <shmreg/compiler.h>

SHMREG_BEGIN_DECLS

#define SHMREG_CELL_VERSION_SHIFT 17
#define SHMREG_CELL_PLACE_MASK UINT64_C(0x1fff0)	/* the slot's bits */
#define SHMREG_CELL_PLACE_ONE UINT64_C(0x10)		/* from slot to slot */

struct shmreg_cell_shm {
	/* written by writers */
	SHMREG_ALIGNAS(128) uint64_t latest;
	/* written by sleepers and those who wake them */
	SHMREG_ALIGNAS(128) union shmreg_eventcount change;
	/* written by whoever becomes or ceases to be a writer, and by the reaper */
	SHMREG_ALIGNAS(128) uint64_t writer[SHMREG_CELL_WRITERS_MAX];
	/* written by writers: superseded before they were published, one a writer */
	SHMREG_ALIGNAS(128) uint64_t n_superseded[SHMREG_CELL_WRITERS_MAX];
	/* the slots follow, writer by writer */
};
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_cell_shm, latest) == 0, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_cell_shm, change) == 128, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_cell_shm, writer) == 256, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_cell_shm, n_superseded) == 768, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_cell_shm) == 1280, "frozen");

/* The word of a version of slot number @slot. */
static SHMREG_FORCE_INLINE uint64_t shmreg_cell_word(uint64_t version, uint64_t slot)
{
	return version << SHMREG_CELL_VERSION_SHIFT | (slot + 1) * SHMREG_CELL_PLACE_ONE;
}

/* The number of the slot that a word names. Return: @n_slots, if it names none of so many. */
static SHMREG_FORCE_INLINE uint64_t shmreg_cell_slot_number(uint64_t word, uint64_t n_slots)
{
	const uint64_t number = (word & SHMREG_CELL_PLACE_MASK) / SHMREG_CELL_PLACE_ONE - 1;

	return number < n_slots && word >> SHMREG_CELL_VERSION_SHIFT != 0 &&
			       word % SHMREG_CELL_PLACE_ONE == 0
		       ? number : n_slots;
}

/* Bytes from the start of a slot, and of its value, to its word. */
static SHMREG_FORCE_INLINE uint64_t shmreg_cell_word_offset(uint64_t elem_bytes)
{
	return (elem_bytes + 7) & ~UINT64_C(7);
}

/* Bytes from slot to slot: lines of their own. No overflow within SHMREG_CELL_ELEM_MAX. */
static SHMREG_FORCE_INLINE uint64_t shmreg_cell_stride(uint64_t elem_bytes, uint64_t elem_align)
{
	const uint64_t align = elem_align > 64 ? elem_align : 64;

	return (shmreg_cell_word_offset(elem_bytes) + 8 + align - 1) & ~(align - 1);
}

SHMREG_END_DECLS

#endif /* SHMREG_ABI_CELL_H */
