/* SPDX-License-Identifier: MIT */
#ifndef TEST_FAILING_H
#define TEST_FAILING_H

/*
 * failing.h - a reaper that fails at its first jobs: three in a row are a quarantine
 *
 *	harness_start(&h, failing_reaper("exit-1", 3));
 *	...
 *	harness_stop(&h);
 *	failing_reaper_remove();
 */

/*
 * failing_reaper() - make one: tests/failing-reaper.c
 * @how:	"crash", "exit-0", "exit-1", "hang", "nonsense", "kill"
 * @n:		jobs at which it fails; then it becomes the real one
 *
 * One at a time. Return: options for harness_start().
 */
const char *const *failing_reaper(const char *how, int n);
void failing_reaper_remove(void);

#endif /* TEST_FAILING_H */
