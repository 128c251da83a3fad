/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "census.h"

static void note(struct census *c, const char *format, ...)
{
	const size_t used = strlen(c->what);
	va_list args;

	va_start(args, format);
	vsnprintf(c->what + used, sizeof(c->what) - used, format, args);
	va_end(args);
}

static void take_fds(struct census *c, pid_t pid)
{
	char path[64], link[64 + 256], target[256];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	ck_assert_msg(dir != NULL, "%s: %s", path, strerror(errno));
	while ((entry = readdir(dir))) {
		ssize_t n;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(link, sizeof(link), "%s/%s", path, entry->d_name);
		n = readlink(link, target, sizeof(target) - 1);
		if (n < 0)
			continue;	/* closed meanwhile */
		target[n] = '\0';
		if (pid == getpid() && atoi(entry->d_name) == dirfd(dir))
			continue;
		c->n_fds++;
		note(c, "  fd %s %s\n", entry->d_name, target);
	}
	closedir(dir);
}

/* Counts the lines of a file in /proc/PID that contain @needle. */
static int take_lines(struct census *c, pid_t pid, const char *file, const char *needle)
{
	char path[64], *line = NULL;
	size_t size = 0;
	FILE *in;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	in = fopen(path, "re");
	ck_assert_msg(in != NULL, "%s: %s", path, strerror(errno));
	while (getline(&line, &size, in) >= 0) {
		if (!strstr(line, needle))
			continue;
		n++;
		note(c, "  %s", line);
	}
	free(line);
	fclose(in);
	return n;
}

static int take_children(struct census *c, pid_t pid)
{
	char path[96];
	int n = 0, child;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	in = fopen(path, "re");
	if (!in)
		return 0;	/* a kernel without CONFIG_PROC_CHILDREN */
	while (fscanf(in, "%d", &child) == 1) {
		n++;
		note(c, "  child %d\n", child);
	}
	fclose(in);
	return n;
}

void census_take(struct census *c, pid_t pid)
{
	c->what[0] = '\0';
	c->n_fds = 0;
	take_fds(c, pid);
	c->n_mapped = take_lines(c, pid, "maps", "/memfd:");
	c->n_children = take_children(c, pid);
}

bool census_equal(const struct census *a, const struct census *b)
{
	return a->n_fds == b->n_fds && a->n_mapped == b->n_mapped &&
	       a->n_children == b->n_children;
}
