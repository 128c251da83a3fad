/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_ABI_ATOMIC_H
#define SHMREG_ABI_ATOMIC_H

/*
 * shmreg/abi/atomic.h - the bytes of an atomic: an integer, and an event count beside it
 */

#include <shmreg/abi/eventcount.h>
#include <shmreg/abi/object.h>
#include <shmreg/compiler.h>

SHMREG_BEGIN_DECLS

struct shmreg_atomic_shm {
	SHMREG_ALIGNAS(128) uint8_t value[8];	/* elem_bytes of them, from the first on */
	/* written by sleepers and those who wake them; in the line that a waker has just written */
	union shmreg_eventcount change;
};
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_atomic_shm, value) == 0, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_atomic_shm, change) == 8, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_atomic_shm) == 128, "frozen");

SHMREG_END_DECLS

#endif /* SHMREG_ABI_ATOMIC_H */
