/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Connections that are held, not read from, or as many as there may be and more. */

#include <errno.h>
#include <stdio.h>

#include "attack.h"

#define HELD 24
#define TRIES 64

static void close_all(struct raw *c, int n)
{
	while (n > 0)
		raw_close(&c[--n]);
}

/* A third says nothing at all, a third HELLO, a third half of what comes after it. */
void attack_loris(struct attacker *me)
{
	struct shmreg_request in;
	struct raw c[HELD];
	int n;

	raw_request(&in, SHMREG_PACKET_DESCRIBE);
	snprintf(in.u.target.name, sizeof(in.u.target.name), "victim");
	for (n = 0; n < HELD; n++) {
		if (n % 3 == 0)
			raw_connect(&c[n], me->stage->path);
		else if (knock(&c[n], me, n % 2 ? SHMREG_HELLO_OBSERVER : 0) < 0)
			break;
		if (n % 3 == 2)
			throw_packet(&c[n], &in);
	}
	hold(me, 20);
	close_all(c, n);
}

/* All ask for descriptors until nothing more is taken, and nobody reads. */
void attack_unread(struct attacker *me)
{
	static const uint16_t types[] = { SHMREG_PACKET_DESCRIBE, SHMREG_PACKET_ROOT,
					  SHMREG_PACKET_OPEN };
	struct shmreg_request in;
	struct raw c[HELD];
	int n, sent;

	for (n = 0; n < HELD; n++) {
		if (knock(&c[n], me, 0) < 0)
			break;
		for (sent = 0; sent < 1000; sent++) {
			const uint16_t type = types[random_next(&me->dice) % 3];

			raw_request(&in, type);
			if (type == SHMREG_PACKET_DESCRIBE)
				snprintf(in.u.target.name, sizeof(in.u.target.name), "victim");
			if (type == SHMREG_PACKET_OPEN) {
				snprintf(in.u.open.name, sizeof(in.u.open.name), "victim");
				in.u.open.nonce = (uint64_t)sent + 1;
				in.u.open.access = SHMREG_ACCESS_READ;
			}
			if (throw_packet(&c[n], &in) < 0)
				break;
		}
	}
	hold(me, 20);
	close_all(c, n);
}

/* Up to the quota, and on knocking; then anew. */
void attack_exhaustion(struct attacker *me)
{
	struct raw c[TRIES];
	int n = 0, refused = 0;

	while (n < TRIES && refused < TRIES && goes_on(me)) {
		if (knock(&c[n], me, n % 2 ? SHMREG_HELLO_OBSERVER : 0) < 0)
			refused++;
		else
			n++;
	}
	close_all(c, n);
}
