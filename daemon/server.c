/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "log.h"
#include "restore.h"
#include "server-internal.h"
#include "snapshots.h"

#define DRAIN_SEC 2.
#define RELOCK_SEC 0.02
#define AGAIN_SEC 2.

static void on_accepted(void *data, int fd)
{
	peer_new(data, fd);
}

static void apply_options(struct server *server)
{
	const struct options *o = &server->options;

	log_set_level((int)o->log_level);
	snapshots_configure(server->snapshots, o);
	reapers_configure(server->reapers, o->reaper, (unsigned int)o->max_reapers,
			  (unsigned int)o->repair_timeout);
}

/* What was in force stays so. */
static void refuse_config(struct server *server, const char *why)
{
	char note[OPTIONS_ERROR_MAX + 64];

	log_message(LOG_ERR, CONFIG_REFUSED, "the configuration is not read anew: %s", why);
	snprintf(note, sizeof(note), "the configuration was refused: %s", why);
	status_note(server->status, note);
	status_ready(server->status, server->listener.path);
}

static void on_reload(struct ev_loop *loop, ev_signal *w, int revents)
{
	struct server *server = w->data;
	struct registry_config config;
	char error[OPTIONS_ERROR_MAX + 1];
	enum options_action ignored;
	struct options fresh, old;

	(void)loop, (void)revents;
	status_reloading(server->status);
	if (options_parse(&fresh, &ignored, server->argc, server->argv, error) < 0) {
		refuse_config(server, error);
		return;
	}
	old = server->options;
	server->options = fresh;
	if (server_set_limits(server) < 0) {
		server->options = old;
		options_deinit(&fresh);
		refuse_config(server, "its limits are not possible, as was said before");
		return;
	}
	apply_options(server);
	server_make_config(server, &config);
	registry_reconfigure(server->registry, &config);
	bus_configure(server->bus);
	options_deinit(&old);
	log_message(LOG_NOTICE, CONFIG_READ,
		    "the limits were read anew; where to listen is not changed by that");
	status_note(server->status, NULL);
	status_ready(server->status, server->listener.path);
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
	log_message(LOG_NOTICE, ENDS, "ends: signal %d (%s)", w->signum, strsignal(w->signum));
	stop(w->data);
}

/*
 * The service manager restarts us (RestartKillSignal=): who sleeps goes on sleeping, as after
 * SIGKILL, but what is being answered is answered first.
 */
static void on_successor(struct ev_loop *loop, ev_signal *w, int revents)
{
	((struct server *)w->data)->has_successor = true;
	on_signal(loop, w, revents);
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
	chores_start(server->chores, server->lock.fd);
}

static void init_watchers(struct server *server)
{
	ev_signal_init(&server->sigterm, on_signal, SIGTERM);
	ev_signal_init(&server->sigint, on_signal, SIGINT);
	ev_signal_init(&server->sighup, on_reload, SIGHUP);
	ev_signal_init(&server->sigusr1, on_successor, SIGUSR1);
	ev_init(&server->watchdog, on_watchdog);
	ev_init(&server->drain, on_drain);
	ev_init(&server->relock, on_relock);
	server->sigterm.data = server->sigint.data = server->sighup.data = server;
	server->sigusr1.data = server;
	server->watchdog.data = server->drain.data = server->relock.data = server;
	/* From now on a signal waits for the loop: what is begun here is ended in order. */
	ev_signal_start(server->loop, &server->sigterm);
	ev_signal_start(server->loop, &server->sigint);
	ev_signal_start(server->loop, &server->sighup);
	ev_signal_start(server->loop, &server->sigusr1);
}

int server_make_parts(struct server *server)
{
	struct registry_config config;
	int r;

	server_make_config(server, &config);
	r = notify_new(&server->notify, server->loop);
	if (r == 0)
		r = store_new(&server->store, server->loop, server->notify, &server_store_ops,
			      server);
	if (r == 0)
		r = clients_new(&server->clients, server->loop, &server_clients_ops, server);
	if (r == 0)
		r = registry_new(&server->registry, &config, &server_registry_ops, server);
	if (r == 0)
		r = reapers_new(&server->reapers, server->loop, server->registry, &server->stats);
	if (r == 0)
		r = chores_new(&server->chores, server->loop);
	if (r == 0)
		r = snapshots_new(&server->snapshots, server->loop, server_repair_released, server);
	if (r == 0)
		r = status_new(&server->status, server->loop, server->notify, server->registry,
			       &server->stats);
	if (r == 0)
		r = bus_new(&server->bus, server);
	if (r < 0)
		log_error("cannot start: %s", strerror(-r));
	else
		apply_options(server);
	return r;
}

/*
 * It outlives us, so that nobody sleeps on one that nobody writes. Another daemon may have
 * been killed before it raised what is there now.
 */
static int begin_root(struct server *server)
{
	const struct segment *s;
	int r;

	if (server->root_stale)
		store_remove_name(server->store, STORE_ROOT);
	if (server->root.map && !server->root_stale) {
		store_adopt(&server->root_stored);
	} else {
		r = server->root.map ? 0 : root_new(&server->root);
		if (r < 0)
			return r;
		store_add_root(server->store, &server->root_stored, server->root.fd);
	}
	root_begin(&server->root, registry_id(server->registry));
	if (server->old_root >= 0) {
		log_notice("the root was kept by another version of shmregd and is replaced; who sleeps on "
			   "it is woken");
		root_retire(server->old_root);
		close(server->old_root);
		server->old_root = -1;
	}
	for (s = registry_first(server->registry); s; s = registry_next(server->registry, s))
		root_raise(&server->root, segment_name(s));
	return 0;
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
	if (n == -EPROTONOSUPPORT) {
		/*
		 * All stays where it is, for another version. Not at once again: the manager
		 * would try without end.
		 */
		server->has_successor = true;
		ev_timer_set(&server->drain, AGAIN_SEC, 0.);
		ev_timer_start(server->loop, &server->drain);
		ev_run(server->loop, 0);
		return n;
	}
	if (n < 0) {
		log_error("cannot take over what was kept: %s", strerror(-n));
		return n;
	}
	r = begin_root(server);
	if (r < 0) {
		log_error("the registry's root cannot be made: %s", strerror(-r));
		return r;
	}
	server->stats.n_restarts = registry_n_restarts(server->registry);
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
	kept_limits_read(&server->limits, server->listener.path);
	log_message(LOG_NOTICE, STARTED,
		    "shmregd %s listens at '%s', pid %d uid %u%s; %d segments were kept",
		    PACKAGE_VERSION, server->listener.path, (int)getpid(), geteuid(),
		    notify_enabled(server->notify) ? "" : ", without a service manager that keeps "
							  "segments over a restart", n);
	return 0;
}

static void go(struct server *server)
{
	struct timespec now;
	uint64_t usec = 0;

	clock_gettime(CLOCK_REALTIME, &now);
	server->stats.started_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	server->stats.pid = (uint32_t)getpid();
	listener_start(&server->listener);
	on_relock(server->loop, &server->relock, 0);
	bus_configure(server->bus);
	if (sd_watchdog_enabled(1, &usec) > 0) {
		server->watchdog.repeat = (double)usec / 1e6 / 3;
		ev_timer_again(server->loop, &server->watchdog);
	}
	status_ready(server->status, server->listener.path);
	ev_run(server->loop, 0);
}

void server_free_parts(struct server *server)
{
	struct server_segment *s;
	struct peer *p;

	server->stopping = true;
	server->bus = bus_free(server->bus);
	if (server->registry && !server->has_successor) {
		registry_orphan(server->registry);
		server_ring_all(server);
	}
	if (server->root.map && !server->has_successor)
		root_orphan(&server->root);
	while ((p = TAILQ_FIRST(&server->peers)))
		peer_free(p);
	parking_deinit(&server->parking);
	server->clients = clients_free(server->clients);
	server->snapshots = snapshots_free(server->snapshots);
	server->reapers = reapers_free(server->reapers);
	server->chores = chores_free(server->chores);
	while ((s = LIST_FIRST(&server->attached)))
		server_detach_segment(s->segment);
	server->status = status_free(server->status);
	server->registry = registry_free(server->registry);
	server->store = store_free(server->store);
	root_deinit(&server->root);
	if (server->old_root >= 0)
		close(server->old_root);
	server->notify = notify_free(server->notify);
	free(server->spare);
	server->spare = NULL;
}

static void tear_down(struct server *server)
{
	listener_stop(&server->listener);
	server_free_parts(server);
	ev_signal_stop(server->loop, &server->sigterm);
	ev_signal_stop(server->loop, &server->sigint);
	ev_signal_stop(server->loop, &server->sighup);
	ev_signal_stop(server->loop, &server->sigusr1);
	ev_timer_stop(server->loop, &server->watchdog);
	ev_timer_stop(server->loop, &server->drain);
	ev_timer_stop(server->loop, &server->relock);
	/* The reapers have ended: now another daemon may have the path. */
	lock_drop(&server->lock);
	options_deinit(&server->options);
	kept_limits_deinit(&server->limits);
}

int server_run(struct options *options, int argc, char *const argv[])
{
	static struct server server = { .lock = LOCK_INIT, .root = ROOT_INIT, .old_root = -1 };

	server.options = *options;
	server.argc = argc;
	server.argv = argv;
	server.store_segments = store_announced();
	server.loop = ev_default_loop(EVFLAG_NOENV);
	if (!server.loop) {
		log_error("no event loop can be made: %s", strerror(errno));
		options_deinit(options);
		return EXIT_FAILURE;
	}
	TAILQ_INIT(&server.peers);
	LIST_INIT(&server.subscribers);
	LIST_INIT(&server.attached);
	parking_init(&server.parking, server.loop);
	init_watchers(&server);
	listener_init(&server.listener, server.loop, on_accepted, &server);
	if (server_set_limits(&server) < 0 || server_make_parts(&server) < 0 || take_over(&server) < 0) {
		tear_down(&server);
		return EXIT_FAILURE;
	}
	go(&server);
	tear_down(&server);
	return EXIT_SUCCESS;
}
