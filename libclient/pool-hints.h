/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_POOL_HINTS_H
#define LIBSHMREG_POOL_HINTS_H

/* pool-hints.h - C of shmreg/pool-inline.h, for whoever made an object FREE: a handle, the reaper */

#include <shmreg/pool.h>

/* Behind R of object @index. @full, @fuller: the pool's, all of them */
static inline void pool_clear_hints(uint64_t *full, uint64_t *fuller, uint64_t index)
{
	const uint64_t in_full = shmreg_pool_hint_(index);
	const uint64_t in_fuller = shmreg_pool_hint_(index / SHMREG_POOL_FANOUT);

	full += index / SHMREG_POOL_PER_FULL;
	fuller += index / SHMREG_POOL_PER_FULLER;
	if ((shmreg_load_seq_cst(full) & in_full) != 0)					/* C */
		shmreg_fetch_and_seq_cst(full, ~in_full);
	if ((shmreg_load_seq_cst(fuller) & in_fuller) != 0)				/* C */
		shmreg_fetch_and_seq_cst(fuller, ~in_fuller);
}

#endif /* LIBSHMREG_POOL_HINTS_H */
