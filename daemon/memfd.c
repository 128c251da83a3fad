/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memfd.h"

/* <sys/mman.h> of glibc 2.36 does not know it; the kernel does from 6.3 on. */
#ifndef MFD_NOEXEC_SEAL
# define MFD_NOEXEC_SEAL 8U
#endif
/* Of <linux/memfd.h>. */
#ifndef MFD_HUGE_SHIFT
# define MFD_HUGE_SHIFT 26
#endif

#define MEMFD_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static int memfd_prepare(int fd, uint64_t bytes)
{
	if (fchmod(fd, 0600) < 0 || ftruncate(fd, (off_t)bytes) < 0 ||
	    fcntl(fd, F_ADD_SEALS, MEMFD_SEALS) < 0)
		return -errno;
	return 0;
}

static int memfd_make(const char *name, uint64_t bytes, unsigned int flags)
{
	int fd, r;

	if (bytes > INT64_MAX)
		return -EFBIG;
	flags |= MFD_CLOEXEC | MFD_ALLOW_SEALING;
	fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, flags);
	if (fd < 0)
		return -errno;
	r = memfd_prepare(fd, bytes);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

int memfd_new(const char *name, uint64_t bytes)
{
	return memfd_make(name, bytes, 0);
}

const char *memfd_refused(int error)
{
	return error == -EFBIG ? "it would be larger than shmregd's limit of files; raise LimitFSIZE= "
				 "(ulimit -f)" : strerror(-error);
}

int memfd_new_huge(const char *name, uint64_t bytes, unsigned int page_shift)
{
	const int fd = memfd_make(name, bytes, MFD_HUGETLB | page_shift << MFD_HUGE_SHIFT);
	void *p;
	int r;

	if (fd < 0)
		return fd;
	/* What is mapped shared is reserved, and stays so for the file's life. */
	p = mmap(NULL, (size_t)bytes, PROT_NONE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		r = -errno;
		close(fd);
		return r;
	}
	munmap(p, (size_t)bytes);
	return fd;
}

int memfd_check(int fd, uint64_t *ret_bytes)
{
	struct stat st;
	int seals;

	if (fstat(fd, &st) < 0)
		return -errno;
	seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || (seals & MEMFD_SEALS) != MEMFD_SEALS || st.st_size < 0)
		return -EBADMSG;
	*ret_bytes = (uint64_t)st.st_size;
	return 0;
}

static int memfd_fallocate(int fd, int mode, uint64_t offset, uint64_t bytes)
{
	int r;

	do
		r = fallocate(fd, mode, (off_t)offset, (off_t)bytes);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

int memfd_reserve(int fd, uint64_t offset, uint64_t bytes)
{
	return memfd_fallocate(fd, 0, offset, bytes);
}

int memfd_punch(int fd, uint64_t offset, uint64_t bytes)
{
	return memfd_fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, bytes);
}

static int reopen(int fd, int flags)
{
	char path[32];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags | O_CLOEXEC | O_NOCTTY);
	return again < 0 ? -errno : again;
}

int memfd_reopen(int fd)
{
	return reopen(fd, O_RDWR);
}

int memfd_reopen_ro(int fd)
{
	return reopen(fd, O_RDONLY);
}

uint64_t memfd_resident(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_blocks < 0)
		return 0;
	return (uint64_t)st.st_blocks * 512;
}
