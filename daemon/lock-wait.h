/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_LOCK_WAIT_H
#define SHMREGD_LOCK_WAIT_H

/*
 * lock-wait.h - for a child of an earlier daemon that is still at a segment (lock.h)
 *
 * The kernel says of no lock that it is free. It is looked at soon, for nearly all end with
 * their daemon, and then ever more rarely; somebody may keep one of them for as long as he
 * likes (janitor.h).
 */

#include <stdbool.h>

#include <ev.h>

struct segment;

struct lock_wait {
	struct ev_loop *loop;
	ev_timer timer;
	ev_tstamp period;
	bool said;
	const char *what;		/* is put off */
	void (*again)(void *data);	/* calls lock_wait_busy() for all that is put off */
	void *data;
};

void lock_wait_init(struct lock_wait *w, struct ev_loop *loop, const char *what,
		    void (*again)(void *data), void *data);
void lock_wait_deinit(struct lock_wait *w);
/* Return: true if one is at it; again() is called later. @lock_fd -1: none can be. */
bool lock_wait_busy(struct lock_wait *w, int lock_fd, const struct segment *s);

#endif /* SHMREGD_LOCK_WAIT_H */
