/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_MEMFD_H
#define SHMREGD_MEMFD_H

/*
 * memfd.h - sealed anonymous files
 *
 * Born 0600 and of the daemon's uid, so that a read-only descriptor cannot be
 * opened anew for writing by another uid (a memfd is 0777 otherwise). Sealed
 * against shrinking, growing and other seals: no peer can cause SIGBUS.
 */

#include <stdint.h>

/*
 * memfd_new() - a sparse file of @bytes zeros
 * @name:	shown in /proc/PID/maps; at most 249 bytes
 *
 * Return: descriptor; or as memfd_create(2), ftruncate(2), which memfd_refused() puts into words.
 */
int memfd_new(const char *name, uint64_t bytes);
const char *memfd_refused(int error);
/*
 * memfd_new_huge() - the same of huge pages, which are taken from their pool now
 * @page_shift:	21: of 2 MiB, ...
 * @bytes:	a multiple of that
 *
 * As long as nobody punches holes, no fault in it is without a page.
 *
 * Return: descriptor; -ENOMEM the pool has too few; -ENODEV, -EINVAL the machine has none of
 * this size; -EMFILE, ...
 */
int memfd_new_huge(const char *name, uint64_t bytes, unsigned int page_shift);
/* Is it sealed as ours are, and of what size? Return: 0; -EBADMSG it is not; as fstat(2). */
int memfd_check(int fd, uint64_t *ret_bytes);
/* Allocate the range's memory now. Return: 0; -ENOSPC, -ENOMEM. */
int memfd_reserve(int fd, uint64_t offset, uint64_t bytes);
/* Zero the range and give its memory back. Return: 0; as fallocate(2). */
int memfd_punch(int fd, uint64_t offset, uint64_t bytes);
/* Another description of the same file, the second read-only. Return: descriptor; as open(2). */
int memfd_reopen(int fd);
int memfd_reopen_ro(int fd);
/* Bytes of memory it takes now; 0 if it cannot be told. */
uint64_t memfd_resident(int fd);

#endif /* SHMREGD_MEMFD_H */
