/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "registry.h"
#include "store.h"

#define RETRY_SEC 0.1

TAILQ_HEAD(entries, store_entry);

struct store {
	struct ev_loop *loop;
	struct notify *notify;
	struct entries sent;		/* since the barrier */
	struct entries barrier;		/* before it */
	ev_io passed;			/* active: a barrier is on its way */
	ev_timer retry;			/* no descriptor was left for one */
	bool probes;
	bool disabled;			/* the manager keeps nothing */
	int probe;			/* the end that we read; -1: none is on its way */
	const struct store_ops *ops;
	void *data;
};

static void on_passed(struct ev_loop *loop, ev_io *w, int revents);
static void on_retry(struct ev_loop *loop, ev_timer *w, int revents);

uint64_t store_announced(void)
{
	const char *text = getenv("FDSTORE");
	const uint64_t n = text ? strtoull(text, NULL, 10) : 0;

	/* One of them is the root. */
	return n > 0 ? (n - 1) / 2 : UINT64_MAX;
}

int store_new(struct store **ret, struct ev_loop *loop, struct notify *notify,
	      const struct store_ops *ops, void *data)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store)
		return -ENOMEM;
	store->loop = loop;
	store->notify = notify;
	store->ops = ops;
	store->data = data;
	store->probe = -1;
	store->probes = store_announced() == UINT64_MAX;
	TAILQ_INIT(&store->sent);
	TAILQ_INIT(&store->barrier);
	ev_init(&store->passed, on_passed);
	store->passed.data = store;
	ev_timer_init(&store->retry, on_retry, RETRY_SEC, 0.);
	store->retry.data = store;
	*ret = store;
	return 0;
}

static void barrier_close(struct store *store)
{
	if (!ev_is_active(&store->passed))
		return;
	ev_io_stop(store->loop, &store->passed);
	close(store->passed.fd);
}

struct store *store_free(struct store *store)
{
	if (!store)
		return NULL;
	barrier_close(store);
	if (store->probe >= 0)
		close(store->probe);
	ev_timer_stop(store->loop, &store->retry);
	free(store);
	return NULL;
}

static void settle(struct store_entry *entry, int r)
{
	struct store_waiter *waiter;

	entry->state = STORE_IN;
	while ((waiter = TAILQ_FIRST(&entry->waiters))) {
		store_unwait(waiter);
		waiter->stored(waiter, r);
	}
}

/* The writing end of a new pipe goes to the manager. Return: the other; -errno. */
static int send_pipe(struct store *store, const char *text)
{
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	r = notify_send(store->notify, fds[1], text);
	close(fds[1]);
	if (r < 0)
		close(fds[0]);
	return r < 0 ? r : fds[0];
}

static int probe_send(struct store *store)
{
	int r;

	if (!store->probes || store->probe >= 0)
		return 0;
	r = send_pipe(store, "FDSTORE=1\nFDPOLL=0\nFDNAME=" STORE_PROBE);
	if (r >= 0)
		store->probe = r;
	return r < 0 ? r : 0;
}

/* After the barrier. Return: was there room for it? */
static bool probe_take(struct store *store)
{
	struct pollfd p = { .fd = store->probe };
	bool room;

	if (store->probe < 0)
		return true;
	room = poll(&p, 1, 0) == 0;
	close(store->probe);
	store->probe = -1;
	if (room)
		store_remove_name(store, STORE_PROBE);
	return room;
}

/* The manager closes the pipe's other end when it has done all that came before. */
static int barrier_send(struct store *store)
{
	int r;

	r = probe_send(store);
	if (r < 0)
		return r;
	r = send_pipe(store, "BARRIER=1");
	if (r < 0)
		return r;
	ev_io_set(&store->passed, r, EV_READ);
	ev_io_start(store->loop, &store->passed);
	return 0;
}

static void barrier_next(struct store *store)
{
	struct store_entry *entry;
	int r;

	if (TAILQ_EMPTY(&store->sent) || ev_is_active(&store->passed))
		return;
	r = barrier_send(store);
	if (r == -EMFILE || r == -ENFILE) {
		ev_timer_start(store->loop, &store->retry);
		return;
	}
	if (r < 0) {
		/* Nobody is there any more who could keep anything, or tell. */
		while ((entry = TAILQ_FIRST(&store->sent))) {
			TAILQ_REMOVE(&store->sent, entry, link);
			settle(entry, 0);
		}
		return;
	}
	TAILQ_CONCAT(&store->barrier, &store->sent, link);
	TAILQ_FOREACH(entry, &store->barrier, link)
		entry->state = STORE_BARRIER;
}

static void on_passed(struct ev_loop *loop, ev_io *w, int revents)
{
	struct store *store = w->data;
	struct store_entry *entry;
	unsigned int n = 0;
	bool room;

	(void)loop, (void)revents;
	barrier_close(store);
	room = probe_take(store);
	if (!room) {
		TAILQ_FOREACH(entry, &store->barrier, link)
			n += entry->segment;
		store->ops->full(store->data, n);
	}
	while ((entry = TAILQ_FIRST(&store->barrier))) {
		TAILQ_REMOVE(&store->barrier, entry, link);
		settle(entry, room ? 0 : -ENOSPC);
	}
	barrier_next(store);
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop, (void)revents;
	barrier_next(w->data);
}

static int send_one(struct store *store, char kind, const struct segment *s, int fd)
{
	char text[80];

	snprintf(text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=%c%" PRIx64, kind, segment_id(s));
	return notify_send(store->notify, fd, text);
}

static void sent(struct store *store, struct store_entry *entry)
{
	entry->state = STORE_SENT;
	TAILQ_INSERT_TAIL(&store->sent, entry, link);
	barrier_next(store);
}

void store_add(struct store *store, struct store_entry *entry, const struct segment *s)
{
	int r;

	store_adopt(entry);
	entry->segment = true;
	if (!notify_enabled(store->notify) || store->disabled)
		return;
	r = send_one(store, 'd', s, segment_dir_fd(s));
	if (r == 0)
		r = send_one(store, 'm', s, segment_data_fd(s));
	if (r < 0) {
		log_error("segment '%s' (%" PRIu64 ") will not survive a restart of the daemon: it "
			  "could not be stored", segment_name(s), segment_id(s));
		return;
	}
	sent(store, entry);
}

void store_add_root(struct store *store, struct store_entry *entry, int fd)
{
	store_adopt(entry);
	if (!notify_enabled(store->notify))
		return;
	if (notify_send(store->notify, fd, "FDSTORE=1\nFDPOLL=0\nFDNAME=" STORE_ROOT) == 0)
		sent(store, entry);
	else
		log_error("who waits for a segment to be made will wait for ever after a restart of "
			  "the daemon: the root could not be stored");
}

void store_adopt(struct store_entry *entry)
{
	TAILQ_INIT(&entry->waiters);
	entry->state = STORE_IN;
}

void store_remove_name(struct store *store, const char *name)
{
	char text[300];

	snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%.255s", name);
	notify_send(store->notify, -1, text);
}

void store_remove(struct store *store, struct store_entry *entry, const struct segment *s)
{
	char name[20];

	if (entry->state == STORE_SENT)
		TAILQ_REMOVE(&store->sent, entry, link);
	else if (entry->state == STORE_BARRIER)
		TAILQ_REMOVE(&store->barrier, entry, link);
	if (!notify_enabled(store->notify)) {
		settle(entry, 0);
		return;
	}
	snprintf(name, sizeof(name), "d%" PRIx64, segment_id(s));
	store_remove_name(store, name);
	name[0] = 'm';
	store_remove_name(store, name);
	settle(entry, 0);
}

bool store_has(const struct store_entry *entry)
{
	return entry->state == STORE_IN;
}

void store_wait(struct store_entry *entry, struct store_waiter *waiter)
{
	waiter->entry = entry;
	TAILQ_INSERT_TAIL(&entry->waiters, waiter, link);
}

void store_unwait(struct store_waiter *waiter)
{
	if (!waiter->entry)
		return;
	TAILQ_REMOVE(&waiter->entry->waiters, waiter, link);
	waiter->entry = NULL;
}

void store_disable(struct store *store)
{
	store->disabled = true;
}

bool store_idle(const struct store *store)
{
	return TAILQ_EMPTY(&store->sent) && TAILQ_EMPTY(&store->barrier);
}
