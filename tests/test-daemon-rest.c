/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Who comes and goes and leaves nothing behind: his seats are repaired, in a moment, all the same. */

#include "restart-fixture.h"

SHMREG_DEFINE_QUEUE(numbers_queue, uint64_t);

/* What this process has made. */
static struct shmreg_attachment s;

static void make_s(struct raw *c)
{
	raw_open(c, h.socket_path);
	ck_assert_int_eq(raw_create(c, "s", 1, 0), 0);
	s = (struct shmreg_attachment){ .segment = c->reply.u.attach.segment,
					.participant = c->reply.u.attach.participant };
}

static void detach_idle(struct raw *c, uint64_t participant)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_DETACH);
	in.u.detach.at.segment = s.segment;
	in.u.detach.at.participant = participant;
	in.u.detach.flags = SHMREG_DETACH_IDLE;
	ck_assert_int_eq(raw_call(c, &in), 0);
}

static void come_and_go(struct raw *c, uint64_t nonce)
{
	ck_assert_int_eq(raw_attach(c, "s", SHMREG_ACCESS_WRITE, nonce), 0);
	detach_idle(c, c->reply.u.attach.participant);
}

static void leave(struct raw *c)
{
	ck_assert_int_eq(raw_attachment(c, SHMREG_PACKET_DETACH, s.segment, s.participant), 0);
	raw_close(c);
}

/* It needs nobody else who does something. */
START_TEST(repaired_in_a_moment)
{
	struct raw c;

	make_s(&c);
	come_and_go(&c, 2);
	harness_wait(one_participant, NULL, "what was left to be settled");
	for (uint64_t i = 0; i < 200; i++)
		come_and_go(&c, 3 + i);
	harness_wait(one_participant, NULL, "what was left to be settled");
	ck_assert_uint_ge(stats_now().n_repairs, 2);
	ck_assert_uint_eq(stats_now().n_reaper_failures, 0);
	leave(&c);
}
END_TEST

/* Who dies meanwhile does not wait, and there is nothing else to be repaired afterwards. */
START_TEST(a_death_meanwhile)
{
	struct process p;
	struct raw c;

	make_s(&c);
	process_start(&p, attach_and_wait, NULL);
	process_expect(&p, 1);
	come_and_go(&c, 2);
	process_kill(&p);
	harness_wait(one_participant, NULL, "the dead to be settled");
	ck_assert_uint_le(stats_now().n_repairs, 2);
	leave(&c);
}
END_TEST

START_TEST(daemon_killed)
{
	struct raw c;

	make_s(&c);
	come_and_go(&c, 2);
	again();
	raw_close(&c);
	harness_wait(one_participant, NULL, "what was left to be settled");
	leave_s();
}
END_TEST

/* Of which its end must not hear later. */
START_TEST(segment_gone)
{
	struct raw c;

	make_s(&c);
	come_and_go(&c, 2);
	ck_assert_int_eq(raw_target(&c, SHMREG_PACKET_REMOVE, "s"), 0);
	leave(&c);
	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 100, 0), 0);
	s.segment = c.reply.u.attach.segment;
	s.participant = c.reply.u.attach.participant;
	come_and_go(&c, 101);
	harness_wait(one_participant, NULL, "what was left to be settled");
	ck_assert_uint_eq(stats_now().n_repairs, 1);
	leave(&c);
}
END_TEST

/* The library's way. */
START_TEST(queue_used)
{
	struct shmreg_connection *c = harness_connect();
	struct shmreg_segment *segment;
	struct numbers_queue *q = NULL;
	uint64_t number;
	struct raw raw;

	make_s(&raw);
	for (uint64_t i = 0; i < 20; i++) {
		harness_ok(shmreg_segment_open(c, &segment, "s", SHMREG_ACCESS_WRITE));
		harness_ok(numbers_queue_open_or_create(segment, &q, "queue", 8, 0));
		harness_ok(numbers_queue_push(q, &i));
		if (i % 2 == 0)
			numbers_queue_close(q);
		shmreg_segment_close(segment);
		harness_ok(shmreg_segment_open(c, &segment, "s", SHMREG_ACCESS_WRITE));
		harness_ok(numbers_queue_open(segment, &q, "queue"));
		harness_ok(numbers_queue_pop(q, &number));
		ck_assert_uint_eq(number, i);
		shmreg_segment_close(segment);
	}
	harness_wait(one_participant, NULL, "what was left to be settled");
	leave(&raw);
	shmreg_disconnect(c);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("daemon-rest");
	TCase *tc = harness_case(suite, "rest");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, repaired_in_a_moment);
	tcase_add_test(tc, a_death_meanwhile);
	tcase_add_test(tc, daemon_killed);
	tcase_add_test(tc, segment_gone);
	tcase_add_test(tc, queue_used);
	return harness_main(suite);
}
