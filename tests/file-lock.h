/* SPDX-License-Identifier: MIT */
#ifndef TEST_FILE_LOCK_H
#define TEST_FILE_LOCK_H

/*
 * file-lock.h - how a client keeps the kernel's lock of a file that it may write
 *
 * write(2) takes the lock of the file and then copies from memory; from a page that nobody ever
 * fills in (userfaultfd) it copies for ever. What else wants that lock meanwhile, in any process,
 * waits where not even SIGKILL ends it.
 */

/*
 * Before privileges are dropped, where only root may have such memory.
 *
 * Return: 0; -errno this machine has none.
 */
int file_lock_init(void);
/* From a thread of its own, for as long as this process lives; one file at most. */
void file_lock_keep(int fd);

#endif /* TEST_FILE_LOCK_H */
