/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "doctor.h"
#include "text.h"

/* doctor-files.c - where the socket lies, and what others left */

/* --- the directory of the socket -------------------------------------------------------------- */

static bool is_ours(const char *name)
{
	return strcmp(name, "control") == 0 || strcmp(name, "control.lock") == 0 ||
	       strcmp(name, "control.limits") == 0 || strcmp(name, "control.limits.new") == 0;
}

static void look_for_strangers(struct doctor *d, const char *directory)
{
	struct findings *f = &d->findings;
	DIR *dir = opendir(directory);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || is_ours(entry->d_name))
			continue;
		finding_add(f, FINDING_NOTE, "files.stranger", "%s/%s is not shmregd's", directory,
			    entry->d_name);
		finding_type(f, "ls -l %s", directory);
	}
	if (dir)
		closedir(dir);
}

static void look_at_directory(struct doctor *d)
{
	struct findings *f = &d->findings;
	char path[1024], directory[1024], mode[TEXT_MAX], owner[TEXT_MAX];
	struct stat st;
	char *slash;

	if (doctor_path(d, path, sizeof(path), d->socket) < 0)
		return;
	memcpy(directory, path, sizeof(directory));
	slash = strrchr(directory, '/');
	if (!slash)
		return;
	*slash = '\0';
	if (stat(directory, &st) < 0) {
		finding_add(f, d->answers ? FINDING_WARNING : FINDING_NOTE, "files.directory",
			    "there is no directory %s: %s", directory, strerror(errno));
		return;
	}
	text_mode(mode, st.st_mode & 0777);
	text_user(owner, st.st_uid);
	if (st.st_mode & 022) {
		finding_add(f, FINDING_ERROR, "files.directory",
			    "%s has mode %s: others than its owner could put "
			    "another socket there and be taken for shmregd",
			    directory, mode);
		finding_type(f, "chmod go-w %s", directory);
	} else if (d->instance == DOCTOR_SYSTEM && !*d->root && !(st.st_mode & 001)) {
		finding_add(f, FINDING_WARNING, "files.directory",
			    "%s has mode %s: others than its owner cannot "
			    "reach the socket",
			    directory, mode);
		finding_type(f, "chmod 0755 %s", directory);
	} else {
		finding_add(f, FINDING_OK, "files.directory", "%s has mode %s, owner %s", directory,
			    mode, owner);
	}
	if (d->instance != DOCTOR_PRIVATE)
		look_for_strangers(d, directory);
}

/* --- what private daemons left ---------------------------------------------------------------- */

static void look_for_runs(struct doctor *d, const char *where)
{
	struct findings *f = &d->findings;
	struct dirent *entry;
	char path[1024], lock[1400];
	DIR *dir;

	if (doctor_path(d, path, sizeof(path), where) < 0)
		return;
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		int fd;

		if (strncmp(entry->d_name, "shmreg-run.", 11) != 0)
			continue;
		/* Its daemon holds the lock for as long as it lives. */
		snprintf(lock, sizeof(lock), "%s/%s/control.lock", path, entry->d_name);
		fd = open(lock, O_RDONLY | O_CLOEXEC);
		if (fd < 0 && errno == EACCES)
			continue;	/* another user's */
		if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0) {
			close(fd);
			continue;
		}
		if (fd >= 0)
			close(fd);
		finding_add(f, FINDING_NOTE, "files.run",
			    "%s/%s was left by a shmregctl run that was killed with "
			    "all its processes",
			    path, entry->d_name);
		finding_type(f, "rm -r %s/%s", path, entry->d_name);
	}
	if (dir)
		closedir(dir);
}

/* --- /dev/shm --------------------------------------------------------------------------------- */

#define FILES_MAX 1024
#define OLD_SECONDS (24 * 3600)

struct shm_files {
	struct {
		dev_t device;
		ino_t inode;
		uint64_t bytes;
		bool used;
		char name[256];
	} file[FILES_MAX];
	size_t n;
	bool all_seen;		/* all processes could be looked at */
};

static void collect(const struct doctor *d, struct shm_files *files)
{
	const time_t now = time(NULL);
	struct dirent *entry;
	char path[1024];
	struct stat st;
	DIR *dir = NULL;

	if (doctor_path(d, path, sizeof(path), "/dev/shm") == 0)
		dir = opendir(path);
	while (dir && files->n < FILES_MAX && (entry = readdir(dir))) {
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(st.st_mode) || now - st.st_mtime < OLD_SECONDS)
			continue;
		files->file[files->n].device = st.st_dev;
		files->file[files->n].inode = st.st_ino;
		files->file[files->n].bytes = (uint64_t)st.st_blocks * 512;
		files->file[files->n].used = false;
		snprintf(files->file[files->n].name, sizeof(files->file[0].name), "%s",
			 entry->d_name);
		files->n++;
	}
	if (dir)
		closedir(dir);
}

static void mark(struct shm_files *files, dev_t device, ino_t inode)
{
	for (size_t i = 0; i < files->n; i++)
		if (files->file[i].inode == inode && files->file[i].device == device)
			files->file[i].used = true;
}

/* Of descriptors, and of mappings: their links lead to the file itself. */
static void mark_links(struct shm_files *files, const char *pid, const char *folder)
{
	struct dirent *entry;
	char path[300];
	struct stat st;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.20s/%s", pid, folder);
	dir = opendir(path);
	if (!dir) {
		if (errno != ENOENT)
			files->all_seen = false;
		return;
	}
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && fstatat(dirfd(dir), entry->d_name, &st, 0) == 0)
			mark(files, st.st_dev, st.st_ino);
	closedir(dir);
}

static void look_who_uses(struct shm_files *files)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	files->all_seen = dir != NULL;
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		mark_links(files, entry->d_name, "fd");
		mark_links(files, entry->d_name, "map_files");
	}
	if (dir)
		closedir(dir);
}

static void look_at_shm(struct doctor *d)
{
	struct findings *f = &d->findings;
	struct shm_files *files = calloc(1, sizeof(*files));
	uint64_t n = 0, bytes = 0;
	const char *example = NULL;
	char buf[TEXT_MAX];

	if (!files) {
		f->failed = true;
		return;
	}
	collect(d, files);
	files->all_seen = true;
	if (files->n)
		look_who_uses(files);
	for (size_t i = 0; i < files->n; i++) {
		if (files->file[i].used)
			continue;
		n++;
		bytes += files->file[i].bytes;
		example = example ? example : files->file[i].name;
	}
	/* Whose processes one may not look at, may use them. */
	if (n && files->all_seen) {
		finding_add(f, FINDING_NOTE, "files.shm",
			    "%" PRIu64 " files in /dev/shm, of %s, are older than a "
			    "day and no process has them open, such as %s: left by other programs; "
			    "shmregd has "
			    "none there",
			    n, text_bytes(buf, bytes), example);
		finding_type(f, "ls -l %s/dev/shm   # and then: rm %s/dev/shm/NAME", d->root,
			     d->root);
	} else if (n) {
		finding_add(f, FINDING_OK, "files.shm",
			    "%" PRIu64 " old files are in /dev/shm; as root doctor "
			    "says whether somebody uses them",
			    n);
	} else {
		finding_add(f, FINDING_OK, "files.shm", "nothing that was left is in /dev/shm");
	}
	free(files);
}

void doctor_files(struct doctor *d)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (*d->socket == '/')
		look_at_directory(d);
	look_for_runs(d, "/tmp");
	if (runtime && *runtime == '/')
		look_for_runs(d, runtime);
	look_at_shm(d);
}
