/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_STORE_H
#define SHMREGD_STORE_H

/*
 * store.h - the service manager keeps our descriptors
 *
 * Each segment's directory is stored as "d<hex id>" and its data area as
 * "m<hex id>": short names, since LISTEN_FDNAMES of all of them must fit into
 * 128 KiB. A segment is stored once the manager has closed the descriptor of a
 * BARRIER=1 that was sent after it; whoever waits is told then. One barrier is
 * on its way at a time, for all that was sent before it. The registry's root is
 * stored as STORE_ROOT in the same way, and never removed.
 *
 * What does not fit into the store the manager closes, with a line in its log only.
 * systemd says in $FDSTORE how much fits, from version 254 on. Where it does not, a
 * pipe is stored as STORE_PROBE before each barrier and taken out after it: if the
 * manager has closed it, then there was no room for it after the segments, and
 * perhaps none for one of them. Those count as not stored.
 *
 * Without a service manager everything is stored at once: there is no store.
 */

#include <stdbool.h>
#include <sys/queue.h>

#include "notify.h"

#define STORE_ROOT "root"
#define STORE_PROBE "probe"

struct segment;
struct store;

/* Who waits for a segment to be stored. */
struct store_waiter {
	TAILQ_ENTRY(store_waiter) link;
	struct store_entry *entry;	/* NULL: waits for nothing */
	/* @r: 0; -ENOSPC the store is full. May not change the store. */
	void (*stored)(struct store_waiter *waiter, int r);
};

/* Of each segment; zero before store_add(). */
struct store_entry {
	TAILQ_ENTRY(store_entry) link;
	TAILQ_HEAD(, store_waiter) waiters;
	bool segment;			/* not the root */
	enum { STORE_OUT = 0, STORE_SENT, STORE_BARRIER, STORE_IN } state;
};

struct store_ops {
	/* There was no room for @n segments that were to be stored; called before who waits is told. */
	void (*full)(void *data, unsigned int n);
};

int store_new(struct store **ret, struct ev_loop *loop, struct notify *notify,
	      const struct store_ops *ops, void *data);
struct store *store_free(struct store *store);

void store_add(struct store *store, struct store_entry *entry, const struct segment *s);
void store_add_root(struct store *store, struct store_entry *entry, int fd);
/* It was in the store when we were started. */
void store_adopt(struct store_entry *entry);
/* Whoever waits is told. */
void store_remove(struct store *store, struct store_entry *entry, const struct segment *s);
/* Something that is in the store by this name and of no use. */
void store_remove_name(struct store *store, const char *name);

bool store_has(const struct store_entry *entry);
void store_wait(struct store_entry *entry, struct store_waiter *waiter);
void store_unwait(struct store_waiter *waiter);
/* How many segments the service manager says that it can keep; UINT64_MAX if it says nothing. */
uint64_t store_announced(void);
/* Nothing is stored any more. */
void store_disable(struct store *store);
/* Is anybody waiting? */
bool store_idle(const struct store *store);

#endif /* SHMREGD_STORE_H */
