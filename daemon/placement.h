/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_PLACEMENT_H
#define SHMREGD_PLACEMENT_H

/*
 * placement.h - data areas of the memory that was asked for
 *
 * On which NUMA nodes is for those who attach to say: see place.h of the library.
 */

#include <shmreg/abi/directory.h>

/*
 * placement_make() - the data area's memfd
 * @head:	placement as asked for, data_bytes in ordinary pages; what was obtained is put
 *		there: data_bytes, page_bytes, huge_error
 * @error:	SHMREG_ERROR_MAX + 1 bytes for a sentence
 *
 * Too few huge pages are no failure.
 *
 * Return: descriptor; as memfd_create(2).
 */
int placement_make(struct shmreg_dir *head, char *error);

/* What of it is memory that is taken for as long as the segment is there. */
uint64_t placement_kept_bytes(const struct shmreg_dir *dir);

#endif /* SHMREGD_PLACEMENT_H */
