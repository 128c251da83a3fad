/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_BUS_ADDRESS_H
#define SHMREGD_BUS_ADDRESS_H

/*
 * bus-address.h - which bus, if any
 */

#include <stdbool.h>

#include "options.h"

#define BUS_ERROR_MAX 255

enum bus_kind { BUS_NONE, BUS_SYSTEM, BUS_SESSION };

/* @socket: where the instance listens */
enum bus_kind bus_kind_of(enum options_bus when, bool system, const char *socket);
const char *bus_kind_name(enum bus_kind kind);

/*
 * bus_address() - where the bus is, by environment or by custom
 * @ret:	to be freed; untouched on failure
 *
 * Only Unix sockets: to look up a host's name, or to start a program, could take long.
 *
 * Return: 0; -ENOENT there is none for this user; -EINVAL it is of another kind; each with a
 * sentence; -ENOMEM.
 */
int bus_address(char **ret, enum bus_kind kind, char error[BUS_ERROR_MAX + 1]);

#endif /* SHMREGD_BUS_ADDRESS_H */
