/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_RESERVE_H
#define LIBSHMREG_RESERVE_H

/*
 * reserve.h - allocate the memory of a data area before it is used
 *
 * Done by the process that asks for it, not by the daemon: a GiB takes some hundred
 * milliseconds, and the memory is charged to the control group of who allocates it. One that
 * has too little of it is killed by the kernel, which must not be the daemon of all.
 */

#include <stdbool.h>
#include <stdint.h>

/*
 * reserve_data() - allocate all of @fd that is not allocated yet
 * @fd:		a data area of @bytes, read-write
 * @pool:	of huge pages, which are counted apart
 * @name:	the segment's, for the sentence
 *
 * Refuses before what the machine, or the control group of this process, has not got: asking
 * the kernel for it would end in a kill. Pages that are there stay as they are.
 *
 * Return: 0; -ENOMEM, and others of fallocate(2), with a sentence. Some may have been allocated.
 */
int reserve_data(int fd, uint64_t bytes, bool pool, const char *name);

#endif /* LIBSHMREG_RESERVE_H */
