/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <string.h>

#include "asleep.h"
#include "harness.h"

/*
 * Waits for rings in a real segment: what deaths, the daemon's and others', and removal do to those
 * who sleep. Each test is run for four who wait: consumer and producer, of elements and of records.
 */

SHMREG_DEFINE_RING(word_ring, uint64_t);

#define ELEMENTS 4
#define RECORDS 4		/* of 8 bytes */
static const struct shmreg_record_params records = { .size = sizeof(records),
						     .capacity = 16 * RECORDS };

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

/* A process that has a role, and does as it is told. */
struct client {
	bool records, produces;
	struct word_ring_producer *p;
	struct word_ring_consumer *c;
	struct shmreg_record_producer *rp;
	struct shmreg_record_consumer *rc;
};

enum command {
	FINISH,		/* by process_finish() */
	PREPARE,	/* push, or pop, until that fails, and tell the error */
	ONCE,		/* push or pop */
	HALF,		/* the same, but die before anybody is woken, or at least never go on */
	WAIT,		/* push or pop, for ever */
	WAIT_BRIEFLY,
};

static void open_role(struct client *me, struct shmreg_segment *segment)
{
	if (me->records && me->produces)
		harness_ok(shmreg_record_producer_open_or_create(segment, &me->rp, "records",
								 &records));
	else if (me->records)
		harness_ok(shmreg_record_consumer_open_or_create(segment, &me->rc, "records",
								 &records));
	else if (me->produces)
		harness_ok(word_ring_producer_open_or_create(segment, &me->p, "ring", ELEMENTS));
	else
		harness_ok(word_ring_consumer_open_or_create(segment, &me->c, "ring", ELEMENTS));
}

/* Number by number. @deadline: its first is NULL: do not wait. */
static int64_t act(struct client *me, bool waits, const struct timespec *deadline)
{
	uint64_t n = 0, want = 0;
	size_t bytes;
	int r;

	if (me->records && me->produces) {
		n = me->rp->n_written;
		return waits ? shmreg_record_push_wait(me->rp, &n, sizeof(n), deadline)
			     : shmreg_record_push(me->rp, &n, sizeof(n));
	}
	if (me->produces) {
		n = me->p->producer.tail;
		return waits ? word_ring_push_wait(me->p, &n, deadline) : word_ring_push(me->p, &n);
	}
	if (me->records) {
		want = me->rc->n_read;
		r = waits ? shmreg_record_pop_wait(me->rc, &n, sizeof(n), &bytes, deadline)
			  : shmreg_record_pop(me->rc, &n, sizeof(n), &bytes);
	} else {
		want = shmreg_ring_head_(&me->c->consumer);
		r = waits ? word_ring_pop_wait(me->c, &n, deadline) : word_ring_pop(me->c, &n);
	}
	if (r == 0)
		ck_assert_uint_eq(n, want);
	return r;
}

/* What a call has stored when it is killed before it looks for sleepers. */
static void act_half(struct client *me)
{
	struct shmreg_ring_shm *shm;
	const void *seen;
	uint64_t flip;
	size_t bytes;
	void *place;

	if (me->records && me->produces) {
		shm = shmreg_ring_shm_(&me->rp->ring);
		flip = me->rp->flip ^ SHMREG_RING_FLIP;
		ck_assert_int_eq(shmreg_record_reserve(me->rp, &place, 8), 0);
		memcpy(place, &me->rp->n_written, 8);
		shmreg_record_write_header_(me->rp, me->rp->reserved_place, 8);
		shmreg_store_release(&shm->n_written[flip], me->rp->n_written + 1);
		shmreg_store_release(&shm->tail, (me->rp->reserved_place + 16) | flip);
	} else if (me->produces) {
		shm = shmreg_ring_shm_(&me->p->producer.ring);
		ck_assert_int_ge(shmreg_ring_reserve(&me->p->producer, &place, 1), 1);
		memcpy(place, &me->p->producer.tail, 8);
		shmreg_store_release(&shm->tail, me->p->producer.tail + 1);
	} else if (me->records) {
		shm = shmreg_ring_shm_(&me->rc->ring);
		flip = me->rc->flip ^ SHMREG_RING_FLIP;
		ck_assert_int_eq(shmreg_record_view(me->rc, &seen, &bytes), 0);
		shmreg_store_release(&shm->n_read[flip], me->rc->n_read + 1);
		shmreg_store_release(&shm->head, (me->rc->head + me->rc->viewed) | flip);
	} else {
		shm = shmreg_ring_shm_(&me->c->consumer.ring);
		shmreg_store_release(&shm->head, shmreg_ring_head_(&me->c->consumer) + 1);
	}
}

static int64_t obey(struct client *me, enum command command)
{
	const struct timespec soon = shmreg_deadline(1000000);
	int64_t r;

	switch (command) {
	case PREPARE:
		do
			r = act(me, false, NULL);
		while (r == 0);
		return r;
	case ONCE:
		return act(me, false, NULL);
	case HALF:
		act_half(me);
		return 0;
	case WAIT:
		return act(me, true, NULL);
	default:
		return act(me, true, &soon);
	}
}

static void run(const struct mouth *mouth, void *arg)
{
	struct shmreg_connection *connection = harness_connect();
	struct shmreg_segment *segment;
	struct client me = *(struct client *)arg;
	int64_t command;

	harness_ok(shmreg_segment_open(connection, &segment, "seg", SHMREG_ACCESS_WRITE));
	open_role(&me, segment);
	tell(mouth, 0);
	while ((command = hear(mouth)) != FINISH)
		tell(mouth, obey(&me, (enum command)command));
	shmreg_disconnect(connection);
}

static void start(struct process *p, bool of_records, bool produces)
{
	struct client client = { .records = of_records, .produces = produces };

	process_start(p, run, &client);
	process_expect(p, 0);
}

static int64_t order(struct process *p, enum command command)
{
	process_tell(p, (int64_t)command);
	return process_hear(p);
}

/* The one who waits, and its peer; numbered as said above. */
static struct process waiter, peer;

static void start_waiter(int i)
{
	start(&waiter, i >= 2, i % 2 == 1);
	ck_assert_int_eq(order(&waiter, PREPARE), -EAGAIN);
	process_tell(&waiter, WAIT);
	asleep_await(waiter.pid, waiter.pid);
}

static void start_peer(int i)
{
	start(&peer, i >= 2, i % 2 == 0);
}

static void expect_woken(void)
{
	ck_assert_int_eq(order(&peer, ONCE), 0);
	process_expect(&waiter, 0);
	process_finish(&waiter);
	process_finish(&peer);
}

START_TEST(peer_dies)
{
	uint64_t naps;

	start_peer(_i);
	start_waiter(_i);
	naps = asleep_naps(waiter.pid, waiter.pid);
	process_kill(&peer);
	/* told of it, and sleeps on */
	asleep_await_after(waiter.pid, waiter.pid, naps);
	start_peer(_i);
	expect_woken();
}
END_TEST

START_TEST(peer_dies_before_it_wakes)
{
	start_peer(_i);
	start_waiter(_i);
	ck_assert_int_eq(order(&peer, HALF), 0);
	ck_assert(asleep(waiter.pid, waiter.pid));
	process_kill(&peer);
	process_expect(&waiter, 0);
	/* and all is as if it had */
	start_peer(_i);
	process_tell(&waiter, PREPARE);
	process_expect(&waiter, -EAGAIN);
	process_tell(&waiter, WAIT);
	asleep_await(waiter.pid, waiter.pid);
	expect_woken();
}
END_TEST

START_TEST(dies_asleep)
{
	start_peer(_i);
	start_waiter(_i);
	process_kill(&waiter);
	start_waiter(_i);
	expect_woken();
}
END_TEST

/* Whoever comes first: the other need not have come yet. */
START_TEST(peer_comes_later)
{
	start_waiter(_i);
	start_peer(_i);
	expect_woken();
}
END_TEST

START_TEST(stopped_is_not_dead)
{
	start_peer(_i);
	start_waiter(_i);
	process_stop(&waiter);
	ck_assert_int_eq(order(&peer, ONCE), 0);
	process_continue(&waiter);
	process_expect(&waiter, 0);
	process_finish(&waiter);
	process_finish(&peer);
}
END_TEST

START_TEST(removed)
{
	start_waiter(_i);
	harness_ok(shmreg_object_remove(s, _i >= 2 ? "records" : "ring"));
	process_expect(&waiter, -ESTALE);
	/* nor does it wait again */
	ck_assert_int_eq(order(&waiter, WAIT), -ESTALE);
	process_finish(&waiter);
}
END_TEST

START_TEST(deadline)
{
	start_peer(_i);
	start_waiter(_i);
	ck_assert_int_eq(order(&peer, ONCE), 0);
	process_expect(&waiter, 0);
	ck_assert_int_eq(order(&waiter, WAIT_BRIEFLY), -ETIMEDOUT);
	process_finish(&waiter);
	process_finish(&peer);
}
END_TEST

START_TEST(daemon_is_restarted)
{
	start_peer(_i);
	start_waiter(_i);
	harness_kill_daemon(&h);
	ck_assert(asleep(waiter.pid, waiter.pid));
	if (_i % 2 == 0)
		ck_assert_int_eq(order(&peer, ONCE), 0);
	harness_restart_daemon(&h);
	if (_i % 2 != 0)
		ck_assert_int_eq(order(&peer, ONCE), 0);
	process_expect(&waiter, 0);
	process_finish(&waiter);
	process_finish(&peer);
}
END_TEST

START_TEST(daemon_is_stopped)
{
	start_waiter(_i);
	harness_stop_daemon(&h);
	process_expect(&waiter, -EHOSTDOWN);
	/* nobody would notice a death, so none waits; all else goes on */
	ck_assert_int_eq(order(&waiter, WAIT_BRIEFLY), -EHOSTDOWN);
	ck_assert_int_eq(order(&waiter, ONCE), -EAGAIN);
	harness_restart_daemon(&h);
	process_kill(&waiter);
}
END_TEST

static struct client inherited;

static void use_inherited(const struct mouth *mouth, void *arg)
{
	struct client *me = arg;

	tell(mouth, act(me, true, NULL));
}

START_TEST(forked)
{
	struct process child;

	inherited = (struct client){ .records = _i >= 2, .produces = _i % 2 == 1 };
	open_role(&inherited, s);
	process_start(&child, use_inherited, &inherited);
	process_expect(&child, -ECHILD);
	ck_assert_int_eq(process_wait(&child), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		peer_dies, peer_dies_before_it_wakes, dies_asleep, peer_comes_later,
		stopped_is_not_dead, removed, deadline, daemon_is_restarted, daemon_is_stopped,
		forked,
	};
	Suite *suite = suite_create("ring-wait-daemon");
	TCase *tcase = harness_case(suite, "ring");
	size_t i;

	tcase_add_checked_fixture(tcase, setup, teardown);
	for (i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		tcase_add_loop_test(tcase, tests[i], 0, 4);
	return harness_main(suite);
}
