/* SPDX-License-Identifier: MIT */

/* What the registry and the clients want to be done, and what hangs on each segment. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "log.h"
#include "memfd.h"
#include "refuse.h"
#include "server-internal.h"
#include "snapshots.h"

#define CHORE_TRIES 3

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

static void on_rested(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct server_segment *mine = container_of(w, struct server_segment, rest);

	(void)loop, (void)revents;
	registry_rested(mine->server->registry, mine->segment);
}

static struct server_segment *attach(struct server *server, struct segment *s)
{
	struct server_segment *mine = server->spare;

	TAILQ_INIT(&mine->watches);
	ev_init(&mine->rest, on_rested);
	mine->server = server;
	mine->segment = s;
	LIST_INSERT_HEAD(&server->attached, mine, link);
	segment_set_userdata(s, mine);
	server->spare = NULL;
	return mine;
}

void server_detach_segment(struct segment *s)
{
	ev_timer_stop(attached(s)->server->loop, &attached(s)->rest);
	LIST_REMOVE(attached(s), link);
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
	ev_timer_stop(server->loop, &mine->rest);
	if (server->snapshots)
		snapshots_cancel(server->snapshots, s);
	reapers_cancel(server->reapers, &mine->repair);
	store_remove(server->store, &mine->store, s);
}

static void on_discard_begun(struct chore *chore)
{
	/* The janitor has the other one, and is the last to close it. */
	close(segment_give_data_away(container_of(chore, struct server_segment, chore)->segment));
}

static void begin_discard(struct server *server, struct server_segment *mine)
{
	struct chore *chore = &mine->chore;

	chore->job = (struct janitor_job){
		.n = 1, .range = { { .bytes = segment_dir(mine->segment)->data_bytes } },
	};
	chore->begun = on_discard_begun;
	chore->segment = NULL;
	chores_add(server->chores, chore);
}

static void on_chore_done(struct chore *chore, int r)
{
	struct server_segment *mine = container_of(chore, struct server_segment, chore);
	const uint32_t uid = chore->uid;
	struct server *server = mine->server;
	struct segment *s = mine->segment;

	if (chore->begun) {
		server_detach_segment(s);
		registry_discarded(server->registry, s);
	} else if (mine->discards) {
		begin_discard(server, mine);
		return;
	} else if (r == -EIO && mine->n_failed++ < CHORE_TRIES) {
		/* Its janitor was killed, which says nothing about the segment. */
		chores_add(server->chores, chore);
		return;
	} else {
		mine->n_failed = 0;
		registry_freed(server->registry, s, r == 0);
	}
	parking_retry(&server->parking, uid);
}

static struct server_segment *prepare_chore(struct server *server, struct segment *s)
{
	struct server_segment *mine = attached_or_restored(server, s);

	if (chore_is_idle(&mine->chore)) {
		mine->chore.uid = segment_dir(s)->charged_uid;
		mine->chore.fd = segment_data_fd(s);
		mine->chore.done = on_chore_done;
	}
	return mine;
}

static void op_free(void *data, struct segment *s)
{
	struct server *server = data;
	struct server_segment *mine = prepare_chore(server, s);
	struct segment_range ranges[SEGMENT_FREEING_MAX];
	struct janitor_job *job = &mine->chore.job;

	mine->chore.segment = s;
	*job = (struct janitor_job){ .keep = segment_keeps_memory(s), .n = segment_freeing(s, ranges) };
	for (uint32_t i = 0; i < job->n; i++)
		job->range[i] = (struct janitor_range){ ranges[i].offset, ranges[i].bytes };
	chores_add(server->chores, &mine->chore);
}

/*
 * What is closed at once: a janitor would cost more than to free it, and whoever makes and drops
 * many small segments would wait for them. It cannot have become much more between fstat() and
 * close(); and if somebody else has it mapped still, close() frees nothing.
 */
#define DISCARD_BYTES_AT_ONCE (UINT64_C(1) << 20)

static void op_discard(void *data, struct segment *s)
{
	struct server *server = data;
	struct server_segment *mine = prepare_chore(server, s);

	if (chore_is_idle(&mine->chore) &&
	    memfd_resident(segment_data_fd(s)) <= DISCARD_BYTES_AT_ONCE) {
		server_detach_segment(s);
		registry_discarded(server->registry, s);
		return;
	}
	mine->discards = true;
	/* Else after what is going on. */
	if (chore_is_idle(&mine->chore))
		begin_discard(server, mine);
}

/* Long enough for hundreds to come and go, and nobody waits for it. */
#define REST_SEC 0.05

static void op_rest(void *data, struct segment *s)
{
	struct server *server = data;
	ev_timer *rest = &attached_or_restored(server, s)->rest;

	ev_timer_set(rest, REST_SEC, 0.);
	ev_timer_start(server->loop, rest);
}

static void op_repair(void *data, struct segment *s)
{
	struct server *server = data;
	struct server_segment *mine = attached_or_restored(server, s);

	ev_timer_stop(server->loop, &mine->rest);
	mine->repair_held = snapshots_hold(server->snapshots, s);
	if (!mine->repair_held)
		reapers_repair(server->reapers, &mine->repair, s);
}

void server_repair_released(void *data, uint64_t segment)
{
	struct server *server = data;
	struct segment *s = registry_find(server->registry, segment);

	if (!s || !attached(s)->repair_held)
		return;
	attached(s)->repair_held = false;
	reapers_repair(server->reapers, &attached(s)->repair, s);
}

static void take_snapshot(struct server *server, const struct shmreg_event *e)
{
	const struct segment *s = registry_find(server->registry, e->segment);

	if (s && server->snapshots && !server->restoring && !server->stopping)
		snapshots_take(server->snapshots, s, e);
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
		take_snapshot(server, e);
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
	.rest = op_rest,
	.free = op_free,
	.discard = op_discard,
	.watch = op_watch,
	.unwatch = op_unwatch,
	.event = op_event,
};

const struct clients_ops server_clients_ops = {
	.gone = on_client_gone,
	.uncharge = on_token_dropped,
};
