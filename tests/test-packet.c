/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shmreg/abi/directory.h>
#include <shmreg/abi/packet.h>

#include "random.h"
#include "suite.h"

/* A valid request of each type, as full as it can be. */
static struct shmreg_request request(uint16_t type)
{
	struct shmreg_request r = {
		.header = {
			.magic = SHMREG_PACKET_MAGIC,
			.protocol = SHMREG_PROTOCOL,
			.type = type,
			.serial = 7,
		},
	};
	const struct shmreg_attachment at = { .segment = 3, .participant = 4, .epoch = 5 };

	switch (type) {
	case SHMREG_PACKET_HELLO:
		strcpy(r.u.hello.name, "a client");
		strcpy(r.u.hello.version, "0.1.0");
		break;
	case SHMREG_PACKET_CREATE:
		strcpy(r.u.create.name, "a/segment");
		r.u.create.nonce = 1;
		r.u.create.data_bytes = 4096;
		r.u.create.flags = SHMREG_CREATE_RESERVE | SHMREG_CREATE_OPEN;
		r.u.create.mode = 0640;
		r.u.create.lifetime = SHMREG_WITH_CREATOR;
		r.u.create.max_participants = SHMREG_PARTICIPANTS_MAX;
		r.u.create.max_objects = SHMREG_OBJECTS_MAX;
		r.u.create.n_seats = SHMREG_SEATS_A_REPLY;
		break;
	case SHMREG_PACKET_OPEN:
		strcpy(r.u.open.name, "a/segment");
		r.u.open.nonce = 1;
		r.u.open.access = SHMREG_ACCESS_READ | SHMREG_ACCESS_WRITE;
		r.u.open.n_seats = 4;
		break;
	case SHMREG_PACKET_REATTACH:
	case SHMREG_PACKET_QUIESCE:
		r.u.attachment = at;
		break;
	case SHMREG_PACKET_DETACH:
		r.u.detach.at = at;
		r.u.detach.flags = SHMREG_DETACH_IDLE;
		break;
	case SHMREG_PACKET_SEATS:
		r.u.seats.at = at;
		r.u.seats.n_seats = 1;
		break;
	case SHMREG_PACKET_REMOVE:
	case SHMREG_PACKET_DESCRIBE:
		strcpy(r.u.target.name, "a/segment");
		break;
	case SHMREG_PACKET_CREATE_OBJECT:
		r.u.create_object.at = at;
		r.u.create_object.nonce = 9;
		r.u.create_object.flags = SHMREG_OBJECT_OPEN;
		r.u.create_object.shape = (struct shmreg_shape){ SHMREG_KIND_ARRAY, 1, 0, 8, 8, 8, { 0 } };
		strcpy(r.u.create_object.name, "an/object");
		strcpy(r.u.create_object.type_name, "struct event");
		break;
	case SHMREG_PACKET_REMOVE_OBJECT:
		r.u.remove_object.at = at;
		r.u.remove_object.object = 8;
		break;
	case SHMREG_PACKET_LIST:
		r.u.list.after = 2;
		break;
	case SHMREG_PACKET_STATS:
		r.u.stats.uid = UINT32_MAX;
		break;
	case SHMREG_PACKET_SUBSCRIBE:
		r.u.subscribe.mask = 1u << SHMREG_EVENT_CREATED | 1u << SHMREG_EVENT_LOST;
		strcpy(r.u.subscribe.name, "a/segment");
		break;
	case SHMREG_PACKET_SET:
		r.u.set.target.segment = 3;
		r.u.set.what = SHMREG_SET_OWNER | SHMREG_SET_MODE | SHMREG_SET_LIFETIME;
		r.u.set.uid = 1000;
		r.u.set.gid = 1000;
		r.u.set.mode = 0600;
		r.u.set.lifetime = SHMREG_UNTIL_REMOVED;
		break;
	case SHMREG_PACKET_WATCH:
		r.u.watch.at = at;
		r.u.watch.object = 8;
		r.u.watch.events = SHMREG_WAIT_ITEMS | SHMREG_WAIT_SPACE;
		r.u.watch.flags = SHMREG_WATCH_DESCRIPTOR;
		break;
	case SHMREG_PACKET_UNWATCH:
		r.u.unwatch.watch = 9;
		break;
	case SHMREG_PACKET_NOTIFY:
		r.u.notify.at = at;
		r.u.notify.object = 8;
		r.u.notify.after = UINT64_MAX;
		r.u.notify.events = SHMREG_WAIT_ITEMS | SHMREG_WAIT_SPACE;
		break;
	case SHMREG_PACKET_SET_LIMIT:
		r.u.set_limit.uid = 1000;
		r.u.set_limit.what = 1u << SHMREG_RESOURCE_SEGMENTS | 1u << SHMREG_RESOURCE_BYTES;
		r.u.set_limit.unset = 1u << SHMREG_RESOURCE_SEGMENTS;
		r.u.set_limit.limit[SHMREG_RESOURCE_BYTES] = UINT64_MAX;
		break;
	default:
		break;
	}
	return r;
}

static int check(const struct shmreg_request *r)
{
	const char *why = NULL;
	const int e = shmreg_request_check(r, sizeof(*r), &why);

	if (e < 0) {
		ck_assert_ptr_nonnull(why);
		ck_assert_uint_gt(strlen(why), 10);
		ck_assert_uint_le(strlen(why), SHMREG_ERROR_MAX);
	} else {
		ck_assert_ptr_null(why);
	}
	return e;
}

static bool refused(struct shmreg_request r, int error, const char *says)
{
	const char *why = "";
	const int e = shmreg_request_check(&r, sizeof(r), &why);

	ck_assert_int_eq(e, shmreg_request_check(&r, sizeof(r), NULL));
	if (e == error && strstr(why, says))
		return true;
	fprintf(stderr, "got %d, \"%s\"\n", e, why);
	return false;
}

/* Set one field of a valid request and expect a refusal. */
#define REFUSED(type, assign, error, says)                                                         \
	do {                                                                                       \
		struct shmreg_request r = request(SHMREG_PACKET_##type);                           \
		ck_assert_int_eq(check(&r), 0);                                                    \
		assign;                                                                            \
		ck_assert_msg(refused(r, (error), (says)), #type ": " #assign);                    \
	} while (0)
#define ACCEPTED(type, assign)                                                                     \
	do {                                                                                       \
		struct shmreg_request r = request(SHMREG_PACKET_##type);                           \
		assign;                                                                            \
		ck_assert_msg(check(&r) == 0, #type ": " #assign);                                 \
	} while (0)

START_TEST(test_valid)
{
	for (uint16_t type = SHMREG_PACKET_HELLO; type <= SHMREG_PACKET_MAX; type++) {
		struct shmreg_request r = request(type);

		if (type == SHMREG_PACKET_EVENT)
			continue;
		ck_assert_int_eq(check(&r), 0);
	}
	ACCEPTED(HELLO, r.u.hello.flags = SHMREG_HELLO_OBSERVER);
	ACCEPTED(HELLO, memset(&r.u.hello, 0, sizeof(r.u.hello)));
	ACCEPTED(CREATE, r.u.create.flags = SHMREG_CREATE_DETACHED; r.u.create.n_seats = 0;
		 r.u.create.lifetime = SHMREG_UNTIL_REMOVED);
	ACCEPTED(CREATE, r.u.create.mode = 0; r.u.create.max_objects = 0);
	ACCEPTED(CREATE, r.u.create.data_bytes = SHMREG_DATA_BYTES_MAX);
	ACCEPTED(OPEN, r.u.open.access = SHMREG_ACCESS_READ; r.u.open.n_seats = 0);
	ACCEPTED(OPEN, r.u.open.access = SHMREG_ACCESS_WRITE);
	ACCEPTED(CREATE_OBJECT, r.u.create_object.at.participant = 0);
	ACCEPTED(CREATE_OBJECT, memset(r.u.create_object.type_name, 0, 64));
	ACCEPTED(REMOVE_OBJECT, r.u.remove_object.object = 0;
		 strcpy(r.u.remove_object.name, "o"));
	ACCEPTED(SUBSCRIBE, memset(&r.u.subscribe, 0, sizeof(r.u.subscribe)));
	ACCEPTED(SET, r.u.set.what = SHMREG_SET_MODE; r.u.set.uid = r.u.set.gid = 0;
		 r.u.set.lifetime = 0);
	ACCEPTED(SET_LIMIT, r.u.set_limit.unset = 0);
	ACCEPTED(SET_LIMIT, r.u.set_limit.what = 255);
	ACCEPTED(WATCH, r.u.watch.flags = 0; r.u.watch.events = SHMREG_WAIT_SPACE);
	ACCEPTED(NOTIFY, r.u.notify.events = 0; r.u.notify.after = 0);
}
END_TEST

START_TEST(test_set_limit)
{
	REFUSED(SET_LIMIT, r.u.set_limit.reserved = 1, -EBADMSG, "reserved");
	REFUSED(SET_LIMIT, r.u.set_limit.uid = 0, -EINVAL, "root has no limits");
	REFUSED(SET_LIMIT, r.u.set_limit.uid = UINT32_MAX, -EINVAL, "below 4294967295");
	REFUSED(SET_LIMIT, r.u.set_limit.what = 0, -EINVAL, "some of the resources");
	REFUSED(SET_LIMIT, r.u.set_limit.what |= 1u << SHMREG_N_RESOURCES, -EINVAL, "no others");
	REFUSED(SET_LIMIT, r.u.set_limit.unset |= 1u << SHMREG_RESOURCE_SEATS, -EBADMSG, "unsets");
	REFUSED(SET_LIMIT, r.u.set_limit.limit[SHMREG_RESOURCE_SEATS] = 1, -EBADMSG, "has a limit");
	REFUSED(SET_LIMIT, r.u.set_limit.limit[SHMREG_RESOURCE_SEGMENTS] = 1, -EBADMSG, "has a limit");
}
END_TEST

START_TEST(test_header)
{
	struct shmreg_request ok = request(SHMREG_PACKET_LIST);
	const char *why = NULL;

	for (size_t n = 0; n < sizeof(ok); n++)
		ck_assert_int_eq(shmreg_request_check(&ok, n, &why), -EBADMSG);
	ck_assert_int_eq(shmreg_request_check(&ok, sizeof(ok) + 1, &why), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(why, "1024"));

	REFUSED(LIST, r.header.magic++, -EBADMSG, "magic");
	REFUSED(LIST, r.header.protocol++, -EPROTONOSUPPORT, "version 1");
	REFUSED(LIST, r.header.protocol = 0, -EPROTONOSUPPORT, "version 1");
	REFUSED(LIST, r.header.serial = 0, -EBADMSG, "serial");
	REFUSED(LIST, r.header.status = -1, -EBADMSG, "status");
	REFUSED(LIST, r.header.reserved = 1, -EBADMSG, "reserved");
	REFUSED(LIST, r.header.type = 0, -EOPNOTSUPP, "unknown");
	REFUSED(LIST, r.header.type = SHMREG_PACKET_EVENT, -EOPNOTSUPP, "unknown");
	REFUSED(LIST, r.header.type = SHMREG_PACKET_MAX + 1, -EOPNOTSUPP, "unknown");
	REFUSED(LIST, r.header.type |= SHMREG_PACKET_REPLY, -EOPNOTSUPP, "unknown");
	for (uint16_t type = SHMREG_PACKET_HELLO; type <= SHMREG_PACKET_MAX; type++) {
		struct shmreg_request r = request(type);

		if (type == SHMREG_PACKET_EVENT)
			continue;
		r.u.bytes[sizeof(r.u.bytes) - 1] = 1;
		ck_assert_msg(refused(r, -EBADMSG, "unused"), "type %u", type);
	}
}
END_TEST

START_TEST(test_fields)
{
	REFUSED(HELLO, r.u.hello.flags = 2, -EINVAL, "OBSERVER");
	REFUSED(HELLO, r.u.hello.reserved = 2, -EBADMSG, "reserved");
	REFUSED(HELLO, r.u.hello.name[0] = '\n', -EINVAL, "printable");
	REFUSED(HELLO, memset(r.u.hello.name, 'x', 32), -EINVAL, "31");
	REFUSED(HELLO, r.u.hello.version[31] = 'x', -EINVAL, "31");

	REFUSED(CREATE, r.u.create.name[0] = '/', -EINVAL, "segment's name has an empty component");
	REFUSED(CREATE, strcpy(r.u.create.name, "a/../bcde"), -EINVAL, "\"..\"");
	REFUSED(CREATE, memset(r.u.create.name, 'x', 128), -EINVAL, "not terminated");
	REFUSED(CREATE, r.u.create.name[127] = 'x', -EINVAL, "followed by");
	REFUSED(CREATE, memset(r.u.create.name, 0, 128), -EINVAL, "is empty");
	REFUSED(CREATE, r.u.create.nonce = 0, -EINVAL, "nonce");
	REFUSED(CREATE, r.u.create.data_bytes = 0, -EINVAL, "at least 1 byte");
	REFUSED(CREATE, r.u.create.data_bytes = SHMREG_DATA_BYTES_MAX + 1, -EINVAL, "64 TiB");
	REFUSED(CREATE, r.u.create.data_bytes = UINT64_MAX, -EINVAL, "64 TiB");
	REFUSED(CREATE, r.u.create.flags |= 8, -EINVAL, "flags");
	REFUSED(CREATE, r.u.create.mode = 0755, -EINVAL, "0660");
	REFUSED(CREATE, r.u.create.mode = 01600, -EINVAL, "0660");
	REFUSED(CREATE, r.u.create.lifetime = 3, -EINVAL, "while-attached");
	REFUSED(CREATE, r.u.create.max_participants++, -EINVAL, "65536");
	REFUSED(CREATE, r.u.create.max_objects++, -EINVAL, "65536");
	REFUSED(CREATE, r.u.create.n_seats = 0, -EINVAL, "1 to 64");
	REFUSED(CREATE, r.u.create.n_seats++, -EINVAL, "1 to 64");
	REFUSED(CREATE, r.u.create.flags |= SHMREG_CREATE_DETACHED, -EINVAL, "both");
	REFUSED(CREATE, r.u.create.flags = SHMREG_CREATE_DETACHED, -EINVAL, "until-removed");
	REFUSED(CREATE, r.u.create.flags = SHMREG_CREATE_DETACHED;
		r.u.create.lifetime = SHMREG_UNTIL_REMOVED, -EINVAL, "seats");

	REFUSED(OPEN, r.u.open.name[1] = '\t', -EINVAL, "character");
	REFUSED(OPEN, r.u.open.nonce = 0, -EINVAL, "nonce");
	REFUSED(OPEN, r.u.open.access = 0, -EINVAL, "READ or WRITE");
	REFUSED(OPEN, r.u.open.access = 4, -EINVAL, "READ or WRITE");
	REFUSED(OPEN, r.u.open.access = SHMREG_ACCESS_READ, -EINVAL, "no seats");
	REFUSED(OPEN, r.u.open.n_seats = 0, -EINVAL, "1 to 64");
	REFUSED(OPEN, r.u.open.n_seats = 65, -EINVAL, "1 to 64");

	REFUSED(DETACH, r.u.detach.at.segment = 0, -EINVAL, "segment");
	REFUSED(DETACH, r.u.detach.flags = 2, -EINVAL, "unknown flags");
	REFUSED(DETACH, r.u.detach.reserved = 1, -EBADMSG, "reserved");
	REFUSED(QUIESCE, r.u.attachment.participant = 0, -EINVAL, "participant");
	REFUSED(REATTACH, r.u.attachment.participant = UINT64_C(1) << 56, -EINVAL, "2^56");
	REFUSED(SEATS, r.u.seats.at.participant = 0, -EINVAL, "participant");
	REFUSED(SEATS, r.u.seats.n_seats = 0, -EINVAL, "1 to 64");
	REFUSED(SEATS, r.u.seats.n_seats = UINT32_MAX, -EINVAL, "1 to 64");
	REFUSED(SEATS, r.u.seats.reserved = 1, -EBADMSG, "reserved");
	REFUSED(REMOVE, r.u.target.segment = 1, -EINVAL, "one of them");
	REFUSED(DESCRIBE, memset(&r.u.target, 0, sizeof(r.u.target)), -EINVAL, "is empty");

	REFUSED(CREATE_OBJECT, r.u.create_object.at.segment = 0, -EINVAL, "segment");
	REFUSED(CREATE_OBJECT, r.u.create_object.nonce = 0, -EINVAL, "nonce");
	REFUSED(CREATE_OBJECT, r.u.create_object.flags = 2, -EINVAL, "flags");
	REFUSED(CREATE_OBJECT, r.u.create_object.reserved = 2, -EBADMSG, "reserved");
	REFUSED(CREATE_OBJECT, r.u.create_object.name[0] = 0, -EINVAL, "object's name");
	REFUSED(CREATE_OBJECT, r.u.create_object.type_name[0] = '"', -EINVAL, "type's name");
	REFUSED(CREATE_OBJECT, memset(r.u.create_object.type_name, 'x', 64), -EINVAL,
		"not terminated");
	REFUSED(REMOVE_OBJECT, r.u.remove_object.object = 0, -EINVAL, "object's name");
	REFUSED(REMOVE_OBJECT, r.u.remove_object.name[0] = 'x', -EINVAL, "one of them");
	REFUSED(STATS, r.u.stats.reserved = 1, -EBADMSG, "reserved");
	REFUSED(SUBSCRIBE, r.u.subscribe.mask |= 1, -EINVAL, "bits 1 to 12");
	REFUSED(SUBSCRIBE, r.u.subscribe.mask |= 1u << 13, -EINVAL, "bits 1 to 12");
	REFUSED(SUBSCRIBE, r.u.subscribe.name[0] = ' ', -EINVAL, "character");
	REFUSED(SUBSCRIBE, r.u.subscribe.reserved = 1, -EBADMSG, "reserved");

	REFUSED(SET, r.u.set.what = 0, -EINVAL, "OWNER");
	REFUSED(SET, r.u.set.what = 8, -EINVAL, "OWNER");
	REFUSED(SET, r.u.set.what &= ~SHMREG_SET_OWNER, -EBADMSG, "owner");
	REFUSED(SET, r.u.set.what &= ~SHMREG_SET_MODE, -EBADMSG, "mode");
	REFUSED(SET, r.u.set.what &= ~SHMREG_SET_LIFETIME, -EBADMSG, "lifetime");
	REFUSED(SET, r.u.set.uid = UINT32_MAX, -EINVAL, "uid");
	REFUSED(SET, r.u.set.mode = 0700, -EINVAL, "0660");
	REFUSED(SET, r.u.set.lifetime = 9, -EINVAL, "with-creator");
	REFUSED(SET, r.u.set.target.segment = 0, -EINVAL, "is empty");
	REFUSED(SET, r.u.set.reserved = 1, -EBADMSG, "reserved");

	REFUSED(WATCH, r.u.watch.at.segment = 0, -EINVAL, "segment");
	REFUSED(WATCH, r.u.watch.at.participant = 0, -EINVAL, "participant");
	REFUSED(WATCH, r.u.watch.object = 0, -EINVAL, "object's id");
	REFUSED(WATCH, r.u.watch.events = 0, -EINVAL, "ITEMS, SPACE or both");
	REFUSED(WATCH, r.u.watch.events |= 4, -EINVAL, "ITEMS, SPACE or both");
	REFUSED(WATCH, r.u.watch.flags |= 2, -EINVAL, "DESCRIPTOR is known");
	REFUSED(UNWATCH, r.u.unwatch.watch = 0, -EINVAL, "watch's id");
	REFUSED(NOTIFY, r.u.notify.at.segment = 0, -EINVAL, "segment");
	REFUSED(NOTIFY, r.u.notify.at.participant = 0, -EINVAL, "participant");
	REFUSED(NOTIFY, r.u.notify.object = 0, -EINVAL, "object's id");
	REFUSED(NOTIFY, r.u.notify.events |= 4, -EINVAL, "ITEMS and SPACE");
	REFUSED(NOTIFY, r.u.notify.reserved = 1, -EBADMSG, "reserved");
	REFUSED(ROOT, r.u.root.reserved = 1, -EBADMSG, "reserved");
}
END_TEST

START_TEST(test_random_requests)
{
	struct random_state random;
	unsigned long n_ok = 0;

	random_seed(&random);
	for (unsigned long i = random_rounds(100000); i; i--) {
		/* On the heap, so that AddressSanitizer and valgrind see its end. */
		struct shmreg_request *r = malloc(sizeof(*r));
		int e;

		ck_assert_ptr_nonnull(r);
		*r = request((uint16_t)(1 + random_below(&random, SHMREG_PACKET_MAX)));
		random_spoil(&random, i, r, sizeof(*r), r->u.bytes, sizeof(r->u.bytes), 256);
		e = check(r);
		ck_assert(e == 0 || e == -EBADMSG || e == -EPROTONOSUPPORT || e == -EINVAL ||
			  e == -ENAMETOOLONG || e == -EOPNOTSUPP);
		n_ok += e == 0;
		free(r);
	}
	ck_assert_uint_gt(n_ok, 0);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("packet");

	tcase_add_test(tcase, test_valid);
	tcase_add_test(tcase, test_header);
	tcase_add_test(tcase, test_set_limit);
	tcase_add_test(tcase, test_fields);
	tcase_add_test(tcase, test_random_requests);
	tcase_set_timeout(tcase, 300);
	return run_case("packet", tcase);
}
