/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

/* Objects that travel between processes of a real segment: opening, death, fork, removal. */

struct frame {
	uint64_t number, check;
};
SHMREG_DEFINE_POOL(frames, struct frame);
SHMREG_DEFINE_POOL(words, uint64_t);
SHMREG_DEFINE_OBJECT_QUEUE(shots, frames);
SHMREG_DEFINE_OBJECT_QUEUE(word_objects, words);
SHMREG_DEFINE_QUEUE(word_queue, uint64_t);

#define N_FRAMES 6

static struct harness h;
static struct shmreg_connection *c;
static struct shmreg_segment *s;
static struct frames *pool;

static void setup(void)
{
	harness_start_segment(&h, 4, &c, &s);
	harness_ok(frames_create(s, &pool, "frames", N_FRAMES));
}

static void teardown(void)
{
	c = shmreg_disconnect(c);
	harness_stop(&h);
}

static shmreg_pool_ref made(struct frames *p, uint64_t n)
{
	const struct frame frame = { n, ~n };
	shmreg_pool_ref ref = 0;

	ck_assert_int_eq(frames_make(p, &ref, &frame), 0);
	return ref;
}

static struct shmreg_pool_stats stat_of(void)
{
	struct shmreg_pool_stats stat = { .size = sizeof(stat) };

	ck_assert_int_eq(shmreg_pool_stat(frames_untyped(pool), &stat), 0);
	return stat;
}

START_TEST(create_open_close)
{
	struct shots *q = NULL, *q2 = NULL;
	const struct shmreg_queue *look = NULL;
	struct shots_lease lease;
	shmreg_pool_ref ref;

	harness_result(shots_open(s, &q, "shots", pool), -ENOENT);
	harness_ok(shots_create(s, &q, "shots", pool, 4, SHMREG_QUEUE_REDELIVER));
	harness_result(shots_create(s, &q2, "shots", pool, 4, 0), -EEXIST);
	harness_ok(shots_open(s, &q2, "shots", pool));
	harness_result(frames_close(pool), -EBUSY);
	harness_sentence("2 queues of objects");
	ck_assert_int_eq(shots_send(q, made(pool, 1)), 0);
	ck_assert_int_eq(shots_send(q, made(pool, 2)), 0);
	ck_assert_uint_eq(stat_of().n_sent, 2);
	harness_ok(shmreg_queue_open_const(s, &look, "shots", NULL));
	ck_assert_uint_eq(shmreg_queue_length(look), 2);
	ck_assert_int_eq(shmreg_queue_close(look), 0);
	ck_assert_int_eq(shots_receive(q2, &ref), 0);
	ck_assert_uint_eq(frames_get(pool, ref)->number, 1);
	ck_assert_int_eq(frames_release(pool, ref), 0);
	ck_assert_int_eq(shots_acquire(q2, &lease), 0);
	harness_result(shots_close(q2), -EBUSY);
	ck_assert_int_eq(shots_release(q2, &lease), 0);
	ck_assert_int_eq(shots_close(q2), 0);
	ck_assert_int_eq(shots_close(q), 0);
	ck_assert_int_eq(shots_close(NULL), 0);
	harness_ok(shots_open_or_create(s, &q, "shots", pool, 4, SHMREG_QUEUE_REDELIVER));
	ck_assert_int_eq(shots_close(q), 0);
	ck_assert_uint_eq(stat_of().n_free, N_FRAMES);
	ck_assert_int_eq(frames_close(pool), 0);
}
END_TEST

START_TEST(mismatches)
{
	struct shmreg_object_queue_params params = { .size = sizeof(params), .capacity = 4, .flags = 2 };
	struct shmreg_object_queue *untyped = NULL;
	struct shmreg_segment *other = NULL;
	const struct shmreg_segment_params small = { .size = sizeof(small), .bytes = 1 << 16 };
	const struct shmreg_pool *reading = NULL;
	struct frames *pool2 = NULL;
	struct words *word_pool = NULL;
	struct word_queue *plain = NULL;
	struct word_objects *w = NULL;
	struct shots *q = NULL;

	harness_ok(shots_create(s, &q, "shots", pool, 4, 0));
	/* not a queue of words, though its elements have 8 bytes */
	harness_result(word_queue_open(s, &plain, "shots"), -EMEDIUMTYPE);
	harness_result(word_queue_open_or_create(s, &plain, "shots", 4, 0), -EMEDIUMTYPE);
	harness_sentence("objects of pool");
	harness_ok(word_queue_create(s, &plain, "plain", 4, 0));
	harness_result(shots_open(s, &q, "plain", pool), -EMEDIUMTYPE);
	harness_sentence("uint64_t");
	ck_assert_int_eq(word_queue_close(plain), 0);
	harness_ok(shmreg_object_remove(s, "plain"));
	/* of another pool, of the same type or not */
	harness_ok(frames_create(s, &pool2, "frames2", 4));
	harness_result(shots_open(s, &q, "shots", pool2), -EMEDIUMTYPE);
	harness_sentence("objects of pool");
	harness_result(shots_open_or_create(s, &q, "shots", pool2, 4, 0), -EMEDIUMTYPE);
	ck_assert_int_eq(frames_close(pool2), 0);
	harness_ok(shmreg_object_remove(s, "frames2"));
	harness_ok(words_create(s, &word_pool, "words", 4));
	harness_result(word_objects_open(s, &w, "shots", word_pool), -EMEDIUMTYPE);
	/* none of which kept a pool */
	ck_assert_int_eq(words_close(word_pool), 0);
	harness_result(shots_create(s, &q, "new", pool, 3, 0), -EINVAL);
	harness_sentence("power of two");
	harness_result(shots_create(s, &q, "new", pool, 1 << 21, 0), -EINVAL);
	harness_sentence("2^20");
	harness_result(shmreg_object_queue_create(s, &untyped, "new", frames_untyped(pool), &params),
		       -EINVAL);
	harness_sentence("SHMREG_QUEUE_REDELIVER");
	params.flags = 0;
	harness_result(shmreg_object_queue_create(s, &untyped, "new", NULL, &params), -EINVAL);
	harness_ok(shmreg_pool_open_const(s, &reading, "frames", NULL));
	harness_result(shmreg_object_queue_create(
			       s, &untyped, "new", (struct shmreg_pool *)(uintptr_t)reading, &params),
		       -EINVAL);
	harness_sentence("opened for reading");
	harness_ok(shmreg_segment_create(c, &other, "other", &small));
	harness_result(shots_create(other, &q, "new", pool, 4, 0), -EINVAL);
	harness_sentence("segment 'seg'");
	other = shmreg_segment_close(other);
}
END_TEST

/* Several seats of one participant: each may send what another holds. */
START_TEST(seats_of_one_participant)
{
	struct frames *pool2 = NULL;
	struct shots *q = NULL, *q2 = NULL;
	shmreg_pool_ref ref;

	harness_ok(frames_open(s, &pool2, "frames"));
	harness_ok(shots_create(s, &q, "shots", pool, 4, 0));
	harness_ok(shots_open(s, &q2, "shots", pool2));
	ref = made(pool, 1);
	ck_assert_int_eq(shots_send(q2, ref), 0);
	ck_assert_int_eq(shots_receive(q2, &ref), 0);
	ck_assert_int_eq(shots_send(q, ref), 0);
	ck_assert_int_eq(shots_receive(q, &ref), 0);
	ck_assert_int_eq(frames_release(pool2, ref), 0);
	ck_assert_uint_eq(stat_of().n_free, N_FRAMES);
}
END_TEST

START_TEST(read_only_and_forked)
{
	struct shmreg_connection *c2 = harness_connect();
	struct shmreg_segment *reader = NULL;
	const struct shmreg_queue *look = NULL;
	const struct shmreg_pool *looked_at = NULL;
	struct shots *q = NULL, *q2 = NULL;
	struct shots_lease lease;
	shmreg_pool_ref ref;
	pid_t pid;
	int status;

	harness_ok(shots_create(s, &q, "shots", pool, 4, 0));
	ck_assert_int_eq(shots_send(q, made(pool, 1)), 0);
	harness_ok(shmreg_segment_open(c2, &reader, "seg", SHMREG_ACCESS_READ));
	harness_result(shots_open(reader, &q2, "shots", pool), -EROFS);
	harness_ok(shmreg_queue_open_const(reader, &look, "shots", NULL));
	ck_assert_uint_eq(shmreg_queue_length(look), 1);
	harness_ok(shmreg_pool_open_const(reader, &looked_at, "frames", NULL));
	ck_assert_int_eq(shots_acquire(q, &lease), 0);
	pid = fork();
	if (pid == 0)
		_exit(shots_send(q, 1) != -ECHILD || shots_receive(q, &ref) != -ECHILD ||
		      shots_release(q, &lease) != -ECHILD || shots_close(q) != -ECHILD ||
		      shots_length(q) != 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(shots_release(q, &lease), 0);
	c2 = shmreg_disconnect(c2);
}
END_TEST

/* A process that opens both, does as it is told and is killed. */
enum part { HOLDS, SENDS, RECEIVES, BORROWS };

static void act(const struct mouth *mouth, void *arg)
{
	const enum part part = *(const enum part *)arg;
	struct shmreg_connection *mine = harness_connect();
	struct shmreg_segment *seg = NULL;
	struct frames *my_pool = NULL;
	struct shots *q = NULL;
	struct shots_lease lease;
	shmreg_pool_ref ref = 0;

	harness_ok(shmreg_segment_open(mine, &seg, "seg", SHMREG_ACCESS_WRITE));
	harness_ok(frames_open(seg, &my_pool, "frames"));
	harness_ok(shots_open(seg, &q, "shots", my_pool));
	switch (part) {
	case HOLDS:
		made(my_pool, 40);
		break;
	case SENDS:
		ck_assert_int_eq(shots_send(q, made(my_pool, 41)), 0);
		break;
	case RECEIVES:
		ck_assert_int_eq(shots_receive(q, &ref), 0);
		break;
	case BORROWS:
		ck_assert_int_eq(shots_acquire(q, &lease), 0);
		break;
	}
	tell(mouth, part);
	hear(mouth);
}

static void play(struct process *p, enum part part)
{
	process_start(p, act, &part);
	process_expect(p, part);
}

static void play_and_die(enum part part)
{
	struct shmreg_connection *events = harness_subscribe();
	struct process p;

	play(&p, part);
	process_kill(&p);
	harness_wait_event(events, SHMREG_EVENT_REPAIRED, "seg", NULL);
	events = shmreg_disconnect(events);
}

START_TEST(killed)
{
	struct shots *q = NULL;
	shmreg_pool_ref ref;

	harness_ok(shots_create(s, &q, "shots", pool, 4, SHMREG_QUEUE_REDELIVER));
	play_and_die(HOLDS);
	ck_assert_uint_eq(stat_of().n_free, N_FRAMES);
	/* what it sent is sent */
	play_and_die(SENDS);
	ck_assert_uint_eq(stat_of().n_sent, 1);
	/* what it had borrowed comes again */
	play_and_die(BORROWS);
	ck_assert_uint_eq(stat_of().n_sent, 1);
	ck_assert_int_eq(shots_receive(q, &ref), 0);
	ck_assert_uint_eq(frames_get(pool, ref)->number, 41);
	/* what it had received is the pool's */
	ck_assert_int_eq(shots_send(q, ref), 0);
	play_and_die(RECEIVES);
	ck_assert_uint_eq(stat_of().n_free, N_FRAMES);
	ck_assert_int_eq(shots_receive(q, &ref), -EAGAIN);
}
END_TEST

/* Every entry of the directory but the pool's, one after the other: all of them are had. */
static bool nothing_is_sent(void *unused)
{
	(void)unused;
	return stat_of().n_sent == 0;
}

START_TEST(removed)
{
	struct shmreg_connection *events = harness_subscribe();
	struct shots *q = NULL, *next = NULL;
	shmreg_pool_ref ref;

	harness_ok(shots_create(s, &q, "shots", pool, 4, 0));
	ck_assert_int_eq(shots_send(q, made(pool, 1)), 0);
	ck_assert_int_eq(shots_send(q, made(pool, 2)), 0);
	ck_assert_int_eq(shots_send(q, made(pool, 3)), 0);
	harness_ok(shmreg_object_remove(s, "shots"));
	/* Who has it open goes on. */
	ck_assert_int_eq(shots_receive(q, &ref), 0);
	ck_assert_int_eq(shots_send(q, ref), 0);
	ck_assert_uint_eq(stat_of().n_sent, 3);
	/* The next of that name is another, and nothing is in it. */
	harness_ok(shots_create(s, &next, "shots", pool, 4, 0));
	ck_assert_int_eq(shots_receive(next, &ref), -EAGAIN);
	ck_assert_int_eq(shots_send(next, made(pool, 4)), 0);
	/* Closed by the last: the reaper comes, though nobody died, and frees what was in it. */
	ck_assert_int_eq(shots_close(q), 0);
	harness_wait_event(events, SHMREG_EVENT_REPAIRED, "seg", NULL);
	ck_assert_uint_eq(stat_of().n_sent, 1);
	ck_assert_uint_eq(stat_of().n_reclaimed, 3);
	ck_assert_int_eq(shots_receive(next, &ref), 0);
	ck_assert_uint_eq(frames_get(pool, ref)->number, 4);
	events = shmreg_disconnect(events);
}
END_TEST

START_TEST(removed_and_killed)
{
	struct shots *q = NULL;
	struct process p;

	harness_ok(shots_create(s, &q, "shots", pool, 4, 0));
	ck_assert_int_eq(shots_send(q, made(pool, 1)), 0);
	play(&p, BORROWS);
	harness_ok(shmreg_object_remove(s, "shots"));
	ck_assert_int_eq(shots_close(q), 0);
	/* It has it open; then the daemon is gone, and then both are. */
	ck_assert_uint_eq(stat_of().n_sent, 1);
	harness_kill_daemon(&h);
	process_kill(&p);
	harness_restart_daemon(&h);
	harness_wait(nothing_is_sent, NULL, "what was in the removed queue is free");
	ck_assert_uint_eq(stat_of().n_free, N_FRAMES);
}
END_TEST

static bool entries_are_free(void *unused)
{
	struct shots *q[3] = { NULL };
	int i, r = 0;

	(void)unused;
	for (i = 0; i < 3 && r == 0; i++) {
		const char name[] = { 'q', (char)('0' + i), 0 };

		r = shots_create(s, &q[i], name, pool, 2, 0);
		ck_assert(r == 0 || r == -ENOSPC);
	}
	while (i-- > 0)
		if (q[i] != NULL) {
			const char name[] = { 'q', (char)('0' + i), 0 };

			ck_assert_int_eq(shots_send(q[i], made(pool, (uint64_t)i)), 0);
			ck_assert_int_eq(shots_close(q[i]), 0);
			harness_ok(shmreg_object_remove(s, name));
		}
	return r == 0;
}

/* Again and again: neither an entry nor an object is lost. */
START_TEST(removed_often)
{
	int round;

	for (round = 0; round < 20; round++) {
		harness_wait(entries_are_free, NULL, "entries of removed queues are free");
		harness_wait(nothing_is_sent, NULL, "what was in removed queues is free");
		ck_assert_uint_eq(stat_of().n_free, N_FRAMES);
	}
}
END_TEST

/* The pool goes first: those who have both open go on. */
START_TEST(pool_removed)
{
	struct shots *q = NULL, *again = NULL;
	struct frames *none = NULL;
	shmreg_pool_ref ref;

	harness_ok(shots_create(s, &q, "shots", pool, 4, 0));
	ck_assert_int_eq(shots_send(q, made(pool, 1)), 0);
	harness_ok(shmreg_object_remove(s, "frames"));
	harness_result(frames_open(s, &none, "frames"), -ENOENT);
	harness_ok(shots_open(s, &again, "shots", pool));
	ck_assert_int_eq(shots_receive(again, &ref), 0);
	ck_assert_uint_eq(frames_get(pool, ref)->number, 1);
	ck_assert_int_eq(shots_send(q, ref), 0);
	ck_assert_int_eq(shots_close(again), 0);
	ck_assert_int_eq(shots_close(q), 0);
	ck_assert_int_eq(frames_close(pool), 0);
	/* A new one of that name is not the queue's. */
	harness_ok(frames_create(s, &none, "frames", N_FRAMES));
	harness_result(shots_open(s, &q, "shots", none), -EMEDIUMTYPE);
	harness_ok(shmreg_object_remove(s, "shots"));
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("object-queue-daemon");
	TCase *tc = harness_case(suite, "object-queue-daemon");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, create_open_close);
	tcase_add_test(tc, mismatches);
	tcase_add_test(tc, seats_of_one_participant);
	tcase_add_test(tc, read_only_and_forked);
	tcase_add_test(tc, killed);
	tcase_add_test(tc, removed);
	tcase_add_test(tc, removed_and_killed);
	tcase_add_test(tc, removed_often);
	tcase_add_test(tc, pool_removed);
	return suite;
}

int main(void)
{
	return harness_main(suite());
}
