/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_CLIENTS_H
#define SHMREGD_CLIENTS_H

/*
 * clients.h - the processes that are connected or attached, and their end
 *
 * A client is one process, known by its pidfd. It is here while a connection
 * of it is open or the registry watches it. It is gone when its pidfd becomes
 * readable, when it turns out after a restart that it has died meanwhile, or
 * when none of the tokens that it held is held any more (token.h): exec().
 *
 * A hang-up is no end: what merely closed its socket may go on storing.
 */

#include <stdbool.h>
#include <sys/queue.h>

#include <ev.h>

#include "hash.h"
#include "registry.h"
#include "token.h"

struct clients;
struct peer;

/* An attachment from before we were started, of which no token is known yet. */
struct unproven {
	LIST_ENTRY(unproven) link;
	uint64_t segment, participant;
};

struct client {
	struct hash_node node;			/* by pid */
	LIST_ENTRY(client) link;
	struct clients *clients;
	struct process_id id;
	int pidfd;				/* -1: could not be opened yet */
	ev_io died;				/* active while watched */
	bool watched;				/* by the registry: it has attachments */
	LIST_HEAD(, unproven) unproven;		/* while there are any, exec() cannot be told */
	bool gone;				/* dead, and so told */
	LIST_HEAD(, peer) peers;
	LIST_HEAD(, token) tokens;
};

struct clients_ops {
	/* It is dead (@exec false) or has exec'd; may release it. */
	void (*gone)(void *data, struct client *client, bool exec);
	/* A connection that had a token is not charged any more. */
	void (*uncharge)(void *data, uint32_t uid);
};

int clients_new(struct clients **ret, struct ev_loop *loop, const struct clients_ops *ops,
		void *data);
/* All connections must be closed; the registry's watches are forgotten. */
struct clients *clients_free(struct clients *all);

/*
 * clients_identify() - who is behind this pidfd?
 *
 * Return: 0; -ESRCH it has ended.
 */
int clients_identify(int pidfd, uint32_t pid, struct process_id *ret);
/*
 * clients_get() - the client of a new connection
 * @pidfd:	consumed
 *
 * Return: 0; -ESRCH; -ENOMEM. Call client_put() when its last connection has gone.
 */
int clients_get(struct clients *all, int pidfd, uint32_t pid, struct client **ret);
/* Free it if neither a connection nor the registry needs it. */
void client_put(struct client *c);

/* The registry's operations. */
void clients_watch(struct clients *all, const struct process_id *id);
void clients_unwatch(struct clients *all, const struct process_id *id);

/*
 * A process that is watched was attached like this before a restart: tokens may be
 * mapped that were another daemon's, so that exec() cannot be told until it has
 * presented each such attachment over a connection of now. Return: 0; -ENOMEM.
 */
int clients_add_unproven(struct clients *all, const struct process_id *id, uint64_t segment,
			 uint64_t participant);
/* It has presented this one, or given it up. */
void client_prove(struct client *c, uint64_t segment, uint64_t participant);

/* Descriptors that they are: a pidfd of each process, and what tokens take. */
unsigned int clients_n_fds(const struct clients *all);

/* Return: 0; -ENOMEM; as memfd_create(2). */
int client_add_token(struct client *c, uint32_t uid, struct token **ret);
/*
 * client_confirm() - is @token held? To be asked before each attach.
 *
 * If it was not seen held before, all that this process held earlier is
 * looked at: it may have exec'd, and its attachments are another program's.
 */
bool client_confirm(struct client *c, struct token *token);
/*
 * The connection of @token is over. The token is kept, and goes on being charged,
 * while it is the evidence for attachments. @token NULL is fine. May call gone().
 */
void client_hang_up(struct client *c, struct token *token);

#endif /* SHMREGD_CLIENTS_H */
