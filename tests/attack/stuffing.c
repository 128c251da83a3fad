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

/* Connected to itself as it were: the other end is never read from, and kept by us. */
static int make_lingering(int *ret_peer)
{
	const struct linger linger = { .l_onoff = 1, .l_linger = 3600 };
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t bytes = sizeof(address);
	static char full[65536];
	int listener, fd;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	*ret_peer = -1;
	if (listener >= 0 && fd >= 0 &&
	    bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	    listen(listener, 1) == 0 &&
	    getsockname(listener, (struct sockaddr *)&address, &bytes) == 0 &&
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		*ret_peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	if (*ret_peer < 0) {
		close(fd);
		return -1;
	}
	while (send(fd, full, sizeof(full), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	return fd;
}

void attack_linger(struct attacker *me)
{
	const struct linger none = { 0 };
	struct shmreg_request in;
	struct raw c;
	int fd, peer;

	raw_request(&in, SHMREG_PACKET_LIST);
	in.header.serial = 2;
	fd = make_lingering(&peer);
	/* A machine without IPv4 has nothing that lingers. */
	if (fd < 0)
		return;
	raw_connect(&c, me->stage->path);
	/* Behind what is refused with a hang-up, it is never received, but closed all the same. */
	if (me->n_rounds % 4 == 1)
		throw_bytes(&c, &in, sizeof(in) - 1);
	if (send_with_fds(c.fd, &in, me->n_rounds % 4 == 2 ? 0 : sizeof(in), fd, 1) < 0)
		/* It is ours alone, and we do not want to wait for it. */
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(fd);
	if (me->n_rounds % 4 != 3)
		hold(me, 5);
	raw_close(&c);
	close(peer);
}
