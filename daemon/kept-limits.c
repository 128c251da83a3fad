/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kept-limits.h"
#include "log.h"
#include "options-internal.h"

/* By another version, or by hand: not to be overwritten by the next limit that is set. */
static void set_aside(const struct kept_limits *l, const char *why)
{
	char aside[sizeof(l->path) + 8];

	snprintf(aside, sizeof(aside), "%s.refused", l->path);
	if (rename(l->path, aside) < 0)
		log_warning("limits that were set are not as they were: %s", why);
	else
		log_warning("limits that were set are not as they were: %s; the file is '%s' now", why,
			    aside);
}

void kept_limits_read(struct kept_limits *l, const char *socket)
{
	char error[OPTIONS_ERROR_MAX + 1];
	struct options read = { 0 };
	struct stat st;

	if (!*socket || snprintf(l->path, sizeof(l->path), "%s.limits", socket) >=
				(int)sizeof(l->path)) {
		*l->path = '\0';
		return;
	}
	if (lstat(l->path, &st) < 0) {
		if (errno != ENOENT)
			log_warning("cannot look at '%s': %s", l->path, strerror(errno));
		return;
	}
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
		log_warning("'%s' is not a file of uid %u's: limits that were set are not read from it",
			    l->path, geteuid());
		return;
	}
	if (options_read_file(&read, l->path, false, error) < 0) {
		set_aside(l, error);
	} else {
		l->table = read.uids;
		read.uids = (struct uid_limits){ 0 };
	}
	options_deinit(&read);
}

void kept_limits_deinit(struct kept_limits *l)
{
	uid_limits_deinit(&l->table);
}

static int write_table(const struct uid_limits *table, const char *path)
{
	const struct options o = { .uids = *table };
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	FILE *out;
	int r = 0;

	if (fd < 0)
		return -errno;
	out = fdopen(fd, "w");
	if (!out) {
		r = -errno;
		close(fd);
		return r;
	}
	fputs("# Limits set by \"shmregctl limit\"; shmregd reads them when it is started again.\n",
	      out);
	options_print_uids(&o, out);
	if (fflush(out) != 0 || ferror(out))
		r = errno ? -errno : -EIO;
	if (fclose(out) != 0 && r == 0)
		r = -errno;
	return r;
}

/* The file is there whole, as it was or as it will be. */
static int keep(const struct kept_limits *l, const struct uid_limits *table)
{
	char fresh[sizeof(l->path) + 4];
	int r;

	if (!*l->path)
		return 0;
	if (table->n == 0)
		return unlink(l->path) < 0 && errno != ENOENT ? -errno : 0;
	snprintf(fresh, sizeof(fresh), "%s.new", l->path);
	r = write_table(table, fresh);
	if (r == 0 && rename(fresh, l->path) < 0)
		r = -errno;
	if (r < 0)
		unlink(fresh);
	return r;
}

static int copy(struct uid_limits *ret, const struct uid_limits *from)
{
	struct uid_limit *entries = NULL;

	if (from->n) {
		entries = malloc(from->n * sizeof(*entries));
		if (!entries)
			return -ENOMEM;
		memcpy(entries, from->entries, from->n * sizeof(*entries));
	}
	*ret = (struct uid_limits){ .entries = entries, .n = from->n };
	return 0;
}

int kept_limits_set(struct kept_limits *l, const struct shmreg_set_limit *in)
{
	struct uid_limits table;
	int r;

	r = copy(&table, &l->table);
	if (r < 0)
		return r;
	for (uint32_t i = 0; r == 0 && i < SHMREG_N_RESOURCES; i++) {
		const enum shmreg_resource what = (enum shmreg_resource)i;

		if (in->unset & UINT32_C(1) << i)
			uid_limits_unset(&table, in->uid, what);
		else if (in->what & UINT32_C(1) << i)
			r = uid_limits_set(&table, in->uid, what, in->limit[i]);
	}
	if (r == 0)
		r = keep(l, &table);
	if (r < 0) {
		uid_limits_deinit(&table);
		return r;
	}
	uid_limits_deinit(&l->table);
	l->table = table;
	return 0;
}
