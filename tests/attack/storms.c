/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Requests that make and unmake something, as fast as they are answered. */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "attack.h"
#include "raw-watch.h"

#define TIMES 64

static bool is_quota(int r)
{
	return r == -EDQUOT || r == -ENOSPC || r == -EUSERS;
}

/* As large as one may be in all that it takes to administer it. */
static int create_large(struct raw *c, const char *name, uint64_t nonce)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_CREATE);
	snprintf(in.u.create.name, sizeof(in.u.create.name), "%s", name);
	in.u.create.nonce = nonce;
	in.u.create.data_bytes = 4096;
	in.u.create.mode = 0600;
	in.u.create.max_participants = SHMREG_PARTICIPANTS_MAX;
	in.u.create.max_objects = SHMREG_OBJECTS_MAX;
	in.u.create.n_seats = SHMREG_SEATS_A_REPLY;
	return raw_call(c, &in);
}

/* Up to the quota and beyond; the connection ends with some of them made. */
void attack_segments(struct attacker *me)
{
	struct raw c;
	char name[32];
	int r;

	if (knock(&c, me, 0) < 0)
		return;
	for (unsigned int i = 0; i < TIMES && goes_on(me); i++) {
		own_name(name, me, i);
		r = i % 8 ? raw_create(&c, name, i + 1, 0) : create_large(&c, name, i + 1);
		ck_assert_msg(r == 0 || is_quota(r) || r == -EEXIST, "%d: %s", r, c.reply.u.error);
		if (r == 0 && i % 4)
			ck_assert_int_eq(raw_target(&c, SHMREG_PACKET_REMOVE, name), 0);
	}
	raw_close(&c);
}

/*
 * As much as the quota of what is reserved allows; all of it becomes memory, and is given back.
 * A request may wait for the memory of the one before.
 */
void attack_reserve(struct attacker *me)
{
	struct shmreg_request in;
	struct raw c;
	int r;

	if (knock(&c, me, 0) < 0)
		return;
	for (unsigned int i = 0; i < TIMES / 4 && goes_on(me); i++) {
		raw_request(&in, SHMREG_PACKET_CREATE);
		own_name(in.u.create.name, me, i);
		in.u.create.nonce = i + 1;
		in.u.create.data_bytes = me->stage->reserve_bytes;
		in.u.create.mode = 0600;
		in.u.create.flags = SHMREG_CREATE_RESERVE;
		in.u.create.n_seats = 1;
		r = raw_call(&c, &in);
		ck_assert_msg(r == 0 || is_quota(r) || r == -ENOMEM, "%d: %s", r, c.reply.u.error);
		if (r < 0)
			continue;
		/* A machine without so much memory is none of the daemon's business. */
		if (fallocate(c.fds[1], 0, 0, (off_t)me->stage->reserve_bytes) < 0)
			ck_assert_int_eq(errno, ENOMEM);
		raw_attachment(&c, SHMREG_PACKET_DETACH, c.reply.u.attach.segment,
			       c.reply.u.attach.participant);
	}
	raw_close(&c);
}

void attack_openings(struct attacker *me)
{
	struct raw c;
	int r;

	if (knock(&c, me, 0) < 0)
		return;
	for (unsigned int i = 0; i < 2 * TIMES && goes_on(me); i++) {
		r = raw_attach(&c, i % 2 ? "victim" : "arena",
			       i % 2 ? SHMREG_ACCESS_READ : SHMREG_ACCESS_WRITE, i + 1);
		ck_assert_msg(r == 0 || is_quota(r), "%d: %s", r, c.reply.u.error);
		/* Some are left to the end of the process, or of the token. */
		if (r == 0 && i % 8)
			raw_attachment(&c, SHMREG_PACKET_DETACH, c.reply.u.attach.segment,
				       c.reply.u.attach.participant);
	}
	raw_close(&c);
}

static int create_object(struct raw *c, const struct shmreg_attachment *at, unsigned int i)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_CREATE_OBJECT);
	in.u.create_object.at = *at;
	in.u.create_object.nonce = i + 1;
	in.u.create_object.shape = (struct shmreg_shape){
		.kind = SHMREG_KIND_QUEUE, .layout = 1, .elem_align = 8, .elem_bytes = 8,
		.capacity = 4,
	};
	snprintf(in.u.create_object.name, sizeof(in.u.create_object.name), "object-%u", i);
	return raw_call(c, &in);
}

void attack_objects(struct attacker *me)
{
	struct raw_segment s;
	struct raw c;
	char name[32];
	int r;

	if (knock(&c, me, 0) < 0)
		return;
	own_name(name, me, 0);
	r = raw_create(&c, name, 1, 0);
	if (r < 0) {
		/* That of the round before goes when the daemon has seen its end. */
		ck_assert_msg(is_quota(r) || r == -EEXIST, "%d: %s", r, c.reply.u.error);
		raw_close(&c);
		return;
	}
	raw_segment_take(&s, &c);
	for (unsigned int i = 0; i < 4 * TIMES && goes_on(me); i++) {
		const struct shmreg_attachment at = { .segment = s.segment,
						      .participant = s.participant };

		r = create_object(&c, &at, i);
		ck_assert_msg(r == 0 || is_quota(r), "%d: %s", r, c.reply.u.error);
		if (r == 0 && i % 4)
			ck_assert_int_eq(raw_remove_object(&c, &s, c.reply.u.create_object.object), 0);
	}
	raw_target(&c, SHMREG_PACKET_REMOVE, name);
	raw_segment_drop(&s);
	raw_close(&c);
}
