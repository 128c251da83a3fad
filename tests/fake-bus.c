/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fake-bus.h"

#define NAME "org.shmreg.Registry1"
#define PATH "/org/shmreg/Registry1"
#define PRIMARY_OWNER 1u	/* DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER */

int fake_bus_listen(struct fake_bus *b)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t bytes = sizeof(sa_family_t);

	b->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (b->listener < 0 || bind(b->listener, (struct sockaddr *)&a, bytes) < 0 ||
	    listen(b->listener, 8) < 0)
		return -errno;
	bytes = sizeof(a);
	if (getsockname(b->listener, (struct sockaddr *)&a, &bytes) < 0)
		return -errno;
	snprintf(b->address, sizeof(b->address), "unix:abstract=%.*s",
		 (int)(bytes - sizeof(sa_family_t) - 1), a.sun_path + 1);
	return 0;
}

static int on_message(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct fake_bus *b = data;

	(void)error;
	if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus", "Hello"))
		return sd_bus_reply_method_return(m, "s", ":1.0");
	if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus", "RequestName")) {
		b->named = true;
		return sd_bus_reply_method_return(m, "u", PRIMARY_OWNER);
	}
	return b->message ? b->message(b, m) : 0;
}

static void let_in(struct fake_bus *b, int fd)
{
	static const sd_id128_t id = { .bytes = { 1 } };
	sd_bus *sd = NULL;
	int r;

	r = sd_bus_new(&sd);
	if (r >= 0)
		r = sd_bus_set_fd(sd, fd, fd);
	if (r < 0) {
		close(fd);
	} else {
		r = sd_bus_set_server(sd, true, id);
		if (r >= 0)
			r = sd_bus_start(sd);
		if (r >= 0)
			r = sd_bus_add_filter(sd, NULL, on_message, b);
	}
	b->named = false;
	b->sd = r < 0 ? sd_bus_close_unref(sd) : sd;
}

void fake_bus_process(struct fake_bus *b)
{
	int fd, r;

	if (!b->sd) {
		fd = accept4(b->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			return;
		let_in(b, fd);
	}
	do
		r = b->sd ? sd_bus_process(b->sd, NULL) : 0;
	while (r > 0);
	if (r < 0)
		fake_bus_hang_up(b);
}

void fake_bus_hang_up(struct fake_bus *b)
{
	b->sd = sd_bus_close_unref(b->sd);
	b->named = false;
}

void fake_bus_close(struct fake_bus *b)
{
	fake_bus_hang_up(b);
	close(b->listener);
}

uint64_t fake_bus_send(struct fake_bus *b, sd_bus_message *m, const char *sender)
{
	uint64_t cookie = 0;
	int r = 0;

	if (sender)
		r = sd_bus_message_set_sender(m, sender);
	if (r >= 0)
		r = sd_bus_send(b->sd, m, &cookie);
	sd_bus_message_unref(m);
	return r < 0 ? 0 : cookie;
}

uint64_t fake_bus_call(struct fake_bus *b, const char *sender, const char *member,
		       const char *types, ...)
{
	sd_bus_message *m = NULL;
	va_list ap;
	int r;

	r = sd_bus_message_new_method_call(b->sd, &m, NAME, PATH, NAME, member);
	if (r < 0)
		return 0;
	va_start(ap, types);
	r = *types ? sd_bus_message_appendv(m, types, ap) : 0;
	va_end(ap);
	if (r < 0) {
		sd_bus_message_unref(m);
		return 0;
	}
	return fake_bus_send(b, m, sender);
}

int fake_bus_say_who(sd_bus_message *question, uint32_t uid)
{
	return sd_bus_reply_method_return(question, "a{sv}", 2, "UnixUserID", "u", uid, "ProcessID",
					  "u", 4711u);
}
