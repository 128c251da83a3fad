/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_RESTORE_H
#define SHMREGD_RESTORE_H

/* restore.h - what the service manager kept for us, taken over at the start */

struct server;

/*
 * restore_all() - sort the descriptors of $LISTEN_FDS
 *
 * The control socket goes to the server's listener, pairs of directory and data
 * area to its registry, the root where it belongs. All else is closed and, by its name, removed from the
 * store.
 *
 * Return: how many segments are back; -ENOMEM; -EPROTONOSUPPORT: one is of another layout, and all stay
 * in the store.
 */
int restore_all(struct server *server);

#endif /* SHMREGD_RESTORE_H */
