/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lock.h"

static int open_and_lock(const char *path)
{
	int r;
	const int fd = open(path, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

/* The one before us may have removed it between our open() and our flock(). */
static bool is_still(int fd, const char *path)
{
	struct stat ours, theirs;

	return fstat(fd, &ours) == 0 && lstat(path, &theirs) == 0 &&
	       ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

int lock_take(struct lock *lock, const char *socket)
{
	int fd;

	if (snprintf(lock->path, sizeof(lock->path), "%s.lock", socket) >=
	    (int)sizeof(lock->path))
		return -ENAMETOOLONG;
	for (;;) {
		fd = open_and_lock(lock->path);
		if (fd < 0)
			return fd;
		if (is_still(fd, lock->path))
			break;
		close(fd);
	}
	lock->fd = fd;
	return 0;
}

void lock_drop(struct lock *lock)
{
	if (lock->fd < 0)
		return;
	unlink(lock->path);
	close(lock->fd);
	lock->fd = -1;
}

int lock_open_for_child(int lock_fd)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", lock_fd);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static struct flock byte_of(uint64_t segment, short type)
{
	return (struct flock){
		.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)(segment & INT64_MAX), .l_len = 1,
	};
}

int lock_segment(int child_fd, uint64_t segment)
{
	struct flock byte = byte_of(segment, F_WRLCK);

	if (child_fd < 0 || fcntl(child_fd, F_OFD_SETLK, &byte) == 0)
		return 0;
	return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

void lock_release(int child_fd)
{
	struct flock all = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	if (child_fd >= 0)
		(void)fcntl(child_fd, F_OFD_SETLK, &all);
}

bool lock_is_held(int lock_fd, uint64_t segment)
{
	struct flock byte = byte_of(segment, F_WRLCK);

	return fcntl(lock_fd, F_OFD_GETLK, &byte) == 0 && byte.l_type != F_UNLCK;
}
