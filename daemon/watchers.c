/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rights.h"
#include "watchers.h"

int watch_new(struct watch **ret, int *ret_bell)
{
	const int smallest = 1;	/* the kernel makes it a handful of bytes' worth */
	struct watch *w = calloc(1, sizeof(*w));
	int pair[2], r;

	if (!w)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		r = -errno;
		free(w);
		return r;
	}
	/* Neither can fail. Without them a queue could be longer, and nothing else. */
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &smallest, sizeof(smallest));
	/* What its owner reads must not be such as takes an hour to close. */
	rights_refuse(pair[1]);
	shutdown(pair[0], SHUT_RD);
	w->fd = pair[0];
	watch_ring(w);
	*ret_bell = pair[1];
	*ret = w;
	return 0;
}

struct watch *watch_free(struct watch *w)
{
	close(w->fd);
	free(w);
	return NULL;
}

void watch_ring(const struct watch *w)
{
	const char byte = 0;
	ssize_t n;

	/* EAGAIN: what is full is readable. EPIPE: its owner has gone, or will find it shut. */
	n = send(w->fd, &byte, sizeof(byte), MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)n;
}

void watches_ring(const struct watch_queue *all, uint64_t object_id, uint32_t events)
{
	const struct watch *w;

	TAILQ_FOREACH(w, all, of_segment)
		if ((object_id == 0 || w->object_id == object_id) && (w->events & events))
			watch_ring(w);
}
