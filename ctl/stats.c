/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "json.h"
#include "parse.h"
#include "stats.h"
#include "text.h"

static const char *const resources[SHMREG_N_RESOURCES] = {
	[SHMREG_RESOURCE_SEGMENTS] = "segments",
	[SHMREG_RESOURCE_BYTES] = "bytes",
	[SHMREG_RESOURCE_RESERVED_BYTES] = "reserved_bytes",
	[SHMREG_RESOURCE_OBJECTS] = "objects",
	[SHMREG_RESOURCE_PARTICIPANTS] = "participants",
	[SHMREG_RESOURCE_SEATS] = "seats",
	[SHMREG_RESOURCE_CONNECTIONS] = "connections",
	[SHMREG_RESOURCE_SUBSCRIPTIONS] = "subscriptions",
};

const struct stats_counter stats_counters[STATS_COUNTERS + 1] = {
#define FIELD(field) .name = #field, .offset = offsetof(struct shmreg_stats_reply, field)
	{ FIELD(n_requests), .what = "requests answered",
	  .metric = COUNTER("daemon_requests", "Requests answered.") },
	{ FIELD(n_refused), .what = "of them refused",
	  .metric = COUNTER("daemon_requests_refused", "Requests answered with a refusal.") },
	{ FIELD(n_deaths), .what = "participants that died",
	  .metric = COUNTER("daemon_deaths", "Participants that died.") },
	{ FIELD(n_repairs), .what = "repair jobs done",
	  .metric = COUNTER("daemon_repairs", "Repair jobs done.") },
	{ FIELD(n_repaired), .what = "words put right",
	  .metric = COUNTER("daemon_repaired_words", "Words put right by repairs.") },
	{ FIELD(n_freed), .what = "elements lost with their dead, within the contract",
	  .metric = COUNTER("daemon_freed_elements",
			    "Elements lost with their dead, within the contract.") },
	{ FIELD(n_requeued), .what = "elements of the dead handed out again",
	  .metric = COUNTER("daemon_requeued_elements", "Elements of the dead handed out again.") },
	{ FIELD(n_gave_up), .what = "words that made no sense",
	  .metric = COUNTER("daemon_senseless_words", "Words that made no sense to repairs.") },
	{ FIELD(n_reaper_failures), .what = "reapers that failed",
	  .metric = COUNTER("daemon_reaper_failures", "Reapers that failed.") },
	{ FIELD(n_quarantined), .what = "segments quarantined",
	  .metric = COUNTER("daemon_quarantined_segments", "Segments quarantined.") },
	{ FIELD(n_restarts), .what = "restarts that the segments outlived",
	  .metric = COUNTER("daemon_restarts", "Restarts that the segments outlived.") },
#undef FIELD
	{ .name = NULL },
};

uint64_t stats_counter(const struct shmreg_stats_reply *stats, const struct stats_counter *counter)
{
	return *(const uint64_t *)(const void *)((const char *)stats + counter->offset);
}

static void print_json(const struct shmreg_stats_reply *stats, uint32_t uid)
{
	struct json j;

	json_init(&j, stdout);
	json_open_object(&j, NULL);
	if (uid != UINT32_MAX)
		json_number(&j, "uid", uid);
	json_open_object(&j, "usage");
	for (unsigned int i = 0; i < SHMREG_N_RESOURCES; i++) {
		json_open_object(&j, resources[i]);
		if (stats->usage[i].used == SHMREG_USAGE_UNKNOWN)
			json_null(&j, "used");
		else
			json_number(&j, "used", stats->usage[i].used);
		if (stats->usage[i].limit == UINT64_MAX)
			json_null(&j, "limit");
		else
			json_number(&j, "limit", stats->usage[i].limit);
		json_close(&j);
	}
	json_close(&j);
	for (const struct stats_counter *c = stats_counters; c->name; c++)
		if (stats_counter(stats, c) == SHMREG_USAGE_UNKNOWN)
			json_null(&j, c->name);
		else
			json_number(&j, c->name, stats_counter(stats, c));
	json_number(&j, "started_ns", stats->started_ns);
	json_number(&j, "pid", stats->pid);
	json_close(&j);
	json_end(&j);
}

static void print_amount(struct text_table *t, unsigned int resource, uint64_t n, const char *none)
{
	char buf[TEXT_MAX];

	if (n == UINT64_MAX)
		text_table_add(t, "%s", none);
	else if (resource == SHMREG_RESOURCE_BYTES || resource == SHMREG_RESOURCE_RESERVED_BYTES)
		text_table_add(t, "%s", text_bytes(buf, n));
	else
		text_table_add(t, "%" PRIu64, n);
}

static int print_text(const struct shmreg_stats_reply *stats, uint32_t uid)
{
	static const char *const titles[] = { "RESOURCE", ">USED", ">LIMIT" };
	struct text_table t;
	char buf[TEXT_MAX];

	if (uid == UINT32_MAX)
		printf("the whole registry; shmregd has pid %" PRIu32 " and was started %s\n\n",
		       stats->pid, text_time(buf, stats->started_ns));
	else
		printf("user %s (uid %" PRIu32 ")\n\n", text_user(buf, uid), uid);
	text_table_init(&t, 3, titles);
	for (unsigned int i = 0; i < SHMREG_N_RESOURCES; i++) {
		text_table_add(&t, "%s", resources[i]);
		print_amount(&t, i, stats->usage[i].used, "-");
		print_amount(&t, i, stats->usage[i].limit, "none");
	}
	if (text_table_print(&t, stdout) < 0)
		return ctl_fail("no memory is left");
	puts("\nsince the start, of the whole registry:");
	for (const struct stats_counter *c = stats_counters; c->name; c++)
		if (stats_counter(stats, c) != SHMREG_USAGE_UNKNOWN)
			printf("%12" PRIu64 "  %s\n", stats_counter(stats, c), c->what);
	return 0;
}

int ctl_resource(const char *name, size_t n)
{
	for (int i = 0; i < SHMREG_N_RESOURCES; i++)
		if (strlen(resources[i]) == n && memcmp(resources[i], name, n) == 0)
			return i;
	return -1;
}

const char *ctl_resource_name(unsigned int resource)
{
	return resources[resource];
}

int ctl_show_stats(const struct ctl *ctl, struct shmreg_connection *connection, uint32_t uid)
{
	struct shmreg_stats_reply stats;
	const int r = shmreg_stats(connection, uid, &stats);

	if (r < 0)
		return ctl_failed(r);
	if (!ctl->json)
		return print_text(&stats, uid);
	print_json(&stats, uid);
	return 0;
}

int ctl_stats(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		CTL_OPTIONS,
		{ "user", required_argument, NULL, 'u' },
		{ NULL, 0, NULL, 0 },
	};
	struct shmreg_connection *connection;
	uint32_t uid = UINT32_MAX;
	const char *why;
	int option, r;

	while ((option = getopt_long(argc, argv, ":js:", options, NULL)) != -1) {
		if (option == 'u') {
			if (parse_user(optarg, &uid, &why) < 0)
				return ctl_usage("stats: --user '%s' %s", optarg, why);
		} else if (!ctl_common(ctl, option)) {
			return ctl_bad_option(option, argv, "stats");
		}
	}
	if (optind < argc)
		return ctl_usage("stats takes no arguments, got '%s'; --user shows one user",
				 argv[optind]);
	r = ctl_connect(ctl, &connection, SHMREG_CONNECT_OBSERVER);
	if (r)
		return r;
	r = ctl_show_stats(ctl, connection, uid);
	shmreg_disconnect(connection);
	return ctl_flush() || r;
}
