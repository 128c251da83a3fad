/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Who became another program, of those whom an earlier daemon knew. */

#include <signal.h>
#include <unistd.h>

#include "restart-fixture.h"

/* Connects again after a restart; with 1 it presents its attachment. Then it does as it is told. */
static void reconnect_and_exec(const struct mouth *mouth, void *arg)
{
	struct shmreg_attach_reply a;
	struct raw c, more;

	(void)arg;
	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_attach(&c, "s", SHMREG_ACCESS_WRITE, 1), 0);
	a = c.reply.u.attach;
	tell(mouth, 1);
	if (hear(mouth) == 1) {
		raw_open(&more, h.socket_path);
		ck_assert_int_eq(raw_attachment(&more, SHMREG_PACKET_REATTACH, a.segment,
						a.participant), 0);
		tell(mouth, 2);
	} else {
		/* As another library in the same process would, which knows nothing of the first. */
		raw_open(&more, h.socket_path);
		ck_assert_int_eq(raw_attach(&more, "s", SHMREG_ACCESS_READ, 2), 0);
		ck_assert_int_eq(raw_attachment(&more, SHMREG_PACKET_DETACH, a.segment,
						more.reply.u.attach.participant), 0);
		raw_close(&more);
		tell(mouth, 2);
	}
	hear(mouth);
	execlp("sleep", "sleep", "1000", (char *)NULL);
}

static void reconnect(int64_t how, uint64_t n_left)
{
	struct process p;
	struct raw c;

	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	process_start(&p, reconnect_and_exec, NULL);
	process_expect(&p, 1);
	again();
	process_tell(&p, how);
	process_expect(&p, 2);
	ck_assert_uint_eq(used(SHMREG_RESOURCE_PARTICIPANTS), 2);
	if (n_left == 1) {
		process_tell(&p, 0);
		harness_wait(one_participant, NULL, "the exec to be noticed");
		ck_assert_int_eq(kill(p.pid, 0), 0);
	}
	ck_assert_uint_eq(used(SHMREG_RESOURCE_PARTICIPANTS), n_left);
	process_kill(&p);
	harness_wait(one_participant, NULL, "the dead to be settled");
	raw_close(&c);
	leave_s();
}

START_TEST(exec_after_restart)
{
	reconnect(1, 1);
}
END_TEST

/* What is known after a restart is no proof that the process has nothing mapped. */
START_TEST(no_exec_after_restart)
{
	reconnect(2, 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("daemon-exec");
	TCase *tc = harness_case(suite, "exec");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, exec_after_restart);
	tcase_add_test(tc, no_exec_after_restart);
	return harness_main(suite);
}
