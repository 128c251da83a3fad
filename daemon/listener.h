/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_LISTENER_H
#define SHMREGD_LISTENER_H

/*
 * listener.h - the control socket
 *
 * Either it was given to us (socket activation; whoever made it owns its path),
 * or it is made, at the path of --socket, else for root and with --system at
 * /run/shmregd/control, else at $XDG_RUNTIME_DIR/shmregd/control. A socket file
 * at which nobody listens is replaced; who listens there already is named.
 */

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

#include "lock.h"

#define LISTENER_ERROR_MAX 511

struct listener {
	struct ev_loop *loop;
	int fd;				/* -1: closed */
	bool made;			/* by us */
	char path[108];			/* "" if it has none */
	ev_io readable;
	ev_timer pause;			/* no descriptor was left for a connection */
	double said;			/* that, see log_is_due() */
	void (*accepted)(void *data, int fd);
	void *data;
};

/* Return: 0; -EINVAL, -ENAMETOOLONG and a sentence. @ret: 108 bytes */
int listener_path(char *ret, const char *socket, bool system, char *error);
/* Is it a listening SOCK_SEQPACKET socket of AF_UNIX? */
bool listener_fits(int fd);

void listener_init(struct listener *l, struct ev_loop *loop,
		   void (*accepted)(void *data, int fd), void *data);
/* Take over one that was given to us. */
void listener_adopt(struct listener *l, int fd);
/*
 * listener_make() - take the lock, and listen at @path
 *
 * Return: 0; -EADDRINUSE somebody listens there; -errno; each with a sentence.
 */
int listener_make(struct listener *l, struct lock *lock, const char *path, uint32_t mode,
		  char *error);
void listener_start(struct listener *l);
/* Stops listening and removes the path if we made it. */
void listener_stop(struct listener *l);

#endif /* SHMREGD_LISTENER_H */
