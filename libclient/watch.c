/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <shmreg/wake.h>
#include <shmreg/watch.h>

#include "error.h"
#include "own-bell.h"
#include "segment.h"
#include "transport.h"
#include "waiter.h"

#define CROWD_MS 10

/* Lost races with wakers, after which nobody but a peer that garbles can be the cause. */
#define TRIES 1024

/*
 * Why no event is missed, with the labels of shmreg/wake.h. shmreg_watch_ready():
 *
 *	1 look: something there? then that is the answer
 *	2 take all bytes but one out of the bell
 *	3 set A and raise the sequence, in one step			(N7)
 *	4 membarrier							(F)
 *	5 look: something there? then that is the answer
 *	6 take out the byte that 2 left, if it left one
 *
 * Let P be an event that 5 did not see. Then its waker's L comes after 3, by (N1), and finds
 * A, or watch, which was set before 1. Either it rings, after 3: a byte comes on top of what 2 has
 * left, or finds no room for it, for which there must be more than the one that 6 takes. So
 * the bell is not empty after 6. Or another waker has taken A away between 3 and L. Then that
 * one rang after a W' that had found A as 3 left it, (N7), so after 3, and the bell is not empty
 * either. Were 2 to take all bytes in the place of 6, a bell that was full could be rung in vain
 * before. After an answer in 1 or 5 the bell is as readable as it was before the call.
 *
 * What is not rung by a waker, the daemon rings: deaths, repairs, removals. For these, and for
 * the first byte of a bell, 5 is the look that comes after 2; which is why the reasons
 * to give up are asked for after 3 as well.
 *
 * Without a bell (asked for, and not answered yet) 6 takes nothing, and the bell that comes has a
 * byte in it.
 */

static uint32_t known_events(uint32_t kind)
{
	return (shmreg_kind_eventcount(kind, SHMREG_WAIT_ITEMS) != 0 ? SHMREG_WAIT_ITEMS : 0) |
	       (shmreg_kind_eventcount(kind, SHMREG_WAIT_SPACE) != 0 ? SHMREG_WAIT_SPACE : 0);
}

static int check(const struct shmreg_handle *handle, uint32_t events)
{
	int r;

	if (handle == NULL || handle->base == NULL)
		return error_set(-ECHILD, "this handle is NULL, was inherited by fork(), or is closed "
				 "already");
	if (events == 0 || (events & ~known_events(handle->shape.kind)) != 0)
		return error_set(-EINVAL, "events %#x of %s '%s' are to be watched; there are %#x "
				 "(SHMREG_WAIT_ITEMS is 1, SHMREG_WAIT_SPACE 2)", events,
				 shmreg_kind_name(handle->shape.kind), handle->entry->name,
				 known_events(handle->shape.kind));
	r = shmreg_handle_trouble(handle);
	if (r == -ENOTRECOVERABLE)
		return error_set(r, "segment '%s' is quarantined", handle->segment->name);
	if (r < 0)
		return error_set(r, "object '%s' in segment '%s' was removed", handle->entry->name,
				 handle->segment->name);
	return 0;
}

static void link_watch(struct shmreg_connection *c, struct shmreg_watch *w)
{
	struct line_guard guard;

	line_lock(c, &guard);
	line_check(&c->line);
	line_join(c, w);
	line_unlock(c, &guard);
}

static int said(const struct shmreg_connection *c, const struct shmreg_watch *w, int r)
{
	if (r == w->status && w->why[0] != '\0')
		return error_set(r == -ENOENT ? -ESTALE : r, "%s", w->why);
	if (r == -ECONNREFUSED || r == -ENOENT)
		return error_set(r, "no shmregd listens at '%s' any more (%s)", c->path,
				 strerror(-r));
	if (r == -EMFILE)
		return error_set(r, "no descriptor is left for a watch; raise RLIMIT_NOFILE ('ulimit "
				 "-n')");
	return error_set(r, "cannot have a watch from shmregd at '%s': %s", c->path, strerror(-r));
}

/* Is it registered? *ret_ms: else, how long to wait at most. Return: 1; 0 not yet; -errno. */
static int try_open(struct shmreg_connection *c, struct shmreg_watch *w, int *ret_ms)
{
	struct line_guard guard;
	int r;

	line_lock(c, &guard);
	line_check(&c->line);
	line_collect(c);
	r = c->line.refused;
	c->line.refused = 0;
	if (r == 0)
		r = line_ensure(c);
	/* A crowd before the daemon's door is not to be slept through on a descriptor. */
	*ret_ms = r == -EAGAIN ? CROWD_MS : -1;
	if (r == 0) {
		line_settle(c);
		r = w->status;
	}
	if (r == 0)
		line_take_bell(w);
	if (r == -EAGAIN)
		r = 0;
	line_unlock(c, &guard);
	return r < 0 ? r : w->bell >= 0;
}

static int wait_until_open(struct shmreg_connection *c, struct shmreg_watch *w)
{
	struct pollfd p = { .fd = w->epoll, .events = POLLIN };
	int ms, r;

	for (;;) {
		r = try_open(c, w, &ms);
		if (r != 0)
			return r < 0 ? said(c, w, r) : 0;
		poll(&p, 1, ms);
	}
}

int shmreg_watch_open(const struct shmreg_handle *handle, uint32_t events,
		      struct shmreg_watch **ret)
{
	struct shmreg_connection *c;
	struct shmreg_watch *w;
	int r;

	r = check(handle, events);
	if (r < 0)
		return r;
	c = handle->segment->connection;
	r = connection_usable(c);
	if (r < 0)
		return r;
	if (handle->segment->apart)
		return handle->segment->watch(handle, NULL);
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return error_set(-ENOMEM, "no memory is left");
	w->bell = -1;
	w->fresh = -1;
	w->epoll = transport_keep_off(epoll_create1(EPOLL_CLOEXEC));
	if (w->epoll < 0) {
		r = error_set(-errno, "no descriptor is left for a watch; raise RLIMIT_NOFILE ('ulimit "
			      "-n')");
		free(w);
		return r;
	}
	w->connection = c;
	w->handle = handle;
	w->segment = handle->segment->id;
	w->participant = handle->segment->participant;
	w->object = handle->object;
	w->events = events;
	link_watch(c, w);
	r = wait_until_open(c, w);
	if (r < 0) {
		shmreg_watch_close(w);
		return r;
	}
	*ret = w;
	return 0;
}

int shmreg_watch_fd(const struct shmreg_watch *w)
{
	if (w->connection == NULL || connection_inherited(w->connection))
		return -ECHILD;
	return w->epoll;
}

/* Answers, hang-ups, refusals. Return: 0; -errno, which is told once. */
static int serve(struct shmreg_watch *w, bool lost)
{
	struct shmreg_connection *c = w->connection;
	struct line_guard guard;
	int r;

	line_lock(c, &guard);
	line_check(&c->line);
	/* relaxed: under the mutex, with which it is set */
	shmreg_store_relaxed(&w->attention, 0);
	if (lost)
		line_watch_again(c, w);
	line_collect(c);
	r = c->line.refused;
	c->line.refused = 0;
	if (r == 0)
		r = line_ensure(c);
	/* Too many before us: the dead line, which is readable, brings us here again. */
	if (r == 0 || r == -EAGAIN) {
		line_settle(c);
		r = w->status;
		if (r < 0)
			line_told(c, w);
	} else {
		line_leave(c, w);
		r = r == -ECONNREFUSED || r == -ENOENT || r == -ECONNRESET ? -EHOSTDOWN : r;
	}
	line_take_bell(w);
	/* What is not as it should be is looked at again when the application asks again. */
	if (!w->on_line || w->session == 0 || w->status < 0)
		shmreg_store_relaxed(&w->attention, 1);
	line_unlock(c, &guard);
	return r == -ENOENT ? -ESTALE : r;
}

/*
 * All but @keep of the *n bytes that are there, of which *n are left. A bell that a peer has spoilt is
 * given up for another, which has a byte in it.
 *
 * Return: 0; -errno.
 */
static int empty(struct shmreg_watch *w, size_t *n, size_t keep)
{
	ssize_t got;

	while (*n > keep) {
		got = own_bell_take(w->bell, *n - keep);
		if (got == -EBADMSG) {
			*n = 0;
			return serve(w, true);
		}
		if (got <= 0)
			break;
		*n -= (size_t)got;
	}
	return 0;
}

/* 3 and 4. */
static void arm(const struct shmreg_watch *w)
{
	const struct shmreg_handle *h = w->handle;
	uint32_t event, count, *word, i;

	if (h->segment->read_only)
		return;									/* (N8) */
	for (event = SHMREG_WAIT_ITEMS; event <= SHMREG_WAIT_SPACE; event <<= 1) {
		if ((w->events & event) == 0)
			continue;
		word = (uint32_t *)(void *)(h->base + shmreg_kind_eventcount(h->shape.kind, event)) +
		       SHMREG_EVENTCOUNT_COUNT;
		count = shmreg_load_acquire(word);
		for (i = 0; i < TRIES; i++)
			if (shmreg_cas_acq_rel(word, &count,
					       shmreg_eventcount_raised(count) |
						       SHMREG_EVENTCOUNT_ARMED))
				break;
	}
	waiter_fence();									/* F */
}

/* Return: 0; -errno. */
static int look_around(struct shmreg_watch *w)
{
	struct epoll_event events[3];
	bool lost = false, needed;
	int i, n;

	/* acquire: what it is set for */
	needed = shmreg_load_acquire(&w->attention) != 0;
	n = epoll_wait(w->epoll, events, 3, 0);
	for (i = 0; i < n; i++) {
		if (events[i].data.fd == WATCH_LINE)
			needed = true;
		/* Nobody holds the other end any more, or a peer has shut it. */
		else if (events[i].data.fd == w->bell &&
			 (events[i].events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) != 0)
			lost = true;
	}
	return needed || lost ? serve(w, lost) : 0;
}

int shmreg_watch_ready(struct shmreg_watch *w)
{
	size_t left = 0;
	int n = 0, r, spoilt;
	uint32_t events;

	if (w->connection == NULL || connection_inherited(w->connection) || w->handle == NULL ||
	    w->handle->base == NULL)
		return -ECHILD;
	events = ready_look(w->handle, w->events, &w->seen);				/* 1 */
	if (events != 0)
		return (int)events;
	r = look_around(w);
	if (w->bell >= 0 && ioctl(w->bell, FIONREAD, &n) == 0 && n > 0)
		left = (size_t)n;
	spoilt = empty(w, &left, 1);							/* 2 */
	if (r == 0)
		r = spoilt;
	if (r == 0)
		arm(w);									/* 3, 4 */
	events = ready_look(w->handle, w->events, &w->seen);				/* 5 */
	if (events != 0)
		return (int)events;
	if (r == 0)
		r = shmreg_handle_trouble(w->handle);
	spoilt = empty(w, &left, 0);							/* 6 */
	return r == 0 ? spoilt : r;
}

struct shmreg_watch *shmreg_watch_close(struct shmreg_watch *w)
{
	struct line_guard guard;

	if (w == NULL)
		return NULL;
	if (w->connection != NULL && !connection_inherited(w->connection)) {
		line_lock(w->connection, &guard);
		line_check(&w->connection->line);
		line_part(w->connection, w);
		line_unlock(w->connection, &guard);
	}
	if (w->bell >= 0)
		own_bell_close(w->bell);
	if (w->fresh >= 0)
		own_bell_close(w->fresh);
	close(w->epoll);
	free(w);
	return NULL;
}
