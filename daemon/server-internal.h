/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_SERVER_INTERNAL_H
#define SHMREGD_SERVER_INTERNAL_H

/* server-internal.h - what the server-*.c files share */

#include "server.h"

extern const struct registry_ops server_registry_ops;
extern const struct clients_ops server_clients_ops;
extern const struct store_ops server_store_ops;

/*
 * server_make_parts() - all but listener, lock and signals, in the order in which they need each other
 *
 * The loop, the options and the limits are set. Return: 0; -errno, logged: server_free_parts().
 */
int server_make_parts(struct server *server);
/* Of some or all of them; who waits is told that this is the end, if it is (has_successor). */
void server_free_parts(struct server *server);

/* See snapshots_new(). */
void server_repair_released(void *data, uint64_t segment);

/* What hangs on it is freed. */
void server_detach_segment(struct segment *s);

/*
 * server_set_limits() - the limits that options, descriptors and store allow
 *
 * How many descriptors there are decides how many connections. Raises the soft
 * limit to the hard one.
 *
 * Return: 0; -EMFILE, logged: what the options ask for does not fit; -errno.
 */
int server_set_limits(struct server *server);
void server_make_config(const struct server *server, struct registry_config *ret);

/* It is disposed of. */
void server_end_watches_of_segment(struct server *server, struct segment *s);
/* Those who watch what it happened to are told; those for whom it is the end, watch no more. */
void server_ring_for_event(struct server *server, const struct shmreg_event *e);
void server_ring_all(struct server *server);

#endif /* SHMREGD_SERVER_INTERNAL_H */
