/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_ABI_CELL_H
#define SHMREG_ABI_CELL_H

/*
 * shmreg/abi/cell.h - the bytes of a cell
 *
 * A value is written into a slot that nobody is told of, then published by one
 * change of `latest`:
 *
 *	63            12 11       6 5        0
 *	+---------------+----------+----------+
 *	| version    52 | writer 6 | slot   6 |
 *	+---------------+----------+----------+
 *
 * Version 0: never written, and the whole word is 0; the version after 2^52 - 1 is 1.
 * Each of shape.capacity writers has param[0] slots of its own. A slot begins with the
 * word of `latest` that names it, or 0 while it is being written: a copy of its value
 * is whole if that word was still in the slot when the copy was complete.
 *
 * A slot's life, every transition made by its writer:
 *
 *	any ----> 0			before the first byte of a new value
 *	0 ------> (v, writer, slot)	the value is whole; nobody is told yet
 *
 * Writers: writer[i] is the seat of the handle that is writer i, or 0; as a ring's
 * roles. Nothing else is ever to be repaired: latest names whole slots only.
 */

#include <shmreg/abi/eventcount.h>
#include <shmreg/abi/object.h>
#include <shmreg/compiler.h>

SHMREG_BEGIN_DECLS

#define SHMREG_CELL_VERSION_SHIFT 12
#define SHMREG_CELL_WRITER_SHIFT 6
#define SHMREG_CELL_WRITER_MASK UINT64_C(0x3f)
#define SHMREG_CELL_SLOT_MASK UINT64_C(0x3f)

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

/* Bytes from the start of a slot to its value: the version is before it. */
static SHMREG_FORCE_INLINE uint64_t shmreg_cell_elem_offset(uint64_t elem_align)
{
	return elem_align > 8 ? elem_align : 8;
}

/* Bytes from slot to slot: lines of their own. No overflow within SHMREG_CELL_ELEM_MAX. */
static SHMREG_FORCE_INLINE uint64_t shmreg_cell_stride(uint64_t elem_bytes, uint64_t elem_align)
{
	const uint64_t align = elem_align > 64 ? elem_align : 64;

	return (shmreg_cell_elem_offset(elem_align) + elem_bytes + align - 1) & ~(align - 1);
}

SHMREG_END_DECLS

#endif /* SHMREG_ABI_CELL_H */
