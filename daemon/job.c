/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <shmreg/abi/reaper.h>

#include "job.h"

int job_receive(void *job, size_t bytes, uint32_t magic, int *ret_dir_fd, int *ret_data_fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { .iov_base = job, .iov_len = bytes };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	const struct cmsghdr *c;
	int fds[2];
	ssize_t n;

	do
		n = recvmsg(SHMREG_REAPER_FD, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : 0;

	c = CMSG_FIRSTHDR(&msg);
	if ((size_t)n != bytes || msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ||
	    memcmp(job, &magic, sizeof(magic)) != 0 || !c || c->cmsg_level != SOL_SOCKET ||
	    c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(fds)))
		return -EBADMSG;
	memcpy(fds, CMSG_DATA(c), sizeof(fds));
	*ret_dir_fd = fds[0];
	*ret_data_fd = fds[1];
	return 1;
}

int job_map(int fd, uint64_t bytes, int prot, void **ret)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0)
		return -errno;
	/* Beyond the end of a file is SIGBUS. The files are sealed against shrinking. */
	if (!bytes || bytes > INT64_MAX || st.st_size < (off_t)bytes)
		return -EBADMSG;
	p = mmap(NULL, bytes, prot, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*ret = p;
	return 0;
}

int job_map_directory(int fd, uint64_t bytes, uint64_t segment, uint64_t data_bytes,
		      const struct shmreg_dir **ret)
{
	const struct shmreg_dir *dir;
	void *p;
	int r;

	r = job_map(fd, bytes, PROT_READ, &p);
	if (r < 0)
		return r;
	dir = p;
	r = shmreg_dir_check(dir, bytes);
	if (r == 0 && (dir->segment != segment || dir->data_bytes != data_bytes))
		r = -EBADMSG;
	if (r < 0) {
		munmap(p, bytes);
		return r;
	}
	*ret = dir;
	return 0;
}
