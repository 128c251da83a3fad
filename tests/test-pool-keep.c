/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdbool.h>

#include "pool-keep-fixture.h"

/*
 * What a handle keeps of what it released: it gets it back by plain stores, others get it who find
 * nothing else, nobody is told that nothing is free, and nobody gets it twice.
 */

#define PATIENCE 64		/* searches of a handle that was recalled until it keeps again */

static int count(void *data, const struct shmreg_pool_holder *holder)
{
	(void)holder;
	++*(int *)data;
	return 0;
}

/* It is free for all that is said, and its reference is stale. */
START_TEST(what_is_kept_is_free)
{
	static const uint64_t generations[] = { 0, 1, POOL_GENERATION_MAX - 1, POOL_GENERATION_MAX };
	struct shmreg_pool p, other;
	shmreg_pool_ref ref, again;
	int n = 0;

	setup(3);
	pool_seed(base, &shape, generations[_i]);
	pool_bind(&p, base, &shape, 4095);
	pool_bind(&other, base, &shape, 6);
	ref = kept(&p);
	ck_assert_uint_eq(stat_of(&other).n_free, 3);
	ck_assert_int_eq(shmreg_pool_holders(&other, count, &n), 0);
	ck_assert_int_eq(n, 0);
	ck_assert_ptr_null(shmreg_pool_get(&p, ref));
	ck_assert_int_eq(shmreg_pool_check(&p, ref), -ESTALE);
	ck_assert_int_eq(shmreg_pool_owner(&other, ref), -ESTALE);
	ck_assert_int_eq(shmreg_pool_release(&p, ref), -ESTALE);
	ck_assert_int_eq(shmreg_pool_release_batch(&p, &ref, 1), -ESTALE);
	again = acquire(&p);
	ck_assert_uint_eq(p.keeper->ref, 0);
	ck_assert_uint_eq(word_of(again), shmreg_pool_word_held(again, 4095));
	ck_assert_uint_eq(shmreg_pool_ref_index(again), shmreg_pool_ref_index(ref));
	ck_assert_uint_ne(again >> SHMREG_POOL_GENERATION_SHIFT, 0);
	ck_assert_uint_ne(again, ref);
	ck_assert_int_eq(shmreg_pool_release(&p, again), 0);
	teardown();
}
END_TEST

/* Several are held at a time: whichever is given back first is kept, and one only. */
START_TEST(one_is_kept)
{
	struct shmreg_pool p;
	shmreg_pool_ref refs[3];
	int i;

	setup(3);
	pool_bind(&p, base, &shape, 5);
	for (i = 0; i < 3; i++)
		refs[i] = acquire(&p);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(shmreg_pool_release(&p, refs[(i + _i) % 3]), 0);
	ck_assert_uint_eq(p.keeper->ref, refs[_i]);
	ck_assert_uint_eq(word_of(refs[(_i + 1) % 3]), shmreg_pool_word_free(refs[(_i + 1) % 3]));
	ck_assert_uint_eq(word_of(refs[(_i + 2) % 3]), shmreg_pool_word_free(refs[(_i + 2) % 3]));
	ck_assert_uint_eq(pool_keep_count(&p, 9), 1);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&p, refs, 3, 3), 3);
	ck_assert_uint_eq(pool_keep_count(&p, 9), 0);
	ck_assert_int_eq(shmreg_pool_release_batch(&p, refs, 3), 0);
	teardown();
}
END_TEST

/* Who is recalled loses it, has another tag, and does not keep for some time. */
START_TEST(others_take_it)
{
	struct shmreg_pool p, other;
	shmreg_pool_ref ref;
	uint64_t tag;
	int i;

	setup(1);
	pool_bind(&p, base, &shape, 5);
	pool_bind(&other, base, &shape, 6);
	kept(&p);
	tag = p.tag;
	ref = acquire(&other);
	expect_exhausted(&other);
	expect_exhausted(&p);
	ck_assert_uint_ne(p.tag, tag);
	ck_assert_uint_eq(p.keeper->recall, p.tag);
	ck_assert_int_eq(shmreg_pool_release(&other, ref), 0);
	/* The other is no keeper: there is one for so few objects. */
	ck_assert_uint_eq(word_of(ref), shmreg_pool_word_free(ref));
	for (i = 0; i < PATIENCE; i++) {
		ref = acquire(&p);
		ck_assert_int_eq(shmreg_pool_release(&p, ref), 0);
		ck_assert_uint_eq(word_of(ref), shmreg_pool_word_free(ref));
	}
	kept(&p);
	teardown();
}
END_TEST

/* A batch takes its own, what is free, and what others keep; all or none. */
START_TEST(batches_take_all)
{
	struct shmreg_pool p[4];
	shmreg_pool_ref refs[32], ref;
	int i;

	setup(32);
	for (i = 0; i < 4; i++) {
		pool_bind(&p[i], base, &shape, 5 + (uint32_t)i);
		kept(&p[i]);
	}
	ck_assert_uint_eq(pool_keep_count(&p[0], 9), 4);
	ck_assert_uint_eq(pool_keep_count(&p[0], 2), 2);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&p[0], refs, 32, 32), 32);
	ck_assert_uint_eq(stat_of(&p[0]).n_held, 32);
	for (i = 0; i < 4; i++)
		expect_exhausted(&p[i]);
	ck_assert_int_eq(shmreg_pool_release_batch(&p[0], refs, 32), 0);
	/* What is put back, because it was too little, can be had. */
	ref = acquire(&p[1]);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&p[0], refs, 32, 32), -EAGAIN);
	ck_assert_uint_eq(stat_of(&p[0]).n_free, 31);
	ck_assert_int_eq(shmreg_pool_release(&p[1], ref), 0);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&p[0], refs, 32, 32), 32);
	ck_assert_int_eq(shmreg_pool_release_batch(&p[0], refs, 32), 0);
	teardown();
}
END_TEST

/* Those who are sent objects by others give them all back. */
START_TEST(who_does_not_acquire_keeps_nothing)
{
	struct shmreg_pool from, to;
	shmreg_pool_ref ref;
	int i;

	setup(64);
	pool_bind(&from, base, &shape, 5);
	pool_bind(&to, base, &shape, 6);
	for (i = 0; i < 3; i++) {
		ref = acquire(&from);
		*pool_word(base, &shape, shmreg_pool_ref_index(ref)) = shmreg_pool_word_held(ref, 6);
		ck_assert_int_eq(shmreg_pool_release(&to, ref), 0);
		ck_assert_uint_eq(word_of(ref), shmreg_pool_word_free(ref));
	}
	ck_assert_ptr_null(to.keeper);
	teardown();
}
END_TEST

/* There are as many keepers as there are, and all others work as well. */
START_TEST(keepers_run_out)
{
	struct shmreg_pool p[4];
	shmreg_pool_ref ref;
	uint64_t tag;
	int i;

	setup(3 * SHMREG_POOL_PER_KEEPER);
	for (i = 0; i < 4; i++) {
		pool_bind(&p[i], base, &shape, 500 + (uint32_t)i);
		if (i < 3)
			kept(&p[i]);
	}
	ref = acquire(&p[3]);
	ck_assert_ptr_null(p[3].keeper);
	ck_assert_int_eq(shmreg_pool_release(&p[3], ref), 0);
	ck_assert_uint_eq(word_of(ref), shmreg_pool_word_free(ref));
	/* Whose place is given up, another has it, with another tag. */
	tag = p[1].tag;
	ref = p[1].mine;
	pool_keep_end(&p[1]);
	ck_assert_uint_eq(word_of(ref), shmreg_pool_word_free(word_of(ref)));
	ck_assert_uint_eq(pool_keep_count(&p[0], 9), 2);
	for (i = 0; i <= PATIENCE; i++) {
		ref = acquire(&p[3]);
		ck_assert_int_eq(shmreg_pool_release(&p[3], ref), 0);
	}
	ck_assert_ptr_nonnull(p[3].keeper);
	ck_assert_uint_ne(p[3].tag, tag);
	ck_assert(p[3].kept);
	teardown();
}
END_TEST

/* What the dead kept is free; they held nothing. Those who live keep what they keep. */
START_TEST(keepers_die)
{
	struct shmreg_pool_shm *shm;
	struct shmreg_pool p, other, next;
	struct shmreg_reaper_report report;
	shmreg_pool_ref ref, others;
	uint64_t tag;

	setup(16);
	shm = base;
	pool_bind(&p, base, &shape, 5);
	pool_bind(&other, base, &shape, 6);
	ref = kept(&p);
	others = kept(&other);
	tag = p.tag;
	switch (_i) {
	case 0:		/* between two calls */
		break;
	case 1:		/* it was released, and not yet said to be kept */
		p.keeper->ref = 0;
		break;
	case 2:		/* about to be closed */
		shm->keepers &= ~(UINT64_C(1) << (p.keeper - p.keepers));
		break;
	case 3:		/* recalled */
		p.keeper->recall |= SHMREG_POOL_WANTED;
	}
	report = repaired(5);
	ck_assert_int_eq(report.status, 0);
	ck_assert_uint_eq(report.n_freed + report.n_repaired + report.n_gave_up, 0);
	ck_assert_uint_eq(shm->n_reclaimed, 0);
	ck_assert_uint_eq(word_of(ref), shmreg_pool_word_free(ref));
	ck_assert_uint_eq(p.keeper->seat, 0);
	ck_assert_uint_eq(p.keeper->ref, 0);
	ck_assert_uint_eq((uint64_t)__builtin_popcountll(shm->keepers), 1);
	ck_assert_uint_eq(other.keeper->ref, others);
	ck_assert_uint_eq(other.keeper->seat, 6);
	/* The seat's next owner, in the same place. */
	pool_bind(&next, base, &shape, 5);
	kept(&next);
	ck_assert_ptr_eq(next.keeper, p.keeper);
	ck_assert_uint_ne(next.tag, tag);
	ck_assert_uint_eq(next.keeper->recall, next.tag);
	teardown();
}
END_TEST

/* Killed having become keeper, before it was said in the bitmap: the place is free again. */
START_TEST(dead_before_the_bit)
{
	struct shmreg_pool p, next;

	setup(8);
	pool_bind(&p, base, &shape, 5);
	p.keepers[0].seat = 5;
	repaired(5);
	ck_assert_uint_eq(p.keepers[0].seat, 0);
	pool_bind(&next, base, &shape, 6);
	kept(&next);
	teardown();
}
END_TEST

/* Killed having recalled: the handle finds out, and gets what it keeps nevertheless. */
START_TEST(dead_in_recall)
{
	struct shmreg_pool p;
	shmreg_pool_ref ref;
	uint64_t tag;

	setup(1);
	pool_bind(&p, base, &shape, 5);
	kept(&p);
	tag = p.tag;
	p.keeper->recall |= SHMREG_POOL_WANTED;
	ref = acquire(&p);
	ck_assert_uint_eq(p.keeper->recall, p.tag);
	ck_assert_uint_ne(p.tag, tag);
	ck_assert_int_eq(shmreg_pool_release(&p, ref), 0);
	ck_assert_uint_eq(word_of(ref), shmreg_pool_word_free(ref));
	teardown();
}
END_TEST

/*
 * A keeper that was recalled and then did nothing has a ref left. When the generations have gone
 * round, it names what another keeps, who does not see that this one is recalled; of another
 * participant or of the same.
 */
START_TEST(ref_stays_behind)
{
	struct shmreg_pool x, y, z;
	shmreg_pool_ref ref, refs[32];
	int i;

	setup(32);
	pool_bind(&x, base, &shape, 5);
	pool_bind(&y, base, &shape, _i == 0 ? 6 : 5);
	pool_bind(&z, base, &shape, 7);
	ref = kept(&x);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&z, refs, 32, 32), 32);
	ck_assert_uint_eq(x.keeper->ref, ref);
	x.keeper->recall = x.tag;
	*pool_word(base, &shape, shmreg_pool_ref_index(ref)) =
		shmreg_pool_word_free(ref - SHMREG_POOL_GENERATION_ONE);
	ck_assert_uint_eq(kept(&y), ref);
	/* It is about to acquire, and has seen nothing of a recall. */
	y.keeper->ref = SHMREG_POOL_NONE;
	expect_exhausted(&z);
	ck_assert_uint_eq(word_of(ref), shmreg_pool_word_kept(ref, y.handle.seat, y.tag));
	ck_assert_uint_eq(y.keeper->recall, y.tag);
	if (_i == 0)
		ck_assert_uint_eq(x.keeper->recall, x.tag);
	y.keeper->ref = ref;
	for (i = 0; shmreg_pool_ref_index(refs[i]) != shmreg_pool_ref_index(ref); i++)
		;
	refs[i] = acquire(&z);
	ck_assert_uint_eq(shmreg_pool_ref_index(refs[i]), shmreg_pool_ref_index(ref));
	ck_assert_int_eq(shmreg_pool_release_batch(&z, refs, 32), 0);
	teardown();
}
END_TEST

/* Bytes that no correct process writes: others find nothing there, and touch nothing. */
START_TEST(nonsense_in_keepers)
{
	const uint64_t g = SHMREG_POOL_GENERATION_ONE;
	const uint64_t bad[] = { g, g | 2, g | 9, UINT64_MAX, g | UINT64_C(1) << 37, 1, 2 };
	struct shmreg_pool p, other;
	shmreg_pool_ref refs[8];
	size_t i;

	setup(8);
	pool_bind(&p, base, &shape, 5);
	pool_bind(&other, base, &shape, 6);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&p, refs, 8, 8), 8);
	((struct shmreg_pool_shm *)base)->keepers = UINT64_MAX;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		p.keepers[0].ref = bad[i];
		expect_exhausted(&other);
		ck_assert_uint_eq(pool_keep_count(&other, 9), 0);
		ck_assert_uint_eq(p.keepers[0].recall, p.tag);
	}
	ck_assert_int_eq(shmreg_pool_release_batch(&p, refs, 8), 0);
	teardown();
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("pool-keep");

	tcase_set_timeout(c, 300);
	tcase_add_loop_test(c, what_is_kept_is_free, 0, 4);
	tcase_add_loop_test(c, one_is_kept, 0, 3);
	tcase_add_test(c, others_take_it);
	tcase_add_test(c, batches_take_all);
	tcase_add_test(c, who_does_not_acquire_keeps_nothing);
	tcase_add_test(c, keepers_run_out);
	tcase_add_loop_test(c, keepers_die, 0, 4);
	tcase_add_test(c, dead_before_the_bit);
	tcase_add_test(c, dead_in_recall);
	tcase_add_loop_test(c, ref_stays_behind, 0, 2);
	tcase_add_test(c, nonsense_in_keepers);
	return run_case("pool-keep", c);
}
