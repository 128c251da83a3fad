/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "source.h"
#include "text.h"

/* take.c - shmregctl snapshot */

/* Beside the file, so that it can be renamed; nobody finds half a snapshot under its name. */
static int open_temporary(const char *path, char **ret_temporary)
{
	char *temporary;
	int fd;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	/* 0600: whoever may read the segment need not be all who may read a file. */
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		fd = -errno;
		free(temporary);
		return fd;
	}
	*ret_temporary = temporary;
	return fd;
}

/* rename() would do away with what is there, and link() does not. */
static int give_name(const char *temporary, const char *path, bool force)
{
	if (force)
		return rename(temporary, path) < 0 ? -errno : 0;
	return renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) < 0 ? -errno : 0;
}

/* What was written is read again: it is worth nothing if it cannot be opened. */
static int say(const struct ctl *ctl, const char *path)
{
	struct shmreg_segment *file;
	char a[TEXT_MAX], b[TEXT_MAX];
	struct stat st = { 0 };
	struct json j;
	int r;

	r = shmreg_snapshot_open(&file, path);
	if (r < 0)
		return ctl_failed(r);
	if (stat(path, &st) < 0)
		st.st_blocks = 0;
	if (ctl->json) {
		json_init(&j, stdout);
		json_open_object(&j, NULL);
		json_string(&j, "name", shmreg_snapshot_head(file)->info.name);
		json_string(&j, "file", path);
		json_number(&j, "file_bytes", (uint64_t)st.st_size);
		json_number(&j, "file_resident_bytes", (uint64_t)st.st_blocks * 512);
		file_json(&j, file);
		json_close(&j);
		json_end(&j);
	} else {
		file_print(file, stdout);
		printf("file      %s: %s, of which the disk has %s\n", path,
		       text_bytes(a, (uint64_t)st.st_size),
		       text_bytes(b, (uint64_t)st.st_blocks * 512));
	}
	shmreg_segment_close(file);
	return 0;
}

static int take(const struct ctl *ctl, struct shmreg_segment *segment, const char *path,
		bool force)
{
	char *temporary = NULL;
	int fd, r;

	/* A file that may not be so large is an error, and is taken away. */
	signal(SIGXFSZ, SIG_IGN);
	fd = open_temporary(path, &temporary);
	if (fd < 0)
		return ctl_fail("snapshot: no file can be made beside '%s': %s", path, strerror(-fd));
	r = shmreg_snapshot_write(segment, fd);
	if (r < 0)
		r = ctl_failed(r);
	close(fd);
	if (r == 0) {
		r = give_name(temporary, path, force);
		if (r == -EEXIST)
			r = ctl_fail("snapshot: '%s' is there already; --force replaces it", path);
		else if (r < 0)
			r = ctl_fail("snapshot: '%s' cannot be made: %s", path, strerror(-r));
		else
			r = say(ctl, path);
	}
	/* Renamed, it is not there any more. */
	unlink(temporary);
	free(temporary);
	return r;
}

int ctl_snapshot(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		CTL_OPTIONS,
		{ "force", no_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	struct shmreg_connection *connection = NULL;
	struct shmreg_segment *segment;
	const char *name, *path;
	bool force = false;
	struct stat st;
	int option, r;

	while ((option = getopt_long(argc, argv, ":js:f", options, NULL)) != -1) {
		if (option == 'f')
			force = true;
		else if (!ctl_common(ctl, option))
			return ctl_bad_option(option, argv, "snapshot");
	}
	if (argc - optind != 2)
		return ctl_usage("snapshot: a segment's name and a file's are needed, such as "
				 "'shmregctl snapshot prices /tmp/prices.shmsnap'");
	name = argv[optind];
	path = argv[optind + 1];
	if (!force && lstat(path, &st) == 0)
		return ctl_fail("snapshot: '%s' is there already; --force replaces it", path);
	if (source_is_file(name)) {
		r = shmreg_snapshot_open(&segment, name);
	} else {
		r = ctl_check_name("snapshot", name);
		if (r == 0)
			r = ctl_connect(ctl, &connection, 0);
		if (r)
			return r;
		r = shmreg_segment_open_extents(connection, &segment, name);
	}
	if (r < 0) {
		r = ctl_failed(r);
	} else {
		r = take(ctl, segment, path, force);
		shmreg_segment_close(segment);
	}
	if (connection)
		shmreg_disconnect(connection);
	return ctl_flush() || r;
}
