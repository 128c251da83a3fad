/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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
};

static void on_passed(struct ev_loop *loop, ev_io *w, int revents);
static void on_retry(struct ev_loop *loop, ev_timer *w, int revents);

int store_new(struct store **ret, struct ev_loop *loop, struct notify *notify)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store)
		return -ENOMEM;
	store->loop = loop;
	store->notify = notify;
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
	ev_timer_stop(store->loop, &store->retry);
	free(store);
	return NULL;
}

static void settle(struct store_entry *entry)
{
	struct store_waiter *waiter;

	entry->state = STORE_IN;
	while ((waiter = TAILQ_FIRST(&entry->waiters))) {
		store_unwait(waiter);
		waiter->stored(waiter);
	}
}

/* The manager closes the pipe's other end when it has done all that came before. */
static int barrier_send(struct store *store)
{
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	r = notify_send(store->notify, fds[1], "BARRIER=1");
	close(fds[1]);
	if (r < 0) {
		close(fds[0]);
		return r;
	}
	ev_io_set(&store->passed, fds[0], EV_READ);
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
			settle(entry);
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

	(void)loop, (void)revents;
	barrier_close(store);
	while ((entry = TAILQ_FIRST(&store->barrier))) {
		TAILQ_REMOVE(&store->barrier, entry, link);
		settle(entry);
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
	if (!notify_enabled(store->notify))
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
		settle(entry);
		return;
	}
	snprintf(name, sizeof(name), "d%" PRIx64, segment_id(s));
	store_remove_name(store, name);
	name[0] = 'm';
	store_remove_name(store, name);
	settle(entry);
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

bool store_idle(const struct store *store)
{
	return TAILQ_EMPTY(&store->sent) && TAILQ_EMPTY(&store->barrier);
}
