/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_LOCK_H
#define SHMREGD_LOCK_H

/*
 * lock.h - one daemon a socket, and no reaper of one that is gone
 *
 * An exclusive flock(2) of the file "SOCKET.lock", which only the daemon's uid
 * can open. The reapers inherit its open file description as their standard
 * input, so that the lock is free only when the daemon that took it *and* each
 * of its reapers has ended: who holds it may replace the socket and may start
 * reapers.
 */

#include <stdbool.h>

struct lock {
	char path[128];
	int fd;		/* -1: not taken */
};

#define LOCK_INIT { .fd = -1 }

/* @socket: its path. Return: 0; -EWOULDBLOCK another one holds it; -errno. */
int lock_take(struct lock *lock, const char *socket);
/* Removes the file, and lets go. */
void lock_drop(struct lock *lock);

#endif /* SHMREGD_LOCK_H */
