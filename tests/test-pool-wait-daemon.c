/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <string.h>

#include "asleep.h"
#include "harness.h"

/* Who waits for objects of a pool, or those that travel, when others die, leave and remove. */

struct frame {
	uint64_t number;
};
SHMREG_DEFINE_POOL(frames, struct frame);
SHMREG_DEFINE_OBJECT_QUEUE(shots, frames);

#define N_FRAMES 20

static struct harness h;
static struct shmreg_connection *c;
static struct shmreg_segment *s;
static struct frames *pool;
static struct shots *queue;

static void setup(void)
{
	harness_start_segment(&h, 8, &c, &s);
	harness_ok(frames_create(s, &pool, "frames", N_FRAMES));
	harness_ok(shots_create(s, &queue, "shots", pool, 4, SHMREG_QUEUE_REDELIVER));
}

static void teardown(void)
{
	c = shmreg_disconnect(c);
	harness_stop(&h);
}

struct waits {
	struct frames *pool;
	struct shots *queue;
	shmreg_pool_ref refs[N_FRAMES];
	struct shots_lease lease;
	struct sleeper sleeper;
};
static struct waits waits[2];

static int wait_acquire(void *arg)
{
	struct waits *w = arg;

	return frames_acquire_wait(w->pool, w->refs, NULL);
}

static int wait_make(void *arg)
{
	struct waits *w = arg;
	const struct frame frame = { 5 };

	return frames_make_wait(w->pool, w->refs, &frame, NULL);
}

static int wait_all(void *arg)
{
	struct waits *w = arg;

	return frames_acquire_batch_wait(w->pool, w->refs, N_FRAMES, N_FRAMES, NULL);
}

static int wait_receive(void *arg)
{
	struct waits *w = arg;

	return shots_receive_wait(w->queue, w->refs, NULL);
}

static int wait_borrow(void *arg)
{
	struct waits *w = arg;

	return shots_acquire_wait(w->queue, &w->lease, NULL);
}

static int wait_send(void *arg)
{
	struct waits *w = arg;

	return shots_send_wait(w->queue, w->refs[0], NULL);
}

/* In a thread, by handles of its own. */
static struct waits *fall_asleep(unsigned int i, sleeper_fn wait)
{
	struct waits *w = &waits[i];

	memset(w, 0, sizeof(*w));
	harness_ok(frames_open(s, &w->pool, "frames"));
	harness_ok(shots_open(s, &w->queue, "shots", w->pool));
	if (wait == wait_send)
		harness_ok(frames_acquire(w->pool, w->refs));
	sleeper_spawn(&w->sleeper, wait, w);
	sleeper_await(&w->sleeper);
	return w;
}

/* In another process, which does as the test says and is killed, or leaves. */
enum part { HOLDS_ALL, FREES_IN_SILENCE, SENDS_IN_SILENCE, BORROWS, FILLS, LEAVES };

static void act(const struct mouth *mouth, void *arg)
{
	struct shmreg_connection *mine = harness_connect();
	struct shmreg_segment *segment = NULL;
	struct frames *p = NULL;
	struct shots *q = NULL;
	struct shots_lease lease;
	shmreg_pool_ref refs[N_FRAMES];
	union shmreg_eventcount *items;
	uint64_t both;
	int i;

	(void)arg;
	harness_ok(shmreg_segment_open(mine, &segment, "seg", SHMREG_ACCESS_WRITE));
	harness_ok(frames_open(segment, &p, "frames"));
	harness_ok(shots_open(segment, &q, "shots", p));
	items = &shmreg_queue_shm_(&q->queue.queue)->items;
	for (;;) {
		switch ((enum part)hear(mouth)) {
		case HOLDS_ALL:
			ck_assert_int_gt(frames_acquire_batch(p, refs, N_FRAMES, 1), 0);
			break;
		/* What somebody has done who dies before he looks whether to wake anybody. */
		case FREES_IN_SILENCE:
			ck_assert_int_eq(shmreg_pool_free_(&p->pool, shmreg_pool_ref_index(refs[0]),
							   shmreg_pool_word_free(refs[0]) |
								   p->pool.claim), 1);
			break;
		case SENDS_IN_SILENCE:
			harness_ok(frames_acquire(p, refs));
			both = items->both;
			items->both = 0;
			ck_assert_int_eq(shots_send(q, refs[0]), 0);
			items->both = both;
			break;
		case BORROWS:
			ck_assert_int_eq(shots_acquire(q, &lease), 0);
			break;
		case FILLS:
			for (i = 0; i < 4; i++) {
				harness_ok(frames_acquire(p, refs));
				ck_assert_int_eq(shots_send(q, refs[0]), 0);
			}
			break;
		case LEAVES:
			shmreg_segment_close(segment);
			break;
		}
		tell(mouth, 0);
	}
}

static void play(struct process *p, enum part part)
{
	if (p->pid == 0)
		process_start(p, act, NULL);
	process_tell(p, part);
	process_expect(p, 0);
}

static struct shmreg_pool_stats stat_of(void)
{
	struct shmreg_pool_stats stat = { .size = sizeof(stat) };

	ck_assert_int_eq(shmreg_pool_stat(frames_untyped(pool), &stat), 0);
	return stat;
}

/* Who had everything dies, or leaves: who waits for all of it gets it. */
START_TEST(holder_dies)
{
	struct process p = { 0 };
	struct waits *all;

	play(&p, HOLDS_ALL);
	all = fall_asleep(0, wait_all);
	process_kill(&p);
	ck_assert_int_eq(sleeper_result(&all->sleeper), N_FRAMES);
	harness_ok(frames_release_batch(all->pool, all->refs, N_FRAMES));
}
END_TEST

START_TEST(holder_leaves)
{
	struct waits *one, *another;
	struct process p = { 0 };

	play(&p, HOLDS_ALL);
	one = fall_asleep(0, wait_acquire);
	another = fall_asleep(1, wait_make);
	play(&p, LEAVES);
	ck_assert_int_eq(sleeper_result(&one->sleeper), 0);
	ck_assert_int_eq(sleeper_result(&another->sleeper), 0);
	ck_assert_uint_eq(frames_get(another->pool, another->refs[0])->number, 5);
	process_kill(&p);
}
END_TEST

START_TEST(releaser_dies)
{
	struct process p = { 0 };
	struct waits *one;

	play(&p, HOLDS_ALL);
	one = fall_asleep(0, wait_acquire);
	play(&p, FREES_IN_SILENCE);
	ck_assert(!asleep_is_sound() || !sleeper_is_done(&one->sleeper));
	process_kill(&p);
	ck_assert_int_eq(sleeper_result(&one->sleeper), 0);
}
END_TEST

START_TEST(sender_dies)
{
	struct process p = { 0 };
	struct waits *one;

	one = fall_asleep(0, wait_receive);
	play(&p, SENDS_IN_SILENCE);
	ck_assert(!asleep_is_sound() || !sleeper_is_done(&one->sleeper));
	process_kill(&p);
	ck_assert_int_eq(sleeper_result(&one->sleeper), 0);
}
END_TEST

/* What a dead receiver had borrowed is delivered again, to who waits for it. */
START_TEST(receiver_dies)
{
	struct process p = { 0 };
	shmreg_pool_ref ref;
	struct waits *one;

	harness_ok(frames_acquire(pool, &ref));
	harness_ok(shots_send(queue, ref));
	play(&p, BORROWS);
	one = fall_asleep(0, wait_borrow);
	process_kill(&p);
	ck_assert_int_eq(sleeper_result(&one->sleeper), 0);
	ck_assert_uint_eq(one->lease.ref, ref);
	harness_ok(shots_release(one->queue, &one->lease));
}
END_TEST

/* One more who waits, in a process of its own, to be killed in his sleep. */
static int wait_elsewhere(void *arg)
{
	struct shmreg_segment *segment = NULL;
	struct frames *p = NULL;
	shmreg_pool_ref ref;

	(void)arg;
	harness_ok(shmreg_segment_open(harness_connect(), &segment, "seg", SHMREG_ACCESS_WRITE));
	harness_ok(frames_open(segment, &p, "frames"));
	return frames_acquire_wait(p, &ref, NULL);
}

START_TEST(sleeper_dies)
{
	union shmreg_eventcount *const space = &shmreg_pool_shm_(frames_untyped(pool))->space;
	shmreg_pool_ref refs[N_FRAMES];
	struct sleeper child;
	struct waits *one;

	ck_assert_int_eq(frames_acquire_batch(pool, refs, N_FRAMES, N_FRAMES), N_FRAMES);
	sleeper_fork(&child, wait_elsewhere, NULL);
	asleep_await_flags(space, SHMREG_EVENTCOUNT_ASLEEP);
	sleeper_await(&child);
	one = fall_asleep(0, wait_acquire);
	sleeper_kill(&child);
	harness_ok(frames_release(pool, refs[0]));
	ck_assert_int_eq(sleeper_result(&one->sleeper), 0);
}
END_TEST

START_TEST(room)
{
	struct process p = { 0 };
	struct waits *one;
	shmreg_pool_ref ref;

	play(&p, FILLS);
	one = fall_asleep(0, wait_send);
	process_kill(&p);
	harness_ok(shots_receive(queue, &ref));
	ck_assert_int_eq(sleeper_result(&one->sleeper), 0);
}
END_TEST

/* Another handle of this participant releases it, which is the slow way. */
START_TEST(released_by_another_handle)
{
	shmreg_pool_ref refs[N_FRAMES];
	struct frames *other = NULL;
	struct waits *one;

	harness_ok(frames_open(s, &other, "frames"));
	ck_assert_int_eq(frames_acquire_batch(pool, refs, N_FRAMES, N_FRAMES), N_FRAMES);
	one = fall_asleep(0, wait_acquire);
	harness_ok(frames_release(other, refs[3]));
	ck_assert_int_eq(sleeper_result(&one->sleeper), 0);
	one = fall_asleep(1, wait_acquire);
	harness_ok(frames_release_batch(other, refs + 4, 1));
	ck_assert_int_eq(sleeper_result(&one->sleeper), 0);
}
END_TEST

/* What travels in a queue that is removed comes back to the pool, and wakes. */
START_TEST(queue_removed)
{
	shmreg_pool_ref refs[N_FRAMES];
	struct shots *other = NULL;
	struct waits *one;

	harness_ok(shots_create(s, &other, "other", pool, 4, 0));
	ck_assert_int_eq(frames_acquire_batch(pool, refs, N_FRAMES, N_FRAMES), N_FRAMES);
	harness_ok(shots_send(other, refs[0]));
	one = fall_asleep(0, wait_acquire);
	harness_ok(shmreg_object_remove(s, "other"));
	ck_assert_uint_eq(stat_of().n_sent, 1);
	harness_ok(shots_close(other));
	ck_assert_int_eq(sleeper_result(&one->sleeper), 0);
}
END_TEST

/* Nothing can come any more. */
START_TEST(removed)
{
	shmreg_pool_ref refs[N_FRAMES], ref;
	struct waits *one, *another;

	ck_assert_int_eq(frames_acquire_batch(pool, refs, N_FRAMES, N_FRAMES), N_FRAMES);
	one = fall_asleep(0, wait_acquire);
	another = fall_asleep(1, wait_receive);
	harness_ok(shmreg_object_remove(s, "frames"));
	ck_assert_int_eq(sleeper_result(&one->sleeper), -ESTALE);
	harness_ok(shmreg_object_remove(s, "shots"));
	ck_assert_int_eq(sleeper_result(&another->sleeper), -ESTALE);
	/* What is there can be had. */
	harness_ok(frames_release(pool, refs[0]));
	harness_ok(frames_acquire_wait(pool, &ref, NULL));
	harness_result(frames_acquire_batch_wait(pool, refs, 2, 1, NULL), -ESTALE);
}
END_TEST

START_TEST(daemon_goes_and_comes)
{
	shmreg_pool_ref refs[N_FRAMES];
	struct waits *one;
	uint64_t naps;

	ck_assert_int_eq(frames_acquire_batch(pool, refs, N_FRAMES, N_FRAMES), N_FRAMES);
	one = fall_asleep(0, wait_acquire);
	naps = sleeper_naps(&one->sleeper);
	harness_kill_daemon(&h);
	harness_restart_daemon(&h);
	sleeper_await_after(&one->sleeper, naps);
	harness_ok(frames_release(pool, refs[0]));
	ck_assert_int_eq(sleeper_result(&one->sleeper), 0);
	one = fall_asleep(1, wait_acquire);
	harness_stop_daemon(&h);
	ck_assert_int_eq(sleeper_result(&one->sleeper), -EHOSTDOWN);
	harness_restart_daemon(&h);
}
END_TEST

static void use_inherited(const struct mouth *mouth, void *arg)
{
	struct waits w = { .pool = pool, .queue = queue };

	(void)arg;
	ck_assert_int_eq(wait_acquire(&w), -ECHILD);
	ck_assert_int_eq(wait_make(&w), -ECHILD);
	ck_assert_int_eq(wait_all(&w), -ECHILD);
	ck_assert_int_eq(wait_send(&w), -ECHILD);
	ck_assert_int_eq(wait_receive(&w), -ECHILD);
	ck_assert_int_eq(wait_borrow(&w), -ECHILD);
	tell(mouth, 0);
}

START_TEST(forked)
{
	process_try(use_inherited, NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pool-wait-daemon");
	TCase *tcase = harness_case(suite, "pool-wait-daemon");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, holder_dies);
	tcase_add_test(tcase, holder_leaves);
	tcase_add_test(tcase, releaser_dies);
	tcase_add_test(tcase, sender_dies);
	tcase_add_test(tcase, receiver_dies);
	tcase_add_test(tcase, sleeper_dies);
	tcase_add_test(tcase, room);
	tcase_add_test(tcase, released_by_another_handle);
	tcase_add_test(tcase, queue_removed);
	tcase_add_test(tcase, removed);
	tcase_add_test(tcase, daemon_goes_and_comes);
	tcase_add_test(tcase, forked);
	return harness_main(suite);
}
