/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <shmreg/abi/directory.h>
#include <shmreg/abi/packet.h>
#include <shmreg/abi/root.h>

#include "random.h"
#include "suite.h"

static struct shmreg_reply reply(uint16_t type)
{
	struct shmreg_reply r = {
		.header = {
			.magic = SHMREG_PACKET_MAGIC,
			.protocol = SHMREG_PROTOCOL,
			.type = type == SHMREG_PACKET_EVENT ? type
							    : (uint16_t)(type | SHMREG_PACKET_REPLY),
			.serial = type == SHMREG_PACKET_EVENT ? 0 : 7,
		},
	};

	switch (type) {
	case SHMREG_PACKET_CREATE:
	case SHMREG_PACKET_OPEN:
	case SHMREG_PACKET_REATTACH:
		r.u.attach = (struct shmreg_attach_reply){
			.segment = 1, .participant = 1, .dir_bytes = 65536, .data_bytes = 4096,
			.access = 3, .created = 1, .n_seats = 2, .seat = { 1, 4095 },
		};
		break;
	case SHMREG_PACKET_SEATS:
		r.u.seats.n_seats = 1;
		r.u.seats.seat[0] = 9;
		break;
	case SHMREG_PACKET_CREATE_OBJECT:
		r.u.create_object.object = 1;
		break;
	case SHMREG_PACKET_LIST:
		r.u.list.n = 2;
		r.u.list.more = 1;
		break;
	case SHMREG_PACKET_DESCRIBE:
		r.u.describe.segment = 1;
		break;
	case SHMREG_PACKET_EVENT:
		r.u.event.kind = SHMREG_EVENT_CREATED;
		break;
	case SHMREG_PACKET_NOTIFY:
		r.u.notify = (struct shmreg_notify_reply){
			.generation = 5, .n = 2, .more = 1, .watch = { 3, 9 },
			.events = { SHMREG_WAIT_ITEMS, SHMREG_WAIT_SPACE },
		};
		break;
	case SHMREG_PACKET_ROOT:
		r.u.root.bytes = sizeof(struct shmreg_root);
		break;
	default:
		break;
	}
	return r;
}

#define REPLY_REFUSED(type, assign, error)                                                         \
	do {                                                                                       \
		struct shmreg_reply r = reply(SHMREG_PACKET_##type);                               \
		const uint64_t serial = r.header.serial;                                           \
		ck_assert_int_eq(                                                                  \
			shmreg_reply_check(&r, sizeof(r), SHMREG_PACKET_##type, serial), 0);       \
		assign;                                                                            \
		ck_assert_int_eq(                                                                  \
			shmreg_reply_check(&r, sizeof(r), SHMREG_PACKET_##type, serial), (error)); \
	} while (0)

START_TEST(test_replies)
{
	struct shmreg_reply ok = reply(SHMREG_PACKET_LIST);

	for (size_t n = 0; n < sizeof(ok); n++)
		ck_assert_int_eq(shmreg_reply_check(&ok, n, SHMREG_PACKET_LIST, 7), -EBADMSG);
	for (uint16_t type = SHMREG_PACKET_HELLO; type <= SHMREG_PACKET_MAX; type++) {
		struct shmreg_reply r = reply(type);

		ck_assert_int_eq(shmreg_reply_check(&r, sizeof(r), type, r.header.serial), 0);
		r.header.serial++;
		ck_assert_int_eq(shmreg_reply_check(&r, sizeof(r), type, r.header.serial - 1),
				 -EBADMSG);
	}
	REPLY_REFUSED(LIST, r.header.magic = 0, -EBADMSG);
	REPLY_REFUSED(LIST, r.header.protocol = 2, -EPROTONOSUPPORT);
	REPLY_REFUSED(LIST, r.header.type &= 0xff, -EBADMSG);
	REPLY_REFUSED(LIST, r.header.status = 1, -EBADMSG);
	REPLY_REFUSED(LIST, r.header.status = -4096, -EBADMSG);
	REPLY_REFUSED(LIST, r.header.status = -EPERM; memset(r.u.error, 'x', 256), -EBADMSG);
	REPLY_REFUSED(LIST, r.header.status = -EPERM; memset(r.u.error, 'x', 255), 0);
	REPLY_REFUSED(LIST, r.u.list.n = 5, -EBADMSG);
	REPLY_REFUSED(LIST, r.u.list.n = 0, -EBADMSG);
	REPLY_REFUSED(LIST, memset(r.u.list.info[1].name, 'x', 128), -EBADMSG);
	REPLY_REFUSED(DESCRIBE, memset(r.u.describe.name, 'x', 128), -EBADMSG);
	REPLY_REFUSED(DESCRIBE, r.u.describe.segment = 0, -EBADMSG);
	REPLY_REFUSED(HELLO, memset(r.u.hello.version, 'x', 32), -EBADMSG);
	REPLY_REFUSED(CREATE, r.u.attach.segment = 0, -EBADMSG);
	REPLY_REFUSED(CREATE, r.u.attach.data_bytes = 0, -EBADMSG);
	REPLY_REFUSED(CREATE, r.u.attach.dir_bytes = 511, -EBADMSG);
	REPLY_REFUSED(OPEN, r.u.attach.n_seats = 65, -EBADMSG);
	REPLY_REFUSED(OPEN, r.u.attach.seat[1] = 4096, -EBADMSG);
	REPLY_REFUSED(OPEN, r.u.attach.seat[0] = 0, -EBADMSG);
	REPLY_REFUSED(OPEN, r.u.attach.access = 4, -EBADMSG);
	REPLY_REFUSED(SEATS, r.u.seats.n_seats = 0, -EBADMSG);
	REPLY_REFUSED(SEATS, r.u.seats.n_seats = 3, -EBADMSG);
	REPLY_REFUSED(CREATE_OBJECT, r.u.create_object.object = 0, -EBADMSG);
	REPLY_REFUSED(CREATE_OBJECT, r.u.create_object.index = SHMREG_OBJECTS_MAX, -EBADMSG);
	REPLY_REFUSED(NOTIFY, r.u.notify.n = SHMREG_NOTIFY_MAX + 1, -EBADMSG);
	REPLY_REFUSED(NOTIFY, r.u.notify.n = 0, -EBADMSG);
	REPLY_REFUSED(NOTIFY, r.u.notify.n = 3, -EBADMSG);
	REPLY_REFUSED(NOTIFY, r.u.notify.more = 2, -EBADMSG);
	REPLY_REFUSED(NOTIFY, r.u.notify.watch[1] = 3, -EBADMSG);
	REPLY_REFUSED(NOTIFY, r.u.notify.watch[0] = 0, -EBADMSG);
	REPLY_REFUSED(NOTIFY, r.u.notify.events[1] = 0, -EBADMSG);
	REPLY_REFUSED(NOTIFY, r.u.notify.events[0] |= 4, -EBADMSG);
	REPLY_REFUSED(ROOT, r.u.root.bytes = 4096, -EBADMSG);
	REPLY_REFUSED(EVENT, r.u.event.kind = 13, -EBADMSG);
	REPLY_REFUSED(EVENT, r.u.event.kind = 0, -EBADMSG);
	REPLY_REFUSED(EVENT, r.header.status = -1, -EBADMSG);
	REPLY_REFUSED(EVENT, memset(r.u.event.client_name, 'x', 32), -EBADMSG);
	REPLY_REFUSED(EVENT, memset(r.u.event.object_name, 'x', 64), -EBADMSG);
	REPLY_REFUSED(EVENT, memset(r.u.event.segment_name, 'x', 128), -EBADMSG);
}
END_TEST

START_TEST(test_random_replies)
{
	struct random_state random;
	unsigned long n_ok = 0;

	random_seed(&random);
	for (unsigned long i = random_rounds(100000); i; i--) {
		const uint16_t type = (uint16_t)(1 + random_below(&random, SHMREG_PACKET_MAX));
		struct shmreg_reply *r = malloc(sizeof(*r));
		uint64_t serial;
		int e;

		ck_assert_ptr_nonnull(r);
		*r = reply(type);
		serial = r->header.serial;
		random_spoil(&random, i, r, sizeof(*r), r->u.bytes, sizeof(r->u.bytes), 256);
		e = shmreg_reply_check(r, sizeof(*r), type, serial);
		ck_assert(e == 0 || e == -EBADMSG || e == -EPROTONOSUPPORT);
		if (e == 0 && r->header.status < 0)
			ck_assert_uint_le(strlen(r->u.error), SHMREG_ERROR_MAX);
		n_ok += e == 0;
		free(r);
	}
	ck_assert_uint_gt(n_ok, 0);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("packet-reply");

	tcase_add_test(tcase, test_replies);
	tcase_add_test(tcase, test_random_replies);
	tcase_set_timeout(tcase, 300);
	return run_case("packet-reply", tcase);
}
