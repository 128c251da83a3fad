/* SPDX-License-Identifier: MIT */

/* Requests and answers, and the sessions in which they are exchanged, which daemons begin and end. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connection.h"
#include "error.h"
#include "futex.h"
#include "segment.h"

/*
 * How many daemons in a row may die on one request. Each of them had accepted the
 * connection; a daemon that is not there at all ends the call at once.
 */
#define LIVES 16

/*
 * The pages by which the daemon sees that this process has not exec'd (see
 * shmreg/abi/packet.h). Those of earlier sessions stay mapped too: the daemon of
 * a session that was lost may still be looking at its own.
 */
struct token {
	struct token *next;
	void *memory;
};

static int nonsense(struct shmreg_connection *c, const char *what)
{
	connection_hang_up(c);
	return error_set(-EBADMSG, "what answers at '%s' is not shmregd, or a broken one: %s", c->path,
			 what);
}

/* Return: 0 there is something to be received, or it is waited for without end; -ETIMEDOUT. */
static int await_answer(const struct shmreg_connection *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	int r;

	if (c->patience_ms == 0)
		return 0;
	do
		r = poll(&p, 1, c->patience_ms);
	while (r < 0 && errno == EINTR);
	return r != 0 ? 0 : error_set(-ETIMEDOUT, "shmregd at '%s' does not answer", c->path);
}

/* One packet there and one back. Return: 0, whatever the reply's status; -ECONNRESET; ... */
static int exchange(struct shmreg_connection *c, struct shmreg_request *request,
		    struct connection_call *call)
{
	struct shmreg_reply *reply = &call->reply;
	int n, r;

	request->header.magic = SHMREG_PACKET_MAGIC;
	request->header.protocol = SHMREG_PROTOCOL;
	request->header.serial = ++c->serial;
	r = transport_send(c->fd, request);
	if (r < 0)
		goto failed;
	r = await_answer(c);
	if (r < 0)
		goto failed;
	n = transport_receive(c->fd, reply, call->fds, &call->n_fds, 0);
	if (n < 0) {
		r = n;
		/* A reply with descriptors that found no room is lost, the session is not. */
		if (r == -EMFILE)
			return r;
		goto failed;
	}
	r = 0;
	if ((size_t)n >= sizeof(reply->header) && reply->header.magic == SHMREG_PACKET_MAGIC &&
	    reply->header.protocol != SHMREG_PROTOCOL) {
		r = error_set(-EPROTONOSUPPORT, "shmregd at '%s' speaks protocol %u, this program's "
			      "libshmreg %s protocol %d: install the two in versions that belong "
			      "together", c->path, reply->header.protocol, shmreg_version(),
			      SHMREG_PROTOCOL);
	} else if (shmreg_reply_check(reply, (size_t)n, request->header.type,
				      request->header.serial) < 0) {
		r = nonsense(c, "its answer is not one to the request");
	}
	if (r < 0)
		connection_call_done(call);
failed:
	if (r < 0)
		connection_hang_up(c);
	return r;
}

/* The daemon's own sentence, and a fallback for one that says nothing. */
static int refused(const struct shmreg_connection *c, const struct shmreg_reply *reply)
{
	const int status = reply->header.status;

	if (reply->u.error[0] == '\0')
		return error_set(status, "shmregd at '%s' refused: %s", c->path, strerror(-status));
	return error_set(status, "%.*s", SHMREG_ERROR_MAX, reply->u.error);
}

static int token_map(struct shmreg_connection *c, const struct connection_call *call)
{
	const size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
	struct token *token;
	struct stat st;
	int r;

	if (call->n_fds != 1 || fstat(call->fds[0], &st) < 0 || st.st_size < (off_t)bytes)
		return nonsense(c, "its greeting brings no token");
	token = calloc(1, sizeof(*token));
	if (token == NULL)
		return error_set(-ENOMEM, "no memory is left");
	token->memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, call->fds[0], 0);
	if (token->memory == MAP_FAILED) {
		r = -errno;
		free(token);
		return error_set(r, "cannot map shmregd's token: %s", strerror(-r));
	}
	/* A child that outlives us must not look like us. Cannot fail on a mapping just made. */
	madvise(token->memory, bytes, MADV_DONTFORK);
	token->next = c->tokens;
	c->tokens = token;
	return 0;
}

void connection_forget_tokens(struct shmreg_connection *c)
{
	struct token *token;

	while ((token = c->tokens) != NULL) {
		c->tokens = token->next;
		munmap(token->memory, (size_t)sysconf(_SC_PAGESIZE));
		free(token);
	}
}

/* Whoever waits for a segment of the old one to be created (segment-wait.c) waits in vain. */
static void take_registry(struct shmreg_connection *c, uint64_t registry)
{
	if (c->registry == registry)
		return;
	c->registry = registry;
	shmreg_fetch_add_release(&c->n_registries, 1);
	futex_wake(&c->n_registries, UINT32_MAX);
}

static int hello(struct shmreg_connection *c)
{
	struct connection_call call = { .request.header.type = SHMREG_PACKET_HELLO };
	struct shmreg_hello *h = &call.request.u.hello;
	int r;

	h->flags = (c->flags & SHMREG_CONNECT_OBSERVER) != 0 ? SHMREG_HELLO_OBSERVER : 0;
	snprintf(h->name, sizeof(h->name), "%s", c->name);
	snprintf(h->version, sizeof(h->version), "%s", shmreg_version());
	r = exchange(c, &call.request, &call);
	if (r < 0)
		return r;
	if (call.reply.header.status < 0)
		r = refused(c, &call.reply);
	else if ((c->flags & SHMREG_CONNECT_OBSERVER) == 0)
		r = token_map(c, &call);
	connection_call_done(&call);
	if (r < 0) {
		connection_hang_up(c);
		return r;
	}
	take_registry(c, call.reply.u.hello.registry);
	c->session++;
	return 0;
}

/* Present one attachment to a daemon that may be a new one. */
static int reattach(struct shmreg_connection *c, struct shmreg_segment *s)
{
	struct connection_call call = { .request.header.type = SHMREG_PACKET_REATTACH };
	char why[SHMREG_ERROR_MAX + 1];
	int r;

	if (shmreg_load_relaxed(&s->lost) < 0) /* relaxed: written under the mutex we hold */
		return 0;
	if (s->registry != c->registry) {
		snprintf(why, sizeof(why), "shmregd was started anew without it: its registry is "
			 "%016" PRIx64 ", the segment's %016" PRIx64, c->registry, s->registry);
		segment_lost(s, -ESTALE, why);
		return 0;
	}
	segment_attachment(s, &call.request.u.attachment);
	r = exchange(c, &call.request, &call);
	if (r < 0)
		return r;
	connection_call_done(&call);
	if (call.reply.header.status < 0) {
		call.reply.u.error[SHMREG_ERROR_MAX] = '\0';
		r = call.reply.header.status;
		segment_lost(s, r == -ENOENT ? -ESTALE : r, call.reply.u.error);
		return 0;
	}
	segment_reattached(s, call.request.u.attachment.epoch);
	return 0;
}

/* With the mutex held. Return: 0; -ECONNRESET this daemon is gone already, try the next. */
static int session_begin(struct shmreg_connection *c)
{
	struct shmreg_segment *s;
	int r;

	r = transport_connect(c->path);
	if (r < 0)
		return r;
	c->identity = transport_identity(r);
	/* release: identity; pairs with the exchange of a forked child, who has no mutex */
	shmreg_store_release(&c->fd, r);
	r = hello(c);
	for (s = c->segments; r == 0 && s != NULL; s = s->next)
		r = reattach(c, s);
	if (r < 0)
		connection_hang_up(c);
	return r;
}

static int lost_too_often(const struct shmreg_connection *c)
{
	return error_set(-ECONNRESET, "shmregd at '%s' accepted the connection and hung up, %d times "
			 "in a row; its log says why", c->path, LIVES);
}

int connection_begin(struct shmreg_connection *c)
{
	int life, r = -ECONNRESET;

	for (life = 0; r == -ECONNRESET && life < LIVES; life++)
		r = session_begin(c);
	return r == -ECONNRESET ? lost_too_often(c) : r;
}

static int call_locked(struct shmreg_connection *c, struct connection_call *call)
{
	int life, r;

	connection_check(c);
	for (life = 0; life < LIVES; life++) {
		if (c->fd < 0) {
			if (call->only_connected)
				return -ENOTCONN;
			r = session_begin(c);
			if (r == -ECONNRESET)
				continue;
			if (r < 0)
				return r;
			if (call->n_lost > 0 && call->settled != NULL && call->settled(call))
				return 0;
		}
		/* relaxed: written under this mutex */
		if (call->segment != NULL && shmreg_load_relaxed(&call->segment->lost) < 0)
			return error_set(call->segment->lost, "segment '%s' is not known to shmregd "
					 "any more (%s). What is mapped goes on working; close it and "
					 "create it again for everything else", call->segment->name,
					 call->segment->lost_why);
		r = exchange(c, &call->request, call);
		if (r == -ECONNRESET) {
			call->n_lost++;
			continue;
		}
		if (r < 0)
			return r;
		if (call->reply.header.status < 0) {
			connection_call_done(call);
			return refused(c, &call->reply);
		}
		call->registry = c->registry;
		call->session = c->session;
		return 0;
	}
	return lost_too_often(c);
}

int connection_call(struct shmreg_connection *c, struct connection_call *call)
{
	int r;

	r = connection_usable(c);
	if (r < 0)
		return r;
	if (c->apart)
		return error_set(-EROFS, "segment '%s' is a snapshot: there is no daemon to ask, and "
				 "nothing in it can be changed",
				 call->segment != NULL ? call->segment->name : "?");
	pthread_mutex_lock(&c->mutex);
	c->patience_ms = call->patience_ms;
	if (c->events)
		r = error_set(-EBUSY, "this connection is a stream of events since "
			      "shmreg_subscribe(); use another one for requests");
	else
		r = call_locked(c, call);
	pthread_mutex_unlock(&c->mutex);
	return r;
}
