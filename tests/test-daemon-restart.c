/* SPDX-License-Identifier: MIT */
#include <config.h>

/* What outlives the daemon, and who is known again by the next. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

#include "restart-fixture.h"

/* Segments, participants and seats are back; whoever was attached still is. */
START_TEST(everything_is_back)
{
	struct shmreg_attach_reply a;
	struct shmreg_request in;
	struct shmreg_dir *dir;
	uint64_t registry;
	struct raw c;
	int i;

	raw_open(&c, h.socket_path);
	registry = c.reply.u.hello.registry;
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	a = c.reply.u.attach;
	dir = map_dir(&c);
	ck_assert_int_eq(harness_n_stored(&h), 2);
	raw_request(&in, SHMREG_PACKET_CREATE_OBJECT);
	in.u.create_object.at.segment = a.segment;
	in.u.create_object.at.participant = a.participant;
	in.u.create_object.nonce = 5;
	in.u.create_object.shape = (struct shmreg_shape){
		.kind = SHMREG_KIND_ARRAY, .layout = 1, .elem_align = 8, .elem_bytes = 8, .capacity = 9,
	};
	snprintf(in.u.create_object.name, sizeof(in.u.create_object.name), "numbers");
	ck_assert_int_eq(raw_call(&c, &in), 0);

	for (i = 0; i < 5; i++) {
		struct raw next;

		again();
		ck_assert_uint_eq(used(SHMREG_RESOURCE_SEGMENTS), 1);
		ck_assert_uint_eq(used(SHMREG_RESOURCE_PARTICIPANTS), 1);
		ck_assert_uint_eq(used(SHMREG_RESOURCE_SEATS), 2);
		ck_assert_uint_eq(used(SHMREG_RESOURCE_OBJECTS), 1);
		ck_assert_uint_eq(stats_now().n_restarts, (uint64_t)i + 1);
		ck_assert_int_eq(harness_n_stored(&h), 2);
		/* The old connection is over; the process is known again. */
		ck_assert_int_eq(raw_target(&c, SHMREG_PACKET_DESCRIBE, "s"), -ESHUTDOWN);
		raw_open(&next, h.socket_path);
		ck_assert_uint_eq(next.reply.u.hello.registry, registry);
		ck_assert_int_eq(raw_attachment(&next, SHMREG_PACKET_REATTACH, a.segment,
						a.participant), 0);
		ck_assert_uint_eq(next.reply.u.attach.participant, a.participant);
		raw_close(&c);
		c = next;
		/* A repeated request is answered as it was. */
		ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
		ck_assert_uint_eq(c.reply.u.attach.participant, a.participant);
		ck_assert_uint_eq(dir->flags & SHMREG_DIR_ORPHANED, 0);
	}
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, a.segment, a.participant), 0);
	munmap(dir, dir->dir_bytes);
	raw_close(&c);
}
END_TEST

static void reattach_as_another(const struct mouth *mouth, void *arg)
{
	const struct shmreg_attach_reply *a = arg;
	struct raw c;

	(void)mouth;
	raw_open(&c, h.socket_path);
	ck_assert_int_lt(raw_attachment(&c, SHMREG_PACKET_REATTACH, a->segment, a->participant), 0);
	ck_assert_int_lt(raw_attachment(&c, SHMREG_PACKET_DETACH, a->segment, a->participant), 0);
	raw_close(&c);
}

START_TEST(only_the_same_process)
{
	struct shmreg_attach_reply a;
	struct process p;
	struct raw c;

	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	a = c.reply.u.attach;
	again();
	process_start(&p, reattach_as_another, &a);
	process_finish(&p);
	ck_assert_uint_eq(used(SHMREG_RESOURCE_PARTICIPANTS), 1);
	raw_close(&c);
	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, a.segment, a.participant), 0);
	raw_close(&c);
}
END_TEST

static bool no_segment(void *arg)
{
	(void)arg;
	return used(SHMREG_RESOURCE_SEGMENTS) == 0 && harness_n_stored(&h) == 0;
}

/* Those who died while nobody looked are repaired; those who live are kept. */
START_TEST(died_meanwhile)
{
	struct process p[3];
	struct raw c;
	int i;

	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	for (i = 0; i < 3; i++) {
		process_start(&p[i], attach_and_wait, NULL);
		process_expect(&p[i], 1);
	}
	harness_kill_daemon(&h);
	process_kill(&p[0]);
	process_kill(&p[1]);
	harness_restart_daemon(&h);
	harness_wait_log(&h, "died; it was participant");
	/* This process and the third one; then that dies, too, without a connection. */
	ck_assert_uint_ge(used(SHMREG_RESOURCE_PARTICIPANTS), 2);
	process_kill(&p[2]);
	harness_wait(one_participant, NULL, "the dead to be settled");
	ck_assert_uint_eq(stats_now().n_deaths, 3);
	ck_assert_uint_gt(stats_now().n_repairs, 0);
	raw_attachment(&c, SHMREG_PACKET_DETACH, 1, 1);
	raw_close(&c);
	leave_s();
}
END_TEST

/* All who were attached died while nobody looked: so does the segment. */
START_TEST(all_died_meanwhile)
{
	struct process p;
	struct raw c;

	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	process_start(&p, attach_and_wait, NULL);
	process_expect(&p, 1);
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, c.reply.u.attach.segment,
					c.reply.u.attach.participant), 0);
	raw_close(&c);
	harness_kill_daemon(&h);
	process_kill(&p);
	harness_restart_daemon(&h);
	harness_wait(no_segment, NULL, "the segment to go");
}
END_TEST

/* A pile of segments, killed many times while others come and go. */
START_TEST(again_and_again)
{
	struct process p;
	struct raw c;
	int i;

	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	for (i = 0; i < 20; i++) {
		process_start(&p, attach_and_wait, NULL);
		process_expect(&p, 1);
		if (i % 2)
			harness_kill_daemon(&h);
		process_kill(&p);
		if (i % 2 == 0)
			harness_kill_daemon(&h);
		harness_restart_daemon(&h);
	}
	harness_wait(one_participant, NULL, "the dead to be settled");
	raw_close(&c);
	leave_s();
}
END_TEST

/* It ends, and the next one starts: what does who is attached see in between? */
static void ends_and_starts(int by_signal, uint32_t flags)
{
	struct shmreg_dir *dir;
	struct raw c;

	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	dir = map_dir(&c);
	ck_assert_int_eq(keeper_daemon_end(&h.keeper, by_signal), 0);
	ck_assert_uint_eq(dir->flags & SHMREG_DIR_ORPHANED, flags);
	harness_restart_daemon(&h);
	ck_assert_uint_eq(dir->flags & SHMREG_DIR_ORPHANED, 0);
	munmap(dir, dir->dir_bytes);
	raw_close(&c);
	leave_s();
}

/* Stopped in order and started again: the same, and the mark of the end is taken back. */
START_TEST(stopped_and_started)
{
	ends_and_starts(SIGTERM, SHMREG_DIR_ORPHANED);
}
END_TEST

/* The manager restarts it: nobody is told that it has gone. */
START_TEST(handed_over)
{
	ends_and_starts(SIGUSR1, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("daemon-restart");
	TCase *tc = harness_case(suite, "restart");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, everything_is_back);
	tcase_add_test(tc, only_the_same_process);
	tcase_add_test(tc, died_meanwhile);
	tcase_add_test(tc, all_died_meanwhile);
	tcase_add_test(tc, again_and_again);
	tcase_add_test(tc, stopped_and_started);
	tcase_add_test(tc, handed_over);
	return harness_main(suite);
}
