/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Requests as fast as the socket takes them, over several connections. */

#include <errno.h>
#include <stdio.h>

#include "attack.h"

#define CONNECTIONS 4
#define PACKETS 2000

static void next_request(struct shmreg_request *in, struct attacker *me, bool valid)
{
	static const uint16_t types[] = { SHMREG_PACKET_LIST, SHMREG_PACKET_STATS,
					  SHMREG_PACKET_DESCRIBE, SHMREG_PACKET_ROOT };

	raw_request(in, types[random_next(&me->dice) % 4]);
	if (in->header.type == SHMREG_PACKET_STATS)
		in->u.stats.uid = UINT32_MAX;
	if (in->header.type == SHMREG_PACKET_DESCRIBE)
		snprintf(in->u.target.name, sizeof(in->u.target.name), "victim");
	/* Refused, but not by a hang-up, so that it can go on. */
	if (!valid)
		in->header.type = (uint16_t)(SHMREG_PACKET_MAX + 1 + random_next(&me->dice) % 1000);
}

static void flood(struct attacker *me, bool valid)
{
	struct raw c[CONNECTIONS];
	struct shmreg_request in;
	int i, n;

	for (i = 0; i < CONNECTIONS; i++)
		if (knock(&c[i], me, SHMREG_HELLO_OBSERVER) < 0)
			c[i].fd = -1;
	for (n = 0; n < PACKETS && goes_on(me); n++)
		for (i = 0; i < CONNECTIONS; i++) {
			if (c[i].fd < 0)
				continue;
			next_request(&in, me, valid);
			/* Full: what has been answered is made room for. */
			if (throw_packet(&c[i], &in) == -EAGAIN)
				drain(&c[i]);
		}
	for (i = 0; i < CONNECTIONS; i++)
		raw_close(&c[i]);
}

void attack_flood_valid(struct attacker *me)
{
	flood(me, true);
}

void attack_flood_invalid(struct attacker *me)
{
	flood(me, false);
}
