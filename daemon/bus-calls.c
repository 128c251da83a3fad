/* SPDX-License-Identifier: MIT */

/*
 * Who calls? The bus is asked, and the loop goes on meanwhile. What it says holds for as long as the
 * sender is connected to it, and no other ever has his name: so he is remembered, and calls of his
 * wait for nothing.
 */

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
 * A call that waits until it is known whose it is. What it was called with has been decoded, and is
 * no larger than this; the message is kept for the answer.
 */
struct bus_call {
	STAILQ_ENTRY(bus_call) link;
	sd_bus_message *m;
	bus_perform *perform;
	struct bus_request in;
};

/*
 *	-> asked	his first call
 *	asked -> known	the bus has said who he is
 *	asked -> none	it does not say so; bus_calls_end()
 *	known -> none	others have called since; bus_calls_end()
 */
struct bus_sender {
	TAILQ_ENTRY(bus_sender) link;
	struct bus *bus;
	sd_bus_slot *slot;		/* of the question; NULL: known */
	struct caller caller;		/* its groups are its own */
	STAILQ_HEAD(, bus_call) calls;	/* none of one who is known */
	unsigned int n_calls;
	char name[];
};

static void end_call(struct bus_sender *sender)
{
	struct bus_call *call = STAILQ_FIRST(&sender->calls);

	STAILQ_REMOVE_HEAD(&sender->calls, link);
	sender->n_calls--;
	sd_bus_message_unref(call->m);
	free(call);
}

static struct bus_sender *sender_free(struct bus_sender *sender)
{
	struct bus *bus = sender->bus;

	while (!STAILQ_EMPTY(&sender->calls))
		end_call(sender);
	TAILQ_REMOVE(&bus->senders, sender, link);
	if (sender->slot)
		bus->n_asked--;
	else
		bus->n_known--;
	sd_bus_slot_unref(sender->slot);
	free((void *)sender->caller.groups);
	free(sender);
	return NULL;
}

void bus_calls_end(struct bus *bus)
{
	struct bus_sender *sender;

	while ((sender = TAILQ_FIRST(&bus->senders)))
		sender_free(sender);
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

/* The groups are in the message, which goes. Return: 0; -ENOMEM. */
static int keep_caller(struct bus_sender *sender, const struct caller *c)
{
	const size_t bytes = c->n_groups * sizeof(*c->groups);
	uint32_t *groups = NULL;

	if (bytes > 0) {
		groups = malloc(bytes);
		if (!groups)
			return -ENOMEM;
		memcpy(groups, c->groups, bytes);
	}
	sender->caller = *c;
	sender->caller.groups = groups;
	snprintf(sender->caller.name, sizeof(sender->caller.name), "%s", sender->name);
	return 0;
}

static void forget_one(struct bus *bus)
{
	struct bus_sender *sender;

	TAILQ_FOREACH_REVERSE(sender, &bus->senders, bus_senders, link)
		if (!sender->slot) {
			sender_free(sender);
			return;
		}
}

static int perform(struct bus *bus, const struct caller *c, const struct bus_request *in,
		   sd_bus_message *m, bus_perform *what)
{
	char error[SHMREG_ERROR_MAX + 1] = "";
	const int r = what(bus, c, in, m, error);

	return r < 0 ? refuse_call(bus, m, r, error) : 1;
}

static int on_credentials(sd_bus_message *reply, void *data, sd_bus_error *ignored)
{
	struct bus_sender *sender = data;
	struct bus *bus = sender->bus;
	struct caller c;
	int r;

	(void)ignored;
	/* Also said of one who has gone; then there is nobody to hear it. */
	r = sd_bus_message_is_method_error(reply, NULL) ? -EACCES : read_credentials(reply, &c);
	if (r == 0)
		r = keep_caller(sender, &c);
	for (; !STAILQ_EMPTY(&sender->calls); end_call(sender)) {
		const struct bus_call *call = STAILQ_FIRST(&sender->calls);

		if (r < 0)
			refuse_call(bus, call->m, r, "the bus does not say who you are");
		else
			perform(bus, &sender->caller, &call->in, call->m, call->perform);
	}
	if (r < 0) {
		sender_free(sender);
		return 1;
	}
	sender->slot = sd_bus_slot_unref(sender->slot);
	bus->n_asked--;
	bus->n_known++;
	if (bus->n_known > BUS_SENDERS_KNOWN)
		forget_one(bus);
	return 1;
}

static int refuse_crowd(struct bus *bus, sd_bus_message *m)
{
	bus->server->stats.n_refused++;
	return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_LIMITS_EXCEEDED,
					  "too many calls are under way: %u of yours, or those of %u who call "
					  "for the first time; wait for answers before you go on",
					  BUS_CALLS_A_SENDER, BUS_SENDERS_ASKED);
}

static struct bus_sender *find(struct bus *bus, const char *name)
{
	struct bus_sender *sender;

	TAILQ_FOREACH(sender, &bus->senders, link)
		if (strcmp(sender->name, name) == 0)
			break;
	if (sender) {
		TAILQ_REMOVE(&bus->senders, sender, link);
		TAILQ_INSERT_HEAD(&bus->senders, sender, link);
	}
	return sender;
}

/* Return: 0; -ENOMEM; as sd_bus_call_method_async(3). */
static int ask(struct bus *bus, const char *name, struct bus_sender **ret)
{
	const size_t bytes = strlen(name) + 1;
	struct bus_sender *sender = calloc(1, sizeof(*sender) + bytes);
	int r;

	if (!sender)
		return -ENOMEM;
	sender->bus = bus;
	STAILQ_INIT(&sender->calls);
	memcpy(sender->name, name, bytes);
	r = sd_bus_call_method_async(bus->sd, &sender->slot, "org.freedesktop.DBus",
				     "/org/freedesktop/DBus", "org.freedesktop.DBus",
				     "GetConnectionCredentials", on_credentials, sender, "s", name);
	if (r < 0) {
		free(sender);
		return r;
	}
	TAILQ_INSERT_HEAD(&bus->senders, sender, link);
	bus->n_asked++;
	*ret = sender;
	return 0;
}

/* Return: 0; -ENOMEM. */
static int wait_for(struct bus_sender *sender, sd_bus_message *m, const struct bus_request *in,
		    bus_perform *what)
{
	struct bus_call *call = calloc(1, sizeof(*call));

	if (!call)
		return -ENOMEM;
	call->m = sd_bus_message_ref(m);
	call->perform = what;
	call->in = *in;
	STAILQ_INSERT_TAIL(&sender->calls, call, link);
	sender->n_calls++;
	return 0;
}

int bus_call_begin(struct bus *bus, sd_bus_message *m, int r, const char *error,
		   const struct bus_request *in, bus_perform *what)
{
	const char *name = sd_bus_message_get_sender(m);
	struct bus_sender *sender;

	bus->server->stats.n_requests++;
	if (r < 0)
		return refuse_call(bus, m, r, error);
	if (!name)
		return refuse_call(bus, m, -EACCES, "the bus does not say who you are");
	sender = find(bus, name);
	if (sender && !sender->slot)
		return perform(bus, &sender->caller, in, m, what);
	if (sender ? sender->n_calls >= BUS_CALLS_A_SENDER : bus->n_asked >= BUS_SENDERS_ASKED)
		return refuse_crowd(bus, m);
	if (!sender)
		r = ask(bus, name, &sender);
	if (r == 0)
		r = wait_for(sender, m, in, what);
	return r < 0 ? r : 1;
}
