/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_CONNECTION_H
#define LIBSHMREG_CONNECTION_H

/*
 * connection.h - a session with the daemon, and requests that outlive it
 *
 * Locks: connection.mutex, then segment.mutex, then line.mutex.
 */

#include <pthread.h>
#include <stdbool.h>

#include <shmreg/connection.h>

#include "arena.h"
#include "line.h"
#include "transport.h"

struct root;
struct shmreg_segment;
struct token;

struct shmreg_connection {
	pthread_mutex_t mutex;		/* one request at a time */
	struct arena arena;
	/* In the arena: 1, or 0 in a forked child. Read before the mutex is taken. */
	const uint32_t *mine;
	int fd;				/* -1: not connected; atomic, for a forked child */
	uint64_t identity;		/* of the socket that fd was */
	uint32_t flags;
	bool apart;			/* of a segment without a daemon: all calls are -EROFS */
	bool events;			/* subscribed: a stream of events from now on */
	bool ended;			/* the stream has, and the reader was told */
	int patience_ms;		/* of the call under way */
	uint64_t serial;
	uint64_t nonce;			/* the last one used */
	uint64_t registry;		/* as the last HELLO was answered */
	uint64_t session;		/* counts the HELLOs that were answered */
	/* A futex of this process: raised and woken when the registry is another one. */
	uint32_t n_registries;
	struct token *tokens;
	struct root *roots;		/* newest first */
	struct shmreg_segment *segments;
	char path[108];
	char name[SHMREG_CLIENT_NAME_MAX + 1];
	struct line line;
};

struct connection_call {
	struct shmreg_request request;	/* header.type and u are the caller's */
	struct shmreg_reply reply;	/* of success */
	int fds[TRANSPORT_FDS_MAX];	/* the caller's to close, see connection_call_done() */
	unsigned int n_fds;
	/* The request is about this attachment: it ends when the registry lost the segment. */
	struct shmreg_segment *segment;
	uint64_t registry, session;	/* of the daemon that answered */
	/*
	 * How often the connection was lost after the request had been sent, so that
	 * it may have been carried out before it was repeated.
	 */
	unsigned int n_lost;
	/*
	 * For requests that must not be repeated blindly, NULL for others. Asked after a
	 * reconnect: has it been carried out? Then the call is a success without a reply.
	 */
	bool (*settled)(struct connection_call *call);
	void *settled_data;
	/* For each answer, in ms; 0: for ever. Then -ETIMEDOUT. */
	int patience_ms;
	/* Not worth waiting for a daemon: -ENOTCONN, without a sentence, if none is connected. */
	bool only_connected;
};

/*
 * connection_usable() - is this connection one of this process?
 *
 * In a forked child it closes the inherited socket, once.
 *
 * Return: 0; -EINVAL NULL; -ECHILD.
 */
int connection_usable(struct shmreg_connection *c);
/* Is it inherited? No side effects; for functions that cannot fail. */
bool connection_inherited(const struct shmreg_connection *c);

/*
 * connection_call() - one request and its answer, whatever happens to the daemon
 *
 * Reconnects, presents the attachments again and repeats the request.
 *
 * Return: 0; the daemon's negative status, with its sentence; -errno.
 */
int connection_call(struct shmreg_connection *c, struct connection_call *call);
/* Closes what descriptors are left in it. */
void connection_call_done(struct connection_call *call);
/*
 * connection_begin() - the first session, of a connection that nobody else has yet
 *
 * Return: 0; -errno, with a sentence.
 */
int connection_begin(struct shmreg_connection *c);
/* Of all sessions that there were: at the end. */
void connection_forget_tokens(struct shmreg_connection *c);
/* Is fd no longer what it was? Then it is the application's, and there is no session any more. */
void connection_check(struct shmreg_connection *c);
/* Ends the session, with the mutex held; the next call begins another. */
void connection_hang_up(struct shmreg_connection *c);
/* One that is never made, for a segment without a daemon. Return: 0; -ENOMEM, -ENOSYS. */
int connection_new_apart(struct shmreg_connection **ret);
/* NULL is fine. */
void connection_free_apart(struct shmreg_connection *c);
/* A number that no other request of this process has. */
uint64_t connection_nonce(struct shmreg_connection *c);

#endif /* LIBSHMREG_CONNECTION_H */
