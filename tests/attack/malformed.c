/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Each word of each type, wrong in several ways, in packets that are else fine. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attack.h"

#define WORDS (SHMREG_PACKET_BYTES / sizeof(uint32_t))
#define FIELD_WORDS 60	/* CREATE_OBJECT has the most */

/* What the daemon would act on, so that the one wrong word is what is refused. */
static void fine_request(struct shmreg_request *in, uint16_t type)
{
	raw_request(in, type);
	switch (type) {
	case SHMREG_PACKET_CREATE:
		snprintf(in->u.create.name, sizeof(in->u.create.name), "malformed");
		in->u.create.nonce = 1;
		in->u.create.data_bytes = 4096;
		in->u.create.mode = 0600;
		in->u.create.n_seats = 1;
		break;
	case SHMREG_PACKET_OPEN:
		snprintf(in->u.open.name, sizeof(in->u.open.name), "malformed");
		in->u.open.nonce = 1;
		in->u.open.access = SHMREG_ACCESS_READ;
		break;
	case SHMREG_PACKET_SEATS:
		in->u.seats.n_seats = 1;
		break;
	case SHMREG_PACKET_CREATE_OBJECT:
		in->u.create_object.nonce = 1;
		in->u.create_object.shape.kind = SHMREG_KIND_ARRAY;
		in->u.create_object.shape.layout = 1;
		snprintf(in->u.create_object.name, sizeof(in->u.create_object.name), "x");
		break;
	case SHMREG_PACKET_WATCH:
		in->u.watch.events = SHMREG_WAIT_ITEMS;
		in->u.watch.flags = SHMREG_WATCH_DESCRIPTOR;
		break;
	default:
		break;
	}
}

static uint32_t wrong(uint32_t word, unsigned int how)
{
	switch (how) {
	case 0:
		return word + 1;
	case 1:
		return UINT32_MAX;
	default:
		return word ^ UINT32_C(0x80000000);
	}
}

/* Whatever it is, there is one answer, or a hang-up. */
static void send_wrong(struct raw *c, struct attacker *me, uint16_t type, size_t word,
		       unsigned int how)
{
	struct shmreg_request in;
	uint32_t w;

	if (c->fd < 0 && knock(c, me, 0) < 0)
		return;
	fine_request(&in, type);
	in.header.serial = ++c->serial;
	memcpy(&w, (char *)&in + word * sizeof(w), sizeof(w));
	w = wrong(w, how);
	memcpy((char *)&in + word * sizeof(w), &w, sizeof(w));
	if (throw_bytes(c, &in, sizeof(in)) < 0 || raw_receive(c) == -ESHUTDOWN ||
	    c->reply.header.status == -EBADMSG || c->reply.header.status == -EPROTONOSUPPORT ||
	    c->reply.header.type == (SHMREG_PACKET_SUBSCRIBE | SHMREG_PACKET_REPLY))
		raw_close(c);
}

void attack_malformed(struct attacker *me)
{
	const uint16_t type = (uint16_t)(me->n_rounds % (SHMREG_PACKET_MAX + 3));
	struct raw c = { .fd = -1 };

	/* The first words each time, where the fields are; of the unused ones some. */
	for (size_t word = 0; word < WORDS && goes_on(me); word++)
		if (word < FIELD_WORDS || random_next(&me->dice) % 16 == 0)
			for (unsigned int how = 0; how < 3; how++)
				send_wrong(&c, me, type, word, how);
	raw_close(&c);
	/* One whose lifetime was the wrong word, which stays. */
	if (type == SHMREG_PACKET_CREATE && knock(&c, me, SHMREG_HELLO_OBSERVER) == 0) {
		raw_target(&c, SHMREG_PACKET_REMOVE, "malformed");
		raw_close(&c);
	}
}
