/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_TESTS_SUITE_H
#define SHMREG_TESTS_SUITE_H

/*
 * suite.h - main() of a program with one test case
 */

#include <check.h>
#include <stdlib.h>

static inline int run_case(const char *name, TCase *tc)
{
	Suite *suite = suite_create(name);
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static inline int run_suite(const char *name, const TTest *const *tests, size_t n,
			    SFun begin, SFun end, double timeout)
{
	TCase *tc = tcase_create(name);

	if (begin || end)
		tcase_add_checked_fixture(tc, begin, end);
	if (timeout > 0)
		tcase_set_timeout(tc, timeout);
	for (size_t i = 0; i < n; i++)
		tcase_add_test(tc, tests[i]);
	return run_case(name, tc);
}

/* One test, once for each of @n runs, however long they take. */
static inline int run_loop(const char *name, const TTest *test, size_t n)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 0);
	tcase_add_loop_test(tc, test, 0, (int)n);
	return run_case(name, tc);
}

#define RUN_SUITE(name, tests, setup, teardown, timeout)                                           \
	run_suite(name, tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown, timeout)

#define RUN_LOOP(name, test, runs) run_loop(name, test, sizeof(runs) / sizeof((runs)[0]))

#endif /* SHMREG_TESTS_SUITE_H */
