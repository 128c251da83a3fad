/* SPDX-License-Identifier: MIT */
#include <config.h>

/* The descriptor for life-cycle events, in a poll loop. */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "actor.h"

static struct harness h;
static struct shmreg_connection *events;
static struct process actor;

static void setup(void)
{
	harness_start(&h, NULL);
	events = harness_subscribe();
	actor_start(&actor);
}

static void teardown(void)
{
	if (actor.pid)
		process_finish(&actor);
	events = shmreg_disconnect(events);
	harness_stop(&h);
}

static short readable(int timeout_ms)
{
	struct pollfd fd = { .fd = shmreg_event_fd(events), .events = POLLIN };

	ck_assert_int_ge(fd.fd, 0);
	ck_assert_int_ge(poll(&fd, 1, timeout_ms), 0);
	return fd.revents;
}

static void nothing_to_read(void)
{
	struct shmreg_event event;

	ck_assert_int_eq(readable(0), 0);
	ck_assert_int_eq(shmreg_next_event(events, &event, 1), -EAGAIN);
}

/* The loop: asleep in poll() until there is something, which is then there. */
static void poll_for(uint32_t kind, struct shmreg_event *ret)
{
	ck_assert_int_ne(readable(-1) & POLLIN, 0);
	harness_ok(shmreg_next_event(events, ret, 1));
	ck_assert_msg(ret->kind == kind, "an event of kind %u instead of %u", ret->kind, kind);
	ck_assert_str_eq(ret->segment_name, ACTOR_SEGMENT);
	ck_assert_uint_ne(ret->time_ns, 0);
}

static int64_t deed_remove_object(struct actor *a, int64_t unused)
{
	(void)unused;
	return shmreg_object_remove(a->segment, "queue");
}

/* One life, from beginning to end: what is told, and that nothing else is. */
START_TEST(life)
{
	struct process other;
	struct shmreg_event e;
	uint64_t segment, participant;
	const pid_t pid = actor.pid;

	nothing_to_read();
	actor_ok(&actor, deed_create, SHMREG_UNTIL_REMOVED);
	poll_for(SHMREG_EVENT_CREATED, &e);
	segment = e.segment;
	poll_for(SHMREG_EVENT_ATTACHED, &e);
	ck_assert_uint_eq(e.segment, segment);
	ck_assert_uint_eq(e.pid, (uint32_t)pid);
	ck_assert_uint_eq(e.uid, geteuid());
	nothing_to_read();

	actor_start(&other);
	actor_ok(&other, deed_open, SHMREG_ACCESS_WRITE);
	poll_for(SHMREG_EVENT_ATTACHED, &e);
	ck_assert_uint_eq(e.pid, (uint32_t)other.pid);
	participant = e.participant;
	actor_ok(&other, deed_queue_create, 0);
	poll_for(SHMREG_EVENT_OBJECT_CREATED, &e);
	ck_assert_str_eq(e.object_name, "queue");
	ck_assert_uint_eq(e.participant, participant);
	actor_ok(&other, deed_reserve, 1);
	nothing_to_read();
	process_kill(&other);
	poll_for(SHMREG_EVENT_DIED, &e);
	ck_assert_uint_eq(e.participant, participant);
	poll_for(SHMREG_EVENT_REPAIRED, &e);
	ck_assert_uint_eq(e.n_repaired, 1);
	nothing_to_read();

	actor_ok(&actor, deed_remove_object, 0);
	poll_for(SHMREG_EVENT_OBJECT_REMOVED, &e);
	actor_ok(&actor, deed_remove, 0);
	poll_for(SHMREG_EVENT_REMOVED, &e);
	nothing_to_read();
	process_finish(&actor);
	poll_for(SHMREG_EVENT_DETACHED, &e);
	/* Its seats go back by way of the reaper, whom there was nothing left for. */
	do {
		ck_assert_int_ne(readable(-1) & POLLIN, 0);
		harness_ok(shmreg_next_event(events, &e, 1));
	} while (e.kind == SHMREG_EVENT_REPAIRED);
	ck_assert_uint_eq(e.kind, SHMREG_EVENT_DISPOSED);
	ck_assert_uint_eq(e.segment, segment);
	nothing_to_read();
}
END_TEST

/* Told of a change only, one must read until -EAGAIN, and then misses nothing. */
START_TEST(edge_triggered)
{
	const int loop = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event what = { .events = EPOLLIN | EPOLLET };
	struct shmreg_event e;
	int n, r;

	ck_assert_int_ge(loop, 0);
	ck_assert_int_eq(epoll_ctl(loop, EPOLL_CTL_ADD, shmreg_event_fd(events), &what), 0);
	actor_ok(&actor, deed_create, SHMREG_WHILE_ATTACHED);
	actor_ok(&actor, deed_queue_create, 0);
	for (n = 0; n < 3;) {
		ck_assert_int_eq(epoll_wait(loop, &what, 1, -1), 1);
		while ((r = shmreg_next_event(events, &e, 1)) == 0)
			n++;
		ck_assert_int_eq(r, -EAGAIN);
	}
	ck_assert_uint_eq(e.kind, SHMREG_EVENT_OBJECT_CREATED);
	close(loop);
}
END_TEST

/* The end is readable too, after what came before it, and as often as one asks. */
START_TEST(restart)
{
	struct shmreg_event e;
	int i;

	actor_ok(&actor, deed_create, SHMREG_WHILE_ATTACHED);
	poll_for(SHMREG_EVENT_CREATED, &e);
	ck_assert_int_ne(readable(-1) & POLLIN, 0);	/* it is on its way, and arrives */
	harness_kill_daemon(&h);
	poll_for(SHMREG_EVENT_ATTACHED, &e);
	for (i = 0; i < 3; i++) {
		ck_assert_int_ne(readable(-1) & POLLIN, 0);
		ck_assert_int_eq(shmreg_next_event(events, &e, 1), -ECONNRESET);
		harness_sentence("subscribe again");
	}
	harness_restart_daemon(&h);
	ck_assert_int_eq(shmreg_next_event(events, &e, 0), -ECONNRESET);
	harness_ok(shmreg_subscribe(events, ACTOR_SEGMENT, 0));
	nothing_to_read();
	actor_ok(&actor, deed_queue_create, 0);
	poll_for(SHMREG_EVENT_OBJECT_CREATED, &e);
}
END_TEST

/* Asleep in the call itself, while the daemon is killed. */
static void next_event(const struct mouth *mouth, void *arg)
{
	struct shmreg_connection *mine = harness_subscribe();
	struct shmreg_event e;

	(void)arg;
	tell(mouth, 1);
	tell(mouth, shmreg_next_event(mine, &e, 0));
	tell(mouth, shmreg_subscribe(mine, NULL, 0));
	tell(mouth, shmreg_next_event(mine, &e, 0));
	tell(mouth, e.kind);
	shmreg_disconnect(mine);
}

START_TEST(restart_while_asleep)
{
	struct process reader;

	process_start(&reader, next_event, NULL);
	process_expect(&reader, 1);
	harness_kill_daemon(&h);
	process_expect(&reader, -ECONNRESET);
	/* Subscribing waits for the next daemon. */
	harness_restart_daemon(&h);
	process_expect(&reader, 0);
	actor_ok(&actor, deed_create, SHMREG_WHILE_ATTACHED);
	process_expect(&reader, 0);
	process_expect(&reader, SHMREG_EVENT_CREATED);
	ck_assert_int_eq(process_wait(&reader), 0);
}
END_TEST

START_TEST(only_what_was_asked_for)
{
	struct shmreg_connection *mine = harness_connect();
	struct shmreg_event e;

	harness_ok(shmreg_subscribe(mine, ACTOR_SEGMENT, 1u << SHMREG_EVENT_OBJECT_CREATED));
	actor_ok(&actor, deed_create, SHMREG_WHILE_ATTACHED);
	actor_ok(&actor, deed_queue_create, 0);
	harness_ok(shmreg_next_event(mine, &e, 0));
	ck_assert_uint_eq(e.kind, SHMREG_EVENT_OBJECT_CREATED);
	ck_assert_int_eq(shmreg_next_event(mine, &e, 1), -EAGAIN);
	shmreg_disconnect(mine);
}
END_TEST

START_TEST(a_stream_is_no_connection)
{
	struct shmreg_connection *mine = harness_connect();
	struct shmreg_segment *s;
	struct shmreg_event e;

	ck_assert_int_eq(shmreg_event_fd(NULL), -EINVAL);
	ck_assert_int_eq(shmreg_event_fd(mine), -EINVAL);
	harness_result(shmreg_next_event(mine, &e, 1), -EINVAL);
	harness_sentence("shmreg_subscribe() first");
	harness_result(shmreg_subscribe(mine, "a//b", 0), -EINVAL);
	actor_ok(&actor, deed_create, SHMREG_WHILE_ATTACHED);
	harness_ok(shmreg_segment_open(mine, &s, ACTOR_SEGMENT, SHMREG_ACCESS_READ));
	harness_result(shmreg_subscribe(mine, NULL, 0), -EBUSY);
	harness_sentence("one of its own");
	shmreg_segment_close(s);
	harness_ok(shmreg_subscribe(mine, NULL, 0));
	harness_result(shmreg_subscribe(mine, NULL, 0), -EBUSY);
	harness_result(shmreg_segment_open(mine, &s, ACTOR_SEGMENT, SHMREG_ACCESS_READ), -EBUSY);
	ck_assert_int_ge(shmreg_event_fd(mine), 0);
	shmreg_disconnect(mine);
}
END_TEST

static void everything_says_echild(const struct mouth *mouth, void *arg)
{
	struct shmreg_event e;

	(void)arg;
	tell(mouth, shmreg_event_fd(events));
	tell(mouth, shmreg_next_event(events, &e, 1));
	tell(mouth, shmreg_subscribe(events, NULL, 0));
}

START_TEST(forked)
{
	struct process child;
	struct shmreg_event e;
	int i;

	process_start(&child, everything_says_echild, NULL);
	for (i = 0; i < 3; i++)
		process_expect(&child, -ECHILD);
	ck_assert_int_eq(process_wait(&child), 0);
	actor_ok(&actor, deed_create, SHMREG_WHILE_ATTACHED);
	poll_for(SHMREG_EVENT_CREATED, &e);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("event");
	TCase *tc = harness_case(suite, "event");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, life);
	tcase_add_test(tc, edge_triggered);
	tcase_add_test(tc, restart);
	tcase_add_test(tc, restart_while_asleep);
	tcase_add_test(tc, only_what_was_asked_for);
	tcase_add_test(tc, a_stream_is_no_connection);
	tcase_add_test(tc, forked);
	return suite;
}

int main(void)
{
	return harness_main(suite());
}
