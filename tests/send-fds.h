/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SEND_FDS_H
#define TESTS_SEND_FDS_H

/* send-fds.h - a packet with descriptors, over a unix(7) socket */

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#define SEND_FDS_MAX 253	/* the kernel's limit */

/*
 * send_fds() - send @n bytes with @n_fds descriptors, none of which is closed
 * @address:	of who is not connected; NULL: of who is
 *
 * Return: bytes; -errno of sendmsg(2).
 */
static inline ssize_t send_fds(int to, const struct sockaddr_un *address, const void *bytes,
			       size_t n, const int *fds, size_t n_fds, int flags)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(SEND_FDS_MAX * sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = (char *)bytes, .iov_len = n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	ssize_t sent;

	if (address != NULL) {
		msg.msg_name = (char *)address;
		msg.msg_namelen = sizeof(*address);
	}
	if (n_fds > 0) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	sent = sendmsg(to, &msg, flags);
	return sent < 0 ? -errno : sent;
}

#endif /* TESTS_SEND_FDS_H */
