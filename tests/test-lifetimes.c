/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Who dies, and what of the segment is left then: the three lifetimes. */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "actor.h"

static struct harness h;
static struct shmreg_connection *events;
static struct process creator, other;

static void setup(void)
{
	harness_start(&h, NULL);
	events = harness_subscribe();
	actor_start(&creator);
	actor_start(&other);
}

static void teardown(void)
{
	if (creator.pid)
		process_finish(&creator);
	if (other.pid)
		process_finish(&other);
	events = shmreg_disconnect(events);
	harness_stop(&h);
}

static void both_attach(enum shmreg_lifetime lifetime)
{
	actor_ok(&creator, deed_create, lifetime);
	actor_ok(&creator, deed_atomic_create, 40);
	actor_ok(&other, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&other, deed_atomic_open, 0);
}

static void wait_for(enum shmreg_event_kind kind)
{
	harness_wait_event(events, kind, ACTOR_SEGMENT, NULL);
}

/* The name is free, so it can be taken at once. */
static void is_gone(void)
{
	struct process late;

	wait_for(SHMREG_EVENT_DISPOSED);
	actor_start(&late);
	actor_expect(&late, deed_open, SHMREG_ACCESS_WRITE, -ENOENT);
	actor_says(&late, ACTOR_SEGMENT);
	actor_ok(&late, deed_create, SHMREG_WHILE_ATTACHED);
	process_finish(&late);
	wait_for(SHMREG_EVENT_DISPOSED);
}

START_TEST(test_while_attached_detach)
{
	both_attach(SHMREG_WHILE_ATTACHED);
	actor_ok(&creator, deed_close, 0);
	actor_expect(&other, deed_atomic_add, 2, 40);
	actor_ok(&creator, deed_open, SHMREG_ACCESS_READ);
	actor_ok(&other, deed_close, 0);
	actor_ok(&creator, deed_atomic_open_const, 0);
	actor_expect(&creator, deed_atomic_load, 0, 42);
	actor_ok(&creator, deed_close, 0);
	is_gone();
}
END_TEST

START_TEST(test_while_attached_creator_dies)
{
	both_attach(SHMREG_WHILE_ATTACHED);
	process_kill(&creator);
	wait_for(SHMREG_EVENT_DIED);
	wait_for(SHMREG_EVENT_REPAIRED);
	actor_expect(&other, deed_atomic_add, 2, 40);
	ck_assert_int_eq(harness_n_segments(), 1);
	process_kill(&other);
	wait_for(SHMREG_EVENT_DIED);
	is_gone();
}
END_TEST

START_TEST(test_while_attached_all_die)
{
	both_attach(SHMREG_WHILE_ATTACHED);
	kill(creator.pid, SIGKILL);
	kill(other.pid, SIGKILL);
	process_wait(&creator);
	process_wait(&other);
	is_gone();
}
END_TEST

START_TEST(test_until_removed)
{
	both_attach(SHMREG_UNTIL_REMOVED);
	process_kill(&creator);
	process_kill(&other);
	wait_for(SHMREG_EVENT_DIED);
	wait_for(SHMREG_EVENT_DIED);
	actor_start(&other);
	actor_ok(&other, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&other, deed_atomic_open, 0);
	actor_expect(&other, deed_atomic_add, 2, 40);
	actor_ok(&other, deed_close, 0);
	ck_assert_int_eq(harness_n_segments(), 1);
	actor_ok(&other, deed_remove, 0);
	is_gone();
	actor_expect(&other, deed_remove, 0, -ENOENT);
}
END_TEST

START_TEST(test_with_creator_dies)
{
	both_attach(SHMREG_WITH_CREATOR);
	process_kill(&creator);
	wait_for(SHMREG_EVENT_REMOVED);
	actor_expect(&other, deed_atomic_add, 2, 40);
	actor_expect(&other, deed_atomic_load, 0, 42);
	actor_start(&creator);
	actor_expect(&creator, deed_open, SHMREG_ACCESS_WRITE, -ENOENT);
	process_kill(&other);
	is_gone();
}
END_TEST

START_TEST(test_with_creator_detach)
{
	both_attach(SHMREG_WITH_CREATOR);
	actor_ok(&other, deed_close, 0);
	actor_ok(&other, deed_open, SHMREG_ACCESS_READ);
	actor_ok(&creator, deed_close, 0);
	wait_for(SHMREG_EVENT_REMOVED);
	actor_ok(&other, deed_atomic_open_const, 0);
	actor_expect(&other, deed_atomic_load, 0, 40);
	actor_ok(&other, deed_close, 0);
	is_gone();
}
END_TEST

/* Removing takes the name at once; those who have the segment keep it. */
START_TEST(test_remove_while_attached)
{
	both_attach(SHMREG_UNTIL_REMOVED);
	actor_ok(&other, deed_remove, 0);
	wait_for(SHMREG_EVENT_REMOVED);
	actor_ok(&creator, deed_close, 0);
	actor_ok(&creator, deed_create, SHMREG_WHILE_ATTACHED);
	actor_ok(&creator, deed_atomic_create, 7);
	actor_expect(&other, deed_atomic_load, 0, 40);
	actor_expect(&creator, deed_atomic_load, 0, 7);
	actor_ok(&other, deed_close, 0);
	wait_for(SHMREG_EVENT_DISPOSED);
	actor_expect(&creator, deed_atomic_load, 0, 7);
	actor_ok(&creator, deed_close, 0);
	is_gone();
}
END_TEST

/* The socket ends with the connection, but the memory is the process's until it dies. */
static int64_t deed_hang_up(struct actor *a, int64_t unused)
{
	int fd;

	(void)a, (void)unused;
	/* Nobody but the library knows its socket: close what it can be, less the mouth. */
	for (fd = 3; fd < 256; fd++) {
		struct sockaddr_un peer;
		socklen_t n = sizeof(peer);

		if (getpeername(fd, (struct sockaddr *)&peer, &n) == 0 &&
		    n > sizeof(sa_family_t) && strcmp(peer.sun_path, h.socket_path) == 0)
			close(fd);
	}
	return 0;
}

START_TEST(test_hang_up_is_not_death)
{
	both_attach(SHMREG_WHILE_ATTACHED);
	actor_ok(&other, deed_hang_up, 0);
	actor_ok(&creator, deed_close, 0);
	wait_for(SHMREG_EVENT_DETACHED);
	actor_expect(&other, deed_atomic_add, 2, 40);
	ck_assert_int_eq(harness_n_segments(), 1);
	process_kill(&other);
	wait_for(SHMREG_EVENT_DIED);
	is_gone();
}
END_TEST

static int64_t resident(void)
{
	struct shmreg_connection *c = harness_connect();
	struct shmreg_segment_info info;

	harness_ok(shmreg_segment_describe(c, ACTOR_SEGMENT, &info, NULL));
	shmreg_disconnect(c);
	return (int64_t)info.resident_bytes;
}

#define N_WORDS (UINT64_C(3) << 15)	/* 768 KiB of the segment's 1 MiB */

static int64_t deed_fill_array(struct actor *a, int64_t unused)
{
	const int64_t r = word_array_create(a->segment, &a->array, "array", N_WORDS);
	uint64_t i;

	(void)unused;
	for (i = 0; r == 0 && i < N_WORDS; i++) {
		if (word_array_data(a->array)[i] != 0)
			return -EBADMSG;	/* a new object is all zero */
		word_array_data(a->array)[i] = i + 1;
	}
	return r;
}

static int64_t deed_open_array(struct actor *a, int64_t unused)
{
	(void)unused;
	return word_array_open(a->segment, &a->array, "array", N_WORDS);
}

static int64_t deed_remove_array(struct actor *a, int64_t unused)
{
	(void)unused;
	return shmreg_object_remove(a->segment, "array");
}

static int64_t deed_close_array(struct actor *a, int64_t unused)
{
	(void)unused;
	return word_array_close(a->array);
}

static int64_t deed_last_word(struct actor *a, int64_t unused)
{
	(void)unused;
	return (int64_t)word_array_data(a->array)[N_WORDS - 1];
}

static bool punched(void *arg)
{
	return resident() < *(int64_t *)arg;
}

/*
 * A removed object's memory comes back when nobody can have it open any more, by
 * close or by death; until then it is whole, and a second one does not fit.
 */
START_TEST(test_removed_object)
{
	int64_t full, died;

	for (died = 0; died < 2; died++) {
		actor_ok(&creator, deed_create, SHMREG_WHILE_ATTACHED);
		actor_ok(&creator, deed_fill_array, 0);
		actor_ok(&other, deed_open, SHMREG_ACCESS_WRITE);
		actor_ok(&other, deed_open_array, 0);
		full = resident() - (int64_t)N_WORDS * 8 / 2;
		ck_assert_int_gt(full, 0);
		actor_ok(&creator, deed_remove_array, 0);
		actor_expect(&other, deed_open_array, 0, -ENOENT);
		actor_ok(&creator, deed_close_array, 0);
		actor_expect(&other, deed_last_word, 0, N_WORDS);
		actor_expect(&creator, deed_fill_array, 0, -ENOSPC);
		if (died)
			process_kill(&other);
		else
			actor_ok(&other, deed_close_array, 0);
		harness_wait(punched, &full, "the removed object's memory to go");
		actor_ok(&creator, deed_fill_array, 0);
		actor_ok(&creator, deed_close, 0);
		if (!died)
			actor_ok(&other, deed_close, 0);
		wait_for(SHMREG_EVENT_DISPOSED);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("lifetimes");
	TCase *tc = harness_case(s, "lifetimes");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_while_attached_detach);
	tcase_add_test(tc, test_while_attached_creator_dies);
	tcase_add_test(tc, test_while_attached_all_die);
	tcase_add_test(tc, test_until_removed);
	tcase_add_test(tc, test_with_creator_dies);
	tcase_add_test(tc, test_with_creator_detach);
	tcase_add_test(tc, test_remove_while_attached);
	tcase_add_test(tc, test_hang_up_is_not_death);
	tcase_add_test(tc, test_removed_object);
	return s;
}

int main(void)
{
	return harness_main(suite());
}
