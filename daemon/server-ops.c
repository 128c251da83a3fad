/* SPDX-License-Identifier: MIT */

/* What the registry and the clients want to be done, and what hangs on each segment. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "log.h"
#include "refuse.h"
#include "server-internal.h"

static struct server_segment *attached(const struct segment *s)
{
	return segment_userdata(s);
}

struct store_entry *server_store_entry(const struct segment *s)
{
	return &attached(s)->store;
}

int server_prepare(struct server *server, char *error)
{
	if (!server->spare)
		server->spare = calloc(1, sizeof(*server->spare));
	return server->spare ? 0 : refuse(error, ENOMEM, "shmregd is out of memory");
}

static struct server_segment *attach(struct server *server, struct segment *s)
{
	struct server_segment *mine = server->spare;

	TAILQ_INIT(&mine->watches);
	segment_set_userdata(s, mine);
	server->spare = NULL;
	return mine;
}

void server_detach_segment(struct segment *s)
{
	free(attached(s));
	segment_set_userdata(s, NULL);
}

void server_settle_restored(struct server *server, struct segment *s)
{
	if (s && !attached(s))
		store_adopt(&attach(server, s)->store);
}

/* The registry's operations. */

static void op_created(void *data, struct segment *s)
{
	struct server *server = data;

	store_add(server->store, &attach(server, s)->store, s);
}

/* The registry may speak of a segment while it restores it. */
static struct server_segment *attached_or_restored(struct server *server, struct segment *s)
{
	if (!attached(s) && server->restoring)
		server_settle_restored(server, s);
	return attached(s);
}

static void op_disposed(void *data, struct segment *s)
{
	struct server *server = data;
	struct server_segment *mine = attached_or_restored(server, s);

	server_end_watches_of_segment(server, s);
	reapers_cancel(server->reapers, &mine->repair);
	store_remove(server->store, &mine->store, s);
	server_detach_segment(s);
}

static void op_repair(void *data, struct segment *s)
{
	struct server *server = data;

	reapers_repair(server->reapers, &attached_or_restored(server, s)->repair, s);
}

static void op_watch(void *data, const struct process_id *process)
{
	clients_watch(((struct server *)data)->clients, process);
}

static void op_unwatch(void *data, const struct process_id *process)
{
	clients_unwatch(((struct server *)data)->clients, process);
}

/* Without a message: a line with more about it bears that. */
static const struct {
	const char *did;
	enum message_id message;
} event_lines[] = {
	[SHMREG_EVENT_CREATED] = { "created", MESSAGE_NONE },
	[SHMREG_EVENT_REMOVED] = { "removed", MESSAGE_NONE },
	[SHMREG_EVENT_DISPOSED] = { "disposed of", MESSAGE_SEGMENT_DISPOSED },
	[SHMREG_EVENT_ATTACHED] = { "attached to", MESSAGE_ATTACHED },
	[SHMREG_EVENT_DETACHED] = { "detached from", MESSAGE_DETACHED },
	[SHMREG_EVENT_DIED] = { "died in", MESSAGE_DIED },
	[SHMREG_EVENT_REPAIRED] = { "repaired", MESSAGE_NONE },
	[SHMREG_EVENT_QUARANTINED] = { "quarantined", MESSAGE_NONE },
	[SHMREG_EVENT_OBJECT_CREATED] = { "object created in", MESSAGE_OBJECT_CREATED },
	[SHMREG_EVENT_OBJECT_REMOVED] = { "object removed from", MESSAGE_OBJECT_REMOVED },
	[SHMREG_EVENT_CHANGED] = { "changed", MESSAGE_NONE },
};
#define N_EVENT_LINES (sizeof(event_lines) / sizeof(*event_lines))

static void op_event(void *data, const struct shmreg_event *e)
{
	const struct log_about about = {
		.segment = e->segment_name, .segment_id = e->segment, .uid = e->uid, .pid = e->pid,
		.message = e->kind < N_EVENT_LINES ? event_lines[e->kind].message : MESSAGE_NONE,
	};
	struct server *server = data;

	if (e->kind == SHMREG_EVENT_DIED) {
		server->stats.n_deaths++;
		log_client(LOG_INFO, &about, "uid %" PRIu32 " pid %" PRIu32 "%s%s%s died; it was "
			   "participant %" PRIu64 " of segment '%s' (%" PRIu64 ")", e->uid, e->pid,
			   *e->client_name ? " (" : "", e->client_name, *e->client_name ? ")" : "",
			   e->participant, e->segment_name, e->segment);
	} else {
		log_client(LOG_DEBUG, &about, "%s segment '%s' (%" PRIu64 ")%s%s",
			   e->kind < N_EVENT_LINES ? event_lines[e->kind].did : "?",
			   e->segment_name, e->segment,
			   *e->object_name ? ": " : "", e->object_name);
	}
	status_changed(server->status);
	if (server->restoring)
		return;
	/* CHANGED: it may be somebody's now who could not open it before. */
	if (e->kind == SHMREG_EVENT_CREATED || e->kind == SHMREG_EVENT_CHANGED)
		root_raise(&server->root, e->segment_name);
	server_ring_for_event(server, e);
	subscribers_emit(&server->subscribers, server->registry, e);
	/* None when the server ends. */
	if (server->bus)
		bus_event(server->bus, e);
}

/* The clients' operations. */

static void on_client_gone(void *data, struct client *client, bool exec)
{
	struct server *server = data;
	const struct process_id id = client->id;
	struct peer *p;

	if (exec && registry_process_attached(server->registry, &id))
		log_client(LOG_DEBUG, &(struct log_about){ .pid = id.pid },
			   "pid %" PRIu32 " has its segments mapped no more: it has exec'd, or is "
			   "about to end", id.pid);
	/* A forked child that has inherited a connection must not go on in its parent's name. */
	LIST_FOREACH(p, &client->peers, of_client)
		if (!exec || (p->token && p->token->confirmed))
			peer_doom(p);
	registry_process_died(server->registry, &id);
}

static void on_token_dropped(void *data, uint32_t uid)
{
	server_uncharge_connection(data, uid);
}

const struct registry_ops server_registry_ops = {
	.created = op_created,
	.disposed = op_disposed,
	.repair = op_repair,
	.watch = op_watch,
	.unwatch = op_unwatch,
	.event = op_event,
};

const struct clients_ops server_clients_ops = {
	.gone = on_client_gone,
	.uncharge = on_token_dropped,
};
