/* SPDX-License-Identifier: MIT */
#ifndef TEST_FAKE_BUS_H
#define TEST_FAKE_BUS_H

/*
 * fake-bus.h - plays the part of a D-Bus daemon, for one client: shmregd
 *
 * It lets the client in and gives it its name; what else the client sends comes to @message, which
 * answers when it likes. Callers are whoever the test says they are.
 */

#include <stdbool.h>

#include <systemd/sd-bus.h>

struct fake_bus {
	/* A call, or the answer to one. Return: as of a filter, sd_bus_add_filter(3). */
	int (*message)(struct fake_bus *b, sd_bus_message *m);
	int listener;
	char address[128];		/* for $DBUS_SESSION_BUS_ADDRESS */
	sd_bus *sd;			/* NULL: no client is there */
	bool named;			/* the client has asked for a name */
};

/* At an address that the kernel chooses. Return: 0; -errno. */
int fake_bus_listen(struct fake_bus *b);
/* Whatever is to be done now; never waits. A client that has gone is forgotten. */
void fake_bus_process(struct fake_bus *b);
void fake_bus_hang_up(struct fake_bus *b);
void fake_bus_close(struct fake_bus *b);

/* Sends @m, which is consumed, as if by @sender (NULL: by none). Return: its cookie; 0: it failed. */
uint64_t fake_bus_send(struct fake_bus *b, sd_bus_message *m, const char *sender);
/* A call of one of org.shmreg.Registry1's methods, with arguments as of sd_bus_message_append(3). */
uint64_t fake_bus_call(struct fake_bus *b, const char *sender, const char *member,
		       const char *types, ...);
/* The answer to GetConnectionCredentials. */
int fake_bus_say_who(sd_bus_message *question, uint32_t uid);

#endif /* TEST_FAKE_BUS_H */
