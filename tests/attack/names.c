/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Names at their limits, just beyond them, and of every byte. */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attack.h"

static int create(struct raw *c, const char name[SHMREG_SEGMENT_NAME_MAX + 1])
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_CREATE);
	memcpy(in.u.create.name, name, sizeof(in.u.create.name));
	in.u.create.nonce = c->serial + 1;
	in.u.create.data_bytes = 4096;
	in.u.create.mode = 0600;
	in.u.create.flags = SHMREG_CREATE_DETACHED;
	in.u.create.lifetime = SHMREG_UNTIL_REMOVED;
	return raw_call(c, &in);
}

/* The longest there is: as one component, and as many. It may be another attacker's. */
static void longest(struct raw *c, const char *component)
{
	char name[SHMREG_SEGMENT_NAME_MAX + 1] = "";
	int r;

	for (size_t i = 0; i < SHMREG_SEGMENT_NAME_MAX; i++)
		name[i] = component[i % strlen(component)];
	r = create(c, name);
	ck_assert_msg(r == 0 || r == -EEXIST || r == -EDQUOT, "%d: %s", r, c->reply.u.error);
	if (r == 0)
		ck_assert_int_eq(raw_target(c, SHMREG_PACKET_REMOVE, name), 0);
	/* One byte more: there is no zero at the end. */
	name[SHMREG_SEGMENT_NAME_MAX] = 'x';
	r = create(c, name);
	ck_assert_msg(r == -EINVAL || r == -ENAMETOOLONG, "%d: %s", r, c->reply.u.error);
}

static void every_byte(struct raw *c)
{
	for (int byte = 1; byte < 256; byte++) {
		char name[SHMREG_SEGMENT_NAME_MAX + 1] = { 'a', '/', (char)byte, 'b' };
		const char *const good =
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

		if (!strchr(good, byte))
			ck_assert_int_eq(create(c, name), -EINVAL);
	}
}

void attack_names(struct attacker *me)
{
	static const char *const bad[] = { "", "/", "a/", "/a", "a//b", ".", "..", "a/./b", "a/../b",
					   "../../etc/passwd", "%s%n%n", "a\nb", "a b", "\xff" };
	struct raw c;

	if (knock(&c, me, SHMREG_HELLO_OBSERVER) < 0)
		return;
	longest(&c, "a");
	longest(&c, "a/");
	longest(&c, "...");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char name[SHMREG_SEGMENT_NAME_MAX + 1] = "";

		snprintf(name, sizeof(name), "%s", bad[i]);
		ck_assert_int_eq(create(&c, name), -EINVAL);
	}
	every_byte(&c);
	raw_close(&c);
}
