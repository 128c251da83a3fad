/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "own-bell.h"

#ifndef SO_PASSRIGHTS
# define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

/* The daemon has asked the kernel to refuse them; did it hear? */
static bool takes_rights(int fd)
{
	socklen_t bytes = sizeof(int);
	int takes;

	return getsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &takes, &bytes) < 0 ?
		       errno == ENOPROTOOPT : takes != 0;
}

ssize_t own_bell_take(int fd, size_t n)
{
	char bytes[256];
	struct iovec iov = { .iov_base = bytes, .iov_len = n < sizeof(bytes) ? n : sizeof(bytes) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t r;

	if (takes_rights(fd)) {
		/* Copies of them are dropped; those in the queue stay. A look ends behind the first. */
		r = recvmsg(fd, &msg, MSG_PEEK | MSG_DONTWAIT);
		if (r <= 0)
			return r < 0 ? -errno : 0;
		if ((msg.msg_flags & MSG_CTRUNC) != 0)
			return -EBADMSG;
		iov.iov_len = (size_t)r;
	}
	r = recv(fd, bytes, iov.iov_len, MSG_DONTWAIT);
	return r < 0 ? -errno : r;
}

bool own_bell_close(int fd)
{
	ssize_t r;

	if (takes_rights(fd)) {
		/* Nothing comes any more. */
		shutdown(fd, SHUT_RD);
		do
			r = own_bell_take(fd, SIZE_MAX);
		while (r > 0);
		if (r == -EBADMSG)
			return false;
	}
	close(fd);
	return true;
}
