/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl.h"
#include "info.h"
#include "json.h"
#include "text.h"

struct list {
	struct json json;
	struct text_table table;
};

static int visit_json(void *data, const struct shmreg_segment_info *info)
{
	struct list *list = data;

	json_open_object(&list->json, NULL);
	info_json(&list->json, info);
	json_close(&list->json);
	return 0;
}

static int visit_text(void *data, const struct shmreg_segment_info *info)
{
	struct list *list = data;
	struct text_table *t = &list->table;
	char a[TEXT_MAX], b[TEXT_MAX], c[TEXT_MAX];

	text_table_add(t, "%s", info->name);
	if (!info->access) {
		/* Names are public, the rest is for those who may read. */
		for (unsigned int i = 1; i < t->n_columns; i++)
			text_table_add(t, "-");
		return 0;
	}
	text_table_add(t, "%s:%s", text_user(a, info->owner_uid), text_group(b, info->owner_gid));
	text_table_add(t, "%s", text_mode(a, info->mode));
	text_table_add(t, "%s", text_lifetime(info->lifetime));
	text_table_add(t, "%s", text_bytes(a, info->data_bytes));
	text_table_add(t, "%s", text_bytes(b, info->used_bytes));
	text_table_add(t, "%s", text_bytes(c, info->resident_bytes));
	text_table_add(t, "%" PRIu32, info->n_objects);
	text_table_add(t, "%" PRIu32, info->n_participants);
	text_table_add(t, "%s", text_state(info->state, info->flags));
	return 0;
}

int ctl_list(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = { CTL_OPTIONS, { NULL, 0, NULL, 0 } };
	static const char *const titles[] = {
		"NAME",   "OWNER",     "MODE",     "LIFETIME",      ">SIZE",
		">USED",  ">RESIDENT", ">OBJECTS", ">PARTICIPANTS", "STATE",
	};
	struct shmreg_connection *connection;
	struct list list;
	int option, r;

	while ((option = getopt_long(argc, argv, ":js:", options, NULL)) != -1)
		if (!ctl_common(ctl, option))
			return ctl_bad_option(option, argv, "ls");
	if (optind < argc)
		return ctl_usage("ls takes no arguments, got '%s'; see show for one segment",
				 argv[optind]);
	r = ctl_connect(ctl, &connection, SHMREG_CONNECT_OBSERVER);
	if (r)
		return r;

	text_table_init(&list.table, sizeof(titles) / sizeof(titles[0]), titles);
	json_init(&list.json, stdout);
	if (ctl->json)
		json_open_array(&list.json, NULL);
	r = shmreg_segment_list(connection, ctl->json ? visit_json : visit_text, &list);
	if (ctl->json) {
		json_close(&list.json);
		json_end(&list.json);
	} else if (text_table_print(&list.table, stdout) < 0) {
		shmreg_disconnect(connection);
		return ctl_fail("no memory is left");
	}
	if (r < 0)
		r = ctl_failed(r);
	shmreg_disconnect(connection);
	return ctl_flush() || r;
}
