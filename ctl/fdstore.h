/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_FDSTORE_H
#define SHMREGCTL_FDSTORE_H

/*
 * fdstore.h - descriptors kept for a service under names, as systemd keeps them
 *
 * The service's side of it is sd_notify(3): FDSTORE=1 with FDNAME=, and
 * FDSTOREREMOVE=1, which removes all of a name. BARRIER=1 is answered by closing
 * its descriptor, when all that was sent before has been done.
 */

#include <stdbool.h>
#include <stddef.h>

#define FDSTORE_NAME_MAX 255	/* bytes, systemd's limit */
#define FDSTORE_MAX 16384	/* descriptors */

struct fdstore_entry {
	int fd;
	char *name;
};

struct fdstore {
	struct fdstore_entry *entries;
	size_t n;
};
#define FDSTORE_INIT { NULL, 0 }

/* Takes @fd over in any case. Return: 0; -ENOSPC; -ENOMEM. */
int fdstore_add_consume(struct fdstore *store, const char *name, int fd);
void fdstore_remove(struct fdstore *store, const char *name);
void fdstore_deinit(struct fdstore *store);

/*
 * fdstore_receive() - one datagram of sd_notify(3), if there is one
 * @ret_ready:	set to true if it said READY=1, else left alone
 *
 * Return: 0; -EAGAIN there is none; else as recvmsg(2).
 */
int fdstore_receive(struct fdstore *store, int notify_fd, bool *ret_ready);

#endif /* SHMREGCTL_FDSTORE_H */
