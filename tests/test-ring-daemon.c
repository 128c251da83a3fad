/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "asleep.h"
#include "harness.h"

/* Rings of elements and of records in a real segment: opening, roles, death, fork, removal. */

struct sample {
	uint64_t n, check;
};
SHMREG_DEFINE_RING(sample_ring, struct sample);
SHMREG_DEFINE_RING(word_ring, uint64_t);

static struct harness h;
static struct shmreg_connection *c;
static struct shmreg_segment *s;
static const struct shmreg_record_params records = { .size = sizeof(records), .capacity = 1024 };

static void setup(void)
{
	harness_start_segment(&h, 8, &c, &s);
}

static void teardown(void)
{
	c = shmreg_disconnect(c);
	harness_stop(&h);
}

static int push(struct sample_ring_producer *p, uint64_t n)
{
	const struct sample sample = { n, ~n };

	return sample_ring_push(p, &sample);
}

static void expect(struct sample_ring_consumer *consumer, uint64_t n)
{
	struct sample sample;

	ck_assert_int_eq(sample_ring_pop(consumer, &sample), 0);
	ck_assert_uint_eq(sample.n, n);
	ck_assert_uint_eq(sample.check, ~n);
}

START_TEST(create_open_close)
{
	struct sample_ring_producer *p = NULL, *p2 = NULL;
	struct sample_ring_consumer *consumer = NULL;
	const struct shmreg_ring *look = NULL;
	struct shmreg_ring_stats stats = { .size = sizeof(stats) };

	harness_ok(sample_ring_producer_create(s, &p, "ring", 16));
	harness_result(sample_ring_producer_create(s, &p2, "ring", 16), -EEXIST);
	harness_result(sample_ring_producer_open(s, &p2, "ring"), -EBUSY);
	harness_sentence("has a producer already");
	harness_ok(sample_ring_consumer_open(s, &consumer, "ring"));
	harness_ok(shmreg_ring_open_const(s, &look, "ring", NULL));
	ck_assert_int_eq(push(p, 1), 0);
	ck_assert_int_eq(push(p, 2), 0);
	ck_assert_uint_eq(shmreg_ring_length(look), 2);
	ck_assert_uint_eq(shmreg_ring_space(look), 14);
	ck_assert_uint_eq(shmreg_ring_capacity(look), 16);
	expect(consumer, 1);
	/* the role is free once the handle is closed, and what is in it stays */
	ck_assert_int_eq(sample_ring_producer_close(p), 0);
	harness_ok(shmreg_ring_stat(look, &stats));
	ck_assert_uint_eq(stats.producer, 0);
	ck_assert_uint_ne(stats.consumer, 0);
	harness_ok(sample_ring_producer_open_or_create(s, &p, "ring", 16));
	ck_assert_int_eq(push(p, 3), 0);
	expect(consumer, 2);
	ck_assert_int_eq(sample_ring_consumer_close(consumer), 0);
	harness_ok(sample_ring_consumer_open_or_create(s, &consumer, "ring", 16));
	expect(consumer, 3);
	ck_assert_uint_eq(shmreg_ring_length(look), 0);
	ck_assert_int_eq(shmreg_ring_close(look), 0);
	ck_assert_int_eq(sample_ring_producer_close(NULL), 0);
	ck_assert_int_eq(sample_ring_consumer_close(NULL), 0);
}
END_TEST

START_TEST(mismatches)
{
	struct shmreg_ring_params params = { .size = sizeof(params), .capacity = 8, .elem_bytes = 8,
					     .elem_align = 8 };
	struct shmreg_ring_producer *untyped = NULL;
	struct shmreg_record_producer *rp = NULL;
	struct shmreg_record_consumer *rc = NULL;
	struct sample_ring_producer *p = NULL;
	struct word_ring_producer *w = NULL;
	struct word_ring_consumer *wc = NULL;

	harness_ok(sample_ring_producer_create(s, &p, "ring", 16));
	harness_result(word_ring_producer_open(s, &w, "ring"), -EMEDIUMTYPE);
	harness_sentence("uint64_t");
	harness_result(word_ring_consumer_open_or_create(s, &wc, "ring", 16), -EMEDIUMTYPE);
	harness_result(shmreg_record_consumer_open(s, &rc, "ring", NULL), -EMEDIUMTYPE);
	harness_ok(shmreg_record_producer_create(s, &rp, "records", &records));
	harness_result(shmreg_ring_producer_open(s, &untyped, "records", NULL), -EMEDIUMTYPE);
	harness_sentence("elements");
	harness_result(word_ring_producer_open(s, &w, "records"), -EMEDIUMTYPE);
	params.flags = SHMREG_RING_RECORDS;
	harness_result(shmreg_ring_producer_create(s, &untyped, "new", &params), -EINVAL);
	harness_sentence("records.h");
	params.flags = 0;
	params.capacity = 7;
	harness_result(shmreg_ring_producer_create(s, &untyped, "new", &params), -EINVAL);
	/* a refused one has taken nothing: the seats that are there are enough for all */
	ck_assert_int_eq(shmreg_record_producer_close(rp), 0);
	harness_ok(shmreg_record_producer_open(s, &rp, "records", NULL));
	ck_assert_uint_eq(shmreg_record_max(&rp->ring), 1024 / 2 - 8);
}
END_TEST

START_TEST(read_only)
{
	struct sample_ring_producer *p = NULL, *p2 = NULL;
	struct sample_ring_consumer *consumer = NULL;
	struct shmreg_record_producer *rp = NULL;
	const struct shmreg_ring *look = NULL;
	struct shmreg_segment *r;

	harness_ok(sample_ring_producer_create(s, &p, "ring", 16));
	ck_assert_int_eq(push(p, 1), 0);
	harness_ok(shmreg_segment_open(c, &r, "seg", SHMREG_ACCESS_READ));
	harness_result(sample_ring_producer_open(r, &p2, "ring"), -EROFS);
	harness_sentence("shmreg_ring_open_const()");
	harness_result(sample_ring_consumer_open(r, &consumer, "ring"), -EROFS);
	harness_result(shmreg_record_producer_open(r, &rp, "ring", NULL), -EROFS);
	harness_ok(shmreg_ring_open_const(r, &look, "ring", NULL));
	ck_assert_uint_eq(shmreg_ring_length(look), 1);
	shmreg_segment_close(r);
}
END_TEST

/* In another process: it has the roles, has done something half, and waits to be killed. */
static void hold_roles(const struct mouth *mouth, void *arg)
{
	struct shmreg_connection *connection = harness_connect();
	struct shmreg_record_producer *rp = NULL;
	struct shmreg_record_consumer *rc = NULL;
	struct sample_ring_producer *p = NULL;
	struct sample_ring_consumer *consumer = NULL;
	struct shmreg_segment *segment;
	struct sample *room;
	void *place;

	(void)arg;
	harness_ok(shmreg_segment_open(connection, &segment, "seg", SHMREG_ACCESS_WRITE));
	harness_ok(sample_ring_producer_create(segment, &p, "ring", 16));
	harness_ok(sample_ring_consumer_open(segment, &consumer, "ring"));
	harness_ok(shmreg_record_producer_create(segment, &rp, "records", &records));
	harness_ok(shmreg_record_consumer_open(segment, &rc, "records", NULL));
	ck_assert_int_eq(push(p, 1), 0);
	ck_assert_int_eq(push(p, 2), 0);
	expect(consumer, 1);
	ck_assert_int_eq(sample_ring_reserve(p, &room, 4), 4);
	room->n = 99;
	ck_assert_int_eq(shmreg_record_push(rp, "one", 3), 0);
	ck_assert_int_eq(shmreg_record_reserve(rp, &place, 100), 0);
	memcpy(place, "half", 4);
	tell(mouth, 0);
	hear(mouth);
}

/* At once: what of the death the daemon does not know yet is waited for. */
START_TEST(roles_of_the_dead)
{
	struct shmreg_record_producer *rp = NULL;
	struct shmreg_record_consumer *rc = NULL;
	struct sample_ring_producer *p = NULL;
	struct sample_ring_consumer *consumer = NULL;
	struct process holder;
	char data[16];
	size_t bytes;

	process_start(&holder, hold_roles, NULL);
	process_expect(&holder, 0);
	harness_result(sample_ring_producer_open(s, &p, "ring"), -EBUSY);
	harness_sentence("producer");
	harness_result(shmreg_record_consumer_open(s, &rc, "records", NULL), -EBUSY);
	harness_sentence("consumer");
	/* only stopped is not dead */
	process_stop(&holder);
	harness_result(sample_ring_consumer_open(s, &consumer, "ring"), -EBUSY);
	process_continue(&holder);
	process_kill(&holder);
	harness_ok(sample_ring_producer_open(s, &p, "ring"));
	harness_ok(sample_ring_consumer_open(s, &consumer, "ring"));
	harness_ok(shmreg_record_producer_open(s, &rp, "records", NULL));
	harness_ok(shmreg_record_consumer_open(s, &rc, "records", NULL));
	ck_assert_int_eq(push(p, 3), 0);
	expect(consumer, 2);
	expect(consumer, 3);
	ck_assert_int_eq(shmreg_record_push(rp, "two!", 4), 0);
	ck_assert_int_eq(shmreg_record_pop(rc, data, sizeof(data), &bytes), 0);
	ck_assert_uint_eq(bytes, 3);
	ck_assert_int_eq(shmreg_record_pop(rc, data, sizeof(data), &bytes), 0);
	ck_assert_mem_eq(data, "two!", 4);
	ck_assert_int_eq(shmreg_record_pop(rc, data, sizeof(data), &bytes), -EAGAIN);
}
END_TEST

static int open_producer(void *arg)
{
	return sample_ring_producer_open(s, arg, "ring");
}

/* Asleep, in whatever call, or done. */
static bool rests(void *arg)
{
	const struct sleeper *sleeper = arg;
	char path[64], state = 0;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)sleeper->tid);
	in = fopen(path, "re");
	if (in) {
		if (fscanf(in, "%*d (%*[^)]) %c", &state) != 1)
			state = 0;
		fclose(in);
	}
	return state == 'S' || sleeper_is_done(sleeper);
}

/* While there is no daemon nobody hears of the death; the next one does, and is waited for. */
START_TEST(roles_of_the_dead_in_the_gap)
{
	struct sample_ring_producer *p = NULL;
	struct process holder;
	struct sleeper sleeper;

	process_start(&holder, hold_roles, NULL);
	process_expect(&holder, 0);
	harness_result(sample_ring_producer_open(s, &p, "ring"), -EBUSY);
	harness_kill_daemon(&h);
	process_kill(&holder);
	sleeper_spawn(&sleeper, open_producer, &p);
	asleep_until(rests, &sleeper, "the successor to wait");
	harness_restart_daemon(&h);
	ck_assert_int_eq(sleeper_result(&sleeper), 0);
	ck_assert_int_eq(sample_ring_producer_close(p), 0);
}
END_TEST

/* One who leaves without closing its handles: its roles are free for all that. */
static void leave(const struct mouth *mouth, void *arg)
{
	struct shmreg_connection *connection = harness_connect();
	struct sample_ring_producer *p = NULL;
	struct shmreg_segment *segment;

	(void)arg;
	harness_ok(shmreg_segment_open(connection, &segment, "seg", SHMREG_ACCESS_WRITE));
	harness_ok(sample_ring_producer_open_or_create(segment, &p, "ring", 16));
	shmreg_segment_close(segment);
	tell(mouth, 0);
	hear(mouth);
	shmreg_disconnect(connection);
}

START_TEST(roles_of_those_who_left)
{
	struct sample_ring_producer *p = NULL;
	struct process leaver;

	process_start(&leaver, leave, NULL);
	process_expect(&leaver, 0);
	harness_ok(sample_ring_producer_open(s, &p, "ring"));
	process_finish(&leaver);
	ck_assert_int_eq(push(p, 1), 0);
}
END_TEST

struct handles {
	struct sample_ring_producer *p;
	struct sample_ring_consumer *consumer;
	struct shmreg_record_producer *rp;
	struct shmreg_record_consumer *rc;
};

static void use_inherited(const struct mouth *mouth, void *arg)
{
	const struct handles *o = arg;
	struct sample sample = { 0, 0 }, *room;
	const struct sample *view;
	const void *data;
	size_t bytes;
	void *place;

	ck_assert_int_eq(push(o->p, 9), -ECHILD);
	ck_assert_int_eq(sample_ring_push_bulk(o->p, &sample, 1, 1), -ECHILD);
	ck_assert_int_eq(sample_ring_reserve(o->p, &room, 1), -ECHILD);
	ck_assert_int_eq(sample_ring_commit(o->p, 1), -ECHILD);
	ck_assert_int_eq(sample_ring_pop(o->consumer, &sample), -ECHILD);
	ck_assert_int_eq(sample_ring_view(o->consumer, &view, 1), -ECHILD);
	ck_assert_int_eq(sample_ring_consume(o->consumer, 1), -ECHILD);
	ck_assert_int_eq(sample_ring_clear(o->consumer), -ECHILD);
	ck_assert_uint_eq(sample_ring_length(o->consumer), 0);
	ck_assert_int_eq(shmreg_record_push(o->rp, "x", 1), -ECHILD);
	ck_assert_int_eq(shmreg_record_reserve(o->rp, &place, 1), -ECHILD);
	ck_assert_int_eq(shmreg_record_view(o->rc, &data, &bytes), -ECHILD);
	ck_assert_int_eq(shmreg_record_clear(o->rc), -ECHILD);
	/* ending what is not one's own ends nothing */
	harness_result(sample_ring_producer_close(o->p), -ECHILD);
	harness_result(sample_ring_consumer_close(o->consumer), -ECHILD);
	harness_result(shmreg_record_producer_close(o->rp), -ECHILD);
	harness_result(shmreg_record_consumer_close(o->rc), -ECHILD);
	tell(mouth, 0);
}

START_TEST(forked)
{
	struct sample_ring_producer *another = NULL;
	struct handles o = { NULL, NULL, NULL, NULL };

	harness_ok(sample_ring_producer_create(s, &o.p, "ring", 16));
	harness_ok(sample_ring_consumer_open(s, &o.consumer, "ring"));
	harness_ok(shmreg_record_producer_create(s, &o.rp, "records", &records));
	harness_ok(shmreg_record_consumer_open(s, &o.rc, "records", NULL));
	ck_assert_int_eq(push(o.p, 1), 0);
	process_try(use_inherited, &o);
	/* the parent goes on, and its roles are its own */
	ck_assert_int_eq(push(o.p, 2), 0);
	expect(o.consumer, 1);
	expect(o.consumer, 2);
	ck_assert_int_eq(shmreg_record_push(o.rp, "x", 1), 0);
	harness_result(sample_ring_producer_open(s, &another, "ring"), -EBUSY);
}
END_TEST

START_TEST(removed_while_open)
{
	struct sample_ring_producer *p = NULL, *new = NULL;
	struct sample_ring_consumer *consumer = NULL;
	struct sample sample;
	uint64_t i;

	harness_ok(sample_ring_producer_create(s, &p, "ring", 4));
	harness_ok(sample_ring_consumer_open(s, &consumer, "ring"));
	ck_assert_int_eq(sample_ring_pop(consumer, &sample), -EAGAIN);
	harness_ok(shmreg_object_remove(s, "ring"));
	ck_assert_int_eq(sample_ring_pop(consumer, &sample), -ESTALE);
	ck_assert_int_eq(sample_ring_clear(consumer), -ESTALE);
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(push(p, i), 0);
	ck_assert_int_eq(push(p, i), -ESTALE);
	for (i = 0; i < 4; i++)
		expect(consumer, i);
	harness_ok(sample_ring_producer_create(s, &new, "ring", 4));
	ck_assert_int_eq(push(new, 1), 0);
	ck_assert_int_eq(sample_ring_pop(consumer, &sample), -ESTALE);
	ck_assert_int_eq(sample_ring_producer_close(p), 0);
	ck_assert_int_eq(sample_ring_consumer_close(consumer), 0);
}
END_TEST

START_TEST(across_a_restart)
{
	struct sample_ring_producer *p = NULL;
	struct sample_ring_consumer *consumer = NULL;

	harness_ok(sample_ring_producer_create(s, &p, "ring", 4));
	ck_assert_int_eq(push(p, 1), 0);
	harness_kill_daemon(&h);
	harness_ok(sample_ring_consumer_open(s, &consumer, "ring")); /* needs no daemon */
	ck_assert_int_eq(push(p, 2), 0);
	harness_restart_daemon(&h);
	expect(consumer, 1);
	expect(consumer, 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ring-daemon");
	TCase *tcase = harness_case(suite, "ring");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, create_open_close);
	tcase_add_test(tcase, mismatches);
	tcase_add_test(tcase, read_only);
	tcase_add_test(tcase, roles_of_the_dead);
	tcase_add_test(tcase, roles_of_the_dead_in_the_gap);
	tcase_add_test(tcase, roles_of_those_who_left);
	tcase_add_test(tcase, forked);
	tcase_add_test(tcase, removed_while_open);
	tcase_add_test(tcase, across_a_restart);
	return harness_main(suite);
}
