/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <shmreg/connection.h>

#include "error.h"
#include "params.h"
#include "suite.h"

struct p1 {
	size_t size;
	uint64_t a;
};
struct p2 {
	size_t size;
	uint64_t a, b;
};
struct p3 {
	size_t size;
	uint64_t a, b, c;
};

/* The library of the test is the one that knows p2. */
START_TEST(ages)
{
	const struct p1 older = { sizeof(older), 1 };
	const struct p2 same = { sizeof(same), 1, 2 };
	struct p3 newer = { sizeof(newer), 1, 2, 0 };
	struct p2 got;

	memset(&got, 0xff, sizeof(got));
	ck_assert_int_eq(params_copy(&got, sizeof(got), NULL, "p"), 0);
	ck_assert_uint_eq(got.size, sizeof(got));
	ck_assert_uint_eq(got.a, 0);
	ck_assert_int_eq(params_copy(&got, sizeof(got), &same, "p"), 0);
	ck_assert_uint_eq(got.b, 2);
	ck_assert_int_eq(params_copy(&got, sizeof(got), &older, "p"), 0);
	ck_assert_uint_eq(got.size, sizeof(got));
	ck_assert_uint_eq(got.a, 1);
	ck_assert_uint_eq(got.b, 0);
	ck_assert_int_eq(params_copy(&got, sizeof(got), &newer, "p"), 0);
	ck_assert_uint_eq(got.b, 2);
	memset(&got, 0, sizeof(got));
	newer.c = 1;
	ck_assert_int_eq(params_copy(&got, sizeof(got), &newer, "p"), -EINVAL);
	ck_assert_ptr_nonnull(strstr(shmreg_error(), "newer"));
	ck_assert_uint_eq(got.a, 0); /* untouched on failure */
}
END_TEST

START_TEST(nonsense)
{
	struct p2 p = { 0, 1, 2 }, got;

	ck_assert_int_eq(params_copy(&got, sizeof(got), &p, "p"), -EINVAL);
	ck_assert_ptr_nonnull(strstr(shmreg_error(), "sizeof(struct p)"));
	p.size = 7;
	ck_assert_int_eq(params_copy(&got, sizeof(got), &p, "p"), -EINVAL);
	/* never set: reading that far would be reading what is not there */
	p.size = SIZE_MAX;
	ck_assert_int_eq(params_copy(&got, sizeof(got), &p, "p"), -EINVAL);
	p.size = 5000;
	ck_assert_int_eq(params_copy(&got, sizeof(got), &p, "p"), -EINVAL);
}
END_TEST

START_TEST(sentence_of_a_sentence)
{
	ck_assert_int_eq(error_set(-EINVAL, "%s", "inner"), -EINVAL);
	ck_assert_int_eq(error_set(-ENOENT, "outer (%s)", shmreg_error()), -ENOENT);
	ck_assert_str_eq(shmreg_error(), "outer (inner)");
	/* as long as can be, and terminated */
	error_set(-EINVAL, "%2000d", 1);
	ck_assert_uint_gt(strlen(shmreg_error()), 500);
	ck_assert_uint_lt(strlen(shmreg_error()), 2000);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("params");

	tcase_add_test(tcase, ages);
	tcase_add_test(tcase, nonsense);
	tcase_add_test(tcase, sentence_of_a_sentence);
	return run_case("params", tcase);
}
