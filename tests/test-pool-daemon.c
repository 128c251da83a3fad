/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

/* A pool in a real segment: opening, several handles of a participant, death, fork, removal. */

struct frame {
	uint64_t n, check;
};
SHMREG_DEFINE_POOL(frame_pool, struct frame);
SHMREG_DEFINE_POOL(word_pool, uint64_t);

static struct harness h;
static struct shmreg_connection *c;
static struct shmreg_segment *s;

static void setup(void)
{
	harness_start_segment(&h, 8, &c, &s);
}

static void teardown(void)
{
	c = shmreg_disconnect(c);
	harness_stop(&h);
}

static shmreg_pool_ref make(struct frame_pool *p, uint64_t n)
{
	const struct frame frame = { n, ~n };
	shmreg_pool_ref ref = SHMREG_POOL_NONE;

	ck_assert_int_eq(frame_pool_make(p, &ref, &frame), 0);
	return ref;
}

static struct shmreg_pool_stats stat_of(const struct shmreg_pool *p)
{
	struct shmreg_pool_stats stat = { .size = sizeof(stat) };

	ck_assert_int_eq(shmreg_pool_stat(p, &stat), 0);
	ck_assert_uint_eq(stat.n_free + stat.n_held + stat.n_sent, stat.capacity);
	return stat;
}

START_TEST(create_open_close)
{
	struct frame_pool *p = NULL, *p2 = NULL;
	struct word_pool *w = NULL;
	const struct shmreg_pool *look = NULL;

	harness_ok(frame_pool_create(s, &p, "pool", 100));
	harness_result(frame_pool_create(s, &p2, "pool", 100), -EEXIST);
	harness_result(word_pool_open(s, &w, "pool"), -EMEDIUMTYPE);
	harness_sentence("uint64_t");
	harness_result(frame_pool_open_or_create(s, &p2, "pool", 99), -EMEDIUMTYPE);
	harness_result(frame_pool_create(s, &p2, "other", 0), -EINVAL);
	harness_sentence("1 to 2^30");
	harness_ok(frame_pool_open_or_create(s, &p2, "pool", 100));
	harness_ok(shmreg_pool_open_const(s, &look, "pool", NULL));
	ck_assert_uint_eq(frame_pool_capacity(p), 100);
	make(p, 1);
	ck_assert_uint_eq(stat_of(look).n_held, 1);
	ck_assert_int_eq(shmreg_pool_close(look), 0);
	ck_assert_int_eq(frame_pool_close(p2), 0);
	ck_assert_int_eq(frame_pool_close(NULL), 0);
}
END_TEST

/* Objects are the participant's: any of its handles may use and release them, also a later one. */
START_TEST(handles_of_one_participant)
{
	struct frame_pool *p[3] = { NULL, NULL, NULL }, *stranger = NULL;
	struct shmreg_segment *again;
	shmreg_pool_ref ref[3];
	unsigned int i;

	harness_ok(frame_pool_create(s, &p[0], "pool", 10));
	harness_ok(frame_pool_open(s, &p[1], "pool"));
	ck_assert_uint_ne(p[0]->pool.handle.seat, p[1]->pool.handle.seat);
	for (i = 0; i < 3; i++)
		ref[i] = make(p[0], i);
	ck_assert_uint_eq(frame_pool_get(p[1], ref[0])->n, 0);
	ck_assert_int_eq(frame_pool_check(p[1], ref[0]), 0);
	ck_assert_int_eq(frame_pool_release(p[1], ref[0]), 0);
	ck_assert_int_eq(frame_pool_release(p[0], ref[0]), -ESTALE);

	/* Attached twice is two participants. */
	harness_ok(shmreg_segment_open(c, &again, "seg", SHMREG_ACCESS_WRITE));
	harness_ok(frame_pool_open(again, &stranger, "pool"));
	ck_assert_int_eq(frame_pool_release(stranger, ref[1]), -EPERM);
	ck_assert_ptr_null(frame_pool_get(stranger, ref[1]));
	ck_assert_int_eq(shmreg_pool_owner(&stranger->pool, ref[1]),
			 (int)p[0]->pool.handle.seat);

	/* Closing a handle gives nothing back. */
	ck_assert_int_eq(frame_pool_close(p[0]), 0);
	ck_assert_uint_eq(stat_of(&p[1]->pool).n_held, 2);
	ck_assert_int_eq(frame_pool_release(p[1], ref[1]), 0);
	ck_assert_int_eq(frame_pool_close(p[1]), 0);
	harness_ok(frame_pool_open(s, &p[2], "pool"));
	ck_assert_int_eq(frame_pool_release(p[2], ref[2]), 0);
	ck_assert_uint_eq(stat_of(&p[2]->pool).n_held, 0);
	shmreg_segment_close(again);
}
END_TEST

START_TEST(read_only)
{
	const struct shmreg_pool *look = NULL;
	struct shmreg_segment *r;
	struct frame_pool *p = NULL, *p2 = NULL;
	shmreg_pool_ref ref;

	harness_ok(frame_pool_create(s, &p, "pool", 4));
	ref = make(p, 1);
	harness_ok(shmreg_segment_open(c, &r, "seg", SHMREG_ACCESS_READ));
	harness_result(frame_pool_open(r, &p2, "pool"), -EROFS);
	harness_sentence("shmreg_pool_open_const()");
	harness_ok(shmreg_pool_open_const(r, &look, "pool", NULL));
	ck_assert_int_eq(shmreg_pool_owner(look, ref), (int)p->pool.handle.seat);
	ck_assert_uint_eq(stat_of(look).n_held, 1);
	shmreg_segment_close(r);
}
END_TEST

/* In another process: holds all but one, and waits to be killed, or leaves. */
static void hold(const struct mouth *mouth, void *arg)
{
	const bool leaves = arg != NULL;
	struct shmreg_connection *connection = harness_connect();
	struct shmreg_segment *segment;
	shmreg_pool_ref refs[40];
	struct frame_pool *p = NULL;

	harness_ok(shmreg_segment_open(connection, &segment, "seg", SHMREG_ACCESS_WRITE));
	harness_ok(frame_pool_open(segment, &p, "pool"));
	ck_assert_int_eq(frame_pool_acquire_batch(p, refs, 39, 39), 39);
	tell(mouth, 0);
	hear(mouth);
	if (leaves)
		shmreg_segment_close(segment);
	tell(mouth, 0);
	hear(mouth);
	shmreg_disconnect(connection);
}

static bool is_free(void *arg)
{
	struct frame_pool *p = arg;

	return stat_of(&p->pool).n_free == 39;
}

static void comes_back(bool leaves)
{
	struct shmreg_pool_stats stat;
	struct process holder;
	shmreg_pool_ref ref, other;
	struct frame_pool *p = NULL;

	harness_ok(frame_pool_create(s, &p, "pool", 40));
	ref = make(p, 7);
	process_start(&holder, hold, leaves ? &h : NULL);
	process_expect(&holder, 0);
	ck_assert_int_eq(frame_pool_acquire(p, &other), -EAGAIN);
	/* Only stopped is not dead. */
	process_stop(&holder);
	ck_assert_int_eq(frame_pool_acquire(p, &other), -EAGAIN);
	process_continue(&holder);
	if (leaves)
		process_tell(&holder, 0);
	else
		process_kill(&holder);
	harness_wait(is_free, p, "what the dead held is free");
	stat = stat_of(&p->pool);
	ck_assert_uint_eq(stat.n_reclaimed, 39);
	ck_assert_uint_eq(stat.n_held, 1);
	ck_assert_uint_eq(frame_pool_get(p, ref)->n, 7);
	ck_assert_int_eq(frame_pool_acquire(p, &other), 0);
	ck_assert_int_eq(frame_pool_release(p, other), 0);
	if (leaves) {
		process_expect(&holder, 0);
		process_finish(&holder);
	}
}

START_TEST(held_by_the_dead)
{
	comes_back(false);
}
END_TEST

START_TEST(held_by_those_who_left)
{
	comes_back(true);
}
END_TEST

struct inherited {
	struct frame_pool *p;
	shmreg_pool_ref ref;
};

static void use_inherited(const struct mouth *mouth, void *arg)
{
	const struct inherited *i = arg;
	struct shmreg_pool_stats stat = { .size = sizeof(stat) };
	const struct frame frame = { 1, 2 };
	shmreg_pool_ref ref = 5;

	ck_assert_int_eq(frame_pool_acquire(i->p, &ref), -ECHILD);
	ck_assert_int_eq(frame_pool_make(i->p, &ref, &frame), -ECHILD);
	ck_assert_int_eq(frame_pool_acquire_batch(i->p, &ref, 1, 1), -ECHILD);
	ck_assert_int_eq(frame_pool_release(i->p, i->ref), -ECHILD);
	ck_assert_int_eq(frame_pool_release_batch(i->p, &i->ref, 1), -ECHILD);
	ck_assert_int_eq(frame_pool_check(i->p, i->ref), -ECHILD);
	ck_assert_ptr_null(frame_pool_get(i->p, i->ref));
	ck_assert_int_eq(shmreg_pool_owner(&i->p->pool, i->ref), -ECHILD);
	ck_assert_int_eq(shmreg_pool_stat(&i->p->pool, &stat), -ECHILD);
	ck_assert_uint_eq(ref, 5);
	harness_result(frame_pool_close(i->p), -ECHILD);
	tell(mouth, 0);
}

START_TEST(forked)
{
	struct inherited i;

	harness_ok(frame_pool_create(s, &i.p, "pool", 4));
	i.ref = make(i.p, 3);
	process_try(use_inherited, &i);
	/* It is still the parent's. */
	ck_assert_uint_eq(frame_pool_get(i.p, i.ref)->check, ~UINT64_C(3));
	ck_assert_int_eq(frame_pool_release(i.p, i.ref), 0);
}
END_TEST

START_TEST(removed_while_open)
{
	struct frame_pool *p = NULL, *new = NULL;
	shmreg_pool_ref ref[4], other;
	unsigned int i;

	harness_ok(frame_pool_create(s, &p, "pool", 4));
	ref[0] = make(p, 0);
	harness_ok(shmreg_object_remove(s, "pool"));
	for (i = 1; i < 4; i++)
		ref[i] = make(p, i);
	ck_assert_int_eq(frame_pool_acquire(p, &other), -ESTALE);
	harness_ok(frame_pool_create(s, &new, "pool", 4));
	ck_assert_uint_eq(stat_of(&new->pool).n_held, 0);
	ck_assert_int_eq(frame_pool_release_batch(p, ref, 4), 0);
	ck_assert_int_eq(frame_pool_close(p), 0);
}
END_TEST

START_TEST(across_a_restart)
{
	struct frame_pool *p = NULL, *p2 = NULL;
	shmreg_pool_ref ref;

	harness_ok(frame_pool_create(s, &p, "pool", 4));
	ref = make(p, 1);
	harness_kill_daemon(&h);
	harness_ok(frame_pool_open(s, &p2, "pool"));	/* needs no daemon */
	ck_assert_int_eq(frame_pool_release(p2, ref), 0);
	ref = make(p2, 2);
	harness_restart_daemon(&h);
	ck_assert_int_eq(frame_pool_release(p, ref), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pool-daemon");
	TCase *tcase = harness_case(suite, "pool");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, create_open_close);
	tcase_add_test(tcase, handles_of_one_participant);
	tcase_add_test(tcase, read_only);
	tcase_add_test(tcase, held_by_the_dead);
	tcase_add_test(tcase, held_by_those_who_left);
	tcase_add_test(tcase, forked);
	tcase_add_test(tcase, removed_while_open);
	tcase_add_test(tcase, across_a_restart);
	return harness_main(suite);
}
