/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * Descriptors that take an hour to close.
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

static int lingering(const struct sockaddr_in *to)
{
	const struct linger linger = { .l_onoff = 1, .l_linger = 3600 };
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static char full[65536];

	if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
		_exit(0);
	while (send(fd, full, sizeof(full), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	return fd;
}

/* These are in a child, for its own copy must not linger: none does that is closed by an exit. */
static void send_lingering(const struct raw *c, const struct sockaddr_in *to, uint64_t how)
{
	const int fd = lingering(to);
	struct shmreg_request in;

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

static void ring_lingering(const struct raw *c, const struct sockaddr_in *to)
{
	const int fd = lingering(to);

	for (int i = 0; i < c->n_fds; i++)
		send_with_fds(c->fds[i], "", 1, fd, 1);
	_exit(0);
}

/* Bells there are, the last of them at first. Return: false: none can be had. */
static bool last_bell(struct raw *c, const struct raw_segment *s, uint64_t object, uint64_t *after)
{
	do {
		if (raw_notify(c, s, object, *after, 0) < 0)
			return false;
		if (c->reply.u.notify.n > 0)
			*after = c->reply.u.notify.watch[c->reply.u.notify.n - 1];
	} while (c->reply.u.notify.more);
	return true;
}

/* One has a bell that he was never sent, since he does not read; the other sends into it. */
static void watch_unread(struct raw *deaf, const struct raw_segment *s, uint64_t object)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_LIST);
	throw_packet(deaf, &in);
	raw_request(&in, SHMREG_PACKET_WATCH);
	in.u.watch.at.segment = s->segment;
	in.u.watch.at.participant = s->participant;
	in.u.watch.object = object;
	in.u.watch.events = SHMREG_WAIT_ITEMS;
	in.u.watch.flags = SHMREG_WATCH_DESCRIPTOR;
	throw_packet(deaf, &in);
}

void attack_bell_linger(struct attacker *me)
{
	const uint64_t object = me->stage->arena_object;
	struct raw_segment s, deaf_s;
	struct sockaddr_in address;
	struct raw c, deaf;
	uint64_t after = 0;
	int listener, status;
	pid_t pid;

	listener = listen_to_nobody(&address);
	if (listener < 0)
		return;
	if (enter_arena(&c, &s, me)) {
		if (enter_arena(&deaf, &deaf_s, me)) {
			if (last_bell(&c, &s, object, &after)) {
				watch_unread(&deaf, &deaf_s, object);
				hold(me, 2);
				if (raw_notify(&c, &s, object, after, 0) == 0) {
					pid = fork();
					ck_assert_int_ge(pid, 0);
					if (pid == 0)
						ring_lingering(&c, &address);
					ck_assert_int_eq(waitpid(pid, &status, 0), pid);
				}
			}
			raw_segment_drop(&deaf_s);
			raw_close(&deaf);
			hold(me, 2);
		}
		leave_arena(&c, &s);
	}
	close(listener);
}
