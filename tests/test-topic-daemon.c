/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

/* Topics in a real segment: opening, roles, cursors, reading only, death, fork, removal. */

struct sample {
	uint64_t n, check;
};
SHMREG_DEFINE_TOPIC(samples, struct sample);
SHMREG_DEFINE_TOPIC(words, uint64_t);

static struct harness h;
static struct shmreg_connection *c;
static struct shmreg_segment *s;
static const struct shmreg_topic_params four = { .size = sizeof(four), .capacity = 4 };
static const struct shmreg_topic_params reliable = { .size = sizeof(reliable), .capacity = 4,
						     .flags = SHMREG_TOPIC_RELIABLE,
						     .subscribers = 2 };

static void setup(void)
{
	harness_start_segment(&h, 8, &c, &s);
}

static void teardown(void)
{
	c = shmreg_disconnect(c);
	harness_stop(&h);
}

static int publish(struct samples_publisher *pub, uint64_t n)
{
	const struct sample sample = { n, ~n };

	return samples_publisher_publish(pub, &sample);
}

static void expect(struct samples_subscriber *sub, uint64_t n, uint64_t n_lost)
{
	struct shmreg_topic_message m;
	struct sample sample;

	ck_assert_int_eq(samples_subscriber_read(sub, &sample, &m), 0);
	ck_assert_uint_eq(sample.n, n);
	ck_assert_uint_eq(sample.check, ~n);
	ck_assert_uint_eq(m.n_lost, n_lost);
}

static int expect_nothing(struct samples_subscriber *sub)
{
	struct sample sample;

	return samples_subscriber_read(sub, &sample, NULL);
}

START_TEST(create_open_close)
{
	struct samples_publisher *pub = NULL, *pub2 = NULL;
	struct samples_subscriber *a = NULL, *b = NULL;
	const struct shmreg_topic *look = NULL;
	struct shmreg_topic_stats stats = { .size = sizeof(stats) };
	uint64_t newest;

	harness_ok(samples_publisher_create(s, &pub, "topic", &four));
	harness_result(samples_publisher_create(s, &pub2, "topic", &four), -EEXIST);
	harness_result(samples_publisher_open(s, &pub2, "topic"), -EBUSY);
	harness_sentence("has a publisher already");
	harness_ok(samples_subscriber_open(s, &a, "topic", 0));
	ck_assert_int_eq(publish(pub, 1), 0);
	ck_assert_int_eq(publish(pub, 2), 0);
	harness_ok(samples_subscriber_open_or_create(s, &b, "topic", &four));
	ck_assert_int_eq(expect_nothing(b), -EAGAIN);
	ck_assert_int_eq(samples_subscriber_close(b), 0);
	harness_ok(samples_subscriber_open(s, &b, "topic", 1));
	expect(b, 2, 0);
	harness_ok(shmreg_topic_open_const(s, &look, "topic", NULL));
	harness_ok(shmreg_topic_newest(look, &newest));
	ck_assert_uint_eq(newest, 2);
	harness_ok(shmreg_topic_stat(look, &stats));
	ck_assert_uint_eq(stats.n_publishers, 1);
	ck_assert_uint_eq(stats.n_subscribers, 2);
	/* the role is free once the handle is closed, and what was published stays */
	ck_assert_int_eq(samples_publisher_close(pub), 0);
	harness_ok(samples_publisher_open_or_create(s, &pub, "topic", &four));
	ck_assert_int_eq(publish(pub, 3), 0);
	expect(a, 1, 0);
	expect(a, 2, 0);
	expect(a, 3, 0);
	ck_assert_int_eq(samples_publisher_close(pub), 0);
	ck_assert_int_eq(samples_subscriber_close(a), 0);
	ck_assert_int_eq(samples_subscriber_close(b), 0);
	harness_ok(shmreg_topic_stat(look, &stats));
	ck_assert_uint_eq(stats.n_publishers, 0);
	ck_assert_uint_eq(stats.n_subscribers, 0);
	ck_assert_int_eq(shmreg_topic_close(look), 0);
	ck_assert_int_eq(samples_publisher_close(NULL), 0);
	ck_assert_int_eq(samples_subscriber_close(NULL), 0);
	ck_assert_int_eq(shmreg_topic_close(NULL), 0);
}
END_TEST

START_TEST(several_publishers)
{
	struct shmreg_topic_params params = four;
	struct samples_publisher *pub[4] = { NULL };
	struct samples_subscriber *sub = NULL;
	uint64_t i;

	params.publishers = 3;
	harness_ok(samples_publisher_create(s, &pub[0], "topic", &params));
	harness_ok(samples_publisher_open(s, &pub[1], "topic"));
	harness_ok(samples_publisher_open(s, &pub[2], "topic"));
	harness_result(samples_publisher_open(s, &pub[3], "topic"), -EBUSY);
	harness_ok(samples_subscriber_open(s, &sub, "topic", SHMREG_TOPIC_ALL));
	for (i = 0; i < 30; i++) {
		ck_assert_int_eq(publish(pub[i % 3], i), 0);
		expect(sub, i, 0);
	}
}
END_TEST

START_TEST(mismatches)
{
	struct shmreg_topic_params params = { .size = sizeof(params), .capacity = 8,
					      .message_bytes = 8, .message_align = 8 };
	struct samples_publisher *pub = NULL;
	struct words_publisher *w = NULL;
	struct words_subscriber *ws = NULL;
	struct shmreg_publisher *untyped = NULL;
	struct shmreg_subscriber *sub = NULL;

	harness_ok(samples_publisher_create(s, &pub, "topic", &four));
	harness_result(words_publisher_open(s, &w, "topic"), -EMEDIUMTYPE);
	harness_sentence("uint64_t");
	harness_result(words_subscriber_open(s, &ws, "topic", 0), -EMEDIUMTYPE);
	harness_result(words_subscriber_open_or_create(s, &ws, "topic", &four), -EMEDIUMTYPE);
	harness_result(shmreg_subscriber_open(s, &sub, "topic", &params), -EMEDIUMTYPE);
	harness_ok(shmreg_subscriber_open(s, &sub, "topic", NULL));
	params.capacity = 7;
	harness_result(shmreg_publisher_create(s, &untyped, "new", &params), -EINVAL);
	harness_sentence("power of two");
	params.capacity = 8;
	params.lag_max = 3;
	harness_result(shmreg_publisher_create(s, &untyped, "new", &params), -EINVAL);
	harness_sentence("reliable");
	params.lag_max = 0;
	params.publishers = 65;
	harness_result(shmreg_publisher_create(s, &untyped, "new", &params), -EINVAL);
	params.publishers = 0;
	params.size = 1;
	harness_result(shmreg_publisher_create(s, &untyped, "new", &params), -EINVAL);
	harness_result(shmreg_publisher_open(s, &untyped, "new", NULL), -ENOENT);
}
END_TEST

START_TEST(read_only)
{
	struct samples_publisher *pub = NULL, *pub2 = NULL, *rel = NULL;
	struct samples_subscriber *sub = NULL, *none = NULL;
	const struct shmreg_topic *look = NULL;
	struct shmreg_topic_stats stats = { .size = sizeof(stats) };
	struct shmreg_segment *r;
	uint64_t i;

	harness_ok(samples_publisher_create(s, &pub, "topic", &four));
	harness_ok(samples_publisher_create(s, &rel, "reliable", &reliable));
	ck_assert_int_eq(publish(pub, 0), 0);
	harness_ok(shmreg_segment_open(c, &r, "seg", SHMREG_ACCESS_READ));
	harness_result(samples_publisher_open(r, &pub2, "topic"), -EROFS);
	harness_sentence("shmreg_topic_open_const()");
	harness_result(samples_subscriber_open(r, &none, "reliable", 0), -EROFS);
	harness_sentence("is reliable");
	harness_result(samples_subscriber_create(r, &none, "new", &four), -EROFS);
	harness_ok(samples_subscriber_open(r, &sub, "topic", 1));
	harness_ok(shmreg_topic_open_const(r, &look, "topic", NULL));
	expect(sub, 0, 0);
	for (i = 1; i < 4; i++)
		ck_assert_int_eq(publish(pub, i), 0);
	for (i = 1; i < 4; i++)
		expect(sub, i, 0);
	for (i = 4; i < 20; i++)
		ck_assert_int_eq(publish(pub, i), 0);
	expect(sub, 17, 13);
	ck_assert_uint_eq(samples_subscriber_lag(sub), 2);
	harness_ok(shmreg_topic_stat(look, &stats));
	ck_assert_uint_eq(stats.n_subscribers, 0);
	shmreg_segment_close(r);
}
END_TEST

/* In another process: it publishes and subscribes, and waits to be killed. */
static void take_part(const struct mouth *mouth, void *arg)
{
	struct shmreg_connection *connection = harness_connect();
	struct samples_publisher *pub = NULL;
	struct samples_subscriber *sub = NULL;
	struct shmreg_segment *segment;
	struct sample *place;

	(void)arg;
	harness_ok(shmreg_segment_open(connection, &segment, "seg", SHMREG_ACCESS_WRITE));
	harness_ok(samples_publisher_create(segment, &pub, "topic", &reliable));
	harness_ok(samples_subscriber_open(segment, &sub, "topic", 0));
	ck_assert_int_eq(publish(pub, 1), 0);
	ck_assert_int_eq(publish(pub, 2), 0);
	expect(sub, 1, 0);
	ck_assert_int_eq(samples_publisher_reserve(pub, &place), 0);
	place->n = 99;
	tell(mouth, 0);
	hear(mouth);
}

/* At once: what of the death the daemon does not know yet is waited for. */
START_TEST(the_dead_are_replaced)
{
	struct samples_publisher *pub = NULL;
	struct samples_subscriber *a = NULL, *b = NULL;
	struct process p;
	uint64_t i;

	process_start(&p, take_part, NULL);
	process_expect(&p, 0);
	harness_result(samples_publisher_open(s, &pub, "topic"), -EBUSY);
	harness_sentence("publisher");
	harness_ok(samples_subscriber_open(s, &a, "topic", SHMREG_TOPIC_ALL));
	harness_result(samples_subscriber_open(s, &b, "topic", 0), -EBUSY);
	harness_sentence("all its subscribers already");
	/* only stopped is not dead */
	process_stop(&p);
	harness_result(samples_publisher_open(s, &pub, "topic"), -EBUSY);
	process_continue(&p);
	process_kill(&p);
	harness_ok(samples_subscriber_open(s, &b, "topic", 0));
	harness_ok(samples_publisher_open(s, &pub, "topic"));
	expect(a, 1, 0);
	expect(a, 2, 0);
	/* the dead one's lag holds nobody */
	for (i = 3; i < 7; i++)
		ck_assert_int_eq(publish(pub, i), 0);
	ck_assert_int_eq(publish(pub, 7), -EAGAIN);
	for (i = 3; i < 7; i++) {
		expect(a, i, 0);
		expect(b, i, 0);
	}
	ck_assert_int_eq(publish(pub, 7), 0);
	expect(a, 7, 0);
}
END_TEST

/* Of the death of a subscriber a publisher that is held learns from the directory. */
static void lag(const struct mouth *mouth, void *arg)
{
	struct shmreg_connection *connection = harness_connect();
	struct samples_subscriber *sub = NULL;
	struct shmreg_segment *segment;

	(void)arg;
	harness_ok(shmreg_segment_open(connection, &segment, "seg", SHMREG_ACCESS_WRITE));
	harness_ok(samples_subscriber_open(segment, &sub, "topic", 0));
	tell(mouth, 0);
	hear(mouth);
}

static bool is_free(void *arg)
{
	return publish(arg, 9) == 0;
}

START_TEST(a_dead_subscriber_holds_nobody)
{
	struct samples_publisher *pub = NULL;
	struct process p;
	uint64_t i;

	harness_ok(samples_publisher_create(s, &pub, "topic", &reliable));
	process_start(&p, lag, NULL);
	process_expect(&p, 0);
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(publish(pub, i), 0);
	ck_assert_int_eq(publish(pub, 4), -EAGAIN);
	process_kill(&p);
	harness_wait(is_free, pub, "room");
}
END_TEST

struct handles {
	struct samples_publisher *pub;
	struct samples_subscriber *sub;
	const struct shmreg_topic *look;
};

static void use_inherited(const struct mouth *mouth, void *arg)
{
	const struct handles *o = arg;
	struct sample sample = { 0, 0 }, *place;
	const struct sample *seen;
	uint64_t newest;

	ck_assert_int_eq(publish(o->pub, 9), -ECHILD);
	ck_assert_int_eq(samples_publisher_reserve(o->pub, &place), -ECHILD);
	ck_assert_int_eq(samples_publisher_publish_reserved(o->pub), -ECHILD);
	ck_assert_int_eq(samples_subscriber_read(o->sub, &sample, NULL), -ECHILD);
	ck_assert_int_eq(samples_subscriber_peek(o->sub, &seen, NULL), -ECHILD);
	ck_assert_int_eq(samples_subscriber_consume(o->sub), -ECHILD);
	ck_assert_uint_eq(samples_subscriber_lag(o->sub), 0);
	ck_assert_int_eq(shmreg_topic_newest(o->look, &newest), -ECHILD);
	/* ending what is not one's own ends nothing */
	harness_result(samples_publisher_close(o->pub), -ECHILD);
	harness_result(samples_subscriber_close(o->sub), -ECHILD);
	harness_result(shmreg_topic_close(o->look), -ECHILD);
	tell(mouth, 0);
}

START_TEST(forked)
{
	struct samples_publisher *another = NULL;
	struct handles o = { NULL, NULL, NULL };

	harness_ok(samples_publisher_create(s, &o.pub, "topic", &reliable));
	harness_ok(samples_subscriber_open(s, &o.sub, "topic", 0));
	harness_ok(shmreg_topic_open_const(s, &o.look, "topic", NULL));
	ck_assert_int_eq(publish(o.pub, 1), 0);
	process_try(use_inherited, &o);
	/* the parent goes on, and its role and cursor are its own */
	ck_assert_int_eq(publish(o.pub, 2), 0);
	expect(o.sub, 1, 0);
	expect(o.sub, 2, 0);
	harness_result(samples_publisher_open(s, &another, "topic"), -EBUSY);
}
END_TEST

START_TEST(removed_while_open)
{
	struct samples_publisher *pub = NULL, *new = NULL;
	struct samples_subscriber *sub = NULL;
	uint64_t i;

	harness_ok(samples_publisher_create(s, &pub, "topic", &reliable));
	harness_ok(samples_subscriber_open(s, &sub, "topic", 0));
	ck_assert_int_eq(expect_nothing(sub), -EAGAIN);
	harness_ok(shmreg_object_remove(s, "topic"));
	ck_assert_int_eq(expect_nothing(sub), -ESTALE);
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(publish(pub, i), 0);
	ck_assert_int_eq(publish(pub, i), -ESTALE);
	for (i = 0; i < 4; i++)
		expect(sub, i, 0);
	harness_ok(samples_publisher_create(s, &new, "topic", &reliable));
	ck_assert_int_eq(publish(new, 1), 0);
	ck_assert_int_eq(expect_nothing(sub), -ESTALE);
	ck_assert_int_eq(samples_publisher_close(pub), 0);
	ck_assert_int_eq(samples_subscriber_close(sub), 0);
}
END_TEST

START_TEST(across_a_restart)
{
	struct samples_publisher *pub = NULL;
	struct samples_subscriber *sub = NULL;

	harness_ok(samples_publisher_create(s, &pub, "topic", &four));
	ck_assert_int_eq(publish(pub, 1), 0);
	harness_kill_daemon(&h);
	harness_ok(samples_subscriber_open(s, &sub, "topic", 1)); /* needs no daemon */
	ck_assert_int_eq(publish(pub, 2), 0);
	harness_restart_daemon(&h);
	expect(sub, 1, 0);
	expect(sub, 2, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("topic-daemon");
	TCase *tcase = harness_case(suite, "topic");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, create_open_close);
	tcase_add_test(tcase, several_publishers);
	tcase_add_test(tcase, mismatches);
	tcase_add_test(tcase, read_only);
	tcase_add_test(tcase, the_dead_are_replaced);
	tcase_add_test(tcase, a_dead_subscriber_holds_nobody);
	tcase_add_test(tcase, forked);
	tcase_add_test(tcase, removed_while_open);
	tcase_add_test(tcase, across_a_restart);
	return harness_main(suite);
}
