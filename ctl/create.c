/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "ctl.h"
#include "info.h"
#include "json.h"
#include "parse.h"
#include "placement.h"
#include "text.h"

/* 0, or what ctl_usage() says. */
static int arguments(struct ctl *ctl, int argc, char **argv, struct shmreg_segment_params *p,
		     bool *dry_run)
{
	static const struct option options[] = {
		CTL_OPTIONS,
		{ "size", required_argument, NULL, 'S' },
		{ "mode", required_argument, NULL, 'm' },
		{ "lifetime", required_argument, NULL, 'l' },
		{ "max-objects", required_argument, NULL, 'o' },
		{ "max-participants", required_argument, NULL, 'p' },
		{ "reserve", no_argument, NULL, 'r' },
		{ "huge", required_argument, NULL, 'H' },
		{ "numa", required_argument, NULL, 'N' },
		{ "prefault", no_argument, NULL, 'P' },
		{ "mlock", no_argument, NULL, 'L' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	int option, index = -1;

	while ((option = getopt_long(argc, argv, ":js:", options, &index)) != -1) {
		const char *why = NULL;
		int r = 0;

		switch (option) {
		case 'S':
			r = parse_bytes(optarg, &p->bytes, &why);
			break;
		case 'm':
			r = parse_mode(optarg, &p->mode, &why);
			/* The library takes 0 for its default. */
			if (r == 0 && !p->mode)
				return ctl_usage("create: mode 0 would let nobody attach, not even "
						 "the owner; use 0600");
			break;
		case 'l':
			r = parse_lifetime(optarg, &p->lifetime, &why);
			if (r == 0 && p->lifetime != SHMREG_UNTIL_REMOVED)
				return ctl_usage("create: with --lifetime %s the segment would be gone "
						 "at once, since shmregctl does not stay attached; use "
						 "until-removed (and set it later)", optarg);
			break;
		case 'o':
			r = parse_count(optarg, SHMREG_OBJECTS_MAX, &p->max_objects, &why);
			break;
		case 'p':
			r = parse_count(optarg, SHMREG_PARTICIPANTS_MAX, &p->max_participants, &why);
			break;
		case 'r':
			p->flags |= SHMREG_CREATE_RESERVE;
			break;
		case 'H':
			r = placement_huge(optarg, &p->placement, &why);
			break;
		case 'N':
			r = placement_numa(optarg, &p->placement, &why);
			break;
		case 'P':
			p->placement.flags |= SHMREG_PLACE_PREFAULT;
			break;
		case 'L':
			p->placement.flags |= SHMREG_PLACE_LOCK;
			break;
		case 'n':
			*dry_run = true;
			break;
		default:
			if (!ctl_common(ctl, option))
				return ctl_bad_option(option, argv, "create");
		}
		if (r < 0)
			return ctl_usage("create: --%s '%s' %s", options[index].name, optarg, why);
	}
	if (optind == argc)
		return ctl_usage("create: the segment's name is missing: shmregctl create NAME --size 64M");
	if (argc - optind > 1)
		return ctl_usage("create: one name is enough, got '%s' too", argv[optind + 1]);
	if (!p->bytes)
		return ctl_usage("create: --size is missing, such as --size 64M");
	return ctl_check_name("create", argv[optind]);
}

/* As shmreg_segment_create() sees it. */
static bool reserves(const struct shmreg_segment_params *p)
{
	return p->flags & SHMREG_CREATE_RESERVE || p->placement.flags ||
	       (p->placement.numa && shmreg_huge_bytes(p->placement.huge));
}

/* The same: who sets a NUMA policy or reserves does it in a mapping of his own. */
static bool attaches(const struct shmreg_segment_params *p)
{
	return reserves(p) || p->placement.numa;
}

/* What it would take; asks nobody. */
static int print_cost(const struct ctl *ctl, const struct shmreg_segment_params *params)
{
	struct shmreg_segment_cost cost = { .size = sizeof(cost) };
	char data[TEXT_MAX], directory[TEXT_MAX];
	int r;

	r = shmreg_segment_cost(params, &cost);
	if (r < 0)
		return ctl_failed(r);
	if (ctl->json) {
		struct json json;

		json_init(&json, stdout);
		json_open_object(&json, NULL);
		json_number(&json, "data_bytes", cost.data_bytes);
		json_number(&json, "dir_bytes", cost.dir_bytes);
		json_number(&json, "max_objects", cost.max_objects);
		json_number(&json, "max_participants", cost.max_participants);
		json_close(&json);
		json_end(&json);
	} else {
		printf("data area  %s (%" PRIu64 " bytes), %s\n"
		       "directory  %s (%" PRIu64 " bytes) for %" PRIu32 " objects, %" PRIu32
		       " participants; as entries are used\n",
		       text_bytes(data, cost.data_bytes), cost.data_bytes,
		       reserves(params) || shmreg_huge_bytes(params->placement.huge)
			       ? "at once" : "as pages are touched",
		       text_bytes(directory, cost.dir_bytes), cost.dir_bytes, cost.max_objects,
		       cost.max_participants);
	}
	return ctl_flush();
}

static void print_made(const struct ctl *ctl, const struct shmreg_segment_info *info,
		       const struct shmreg_dir *dir)
{
	struct json json;

	if (dir->huge_error)
		fprintf(stderr, "shmregctl: create: segment '%s' is made of ordinary pages: %s\n",
			info->name, placement_why_not(dir));
	if (!ctl->json)
		return;
	json_init(&json, stdout);
	json_open_object(&json, NULL);
	info_json(&json, info);
	placement_json(dir, NULL, &json);
	json_close(&json);
	json_end(&json);
}

int ctl_create(struct ctl *ctl, int argc, char **argv)
{
	struct shmreg_segment_params params = {
		.size = sizeof(params),
		.lifetime = SHMREG_UNTIL_REMOVED,
	};
	struct shmreg_connection *connection;
	struct shmreg_segment_info info;
	const struct shmreg_dir *dir = NULL;
	bool dry_run = false;
	int r;

	r = arguments(ctl, argc, argv, &params, &dry_run);
	if (r)
		return r;
	if (dry_run)
		return print_cost(ctl, &params);
	/* Who reserves is attached meanwhile. */
	r = ctl_connect(ctl, &connection, attaches(&params) ? 0 : SHMREG_CONNECT_OBSERVER);
	if (r)
		return r;
	/* No place for the segment: it is made, and nobody attached to it. */
	r = shmreg_segment_create(connection, NULL, argv[optind], &params);
	if (r == 0 && (ctl->json || shmreg_huge_bytes(params.placement.huge)))
		r = shmreg_segment_describe(connection, argv[optind], &info, &dir);
	if (r < 0)
		r = ctl_failed(r);
	else if (dir)
		print_made(ctl, &info, dir);
	shmreg_dir_unmap(dir);
	shmreg_disconnect(connection);
	return ctl_flush() || r;
}
