/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Packets of every size that is wrong: cut off, too long, empty. */

#include <check.h>
#include <errno.h>
#include <string.h>

#include "attack.h"

#define SIZES_A_ROUND 64
#define OVERSIZED 65536

void attack_sizes(struct attacker *me)
{
	static char bytes[OVERSIZED];
	struct shmreg_request in;

	raw_request(&in, (uint16_t)(1 + me->n_rounds % SHMREG_PACKET_MAX));
	in.header.serial = 2;
	memcpy(bytes, &in, sizeof(in));
	for (size_t i = 0; i < SIZES_A_ROUND && goes_on(me); i++) {
		/* All from 0 to 2048, one after the other, round after round. */
		size_t n = (me->n_rounds * SIZES_A_ROUND + i) % 2049;
		struct raw c;
		int r;

		if (n == sizeof(in))
			n = OVERSIZED;
		if (knock(&c, me, i % 2 ? SHMREG_HELLO_OBSERVER : 0) < 0)
			continue;
		ck_assert_int_eq(throw_bytes(&c, bytes, n), 0);
		/* Cut off: a sentence; too long or empty: not even that. */
		r = raw_receive(&c);
		ck_assert_int_eq(r, n > 0 && n < sizeof(in) ? -EBADMSG : -ESHUTDOWN);
		if (r != -ESHUTDOWN)
			ck_assert_int_eq(raw_receive(&c), -ESHUTDOWN);
		raw_close(&c);
	}
}
