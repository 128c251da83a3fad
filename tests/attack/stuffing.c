/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Descriptors that nobody asked for, many. */

#include <errno.h>
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
