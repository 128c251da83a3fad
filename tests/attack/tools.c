/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "attack.h"
#include "send-fds.h"

const struct attack attacks[] = {
	{ "malformed", 23, attack_malformed },
	{ "sizes", 33, attack_sizes },
	{ "names", 1, attack_names },
	{ "flood, valid", 1, attack_flood_valid },
	{ "flood, invalid", 1, attack_flood_invalid },
	{ "slow loris", 1, attack_loris },
	{ "never reading", 1, attack_unread },
	{ "stuffing", 1, attack_stuffing },
	{ "lingering", 4, attack_linger },
	{ "lingering bells", 2, attack_bell_linger },
	{ "exhaustion", 1, attack_exhaustion },
	{ "create, remove", 1, attack_segments },
	{ "reserve", 1, attack_reserve },
	{ "open, close", 1, attack_openings },
	{ "objects", 1, attack_objects },
	{ "watches", 1, attack_watches },
	{ "hostile bells", 1, attack_bells },
	{ "events unread", 1, attack_events },
	{ "forgery", 1, attack_forgery },
	{ "deaths", 1, attack_deaths },
};
const int n_attacks = sizeof(attacks) / sizeof(attacks[0]);

bool goes_on(const struct attacker *me)
{
	return !atomic_load(&me->stage->stop);
}

void hold(const struct attacker *me, uint64_t n)
{
	const struct timespec nap = { .tv_nsec = 2000000 };
	const uint64_t until = atomic_load(&me->stage->n_answers) + n;

	while (goes_on(me) && atomic_load(&me->stage->n_answers) < until)
		nanosleep(&nap, NULL);
}

void own_name(char ret[32], const struct attacker *me, unsigned int n)
{
	snprintf(ret, 32, "attacker/%u/%u", me->number, n);
}

int knock(struct raw *c, const struct attacker *me, uint32_t flags)
{
	int r;

	raw_connect(c, me->stage->path);
	r = raw_hello(c, flags);
	if (r == 0 && !(flags & SHMREG_HELLO_OBSERVER))
		raw_map_token(c);
	if (r < 0) {
		ck_assert_msg(r == -EDQUOT || r == -EUSERS || r == -ESHUTDOWN, "HELLO: %d %s", r,
			      c->reply.u.error);
		raw_close(c);
	}
	return r;
}

int throw_packet(struct raw *c, struct shmreg_request *request)
{
	request->header.serial = ++c->serial;
	return throw_bytes(c, request, sizeof(*request));
}

int throw_bytes(const struct raw *c, const void *bytes, size_t n)
{
	return send(c->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int drain(struct raw *c)
{
	char byte;
	int n = 0;

	for (;;) {
		if (recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN)
			return n;
		if (raw_receive(c) == -ESHUTDOWN)
			return -ESHUTDOWN;
		n++;
	}
}

int send_with_fds(int socket, const void *bytes, size_t n_bytes, int fd, int n)
{
	int fds[SEND_FDS_MAX];
	ssize_t r;

	for (int i = 0; i < n; i++)
		fds[i] = fd;
	r = send_fds(socket, NULL, bytes, n_bytes, fds, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return r < 0 ? (int)r : 0;
}
