/* SPDX-License-Identifier: MIT */
/*
 * bus-peer.c - what tests/bus.sh cannot do with busctl
 *
 *	listen ADDRESS		says "listening", then each signal of shmregd's that it hears:
 *				"INTERFACE MEMBER SEGMENT", of properties "... PATH", until it is
 *				killed
 *	flood ADDRESS N		calls List, Describe and Set N times each as fast as the bus takes it,
 *				reads no answer, says "flooded", and stays until it is killed
 *	own ADDRESS		takes shmregd's name on the bus, if it may, and says how that went
 *	churn N			makes and closes a segment, N times, over the socket
 *	hold NAME		makes a segment that everybody may read and that stays, an object in it, says
 *				"held", and stays until it is killed
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#include <shmreg.h>

#define NAME "org.shmreg.Registry1"
#define PATH "/org/shmreg/Registry1"

SHMREG_DEFINE_QUEUE(number_queue, uint64_t);

static void ok(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "bus-peer: %s: %s; %s\n", what, strerror(-r), shmreg_error());
	exit(1);
}

static void say(const char *word)
{
	puts(word);
	fflush(stdout);
}

static sd_bus *connect_to(const char *address)
{
	sd_bus *bus;

	ok(sd_bus_new(&bus), "sd_bus_new");
	ok(sd_bus_set_address(bus, address), "the address");
	ok(sd_bus_set_bus_client(bus, true), "sd_bus_set_bus_client");
	ok(sd_bus_start(bus), "connecting");
	return bus;
}

static int on_signal(sd_bus_message *m, void *data, sd_bus_error *e)
{
	const char *name = "";
	uint64_t id;

	(void)data, (void)e;
	if (strcmp(sd_bus_message_get_member(m), "PropertiesChanged") == 0)
		name = sd_bus_message_get_path(m);
	else if (sd_bus_message_read(m, "t", &id) > 0)
		(void)sd_bus_message_read(m, "s", &name);
	printf("%s %s %s\n", sd_bus_message_get_interface(m), sd_bus_message_get_member(m), name);
	fflush(stdout);
	return 0;
}

static void listen_to(const char *address)
{
	sd_bus *bus = connect_to(address);

	/* Installed when this returns; no sender, for that may come later, and again. */
	ok(sd_bus_add_match(bus, NULL, "type='signal',path_namespace='" PATH "'", on_signal, NULL), "the match");
	say("listening");
	for (;;) {
		int r = sd_bus_process(bus, NULL);

		ok(r, "the bus");
		if (r == 0)
			ok(sd_bus_wait(bus, UINT64_MAX), "waiting");
	}
}

static void own(const char *address)
{
	sd_bus *bus = connect_to(address);
	const int r = sd_bus_request_name(bus, NAME, 0);

	sd_bus_flush_close_unref(bus);
	say(r < 0 ? strerrorname_np(-r) : "owned");
}

static sd_bus_message *new_call(sd_bus *bus, const char *method, const char *types)
{
	sd_bus_message *m;

	ok(sd_bus_message_new_method_call(bus, &m, NAME, PATH, NAME, method), method);
	if (strcmp(types, "s") == 0)
		ok(sd_bus_message_append(m, "s", "flooded"), method);
	else if (*types)
		ok(sd_bus_message_append(m, types, "flooded", 1, "Mode", "u", 0644), method);
	return m;
}

static void flood(const char *address, unsigned long n)
{
	static const struct {
		const char *method, *types;
	} calls[] = { { "List", "" }, { "Describe", "s" }, { "Set", "sa{sv}" } };
	sd_bus *bus = connect_to(address);

	for (unsigned long i = 0; i < n; i++) {
		for (size_t j = 0; j < sizeof(calls) / sizeof(calls[0]); j++) {
			sd_bus_message *m = new_call(bus, calls[j].method, calls[j].types);

			ok(sd_bus_send(bus, m, NULL), calls[j].method);
			sd_bus_message_unref(m);
		}
		if (i % 16 == 0)
			ok(sd_bus_flush(bus), "flushing");
	}
	ok(sd_bus_flush(bus), "flushing");
	say("flooded");
	pause();
}

static struct shmreg_segment *create(struct shmreg_connection *c, const char *name,
				     uint32_t lifetime)
{
	const struct shmreg_segment_params params = {
		.size = sizeof(params), .bytes = 65536, .mode = 0644, .lifetime = lifetime,
	};
	struct shmreg_segment *s;

	ok(shmreg_segment_create(c, &s, name, &params), name);
	return s;
}

static void churn(unsigned long n)
{
	struct shmreg_connection *c;

	ok(shmreg_connect(&c, NULL), "shmreg_connect");
	for (unsigned long i = 0; i < n; i++)
		shmreg_segment_close(create(c, "churned", SHMREG_WHILE_ATTACHED));
	shmreg_disconnect(c);
}

static void hold(const char *name)
{
	struct shmreg_connection *c;
	struct shmreg_segment *s;
	struct number_queue *q;

	ok(shmreg_connect(&c, NULL), "shmreg_connect");
	s = create(c, name, SHMREG_UNTIL_REMOVED);
	ok(number_queue_create(s, &q, "numbers", 16, 0), "numbers");
	say("held");
	pause();
}

int main(int argc, char *argv[])
{
	if (argc == 3 && strcmp(argv[1], "listen") == 0)
		listen_to(argv[2]);
	else if (argc == 3 && strcmp(argv[1], "own") == 0)
		own(argv[2]);
	else if (argc == 4 && strcmp(argv[1], "flood") == 0)
		flood(argv[2], strtoul(argv[3], NULL, 10));
	else if (argc == 3 && strcmp(argv[1], "churn") == 0)
		churn(strtoul(argv[2], NULL, 10));
	else if (argc == 3 && strcmp(argv[1], "hold") == 0)
		hold(argv[2]);
	else
		return 2;
	return 0;
}
