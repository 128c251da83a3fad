/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "rights.h"

#ifndef SO_PASSRIGHTS
# define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

void rights_refuse(int fd)
{
	const int no = 0;

	/* Where it fails, rights_taken() says so. */
	setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &no, sizeof(no));
}

bool rights_taken(int fd)
{
	socklen_t bytes = sizeof(int);
	int takes;

	return getsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &takes, &bytes) < 0 || takes;
}

int rights_look(int fd)
{
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = sizeof(byte) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	/* The kernel makes and drops a copy of each descriptor; the one in the queue stays. */
	if (recvmsg(fd, &msg, MSG_PEEK | MSG_DONTWAIT) < 0)
		return -errno;
	return (msg.msg_flags & MSG_CTRUNC) != 0;
}

/* Is there any packet, empty or not, that has not been received? None comes any more. */
static bool holds_packets(int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct ucred))];
	const int yes = 1;
	ssize_t n;
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = sizeof(byte) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };

	shutdown(fd, SHUT_RD);
	/* An empty packet differs from the end of the stream in that somebody has sent it. */
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) < 0)
		return true;
	/* ECONNRESET comes once, from one who has not read our answer. */
	do
		n = recvmsg(fd, &msg, MSG_PEEK | MSG_DONTWAIT);
	while (n < 0 && errno == ECONNRESET);
	return n < 0 || msg.msg_controllen > 0 || (msg.msg_flags & MSG_CTRUNC);
}

void rights_close(int fd)
{
	int gate[2];
	pid_t pid = -1;
	char byte;

	if (!rights_taken(fd) || !holds_packets(fd)) {
		close(fd);
		return;
	}
	if (pipe2(gate, O_CLOEXEC) == 0) {
		pid = fork();
		if (pid == 0) {
			/* Until the daemon has closed its own. */
			close(gate[1]);
			while (read(gate[0], &byte, 1) > 0)
				;
			_exit(0);
		}
		if (pid > 0)
			close(fd);
		close(gate[0]);
		close(gate[1]);
	}
	if (pid < 0)
		log_client(LOG_WARNING, NULL, "a socket with unread packets stays open: no process "
			   "can be started to close it");
}
