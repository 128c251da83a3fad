/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "extents.h"
#include "random.h"
#include "suite.h"

static struct extents e;

static void teardown(void)
{
	extents_verify(&e);
	extents_deinit(&e);
}

static uint64_t alloc(uint64_t bytes, uint64_t align)
{
	uint64_t offset = UINT64_MAX;

	ck_assert_int_eq(extents_alloc(&e, bytes, align, &offset), 0);
	ck_assert_uint_eq(offset % align, 0);
	extents_verify(&e);
	return offset;
}

START_TEST(empty)
{
	uint64_t offset = 77;

	ck_assert_int_eq(extents_init(&e, 0), 0);
	ck_assert_int_eq(extents_alloc(&e, 1, 1, &offset), -ENOSPC);
	ck_assert_uint_eq(offset, 77);
	ck_assert_uint_eq(extents_largest(&e, 1), 0);
}
END_TEST

START_TEST(bad_arguments)
{
	uint64_t offset = 77;

	ck_assert_int_eq(extents_init(&e, 100), 0);
	ck_assert_int_eq(extents_alloc(&e, 0, 1, &offset), -EINVAL);
	ck_assert_int_eq(extents_alloc(&e, 1, 0, &offset), -EINVAL);
	ck_assert_int_eq(extents_alloc(&e, 1, 3, &offset), -EINVAL);
	ck_assert_int_eq(extents_alloc(&e, UINT64_MAX, 1, &offset), -ENOSPC);
	ck_assert_int_eq(extents_take(&e, 0, 0), -EINVAL);
	ck_assert_int_eq(extents_take(&e, 0, 101), -EEXIST);
	ck_assert_int_eq(extents_take(&e, 100, 1), -EEXIST);
	ck_assert_int_eq(extents_take(&e, UINT64_MAX, 2), -EEXIST);
	ck_assert_int_eq(extents_take(&e, 50, UINT64_MAX), -EEXIST);
	ck_assert_uint_eq(offset, 77);
	ck_assert_uint_eq(e.free_bytes, 100);
}
END_TEST

START_TEST(best_fit)
{
	ck_assert_int_eq(extents_init(&e, 1000), 0);
	/* Holes of 100 at 0, 50 at 200, 60 at 300, and the rest from 400 on. */
	ck_assert_int_eq(extents_take(&e, 100, 100), 0);
	ck_assert_int_eq(extents_take(&e, 250, 50), 0);
	ck_assert_int_eq(extents_take(&e, 360, 40), 0);
	ck_assert_uint_eq(alloc(50, 1), 200);
	ck_assert_uint_eq(alloc(50, 1), 300);
	ck_assert_uint_eq(alloc(100, 1), 0);
	ck_assert_uint_eq(alloc(600, 1), 400);
	ck_assert_uint_eq(e.free_bytes, 10);
	ck_assert_uint_eq(extents_largest(&e, 1), 10);
	extents_free(&e, 0, 100);
	extents_free(&e, 100, 100);
	ck_assert_uint_eq(extents_largest(&e, 1), 200);
}
END_TEST

START_TEST(alignment)
{
	uint64_t offset;

	ck_assert_int_eq(extents_init(&e, 3 * 4096), 0);
	ck_assert_uint_eq(alloc(128, 128), 0);
	ck_assert_uint_eq(alloc(4096, 4096), 4096);
	/* Before and behind the aligned piece small ones still fit. */
	ck_assert_uint_eq(alloc(128, 128), 128);
	ck_assert_uint_eq(extents_largest(&e, 4096), 4096);
	ck_assert_int_eq(extents_alloc(&e, 4097, 4096, &offset), -ENOSPC);
	ck_assert_uint_eq(alloc(4096, 4096), 8192);
	ck_assert_int_eq(extents_alloc(&e, 128, 4096, &offset), -ENOSPC);
	ck_assert_uint_eq(e.free_bytes, 4096 - 256);
}
END_TEST

START_TEST(coalescing)
{
	static const int order[] = { 3, 0, 7, 1, 5, 2, 6, 4 };

	ck_assert_int_eq(extents_init(&e, 800), 0);
	for (int i = 0; i < 8; i++)
		ck_assert_uint_eq(alloc(100, 1), (uint64_t)i * 100);
	for (int i = 0; i < 8; i++) {
		extents_free(&e, (uint64_t)order[i] * 100, 100);
		extents_verify(&e);
	}
	ck_assert_uint_eq(e.n, 1);
	ck_assert_uint_eq(e.free[0].bytes, 800);
}
END_TEST

/* Against a map with one byte for each unit. */
#define UNITS 512
START_TEST(random_walk)
{
	const unsigned long rounds = random_rounds(50000);
	struct { uint64_t offset, bytes; } taken[UNITS];
	static uint8_t map[UNITS];
	struct random_state rnd;
	size_t n = 0;

	random_seed(&rnd);
	ck_assert_int_eq(extents_init(&e, UNITS), 0);
	memset(map, 0, sizeof(map));
	for (unsigned long i = 0; i < rounds; i++) {
		uint64_t offset = 0, bytes = 1 + random_below(&rnd, 24), largest = 0, run = 0;
		const uint64_t align = UINT64_C(1) << random_below(&rnd, 5);
		size_t n_free = 0;
		int r;

		if (n && random_below(&rnd, 2)) {
			const size_t k = random_below(&rnd, n);

			extents_free(&e, taken[k].offset, taken[k].bytes);
			memset(map + taken[k].offset, 0, taken[k].bytes);
			taken[k] = taken[--n];
		} else {
			for (uint64_t u = 0; u < UNITS; u++) {
				n_free += !map[u];
				if (map[u])
					run = 0;
				else if (run || u % align == 0)
					run++;
				if (run > largest)
					largest = run;
			}
			if (extents_largest(&e, align) != largest || e.free_bytes != n_free)
				ck_abort_msg("round %lu: largest %u, free %u", i,
					     (unsigned)extents_largest(&e, align),
					     (unsigned)e.free_bytes);
			if (random_below(&rnd, 2)) {
				r = extents_alloc(&e, bytes, align, &offset);
				if ((r == 0) != (bytes <= largest))
					ck_abort_msg("round %lu: alloc %d", i, r);
			} else {
				bool is_free = true;

				offset = random_below(&rnd, UNITS);
				for (uint64_t u = offset; u < offset + bytes; u++)
					is_free &= u < UNITS && !map[u];
				r = extents_take(&e, offset, bytes);
				if ((r == 0) != is_free)
					ck_abort_msg("round %lu: take %d", i, r);
			}
			if (r == 0) {
				for (uint64_t u = offset; u < offset + bytes; u++)
					if (map[u]++)
						ck_abort_msg("round %lu: given twice", i);
				taken[n].offset = offset;
				taken[n++].bytes = bytes;
			}
		}
		extents_verify(&e);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { empty,	   bad_arguments, best_fit,
				       alignment, coalescing,	  random_walk };

	return RUN_SUITE("extents", tests, NULL, teardown, 120);
}
