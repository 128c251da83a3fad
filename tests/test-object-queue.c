/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <string.h>

#include "object-queue-plain.h"
#include "suite.h"

/* Objects that go from hand to hand, without a daemon. */

struct frame {
	uint64_t number;
	uint8_t pixels[40];
};
SHMREG_DEFINE_POOL(frames, struct frame);
SHMREG_DEFINE_OBJECT_QUEUE(shots, frames);

static struct pair pair;
static struct actor a, b;

static void begin(uint64_t n_objects, uint64_t capacity, uint32_t flags, uint64_t start)
{
	pair_map(&pair, n_objects, sizeof(struct frame), capacity, flags, start,
		 start == 0 ? 0 : POOL_GENERATION_MAX - 2);
	pair_bind(&pair, &a, 0);
	pair_bind(&pair, &b, 1);
}

static void setup(void)
{
	begin(4, 4, 0, 0);
}

static void teardown(void)
{
	pair_unmap(&pair);
}

static shmreg_pool_ref taken(struct actor *actor, uint64_t number)
{
	shmreg_pool_ref ref = 0;
	struct frame *frame;

	ck_assert_int_eq(shmreg_pool_acquire(&actor->pool, &ref), 0);
	frame = shmreg_pool_get(&actor->pool, ref);
	ck_assert_ptr_nonnull(frame);
	frame->number = number;
	return ref;
}

static void sent(struct actor *actor, uint64_t number)
{
	ck_assert_int_eq(shmreg_object_queue_send(&actor->queue, taken(actor, number)), 0);
}

static shmreg_pool_ref received(struct actor *actor, uint64_t number)
{
	shmreg_pool_ref ref = 0;
	struct frame *frame;

	ck_assert_int_eq(shmreg_object_queue_receive(&actor->queue, &ref), 0);
	frame = shmreg_pool_get(&actor->pool, ref);
	ck_assert_ptr_nonnull(frame);
	ck_assert_uint_eq(frame->number, number);
	return ref;
}

START_TEST(it_changes_hands)
{
	const shmreg_pool_ref ref = taken(&a, 1);
	shmreg_pool_ref got = 99;
	struct shmreg_pool_stats stat = { .size = sizeof(stat) };

	ck_assert_int_eq(shmreg_object_queue_receive(&b.queue, &got), -EAGAIN);
	ck_assert_uint_eq(got, 99);
	ck_assert_int_eq(shmreg_pool_owner(&b.pool, ref), (int)pair_pool_seat(0));
	ck_assert_int_eq(shmreg_object_queue_send(&a.queue, ref), 0);
	/* Nobody's: not to be used, released or sent again. */
	ck_assert_ptr_null(shmreg_pool_get(&a.pool, ref));
	ck_assert_int_eq(shmreg_pool_check(&a.pool, ref), -EBUSY);
	ck_assert_int_eq(shmreg_pool_release(&a.pool, ref), -EBUSY);
	ck_assert_int_eq(shmreg_pool_release(&b.pool, ref), -EBUSY);
	ck_assert_int_eq(shmreg_object_queue_send(&a.queue, ref), -EBUSY);
	ck_assert_int_eq(shmreg_pool_stat(&a.pool, &stat), 0);
	ck_assert_uint_eq(stat.n_sent, 1);
	ck_assert_uint_eq(stat.n_held, 0);
	ck_assert_uint_eq(shmreg_queue_length(shmreg_object_queue_untyped(&a.queue)), 1);
	ck_assert_uint_eq(received(&b, 1), ref);
	ck_assert_int_eq(shmreg_pool_owner(&b.pool, ref), (int)pair_pool_seat(1));
	/* Theirs now. */
	ck_assert_ptr_null(shmreg_pool_get(&a.pool, ref));
	ck_assert_int_eq(shmreg_pool_release(&a.pool, ref), -EPERM);
	ck_assert_int_eq(shmreg_object_queue_send(&a.queue, ref), -EPERM);
	/* And back the same way. */
	ck_assert_int_eq(shmreg_object_queue_send(&b.queue, ref), 0);
	ck_assert_uint_eq(received(&a, 1), ref);
	ck_assert_int_eq(shmreg_pool_release(&a.pool, ref), 0);
	ck_assert_int_eq(shmreg_object_queue_send(&a.queue, ref), -ESTALE);
	ck_assert(pair_is_clean(&pair));
}
END_TEST

START_TEST(bad_references_are_not_sent)
{
	const shmreg_pool_ref ref = taken(&a, 1);
	uint64_t *const word = pool_word(pair.pool, &pair.pool_shape, shmreg_pool_ref_index(ref));
	const uint64_t tail = ((struct shmreg_queue_shm *)pair.queue)->tail;

	ck_assert_int_eq(shmreg_object_queue_send(&a.queue, SHMREG_POOL_NONE), -EINVAL);
	ck_assert_int_eq(shmreg_object_queue_send(&a.queue, UINT64_MAX), -EINVAL);
	ck_assert_int_eq(shmreg_object_queue_send(&a.queue, ref + 1), -ESTALE);
	ck_assert_int_eq(shmreg_object_queue_send(&a.queue, ref + 4), -EINVAL);
	ck_assert_int_eq(shmreg_object_queue_send(&a.queue, ref + SHMREG_POOL_GENERATION_ONE), -ESTALE);
	ck_assert_int_eq(shmreg_object_queue_send(&b.queue, ref), -EPERM);
	*word = shmreg_pool_word_kept(ref, 0, 0);
	ck_assert_int_eq(shmreg_object_queue_send(&a.queue, ref), -EUCLEAN);
	/* None of them took a place in the queue. */
	ck_assert_uint_eq(((struct shmreg_queue_shm *)pair.queue)->tail, tail);
	ck_assert(queue_is_clean(pair.queue, &pair.queue_shape));
}
END_TEST

START_TEST(full_keeps_it)
{
	shmreg_pool_ref ref;
	uint64_t i;

	teardown();
	begin(20, 4, 0, 0);
	for (i = 0; i < 4; i++)
		sent(&a, i);
	ref = taken(&a, 4);
	ck_assert_int_eq(shmreg_object_queue_send(&a.queue, ref), -EAGAIN);
	ck_assert_int_eq(shmreg_pool_check(&a.pool, ref), 0);
	shmreg_pool_release(&b.pool, received(&b, 0));
	ck_assert_int_eq(shmreg_object_queue_send(&a.queue, ref), 0);
	for (i = 1; i <= 4; i++)
		shmreg_pool_release(&b.pool, received(&b, i));
	ck_assert(pair_is_clean(&pair));
}
END_TEST

/* Positions and generations at which something wraps. */
static const uint64_t starts[] = {
	0, 256 - 3, (UINT64_C(1) << 31) - 3, (UINT64_C(1) << 43) - 9, (UINT64_C(1) << 43) - 1,
};

START_TEST(many_laps)
{
	uint64_t i;

	teardown();
	begin(3, 2, SHMREG_QUEUE_REDELIVER, starts[_i]);
	for (i = 0; i < 100; i++) {
		sent(i % 2 ? &a : &b, i);
		if (i % 3 == 0) {
			sent(&a, 1000 + i);
			ck_assert_int_eq(shmreg_pool_release(&b.pool, received(&b, i)), 0);
			ck_assert_int_eq(shmreg_pool_release(&a.pool, received(&a, 1000 + i)), 0);
		} else {
			ck_assert_int_eq(shmreg_pool_release(&b.pool, received(&b, i)), 0);
		}
	}
	ck_assert(pair_is_clean(&pair));
}
END_TEST

/* A word names one slot: what is in another of the same queue or index is another's. */
START_TEST(each_slot_has_its_own)
{
	shmreg_pool_ref ref = 0, first;

	sent(&a, 1);
	sent(&a, 2);
	first = *pair_ref(&pair, 0);
	/* Somebody wrote the second reference over the first. */
	*pair_ref(&pair, 0) = *pair_ref(&pair, 1);
	ck_assert_int_eq(shmreg_object_queue_receive(&b.queue, &ref), -EUCLEAN);
	ck_assert_uint_eq(ref, 0);
	received(&b, 2);
	ck_assert_int_eq(shmreg_object_queue_receive(&b.queue, &ref), -EAGAIN);
	/* The first is nobody's, and stays so as long as there is the queue. */
	ck_assert_int_eq(shmreg_pool_check(&a.pool, first), -EBUSY);
	/* Of another acquisition, of nothing, and beyond the pool. */
	sent(&a, 3);
	*pair_ref(&pair, 2) += SHMREG_POOL_GENERATION_ONE;
	ck_assert_int_eq(shmreg_object_queue_receive(&b.queue, &ref), -EUCLEAN);
	sent(&a, 4);
	*pair_ref(&pair, 3) = 0;
	ck_assert_int_eq(shmreg_object_queue_receive(&b.queue, &ref), -EUCLEAN);
	/* far beyond */
	teardown();
	begin(4, 4, 0, 0);
	sent(&a, 5);
	*pair_ref(&pair, 0) = UINT64_C(1) << 37;
	ck_assert_int_eq(shmreg_object_queue_receive(&b.queue, &ref), -EUCLEAN);
	ck_assert(queue_is_clean(pair.queue, &pair.queue_shape));
}
END_TEST

START_TEST(lent_out)
{
	struct shmreg_object_lease lease, again, other;
	shmreg_pool_ref ref;

	ck_assert_int_eq(shmreg_object_queue_acquire(&b.queue, &lease), -EAGAIN);
	sent(&a, 1);
	sent(&a, 2);
	sent(&a, 3);
	ck_assert_int_eq(shmreg_object_queue_acquire(&b.queue, &lease), 0);
	ck_assert_uint_eq(((struct frame *)lease.object)->number, 1);
	ck_assert_int_eq(shmreg_pool_check(&b.pool, lease.ref), -EBUSY);
	ck_assert_int_eq(shmreg_object_close(&b.queue.queue.handle), -ECHILD);	/* no segment */
	ck_assert_uint_eq(b.queue.queue.handle.n_leases, 1);
	ck_assert_int_eq(shmreg_object_queue_acquire(&b.queue, &other), 0);
	ck_assert_uint_eq(((struct frame *)other.object)->number, 2);
	/* Another's lease, a wrong object, a wrong position. */
	again = lease;
	ck_assert_int_eq(shmreg_object_queue_release(&a.queue, &again), -EPERM);
	again.object = other.object;
	ck_assert_int_eq(shmreg_object_queue_release(&b.queue, &again), -EINVAL);
	again = lease;
	again.position++;
	/* the other's slot, whose object this is not: (it is ours, but of another reference) */
	ck_assert_int_eq(shmreg_object_queue_keep(&b.queue, &again), -EUCLEAN);
	ck_assert_ptr_null(again.object);
	/* Which was its own fault; the first is all right. */
	ref = lease.ref;
	ck_assert_int_eq(shmreg_object_queue_keep(&b.queue, &lease), 0);
	ck_assert_ptr_null(lease.object);
	ck_assert_int_eq(shmreg_pool_check(&b.pool, ref), 0);
	ck_assert_int_eq(shmreg_pool_release(&b.pool, ref), 0);
	ck_assert_int_eq(shmreg_object_queue_keep(&b.queue, &lease), -EINVAL);
	/* done with */
	ck_assert_int_eq(shmreg_object_queue_acquire(&b.queue, &lease), 0);
	again = lease;
	ck_assert_int_eq(shmreg_object_queue_release(&b.queue, &lease), 0);
	ck_assert_int_eq(shmreg_object_queue_release(&b.queue, &again), -EINVAL);
	ck_assert_int_eq(shmreg_pool_check(&b.pool, again.ref), -ESTALE);
	ck_assert_uint_eq(b.queue.queue.handle.n_leases, 0);
	ck_assert(queue_is_clean(pair.queue, &pair.queue_shape));
}
END_TEST

START_TEST(refused)
{
	struct shmreg_object_lease lease;

	sent(&a, 1);
	sent(&a, 2);
	ck_assert_int_eq(shmreg_object_queue_acquire(&b.queue, &lease), 0);
	ck_assert_int_eq(shmreg_object_queue_refuse(&b.queue, &lease), 0);
	ck_assert_ptr_null(lease.object);
	/* Again, to whoever comes, by receive and by lease. */
	ck_assert_int_eq(shmreg_object_queue_acquire(&a.queue, &lease), 0);
	ck_assert_uint_eq(((struct frame *)lease.object)->number, 1);
	ck_assert_int_eq(shmreg_object_queue_refuse(&a.queue, &lease), 0);
	shmreg_pool_release(&b.pool, received(&b, 1));
	shmreg_pool_release(&b.pool, received(&b, 2));
	ck_assert(pair_is_clean(&pair));
}
END_TEST

/* release() finds what the hints hide, as a release of the pool does. */
START_TEST(freed_is_found)
{
	struct shmreg_object_lease lease;
	shmreg_pool_ref ref;

	teardown();
	begin(2, 2, 0, 0);
	sent(&a, 1);
	sent(&a, 2);
	ck_assert_int_eq(shmreg_pool_acquire(&a.pool, &ref), -EAGAIN);
	ck_assert_uint_gt(pool_count_hints(pair.pool, &pair.pool_shape), 0);
	ck_assert_int_eq(shmreg_object_queue_acquire(&b.queue, &lease), 0);
	ck_assert_int_eq(shmreg_object_queue_release(&b.queue, &lease), 0);
	ck_assert_int_eq(shmreg_pool_acquire(&a.pool, &ref), 0);
}
END_TEST

START_TEST(typed)
{
	struct shots *q = (struct shots *)&a.queue;
	struct frames *pool = (struct frames *)&a.pool;
	const struct frame frame = { .number = 7 };
	struct shots_lease lease;
	shmreg_pool_ref ref;

	ck_assert_uint_eq(sizeof(struct shots), sizeof(struct shmreg_object_queue));
	ck_assert_int_eq(frames_make(pool, &ref, &frame), 0);
	ck_assert_int_eq(shots_send(q, ref), 0);
	ck_assert_uint_eq(shots_length(q), 1);
	ck_assert_uint_eq(shots_capacity(q), 4);
	ck_assert_int_eq(shots_acquire(q, &lease), 0);
	ck_assert_uint_eq(lease.object->number, 7);
	ck_assert_int_eq(shots_refuse(q, &lease), 0);
	ck_assert_ptr_null(lease.object);
	ck_assert_int_eq(shots_receive(q, &ref), 0);
	ck_assert_uint_eq(frames_get(pool, ref)->number, 7);
	ck_assert_int_eq(shots_send(q, ref), 0);
	ck_assert_int_eq(shots_acquire(q, &lease), 0);
	ck_assert_int_eq(shots_keep(q, &lease), 0);
	ck_assert_int_eq(shots_send(q, ref), 0);
	ck_assert_int_eq(shots_acquire(q, &lease), 0);
	ck_assert_int_eq(shots_release(q, &lease), 0);
	ck_assert_ptr_eq(shots_untyped(q), &a.queue);
	ck_assert(pair_is_clean(&pair));
}
END_TEST

/* What a forked child finds in place of a handle. */
START_TEST(all_zero_handle)
{
	struct shmreg_object_queue zero;
	struct shmreg_object_lease lease = { NULL, 1, 0 };
	shmreg_pool_ref ref;

	memset(&zero, 0, sizeof(zero));
	ck_assert_int_eq(shmreg_object_queue_send(&zero, 1), -ECHILD);
	ck_assert_int_eq(shmreg_object_queue_receive(&zero, &ref), -ECHILD);
	ck_assert_int_eq(shmreg_object_queue_acquire(&zero, &lease), -ECHILD);
	ck_assert_int_eq(shmreg_object_queue_release(&zero, &lease), -ECHILD);
	ck_assert_int_eq(shmreg_object_queue_keep(&zero, &lease), -ECHILD);
	ck_assert_int_eq(shmreg_object_queue_refuse(&zero, &lease), -ECHILD);
	ck_assert_uint_eq(shmreg_queue_length(shmreg_object_queue_untyped(&zero)), 0);
}
END_TEST

START_TEST(swept)
{
	struct shmreg_reaper_report report;
	const shmreg_pool_ref held = taken(&a, 9);
	shmreg_pool_ref ref;
	uint64_t *other;

	sent(&a, 1);
	sent(&b, 2);
	/* One that travels through another queue. */
	ck_assert_int_eq(shmreg_pool_acquire(&a.pool, &ref), 0);
	other = pool_word(pair.pool, &pair.pool_shape, shmreg_pool_ref_index(ref));
	*other = shmreg_pool_word_sent(ref, PAIR_INDEX + 1, 0);
	ck_assert_int_eq(shmreg_pool_acquire(&a.pool, &ref), -EAGAIN);
	pair_sweep(&pair, &report);
	ck_assert_uint_eq(report.n_freed, 2);
	ck_assert_uint_eq(report.n_repaired, 2);
	ck_assert_int_eq(shmreg_pool_check(&a.pool, held), 0);
	ck_assert_uint_eq(*other & SHMREG_POOL_STATE_MASK, SHMREG_POOL_SENT);
	ck_assert_int_eq(shmreg_pool_acquire(&a.pool, &ref), 0);
	ck_assert_int_eq(shmreg_pool_acquire(&b.pool, &ref), 0);
	ck_assert_int_eq(shmreg_pool_acquire(&b.pool, &ref), -EAGAIN);
	/* Nothing the second time. */
	pair_sweep(&pair, &report);
	ck_assert_uint_eq(report.n_freed, 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("object-queue");
	const TTest *const tests[] = {
		it_changes_hands, bad_references_are_not_sent, full_keeps_it, each_slot_has_its_own,
		lent_out, refused, freed_is_found, typed, all_zero_handle, swept,
	};
	size_t i;

	tcase_add_checked_fixture(tc, setup, teardown);
	for (i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		tcase_add_test(tc, tests[i]);
	tcase_add_loop_test(tc, many_laps, 0, (int)(sizeof(starts) / sizeof(*starts)));
	return run_case("object-queue", tc);
}
