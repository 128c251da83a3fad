/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "asleep.h"
#include "object-queue-plain.h"
#include "suite.h"
#include "waiter.h"

/* Who waits for objects that travel, or for room to send them, in plain memory. */

#define CAPACITY 2
#define N_OBJECTS 6

enum what { SEND, RECEIVE, ACQUIRE, FROM_POOL };

/* One who waits; outside of the stacks, since threads use it. */
struct waits {
	struct actor actor;
	enum what what;
	shmreg_pool_ref ref;
	struct shmreg_object_lease lease;
	const struct timespec *deadline;
	struct sleeper sleeper;
};

static struct pair pair;
static struct waits waits[3];
static struct actor me;

static void setup(void)
{
	unsigned int i;

	ck_assert_int_eq(waiter_register(), 0);
	pair_map(&pair, N_OBJECTS, 24, CAPACITY, SHMREG_QUEUE_REDELIVER, 0, 0);
	pair_bind(&pair, &me, 0);
	for (i = 0; i < 3; i++) {
		memset(&waits[i], 0, sizeof(waits[i]));
		pair_bind(&pair, &waits[i].actor, 1 + i);
	}
}

static void teardown(void)
{
	ck_assert(pair_is_clean(&pair));
	pair_unmap(&pair);
}

static shmreg_pool_ref object(void)
{
	shmreg_pool_ref ref = SHMREG_POOL_NONE;

	ck_assert_int_eq(shmreg_pool_acquire(&me.pool, &ref), 0);
	return ref;
}

static void send(void)
{
	ck_assert_int_eq(shmreg_object_queue_send(&me.queue, object()), 0);
}

/* The same, by one who was stopped, or died, before he woke anybody. */
static void send_in_silence(void)
{
	union shmreg_eventcount *const items = &shmreg_queue_shm_(&me.queue.queue)->items;
	const uint64_t is = shmreg_load_acquire(&items->both);

	shmreg_store_release(&items->both, 0);
	send();
	shmreg_store_release(&items->both, is);
}

static void fill(void)
{
	int i;

	for (i = 0; i < CAPACITY; i++)
		send();
}

static void drain(void)
{
	shmreg_pool_ref ref;

	while (shmreg_object_queue_receive(&me.queue, &ref) == 0)
		ck_assert_int_eq(shmreg_pool_release(&me.pool, ref), 0);
}

static int do_wait(void *arg)
{
	struct waits *w = arg;

	switch (w->what) {
	case SEND:
		return shmreg_object_queue_send_wait(&w->actor.queue, w->ref, w->deadline);
	case RECEIVE:
		return shmreg_object_queue_receive_wait(&w->actor.queue, &w->ref, w->deadline);
	case ACQUIRE:
		return shmreg_object_queue_acquire_wait(&w->actor.queue, &w->lease, w->deadline);
	default:
		return shmreg_pool_acquire_wait(&w->actor.pool, &w->ref, w->deadline);
	}
}

static struct waits *fall_asleep(unsigned int i, enum what what)
{
	waits[i].what = what;
	if (what == SEND)
		ck_assert_int_eq(shmreg_pool_acquire(&waits[i].actor.pool, &waits[i].ref), 0);
	sleeper_spawn(&waits[i].sleeper, do_wait, &waits[i]);
	sleeper_await(&waits[i].sleeper);
	return &waits[i];
}

/* It was woken, and has what it waited for; which it gives back. */
static void gets_it(struct waits *w)
{
	ck_assert_int_eq(sleeper_result(&w->sleeper), 0);
	if (w->what == ACQUIRE)
		ck_assert_int_eq(shmreg_object_queue_release(&w->actor.queue, &w->lease), 0);
	else if (w->what != SEND)
		ck_assert_int_eq(shmreg_pool_release(&w->actor.pool, w->ref), 0);
}

static int wait_until(unsigned int i, enum what what, const struct timespec *deadline)
{
	waits[i].what = what;
	waits[i].deadline = deadline;
	return do_wait(&waits[i]);
}

START_TEST(without_sleep)
{
	const struct timespec past = { 0, 0 }, none = { 0, -1 };
	struct timespec soon;
	enum what what;

	for (what = RECEIVE; what <= ACQUIRE; what++) {
		waits[0].ref = 99;
		waits[0].lease.ref = 99;
		ck_assert_int_eq(wait_until(0, what, &past), -ETIMEDOUT);
		ck_assert_int_eq(wait_until(0, what, &none), -EINVAL);
		soon = shmreg_deadline(2000000);
		ck_assert_int_eq(wait_until(0, what, &soon), -ETIMEDOUT);
		ck_assert_uint_eq(what == ACQUIRE ? waits[0].lease.ref : waits[0].ref, 99);
	}
	waits[0].ref = 99;
	ck_assert_int_eq(wait_until(0, SEND, NULL), -EINVAL);
	ck_assert_int_eq(shmreg_pool_acquire(&waits[0].actor.pool, &waits[0].ref), 0);
	ck_assert_int_eq(wait_until(0, SEND, &past), 0);
	ck_assert_int_eq(wait_until(1, RECEIVE, &past), 0);
	fill();
	ck_assert_int_eq(wait_until(1, SEND, &past), -ETIMEDOUT);
	ck_assert_int_eq(wait_until(1, SEND, &none), -EINVAL);
	soon = shmreg_deadline(2000000);
	ck_assert_int_eq(wait_until(1, SEND, &soon), -ETIMEDOUT);
	/* Who held it holds it. */
	ck_assert_int_eq(shmreg_pool_release(&waits[1].actor.pool, waits[1].ref), 0);
	ck_assert_int_eq(wait_until(1, ACQUIRE, &past), 0);
	ck_assert_int_eq(shmreg_object_queue_release(&waits[1].actor.queue, &waits[1].lease), 0);
	drain();
}
END_TEST

START_TEST(objects)
{
	struct shmreg_object_lease lease;
	struct waits *w;
	uint64_t naps;

	w = fall_asleep(0, RECEIVE);
	naps = sleeper_naps(&w->sleeper);
	asleep_wake_for_nothing(
		&shmreg_queue_shm_(&me.queue.queue)->items.half[SHMREG_EVENTCOUNT_COUNT]);
	sleeper_await_after(&w->sleeper, naps);
	send();
	gets_it(w);
	w = fall_asleep(0, ACQUIRE);
	send();
	gets_it(w);
	/* refused: it comes again */
	send();
	ck_assert_int_eq(shmreg_object_queue_acquire(&me.queue, &lease), 0);
	w = fall_asleep(0, RECEIVE);
	ck_assert_int_eq(shmreg_object_queue_refuse(&me.queue, &lease), 0);
	gets_it(w);
}
END_TEST

/* A send that fails, having claimed a slot, sets those free that are behind it. */
START_TEST(sent_in_vain)
{
	uint64_t *const owner = me.queue.owner, decoy[N_OBJECTS] = { 0 };
	struct waits *const w = fall_asleep(0, RECEIVE);
	const shmreg_pool_ref ref = object();
	uint64_t naps = sleeper_naps(&w->sleeper);

	/* As if another thread gave it away between the look and the claim. */
	me.queue.owner = decoy;
	ck_assert_int_eq(shmreg_object_queue_send(&me.queue, ref), -EBUSY);
	me.queue.owner = owner;
	sleeper_await_after(&w->sleeper, naps);
	ck_assert_int_eq(shmreg_object_queue_send(&me.queue, ref), 0);
	gets_it(w);
}
END_TEST

enum giver { BY_RECEIVE, BY_RELEASE, BY_KEEP, BY_NONSENSE, BY_BORROWED_NONSENSE, N_GIVERS };

static void make_room(enum giver giver)
{
	struct shmreg_object_lease lease;
	shmreg_pool_ref ref, was;
	uint64_t *const in_slot =
		pair_ref(&pair, shmreg_queue_shm_(&me.queue.queue)->head >> SHMREG_QUEUE_POS_SHIFT);

	if (giver == BY_NONSENSE || giver == BY_BORROWED_NONSENSE) {
		was = *in_slot;
		*in_slot = 12345;
		ck_assert_int_eq(giver == BY_NONSENSE
					 ? shmreg_object_queue_receive(&me.queue, &ref)
					 : shmreg_object_queue_acquire(&me.queue, &lease),
				 -EUCLEAN);
		/* Nobody's now; ours, so that it can go on. */
		*pool_word(pair.pool, &pair.pool_shape, shmreg_pool_ref_index(was)) =
			shmreg_pool_word_free(was) | me.pool.claim;
		ck_assert_int_eq(shmreg_pool_release(&me.pool, was), 0);
		return;
	}
	if (giver == BY_RECEIVE) {
		ck_assert_int_eq(shmreg_object_queue_receive(&me.queue, &ref), 0);
		ck_assert_int_eq(shmreg_pool_release(&me.pool, ref), 0);
		return;
	}
	ck_assert_int_eq(shmreg_object_queue_acquire(&me.queue, &lease), 0);
	if (giver == BY_RELEASE) {
		ck_assert_int_eq(shmreg_object_queue_release(&me.queue, &lease), 0);
		return;
	}
	ref = lease.ref;
	ck_assert_int_eq(shmreg_object_queue_keep(&me.queue, &lease), 0);
	ck_assert_int_eq(shmreg_pool_release(&me.pool, ref), 0);
}

START_TEST(room)
{
	struct waits *w;

	fill();
	w = fall_asleep(0, SEND);
	make_room((enum giver)_i);
	gets_it(w);
	drain();
}
END_TEST

/* What is released from a lease is the pool's: who waits there gets it. */
START_TEST(objects_of_the_pool)
{
	struct shmreg_object_lease lease;
	shmreg_pool_ref refs[N_OBJECTS];
	struct waits *w;

	send();
	ck_assert_int_eq(shmreg_pool_acquire_batch(&me.pool, refs, N_OBJECTS, 1), N_OBJECTS - 1);
	w = fall_asleep(0, FROM_POOL);
	ck_assert_int_eq(shmreg_object_queue_acquire(&me.queue, &lease), 0);
	ck_assert_int_eq(shmreg_object_queue_release(&me.queue, &lease), 0);
	gets_it(w);
	ck_assert_int_eq(shmreg_pool_release_batch(&me.pool, refs, N_OBJECTS - 1), 0);
}
END_TEST

/* One is woken for one; what somebody did not wake for is passed on. */
START_TEST(passed_on)
{
	struct waits *const a = fall_asleep(0, RECEIVE), *const b = fall_asleep(1, ACQUIRE);
	union shmreg_eventcount *const space = &shmreg_queue_shm_(&me.queue.queue)->space;
	struct waits *c, *d;
	uint64_t is;

	send_in_silence();
	ck_assert(!asleep_is_sound() ||
		  (!sleeper_is_done(&a->sleeper) && !sleeper_is_done(&b->sleeper)));
	send();
	gets_it(a);
	gets_it(b);
	/* The same for room: freed in silence, and then one more. */
	fill();
	c = fall_asleep(0, SEND);
	d = fall_asleep(1, SEND);
	is = shmreg_load_acquire(&space->both);
	shmreg_store_release(&space->both, 0);
	make_room(BY_RECEIVE);
	shmreg_store_release(&space->both, is);
	make_room(BY_RECEIVE);
	gets_it(c);
	gets_it(d);
	drain();
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("object-queue-wait");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, without_sleep);
	tcase_add_test(tc, objects);
	tcase_add_test(tc, sent_in_vain);
	tcase_add_loop_test(tc, room, 0, N_GIVERS);
	tcase_add_test(tc, objects_of_the_pool);
	tcase_add_test(tc, passed_on);
	return run_case("object-queue-wait", tc);
}
