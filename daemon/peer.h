/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_PEER_H
#define SHMREGD_PEER_H

/*
 * peer.h - one connection
 *
 * Each request is answered before the next one is read: an answer that cannot
 * go out yet, since the client does not read or the segment is not stored yet,
 * is the only one that is kept, and until it has gone nothing is received.
 * So a client makes us hold one packet and four descriptors at most.
 *
 * Only the loop frees a peer: peer_doom() may be called from anywhere.
 */

#include <stdbool.h>
#include <sys/queue.h>

#include <ev.h>

#include "clients.h"
#include "parking.h"
#include "registry.h"
#include "store.h"
#include "subscribers.h"
#include "watchers.h"

#define PEER_FDS_MAX 4	/* SHMREG_NOTIFY_MAX */

struct server;

/* An answer on its way. */
struct answer {
	struct shmreg_reply reply;
	int fds[PEER_FDS_MAX];
	unsigned int n_fds;
	unsigned int lent;	/* a bit for each that is not the answer's own, until it has to wait */
};

struct peer {
	TAILQ_ENTRY(peer) link;			/* of server */
	LIST_ENTRY(peer) of_client;		/* while client is set */
	struct server *server;
	int fd;
	ev_io io;
	struct caller caller;			/* uid, gid and pid from the start; the rest from HELLO */
	bool charged;
	bool greeted;
	bool observer;
	bool identified;			/* caller.process is more than a number */
	bool doomed;
	bool takes_rights;			/* of what is in its queue some may be descriptors */
	struct client *client;			/* NULL: observer, or not greeted */
	struct token *token;			/* the client's own */
	struct answer *pending;
	unsigned int n_kept_fds;		/* of it, charged */
	struct parked *parked;			/* instead of an answer */
	struct store_waiter stored;
	bool not_stored;		/* what the pending answer waited for */
	struct subscriber *subscriber;
	struct watch_list watches;
};

TAILQ_HEAD(peers, peer);

/* @fd: accepted; consumed. A peer that is not wanted is closed at once. */
void peer_new(struct server *server, int fd);
/* For the end of the server; else peer_doom(). */
struct peer *peer_free(struct peer *p);
void peer_doom(struct peer *p);

/*
 * peer_greet() - HELLO: who is it?
 *
 * Return: 0; -errno and a sentence.
 */
int peer_greet(struct peer *p, const struct shmreg_hello *hello, char *error);

/*
 * peer_identify() - which process is it, beyond doubt? Of observers that is not asked before.
 *
 * Return: 0; -errno and a sentence.
 */
int peer_identify(struct peer *p, char *error);

/*
 * Send the answer, or keep it; consumes its descriptors. With @entry it is kept
 * until that is stored.
 */
void peer_answer(struct peer *p, struct answer *a, struct store_entry *entry);
void answer_close_fds(struct answer *a);

/* Let go of what it waits for, read nothing more: the server is about to end. */
void peer_drain(struct peer *p);
/* Is an answer still to go out? */
bool peer_busy(const struct peer *p);
/* After its subscriber has got something to send. */
void peer_wake(struct peer *p);

#endif /* SHMREGD_PEER_H */
