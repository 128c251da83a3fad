/* SPDX-License-Identifier: MIT */
#include <config.h>

/* The service manager's store: what is not in it is not answered, what does not fit is refused. */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "restart-fixture.h"

static void take_away(const char *name)
{
	struct raw c;

	raw_connect(&c, h.socket_path);
	ck_assert_int_eq(raw_hello(&c, SHMREG_HELLO_OBSERVER), 0);
	ck_assert_int_eq(raw_target(&c, SHMREG_PACKET_REMOVE, name), 0);
	raw_close(&c);
}

static void send_create(struct raw *c, const char *name, uint64_t nonce)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_CREATE);
	snprintf(in.u.create.name, sizeof(in.u.create.name), "%s", name);
	in.u.create.nonce = nonce;
	in.u.create.data_bytes = 4096;
	in.u.create.n_seats = 1;
	ck_assert_int_eq(raw_send(c, &in), 0);
}

static int create_kept(const char *name)
{
	const struct shmreg_segment_params params = {
		.size = sizeof(params), .bytes = 4096, .mode = 0600,
		.lifetime = SHMREG_UNTIL_REMOVED, .flags = 0,
	};
	struct shmreg_connection *c = harness_connect();
	struct shmreg_segment *s;
	const int r = shmreg_segment_create(c, &s, name, &params);

	if (r == 0)
		shmreg_segment_close(s);
	shmreg_disconnect(c);
	return r;
}

static void setup_small_store(void)
{
	setenv(KEEPER_STORE_ENV, "6", 1);
	harness_start(&h, NULL);
}

static void teardown_small_store(void)
{
	harness_stop(&h);
	unsetenv(KEEPER_STORE_ENV);
}

/*
 * The root, two segments, and one descriptor that shows that there was room: the third segment is
 * refused, then without asking; what was there before is there after a restart, and what was
 * refused is not.
 */
START_TEST(full_store)
{
	struct raw c;

	harness_ok(create_kept("one"));
	harness_ok(create_kept("two"));
	harness_result(create_kept("three"), -ENOSPC);
	harness_sentence("FileDescriptorStoreMax=");
	harness_result(create_kept("three"), -ENOSPC);
	harness_sentence("max-segments");
	ck_assert_uint_eq(used(SHMREG_RESOURCE_SEGMENTS), 2);
	again();
	ck_assert_uint_eq(used(SHMREG_RESOURCE_SEGMENTS), 2);
	/* The new one finds out by itself. */
	harness_result(create_kept("three"), -ENOSPC);
	harness_sentence("FileDescriptorStoreMax=");
	raw_connect(&c, h.socket_path);
	ck_assert_int_eq(raw_hello(&c, SHMREG_HELLO_OBSERVER), 0);
	ck_assert_int_eq(raw_target(&c, SHMREG_PACKET_DESCRIBE, "three"), -ENOENT);
	raw_close(&c);
	take_away("one");
	harness_ok(create_kept("three"));
	again();
	ck_assert_uint_eq(used(SHMREG_RESOURCE_SEGMENTS), 2);
	take_away("two");
	take_away("three");
}
END_TEST

/* Several at once of which one would fit: none is lost, and one by one it fits. */
START_TEST(full_at_once)
{
	enum { N = 5 };
	struct raw c[N];
	char name[8];
	int i;

	harness_ok(create_kept("one"));
	for (i = 0; i < N; i++)
		raw_open(&c[i], h.socket_path);
	ck_assert_int_eq(kill(h.keeper.pid, SIGSTOP), 0);
	for (i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		send_create(&c[i], name, 1);
	}
	ck_assert_int_eq(kill(h.keeper.pid, SIGCONT), 0);
	for (i = 0; i < N; i++) {
		if (raw_receive(&c[i]) == 0)
			ck_assert_int_eq(raw_attachment(&c[i], SHMREG_PACKET_DETACH,
							c[i].reply.u.attach.segment,
							c[i].reply.u.attach.participant), 0);
		else
			ck_assert_int_eq(c[i].reply.header.status, -ENOSPC);
		raw_close(&c[i]);
	}
	/* As soon as they are gone. */
	while (create_kept("two") < 0)
		ck_assert_uint_ge(used(SHMREG_RESOURCE_SEGMENTS), 1);
	again();
	ck_assert_uint_eq(used(SHMREG_RESOURCE_SEGMENTS), 2);
	take_away("one");
	take_away("two");
}
END_TEST

static bool is_answered(const struct raw *c)
{
	return poll(&(struct pollfd){ .fd = c->fd, .events = POLLIN }, 1, 0) == 1;
}

/*
 * CREATE is answered once the manager has the descriptors; nobody else waits for
 * that, though the manager's queue is long full.
 */
START_TEST(answered_when_stored)
{
	enum { N = 40 };
	struct raw c[N], other;
	char name[8];
	int i;

	raw_open(&other, h.socket_path);
	for (i = 0; i < N; i++)
		raw_open(&c[i], h.socket_path);
	ck_assert_int_eq(kill(h.keeper.pid, SIGSTOP), 0);
	for (i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		send_create(&c[i], name, 1);
	}
	/* Each is there, so the requests were taken; none is answered. */
	for (i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		while (raw_target(&other, SHMREG_PACKET_DESCRIBE, name) == -ENOENT)
			;
	}
	for (i = 0; i < N; i++)
		ck_assert(!is_answered(&c[i]));
	ck_assert_int_eq(kill(h.keeper.pid, SIGCONT), 0);
	for (i = 0; i < N; i++) {
		ck_assert_int_eq(raw_receive(&c[i]), 0);
		ck_assert_uint_eq(c[i].reply.u.attach.created, 1);
		ck_assert_int_eq(c[i].n_fds, 2);
	}
	ck_assert_int_eq(harness_n_stored(&h), 2 * N);
	again();
	ck_assert_uint_eq(used(SHMREG_RESOURCE_SEGMENTS), N);
	for (i = 0; i < N; i++)
		raw_close(&c[i]);
	raw_close(&other);
	/* They are this process's own, which lives: it removes them by hand. */
	raw_open(&other, h.socket_path);
	for (i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		send_create(&other, name, 1);
		ck_assert_int_eq(raw_receive(&other), 0);
		ck_assert_int_eq(raw_attachment(&other, SHMREG_PACKET_DETACH,
						other.reply.u.attach.segment,
						other.reply.u.attach.participant), 0);
	}
	raw_close(&other);
}
END_TEST

/* The daemon dies before the manager has all of it: the client repeats, and has it once. */
START_TEST(killed_before_stored)
{
	struct raw c;
	pid_t daemon;

	raw_open(&c, h.socket_path);
	daemon = harness_daemon(&h);
	ck_assert_int_eq(kill(h.keeper.pid, SIGSTOP), 0);
	send_create(&c, "s", 9);
	/* Another connection is answered, so the daemon has been through its loop. */
	while (used(SHMREG_RESOURCE_SEGMENTS) == 0)
		;
	ck_assert(!is_answered(&c));
	ck_assert_int_eq(kill(daemon, SIGKILL), 0);
	ck_assert_int_eq(raw_receive(&c), -ESHUTDOWN);
	raw_close(&c);
	ck_assert_int_eq(kill(h.keeper.pid, SIGCONT), 0);
	harness_kill_daemon(&h);
	harness_restart_daemon(&h);
	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 9, 0), 0);
	ck_assert_uint_eq(used(SHMREG_RESOURCE_SEGMENTS), 1);
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, c.reply.u.attach.segment,
					c.reply.u.attach.participant), 0);
	raw_close(&c);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("daemon-store");
	TCase *tc = harness_case(suite, "store");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, answered_when_stored);
	tcase_add_test(tc, killed_before_stored);
	tc = harness_case(suite, "small store");
	tcase_add_checked_fixture(tc, setup_small_store, teardown_small_store);
	tcase_add_test(tc, full_store);
	tcase_add_test(tc, full_at_once);
	return harness_main(suite);
}
