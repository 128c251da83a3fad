/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <stdlib.h>

#include "rate.h"
#include "suite.h"

#define POSITIONS (UINT64_C(1) << 43)
#define VERSIONS ((UINT64_C(1) << 47) - 1)	/* 1 to 2^47 - 1, then 1 again */
#define GENERATIONS ((UINT64_C(1) << 26) - 1)

START_TEST(risen)
{
	ck_assert_uint_eq(rate_risen(0, 0, 0), 0);
	ck_assert_uint_eq(rate_risen(5, 12, 0), 7);
	ck_assert_uint_eq(rate_risen(UINT64_MAX, 2, 0), 3);
	ck_assert_uint_eq(rate_risen(5, 12, POSITIONS), 7);
	ck_assert_uint_eq(rate_risen(POSITIONS - 1, POSITIONS - 1, POSITIONS), 0);
	ck_assert_uint_eq(rate_risen(POSITIONS - 1, 0, POSITIONS), 1);
	ck_assert_uint_eq(rate_risen(POSITIONS - 3, 7, POSITIONS), 10);
	ck_assert_uint_eq(rate_risen(1, 0, POSITIONS), POSITIONS - 1);
	ck_assert_uint_eq(rate_risen(VERSIONS, 1, VERSIONS), 1);
	ck_assert_uint_eq(rate_risen(VERSIONS - 1, 2, VERSIONS), 3);
}
END_TEST

/* A sum of counters, each of which is 0 to GENERATIONS - 1: one of them began again. */
START_TEST(risen_in_parts)
{
	const uint64_t others = 100 * GENERATIONS / 2;

	ck_assert_uint_eq(rate_risen(others + GENERATIONS - 1, others + 1, GENERATIONS), 2);
	/* Two of them did, at once. */
	ck_assert_uint_eq(rate_risen(others + 2 * (GENERATIONS - 1), others + 2, GENERATIONS), 4);
	ck_assert_uint_eq(rate_risen(2 * GENERATIONS, 0, GENERATIONS), 0);
}
END_TEST

START_TEST(per_second)
{
	ck_assert_double_eq_tol(rate_per_second(0, 1), 0, 1e-9);
	ck_assert_double_eq_tol(rate_per_second(3, 2000000000), 1.5, 1e-9);
	ck_assert_double_eq_tol(rate_per_second(1000, 1000000), 1e6, 1e-3);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("pure");

	tcase_add_test(tcase, risen);
	tcase_add_test(tcase, risen_in_parts);
	tcase_add_test(tcase, per_second);
	return run_case("rate", tcase);
}
