/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_TESTS_SUITE_H
#define SHMREG_TESTS_SUITE_H

/*
 * suite.h - main() of a program with one test case
 */

#include <check.h>
#include <stdlib.h>

static inline int run_suite(const char *name, const TTest *const *tests, size_t n,
			    SFun setup, SFun teardown, double timeout)
{
	Suite *suite = suite_create(name);
	TCase *tc = tcase_create(name);
	SRunner *runner;
	int failed;

	if (setup || teardown)
		tcase_add_checked_fixture(tc, setup, teardown);
	if (timeout > 0)
		tcase_set_timeout(tc, timeout);
	for (size_t i = 0; i < n; i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define RUN_SUITE(name, tests, setup, teardown, timeout)                                           \
	run_suite(name, tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown, timeout)

#endif /* SHMREG_TESTS_SUITE_H */
