/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_SERVER_H
#define SHMREGD_SERVER_H

/*
 * server.h - the composition root: owns all the others, starts and stops them
 */

#include <ev.h>

#include "bus.h"
#include "chores.h"
#include "clients.h"
#include "kept-limits.h"
#include "listener.h"
#include "lock.h"
#include "notify.h"
#include "options.h"
#include "peer.h"
#include "reapers.h"
#include "registry.h"
#include "root.h"
#include "status.h"
#include "store.h"
#include "subscribers.h"
#include "watchers.h"

/* What hangs on each segment (segment_userdata). */
struct server_segment {
	LIST_ENTRY(server_segment) link;	/* of server */
	struct server *server;
	struct segment *segment;
	struct chore chore;
	bool discards;				/* it was disposed of */
	unsigned int n_failed;			/* in a row */
	struct store_entry store;
	ev_timer rest;			/* until it is repaired what was left idle */
	struct repair repair;
	bool repair_held;		/* a copy is taken before */
	struct watch_queue watches;
};

struct server {
	struct ev_loop *loop;
	struct options options;
	struct kept_limits limits;		/* of single users, over those of the options */
	int argc;			/* read again by SIGHUP */
	char *const *argv;

	struct notify *notify;
	struct status *status;
	struct lock lock;
	struct listener listener;
	struct registry *registry;
	struct clients *clients;
	struct store *store;
	struct reapers *reapers;
	struct chores *chores;
	struct snapshots *snapshots;
	struct bus *bus;
	struct root root;
	int old_root;			/* fd; of another layout, to be retired; -1: none */
	bool root_stale;		/* what is stored as the root is not to be found again */
	struct store_entry root_stored;
	struct subscribers subscribers;
	struct peers peers;
	struct parking parking;
	unsigned int n_connections;	/* charged: open, or over and their token is still mapped */
	unsigned int n_uncharged;	/* open, and about to be told why they are refused */
	uint64_t max_connections;
	uint64_t max_connection_fds;	/* of sockets and clients (clients_n_fds()) */
	uint64_t n_answer_fds;		/* in answers that wait */
	uint64_t max_answer_fds;
	uint64_t n_watches;
	uint64_t max_watches;
	uint64_t store_segments;	/* beyond them the store was full; UINT64_MAX: not yet */
	uint64_t last_watch;		/* id */

	LIST_HEAD(, server_segment) attached;
	struct server_segment *spare;	/* for the next segment, see server_prepare() */
	struct shmreg_stats_reply stats;

	ev_signal sigterm, sigint, sighup, sigusr1;
	ev_timer watchdog;
	ev_timer drain;			/* the longest that an end in order may take */
	ev_timer relock;		/* an earlier daemon still lives */
	bool stopping;
	bool has_successor;			/* another daemon is about to take over */
	bool restoring;
};

/* Takes over @options. Return: what main() is to exit with. */
int server_run(struct options *options, int argc, char *const argv[]);

/* See that a segment may come into being. Return: 0; -ENOMEM and a sentence. */
int server_prepare(struct server *server, char *error);
/* After registry_restore(); @s NULL: it failed. */
void server_settle_restored(struct server *server, struct segment *s);
struct store_entry *server_store_entry(const struct segment *s);
/* Each uid may have so much, until the options are read anew. */
void server_set_uid_limit(struct server *server, enum shmreg_resource what, uint64_t limit);
/* One more connection. Return: 0; -EDQUOT, -EUSERS and a sentence. */
int server_charge_connection(struct server *server, uint32_t uid, char *error);
/* May a connection take @n more? Return: 0; -EUSERS and a sentence. */
int server_check_descriptors(const struct server *server, unsigned int n, char *error);
/*
 * server_charge_answer() - @n descriptors of an answer that waits
 *
 * One user may have half of those that there are for all, and beyond that an eighth. Return:
 * false if there is no room.
 */
bool server_charge_answer(struct server *server, uint32_t uid, unsigned int n);
void server_uncharge_answer(struct server *server, unsigned int n);
/* SET_LIMIT. Return: 0; -EACCES, -ENOMEM, others of a file, and a sentence. */
int server_limit_user(struct server *server, const struct caller *c,
		      const struct shmreg_set_limit *in, char *error);
void server_uncharge_connection(struct server *server, uint32_t uid);
/*
 * WATCH, UNWATCH and NOTIFY of a connection. *ret_bell is -1 without DESCRIPTOR; it and @fds
 * are the caller's to close.
 *
 * Return: 0; -errno and a sentence.
 */
int server_watch(struct server *server, struct peer *p, const struct shmreg_watch_request *in,
		 uint64_t *ret_id, int *ret_bell, char *error);
int server_unwatch(struct server *server, struct peer *p, uint64_t id, char *error);
/*
 * server_give_watch() - its bell is about to be sent to its owner, or (@given false) was not
 *
 * Those who make events happen are told of it from then on.
 */
void server_give_watch(struct peer *p, uint64_t id, bool given);
int server_notify(struct server *server, struct peer *p, const struct shmreg_notify *in,
		  struct shmreg_notify_reply *ret, int fds[SHMREG_NOTIFY_MAX], char *error);
/* The connection is over. */
void server_end_watches(struct server *server, struct peer *p);
/* A peer has gone or its answer has: the end may be near. */
void server_check_drained(struct server *server);

#endif /* SHMREGD_SERVER_H */
