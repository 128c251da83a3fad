/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "suite.h"
#include "topic-plain.h"
#include "topic-repair.h"
#include "waiter.h"

/*
 * Publishers and subscribers in one process, where ThreadSanitizer sees both sides. A publisher
 * "dies" now and then by walking away between two stores of a publication; another
 * thread repairs, and the role has a new holder.
 *
 * Now and then they wait, asleep. The very last message says that it is, so that all come to an
 * end.
 *
 * Where nobody may be overtaken, messages are written and read in place, as plain memory, which shows
 * ThreadSanitizer what the orders are for.
 *
 * Checked: what is read is whole; positions follow each other, losses counted in; messages of one
 * publisher come in its order, and if nothing was lost, all of them; in the end every chunk
 * is in one place. If reliable, nothing is lost (but by the evicted, who are told).
 */

#define PUBLISHERS 3
#define SUBSCRIBERS 3

struct item {
	uint32_t publisher, is_last;
	uint64_t n;
	uint64_t check[5];
};
SHMREG_DEFINE_TOPIC(items, struct item);

struct worker {
	pthread_t thread;
	uint32_t me;
	uint64_t n_done, n_lost, n_evicted, n_torn, n_disorder, n_failed, n_deaths;
};

static struct shmreg_shape shape;
static void *base;
static uint64_t n_each, start, n_publishing;
static pthread_barrier_t joined;
static pthread_mutex_t reaper = PTHREAD_MUTEX_INITIALIZER;	/* one repair at a time */

static void fill(struct item *item, uint32_t publisher, uint64_t n)
{
	size_t i;

	item->publisher = publisher;
	item->is_last = 0;
	item->n = n;
	for (i = 0; i < 5; i++)
		item->check[i] = n * (i + 3) + publisher;
}

static bool is_whole(const struct item *item)
{
	size_t i;

	if (item->publisher >= PUBLISHERS)
		return false;
	for (i = 0; i < 5; i++)
		if (item->check[i] != item->n * (i + 3) + item->publisher)
			return false;
	return true;
}

static bool in_place(void)
{
	return (shape.flags & SHMREG_TOPIC_RELIABLE) != 0 && shape.param[2] == 0;
}

static void relax(unsigned int *n)
{
	if ((++*n & 63) == 0)
		sched_yield();
}

static bool may_wait(struct random_state *r)
{
	return random_below(r, 8) == 0;
}

/* Walk away from a publication: before its slot is changed, or after, before the spare is. */
static void die(struct worker *w, struct items_publisher *pub, bool after)
{
	struct shmreg_reaper_report report = { 0 };
	struct shmreg_topic_publisher *role = pub->publisher.role;
	const uint32_t seat = pub->publisher.topic.handle.seat;
	uint64_t dead[64] = { 0 };
	const uint64_t spare = shmreg_load_relaxed(&role->spare);
	struct item item;

	fill(&item, w->me, w->n_done);
	if (after) {
		/* Publish, and undo what is done after the change of the slot. */
		if (items_publisher_publish(pub, &item) != 0)
			return;
		w->n_done++;
		/* Unless somebody needs it settled: then it is too late to undo. */
		if (pub->publisher.single)
			shmreg_store_release(&role->spare, spare);
	}
	dead[seat / 64] |= UINT64_C(1) << seat % 64;
	pthread_mutex_lock(&reaper);
	if (topic_repair(&shape, base, dead, &report) != 0 || report.n_gave_up != 0 ||
	    report.n_repaired != 1u + (after && pub->publisher.single))
		w->n_failed++;
	pthread_mutex_unlock(&reaper);
	if (publisher_bind(&pub->publisher, base, &shape, seat, NULL, w->me) != 0)
		w->n_failed++;
	w->n_deaths++;
}

static void *publish(void *data)
{
	struct worker *w = data;
	struct items_publisher pub;
	struct random_state r;
	struct item item, *place;
	unsigned int idle = 0;
	int got;

	random_seed(&r);
	r.x += w->me * 1001u;
	if (publisher_bind(&pub.publisher, base, &shape, 1 + w->me * 1000, NULL, w->me) != 0)
		w->n_failed++;
	while (w->n_done < n_each) {
		if (random_below(&r, 64) == 0) {
			die(w, &pub, random_below(&r, 2));
			continue;
		}
		if (in_place()) {
			got = items_publisher_reserve(&pub, &place);
			if (got == 0) {
				fill(place, w->me, w->n_done);
				got = may_wait(&r)
					      ? items_publisher_publish_reserved_wait(&pub, NULL)
					      : items_publisher_publish_reserved(&pub);
			}
		} else {
			fill(&item, w->me, w->n_done);
			got = may_wait(&r) ? items_publisher_publish_wait(&pub, &item, NULL)
					      : items_publisher_publish(&pub, &item);
		}
		if (got == 0)
			w->n_done++;
		else if (got != -EAGAIN && got != -EBUSY)
			w->n_failed++;
		if (got != 0)
			relax(&idle);
		else if (random_below(&r, 4) == 0)	/* subscribers want to read, too */
			sched_yield();
	}
	if (shmreg_fetch_add_acq_rel(&n_publishing, UINT64_MAX) == 1) {
		fill(&item, w->me, w->n_done);
		item.is_last = 1;
		if (items_publisher_publish_wait(&pub, &item, NULL) != 0)
			w->n_failed++;
		w->n_done++;
	}
	publisher_leave(&pub.publisher);
	return NULL;
}

static void *subscribe(void *data)
{
	struct worker *w = data;
	uint64_t next[PUBLISHERS] = { 0 }, position = start;
	struct items_subscriber sub;
	struct shmreg_topic_message m;
	const struct item *seen;
	struct random_state r;
	unsigned int idle = 0;
	struct item item = { 0 };
	int got;

	random_seed(&r);
	r.x += w->me * 1003u;
	/* The first only looks, if that is possible. */
	if (subscriber_bind(&sub.subscriber, base, &shape,
			    w->me == 0 && !(shape.flags & SHMREG_TOPIC_RELIABLE) ? 0 : 4000 + w->me,
			    NULL, 0) != 0)
		w->n_failed++;
	pthread_barrier_wait(&joined);
	while (!item.is_last) {
		if (random_below(&r, 4) == 0) {
			got = !may_wait(&r)
				      ? items_subscriber_peek(&sub, &seen, &m)
				      : items_subscriber_peek_wait(&sub, &seen, &m, NULL);
			if (got == 0) {
				if (in_place())
					item = *seen;
				else
					shmreg_copy_from_shared(&item, seen, sizeof(item));
				got = items_subscriber_consume(&sub);
				if (got == -EPIPE)
					continue;
			}
		} else {
			got = !may_wait(&r)
				      ? items_subscriber_read(&sub, &item, &m)
				      : items_subscriber_read_wait(&sub, &item, &m, NULL);
		}
		if (got == -EAGAIN || got == -EBUSY) {
			relax(&idle);
			continue;
		}
		if (got != 0) {
			w->n_failed++;
			break;
		}
		w->n_torn += !is_whole(&item) || item.publisher != m.publisher;
		w->n_disorder += m.first_lost != position || m.position != position + m.n_lost;
		position = m.position + 1;
		w->n_lost += m.n_lost;
		w->n_evicted += m.flags & SHMREG_TOPIC_WAS_EVICTED;
		if (item.publisher < PUBLISHERS) {
			w->n_disorder += item.n < next[item.publisher] ||
					 (w->n_lost == 0 && item.n != next[item.publisher]);
			next[item.publisher] = item.n + 1;
		}
		w->n_done++;
		if (random_below(&r, 4000) == 0)
			sched_yield();
	}
	w->n_disorder += w->n_lost != shmreg_subscriber_n_lost(&sub.subscriber);
	subscriber_leave(&sub.subscriber);
	return NULL;
}

static void torture(uint64_t capacity, uint32_t flags, uint32_t publishers, uint32_t lag_max,
		    uint64_t at)
{
	struct worker pub[PUBLISHERS] = { { 0 } }, sub[SUBSCRIBERS] = { { 0 } };
	struct shmreg_topic t = { .mask = 0 };
	uint64_t newest, published = 0, n_deaths = 0;
	uint32_t i;

	ck_assert_int_eq(waiter_register(), 0);
	n_each = random_rounds(20000) / publishers;
	start = at;
	shape = topic_shape(capacity, sizeof(struct item), SHMREG_ALIGNOF(struct item), flags,
			    publishers, SUBSCRIBERS, lag_max);
	base = plain_map(&shape);
	ck_assert_ptr_nonnull(base);
	topic_seed(base, &shape, start, (UINT64_C(1) << 40) - 100);
	n_publishing = publishers;
	ck_assert_int_eq(pthread_barrier_init(&joined, NULL, SUBSCRIBERS + 1), 0);
	for (i = 0; i < SUBSCRIBERS; i++) {
		sub[i].me = i;
		ck_assert_int_eq(pthread_create(&sub[i].thread, NULL, subscribe, &sub[i]), 0);
	}
	/* They begin at the start: publishers of a reliable topic wait for those who are there. */
	pthread_barrier_wait(&joined);
	for (i = 0; i < publishers; i++) {
		pub[i].me = i;
		ck_assert_int_eq(pthread_create(&pub[i].thread, NULL, publish, &pub[i]), 0);
	}
	for (i = 0; i < publishers; i++) {
		ck_assert_int_eq(pthread_join(pub[i].thread, NULL), 0);
		ck_assert_uint_eq(pub[i].n_failed, 0);
		published += pub[i].n_done;
		n_deaths += pub[i].n_deaths;
	}
	topic_bind(&t, base, &shape, 0, NULL);
	ck_assert_int_eq(shmreg_topic_newest(&t, &newest), 0);
	ck_assert_uint_eq(newest - start, published);
	ck_assert_uint_gt(n_deaths, 0);
	for (i = 0; i < SUBSCRIBERS; i++) {
		ck_assert_int_eq(pthread_join(sub[i].thread, NULL), 0);
		printf("%llu published, %llu read, %llu lost, %llu times evicted\n",
		       (unsigned long long)published, (unsigned long long)sub[i].n_done,
		       (unsigned long long)sub[i].n_lost, (unsigned long long)sub[i].n_evicted);
		ck_assert_uint_eq(sub[i].n_failed, 0);
		ck_assert_uint_eq(sub[i].n_torn, 0);
		ck_assert_uint_eq(sub[i].n_disorder, 0);
		if ((flags & SHMREG_TOPIC_RELIABLE) != 0 && lag_max == 0)
			ck_assert_uint_eq(sub[i].n_done, published);
	}
	pthread_barrier_destroy(&joined);
	ck_assert(topic_is_whole(base, &shape));
	ck_assert(topic_is_left(base, &shape));
	plain_unmap(base, &shape);
}

START_TEST(one_publisher)
{
	torture(4, 0, 1, 0, (UINT64_C(1) << 42) - 3000);
}
END_TEST

START_TEST(several)
{
	torture(2, 0, PUBLISHERS, 0, (UINT64_C(1) << 41) - 3000);
}
END_TEST

START_TEST(several_large)
{
	torture(64, 0, PUBLISHERS, 0, 0);
}
END_TEST

START_TEST(reliable)
{
	torture(4, SHMREG_TOPIC_RELIABLE, 1, 0, (UINT64_C(1) << 48) - 3000);
}
END_TEST

START_TEST(reliable_several)
{
	torture(8, SHMREG_TOPIC_RELIABLE, PUBLISHERS, 0, (UINT64_C(1) << 43) - 3000);
}
END_TEST

START_TEST(evicting)
{
	torture(8, SHMREG_TOPIC_RELIABLE, PUBLISHERS, 4, (UINT64_C(1) << 48) - 3000);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("topic-threads");

	tcase_set_timeout(c, 0);
	tcase_add_test(c, one_publisher);
	tcase_add_test(c, several);
	tcase_add_test(c, several_large);
	tcase_add_test(c, reliable);
	tcase_add_test(c, reliable_several);
	tcase_add_test(c, evicting);
	return run_case("topic-threads", c);
}
