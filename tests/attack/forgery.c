/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Another's ids, nonces and serials: known exactly, and of no use. */

#include <check.h>
#include <errno.h>
#include <stdio.h>

#include "attack.h"

/* Is refused, and the connection lives. */
static void refused(struct raw *c, struct shmreg_request *in, const char *what)
{
	const int r = raw_call(c, in);

	ck_assert_msg(r < 0 && r != -ESHUTDOWN && r != -EBADMSG, "%s: %d", what, r);
}

static void forge_attachment(struct raw *c, const struct shmreg_attachment *at, uint64_t object)
{
	static const uint16_t types[] = { SHMREG_PACKET_REATTACH, SHMREG_PACKET_DETACH,
					  SHMREG_PACKET_QUIESCE };
	struct shmreg_request in;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		raw_request(&in, types[i]);
		in.u.attachment = *at;
		refused(c, &in, "an attachment");
	}
	raw_request(&in, SHMREG_PACKET_SEATS);
	in.u.seats.at = *at;
	in.u.seats.n_seats = 1;
	refused(c, &in, "SEATS");
	raw_request(&in, SHMREG_PACKET_CREATE_OBJECT);
	in.u.create_object.at = *at;
	in.u.create_object.nonce = 1;
	in.u.create_object.shape = (struct shmreg_shape){
		.kind = SHMREG_KIND_ARRAY, .layout = 1, .elem_align = 8, .elem_bytes = 8, .capacity = 9,
	};
	snprintf(in.u.create_object.name, sizeof(in.u.create_object.name), "forged");
	refused(c, &in, "CREATE_OBJECT");
	raw_request(&in, SHMREG_PACKET_REMOVE_OBJECT);
	in.u.remove_object.at = *at;
	in.u.remove_object.object = object;
	refused(c, &in, "REMOVE_OBJECT");
	raw_request(&in, SHMREG_PACKET_WATCH);
	in.u.watch.at = *at;
	in.u.watch.object = object;
	in.u.watch.events = SHMREG_WAIT_ITEMS;
	in.u.watch.flags = SHMREG_WATCH_DESCRIPTOR;
	refused(c, &in, "WATCH");
	raw_request(&in, SHMREG_PACKET_NOTIFY);
	in.u.notify.at = *at;
	in.u.notify.object = object;
	in.u.notify.events = SHMREG_WAIT_ITEMS;
	refused(c, &in, "NOTIFY");
}

/* Only to another uid are these closed. */
static void forge_ownership(struct raw *c, const struct stage *stage)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_REMOVE);
	in.u.target.segment = stage->victim.segment;
	refused(c, &in, "REMOVE");
	raw_request(&in, SHMREG_PACKET_SET);
	in.u.set.target.segment = stage->victim.segment;
	in.u.set.what = SHMREG_SET_MODE;
	in.u.set.mode = 0666;
	refused(c, &in, "SET");
	in.u.set.what = SHMREG_SET_OWNER;
	in.u.set.mode = 0;
	refused(c, &in, "SET");
	ck_assert_int_eq(raw_attach(c, "victim", SHMREG_ACCESS_WRITE, 1), -EACCES);
	ck_assert_int_eq(raw_attach(c, "private", SHMREG_ACCESS_READ, PRIVATE_NONCE), -EACCES);
	ck_assert_int_eq(raw_attach(c, "private", SHMREG_ACCESS_WRITE, PRIVATE_NONCE), -EACCES);
}

static void forge_serials(struct raw *c)
{
	static const uint64_t serials[] = { 1, 1, UINT64_MAX, UINT64_C(1) << 63, 2, 1 };
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_LIST);
	for (size_t i = 0; i < sizeof(serials) / sizeof(serials[0]); i++) {
		in.header.serial = serials[i];
		ck_assert_int_eq(throw_bytes(c, &in, sizeof(in)), 0);
		ck_assert_int_eq(raw_receive(c), 0);
		ck_assert_uint_eq(c->reply.header.serial, serials[i]);
	}
	/* Events have it, and requests must not. */
	in.header.serial = 0;
	ck_assert_int_eq(throw_bytes(c, &in, sizeof(in)), 0);
	ck_assert_int_eq(raw_receive(c), -EBADMSG);
	ck_assert_int_eq(raw_receive(c), -ESHUTDOWN);
}

void attack_forgery(struct attacker *me)
{
	struct stage *stage = me->stage;
	struct shmreg_request in;
	struct raw c;

	if (knock(&c, me, me->n_rounds % 2 ? SHMREG_HELLO_OBSERVER : 0) < 0)
		return;
	for (uint64_t i = 0; i < 5; i++) {
		struct shmreg_attachment at = stage->victim;

		/* The very one, and those around it. */
		at.participant += i - 2;
		if (at.participant != 0)
			forge_attachment(&c, &at, stage->victim_object);
		at = stage->victim;
		at.segment ^= i << 60;
		at.epoch = UINT64_MAX;
		forge_attachment(&c, &at, stage->victim_object + i);
		raw_request(&in, SHMREG_PACKET_UNWATCH);
		in.u.unwatch.watch = stage->victim_watch + i - 2;
		refused(&c, &in, "UNWATCH");
	}
	if (stage->apart && me->n_rounds % 2 == 0)
		forge_ownership(&c, stage);
	forge_serials(&c);
	raw_close(&c);
}
