/* SPDX-License-Identifier: MIT */
#include <config.h>

/* What was left idle is repaired later, unless somebody could wait for it. */

#include <check.h>
#include <errno.h>

#include "registry-world.h"

static int detach_idle(const struct caller *c, const struct shmreg_attach_reply *at)
{
	const struct shmreg_attachment in = { .segment = at->segment,
					      .participant = at->participant };

	return registry_detach_idle(r, c, &in, fixture_error);
}

static void come_and_go(const struct caller *c)
{
	const struct shmreg_attach_reply at = opened(c, "s", SHMREG_ACCESS_WRITE);

	ck_assert_int_eq(detach_idle(c, &at), 0);
	registry_verify(r);
}

/* One repair is for all who went until then, and for whom it is not there is another. */
START_TEST(many_at_once)
{
	const struct shmreg_attach_reply a = made(&alice, "s", 0666);
	struct segment *s;

	for (int i = 0; i < 3; i++)
		come_and_go(&bob);
	ck_assert_uint_eq(notes.n_rest, 1);
	ck_assert_uint_eq(notes.n_repair, 0);
	ck_assert_uint_eq(notes.n_events[SHMREG_EVENT_DETACHED], 3);
	s = notes.rest;
	/* Nobody is given what is not repaired. */
	ck_assert_uint_eq(used(2000, SHMREG_RESOURCE_SEATS), 3 * 2);
	registry_rested(r, s);
	ck_assert_uint_eq(notes.n_repair, 1);
	registry_repair_begin(r, s);
	come_and_go(&bob);
	registry_repair_end(r, s, true, NULL);
	registry_verify(r);
	ck_assert_uint_eq(used(2000, SHMREG_RESOURCE_SEATS), 2);
	ck_assert_uint_eq(notes.n_repair, 1);
	ck_assert_uint_eq(notes.n_rest, 2);
	registry_rested(r, s);
	ck_assert_uint_eq(notes.n_repair, 2);
	fixture_repair(r, s);
	ck_assert_uint_eq(used(2000, SHMREG_RESOURCE_SEATS), 0);
	ck_assert_int_eq(fixture_detach(r, &alice, &a), 0);
}
END_TEST

/* And takes what rests along. */
START_TEST(a_death_does_not_wait)
{
	struct segment *s;

	made(&alice, "s", 0666);
	come_and_go(&bob);
	opened(&alice2, "s", SHMREG_ACCESS_WRITE);
	registry_process_died(r, &alice2.process);
	ck_assert_uint_eq(notes.n_repair, 1);
	s = notes.repair;
	fixture_repair(r, s);
	ck_assert_uint_eq(used(2000, SHMREG_RESOURCE_SEATS), 0);
	/* And after it. */
	opened(&alice2, "s", SHMREG_ACCESS_WRITE);
	registry_process_died(r, &alice2.process);
	registry_repair_begin(r, s);
	come_and_go(&bob);
	opened(&alice2, "s", SHMREG_ACCESS_WRITE);
	registry_process_died(r, &alice2.process);
	registry_repair_end(r, s, true, NULL);
	ck_assert_uint_eq(notes.n_repair, 3);
	fixture_repair(r, s);
	ck_assert_uint_eq(notes.n_rest, 1);
}
END_TEST

START_TEST(who_detaches_otherwise_does_not_wait)
{
	struct shmreg_attach_reply at;

	made(&alice, "s", 0666);
	come_and_go(&bob);
	at = opened(&bob, "s", SHMREG_ACCESS_WRITE);
	ck_assert_int_eq(fixture_detach(r, &bob, &at), 0);
	ck_assert_uint_eq(notes.n_repair, 1);
	fixture_repair(r, notes.repair);
}
END_TEST

/* A repair that failed began, so nothing rests any more. */
START_TEST(failed)
{
	struct segment *s;

	made(&alice, "s", 0666);
	come_and_go(&bob);
	s = notes.rest;
	registry_rested(r, s);
	registry_repair_begin(r, s);
	registry_repair_end(r, s, false, NULL);
	come_and_go(&bob);
	fixture_repair(r, s);
	ck_assert_uint_eq(notes.n_repair, 1);
	ck_assert_uint_eq(used(2000, SHMREG_RESOURCE_SEATS), 0);
}
END_TEST

/* A removed object's memory is free after the repair: whoever wants it waits for that. */
START_TEST(removed_object)
{
	const struct shmreg_attach_reply a = made(&alice, "s", 0666);
	struct shmreg_create_object_reply o;

	ck_assert_int_eq(fixture_object(r, &alice, &a, "o", 4096, &o), 0);
	come_and_go(&bob);
	ck_assert_uint_eq(notes.n_repair, 0);
	ck_assert_int_eq(fixture_remove_object(r, &alice, &a, "o"), 0);
	ck_assert_uint_eq(notes.n_repair, 1);
	fixture_repair(r, notes.repair);
	/* Alice, who has it open, says that she has not. */
	come_and_go(&bob);
	ck_assert_uint_eq(notes.n_repair, 2);
	fixture_repair(r, notes.repair);
	ck_assert_int_eq(fixture_quiesce(r, &alice, &a, 1), 0);
	come_and_go(&bob);
	ck_assert_uint_eq(notes.n_repair, 2);
}
END_TEST

static void come_and_go_with_many(uint64_t nonce)
{
	const struct shmreg_open in = {
		.name = "s", .nonce = nonce, .access = SHMREG_ACCESS_READ | SHMREG_ACCESS_WRITE,
		.n_seats = SHMREG_SEATS_A_REPLY,
	};
	struct shmreg_attach_reply at;
	struct segment *s;

	ck_assert_int_eq(registry_open(r, &bob, &in, &at, &s, fixture_error), 0);
	ck_assert_int_eq(detach_idle(&bob, &at), 0);
}

/* Seats and entries do not run out by it. */
START_TEST(few_participants)
{
	struct shmreg_create in = fixture_create_request("s", 65536);

	in.max_participants = 8;
	in.mode = 0666;
	ck_assert_int_eq(create(&in), 0);
	for (int i = 0; i < 3; i++)
		come_and_go(&bob);
	ck_assert_uint_eq(notes.n_repair, 0);
	come_and_go(&bob);
	ck_assert_uint_eq(notes.n_repair, 1);
	fixture_repair(r, notes.repair);
}
END_TEST

/* Who waits to come in waits for those that are left over, so they are repaired before. */
START_TEST(others_come_meanwhile)
{
	struct shmreg_create in = fixture_create_request("s", 65536);

	in.max_participants = 8;
	in.mode = 0666;
	ck_assert_int_eq(create(&in), 0);
	come_and_go(&bob);
	for (uint64_t i = 0; i < 2; i++)
		opened(&bob, "s", SHMREG_ACCESS_READ);
	ck_assert_uint_eq(notes.n_repair, 0);
	opened(&bob, "s", SHMREG_ACCESS_READ);
	ck_assert_uint_eq(notes.n_repair, 1);
	fixture_repair(r, notes.repair);
	come_and_go(&bob);
	ck_assert_uint_eq(notes.n_repair, 2);
	fixture_repair(r, notes.repair);
}
END_TEST

START_TEST(seats_are_wanted_meanwhile)
{
	struct shmreg_create in = fixture_create_request("s", 65536);
	struct shmreg_attach_reply at;
	struct shmreg_seats_reply got;
	uint32_t n = 1;

	in.max_participants = 100;
	in.mode = 0666;
	ck_assert_int_eq(create(&in), 0);
	at = opened(&bob, "s", SHMREG_ACCESS_READ | SHMREG_ACCESS_WRITE);
	come_and_go(&bob);
	while (n < SHMREG_SEATS / 4 && notes.n_repair == 0) {
		const struct shmreg_seats want = {
			.at = { .segment = at.segment, .participant = at.participant },
			.n_seats = SHMREG_SEATS_A_REPLY,
		};

		ck_assert_int_eq(registry_seats(r, &bob, &want, &got, fixture_error), 0);
		n += got.n_seats;
	}
	ck_assert_uint_eq(notes.n_repair, 1);
	fixture_repair(r, notes.repair);
}
END_TEST

START_TEST(many_seats)
{
	struct shmreg_create in = fixture_create_request("s", 65536);

	in.max_participants = 100;
	in.mode = 0666;
	ck_assert_int_eq(create(&in), 0);
	for (uint64_t i = 1; i < SHMREG_SEATS / 4 / SHMREG_SEATS_A_REPLY; i++)
		come_and_go_with_many(1 + i);
	ck_assert_uint_eq(notes.n_repair, 0);
	come_and_go_with_many(100);
	ck_assert_uint_eq(notes.n_repair, 1);
	fixture_repair(r, notes.repair);
}
END_TEST

/* Also where most are kept for owner and root. */
START_TEST(many_seats_are_kept)
{
	made(&alice, "s", 0666);
	config.reserved_seats = SHMREG_SEATS - 13;
	registry_reconfigure(r, &config);
	come_and_go(&bob);
	come_and_go(&bob);
	ck_assert_uint_eq(notes.n_repair, 0);
	/* 8 of 12 */
	come_and_go(&bob);
	ck_assert_uint_eq(notes.n_repair, 1);
	fixture_repair(r, notes.repair);
}
END_TEST

/* A user with small limits, too. */
static void come_and_go_limited(enum shmreg_resource what, uint64_t limit)
{
	config.limit[what] = limit;
	registry_reconfigure(r, &config);
	come_and_go(&bob);
}

START_TEST(few_seats_allowed)
{
	made(&alice, "s", 0666);
	come_and_go_limited(SHMREG_RESOURCE_SEATS, 2000);
	ck_assert_uint_eq(notes.n_repair, 0);
	come_and_go_limited(SHMREG_RESOURCE_SEATS, 100);
	ck_assert_uint_eq(notes.n_repair, 1);
	fixture_repair(r, notes.repair);
}
END_TEST

START_TEST(few_attachments_allowed)
{
	made(&alice, "s", 0666);
	come_and_go_limited(SHMREG_RESOURCE_PARTICIPANTS, 100);
	ck_assert_uint_eq(notes.n_repair, 0);
	come_and_go_limited(SHMREG_RESOURCE_PARTICIPANTS, 10);
	ck_assert_uint_eq(notes.n_repair, 1);
	fixture_repair(r, notes.repair);
}
END_TEST

/* What ends meanwhile is not repaired; another registry knows nothing of rest. */
START_TEST(disposed)
{
	const struct shmreg_attach_reply a = made_to_last(&alice, "s", SHMREG_WHILE_ATTACHED);

	come_and_go(&bob);
	ck_assert_int_eq(detach_idle(&alice, &a), 0);
	ck_assert_uint_eq(notes.n_disposed, 1);
	ck_assert_uint_eq(notes.n_repair, 0);
	ck_assert_uint_eq(used(2000, SHMREG_RESOURCE_SEATS), 0);
}
END_TEST

START_TEST(restarted)
{
	made(&alice, "s", 0666);
	come_and_go(&bob);
	restart();
	ck_assert_uint_eq(notes.n_repair, 1);
	fixture_repair(r, notes.repair);
	ck_assert_uint_eq(used(2000, SHMREG_RESOURCE_SEATS), 0);
}
END_TEST

START_TEST(read_only)
{
	struct shmreg_attach_reply at;

	made(&alice, "s", 0666);
	at = opened(&bob, "s", SHMREG_ACCESS_READ);
	ck_assert_int_eq(detach_idle(&bob, &at), 0);
	ck_assert_uint_eq(notes.n_rest, 0);
	ck_assert_uint_eq(notes.n_repair, 0);
	/* As after a lost answer. */
	REFUSED(detach_idle(&bob, &at), -ESTALE, "has no participant");
	at = opened(&bob, "s", SHMREG_ACCESS_WRITE);
	ck_assert_int_eq(detach_idle(&bob, &at), 0);
	ck_assert_int_eq(detach_idle(&bob, &at), 0);
	ck_assert_uint_eq(notes.n_rest, 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		many_at_once, a_death_does_not_wait, who_detaches_otherwise_does_not_wait, failed,
		removed_object, few_participants, others_come_meanwhile, seats_are_wanted_meanwhile,
		many_seats, many_seats_are_kept, few_seats_allowed, few_attachments_allowed,
		disposed, restarted, read_only,
	};

	return RUN_SUITE("registry-rest", tests, setup, teardown, 60);
}
