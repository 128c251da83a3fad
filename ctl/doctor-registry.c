/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "text.h"

/* Of the catalogue in shmregd(8), as journalctl wants them. */
#define MESSAGE_REPAIR_FAILED "706c4ba1336f4c8e96df500c503c40e7"

/* Tenths of a limit, from which on a person should know. */
#define NEAR 9

static bool is_near(const struct shmreg_usage *u)
{
	return u->used != SHMREG_USAGE_UNKNOWN && u->limit != UINT64_MAX && u->used > 0 &&
	       u->used >= u->limit - u->limit / 10 * (10 - NEAR);
}

static void amount(char ret[TEXT_MAX], unsigned int resource, uint64_t n)
{
	if (resource == SHMREG_RESOURCE_BYTES || resource == SHMREG_RESOURCE_RESERVED_BYTES)
		text_bytes(ret, n);
	else
		snprintf(ret, TEXT_MAX, "%" PRIu64, n);
}

/* What is in shmregd.conf for it. */
static const char *option_of(unsigned int resource)
{
	switch (resource) {
	case SHMREG_RESOURCE_SEGMENTS:
		return "max-segments";
	case SHMREG_RESOURCE_RESERVED_BYTES:
		return "reserve-budget";
	case SHMREG_RESOURCE_CONNECTIONS:
		return "max-connections";
	default:
		return "its limit";
	}
}

static void look_at_totals(struct doctor *d)
{
	const struct shmreg_stats_reply *s = &d->stats;
	struct findings *f = &d->findings;
	char a[TEXT_MAX], b[TEXT_MAX];
	bool near = false;

	for (unsigned int i = 0; i < SHMREG_N_RESOURCES; i++) {
		if (!is_near(&s->usage[i]))
			continue;
		near = true;
		amount(a, i, s->usage[i].used);
		amount(b, i, s->usage[i].limit);
		finding_add(f, FINDING_WARNING, "registry.limit",
			    "the whole registry has %s of %s %s: soon more "
			    "is refused",
			    a, b, ctl_resource_name(i));
		finding_type(f, "shmregctl ls   # what can go: shmregctl rm SEGMENT");
		finding_type(
		    f, "editor " SYSCONFDIR "/shmregd.conf   # raise %s\nsystemctl reload shmregd",
		    option_of(i));
	}
	if (!near)
		finding_add(f, FINDING_OK, "registry.limit",
			    "none of the registry's limits is near");
}

static void look_at_user(struct doctor *d, uint32_t uid)
{
	struct findings *f = &d->findings;
	char a[TEXT_MAX], b[TEXT_MAX], user[TEXT_MAX];
	struct shmreg_stats_reply s;
	bool near = false;

	if (shmreg_stats(d->connection, uid, &s) < 0)
		return;
	text_user(user, uid);
	for (unsigned int i = 0; i < SHMREG_N_RESOURCES; i++) {
		if (!is_near(&s.usage[i]))
			continue;
		near = true;
		amount(a, i, s.usage[i].used);
		amount(b, i, s.usage[i].limit);
		finding_add(f, FINDING_WARNING, "registry.quota",
			    "user %s has %s of %s %s: soon more is refused", user, a, b,
			    ctl_resource_name(i));
		finding_type(f, "shmregctl stats --user %s", user);
		finding_type(f, "shmregctl limit %s %s=%" PRIu64 "   # as root", user,
			     ctl_resource_name(i), s.usage[i].limit * 2);
	}
	if (!near)
		finding_add(f, FINDING_OK, "registry.quota", "user %s is not near a limit", user);
}

static void look_at_repairs(struct doctor *d)
{
	const struct shmreg_stats_reply *s = &d->stats;
	struct findings *f = &d->findings;

	if (s->n_deaths == SHMREG_USAGE_UNKNOWN) {
		finding_add(f, FINDING_OK, "registry.repairs",
			    "what was repaired is for root to see");
		return;
	}
	if (s->n_reaper_failures) {
		finding_add(f, FINDING_WARNING, "registry.reaper",
			    "%" PRIu64 " repairs failed and were tried "
			    "again",
			    s->n_reaper_failures);
		finding_type(f, "journalctl MESSAGE_ID=" MESSAGE_REPAIR_FAILED);
	}
	if (s->n_gave_up) {
		finding_add(
		    f, FINDING_WARNING, "registry.gave-up",
		    "repairs have met %" PRIu64 " words that make "
		    "no sense, and left them alone: somebody who may write wrote over a structure",
		    s->n_gave_up);
		finding_type(f, "journalctl -u shmregd -p warning");
	}
	if (!s->n_reaper_failures && !s->n_gave_up)
		finding_add(f, FINDING_OK, "registry.repairs",
			    "%" PRIu64 " deaths, %" PRIu64 " repairs, none of "
			    "which failed",
			    s->n_deaths, s->n_repairs);
}

/* The program that runs is not the one that is installed any more. */
static void look_at_program(struct doctor *d)
{
	static const char deleted[] = " (deleted)";
	struct findings *f = &d->findings;
	char path[64], program[1024];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/exe", d->stats.pid);
	n = readlink(path, program, sizeof(program) - 1);
	if (n < 0)
		return;		/* another user's, or in another container */
	program[n] = '\0';
	if ((size_t)n > strlen(deleted) && strcmp(program + n - strlen(deleted), deleted) == 0) {
		finding_add(f, FINDING_WARNING, "registry.program",
			    "the daemon runs a program that has been "
			    "replaced since: %s",
			    program);
		finding_type(f, "systemctl restart shmregd   # segments stay");
	} else {
		finding_add(f, FINDING_OK, "registry.program", "pid %" PRIu32 " runs %s",
			    d->stats.pid, program);
	}
}

void doctor_registry(struct doctor *d)
{
	if (!d->connection)
		return;
	if (shmreg_stats(d->connection, UINT32_MAX, &d->stats) < 0) {
		finding_add(&d->findings, FINDING_ERROR, "registry.stats", "%s", shmreg_error());
		return;
	}
	d->has_stats = true;
	look_at_totals(d);
	look_at_user(d, getuid());
	look_at_repairs(d);
	look_at_program(d);
}
