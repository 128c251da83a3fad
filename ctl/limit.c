/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "parse.h"

/* RESOURCE=LIMIT. Return: 0, or what ctl_usage() says. */
static int parse_pair(const char *pair, struct shmreg_set_limit *set)
{
	const char *equals = strchr(pair, '='), *why;
	uint32_t bit;
	int what;

	what = equals ? ctl_resource(pair, (size_t)(equals - pair)) : -1;
	if (what < 0)
		return ctl_usage("limit: '%s' is not of the form RESOURCE=LIMIT; resources are segments, "
				 "bytes, reserved_bytes, objects, participants, seats, connections and "
				 "subscriptions", pair);
	bit = UINT32_C(1) << what;
	if (set->what & bit)
		return ctl_usage("limit: '%s' sets again what another one sets", pair);
	set->what |= bit;
	if (strcmp(equals + 1, "default") == 0)
		set->unset |= bit;
	else if (parse_limit(equals + 1, what == SHMREG_RESOURCE_BYTES ||
			     what == SHMREG_RESOURCE_RESERVED_BYTES, &set->limit[what], &why) < 0)
		return ctl_usage("limit: '%s' %s", pair, why);
	return 0;
}

int ctl_limit(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = { CTL_OPTIONS, { NULL, 0, NULL, 0 } };
	struct shmreg_set_limit set = { 0 };
	struct shmreg_connection *connection;
	const char *why;
	int option, r;

	while ((option = getopt_long(argc, argv, ":js:", options, NULL)) != -1)
		if (!ctl_common(ctl, option))
			return ctl_bad_option(option, argv, "limit");
	if (optind == argc)
		return ctl_usage("limit: the user is missing; shmregctl limit USER RESOURCE=LIMIT ...");
	if (parse_user(argv[optind], &set.uid, &why) < 0)
		return ctl_usage("limit: '%s' %s", argv[optind], why);
	if (optind + 1 == argc)
		return ctl_usage("limit: RESOURCE=LIMIT is missing; shmregctl stats --user %s shows what "
				 "there is", argv[optind]);
	for (int i = optind + 1; i < argc; i++) {
		r = parse_pair(argv[i], &set);
		if (r)
			return r;
	}
	r = ctl_connect(ctl, &connection, SHMREG_CONNECT_OBSERVER);
	if (r)
		return r;
	r = shmreg_set_limit(connection, &set);
	if (r < 0)
		r = ctl_failed(r);
	else if (ctl->json)
		r = ctl_show_stats(ctl, connection, set.uid);
	shmreg_disconnect(connection);
	return ctl_flush() || r;
}
