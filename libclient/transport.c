/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "error.h"
#include "transport.h"

#define SYSTEM_SOCKET "/run/shmregd/control"

int transport_socket_path(char *ret, size_t size, const char *socket)
{
	char user[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *runtime;
	struct stat st;

	if (socket == NULL)
		socket = secure_getenv("SHMREG_SOCKET");
	if (socket == NULL || *socket == '\0') {
		socket = SYSTEM_SOCKET;
		runtime = secure_getenv("XDG_RUNTIME_DIR");
		if (runtime != NULL && *runtime == '/' &&
		    snprintf(user, sizeof(user), "%s/shmregd/control", runtime) <
			    (int)sizeof(user) &&
		    stat(user, &st) == 0)
			socket = user;
	}
	if (strlen(socket) >= sizeof(user) || strlen(socket) >= size)
		return error_set(-ENAMETOOLONG, "the socket's path '%s' has %zu bytes; at most %zu "
				 "are possible", socket, strlen(socket), sizeof(user) - 1);
	memcpy(ret, socket, strlen(socket) + 1);
	return 0;
}

int transport_keep_off(int fd)
{
	int other;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	other = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (other < 0)
		return fd;
	close(fd);
	return other;
}

uint64_t transport_identity(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) ? st.st_ino : 0;
}

int transport_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, r;

	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = transport_keep_off(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
	if (fd < 0) {
		r = -errno;
		return error_set(r, "cannot make a socket: %s", strerror(-r));
	}
	/* Waits while the daemon's backlog is full, so also while systemd restarts it. */
	do
		r = connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	while (r == -EINTR);
	if (r == 0)
		return fd;
	close(fd);
	switch (r) {
	case -ENOENT:
	case -ECONNREFUSED:
		return error_set(r, "no shmregd listens at '%s' (%s): start one with 'systemctl "
				 "start shmregd.socket' or 'shmregd', or a private one for one "
				 "command with 'shmregctl run -- COMMAND'; $SHMREG_SOCKET names "
				 "another socket", path, strerror(-r));
	case -EPROTOTYPE:
		return error_set(r, "'%s' is a socket of another type, so not shmregd's", path);
	default:
		return error_set(r, "cannot connect to '%s': %s", path, strerror(-r));
	}
}

static int is_hang_up(int error)
{
	return error == EPIPE || error == ECONNRESET || error == ENOTCONN;
}

int transport_send(int fd, const struct shmreg_request *request)
{
	ssize_t n;
	int r;

	do
		n = send(fd, request, sizeof(*request), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 0;
	r = errno;
	if (is_hang_up(r))
		return -ECONNRESET;
	return error_set(-r, "cannot send to shmregd: %s", strerror(r));
}

static void take_fds(struct msghdr *message, int fds[TRANSPORT_FDS_MAX], unsigned int *ret_n_fds)
{
	struct cmsghdr *cmsg;
	size_t i, n;
	int fd;

	*ret_n_fds = 0;
	for (cmsg = CMSG_FIRSTHDR(message); cmsg != NULL; cmsg = CMSG_NXTHDR(message, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
			fd = transport_keep_off(fd);
			if (*ret_n_fds < TRANSPORT_FDS_MAX)
				fds[(*ret_n_fds)++] = fd;
			else
				close(fd);
		}
	}
}

/* Return: bytes; -errno. *ret_flags: what the kernel says of the packet. */
static int receive(int fd, struct shmreg_reply *ret, int fds[TRANSPORT_FDS_MAX],
		   unsigned int *ret_n_fds, int flags, int *ret_flags)
{
	union {
		struct cmsghdr align;
		unsigned char bytes[CMSG_SPACE(TRANSPORT_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = ret, .iov_len = sizeof(*ret) };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	*ret_n_fds = 0;
	do
		n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | flags);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		if (is_hang_up(errno))
			return -ECONNRESET;
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	}
	take_fds(&message, fds, ret_n_fds);
	*ret_flags = message.msg_flags;
	return (int)n;
}

static void close_all(int fds[TRANSPORT_FDS_MAX], unsigned int *n_fds)
{
	while (*n_fds > 0)
		close(fds[--*n_fds]);
}

int transport_receive(int fd, struct shmreg_reply *ret, int fds[TRANSPORT_FDS_MAX],
		      unsigned int *ret_n_fds, int flags)
{
	int n, r, said;

	n = receive(fd, ret, fds, ret_n_fds, flags, &said);
	if (n == -ECONNRESET || n == -EAGAIN)
		return n;
	if (n < 0)
		return error_set(n, "cannot receive from shmregd: %s", strerror(-n));
	if (n > 0 && (said & (MSG_TRUNC | MSG_CTRUNC)) == 0)
		return n;
	/* Fewer than there was space for: this process has no room for them. */
	r = (said & MSG_TRUNC) == 0 && *ret_n_fds < TRANSPORT_FDS_MAX;
	close_all(fds, ret_n_fds);
	if (n == 0)
		return -ECONNRESET;
	if (r)
		return error_set(-EMFILE, "no descriptor is left for what shmregd sent; raise "
				 "RLIMIT_NOFILE ('ulimit -n')");
	return error_set(-EBADMSG, "what answers is not shmregd: its packet is too large");
}

int transport_receive_quietly(int fd, struct shmreg_reply *ret, int fds[TRANSPORT_FDS_MAX],
			      unsigned int *ret_n_fds, int flags)
{
	int n, said;

	n = receive(fd, ret, fds, ret_n_fds, flags, &said);
	if (n < 0)
		return n;
	if (n == 0 || (said & MSG_TRUNC) != 0) {
		close_all(fds, ret_n_fds);
		return n == 0 ? -ECONNRESET : -EBADMSG;
	}
	if ((said & MSG_CTRUNC) != 0)
		close_all(fds, ret_n_fds);
	return n;
}
