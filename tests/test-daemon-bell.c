/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * When the daemon rings by itself, when a watch ends, and what those who do not read a bell,
 * or hold its other end, can do: nothing to anybody else.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "failing.h"
#include "send-fds.h"
#include "watch-fixture.h"

static void attach_and_wait(const struct mouth *mouth, void *arg)
{
	struct raw other;

	(void)arg;
	raw_open(&other, h.socket_path);
	ck_assert_int_eq(raw_attach(&other, "s", SHMREG_ACCESS_WRITE, 1), 0);
	tell(mouth, 1);
	hear(mouth);
	raw_close(&other);
}

/* Once for the death and once for the repair, whatever is watched in the segment. */
START_TEST(rings_for_the_dead)
{
	struct shmreg_connection *events = harness_subscribe();
	struct shmreg_attach_reply elsewhere;
	struct raw_segment other;
	int bell[2], quiet;
	struct process p;

	ck_assert_int_eq(raw_create(&c, "elsewhere", 2, 0), 0);
	elsewhere = c.reply.u.attach;
	raw_segment_take(&other, &c);
	quiet = raw_bell(&c, &other, raw_object(&c, &other, "q", SHMREG_KIND_QUEUE), BOTH, NULL);
	bell[0] = raw_bell(&c, &s, queue, SHMREG_WAIT_SPACE, NULL);
	bell[1] = raw_bell(&c, &s, cell, SHMREG_WAIT_ITEMS, NULL);
	process_start(&p, attach_and_wait, NULL);
	process_expect(&p, 1);
	ck_assert_int_eq(bell_drain(bell[0]), 1);
	ck_assert_int_eq(bell_drain(bell[1]), 1);
	ck_assert_int_eq(bell_drain(quiet), 1);
	process_kill(&p);
	harness_wait_event(events, SHMREG_EVENT_DIED, "s", NULL);
	ck_assert(bell_rings(bell[0]) && bell_rings(bell[1]));
	harness_wait_event(events, SHMREG_EVENT_REPAIRED, "s", NULL);
	ck_assert_int_eq(bell_drain(bell[0]), 2);
	ck_assert_int_eq(bell_drain(bell[1]), 2);
	ck_assert(!bell_rings(quiet));
	shmreg_disconnect(events);
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, elsewhere.segment,
					elsewhere.participant), 0);
	/* With the segment went the watch. */
	ck_assert_int_eq(bell_drain(quiet), -1);
	ck_assert_uint_eq(n_watches(), 2);
	raw_segment_drop(&other);
	close(bell[0]), close(bell[1]), close(quiet);
}
END_TEST

/* Its repair fails, and is given up: once more, and no sooner. */
START_TEST(rings_for_the_quarantined)
{
	struct shmreg_connection *events;
	struct process p;
	int bell;

	watch_setup(failing_reaper("exit-1", 3));
	events = harness_subscribe();
	bell = raw_bell(&c, &s, queue, BOTH, NULL);
	process_start(&p, attach_and_wait, NULL);
	process_expect(&p, 1);
	process_kill(&p);
	harness_wait_event(events, SHMREG_EVENT_QUARANTINED, "s", NULL);
	ck_assert_int_eq(bell_drain(bell), 3);
	ck_assert_uint_eq(s.dir->flags, SHMREG_DIR_QUARANTINED);
	shmreg_disconnect(events);
	close(bell);
	watch_teardown();
	failing_reaper_remove();
}
END_TEST

START_TEST(rings_for_the_removed)
{
	const uint64_t doomed = raw_object(&c, &s, "doomed", SHMREG_KIND_QUEUE);
	const struct shmreg_dir_object *o;
	struct shmreg_request in;
	uint64_t id, next;
	int bell[2];

	bell[0] = raw_bell(&c, &s, doomed, SHMREG_WAIT_ITEMS, &id);
	bell[1] = raw_bell(&c, &s, queue, SHMREG_WAIT_ITEMS, NULL);
	ck_assert_int_eq(bell_drain(bell[0]), 1);
	ck_assert_int_eq(bell_drain(bell[1]), 1);
	ck_assert_int_eq(raw_remove_object(&c, &s, doomed), 0);
	ck_assert_int_eq(bell_drain(bell[0]), 1);
	ck_assert(!bell_rings(bell[1]));
	/* Who has it open goes on making things happen in it. */
	ck_assert_int_eq(raw_notify(&c, &s, doomed, 0, BOTH), 0);
	ck_assert_uint_eq(c.reply.u.notify.n, 1);
	ck_assert_int_eq(bell_drain(bell[0]), 1);
	/* Its range is free then, and its entry another's. */
	raw_request(&in, SHMREG_PACKET_QUIESCE);
	in.u.attachment = (struct shmreg_attachment){ s.segment, s.participant, 1 };
	ck_assert_int_eq(raw_call(&c, &in), 0);
	ck_assert_int_eq(raw_notify(&c, &s, doomed, 0, BOTH), -ESTALE);
	next = raw_object(&c, &s, "next", SHMREG_KIND_QUEUE);
	o = raw_entry(&s, next);
	ck_assert_uint_eq(o->watch_generation, 0);
	ck_assert_int_eq(raw_notify(&c, &s, next, 0, BOTH), 0);
	ck_assert_uint_eq(c.reply.u.notify.n, 0);
	ck_assert(!bell_rings(bell[0]));
	ck_assert_int_eq(raw_unwatch(&c, id), 0);
	ck_assert_uint_eq(o->watch_generation, 0);
	close(bell[0]), close(bell[1]);
}
END_TEST

static void watch_and_wait(const struct mouth *mouth, void *arg)
{
	struct raw_segment t;
	struct raw other;

	(void)arg;
	raw_open(&other, h.socket_path);
	ck_assert_int_eq(raw_attach(&other, "s", SHMREG_ACCESS_WRITE, 1), 0);
	raw_segment_take(&t, &other);
	raw_bell(&other, &t, queue, BOTH, NULL);
	tell(mouth, 1);
	hear(mouth);
}

START_TEST(dead_watchers)
{
	const struct shmreg_dir_object *o = raw_entry(&s, queue);
	struct process p[3];

	for (int i = 0; i < 3; i++) {
		process_start(&p[i], watch_and_wait, NULL);
		process_expect(&p[i], 1);
	}
	ck_assert_int_eq(raw_notify(&c, &s, queue, 0, 0), 0);
	ck_assert_uint_eq(c.reply.u.notify.n, 3);
	for (int i = 0; i < 3; i++)
		process_kill(&p[i]);
	await_watches(0);
	ck_assert_uint_eq(o->watch_generation, 6);
	/* Of them this process still has the other ends. */
	for (int i = 0; i < 3; i++)
		ck_assert(send(c.fds[i], "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EPIPE);
}
END_TEST

/* A bell that nobody reads is full after a few bytes, and in nobody's way. */
START_TEST(nobody_reads)
{
	const int deaf = raw_bell(&c, &s, queue, BOTH, NULL);
	const int bell = raw_bell(&c, &s, queue, BOTH, NULL);
	int n;

	for (int i = 0; i < 1000; i++) {
		ck_assert_int_eq(raw_notify(&c, &s, queue, 0, BOTH), 0);
		ck_assert(bell_rings(bell));
		bell_drain(bell);
	}
	n = bell_drain(deaf);
	ck_assert_int_gt(n, 0);
	ck_assert_int_lt(n, 100);
	ck_assert_int_eq(raw_notify(&c, &s, queue, 0, BOTH), 0);
	ck_assert_int_eq(bell_drain(deaf), 1);
	close(deaf), close(bell);
}
END_TEST

static void send_descriptor(int to, int fd)
{
	const ssize_t r = send_fds(to, NULL, "", 1, &fd, 1, MSG_NOSIGNAL);

	/* EPERM: since Linux 6.16. */
	if (r < 0)
		ck_assert_int_eq(r, -EPERM);
}

/* The worst that can be done to another end hurts that bell alone. */
START_TEST(hostile_ringers)
{
	const int full = raw_bell(&c, &s, queue, BOTH, NULL);
	const int shut = raw_bell(&c, &s, queue, BOTH, NULL);
	const int stuffed = raw_bell(&c, &s, queue, BOTH, NULL);
	const int bell = raw_bell(&c, &s, queue, BOTH, NULL);
	static char bytes[1 << 20];
	const int large = 1 << 20;
	char byte;

	bell_drain(bell);
	ck_assert_int_eq(raw_notify(&c, &s, queue, 0, 0), 0);
	ck_assert_uint_eq(c.reply.u.notify.n, 4);
	/* Blocking is a property of what is shared. */
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(fcntl(c.fds[i], F_SETFL, 0), 0);
	setsockopt(c.fds[0], SOL_SOCKET, SO_SNDBUF, &large, sizeof(large));
	while (send(c.fds[0], bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	ck_assert_int_eq(shutdown(c.fds[1], SHUT_RDWR), 0);
	send_descriptor(c.fds[2], STDIN_FILENO);
	/* Nor can anything be read from it, or sent to the daemon from the owner's end. */
	ck_assert_int_eq(recv(c.fds[3], &byte, 1, MSG_DONTWAIT), 0);
	ck_assert(send(bell, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EPIPE);

	ck_assert_int_eq(raw_notify(&c, &s, queue, 0, BOTH), 0);
	ck_assert_int_eq(bell_drain(bell), 1);
	ck_assert(bell_rings(full) && bell_rings(shut) && bell_rings(stuffed));
	ck_assert_int_gt(bell_drain(stuffed), 0);
	ck_assert_int_eq(bell_drain(shut), 1);
	ck_assert_int_eq(bell_drain(shut), -1);
	bell_drain(full);
	ck_assert_int_eq(raw_notify(&c, &s, queue, 0, BOTH), 0);
	ck_assert_int_eq(bell_drain(full), 1);
	ck_assert_int_eq(bell_drain(stuffed), 1);
	ck_assert_int_eq(bell_drain(bell), 1);
	close(full), close(shut), close(stuffed), close(bell);
}
END_TEST

#define MANY 1000

static void watch_many(const struct mouth *mouth, void *arg)
{
	struct rlimit files = { 4096, 4096 };
	static int bells[MANY];
	struct raw_segment t;
	struct raw other;
	uint64_t id = 0;

	(void)arg;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	raw_open(&other, h.socket_path);
	ck_assert_int_eq(raw_create(&other, "many", 1, 0), 0);
	raw_segment_take(&t, &other);
	queue = raw_object(&other, &t, "queue", SHMREG_KIND_QUEUE);
	for (int i = 0; i < MANY; i++)
		bells[i] = raw_bell(&other, &t, queue, BOTH, &id);
	ck_assert_int_eq(raw_watch(&other, &t, queue, BOTH, BELL), -EDQUOT);
	raw_says(&other, "subscriptions and watches");
	raw_says(&other, "max-subscriptions-per-uid");
	ck_assert_int_eq(other.n_fds, 0);
	/* One that ends makes room; nobody reads, and all are rung. */
	ck_assert_int_eq(raw_unwatch(&other, id), 0);
	close(bells[MANY - 1]);
	bells[MANY - 1] = raw_bell(&other, &t, queue, BOTH, NULL);
	ck_assert_int_eq(raw_notify(&other, &t, queue, 0, BOTH), 0);
	for (int i = 0; i < MANY; i++) {
		ck_assert_int_eq(bell_drain(bells[i]), 2);
		close(bells[i]);
	}
	tell(mouth, 1);
	hear(mouth);
	raw_segment_drop(&t);
	raw_close(&other);
}

START_TEST(as_many_as_allowed)
{
	const struct identity anna = { .uid = 20001, .gid = 20001 };
	struct process p;

	if (geteuid() == 0)
		process_start_as(&p, &anna, watch_many, NULL);
	else
		process_start(&p, watch_many, NULL);
	process_expect(&p, 1);
	ck_assert_uint_eq(n_watches(), MANY);
	process_finish(&p);
	/* Each descriptor is given back: harness_stop() counts. */
	await_watches(0);
}
END_TEST

/* Not by a uid's limit, which root has not: all the descriptors that there are. */
START_TEST(as_many_as_fit)
{
	const uint64_t fixed = 2 + 256 + (3 + 4) * 16;	/* server-limits.c */
	static const char *const options[] = { "--max-segments=1", "--max-connections=16", NULL };
	const struct rlimit files = { fixed + 5, fixed + 5 };
	int bell[6];

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	watch_setup(options);
	for (int i = 0; i < 5; i++)
		bell[i] = raw_bell(&c, &s, queue, BOTH, NULL);
	ck_assert_int_eq(raw_watch(&c, &s, queue, BOTH, BELL), -EUSERS);
	raw_says(&c, "raise LimitNOFILE=");
	ck_assert_int_eq(raw_unwatch(&c, 1), 0);
	bell[5] = raw_bell(&c, &s, queue, BOTH, NULL);
	for (int i = 0; i < 6; i++)
		close(bell[i]);
	watch_teardown();
}
END_TEST

static void setup_many(void)
{
	static const char *const options[] = { "--max-subscriptions-per-uid=1000", NULL };

	watch_setup(options);
}

/* The daemon ends in order: everybody is told, and it is the end of all watches. */
START_TEST(daemon_ends)
{
	const int bell = raw_bell(&c, &s, queue, BOTH, NULL);

	ck_assert_int_eq(bell_drain(bell), 1);
	ck_assert_int_eq(raw_notify(&c, &s, queue, 0, 0), 0);
	ck_assert_int_eq(keeper_daemon_end(&h.keeper, SIGTERM), 0);
	/* This process has another end of it: so it was rung. */
	ck_assert_int_eq(bell_drain(bell), 1);
	ck_assert_uint_eq(s.dir->flags, SHMREG_DIR_ORPHANED);
	close(bell);
	raw_close(&c);
	harness_restart_daemon(&h);
	ck_assert_uint_eq(s.dir->flags, 0);
	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_REATTACH, s.segment, s.participant), 0);
	ck_assert_uint_eq(n_watches(), 0);
}
END_TEST

static void setup(void)
{
	watch_setup(NULL);
}

int main(void)
{
	Suite *suite = suite_create("daemon-bell");
	TCase *tc = harness_case(suite, "bell"), *many = harness_case(suite, "many");
	TCase *bare = harness_case(suite, "bare");

	tcase_add_checked_fixture(tc, setup, watch_teardown);
	tcase_add_test(tc, rings_for_the_dead);
	tcase_add_test(tc, rings_for_the_removed);
	tcase_add_test(tc, dead_watchers);
	tcase_add_test(tc, nobody_reads);
	tcase_add_test(tc, hostile_ringers);
	tcase_add_test(tc, daemon_ends);
	tcase_add_checked_fixture(many, setup_many, watch_teardown);
	tcase_add_test(many, as_many_as_allowed);
	tcase_add_test(bare, as_many_as_fit);
	tcase_add_test(bare, rings_for_the_quarantined);
	return harness_main(suite);
}
