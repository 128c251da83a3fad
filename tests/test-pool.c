/* SPDX-License-Identifier: MIT */
#include <config.h>

#include "pool-fixture.h"

struct thing {
	uint64_t a, b;
	uint32_t c;
};
SHMREG_DEFINE_POOL(thing_pool, struct thing);

/* At which a group, a word of hints and one of hints of hints are full, and one more. */
static const uint64_t capacities[] = { 1, 2, 15, 16, 17, 255, 256, 257, 4097 };
#define N_CAPACITIES ((int)(sizeof(capacities) / sizeof(*capacities)))
static const uint64_t generations[] = { 0, 1, POOL_GENERATION_MAX - 1, POOL_GENERATION_MAX };
#define N_GENERATIONS ((int)(sizeof(generations) / sizeof(*generations)))

/* Each object is given out once, then none, then each again; two handles at it. */
START_TEST(every_object_once)
{
	const uint64_t n = _i < N_CAPACITIES ? capacities[_i] : 17;
	shmreg_pool_ref *const refs = calloc(n, sizeof(*refs));
	struct shmreg_pool p[2];
	uint64_t i, round, first;

	ck_assert_ptr_nonnull(refs);
	setup(n);
	if (_i >= N_CAPACITIES)
		pool_seed(base, &shape, generations[_i - N_CAPACITIES]);
	pool_bind(&p[0], base, &shape, 1);
	pool_bind(&p[1], base, &shape, 4095);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < n; i++) {
			const shmreg_pool_ref ref = acquire(&p[(i + round) % 2]);

			first = shmreg_pool_ref_index(ref);
			ck_assert_uint_eq(refs[first], 0);
			refs[first] = ref;
		}
		for (i = 0; i < 4; i++)	/* the hints come in steps */
			expect_exhausted(&p[i % 2]);
		ck_assert_uint_eq(stat_of(&p[0]).n_held, n);
		ck_assert_uint_eq(stat_of(&p[0]).n_exhausted, 4 * (round + 1));
		for (i = 0; i < n; i++) {
			const int owner = shmreg_pool_owner(&p[0], refs[i]) == 1 ? 0 : 1;

			ck_assert_int_eq(shmreg_pool_release(&p[!owner], refs[i]), -EPERM);
			ck_assert_int_eq(shmreg_pool_release(&p[owner], refs[i]), 0);
			ck_assert_int_eq(shmreg_pool_release(&p[owner], refs[i]), -ESTALE);
			refs[i] = 0;
		}
		ck_assert_uint_eq(stat_of(&p[0]).n_free, n);
		ck_assert_uint_eq(stat_of(&p[0]).n_touched, n);
	}
	free(refs);
	teardown();
}
END_TEST

/* However full the pool is said to be, what is released can be had, by anybody. */
START_TEST(released_is_found)
{
	const uint64_t n = capacities[_i];
	shmreg_pool_ref *const refs = calloc(n, sizeof(*refs));
	struct shmreg_pool p, other;
	shmreg_pool_ref ref;
	uint64_t i;

	ck_assert_ptr_nonnull(refs);
	setup(n);
	pool_bind(&p, base, &shape, 7);
	pool_bind(&other, base, &shape, 700);
	for (i = 0; i < n; i++) {
		ref = acquire(&p);
		refs[shmreg_pool_ref_index(ref)] = ref;
	}
	for (i = 0; i < 4; i++)
		expect_exhausted(&p);
	ck_assert_uint_gt(pool_count_hints(base, &shape), 0);
	for (i = 0; i < n; i += n > 1000 ? 15 : 1) {
		ck_assert_int_eq(shmreg_pool_release(&p, refs[i]), 0);
		ref = acquire(&other);
		ck_assert_uint_eq(shmreg_pool_ref_index(ref), i);
		expect_exhausted(&p);
		expect_exhausted(&other);
		ck_assert_int_eq(shmreg_pool_release(&p, ref), -EPERM);
		refs[i] = ref;
	}
	for (i = 0; i < n; i++)
		ck_assert_int_eq(shmreg_pool_release(i % 15 == 0 || n <= 1000 ? &other : &p, refs[i]),
				 0);
	ck_assert_uint_eq(pool_count_hints(base, &shape), 0);
	free(refs);
	teardown();
}
END_TEST

/* Objects do not overlap, begin where their alignment says, are zero at first, and keep contents. */
START_TEST(contents)
{
	static const struct {
		uint64_t bytes;
		uint32_t align;
	} elems[] = { { 1, 1 }, { 24, 8 }, { 24, 64 }, { 100, 128 }, { 5000, 4096 } };
	const uint64_t bytes = elems[_i].bytes;
	unsigned char *value = malloc(bytes);
	shmreg_pool_ref refs[20];
	struct shmreg_pool p;
	unsigned char *at;
	uint64_t i, j;

	ck_assert_ptr_nonnull(value);
	setup_of(20, bytes, elems[_i].align);
	pool_bind(&p, base, &shape, 5);
	for (i = 0; i < 20; i++) {
		refs[i] = acquire(&p);
		at = shmreg_pool_get(&p, refs[i]);
		/* The mapping itself is aligned to 128 only. */
		ck_assert_uint_eq((uint64_t)(at - p.elems) % elems[_i].align, 0);
		for (j = 0; j < bytes; j++)
			ck_assert_uint_eq(at[j], 0);
		memset(at, (int)i + 1, bytes);
	}
	for (i = 0; i < 20; i++) {
		at = shmreg_pool_get(&p, refs[i]);
		for (j = 0; j < bytes; j++)
			ck_assert_uint_eq(at[j], i + 1);
		ck_assert_int_eq(shmreg_pool_release(&p, refs[i]), 0);
		ck_assert_ptr_null(shmreg_pool_get(&p, refs[i]));
		memset(value, (int)(100 + i), bytes);
		ck_assert_int_eq(shmreg_pool_acquire_init(&p, &refs[i], value), 0);
		ck_assert_mem_eq(shmreg_pool_get(&p, refs[i]), value, bytes);
	}
	ck_assert_int_eq(shmreg_pool_acquire_init(&p, &refs[0], value), -EAGAIN);
	ck_assert_int_eq(shmreg_pool_release_batch(&p, refs, 20), 0);
	free(value);
	teardown();
}
END_TEST

START_TEST(typed)
{
	struct thing_pool p;
	struct thing value = { 1, 2, 3 };
	shmreg_pool_ref refs[4];
	struct thing *thing;

	setup_of(4, sizeof(struct thing), SHMREG_ALIGNOF(struct thing));
	pool_bind(thing_pool_untyped(&p), base, &shape, 5);
	ck_assert_uint_eq(thing_pool_capacity(&p), 4);
	ck_assert_int_eq(thing_pool_make(&p, &refs[0], &value), 0);
	ck_assert_int_eq(thing_pool_acquire(&p, &refs[1]), 0);
	ck_assert_int_eq(thing_pool_acquire_batch(&p, refs + 2, 4, 1), 2);
	thing = thing_pool_get(&p, refs[0]);
	ck_assert(thing->a == 1 && thing->b == 2 && thing->c == 3);
	ck_assert_ptr_eq(thing, shmreg_pool_get(&p.pool, refs[0]));
	ck_assert_ptr_eq(thing_pool_get(&p, refs[3]), shmreg_pool_get(&p.pool, refs[3]));
	ck_assert_int_eq(thing_pool_check(&p, refs[3]), 0);
	ck_assert_int_eq(thing_pool_make(&p, &refs[0], &value), -EAGAIN);
	ck_assert_int_eq(thing_pool_release(&p, refs[0]), 0);
	ck_assert_int_eq(thing_pool_release_batch(&p, refs, 4), -ESTALE);
	teardown();
}
END_TEST

/* A reference is good for one acquisition. */
START_TEST(stale_references)
{
	struct shmreg_pool p, other;
	shmreg_pool_ref old, ref;

	setup(1);
	pool_seed(base, &shape, generations[_i]);
	pool_bind(&p, base, &shape, 5);
	pool_bind(&other, base, &shape, 6);
	old = acquire(&p);
	ck_assert_uint_gt(old >> SHMREG_POOL_GENERATION_SHIFT, 0);
	ck_assert_int_eq(shmreg_pool_release(&p, old), 0);
	ck_assert_int_eq(shmreg_pool_release(&p, old), -ESTALE);
	ck_assert_int_eq(shmreg_pool_check(&p, old), -ESTALE);
	ck_assert_int_eq(shmreg_pool_owner(&p, old), -ESTALE);
	ref = acquire(&p);
	ck_assert_uint_ne(ref, old);
	ck_assert_int_eq(shmreg_pool_release(&p, old), -ESTALE);
	ck_assert_ptr_null(shmreg_pool_get(&p, old));
	ck_assert_int_eq(shmreg_pool_owner(&other, ref), 5);
	ck_assert_int_eq(shmreg_pool_check(&other, ref), -EPERM);
	ck_assert_int_eq(shmreg_pool_check(&other, old), -ESTALE);
	ck_assert_ptr_null(shmreg_pool_get(&other, ref));
	ck_assert_int_eq(shmreg_pool_release(&p, ref), 0);
	teardown();
}
END_TEST

/*
 * The ABA of a free list: one has seen the first free object, others take it and the next, and
 * give the first back. Here the object is taken again with another generation, and never twice.
 */
START_TEST(no_aba)
{
	struct shmreg_pool p, other;
	shmreg_pool_ref a, again, b, c;

	setup(2);
	pool_bind(&p, base, &shape, 5);
	pool_bind(&other, base, &shape, 6);
	a = acquire(&p);
	ck_assert_int_eq(shmreg_pool_release(&p, a), 0);
	/* p remembers the word that a has now. */
	b = acquire(&other);
	c = acquire(&other);
	expect_exhausted(&p);
	if (shmreg_pool_ref_index(b) != shmreg_pool_ref_index(a)) {
		again = b;
		b = c;
		c = again;
	}
	ck_assert_int_eq(shmreg_pool_release(&other, b), 0);
	again = acquire(&p);
	ck_assert_uint_eq(shmreg_pool_ref_index(again), shmreg_pool_ref_index(a));
	ck_assert_uint_ne(again, a);
	ck_assert_uint_ne(again, b);
	ck_assert_int_eq(shmreg_pool_release(&p, a), -ESTALE);
	expect_exhausted(&other);
	ck_assert_int_eq(shmreg_pool_release(&p, again), 0);
	ck_assert_int_eq(shmreg_pool_release(&other, c), 0);
	teardown();
}
END_TEST

START_TEST(bad_references)
{
	static const shmreg_pool_ref g = SHMREG_POOL_GENERATION_ONE;
	const shmreg_pool_ref bad[] = {
		SHMREG_POOL_NONE, 1, 17, g, g | 18, g | UINT64_C(1) << 31, g | UINT64_C(1) << 37,
		UINT64_MAX, ~SHMREG_POOL_GENERATION_MASK, SHMREG_POOL_GENERATION_MASK,
	};
	shmreg_pool_ref ref, refs[17];
	struct shmreg_pool p;
	uint64_t *word;
	size_t i;

	setup(17);
	pool_bind(&p, base, &shape, 5);
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		ck_assert_int_eq(shmreg_pool_release(&p, bad[i]), -EINVAL);
		ck_assert_int_eq(shmreg_pool_release_batch(&p, &bad[i], 1), -EINVAL);
		ck_assert_int_eq(shmreg_pool_check(&p, bad[i]), -EINVAL);
		ck_assert_int_eq(shmreg_pool_owner(&p, bad[i]), -EINVAL);
		ck_assert_ptr_null(shmreg_pool_get(&p, bad[i]));
	}
	ref = acquire(&p);
	word = pool_word(base, &shape, shmreg_pool_ref_index(ref));
	*word = shmreg_pool_word_sent(ref, 65535, 1048575);
	ck_assert_int_eq(shmreg_pool_release(&p, ref), -EBUSY);
	ck_assert_int_eq(shmreg_pool_check(&p, ref), -EBUSY);
	ck_assert_int_eq(shmreg_pool_owner(&p, ref), -EBUSY);
	ck_assert_ptr_null(shmreg_pool_get(&p, ref));
	ck_assert_uint_eq(stat_of(&p).n_sent, 1);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&p, refs, 17, 16), 16);
	expect_exhausted(&p);
	ck_assert_int_eq(shmreg_pool_release_batch(&p, refs, 16), 0);
	*word = shmreg_pool_word_sent(ref + 2 * SHMREG_POOL_GENERATION_ONE, 0, 0);
	ck_assert_int_eq(shmreg_pool_release(&p, ref), -ESTALE);
	*word = shmreg_pool_word_held(ref, 0);
	ck_assert_int_eq(shmreg_pool_release(&p, ref), -EUCLEAN);
	*word = shmreg_pool_word_held(ref, 5) | UINT64_C(1) << 14;
	ck_assert_int_eq(shmreg_pool_release(&p, ref), -EUCLEAN);
	*word = shmreg_pool_word_kept(ref, 5, SHMREG_POOL_TAG_MASK);
	ck_assert_int_eq(shmreg_pool_release(&p, ref), -ESTALE);
	ck_assert_int_eq(shmreg_pool_owner(&p, ref), -ESTALE);
	*word = shmreg_pool_word_kept(ref, 0, 0);
	ck_assert_int_eq(shmreg_pool_release(&p, ref), -EUCLEAN);
	ck_assert_int_eq(shmreg_pool_owner(&p, ref), -EUCLEAN);
	/* Garbage beside FREE goes with the next acquisition. */
	*word = shmreg_pool_word_free(ref) | UINT64_C(0xfff) << 4;
	ck_assert_int_eq(shmreg_pool_acquire_batch(&p, refs, 17, 17), 17);
	ck_assert_int_eq(shmreg_pool_release_batch(&p, refs, 17), 0);
	teardown();
}
END_TEST

START_TEST(batches)
{
	shmreg_pool_ref refs[40], one;
	struct shmreg_pool p;
	int i, n;

	setup(32);
	pool_bind(&p, base, &shape, 5);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&p, refs, 0, 0), 0);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&p, refs, 2, 3), -EINVAL);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&p, refs, 40, 33), -EINVAL);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&p, refs, 40, 32), 32);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&p, &one, 1, 0), -EAGAIN);
	ck_assert_int_eq(shmreg_pool_release_batch(&p, refs, 32), 0);
	ck_assert_uint_eq(stat_of(&p).n_exhausted, 1);
	for (n = 1; n <= 32; n++) {
		one = acquire(&p);
		ck_assert_int_eq(shmreg_pool_acquire_batch(&p, refs, (uint32_t)n, (uint32_t)n),
				 n < 32 ? n : -EAGAIN);
		ck_assert_uint_eq(stat_of(&p).n_held, (uint64_t)(n < 32 ? n + 1 : 1));
		if (n == 32)
			for (i = 0; i < n; i++)
				ck_assert_uint_eq(refs[i], SHMREG_POOL_NONE);
		else
			ck_assert_int_eq(shmreg_pool_release_batch(&p, refs, (uint32_t)n), 0);
		ck_assert_int_eq(shmreg_pool_release(&p, one), 0);
	}
	/* The good ones of a batch are released, whatever comes before them. */
	ck_assert_int_eq(shmreg_pool_acquire_batch(&p, refs, 3, 3), 3);
	ck_assert_int_eq(shmreg_pool_release(&p, refs[1]), 0);
	refs[3] = SHMREG_POOL_NONE;
	ck_assert_int_eq(shmreg_pool_release_batch(&p, refs, 4), -ESTALE);
	ck_assert_int_eq(shmreg_pool_release_batch(&p, refs, 0), 0);
	teardown();
}
END_TEST

static void expect_unusable(struct shmreg_pool *p, int error)
{
	struct shmreg_pool_stats stat = { .size = sizeof(stat) };
	shmreg_pool_ref ref = 77;

	ck_assert_int_eq(shmreg_pool_acquire(p, &ref), error);
	ck_assert_int_eq(shmreg_pool_acquire_init(p, &ref, "x"), error);
	ck_assert_int_eq(shmreg_pool_acquire_batch(p, &ref, 1, 1), error);
	ck_assert_int_eq(shmreg_pool_acquire_batch(p, &ref, 0, 0), error);
	ck_assert_uint_eq(ref, 77);
	ck_assert_int_eq(shmreg_pool_release(p, SHMREG_POOL_GENERATION_ONE | 1), error);
	ck_assert_int_eq(shmreg_pool_release(p, SHMREG_POOL_NONE), error);
	ck_assert_int_eq(shmreg_pool_release_batch(p, &ref, 1), error);
	ck_assert_int_eq(shmreg_pool_check(p, SHMREG_POOL_GENERATION_ONE | 1), error);
	ck_assert_ptr_null(shmreg_pool_get(p, SHMREG_POOL_GENERATION_ONE | 1));
	ck_assert_ptr_null(shmreg_pool_get(p, SHMREG_POOL_NONE));
	ck_assert_int_eq(shmreg_pool_stat(p, &stat), error == -ECHILD ? -ECHILD : 0);
}

static int never(void *data, const struct shmreg_pool_holder *holder)
{
	(void)data;
	(void)holder;
	return 1;
}

START_TEST(unusable)
{
	struct shmreg_pool p, looks, forked;
	shmreg_pool_ref ref;

	setup(3);
	pool_bind(&p, base, &shape, 5);
	pool_bind(&looks, base, &shape, 0);
	ref = acquire(&p);
	expect_unusable(&looks, -EROFS);
	ck_assert_int_eq(shmreg_pool_owner(&looks, ref), 5);
	ck_assert_uint_eq(stat_of(&looks).n_held, 1);
	ck_assert_uint_eq(shmreg_pool_capacity(&looks), 3);
	ck_assert_int_eq(shmreg_pool_release(&p, ref), 0);
	/* What a forked child finds. */
	memset(&forked, 0, sizeof(forked));
	expect_unusable(&forked, -ECHILD);
	ck_assert_int_eq(shmreg_pool_owner(&forked, ref), -ECHILD);
	ck_assert_uint_eq(shmreg_pool_capacity(&forked), 0);
	ck_assert_int_eq(shmreg_pool_holders(&forked, never, NULL), -ECHILD);
	teardown();
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("pool");

	tcase_set_timeout(c, 0);
	tcase_add_loop_test(c, every_object_once, 0, N_CAPACITIES + N_GENERATIONS);
	tcase_add_loop_test(c, released_is_found, 0, N_CAPACITIES);
	tcase_add_loop_test(c, contents, 0, 5);
	tcase_add_test(c, typed);
	tcase_add_loop_test(c, stale_references, 0, N_GENERATIONS);
	tcase_add_test(c, no_aba);
	tcase_add_test(c, bad_references);
	tcase_add_test(c, batches);
	tcase_add_test(c, unusable);
	return run_case("pool", c);
}
