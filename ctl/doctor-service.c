/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "doctor.h"
#include "unit.h"

#define OUTPUT_MAX 16384
#define TRIES 4
#define BUS_NAME "org.shmreg.Registry1"
#define BUS_PATH "/org/shmreg/Registry1"

static int show(bool user, const char *unit, struct unit_properties *ret)
{
	const char *const system[] = { "systemctl", "--no-pager", "show", unit, NULL };
	const char *const own[] = { "systemctl", "--user", "--no-pager", "show", unit, NULL };
	char output[OUTPUT_MAX];
	int r;

	r = doctor_run(user ? own : system, output, sizeof(output));
	if (r == 0)
		unit_parse(output, ret);
	return r;
}

static uint64_t count_segments(struct doctor *d)
{
	struct shmreg_stats_reply stats;

	if (!d->connection || shmreg_stats(d->connection, UINT32_MAX, &stats) < 0 ||
	    stats.usage[SHMREG_RESOURCE_SEGMENTS].used == SHMREG_USAGE_UNKNOWN)
		return UNIT_UNKNOWN;
	return stats.usage[SHMREG_RESOURCE_SEGMENTS].used;
}

/*
 * Segments come and go between the two numbers: that one is too small for the other is believed if
 * it is so again and again.
 */
static int gather(struct doctor *d, struct unit *u)
{
	const struct timespec moment = { .tv_nsec = 50000000 };
	int r;

	for (int i = 0; i < TRIES; i++) {
		u->n_segments = count_segments(d);
		r = show(u->user, "shmregd.service", &u->service);
		if (r != 0)
			return r;
		if (u->n_segments == UNIT_UNKNOWN || u->service.n_fd_store >= 2 * u->n_segments)
			break;
		nanosleep(&moment, NULL);
	}
	return show(u->user, "shmregd.socket", &u->socket);
}

static void look_at_bus(struct doctor *d)
{
	const bool user = d->instance == DOCTOR_USER;
	/* Not by get-property, which would start a daemon that does not run. */
	const char *const argv[] = {"busctl",
				    user ? "--user" : "--system",
				    "--auto-start=no",
				    "--timeout=5",
				    "call",
				    BUS_NAME,
				    BUS_PATH,
				    "org.freedesktop.DBus.Properties",
				    "Get",
				    "ss",
				    BUS_NAME,
				    "Version",
				    NULL};
	struct findings *f = &d->findings;
	char output[1024];
	const int r = doctor_run(argv, output, sizeof(output));

	if (r == 0) {
		finding_add(f, FINDING_OK, "bus.name", "it is on the %s bus, as %s",
			    user ? "session" : "system", BUS_NAME);
	} else if (r < 0) {
		finding_add(f, FINDING_OK, "bus.name",
			    "there is no busctl: the bus was not looked at");
	} else if (!d->answers) {
		finding_add(f, FINDING_OK, "bus.name", "%s is not on the bus, for no daemon runs",
			    BUS_NAME);
	} else {
		finding_add(f, FINDING_NOTE, "bus.name",
			    "it cannot be administered over D-Bus: %.300s", output);
		if (user)
			finding_type(f, "systemctl --user status dbus");
		else
			finding_type(f, "systemctl status dbus\nls " DBUSPOLICYDIR
					"/org.shmreg.Registry1.conf\n"
					"shmregd --print-config | grep '^bus'");
	}
}

void doctor_service(struct doctor *d)
{
	struct unit u = {
		.user = d->instance == DOCTOR_USER,
		.answers = d->answers,
		.max_segments = d->max_segments,
	};
	struct findings *f = &d->findings;
	int r;

	if (d->instance == DOCTOR_PRIVATE) {
		finding_add(f, FINDING_OK, "service",
			    "a private daemon: it is no service of systemd's");
		return;
	}
	if (!doctor_has_systemd(d)) {
		finding_add(f, d->answers ? FINDING_OK : FINDING_NOTE, "service",
			    "this machine is not run by systemd: nobody starts shmregd by itself, "
			    "or keeps its "
			    "segments when it dies");
		if (!d->answers)
			finding_type(f, "shmregd%s &", u.user ? "" : " --system");
		return;
	}
	r = gather(d, &u);
	if (r != 0) {
		finding_add(f, FINDING_WARNING, "service",
			    "the service manager cannot be asked: %s",
			    r < 0 ? strerror(-r) : "systemctl show fails");
		finding_type(f, "systemctl%s status shmregd", u.user ? " --user" : "");
		return;
	}
	unit_judge(&u, f);
	look_at_bus(d);
}
