/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <shmreg/abi/pool.h>

#include "snapshot-copy.h"

/* (S6) in snapshot-copy.h */
void snapshot_pool(struct snapshot_copy *c, const struct shmreg_dir_object *o)
{
	const struct shmreg_pool_geometry g = shmreg_pool_geometry(&o->shape);

	snapshot_words(c, o->offset + g.owner_offset, g.elems_offset - g.owner_offset);
	/* The head and the hints: loads by acquire, so that `touched` is not older than the words. */
	snapshot_words(c, o->offset, g.owner_offset);
	snapshot_raw(c, o->offset + g.elems_offset, o->bytes - g.elems_offset);
}
