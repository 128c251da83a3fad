/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_NOTIFY_H
#define SHMREGD_NOTIFY_H

/*
 * notify.h - words to the service manager, in order, without waiting
 *
 * The datagrams of sd_notify(3), but not by sd_notify(): that waits while the
 * manager's queue is full, and the loop must not. What the queue does not take
 * is kept, with a duplicate of its descriptor, until it does.
 */

#include <stdbool.h>

#include <ev.h>

struct notify;

/* To $NOTIFY_SOCKET, which is taken out of the environment. Return: 0; -errno, logged. */
int notify_new(struct notify **ret, struct ev_loop *loop);
/* What is queued is tried once more. */
struct notify *notify_free(struct notify *n);
/* Is there anybody to tell? If not, notify_send() does nothing. */
bool notify_enabled(const struct notify *n);
/*
 * @text: lines as sd_notify(3) has them; @fd: sent with it, or -1; stays the caller's
 *
 * Return: 0 sent or kept; -errno lost.
 */
int notify_send(struct notify *n, int fd, const char *text);

#endif /* SHMREGD_NOTIFY_H */
