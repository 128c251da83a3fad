/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "janitor.h"
#include "memfd.h"

/* In pieces, between which it can be killed. */
#define PIECE (UINT64_C(64) << 20)

bool janitor_is(char *const argv[])
{
	socklen_t size = sizeof(int);
	int type;

	return argv[0] && strcmp(argv[0], JANITOR_NAME) == 0 &&
	       getsockopt(JANITOR_FD, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
	       type == SOCK_SEQPACKET;
}

/* Pages that are there are not allocated anew, so they stay charged to whom they are. */
static int zero(int fd, uint64_t offset, uint64_t bytes, uint64_t page)
{
	const uint64_t before = offset % page;
	unsigned char *p;

	p = mmap(NULL, before + bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		 (off_t)(offset - before));
	if (p == MAP_FAILED)
		return -errno;
	memset(p + before, 0, bytes);
	/* Of huge pages only whole ones can be taken away. */
	munmap(p, (before + bytes + page - 1) / page * page);
	return 0;
}

/* @page: of its pages, bytes */
static int do_range(int fd, const struct janitor_range *range, bool keep, uint64_t page)
{
	uint64_t at, n;
	int r = 0;

	for (at = 0; at < range->bytes && r == 0; at += n) {
		n = range->bytes - at < PIECE ? range->bytes - at : PIECE;
		r = keep ? zero(fd, range->offset + at, n, page) :
			   memfd_punch(fd, range->offset + at, n);
	}
	return r;
}

static int do_job(int fd, const struct janitor_job *job)
{
	struct stat st;
	int r = 0;

	/* Beyond the end is SIGBUS; the file is sealed against shrinking. */
	if (fstat(fd, &st) < 0)
		return -errno;
	for (uint32_t i = 0; i < job->n && i < JANITOR_RANGES_MAX && r == 0; i++) {
		const struct janitor_range *range = &job->range[i];

		if (range->offset > (uint64_t)st.st_size ||
		    range->bytes > (uint64_t)st.st_size - range->offset)
			return -EINVAL;
		r = do_range(fd, range, job->keep, (uint64_t)st.st_blksize);
	}
	return r;
}

/* Return: 1; 0 the daemon has gone; -errno. */
static int receive(struct janitor_job *job, int *ret_fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { .iov_base = job, .iov_len = sizeof(*job) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes, .msg_controllen = sizeof(control.bytes),
	};
	const struct cmsghdr *c;
	ssize_t n;

	do
		n = recvmsg(JANITOR_FD, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	c = CMSG_FIRSTHDR(&msg);
	if (n != sizeof(*job) || !c || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(int)))
		return -EBADMSG;
	memcpy(ret_fd, CMSG_DATA(c), sizeof(*ret_fd));
	return 1;
}

void janitor_run(void)
{
	struct janitor_job job;
	int32_t status;
	int fd = -1, r;

	prctl(PR_SET_NAME, JANITOR_NAME);
	/* A terminal's are for the daemon. */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	/* exec has kept it, unless the program may not be read. The socket tells if it came too late. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		_exit(1);
	while ((r = receive(&job, &fd)) > 0) {
		status = do_job(fd, &job);
		/* The last one who closes it frees what is left: this may take long, too. */
		close(fd);
		if (send(JANITOR_FD, &status, sizeof(status), MSG_NOSIGNAL) != sizeof(status))
			_exit(1);
	}
	_exit(r < 0);
}
