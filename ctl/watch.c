/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl.h"
#include "json.h"
#include "text.h"

static const char *const kinds[] = {
	[SHMREG_EVENT_CREATED] = "created",
	[SHMREG_EVENT_REMOVED] = "removed",
	[SHMREG_EVENT_DISPOSED] = "disposed",
	[SHMREG_EVENT_ATTACHED] = "attached",
	[SHMREG_EVENT_DETACHED] = "detached",
	[SHMREG_EVENT_DIED] = "died",
	[SHMREG_EVENT_REPAIRED] = "repaired",
	[SHMREG_EVENT_QUARANTINED] = "quarantined",
	[SHMREG_EVENT_OBJECT_CREATED] = "object-created",
	[SHMREG_EVENT_OBJECT_REMOVED] = "object-removed",
	[SHMREG_EVENT_CHANGED] = "changed",
	[SHMREG_EVENT_LOST] = "lost",
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const char *kind_name(uint32_t kind)
{
	return kind && kind < N_KINDS ? kinds[kind] : "unknown";
}

static int parse_kinds(char *text, uint32_t *ret_mask)
{
	char *save = NULL;

	for (char *word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		uint32_t kind = 1;

		while (kind < N_KINDS && strcmp(word, kinds[kind]))
			kind++;
		if (kind == N_KINDS)
			return ctl_usage("watch: '%s' is not an event; there are created, removed, "
					 "disposed, attached, detached, died, repaired, quarantined, "
					 "object-created, object-removed, changed and lost", word);
		*ret_mask |= UINT32_C(1) << kind;
	}
	return 0;
}

static void print_json(const struct shmreg_event *e)
{
	struct json j;

	json_init(&j, stdout);
	json_open_object(&j, NULL);
	json_string(&j, "event", kind_name(e->kind));
	json_number(&j, "time_ns", e->time_ns);
	if (e->kind == SHMREG_EVENT_LOST) {
		json_number(&j, "n_lost", e->n_lost);
	} else {
		json_string(&j, "name", e->segment_name);
		json_number(&j, "segment", e->segment);
	}
	if (e->participant) {
		json_number(&j, "participant", e->participant);
		json_string(&j, "client", e->client_name);
	}
	if (e->pid) {
		json_number(&j, "pid", e->pid);
		json_number(&j, "uid", e->uid);
	}
	if (e->object) {
		json_number(&j, "object", e->object);
		json_string(&j, "object_name", e->object_name);
	}
	if (e->kind == SHMREG_EVENT_REPAIRED) {
		json_number(&j, "n_repaired", e->n_repaired);
		json_number(&j, "n_freed", e->n_freed);
		json_number(&j, "n_requeued", e->n_requeued);
		json_number(&j, "n_gave_up", e->n_gave_up);
	}
	json_close(&j);
	json_end(&j);
}

static void print_text(const struct shmreg_event *e)
{
	char when[TEXT_MAX], who[TEXT_MAX];

	printf("%s.%03u  %-14s", text_time(when, e->time_ns),
	       (unsigned int)(e->time_ns / 1000000 % 1000), kind_name(e->kind));
	if (e->kind == SHMREG_EVENT_LOST)
		printf("  %" PRIu64 " events came faster than they were read", e->n_lost);
	else
		printf("  %s", e->segment_name);
	if (e->object)
		printf("  object %s", e->object_name);
	if (e->participant)
		printf("  participant %" PRIu64, e->participant);
	if (e->pid)
		printf("  pid %" PRIu32 " (%s)  user %s", e->pid, e->client_name,
		       text_user(who, e->uid));
	if (e->kind == SHMREG_EVENT_REPAIRED)
		printf("  repaired %" PRIu64 ", freed %" PRIu64 ", requeued %" PRIu64
		       ", gave up %" PRIu64,
		       e->n_repaired, e->n_freed, e->n_requeued, e->n_gave_up);
	putchar('\n');
}

static int subscribe(const struct ctl *ctl, struct shmreg_connection **ret, const char *name,
		     uint32_t mask, bool quiet)
{
	const struct shmreg_connect_params params = {
		.size = sizeof(params),
		.socket = ctl->socket,
		.name = "shmregctl watch",
		.flags = SHMREG_CONNECT_OBSERVER,
	};
	int r;

	r = shmreg_connect(ret, &params);
	if (r == 0) {
		r = shmreg_subscribe(*ret, name, mask);
		if (r == 0)
			return 0;
	}
	if (!quiet)
		ctl_failed(r);
	if (r != -ECONNREFUSED && r != -ENOENT && r != -ECONNRESET && quiet)
		ctl_failed(r);
	*ret = shmreg_disconnect(*ret);
	return r;
}

/* Gone and back: who reads the output must know that it has a gap. */
static int reconnect(const struct ctl *ctl, struct shmreg_connection **connection,
		     const char *name, uint32_t mask)
{
	const struct timespec pause = { .tv_nsec = 200000000 };
	int r;

	ctl_fail("the connection to shmregd was lost; waiting for it to come back");
	*connection = shmreg_disconnect(*connection);
	while ((r = subscribe(ctl, connection, name, mask, true)) < 0) {
		if (r != -ECONNREFUSED && r != -ENOENT && r != -ECONNRESET)
			return r;
		nanosleep(&pause, NULL);
	}
	ctl_fail("connected again; what happened in between was not seen");
	if (ctl->json) {
		puts("{\"event\": \"reconnected\"}");
		fflush(stdout);
	}
	return 0;
}

int ctl_watch(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		CTL_OPTIONS,
		{ "events", required_argument, NULL, 'e' },
		{ NULL, 0, NULL, 0 },
	};
	struct shmreg_connection *connection = NULL;
	const char *name = NULL;
	struct shmreg_event event;
	uint32_t mask = 0;
	int option, r;

	while ((option = getopt_long(argc, argv, ":js:", options, NULL)) != -1) {
		if (option == 'e') {
			r = parse_kinds(optarg, &mask);
			if (r)
				return r;
		} else if (!ctl_common(ctl, option)) {
			return ctl_bad_option(option, argv, "watch");
		}
	}
	if (optind < argc)
		name = argv[optind];
	if (argc - optind > 1)
		return ctl_usage("watch: one segment or all, got '%s' too", argv[optind + 1]);
	if (name && ctl_check_name("watch", name))
		return 2;
	/* That some were lost is always of interest. */
	if (mask)
		mask |= UINT32_C(1) << SHMREG_EVENT_LOST;

	if (subscribe(ctl, &connection, name, mask, false) < 0)
		return 1;
	for (;;) {
		r = shmreg_next_event(connection, &event, 0);
		if (r == -ECONNRESET) {
			r = reconnect(ctl, &connection, name, mask);
			if (r < 0)
				return 1;
			continue;
		}
		if (r < 0) {
			r = ctl_failed(r);
			shmreg_disconnect(connection);
			return r;
		}
		if (ctl->json)
			print_json(&event);
		else
			print_text(&event);
		/* Each as it happens, also into a pipe. */
		if (ctl_flush()) {
			shmreg_disconnect(connection);
			return 1;
		}
	}
}
