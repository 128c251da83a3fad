/* SPDX-License-Identifier: MIT */
/*
 * snapshot.c - shmreg-snapshot: copies a segment into a file when a participant has died
 *
 * See shmreg/abi/snapshot-job.h for what it is told and tells, libclient/snapshot-copy.h for the
 * copy. It maps read-only what it copies, and can be killed at any instruction: a file has its
 * name only when it is whole.
 */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <shmreg/abi/reaper.h>
#include <shmreg/abi/snapshot-job.h>

#include "job.h"
#include "snapshot-copy.h"
#include "snapshot-sandbox.h"

/* One at a time writes into a folder, and one that was killed in the act left this. */
#define UNFINISHED ".unfinished" SHMREG_SNAPSHOT_SUFFIX

struct job {
	struct shmreg_snapshot_job in;
	int dir_fd, data_fd, folder_fd;
	const struct shmreg_dir *dir;
	const void *data;
};

static void report(uint32_t type, int status)
{
	const struct shmreg_snapshot_report r = {
		.magic = SHMREG_SNAPSHOT_JOB_MAGIC, .type = type, .status = status,
	};

	if (send(SHMREG_REAPER_FD, &r, sizeof(r), MSG_NOSIGNAL) != (ssize_t)sizeof(r))
		_exit(1);
}

static int map_job(struct job *job)
{
	struct stat st;
	void *p;
	int r;

	r = job_map_directory(job->dir_fd, job->in.dir_bytes, job->in.segment, job->in.data_bytes,
			      &job->dir);
	if (r < 0)
		return r;
	if (fstat(job->data_fd, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_blocks * 512 > job->in.bytes_max)
		return -EFBIG;
	r = job_map(job->data_fd, job->in.data_bytes, PROT_READ, &p);
	if (r < 0)
		return r;
	job->data = p;
	return 0;
}

static bool is_snapshot(const char *name)
{
	const size_t n = strlen(name), suffix = sizeof(SHMREG_SNAPSHOT_SUFFIX) - 1;

	return *name != '.' && n > suffix && strcmp(name + n - suffix, SHMREG_SNAPSHOT_SUFFIX) == 0;
}

/* How many there are, and the oldest of them. */
static uint64_t look(int folder_fd, DIR *folder, char oldest[NAME_MAX + 1])
{
	struct timespec when = { 0 };
	struct dirent *entry;
	struct stat st;
	uint64_t n = 0;

	rewinddir(folder);
	while ((entry = readdir(folder)) != NULL) {
		if (!is_snapshot(entry->d_name) ||
		    fstatat(folder_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		if (n++ == 0 || st.st_mtim.tv_sec < when.tv_sec ||
		    (st.st_mtim.tv_sec == when.tv_sec && st.st_mtim.tv_nsec < when.tv_nsec)) {
			when = st.st_mtim;
			snprintf(oldest, NAME_MAX + 1, "%s", entry->d_name);
		}
	}
	return n;
}

/* The oldest go, so that there is room for one more. */
static void make_room(const struct job *job)
{
	const int fd = openat(job->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	char oldest[NAME_MAX + 1] = "";

	while (folder && look(job->folder_fd, folder, oldest) >= job->in.keep)
		if (unlinkat(job->folder_fd, oldest, 0) < 0)
			break;
	if (folder)
		closedir(folder);
	else if (fd >= 0)
		close(fd);
}

static int write_file(const struct job *job, struct snapshot_copy *copy,
		      struct shmreg_snapshot_head *head)
{
	int fd, r;

	if (unlinkat(job->folder_fd, UNFINISHED, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(job->folder_fd, UNFINISHED,
		    O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = snapshot_write(copy, fd, head);
	/*
	 * Whoever owns the segment may read it. Only root can say so: of another user's daemon the
	 * file is the daemon's own, which nobody else may read.
	 */
	if (r == 0 && geteuid() == 0 &&
	    fchown(fd, (uid_t)(uint32_t)copy->to_dir->owner, (gid_t)(copy->to_dir->owner >> 32)) < 0)
		r = -errno;
	if (r == 0) {
		make_room(job);
		if (renameat(job->folder_fd, UNFINISHED, job->folder_fd, job->in.file) < 0)
			r = -errno;
	}
	close(fd);
	if (r < 0)
		unlinkat(job->folder_fd, UNFINISHED, 0);
	return r;
}

static int run(void)
{
	static struct job job;
	struct shmreg_snapshot_head head;
	struct snapshot_copy copy;
	const char *what;
	int r;

	r = job_receive(&job.in, sizeof(job.in), SHMREG_SNAPSHOT_JOB_MAGIC, &job.dir_fd,
			&job.data_fd);
	if (r == 0)
		_exit(0);	/* the daemon has gone */
	if (r > 0)
		r = snapshot_sandbox_enter(&what);
	if (r == 0)
		r = map_job(&job);
	if (r == 0) {
		job.in.folder[sizeof(job.in.folder) - 1] = '\0';
		job.in.file[sizeof(job.in.file) - 1] = '\0';
		job.folder_fd = open(job.in.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (job.folder_fd < 0)
			r = -errno;
	}
	if (r == 0) {
		snapshot_begin(&head);
		head.reason = SHMREG_SNAPSHOT_DEATH;
		head.dead = job.in.dead;
		head.dead_pid = job.in.dead_pid;
		r = snapshot_copy(&copy, job.dir, job.data, job.data_fd, 0);
	}
	if (r == 0) {
		report(SHMREG_SNAPSHOT_COPIED, 0);
		r = write_file(&job, &copy, &head);
	}
	report(SHMREG_SNAPSHOT_DONE, r);
	return r < 0;
}

int main(int argc, char **argv)
{
	socklen_t size = sizeof(int);
	int type = 0;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("shmreg-snapshot " VERSION);
		return 0;
	}
	if (argc > 1 || getsockopt(SHMREG_REAPER_FD, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
	    type != SOCK_SEQPACKET) {
		fputs("shmreg-snapshot: this is started by shmregd when a process has died; "
		      "'shmregctl snapshot' takes one by hand\n", stderr);
		return 2;
	}
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) {
		perror("shmreg-snapshot");
		return 1;
	}
	return run();
}
