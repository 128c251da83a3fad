/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include <shmreg/abi/directory.h>

#include "request.h"

static void name(struct fuzz_input *in, char *ret, size_t size, char letter, unsigned int n)
{
	const uint8_t which = fuzz_u8(in);

	memset(ret, 0, size);
	if (which >= 240)
		fuzz_take(in, ret, fuzz_below(in, size));
	else
		snprintf(ret, size, "%c%u", letter, which % n);
}

void fuzz_segment_name(struct fuzz_input *in, char ret[SHMREG_SEGMENT_NAME_MAX + 1])
{
	name(in, ret, SHMREG_SEGMENT_NAME_MAX + 1, 's', 4);
}

void fuzz_object_name(struct fuzz_input *in, char ret[SHMREG_OBJECT_NAME_MAX + 1])
{
	name(in, ret, SHMREG_OBJECT_NAME_MAX + 1, 'o', 8);
}

static struct shmreg_attachment attachment(struct fuzz_input *in)
{
	const uint8_t which = fuzz_u8(in);

	return (struct shmreg_attachment){
		.segment = 1 + which % 8,
		.participant = which / 8 % 8,
		.epoch = which / 64,
	};
}

static void target(struct fuzz_input *in, struct shmreg_target *ret)
{
	if (fuzz_u8(in) % 2)
		ret->segment = 1 + fuzz_below(in, 8);
	else
		fuzz_segment_name(in, ret->name);
}

static void create(struct fuzz_input *in, struct shmreg_create *ret)
{
	static const uint32_t modes[] = { 0600, 0666, 0640, 0604, 0, 0222 };

	fuzz_segment_name(in, ret->name);
	ret->nonce = 1 + fuzz_below(in, 32);
	ret->data_bytes = UINT64_C(1) << (12 + fuzz_below(in, 8));
	/* RESERVE costs memory, and time. */
	ret->flags = fuzz_u8(in) & (SHMREG_CREATE_OPEN | SHMREG_CREATE_DETACHED);
	if (fuzz_u8(in) >= 248)
		ret->flags |= SHMREG_CREATE_RESERVE;
	ret->mode = modes[fuzz_below(in, 6)];
	ret->lifetime = (uint32_t)fuzz_below(in, 3);
	ret->max_participants = (uint32_t)fuzz_below(in, 4) * 3 + 1;
	ret->max_objects = (uint32_t)fuzz_below(in, 4) * 3 + 1;
	if (ret->flags & SHMREG_CREATE_DETACHED)
		ret->lifetime = SHMREG_UNTIL_REMOVED;
	else
		ret->n_seats = 1 + (uint32_t)fuzz_below(in, SHMREG_SEATS_A_REPLY);
}

static void open_segment(struct fuzz_input *in, struct shmreg_open *ret)
{
	fuzz_segment_name(in, ret->name);
	ret->nonce = 1 + fuzz_below(in, 32);
	ret->access = 1 + (uint32_t)fuzz_below(in, 3);
	if (ret->access & SHMREG_ACCESS_WRITE)
		ret->n_seats = 1 + (uint32_t)fuzz_below(in, SHMREG_SEATS_A_REPLY);
}

/* Each is right as it stands; what may be wrong is poked in afterwards. */
static const struct shmreg_shape shapes[] = {
	{ SHMREG_KIND_ARRAY, SHMREG_ARRAY_LAYOUT, 0, 8, 8, 16, { 0 } },
	{ SHMREG_KIND_ARRAY, SHMREG_ARRAY_LAYOUT, 0, 1, 1, 5000, { 0 } },
	{ SHMREG_KIND_ATOMIC, SHMREG_ATOMIC_LAYOUT, 0, 8, 8, 1, { 0 } },
	{ SHMREG_KIND_QUEUE, SHMREG_QUEUE_LAYOUT, 0, 8, 8, 8, { 0 } },
	{ SHMREG_KIND_RING, SHMREG_RING_LAYOUT, 0, 8, 8, 8, { 0 } },
	{ SHMREG_KIND_TOPIC, SHMREG_TOPIC_LAYOUT, 0, 8, 24, 4, { 1, 3, 0, 0 } },
	{ SHMREG_KIND_POOL, SHMREG_POOL_LAYOUT, 0, 8, 64, 8, { 0 } },
	{ SHMREG_KIND_CELL, SHMREG_CELL_LAYOUT, 0, 8, 64, 1, { 3, 0, 0, 0 } },
};

static void create_object(struct fuzz_input *in, struct shmreg_create_object *ret)
{
	const uint8_t which = fuzz_u8(in);

	ret->at = attachment(in);
	ret->nonce = 1 + fuzz_below(in, 32);
	ret->flags = fuzz_u8(in) & SHMREG_OBJECT_OPEN;
	ret->shape = shapes[which % 8];
	if (which % 16 == 11) {
		ret->shape.flags = SHMREG_QUEUE_OBJECTS;
		ret->shape.param[0] = 1 + (uint32_t)fuzz_below(in, 8);
		ret->shape.param[2] = (uint32_t)fuzz_below(in, 4);
	}
	fuzz_object_name(in, ret->name);
	snprintf(ret->type_name, sizeof(ret->type_name), "%s", which & 32 ? "struct s" : "char");
}

static void remove_object(struct fuzz_input *in, struct shmreg_remove_object *ret)
{
	ret->at = attachment(in);
	if (fuzz_u8(in) % 2)
		ret->object = 1 + fuzz_below(in, 8);
	else
		fuzz_object_name(in, ret->name);
}

static void set(struct fuzz_input *in, struct shmreg_set *ret)
{
	static const uint32_t uids[] = { 0, 1000, 2000, 3000 };

	target(in, &ret->target);
	ret->what = 1 + (uint32_t)fuzz_below(in, 7);
	if (ret->what & SHMREG_SET_OWNER) {
		ret->uid = uids[fuzz_below(in, 4)];
		ret->gid = uids[fuzz_below(in, 4)];
	}
	if (ret->what & SHMREG_SET_MODE)
		ret->mode = fuzz_u16(in) & 0666;
	if (ret->what & SHMREG_SET_LIFETIME)
		ret->lifetime = (uint32_t)fuzz_below(in, 3);
}

static void body(struct fuzz_input *in, struct shmreg_request *ret)
{
	switch (ret->header.type) {
	case SHMREG_PACKET_HELLO:
		ret->u.hello.flags = fuzz_u8(in) & SHMREG_HELLO_OBSERVER;
		break;
	case SHMREG_PACKET_CREATE:
		create(in, &ret->u.create);
		break;
	case SHMREG_PACKET_OPEN:
		open_segment(in, &ret->u.open);
		break;
	case SHMREG_PACKET_REATTACH:
	case SHMREG_PACKET_QUIESCE:
		ret->u.attachment = attachment(in);
		break;
	case SHMREG_PACKET_DETACH:
		ret->u.detach.at = attachment(in);
		ret->u.detach.flags = fuzz_u8(in) & SHMREG_DETACH_IDLE;
		break;
	case SHMREG_PACKET_SEATS:
		ret->u.seats.at = attachment(in);
		ret->u.seats.n_seats = 1 + (uint32_t)fuzz_below(in, SHMREG_SEATS_A_REPLY);
		break;
	case SHMREG_PACKET_REMOVE:
	case SHMREG_PACKET_DESCRIBE:
		target(in, &ret->u.target);
		break;
	case SHMREG_PACKET_CREATE_OBJECT:
		create_object(in, &ret->u.create_object);
		break;
	case SHMREG_PACKET_REMOVE_OBJECT:
		remove_object(in, &ret->u.remove_object);
		break;
	case SHMREG_PACKET_LIST:
		ret->u.list.after = fuzz_below(in, 8);
		break;
	case SHMREG_PACKET_STATS:
		ret->u.stats.uid = fuzz_u8(in) % 2 ? UINT32_MAX : 1000;
		break;
	case SHMREG_PACKET_SUBSCRIBE:
		ret->u.subscribe.mask = fuzz_u16(in) & 0x1ffe;
		if (fuzz_u8(in) % 2)
			fuzz_segment_name(in, ret->u.subscribe.name);
		break;
	case SHMREG_PACKET_SET:
		set(in, &ret->u.set);
		break;
	case SHMREG_PACKET_WATCH:
		ret->u.watch.at = attachment(in);
		ret->u.watch.object = 1 + fuzz_below(in, 8);
		ret->u.watch.events = 1 + (uint32_t)fuzz_below(in, 3);
		ret->u.watch.flags = fuzz_u8(in) & SHMREG_WATCH_DESCRIPTOR;
		break;
	case SHMREG_PACKET_UNWATCH:
		ret->u.unwatch.watch = 1 + fuzz_below(in, 8);
		break;
	case SHMREG_PACKET_NOTIFY:
		ret->u.notify.at = attachment(in);
		ret->u.notify.object = 1 + fuzz_below(in, 8);
		ret->u.notify.after = fuzz_below(in, 8);
		ret->u.notify.events = (uint32_t)fuzz_below(in, 4);
		break;
	default:
		break;
	}
}

void fuzz_request(struct fuzz_input *in, struct shmreg_request *ret)
{
	const uint8_t what = fuzz_u8(in);

	memset(ret, 0, sizeof(*ret));
	ret->header.magic = SHMREG_PACKET_MAGIC;
	ret->header.protocol = SHMREG_PROTOCOL;
	ret->header.type = (uint16_t)(1 + what % 32 % SHMREG_PACKET_MAX);
	ret->header.serial = 1;
	body(in, ret);
	/* In the fields that there are, since those behind them must be zero. */
	if (what >= 224)
		for (uint8_t n = 1 + fuzz_u8(in) % 3; n; n--)
			fuzz_poke(in, &ret->u, sizeof(struct shmreg_create_object));
}
