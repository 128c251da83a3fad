/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_LOCK_H
#define SHMREGD_LOCK_H

/*
 * lock.h - one daemon a socket, and one process that repairs or clears a segment
 *
 * An exclusive flock(2) of the file "SOCKET.lock", which only the daemon's uid can open: who
 * holds it may replace the socket.
 *
 * The reapers and janitors are killed with their daemon, but somebody may keep one from ending
 * (janitor.h), and what it does then must not meet what the next daemon's do. So each has an
 * open file description of that file as its standard input, on which the daemon locks a byte
 * (F_OFD_SETLK, at the segment's id) before it hands over the segment: as long as such a
 * process lives, others can see what it is at.
 */

#include <stdbool.h>
#include <stdint.h>

struct lock {
	char path[128];
	int fd;		/* -1: not taken */
};

#define LOCK_INIT { .fd = -1 }

/* @socket: its path. Return: 0; -EWOULDBLOCK another one holds it; -errno. */
int lock_take(struct lock *lock, const char *socket);
/* Removes the file, and lets go. */
void lock_drop(struct lock *lock);

/* For a child. Return: descriptor; as open(2). */
int lock_open_for_child(int lock_fd);
/* @child_fd: of the last; -1: nothing is locked. Return: 0; -EBUSY another process is at it. */
int lock_segment(int child_fd, uint64_t segment);
/* It has been handed over to nobody, or given back. */
void lock_release(int child_fd);
/* Is any process at it, of an earlier daemon or ours? */
bool lock_is_held(int lock_fd, uint64_t segment);

#endif /* SHMREGD_LOCK_H */
