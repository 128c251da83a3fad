/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <string.h>

#include "object-queue-plain.h"
#include "suite.h"

/*
 * What a dead one leaves of a send, a receive or a lease, store by store, and its repair: each
 * in a fresh queue and in one whose slots have references of the lap before, with pool or
 * queue repaired first, and with the claim named by the counter or recorded by another.
 */

enum { DEAD, ALIVE, OTHER };
#define MASK(actor) (1u << (actor))

static struct pair pair;
static struct actor actor[3];
static uint64_t generation;

struct variant {
	uint64_t start;
	bool aged;		/* slots have references */
	bool recorded;
	enum order order;
};

static struct variant variant_of(int i)
{
	return (struct variant){
		.start = i & 8 ? (UINT64_C(1) << 43) - 2 : 0,
		.aged = (i & 4) != 0,
		.recorded = (i & 2) != 0,
		.order = i & 1 ? POOL_FIRST : QUEUE_FIRST,
	};
}
#define N_VARIANTS 16

static shmreg_pool_ref taken(int who)
{
	shmreg_pool_ref ref = 0;

	ck_assert_int_eq(shmreg_pool_acquire(&actor[who].pool, &ref), 0);
	return ref;
}

static void sent(int who)
{
	ck_assert_int_eq(shmreg_object_queue_send(&actor[who].queue, taken(who)), 0);
}

static shmreg_pool_ref received(int who)
{
	shmreg_pool_ref ref = 0;

	ck_assert_int_eq(shmreg_object_queue_receive(&actor[who].queue, &ref), 0);
	return ref;
}

static void begin(const struct variant *v, uint32_t flags)
{
	int i;

	generation = v->aged ? POOL_GENERATION_MAX - 1 : 0;
	pair_map(&pair, 8, 64, 4, flags, v->start, generation);
	for (i = 0; i < 3; i++)
		pair_bind(&pair, &actor[i], (unsigned int)i);
	for (i = 0; v->aged && i < 6; i++) {
		sent(DEAD);
		ck_assert_int_eq(shmreg_pool_release(&actor[ALIVE].pool, received(ALIVE)), 0);
	}
}

/* Repair, again, and again in the other order: the first does it all. */
static void repaired(const struct variant *v, uint64_t n_freed, uint64_t n_requeued)
{
	struct shmreg_reaper_report report[2];

	pair_repair(&pair, MASK(DEAD), v->order, report);
	ck_assert_uint_eq(report[0].n_freed, n_freed);
	ck_assert_uint_eq(report[0].n_requeued, n_requeued);
	ck_assert_uint_eq(report[0].n_gave_up + report[1].n_gave_up, 0);
	pair_repair(&pair, MASK(DEAD), v->order == POOL_FIRST ? QUEUE_FIRST : POOL_FIRST, report);
	ck_assert_uint_eq(report[0].n_repaired + report[1].n_repaired, 0);
}

static void nothing_is_left(void)
{
	shmreg_pool_ref ref;
	int i;

	ck_assert_int_eq(shmreg_object_queue_receive(&actor[OTHER].queue, &ref), -EAGAIN);
	ck_assert(pair_is_clean(&pair));
	for (i = 0; i < 4; i++)
		sent(ALIVE);
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(shmreg_pool_release(&actor[OTHER].pool, received(OTHER)), 0);
	for (i = 0; i < 8; i++)
		taken(ALIVE);
	ck_assert_int_eq(shmreg_pool_acquire(&actor[ALIVE].pool, &ref), -EAGAIN);
	pair_unmap(&pair);
}

enum sending { CLAIMED, WRITTEN, GIVEN };

/* The stores of a send, up to one of them. Return: the reference. */
static shmreg_pool_ref send_until(enum sending last)
{
	struct shmreg_object_queue *q = &actor[DEAD].queue;
	const shmreg_pool_ref ref = taken(DEAD);
	uint64_t word = shmreg_pool_word_held(ref, pair_pool_seat(DEAD));
	struct shmreg_queue_claim_ claim;

	ck_assert_int_eq(shmreg_queue_claim_push_one_(&q->queue, 16, &claim), 1);
	if (last >= WRITTEN)
		*shmreg_object_queue_ref_(claim.slot) = ref;
	if (last >= GIVEN)
		ck_assert(shmreg_cas_acq_rel(&q->owner[shmreg_pool_ref_index(ref)], &word,
					     shmreg_object_queue_sent_(q, ref, claim.pos)));
	return ref;
}

START_TEST(dead_sender)
{
	const struct variant v = variant_of(_i % N_VARIANTS);
	const enum sending last = (enum sending)(_i / N_VARIANTS);
	shmreg_pool_ref ref;

	begin(&v, 0);
	ref = send_until(last);
	if (v.recorded)
		sent(ALIVE);
	repaired(&v, last == GIVEN ? 0 : 1, 0);
	ck_assert_uint_eq(((struct shmreg_queue_shm *)pair.queue)->n_aborted, last != GIVEN);
	if (last == GIVEN) {
		ck_assert_uint_eq(received(OTHER), ref);
		ck_assert_int_eq(shmreg_pool_release(&actor[OTHER].pool, ref), 0);
	} else {
		ck_assert_int_eq(shmreg_pool_check(&actor[OTHER].pool, ref), -ESTALE);
	}
	if (v.recorded)
		ck_assert_int_eq(shmreg_pool_release(&actor[OTHER].pool, received(OTHER)), 0);
	nothing_is_left();
}
END_TEST

enum receiving { TAKEN_SLOT, TAKEN_OBJECT, LENT, LENT_AND_FREED, LENT_AND_KEPT };

static void receive_until(enum receiving last)
{
	struct shmreg_object_queue *q = &actor[DEAD].queue;
	struct shmreg_queue_claim_ claim;
	shmreg_pool_ref ref;
	uint64_t word;

	ck_assert_int_eq(shmreg_queue_claim_pop_one_(&q->queue, 16, &claim), 1);
	ref = *shmreg_object_queue_ref_(claim.slot);
	word = shmreg_object_queue_sent_(q, ref, claim.pos);
	if (last >= LENT)
		*shmreg_queue_word_(claim.slot) =
			claim.lap | shmreg_queue_mark_(&q->queue) | SHMREG_QUEUE_READING;
	if (last == TAKEN_OBJECT || last == LENT_AND_KEPT)
		ck_assert(shmreg_cas_acq_rel(&q->owner[shmreg_pool_ref_index(ref)], &word,
					     shmreg_pool_word_held(ref, pair_pool_seat(DEAD))));
	if (last == LENT_AND_FREED)
		ck_assert(shmreg_cas_acq_rel(&q->owner[shmreg_pool_ref_index(ref)], &word,
					     shmreg_pool_word_free(ref)));
}

START_TEST(dead_receiver)
{
	const struct variant v = variant_of(_i % N_VARIANTS);
	const enum receiving last = (enum receiving)(_i / N_VARIANTS % 5);
	const bool redeliver = _i / N_VARIANTS / 5 != 0;
	const bool had_it = last == TAKEN_OBJECT || last >= LENT_AND_FREED;
	const struct shmreg_queue_shm *shm;
	shmreg_pool_ref ref;

	begin(&v, redeliver ? SHMREG_QUEUE_REDELIVER : 0);
	shm = pair.queue;
	sent(ALIVE);
	sent(ALIVE);
	ref = *pair_ref(&pair, shm->head >> SHMREG_QUEUE_POS_SHIFT);
	receive_until(last);
	if (v.recorded)
		ck_assert_int_eq(shmreg_pool_release(&actor[ALIVE].pool, received(ALIVE)), 0);
	repaired(&v, !had_it && !redeliver, !had_it && redeliver);
	ck_assert_uint_eq(shm->n_dropped, !had_it && !redeliver);
	ck_assert_uint_eq(shm->n_redelivered, !had_it && redeliver);
	if (!had_it && redeliver) {
		ck_assert_uint_eq(received(OTHER), ref);
		ck_assert_int_eq(shmreg_pool_release(&actor[OTHER].pool, ref), 0);
	} else {
		ck_assert_int_eq(shmreg_pool_check(&actor[OTHER].pool, ref), -ESTALE);
	}
	if (!v.recorded)
		ck_assert_int_eq(shmreg_pool_release(&actor[OTHER].pool, received(OTHER)), 0);
	nothing_is_left();
}
END_TEST

/*
 * The reaper was killed when it had freed what was dropped and not yet the hint above it: the
 * next run finds the object free, and must not leave it hidden.
 */
START_TEST(killed_repair_of_a_drop)
{
	const struct variant v = { .order = QUEUE_FIRST };
	const struct queue_repair_pool pool = {
		.shape = &pair.pool_shape, .queue = PAIR_INDEX, .base = NULL,
	};
	struct queue_repair_pool p = pool;
	struct shmreg_reaper_report report = { 0 };
	uint64_t dead[64] = { 0 };
	shmreg_pool_ref ref;
	uint64_t *word;
	int i;

	begin(&v, 0);
	sent(ALIVE);
	ref = *pair_ref(&pair, 0);
	word = pool_word(pair.pool, &pair.pool_shape, shmreg_pool_ref_index(ref));
	for (i = 0; i < 7; i++)
		taken(ALIVE);
	ck_assert_int_eq(shmreg_pool_acquire(&actor[ALIVE].pool, &ref), -EAGAIN);
	ck_assert_uint_gt(pool_count_hints(pair.pool, &pair.pool_shape), 0);
	receive_until(TAKEN_SLOT);
	*word = shmreg_pool_word_free(*word);
	dead[pair_queue_seat(DEAD) / 64] = UINT64_C(1) << pair_queue_seat(DEAD) % 64;
	p.base = pair.pool;
	/* of the queue alone: the pool's seats may have been repaired before */
	ck_assert_int_eq(queue_repair_objects(&pair.queue_shape, pair.queue, NULL, &p, dead, &report),
			 0);
	ck_assert_int_eq(shmreg_pool_acquire(&actor[ALIVE].pool, &ref), 0);
	pair_unmap(&pair);
}
END_TEST

/* References that no correct process writes: no harm is done outside, nothing is given to the wrong. */
START_TEST(nonsense)
{
	const struct variant v = variant_of(_i % 2);
	const bool redeliver = _i / 2 % 2 != 0;
	static const uint64_t bad[] = { 0, UINT64_MAX, 9, UINT64_C(1) << 37, 3 };
	struct shmreg_reaper_report report[2];
	shmreg_pool_ref held;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		begin(&v, redeliver ? SHMREG_QUEUE_REDELIVER : 0);
		held = taken(ALIVE);
		sent(ALIVE);
		receive_until(TAKEN_SLOT);
		*pair_ref(&pair, 0) = i == 4 ? held : bad[i];
		pair_repair(&pair, MASK(DEAD), v.order, report);
		ck_assert_uint_eq(report[0].n_freed + report[0].n_requeued, 0);
		ck_assert_int_eq(shmreg_pool_check(&actor[ALIVE].pool, held), 0);
		ck_assert(queue_is_clean(pair.queue, &pair.queue_shape));
		/* A claim of two positions, which nobody makes here. */
		((struct shmreg_queue_shm *)pair.queue)->users[pair_queue_seat(DEAD) / 64] |=
			UINT64_C(1) << pair_queue_seat(DEAD) % 64;
		*pair_slot(&pair, 0) = UINT64_C(2) << SHMREG_QUEUE_N_SHIFT |
				       (uint64_t)pair_queue_seat(DEAD) << SHMREG_QUEUE_OWNER_SHIFT |
				       SHMREG_QUEUE_READING;
		pair_repair(&pair, MASK(DEAD), v.order, report);
		ck_assert_uint_eq(report[0].n_gave_up, 1);
		pair_unmap(&pair);
	}
}
END_TEST

/* Both ends of one journey are dead. */
START_TEST(two_dead)
{
	const struct variant v = variant_of(_i % 2);
	struct shmreg_reaper_report report[2];
	struct shmreg_object_queue *q = &actor[OTHER].queue;
	struct shmreg_queue_claim_ claim;

	begin(&v, SHMREG_QUEUE_REDELIVER);
	sent(ALIVE);
	send_until(GIVEN);
	ck_assert_int_eq(shmreg_queue_claim_pop_one_(&q->queue, 16, &claim), 1);
	pair_repair(&pair, MASK(DEAD) | MASK(OTHER), v.order, report);
	ck_assert_uint_eq(report[0].n_requeued, 1);
	ck_assert_uint_eq(report[0].n_repaired, 2);
	pair_bind(&pair, &actor[OTHER], OTHER);
	ck_assert_int_eq(shmreg_pool_release(&actor[OTHER].pool, received(OTHER)), 0);
	ck_assert_int_eq(shmreg_pool_release(&actor[OTHER].pool, received(OTHER)), 0);
	pair_bind(&pair, &actor[DEAD], DEAD);
	nothing_is_left();
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("object-queue-wreckage");

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, dead_sender, 0, 3 * N_VARIANTS);
	tcase_add_loop_test(tc, dead_receiver, 0, 2 * 5 * N_VARIANTS);
	tcase_add_test(tc, killed_repair_of_a_drop);
	tcase_add_loop_test(tc, nonsense, 0, 4);
	tcase_add_loop_test(tc, two_dead, 0, 2);
	return run_case("object-queue-wreckage", tc);
}
