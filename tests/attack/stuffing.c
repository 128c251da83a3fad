/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * Descriptors that nobody asked for: many, and such as take an hour to close.
 *
 * The last one who has a TCP socket with SO_LINGER and unsent bytes waits in close(). If that
 * is a daemon that was sent the descriptor and throws it away, all its clients wait.
 */

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attack.h"

#define CONNECTIONS 4
#define PACKETS 16

void attack_stuffing(struct attacker *me)
{
	struct shmreg_request in;
	struct raw c;

	raw_request(&in, SHMREG_PACKET_LIST);
	for (int i = 0; i < CONNECTIONS; i++) {
		/* Before HELLO, and after it. */
		if (i % 2)
			raw_connect(&c, me->stage->path);
		else if (knock(&c, me, SHMREG_HELLO_OBSERVER) < 0)
			continue;
		for (int n = 0; n < PACKETS; n++) {
			in.header.serial = ++c.serial;
			if (send_with_fds(c.fd, &in, sizeof(in), STDIN_FILENO, 253) < 0)
				break;
		}
		/* Descriptors are refused by the kernel, or by a hang-up. */
		if (c.serial > 2)
			while (raw_receive(&c) != -ESHUTDOWN)
				;
		raw_close(&c);
	}
}

static int listen_to_nobody(struct sockaddr_in *ret)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t bytes = sizeof(*ret);

	*ret = (struct sockaddr_in){ .sin_family = AF_INET };
	ret->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd >= 0 && bind(fd, (struct sockaddr *)ret, bytes) == 0 && listen(fd, 1) == 0 &&
	    getsockname(fd, (struct sockaddr *)ret, &bytes) == 0)
		return fd;
	close(fd);
	return -1;
}

/* In a child, for its own copy must not linger: none does that is closed by an exit. */
static void send_lingering(const struct raw *c, const struct sockaddr_in *to, uint64_t how)
{
	const struct linger linger = { .l_onoff = 1, .l_linger = 3600 };
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static char full[65536];
	struct shmreg_request in;

	if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
		_exit(0);
	while (send(fd, full, sizeof(full), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	raw_request(&in, SHMREG_PACKET_LIST);
	in.header.serial = 2;
	/* Behind what is refused with a hang-up, it is never received, but closed all the same. */
	if (how % 4 == 1)
		throw_bytes(c, &in, sizeof(in) - 1);
	send_with_fds(c->fd, &in, how % 4 == 2 ? 0 : sizeof(in), fd, 1);
	_exit(0);
}

void attack_linger(struct attacker *me)
{
	struct sockaddr_in address;
	struct raw c;
	int listener, status;
	pid_t pid;

	/* A machine without IPv4 has nothing that lingers. */
	listener = listen_to_nobody(&address);
	if (listener < 0)
		return;
	raw_connect(&c, me->stage->path);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		send_lingering(&c, &address, me->n_rounds);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	if (me->n_rounds % 4 != 3)
		hold(me, 5);
	raw_close(&c);
	close(listener);
}
