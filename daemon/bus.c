/* SPDX-License-Identifier: MIT */

/* The connection: made, served by the loop, lost, made again. */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bus-internal.h"
#include "log.h"
#include "server.h"

#define RETRY_MIN_SEC 0.1
#define RETRY_MAX_SEC 30.
#define MESSAGES_A_TURN 16	/* as of a connection to the socket */

uint64_t bus_n_queued(const struct bus *bus)
{
	uint64_t n = 0;

	return sd_bus_get_n_queued_write(bus->sd, &n) < 0 ? 0 : n;
}

static void disconnect(struct bus *bus)
{
	ev_io_stop(bus->loop, &bus->io);
	ev_timer_stop(bus->loop, &bus->timeout);
	bus_stats_stop(bus);
	bus_events_stop(bus);
	bus_calls_end(bus);
	if (bus->sd)
		sd_bus_close(bus->sd);
	bus->sd = sd_bus_unref(bus->sd);
	bus->named = bus->again = false;
	bus->broken = 0;
}

/* An instance that waits for a bus says so once, not each time. */
static void fail(struct bus *bus, int r, const char *what)
{
	const int level = bus->server->options.bus == OPTIONS_BUS_YES || bus->named ? LOG_WARNING :
										      LOG_INFO;

	if (r != bus->told_failure)
		log_write(level, NULL, "%s the %s: %s; it is tried again", what,
			  bus_kind_name(bus->kind), strerror(-r));
	bus->told_failure = r;
	disconnect(bus);
	ev_timer_set(&bus->retry, bus->retry_sec, 0.);
	ev_timer_start(bus->loop, &bus->retry);
	bus->retry_sec = bus->retry_sec * 2 < RETRY_MAX_SEC ? bus->retry_sec * 2 : RETRY_MAX_SEC;
}

static void got_name(struct bus *bus)
{
	log_notice("can be administered as " BUS_NAME " on the %s", bus_kind_name(bus->kind));
	bus->named = true;
	bus->told_failure = 0;
	bus->retry_sec = RETRY_MIN_SEC;
	bus_stats_refresh(bus);
	bus->told = bus->stats;
}

static int on_name_reply(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct bus *bus = data;
	uint32_t reply;

	(void)error;
	if (sd_bus_message_is_method_error(m, NULL)) {
		const sd_bus_error *e = sd_bus_message_get_error(m);

		if (bus->told_failure != -EACCES)
			log_warning("the %s does not give the name " BUS_NAME ": %s; it is tried again",
				    bus_kind_name(bus->kind), e->message ? e->message : e->name);
		/* Another time it may, when its policy has been mended; that is not for here to hurry. */
		bus->told_failure = bus->broken = -EACCES;
		bus->retry_sec = RETRY_MAX_SEC;
		return 0;
	}
	if (sd_bus_message_read(m, "u", &reply) < 0)
		return 0;
	if (reply == 2)		/* DBUS_REQUEST_NAME_REPLY_IN_QUEUE; NameAcquired follows one day */
		log_info("another instance is " BUS_NAME " on the %s; this one will be when that ends",
			 bus_kind_name(bus->kind));
	else if (!bus->named)
		got_name(bus);
	return 0;
}

static int on_message(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct bus *bus = data;
	const char *name;

	(void)error;
	if (!sd_bus_message_is_signal(m, "org.freedesktop.DBus", "NameAcquired") ||
	    strcmp(sd_bus_message_get_sender(m), "org.freedesktop.DBus") != 0)
		return 0;
	if (sd_bus_message_read(m, "s", &name) > 0 && strcmp(name, BUS_NAME) == 0 && !bus->named)
		got_name(bus);
	sd_bus_message_rewind(m, true);
	return 0;
}

/* Nothing in here waits: what is sent is queued until the bus has let us in. */
static int connect_to(struct bus *bus)
{
	sd_bus *sd;
	int r;

	r = sd_bus_new(&sd);
	if (r < 0)
		return r;
	bus->sd = sd;
	r = sd_bus_set_address(sd, bus->address);
	if (r >= 0)
		r = sd_bus_set_bus_client(sd, true);
	/* Nobody needs to send us descriptors, and so nobody can. */
	if (r >= 0)
		r = sd_bus_negotiate_fds(sd, false);
	if (r >= 0)
		r = sd_bus_start(sd);
	if (r >= 0)
		r = sd_bus_add_filter(sd, NULL, on_message, bus);
	if (r >= 0)
		r = sd_bus_add_object_vtable(sd, NULL, BUS_PATH, BUS_INTERFACE, bus_vtable, bus);
	if (r >= 0)
		r = sd_bus_add_object_vtable(sd, NULL, BUS_PATH_PRIVATE, BUS_INTERFACE_PRIVATE,
					     bus_private_vtable, bus);
	if (r >= 0)
		r = sd_bus_request_name_async(sd, NULL, BUS_NAME, SD_BUS_NAME_QUEUE, on_name_reply, bus);
	return r;
}

static void connect_now(struct bus *bus)
{
	const int r = connect_to(bus);

	if (r < 0)
		fail(bus, r, "cannot reach");
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop, (void)revents;
	connect_now(w->data);
}

static void turn(struct bus *bus)
{
	int r = 1;

	/* Stopped before the library may close it; on_prepare() starts them again. */
	ev_io_stop(bus->loop, &bus->io);
	ev_timer_stop(bus->loop, &bus->timeout);
	bus_stats_refresh(bus);
	bus->enough = false;
	for (int i = 0; i < MESSAGES_A_TURN && r > 0 && !bus->enough; i++) {
		if (i > 0 && bus_n_queued(bus) >= BUS_QUEUE_MAX)
			break;
		r = sd_bus_process(bus->sd, NULL);
		if (r >= 0)
			r = bus->broken < 0 ? bus->broken : sd_bus_is_open(bus->sd) > 0 ? r : -ECONNRESET;
		if (r < 0) {
			fail(bus, r, bus->named ? "lost" : "cannot reach");
			return;
		}
	}
	bus->again = r > 0;
}

static void on_io(struct ev_loop *loop, ev_io *w, int revents)
{
	(void)loop, (void)revents;
	turn(w->data);
}

static void on_timeout(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop, (void)revents;
	turn(w->data);
}

/* Seconds until the library wants to be called; -1: never. */
static double timeout_of(const struct bus *bus)
{
	struct timespec now;
	uint64_t usec;
	double left;

	if (bus->again)
		return 0.;
	if (sd_bus_get_timeout(bus->sd, &usec) < 0 || usec == UINT64_MAX)
		return -1.;
	clock_gettime(CLOCK_MONOTONIC, &now);
	left = (double)usec / 1e6 - (double)now.tv_sec - (double)now.tv_nsec / 1e9;
	return left > 0. ? left : 0.;
}

/* What the library waits for may be another thing after each call of it. */
static void on_prepare(struct ev_loop *loop, ev_prepare *w, int revents)
{
	struct bus *bus = w->data;
	int fd, events, poll_for;
	double timeout;

	(void)revents;
	if (!bus->sd)
		return;
	if (bus->named)
		bus_stats_tell(bus);
	fd = sd_bus_get_fd(bus->sd);
	poll_for = sd_bus_get_events(bus->sd);
	if (fd < 0 || poll_for < 0) {
		fail(bus, fd < 0 ? fd : poll_for, "lost");
		return;
	}
	timeout = timeout_of(bus);
	if (bus_n_queued(bus) >= BUS_QUEUE_MAX) {
		poll_for = POLLOUT;
		timeout = -1.;
	}
	events = (poll_for & POLLIN ? EV_READ : 0) | (poll_for & POLLOUT ? EV_WRITE : 0);
	/* While it tries one address after the other, another socket may have the same number. */
	if (fd != bus->io.fd || events != (bus->io.events & (EV_READ | EV_WRITE)) ||
	    sd_bus_is_ready(bus->sd) <= 0) {
		ev_io_stop(loop, &bus->io);
		ev_io_set(&bus->io, fd, events);
	}
	if (events)
		ev_io_start(loop, &bus->io);
	ev_timer_stop(loop, &bus->timeout);
	if (timeout >= 0.) {
		ev_timer_set(&bus->timeout, timeout, 0.);
		ev_timer_start(loop, &bus->timeout);
	}
}

void bus_configure(struct bus *bus)
{
	const struct options *o = &bus->server->options;
	char error[BUS_ERROR_MAX + 1], *address = NULL;
	enum bus_kind kind;
	int r;

	kind = bus_kind_of((enum options_bus)o->bus, o->system, bus->server->listener.path);
	r = kind == BUS_NONE ? 0 : bus_address(&address, kind, error);
	if (r == -ENOMEM)
		log_error("no bus: no memory is left");
	else if (r < 0)
		log_write(o->bus == OPTIONS_BUS_YES ? LOG_WARNING : LOG_INFO, NULL,
			  "cannot be administered over D-Bus: %s", error);
	if (address && bus->address && strcmp(address, bus->address) == 0) {
		free(address);
		return;
	}
	disconnect(bus);
	ev_timer_stop(bus->loop, &bus->retry);
	free(bus->address);
	bus->address = address;
	bus->kind = kind;
	bus->retry_sec = RETRY_MIN_SEC;
	bus->told_failure = 0;
	if (address)
		connect_now(bus);
}

int bus_new(struct bus **ret, struct server *server)
{
	struct bus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		return -ENOMEM;
	bus->server = server;
	bus->loop = server->loop;
	TAILQ_INIT(&bus->senders);
	ev_prepare_init(&bus->prepare, on_prepare);
	ev_init(&bus->io, on_io);
	bus->io.fd = -1;
	ev_init(&bus->timeout, on_timeout);
	ev_init(&bus->retry, on_retry);
	bus->prepare.data = bus->io.data = bus->timeout.data = bus->retry.data = bus;
	bus_stats_init(bus);
	bus_events_init(bus);
	ev_prepare_start(bus->loop, &bus->prepare);
	*ret = bus;
	return 0;
}

struct bus *bus_free(struct bus *bus)
{
	if (!bus)
		return NULL;
	disconnect(bus);
	ev_prepare_stop(bus->loop, &bus->prepare);
	ev_timer_stop(bus->loop, &bus->retry);
	free(bus->address);
	free(bus);
	return NULL;
}
