/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_BUS_H
#define SHMREGD_BUS_H

/*
 * bus.h - administration over D-Bus: org.shmreg.Registry1
 *
 * The same as over the socket, by the same policy, for those who have a bus and no
 * libshmreg; proto/org.shmreg.Registry1.xml says what there is. Nothing here
 * waits: a bus that is not there, has gone, or does not read is no concern of those
 * at the socket. What it would make us keep is bounded: so many callers whose
 * credentials are waited for, with so many calls each, so many messages that the bus does not take; beyond that calls
 * are refused, and signals are counted and told of by a Lost(n).
 *
 *	none -> connecting	bus_configure() says that there is to be a bus; a timer
 *	connecting -> named	it lets us in, and gives us the name
 *	connecting, named -> none	no bus, it went away, refuses: again later, and later
 */

struct bus;
struct server;
struct shmreg_event;

/* Return: 0; -ENOMEM. */
int bus_new(struct bus **ret, struct server *server);
struct bus *bus_free(struct bus *bus);
/* Options have changed, or it is known where the server listens. */
void bus_configure(struct bus *bus);
void bus_event(struct bus *bus, const struct shmreg_event *event);

#endif /* SHMREGD_BUS_H */
