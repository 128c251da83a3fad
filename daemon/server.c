/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "log.h"
#include "refuse.h"
#include "restore.h"
#include "server.h"

#define DRAIN_SEC 2.
#define RELOCK_SEC 0.02

/*
 * Descriptors a connection may need: its socket, its process's pidfd, its token,
 * two in an answer that waits, and as many again on their way to a client that
 * does not read (which the kernel counts against the same limit).
 */
#define FDS_A_CONNECTION 7
#define FDS_OTHER 256	/* loop, log, reapers, jobs */

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

	segment_set_userdata(s, mine);
	server->spare = NULL;
	return mine;
}

static void detach(struct segment *s)
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

	reapers_cancel(server->reapers, &mine->repair);
	store_remove(server->store, &mine->store, s);
	detach(s);
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

static const char *const event_names[] = {
	[SHMREG_EVENT_CREATED] = "created",
	[SHMREG_EVENT_REMOVED] = "removed",
	[SHMREG_EVENT_DISPOSED] = "disposed of",
	[SHMREG_EVENT_ATTACHED] = "attached to",
	[SHMREG_EVENT_DETACHED] = "detached from",
	[SHMREG_EVENT_DIED] = "died in",
	[SHMREG_EVENT_REPAIRED] = "repaired",
	[SHMREG_EVENT_QUARANTINED] = "quarantined",
	[SHMREG_EVENT_OBJECT_CREATED] = "object created in",
	[SHMREG_EVENT_OBJECT_REMOVED] = "object removed from",
	[SHMREG_EVENT_CHANGED] = "changed",
};

static void op_event(void *data, const struct shmreg_event *e)
{
	const struct log_about about = {
		.segment = e->segment_name, .segment_id = e->segment, .uid = e->uid, .pid = e->pid,
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
			   e->kind < sizeof(event_names) / sizeof(*event_names) ?
				   event_names[e->kind] : "?", e->segment_name, e->segment,
			   *e->object_name ? ": " : "", e->object_name);
	}
	if (!server->restoring)
		subscribers_emit(&server->subscribers, server->registry, e);
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

int server_charge_connection(struct server *server, uint32_t uid, char *error)
{
	int r;

	if (server->n_connections >= server->max_connections)
		return refuse(error, EUSERS, "shmregd has %u connections, and max-connections is %"
			      PRIu64 "; close some, or raise it", server->n_connections,
			      server->max_connections);
	r = registry_charge(server->registry, uid, SHMREG_RESOURCE_CONNECTIONS, 1, error);
	if (r == 0)
		server->n_connections++;
	return r;
}

void server_uncharge_connection(struct server *server, uint32_t uid)
{
	registry_uncharge(server->registry, uid, SHMREG_RESOURCE_CONNECTIONS, 1);
	server->n_connections--;
}

static void on_token_dropped(void *data, uint32_t uid)
{
	server_uncharge_connection(data, uid);
}

static void on_accepted(void *data, int fd)
{
	peer_new(data, fd);
}

/* Limits: how many descriptors there are decides how many connections. */
static int set_limits(struct server *server)
{
	const struct options *o = &server->options;
	const uint64_t fixed = 2 * o->max_segments + FDS_OTHER;
	struct rlimit files;
	uint64_t n;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	n = files.rlim_cur < fixed ? 0 : (files.rlim_cur - fixed) / FDS_A_CONNECTION;
	if (n < (o->max_connections ? o->max_connections : 16)) {
		log_error("max-segments %" PRIu64 " and max-connections %" PRIu64 " may need %" PRIu64
			  " descriptors, but only %" PRIu64 " are allowed; raise LimitNOFILE= (ulimit "
			  "-Hn), or lower them", o->max_segments, o->max_connections,
			  fixed + FDS_A_CONNECTION * (o->max_connections ? o->max_connections : 16),
			  (uint64_t)files.rlim_cur);
		return -EMFILE;
	}
	if (n > OPTIONS_CONNECTIONS_MAX)
		n = OPTIONS_CONNECTIONS_MAX;
	server->max_connections = o->max_connections ? o->max_connections : n;
	return 0;
}

/*
 * What the store does not take is closed with a line in the journal only. systemd
 * says how much that is from 254 on; before, the unit must go with max-segments.
 */
static void heed_store_limit(struct server *server)
{
	const char *text = getenv("FDSTORE");
	const uint64_t n = text ? strtoull(text, NULL, 10) / 2 : UINT64_MAX;

	if (n >= server->options.max_segments || n == 0)
		return;
	log_warning("max-segments is %" PRIu64 ", but the service manager keeps two descriptors of "
		    "%" PRIu64 " segments only; raise FileDescriptorStoreMax=, until then max-segments "
		    "is %" PRIu64, server->options.max_segments, n, n);
	server->options.max_segments = n;
}

static void make_config(const struct server *server, struct registry_config *ret)
{
	const struct options *o = &server->options;

	*ret = (struct registry_config){
		.admin_uid = geteuid(),
		.max_segments = (uint32_t)o->max_segments,
		.reserve_budget = o->reserve_budget,
		.max_seats_participant = (uint32_t)o->max_seats_per_participant,
		.reserved_seats = (uint32_t)o->reserved_seats,
	};
	memcpy(ret->limit, o->limit, sizeof(ret->limit));
}

static void apply_options(struct server *server)
{
	const struct options *o = &server->options;

	log_set_level((int)o->log_level);
	reapers_configure(server->reapers, o->reaper, (unsigned int)o->max_reapers,
			  (unsigned int)o->repair_timeout);
}

static void on_reload(struct ev_loop *loop, ev_signal *w, int revents)
{
	struct server *server = w->data;
	struct registry_config config;
	char error[OPTIONS_ERROR_MAX + 1];
	enum options_action ignored;
	struct options fresh, old;

	(void)loop, (void)revents;
	if (options_parse(&fresh, &ignored, server->argc, server->argv, error) < 0) {
		log_error("the configuration is not read anew: %s", error);
		return;
	}
	old = server->options;
	server->options = fresh;
	heed_store_limit(server);
	if (set_limits(server) < 0) {
		server->options = old;
		options_deinit(&fresh);
		return;
	}
	apply_options(server);
	make_config(server, &config);
	registry_reconfigure(server->registry, &config);
	options_deinit(&old);
	log_notice("the limits were read anew; where to listen is not changed by that");
}

/* The end in order: nobody new, nothing more is read, what is pending goes out. */
static void stop(struct server *server)
{
	struct peer *p;

	if (server->stopping) {
		ev_break(server->loop, EVBREAK_ALL);
		return;
	}
	server->stopping = true;
	listener_stop(&server->listener);
	notify_send(server->notify, -1, "STOPPING=1");
	TAILQ_FOREACH(p, &server->peers, link)
		peer_drain(p);
	ev_timer_set(&server->drain, DRAIN_SEC, 0.);
	ev_timer_start(server->loop, &server->drain);
	server_check_drained(server);
}

void server_check_drained(struct server *server)
{
	const struct peer *p;

	if (!server->stopping || !store_idle(server->store))
		return;
	TAILQ_FOREACH(p, &server->peers, link)
		if (peer_busy(p))
			return;
	ev_break(server->loop, EVBREAK_ALL);
}

static void on_signal(struct ev_loop *loop, ev_signal *w, int revents)
{
	(void)loop, (void)revents;
	log_notice("ends: signal %d (%s)", w->signum, strsignal(w->signum));
	stop(w->data);
}

static void on_drain(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)revents, (void)w;
	ev_break(loop, EVBREAK_ALL);
}

static void on_watchdog(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop, (void)revents;
	notify_send(((struct server *)w->data)->notify, -1, "WATCHDOG=1");
}

/* With a socket that was given to us, the lock is not there to be first, but to be alone. */
static void on_relock(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct server *server = w->data;
	int r = 0;

	(void)revents;
	if (server->lock.fd < 0)
		r = *server->listener.path ? lock_take(&server->lock, server->listener.path) :
					     -EOPNOTSUPP;
	if (r == -EWOULDBLOCK) {
		ev_timer_set(w, RELOCK_SEC, 0.);
		ev_timer_start(loop, w);
		return;
	}
	if (r < 0)
		log_warning("cannot lock '%s.lock': %s; repairs are not kept apart from those of an "
			    "earlier daemon", server->listener.path, strerror(-r));
	reapers_start(server->reapers, server->lock.fd);
}

static void init_watchers(struct server *server)
{
	ev_signal_init(&server->sigterm, on_signal, SIGTERM);
	ev_signal_init(&server->sigint, on_signal, SIGINT);
	ev_signal_init(&server->sighup, on_reload, SIGHUP);
	ev_init(&server->watchdog, on_watchdog);
	ev_init(&server->drain, on_drain);
	ev_init(&server->relock, on_relock);
	server->sigterm.data = server->sigint.data = server->sighup.data = server;
	server->watchdog.data = server->drain.data = server->relock.data = server;
}

static int make_parts(struct server *server)
{
	static const struct registry_ops registry_ops = {
		.created = op_created,
		.disposed = op_disposed,
		.repair = op_repair,
		.watch = op_watch,
		.unwatch = op_unwatch,
		.event = op_event,
	};
	static const struct clients_ops clients_ops = {
		.gone = on_client_gone,
		.uncharge = on_token_dropped,
	};
	struct registry_config config;
	int r;

	make_config(server, &config);
	r = notify_new(&server->notify, server->loop);
	if (r == 0)
		r = store_new(&server->store, server->loop, server->notify);
	if (r == 0)
		r = clients_new(&server->clients, server->loop, &clients_ops, server);
	if (r == 0)
		r = registry_new(&server->registry, &config, &registry_ops, server);
	if (r == 0)
		r = reapers_new(&server->reapers, server->loop, server->registry, &server->stats);
	if (r < 0)
		log_error("cannot start: %s", strerror(-r));
	else
		apply_options(server);
	return r;
}

/* Segments that were kept, and the socket: given to us, or made. */
static int take_over(struct server *server)
{
	char path[sizeof(server->listener.path)], error[LISTENER_ERROR_MAX + 1];
	const struct options *o = &server->options;
	uint64_t mode = o->socket_mode;
	int n, r;

	server->restoring = true;
	n = restore_all(server);
	server->restoring = false;
	if (n < 0) {
		log_error("cannot take over what was kept: %s", strerror(-n));
		return n;
	}
	server->stats.n_restarts = n > 0;
	if (server->listener.fd < 0) {
		if (mode == OPTIONS_MODE_UNSET)
			mode = o->system ? 0666 : 0600;
		r = listener_path(path, o->socket, o->system, error);
		if (r == 0)
			r = listener_make(&server->listener, &server->lock, path, (uint32_t)mode, error);
		if (r < 0) {
			log_error("%s", error);
			return r;
		}
	}
	log_notice("shmregd %s listens at '%s', pid %d uid %u%s; %d segments were kept",
		   PACKAGE_VERSION, server->listener.path, (int)getpid(), geteuid(),
		   notify_enabled(server->notify) ? "" : ", without a service manager that keeps "
							 "segments over a restart", n);
	return 0;
}

static void go(struct server *server)
{
	struct timespec now;
	uint64_t usec = 0;
	char text[128];

	clock_gettime(CLOCK_REALTIME, &now);
	server->stats.started_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	server->stats.pid = (uint32_t)getpid();
	ev_signal_start(server->loop, &server->sigterm);
	ev_signal_start(server->loop, &server->sigint);
	ev_signal_start(server->loop, &server->sighup);
	listener_start(&server->listener);
	on_relock(server->loop, &server->relock, 0);
	if (sd_watchdog_enabled(1, &usec) > 0) {
		server->watchdog.repeat = (double)usec / 1e6 / 3;
		ev_timer_again(server->loop, &server->watchdog);
	}
	snprintf(text, sizeof(text), "READY=1\nMAINPID=%d\nSTATUS=Listening at %.60s",
		 (int)getpid(), server->listener.path);
	notify_send(server->notify, -1, text);
	ev_run(server->loop, 0);
}

static void tear_down(struct server *server)
{
	struct segment *s;
	struct peer *p;

	server->stopping = true;
	listener_stop(&server->listener);
	if (server->registry)
		registry_orphan(server->registry);
	while ((p = TAILQ_FIRST(&server->peers)))
		peer_free(p);
	server->clients = clients_free(server->clients);
	server->reapers = reapers_free(server->reapers);
	for (s = server->registry ? registry_first(server->registry) : NULL; s;
	     s = registry_next(server->registry, s))
		detach(s);
	server->registry = registry_free(server->registry);
	server->store = store_free(server->store);
	server->notify = notify_free(server->notify);
	ev_signal_stop(server->loop, &server->sigterm);
	ev_signal_stop(server->loop, &server->sigint);
	ev_signal_stop(server->loop, &server->sighup);
	ev_timer_stop(server->loop, &server->watchdog);
	ev_timer_stop(server->loop, &server->drain);
	ev_timer_stop(server->loop, &server->relock);
	/* The reapers have ended: now another daemon may have the path. */
	lock_drop(&server->lock);
	free(server->spare);
	options_deinit(&server->options);
}

int server_run(struct options *options, int argc, char *const argv[])
{
	static struct server server = { .lock = LOCK_INIT };

	server.options = *options;
	server.argc = argc;
	server.argv = argv;
	server.loop = ev_default_loop(EVFLAG_NOENV);
	if (!server.loop) {
		log_error("no event loop can be made: %s", strerror(errno));
		options_deinit(options);
		return EXIT_FAILURE;
	}
	TAILQ_INIT(&server.peers);
	LIST_INIT(&server.subscribers);
	init_watchers(&server);
	listener_init(&server.listener, server.loop, on_accepted, &server);
	heed_store_limit(&server);
	if (set_limits(&server) < 0 || make_parts(&server) < 0 || take_over(&server) < 0) {
		tear_down(&server);
		return EXIT_FAILURE;
	}
	go(&server);
	tear_down(&server);
	return EXIT_SUCCESS;
}
