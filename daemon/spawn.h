/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_SPAWN_H
#define SHMREGD_SPAWN_H

/* spawn.h - start a reaper (shmreg/abi/reaper.h) or a janitor (janitor.h) */

#include <sys/types.h>

/*
 * @lock_fd: becomes its standard input (lock_open_for_child()); -1: /dev/null
 * @ret_fd:	our end of its socketpair
 *
 * Killed by the kernel when we die. A program that cannot be executed is one
 * that exits with 127.
 *
 * Return: 0; as socketpair(2), vfork(2).
 */
int spawn_reaper(const char *path, int lock_fd, pid_t *ret_pid, int *ret_fd);
/* The same with our own program, whatever has become of its path. */
int spawn_janitor(int lock_fd, pid_t *ret_pid, int *ret_fd);

#endif /* SHMREGD_SPAWN_H */
