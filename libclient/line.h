/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_LINE_H
#define LIBSHMREG_LINE_H

/*
 * line.h - a second connection to the daemon, on which nobody waits
 *
 * For watches and bells. Opened when first needed. Requests are sent one after the other
 * and their answers collected when somebody comes by: a call that must not wait does not, and
 * a daemon that is stopped, or being started, finds the requests in its socket.
 *
 * Whoever rings may be a signal handler, so all of this is async-signal-safe but for what
 * begins and ends a watch: under a mutex that is held with all signals blocked and cancellation
 * off, without malloc() and sentences. Under it nothing waits.
 *
 * Locks: connection.mutex, segment.mutex, then this one.
 *
 * States of a line, with who changes them (all under the mutex):
 *
 *	fd == -1		none yet
 *	fd == LINE_GONE		somebody has closed it under us: line_check()
 *	fd >= 0, !is_dead	requests can be sent: line_ensure()
 *	fd >= 0, is_dead	the daemon hung up. The descriptor stays, in the epoll sets of all
 *				watches: so they are readable until line_ensure() has another, or
 *				they were told that there is none.
 */

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#include <shmreg/abi/packet.h>
#include <shmreg/handle.h>

#include "ready.h"

struct bell_end;
struct shmreg_connection;
struct shmreg_segment;

/* What a NOTIFY that may be answered was about. */
#define LINE_ASKED 64
struct line_asked {
	uint64_t serial;
	struct shmreg_segment *segment;	/* NULL: closed since */
	uint64_t object;
	uint64_t after;
	uint32_t index;
};

struct line {
	pthread_mutex_t mutex;
	int fd;			/* atomic, for a forked child */
	uint32_t epoch;		/* counts the times that our descriptors were closed under us */
	uint64_t identity;	/* of the socket that fd was */
	bool is_dead;
	bool is_heard;		/* the daemon has carried out a WATCH or a NOTIFY of this session */
	unsigned int n_spoilt;	/* bells that were left open (own-bell.h) */
	int refused;		/* HELLO: -errno, to be told to those who ask; 0 */
	uint64_t refused_ns;	/* when that was; 0 */
	uint64_t serial;
	uint64_t hello;		/* the serial of this connection's HELLO */
	uint64_t session;	/* counts connections, from 1 */
	struct shmreg_watch *watches;
	/* bells.c */
	struct line_asked asked[LINE_ASKED];	/* by serial; an old one's answer is not used */
	struct bell_end *ends;		/* memory for all */
	struct bell_end *free_ends;
	unsigned int n_ends;
};

#define LINE_GONE -2	/* there are watches, or bells, of what was there */
#define WATCH_LINE -1	/* in an epoll set: not the descriptor of a bell */

struct shmreg_watch {
	/* of the watch's own thread */
	const struct shmreg_handle *handle;	/* NULL: closed */
	uint64_t segment, participant, object;	/* ids */
	uint32_t events;
	int epoll;		/* what the application sees: over bells and line */
	int bell;		/* -1: none, now */
	struct ready_seen seen;
	/* under the line's mutex */
	struct shmreg_watch *next;
	struct shmreg_connection *connection;	/* NULL: ended */
	int fresh;		/* the bell that an answer has brought, not yet in use; -1 */
	bool on_line;		/* the line is in the epoll set */
	uint64_t session;	/* of the line, in which WATCH was sent; 0: is to be sent */
	uint64_t serial;	/* of that WATCH; 0: answered */
	uint64_t id;		/* the daemon's; 0: none */
	int status;		/* that WATCH was refused, and why */
	char why[SHMREG_ERROR_MAX + 1];
	/* atomic: 1: one of these has changed, or is not as it should be */
	uint32_t attention;
};

struct line_guard {
	sigset_t signals;
	int cancel;
};
void line_lock(struct shmreg_connection *c, struct line_guard *guard);
void line_unlock(struct shmreg_connection *c, const struct line_guard *guard);

void line_init(struct line *line);
/* The connection ends; its watches are none any more. */
void line_deinit(struct shmreg_connection *c);
/*
 * line_check() - has the application closed the line, and so all ends of bells?
 *
 * Before they are used or closed: their numbers may be its own by now.
 */
void line_check(struct line *line);
/* In a forked child: close the parent's socket. */
void line_forsake(struct line *line);

/*
 * line_ensure() - have a line, and all watches on it
 *
 * Return: 0; -ECONNREFUSED, -ENOENT nobody listens; -EAGAIN too many are waiting to be let
 * in; what HELLO was refused with, as -EDQUOT; -ECONNRESET daemons accept and hang up; -errno.
 */
int line_ensure(struct shmreg_connection *c);

/* line_send() - Return: 0; -EAGAIN its queue is full; -errno. Sets the header's rest. */
int line_send(struct shmreg_connection *c, struct shmreg_request *request);

/*
 * line_was_refused() - has the daemon just said that it will not have us?
 *
 * So that who makes one event after the other happen does not knock each time.
 */
bool line_was_refused(const struct line *line);

/* line_collect() - take in the answers that are there. A hang-up makes it dead. */
void line_collect(struct shmreg_connection *c);

/* line_settle() - send the WATCHes that were not sent, as far as they fit. */
void line_settle(struct shmreg_connection *c);

/* A watch begins, and ends. */
void line_join(struct shmreg_connection *c, struct shmreg_watch *w);
void line_part(struct shmreg_connection *c, struct shmreg_watch *w);
/* Its application was told that there is no line. */
void line_leave(struct shmreg_connection *c, struct shmreg_watch *w);
/* It was told of its status, and if that can get better, the next line_settle() tries. */
void line_told(struct shmreg_connection *c, struct shmreg_watch *w);
/* Its bell is of no use any more. */
void line_watch_again(struct shmreg_connection *c, struct shmreg_watch *w);
/* The fresh bell becomes the bell. */
void line_take_bell(struct shmreg_watch *w);

/* A handle is closed: its watches have none any more, and are never readable again. */
void line_forget_handle(struct shmreg_connection *c, const struct shmreg_handle *handle);

#endif /* LIBSHMREG_LINE_H */
