/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <getopt.h>
#include <stdio.h>

#include "ctl.h"
#include "json.h"

int ctl_remove(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = { CTL_OPTIONS, { NULL, 0, NULL, 0 } };
	struct shmreg_connection *connection;
	struct json json;
	int option, status;

	while ((option = getopt_long(argc, argv, ":js:", options, NULL)) != -1)
		if (!ctl_common(ctl, option))
			return ctl_bad_option(option, argv, "rm");
	if (optind == argc)
		return ctl_usage("rm: the segment's name is missing; shmregctl ls lists them");
	for (int i = optind; i < argc; i++)
		if (ctl_check_name("rm", argv[i]))
			return 2;
	status = ctl_connect(ctl, &connection, SHMREG_CONNECT_OBSERVER);
	if (status)
		return status;

	json_init(&json, stdout);
	if (ctl->json)
		json_open_array(&json, NULL);
	for (int i = optind; i < argc; i++) {
		const int r = shmreg_segment_remove(connection, argv[i]);

		/* One that cannot be removed does not save the others. */
		if (r < 0)
			status = ctl_failed(r);
		else if (ctl->json)
			json_string(&json, NULL, argv[i]);
	}
	if (ctl->json) {
		json_close(&json);
		json_end(&json);
	}
	shmreg_disconnect(connection);
	return ctl_flush() || status;
}
