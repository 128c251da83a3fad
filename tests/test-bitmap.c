/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>

#include "bitmap.h"
#include "random.h"
#include "suite.h"

START_TEST(edges)
{
	static const uint32_t sizes[] = { 1, 63, 64, 65, 4096 };

	for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		const uint32_t n = sizes[k];
		struct bitmap b;

		ck_assert_int_eq(bitmap_init(&b, n), 0);
		ck_assert_int_eq(bitmap_find_set(&b, 0), -1);
		for (uint32_t i = 0; i < n; i++) {
			if (bitmap_find_clear(&b, 0) != i || bitmap_find_clear(&b, i) != i)
				ck_abort_msg("size %u, bit %u", n, i);
			bitmap_set(&b, i);
		}
		ck_assert_int_eq(bitmap_find_clear(&b, 0), -1);
		ck_assert_uint_eq(b.n_set, n);
		ck_assert_int_eq(bitmap_find_set(&b, n - 1), n - 1);
		ck_assert_int_eq(bitmap_find_set(&b, n), -1);
		bitmap_clear(&b, n - 1);
		ck_assert_int_eq(bitmap_find_clear(&b, 0), n - 1);
		bitmap_reset(&b);
		ck_assert_int_eq(bitmap_find_clear(&b, 0), 0);
		bitmap_deinit(&b);
	}
}
END_TEST

START_TEST(random_walk)
{
	const unsigned long rounds = random_rounds(20000);
	bool model[200] = { false };
	struct random_state rnd;
	struct bitmap b;

	random_seed(&rnd);
	ck_assert_int_eq(bitmap_init(&b, 200), 0);
	for (unsigned long i = 0; i < rounds; i++) {
		const uint32_t bit = (uint32_t)random_below(&rnd, 200);
		const uint32_t from = (uint32_t)random_below(&rnd, 201);
		int64_t clear = -1, set = -1;

		if (model[bit])
			bitmap_clear(&b, bit);
		else
			bitmap_set(&b, bit);
		model[bit] = !model[bit];
		for (int64_t k = 199; k >= (int64_t)from; k--) {
			if (model[k])
				set = k;
			else
				clear = k;
		}
		if (bitmap_find_set(&b, from) != set || bitmap_find_clear(&b, from) != clear)
			ck_abort_msg("round %lu", i);
	}
	bitmap_deinit(&b);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { edges, random_walk };

	return RUN_SUITE("bitmap", tests, NULL, NULL, 0);
}
