/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <shmreg/segment.h>

#include "connection.h"
#include "error.h"
#include "params.h"

int shmreg_subscribe(struct shmreg_connection *connection, const char *name, uint32_t mask)
{
	struct connection_call call = { .request.header.type = SHMREG_PACKET_SUBSCRIBE };
	int r;

	r = connection_usable(connection);
	if (r < 0)
		return r;
	if (name != NULL) {
		r = params_check_segment_name(name);
		if (r < 0)
			return r;
		snprintf(call.request.u.subscribe.name, sizeof(call.request.u.subscribe.name), "%s",
			 name);
	}
	call.request.u.subscribe.mask = mask;
	pthread_mutex_lock(&connection->mutex);
	if (connection->events && connection->ended) {
		/* The old descriptor only now: until here it was in the caller's loop. */
		connection_hang_up(connection);
		connection->events = false;
		connection->ended = false;
	}
	if (connection->segments != NULL)
		r = error_set(-EBUSY, "segments are attached through this connection; subscribe on one "
			      "of its own");
	pthread_mutex_unlock(&connection->mutex);
	if (r < 0)
		return r;
	r = connection_call(connection, &call);
	if (r < 0)
		return r;
	connection_call_done(&call);
	pthread_mutex_lock(&connection->mutex);
	connection->events = true;
	pthread_mutex_unlock(&connection->mutex);
	return 0;
}

int shmreg_next_event(struct shmreg_connection *connection, struct shmreg_event *ret, int nonblock)
{
	int fds[TRANSPORT_FDS_MAX];
	struct shmreg_reply reply;
	unsigned int n_fds;
	int fd, r;

	r = connection_usable(connection);
	if (r < 0)
		return r;
	if (!connection->events)
		return error_set(-EINVAL, "no events come over this connection; call "
				 "shmreg_subscribe() first");
	/* relaxed, and no mutex: nobody opens or closes it any more but the last reader below */
	fd = shmreg_load_relaxed(&connection->fd);
	r = fd < 0 || transport_identity(fd) != connection->identity ? -ECONNRESET :
		     transport_receive(fd, &reply, fds, &n_fds, nonblock ? MSG_DONTWAIT : 0);
	if (r == -EAGAIN)
		return r;
	if (r == -ECONNRESET) {
		pthread_mutex_lock(&connection->mutex);
		connection->ended = true;
		pthread_mutex_unlock(&connection->mutex);
		return error_set(r, "shmregd at '%s' ended the stream of events; subscribe again and "
				 "list what there is", connection->path);
	}
	if (r < 0)
		return r;
	while (n_fds > 0)
		close(fds[--n_fds]);
	if (shmreg_reply_check(&reply, (size_t)r, SHMREG_PACKET_EVENT, 0) < 0 ||
	    reply.header.status < 0)
		return error_set(-EBADMSG, "what came from '%s' is no event", connection->path);
	*ret = reply.u.event;
	return 0;
}

int shmreg_event_fd(const struct shmreg_connection *connection)
{
	if (connection == NULL)
		return -EINVAL;
	if (connection_inherited(connection))
		return -ECHILD;
	if (!connection->events)
		return -EINVAL;
	return shmreg_load_relaxed(&connection->fd); /* relaxed: see shmreg_next_event() */
}
