/* SPDX-License-Identifier: MIT */
#ifndef TEST_DAEMON_CHILD_H
#define TEST_DAEMON_CHILD_H

/* daemon-child.h - the processes that the daemon has started */

#include <stdio.h>
#include <string.h>

#include "harness.h"

struct look {
	pid_t daemon;
	const char *name;
	char state;
	pid_t found;
};

static inline void look_at(struct look *look, pid_t pid)
{
	char path[64], name[32] = "", state = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return;
	if (fscanf(f, "%*d (%31[^)]) %c", name, &state) == 2 &&
	    strncmp(name, look->name, strlen(look->name)) == 0 && (!look->state || state == look->state))
		look->found = pid;
	fclose(f);
}

static inline bool find_child(void *arg)
{
	struct look *look = arg;
	char path[64];
	FILE *f;
	int pid;

	look->found = 0;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)look->daemon,
		 (int)look->daemon);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	while (fscanf(f, "%d", &pid) == 1 && !look->found)
		look_at(look, pid);
	fclose(f);
	return look->found != 0;
}

/* One of the daemon's that is in this state; 0: any. */
static inline pid_t daemon_child(struct harness *h, const char *name, char state)
{
	struct look look = { .daemon = harness_daemon(h), .name = name, .state = state };

	harness_wait(find_child, &look, name);
	return look.found;
}

static inline void daemon_has_no_child(struct harness *h, const char *name, char state)
{
	struct look look = { .daemon = harness_daemon(h), .name = name, .state = state };

	ck_assert(!find_child(&look));
}

#endif /* TEST_DAEMON_CHILD_H */
