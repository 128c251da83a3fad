/* SPDX-License-Identifier: MIT */

/* Who calls? The bus is asked, and the loop goes on meanwhile. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus-internal.h"
#include "log.h"
#include "refuse.h"
#include "server.h"

/*
 * A call that waits for its caller's credentials. What it was called with has been decoded, and is
 * no larger than this; the message is kept for the answer.
 */
struct bus_call {
	LIST_ENTRY(bus_call) link;
	struct bus *bus;
	sd_bus_message *m;
	sd_bus_slot *slot;
	bus_perform *perform;
	struct bus_request in;
};

static struct bus_call *call_free(struct bus_call *call)
{
	LIST_REMOVE(call, link);
	call->bus->n_calls--;
	sd_bus_slot_unref(call->slot);
	sd_bus_message_unref(call->m);
	free(call);
	return NULL;
}

void bus_calls_end(struct bus *bus)
{
	struct bus_call *call;

	while ((call = LIST_FIRST(&bus->calls)))
		call_free(call);
}

static int refuse_call(struct bus *bus, sd_bus_message *m, int r, const char *error)
{
	const char *sender = sd_bus_message_get_sender(m);

	bus->server->stats.n_refused++;
	log_client(LOG_DEBUG, NULL, "%s on the %s was refused: %s", sender ? sender : "?",
		   bus_kind_name(bus->kind), error);
	/* Of the usual error, busctl would show its name instead of our sentence. */
	if (r == -EACCES || r == -EPERM)
		return sd_bus_reply_method_errorf(m, BUS_INTERFACE ".Error.AccessDenied", "%s", error);
	return sd_bus_reply_method_errnof(m, r, "%s", error);
}

/*
 * The groups, of which D-Bus does not say which one is the process's own: for us
 * they are all the same.
 */
static int read_groups(sd_bus_message *m, struct caller *c)
{
	const void *groups;
	size_t bytes;
	int r;

	r = sd_bus_message_enter_container(m, 'v', "au");
	if (r < 0)
		return r;
	r = sd_bus_message_read_array(m, 'u', &groups, &bytes);
	if (r < 0)
		return r;
	c->groups = groups;
	c->n_groups = bytes / sizeof(uint32_t);
	return sd_bus_message_exit_container(m);
}

/* @c's groups stay the message's. Return: 0; -EBADMSG, -EACCES: it does not say who it is. */
static int read_credentials(sd_bus_message *m, struct caller *c)
{
	bool uid_known = false;
	const char *key;
	int r;

	*c = (struct caller){ .uid = UINT32_MAX, .gid = UINT32_MAX };
	r = sd_bus_message_enter_container(m, 'a', "{sv}");
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = sd_bus_message_read(m, "s", &key);
		if (r < 0)
			break;
		if (strcmp(key, "UnixUserID") == 0) {
			r = sd_bus_message_read(m, "v", "u", &c->uid);
			uid_known = r >= 0;
		} else if (strcmp(key, "UnixGroupIDs") == 0) {
			r = read_groups(m, c);
		} else if (strcmp(key, "ProcessID") == 0) {
			r = sd_bus_message_read(m, "v", "u", &c->process.pid);
		} else {
			r = sd_bus_message_skip(m, "v");
		}
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	if (r < 0)
		return -EBADMSG;
	if (!uid_known || c->uid == UINT32_MAX)
		return -EACCES;
	c->admin = c->uid == 0 || c->uid == geteuid();
	return 0;
}

static int on_credentials(sd_bus_message *reply, void *data, sd_bus_error *ignored)
{
	struct bus_call *call = data;
	struct bus *bus = call->bus;
	char error[SHMREG_ERROR_MAX + 1] = "";
	struct caller c;
	int r;

	(void)ignored;
	/* Also said of one who has gone; then there is nobody to hear it. */
	r = sd_bus_message_is_method_error(reply, NULL) ? -EACCES : read_credentials(reply, &c);
	if (r < 0) {
		refuse(error, r, "the bus does not say who you are");
	} else {
		snprintf(c.name, sizeof(c.name), "%s", sd_bus_message_get_sender(call->m));
		r = call->perform(bus, &c, &call->in, call->m, error);
	}
	if (r < 0)
		refuse_call(bus, call->m, r, error);
	call_free(call);
	return 1;
}

static unsigned int n_of_sender(const struct bus *bus, const char *sender)
{
	const struct bus_call *call;
	unsigned int n = 0;

	LIST_FOREACH(call, &bus->calls, link)
		n += strcmp(sd_bus_message_get_sender(call->m), sender) == 0;
	return n;
}

static int refuse_crowd(struct bus *bus, sd_bus_message *m)
{
	bus->server->stats.n_refused++;
	return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_LIMITS_EXCEEDED,
					  "too many calls are under way: %u of yours, or %u in all; wait for "
					  "answers before you go on", BUS_CALLS_A_SENDER, BUS_CALLS_MAX);
}

int bus_call_begin(struct bus *bus, sd_bus_message *m, int r, const char *error,
		   const struct bus_request *in, bus_perform *perform)
{
	const char *sender = sd_bus_message_get_sender(m);
	struct bus_call *call;

	bus->server->stats.n_requests++;
	if (r < 0)
		return refuse_call(bus, m, r, error);
	if (!sender)
		return refuse_call(bus, m, -EACCES, "the bus does not say who you are");
	if (bus->n_calls >= BUS_CALLS_MAX || n_of_sender(bus, sender) >= BUS_CALLS_A_SENDER)
		return refuse_crowd(bus, m);
	call = calloc(1, sizeof(*call));
	if (!call)
		return -ENOMEM;
	call->bus = bus;
	call->m = sd_bus_message_ref(m);
	call->perform = perform;
	call->in = *in;
	LIST_INSERT_HEAD(&bus->calls, call, link);
	bus->n_calls++;
	r = sd_bus_call_method_async(bus->sd, &call->slot, "org.freedesktop.DBus",
				     "/org/freedesktop/DBus", "org.freedesktop.DBus",
				     "GetConnectionCredentials", on_credentials, call, "s", sender);
	if (r < 0) {
		call_free(call);
		return r;
	}
	return 1;
}
