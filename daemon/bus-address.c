/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus-address.h"

#define SYSTEM_SOCKET "/run/shmregd/control"
#define SYSTEM_BUS "unix:path=/run/dbus/system_bus_socket"

static bool is_users_own(const char *socket)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char path[4096];

	if (!runtime || *runtime != '/')
		return false;
	snprintf(path, sizeof(path), "%s/shmregd/control", runtime);
	return strcmp(path, socket) == 0;
}

enum bus_kind bus_kind_of(enum options_bus when, bool system, const char *socket)
{
	const bool is_system = strcmp(socket, SYSTEM_SOCKET) == 0;

	if (when == OPTIONS_BUS_NO ||
	    (when == OPTIONS_BUS_AUTO && !is_system && !is_users_own(socket)))
		return BUS_NONE;
	return system || is_system ? BUS_SYSTEM : BUS_SESSION;
}

const char *bus_kind_name(enum bus_kind kind)
{
	return kind == BUS_SYSTEM ? "system bus" : kind == BUS_SESSION ? "session bus" : "no bus";
}

/* An address is a list; the library goes through it. */
static bool all_unix(const char *address)
{
	const char *a = address;

	while (strncmp(a, "unix:", 5) == 0) {
		a = strchr(a, ';');
		if (!a || !a[1])
			return true;
		a++;
	}
	return false;
}

int bus_address(char **ret, enum bus_kind kind, char error[BUS_ERROR_MAX + 1])
{
	const char *const variable = kind == BUS_SYSTEM ? "DBUS_SYSTEM_BUS_ADDRESS" :
							  "DBUS_SESSION_BUS_ADDRESS";
	const char *runtime = getenv("XDG_RUNTIME_DIR"), *address = getenv(variable);
	char *copy = NULL;

	if (address && *address) {
		if (!all_unix(address)) {
			snprintf(error, BUS_ERROR_MAX + 1, "$%s is '%.120s', but shmregd speaks to a bus "
				 "at a 'unix:' address only", variable, address);
			return -EINVAL;
		}
		copy = strdup(address);
	} else if (kind == BUS_SYSTEM) {
		copy = strdup(SYSTEM_BUS);
	} else if (runtime && *runtime == '/') {
		if (asprintf(&copy, "unix:path=%s/bus", runtime) < 0)
			copy = NULL;
	} else {
		snprintf(error, BUS_ERROR_MAX + 1, "where is the session bus? neither $%s nor "
			 "$XDG_RUNTIME_DIR is set", variable);
		return -ENOENT;
	}
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}
