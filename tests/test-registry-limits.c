/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * What is used up, and who is told: quotas of a uid, seats, entries, data area, memory.
 */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "memfd.h"
#include "registry-world.h"

static int seats(const struct caller *c, const struct shmreg_attach_reply *at, uint32_t n,
		 struct shmreg_seats_reply *ret)
{
	const struct shmreg_seats in = { { at->segment, at->participant, 0 }, n, 0 };

	return registry_seats(r, c, &in, ret, fixture_error);
}

START_TEST(seats_of_a_participant)
{
	struct shmreg_attach_reply a, b, reader;
	struct shmreg_seats_reply reply;

	config.max_seats_participant = 5;
	registry_reconfigure(r, &config);
	a = made(&alice, "s", 0666);
	b = opened(&bob, "s", SHMREG_ACCESS_WRITE);
	reader = opened(&bob, "s", SHMREG_ACCESS_READ);
	ck_assert_int_eq(seats(&bob, &b, 64, &reply), 0);
	ck_assert_uint_eq(reply.n_seats, 3);
	REFUSED(seats(&bob, &b, 1, &reply), -EUSERS, "max-seats-per-participant");
	REFUSED(seats(&bob, &reader, 1, &reply), -EROFS, "read-only");
	/* The owner has no such limit. */
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(seats(&alice, &a, 64, &reply), 0);
		ck_assert_uint_eq(reply.n_seats, 64);
	}
}
END_TEST

START_TEST(seats_of_a_segment)
{
	struct shmreg_attach_reply a, b;
	struct shmreg_seats_reply reply;
	uint32_t n = 0;

	config.max_seats_participant = 4095;
	registry_reconfigure(r, &config);
	a = made(&alice, "s", 0666);
	b = opened(&bob, "s", SHMREG_ACCESS_WRITE);
	while (seats(&bob, &b, 64, &reply) == 0)
		n += reply.n_seats;
	ck_assert_uint_eq(n, 4095 - 64 - a.n_seats - b.n_seats);
	REFUSED(seats(&bob, &b, 64, &reply), -EUSERS, "pid 21 (uid 2000, \"client-21\") holds 4029");
	ck_assert_ptr_nonnull(strstr(fixture_error, "pid 11 (uid 1000"));
	ck_assert_ptr_nonnull(strstr(fixture_error, "kept for owner and root"));
	REFUSED(fixture_open(r, &bob, "s", SHMREG_ACCESS_WRITE, &b), -EUSERS, "holds");
	opened(&root, "s", SHMREG_ACCESS_WRITE);
	ck_assert_int_eq(seats(&alice, &a, 64, &reply), 0);
	ck_assert_uint_eq(reply.n_seats, 62);
	REFUSED(seats(&alice, &a, 1, &reply), -EUSERS, "no seat left: ");
	/* The dead hold theirs until repair, which the sentence says. */
	registry_process_died(r, &bob.process);
	REFUSED(seats(&alice, &a, 1, &reply), -EUSERS, "holds 4029 and awaits repair");
	fixture_repair(r, notes.repair);
	ck_assert_int_eq(seats(&alice, &a, 1, &reply), 0);
}
END_TEST

START_TEST(quotas)
{
	struct shmreg_create_object_reply o;
	struct shmreg_attach_reply a, b;
	struct shmreg_seats_reply more;
	struct shmreg_create in;

	for (int i = 0; i < SHMREG_N_RESOURCES; i++)
		config.limit[i] = 3;
	config.limit[SHMREG_RESOURCE_BYTES] = 1 << 20;
	config.limit[SHMREG_RESOURCE_RESERVED_BYTES] = 8192;
	registry_reconfigure(r, &config);

	in = fixture_create_request("r", 12288);
	in.flags = SHMREG_CREATE_RESERVE;
	REFUSED(create(&in), -EDQUOT, "max-reserved-bytes-per-uid");
	in = fixture_create_request("b", 1 << 20);
	REFUSED(create(&in), -EDQUOT, "max-bytes-per-uid");
	a = made(&alice, "one", 0666);
	/* Two seats are wanted, one is left: better than none. */
	b = made(&alice, "two", 0666);
	ck_assert_uint_eq(b.n_seats, 1);
	REFUSED(fixture_create(r, &alice, "three", 4096, 0600, 1, &b), -EDQUOT, "max-seats-per-uid");
	REFUSED(fixture_open(r, &alice2, "one", SHMREG_ACCESS_WRITE, &b), -EDQUOT,
		"max-seats-per-uid");
	REFUSED(seats(&alice, &a, 1, &more), -EDQUOT, "max-seats-per-uid");
	opened(&alice2, "one", SHMREG_ACCESS_READ);
	REFUSED(fixture_open(r, &alice2, "one", SHMREG_ACCESS_READ, &b), -EDQUOT,
		"max-participants-per-uid");
	/* Others are not concerned, but objects are the owner's. */
	b = opened(&bob, "one", SHMREG_ACCESS_WRITE);
	ck_assert_int_eq(fixture_object(r, &bob, &b, "x", 100, &o), 0);
	ck_assert_int_eq(fixture_object(r, &bob, &b, "y", 100, &o), 0);
	ck_assert_int_eq(fixture_object(r, &alice, &a, "z", 100, &o), 0);
	REFUSED(fixture_object(r, &bob, &b, "!", 100, &o), -EINVAL, "name");
	REFUSED(fixture_object(r, &bob, &b, "w", 100, &o), -EDQUOT,
		"charged to uid 1000");
	ck_assert_ptr_nonnull(strstr(fixture_error, "max-objects-per-uid"));
	REFUSED(fixture_object(r, &alice, &a, "w", 100, &o), -EDQUOT, "uid 1000 has 3 of at most 3");
	in = fixture_create_request("detached", 4096);
	in.flags = SHMREG_CREATE_DETACHED;
	ck_assert_int_eq(create(&in), 0);
	in = fixture_create_request("fourth", 4096);
	in.flags = SHMREG_CREATE_DETACHED;
	REFUSED(create(&in), -EDQUOT, "max-segments-per-uid");

	ck_assert_int_eq(registry_charge(r, 1000, SHMREG_RESOURCE_CONNECTIONS, 3, fixture_error), 0);
	REFUSED(registry_charge(r, 1000, SHMREG_RESOURCE_CONNECTIONS, 1, fixture_error), -EDQUOT,
		"max-connections-per-uid");
	ck_assert_uint_eq(used(1000, SHMREG_RESOURCE_CONNECTIONS), 3);
	registry_uncharge(r, 1000, SHMREG_RESOURCE_CONNECTIONS, 3);
}
END_TEST

START_TEST(reserve)
{
	struct shmreg_create in = fixture_create_request("r", 1 << 20);
	struct shmreg_create_object_reply o;
	struct shmreg_attach_reply at;
	struct shmreg_segment_info info;
	struct segment *s;

	config.reserve_budget = (1 << 20) + 4096;
	registry_reconfigure(r, &config);
	in.flags = SHMREG_CREATE_RESERVE;
	ck_assert_int_eq(registry_create(r, &alice, &in, &at, &s, fixture_error), 0);
	ck_assert_uint_eq(used(1000, SHMREG_RESOURCE_RESERVED_BYTES), 1 << 20);
	ck_assert_int_eq(registry_describe(r, &alice, &(struct shmreg_target){ .name = "r" }, &info,
					   &s, fixture_error), 0);
	/* By who creates it, later. */
	ck_assert_uint_lt(info.resident_bytes, 1 << 20);
	ck_assert_int_eq(memfd_reserve(segment_data_fd(s), 0, 1 << 20), 0);
	in = fixture_create_request("r2", 8192);
	in.flags = SHMREG_CREATE_RESERVE;
	REFUSED(create(&in), -ENOMEM, "reserve-budget");
	ck_assert_uint_eq(used(1000, SHMREG_RESOURCE_SEGMENTS), 1);
	/* What was reserved stays so when an object goes. */
	ck_assert_int_eq(fixture_object(r, &alice, &at, "o", 500000, &o), 0);
	ck_assert_int_eq(fixture_remove_object(r, &alice, &at, "o"), 0);
	ck_assert_int_eq(fixture_quiesce(r, &alice, &at, 1), 0);
	ck_assert_int_eq(registry_describe(r, &alice, &(struct shmreg_target){ .name = "r" }, &info,
					   &s, fixture_error), 0);
	ck_assert_uint_ge(info.resident_bytes, 1 << 20);
	ck_assert_uint_eq(info.used_bytes, 0);
}
END_TEST

START_TEST(participants_used_up)
{
	struct shmreg_create in = fixture_create_request("few", 4096);
	struct shmreg_attach_reply reply;

	in.max_participants = 2;
	ck_assert_int_eq(create(&in), 0);
	opened(&alice2, "few", SHMREG_ACCESS_READ);
	REFUSED(fixture_open(r, &alice2, "few", SHMREG_ACCESS_READ, &reply), -ENOSPC,
		"2 participants, the most");
}
END_TEST

START_TEST(data_area_used_up)
{
	struct shmreg_attach_reply a = made(&alice, "o", 0644);
	struct shmreg_create_object_reply o;

	ck_assert_int_eq(fixture_object(r, &alice, &a, "a", 20480, &o), 0);
	ck_assert_int_eq(fixture_object(r, &alice, &a, "b", 20480, &o), 0);
	ck_assert_int_eq(fixture_object(r, &alice, &a, "c", 20480, &o), 0);
	REFUSED(fixture_object(r, &alice, &a, "d", 8192, &o), -ENOSPC,
		"has 4096 of 65536 bytes free and the object takes 8192: 4096 are missing in all");
	ck_assert_int_eq(fixture_remove_object(r, &alice, &a, "b"), 0);
	REFUSED(fixture_object(r, &alice, &a, "d", 8192, &o), -ENOSPC, "still held open");
	ck_assert_int_eq(fixture_quiesce(r, &alice, &a, 1), 0);
	REFUSED(fixture_object(r, &alice, &a, "d", 24576, &o), -ENOSPC,
		"24576 bytes free, at most 20480 of them in one piece, and the object takes 24576: "
		"4096 are missing in one piece");
	ck_assert_int_eq(fixture_object(r, &alice, &a, "d", 20480, &o), 0);
}
END_TEST

START_TEST(objects_used_up)
{
	struct shmreg_create in = fixture_create_request("few", 65536);
	struct shmreg_create_object_reply o;
	struct shmreg_attach_reply a;
	struct segment *s;

	in.max_objects = 2;
	ck_assert_int_eq(registry_create(r, &alice, &in, &a, &s, fixture_error), 0);
	ck_assert_int_eq(fixture_object(r, &alice, &a, "a", 1, &o), 0);
	ck_assert_int_eq(fixture_object(r, &alice, &a, "b", 1, &o), 0);
	REFUSED(fixture_object(r, &alice, &a, "c", 1, &o), -ENOSPC, "max_objects");
	ck_assert_int_eq(fixture_remove_object(r, &alice, &a, "a"), 0);
	REFUSED(fixture_object(r, &alice, &a, "c", 1, &o), -ENOSPC, "still held open");
	ck_assert_int_eq(fixture_quiesce(r, &alice, &a, 1), 0);
	ck_assert_int_eq(fixture_object(r, &alice, &a, "c", 1, &o), 0);
	ck_assert_uint_eq(o.object, 3);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		seats_of_a_participant, seats_of_a_segment, quotas, reserve,
		participants_used_up,	data_area_used_up,  objects_used_up,
	};

	return RUN_SUITE("registry-limits", tests, setup, teardown, 60);
}
