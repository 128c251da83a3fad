/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "access.h"
#include "info.h"
#include "json.h"
#include "parse.h"

/* 0, or what ctl_usage() says. */
static int arguments(struct ctl *ctl, int argc, char **argv, struct shmreg_set *set,
		     const char **ret_owner)
{
	static const struct option options[] = {
		CTL_OPTIONS,
		{ "owner", required_argument, NULL, 'o' },
		{ "mode", required_argument, NULL, 'm' },
		{ "lifetime", required_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	int option, index = -1;

	while ((option = getopt_long(argc, argv, ":js:", options, &index)) != -1) {
		uint32_t uid = 0, gid = 0;
		const char *why = NULL;
		int r = 0;

		switch (option) {
		case 'o':
			set->what |= SHMREG_SET_OWNER;
			*ret_owner = optarg;
			r = parse_owner(optarg, &uid, &gid, &why);
			break;
		case 'm':
			set->what |= SHMREG_SET_MODE;
			r = parse_mode(optarg, &set->mode, &why);
			break;
		case 'l':
			set->what |= SHMREG_SET_LIFETIME;
			r = parse_lifetime(optarg, &set->lifetime, &why);
			break;
		default:
			if (!ctl_common(ctl, option))
				return ctl_bad_option(option, argv, "set");
		}
		if (r < 0)
			return ctl_usage("set: --%s '%s' %s", options[index].name, optarg, why);
	}
	if (optind == argc)
		return ctl_usage("set: the segment's name is missing; shmregctl ls lists them");
	if (argc - optind > 1)
		return ctl_usage("set: one name is enough, got '%s' too", argv[optind + 1]);
	if (!set->what)
		return ctl_usage("set: nothing is to be changed; give --owner, --mode or --lifetime, or an "
				 "object and a value");
	return ctl_check_name("set", argv[optind]);
}

/* Two names, and nothing that segments have: an object's elements are meant. */
static bool is_of_object(int argc, char **argv)
{
	static const char *const options[] = { "--owner", "--mode", "--lifetime" };

	for (int i = 1; i < argc; i++)
		for (size_t k = 0; k < sizeof(options) / sizeof(options[0]); k++) {
			const size_t n = strcspn(argv[i], "=");

			/* As getopt_long() takes them: cut short. */
			if (n > 2 && n <= strlen(options[k]) && strncmp(argv[i], options[k], n) == 0)
				return false;
		}
	return access_count_words(argc, argv) > 1;
}

int ctl_set(struct ctl *ctl, int argc, char **argv)
{
	struct shmreg_connection *connection;
	struct shmreg_segment_info info;
	struct shmreg_set set = { 0 };
	bool gone = false;
	const char *owner = NULL, *why;
	int r;

	if (is_of_object(argc, argv))
		return ctl_set_elements(ctl, argc, argv);
	r = arguments(ctl, argc, argv, &set, &owner);
	if (r)
		return r;
	r = ctl_connect(ctl, &connection, SHMREG_CONNECT_OBSERVER);
	if (r)
		return r;
	if (set.what & SHMREG_SET_OWNER) {
		/* What was not given stays as it is: the daemon wants both. */
		r = shmreg_segment_describe(connection, argv[optind], &info, NULL);
		if (r == 0) {
			set.uid = info.owner_uid;
			set.gid = info.owner_gid;
			parse_owner(owner, &set.uid, &set.gid, &why);
		}
	}
	if (r == 0)
		r = shmreg_segment_set(connection, argv[optind], &set);
	if (r == 0 && ctl->json) {
		r = shmreg_segment_describe(connection, argv[optind], &info, NULL);
		/* With its new lifetime, since nobody is attached. */
		gone = r == -ENOENT;
	}
	if (r < 0 && !gone) {
		r = ctl_failed(r);
	} else if (ctl->json) {
		struct json json;

		r = 0;
		json_init(&json, stdout);
		if (gone) {
			json_null(&json, NULL);
		} else {
			json_open_object(&json, NULL);
			info_json(&json, &info);
			json_close(&json);
		}
		json_end(&json);
	}
	shmreg_disconnect(connection);
	return ctl_flush() || r;
}
