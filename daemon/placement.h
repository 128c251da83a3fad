/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_PLACEMENT_H
#define SHMREGD_PLACEMENT_H

/*
 * placement.h - data areas of the memory that was asked for
 *
 * The NUMA policy of ordinary shared memory belongs to the file, and outlives mappings and the
 * daemon. It is set here, before anybody else can have touched a page. That of a pool's pages
 * belongs to a mapping: who creates the segment allocates them through his own, see place.h of
 * the library.
 */

#include <shmreg/abi/directory.h>

/*
 * placement_make() - the data area's memfd
 * @head:	placement as asked for, data_bytes in ordinary pages; what was obtained is put
 *		there: data_bytes, placement.nodes, page_bytes, huge_error
 * @error:	SHMREG_ERROR_MAX + 1 bytes for a sentence
 *
 * Too few huge pages are no failure.
 *
 * Return: descriptor; -EINVAL nodes that there are not; -EPERM NUMA policies are forbidden to
 * the daemon; as memfd_create(2), mmap(2).
 */
int placement_make(struct shmreg_dir *head, char *error);

/* What of it is memory that is taken for as long as the segment is there. */
uint64_t placement_kept_bytes(const struct shmreg_dir *dir);

#endif /* SHMREGD_PLACEMENT_H */
