/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdio.h>

#include "stepper.h"
#include "suite.h"
#include "wait-fixture.h"
#include "wake-cost.h"

/*
 * What push and pop pay for it that somebody might wait: instructions, counted one by one, since
 * time says nothing about them. Typed, of 8 bytes, uncontended.
 */

#define N 16
/* Load, compare, branch. clang saves a register more for them, and keeps the result in another. */
#ifdef __clang__
# define MOST 6
#else
# define MOST 3
#endif

static struct world w;

struct course {
	int (*push)(struct shmreg_queue *q, const uint64_t *value);
	int (*pop)(struct shmreg_queue *q, uint64_t *value);
	int n;
};

static int run(void *data)
{
	const struct course *c = data;
	uint64_t value = 5;
	int r = 0;

	for (int i = 0; i < c->n; i++)
		r |= c->push != NULL ? c->push(&w.q, &value) : c->pop(&w.q, &value);
	return r;
}

static void stepped(void *data, pid_t child)
{
	(void)data, (void)child;
}

/* Instructions of @n calls, and of what is around them; 0: cannot be counted. */
static long steps(const struct course *course, int n)
{
	struct course c = *course;
	const struct stepper stepper = { run, stepped, &c };
	long r;

	c.n = n;
	world_new(&w, 64);
	for (uint64_t i = 0; i < 2; i++) {
		push(&w.q, i);
		expect(&w.q, i);
	}
	for (int i = 0; i < n && c.pop != NULL; i++)
		push(&w.q, 1);
	r = stepper_run(&stepper);
	world_free(&w);
	if (r == -EPERM)
		return 0;
	ck_assert_int_gt(r, 0);
	return r;
}

static long each(const struct course *course)
{
	return (steps(course, N + 1) - steps(course, 1)) / N;
}

START_TEST(test_cost)
{
	const struct course with = { _i == 0 ? cost_push_with : NULL, cost_pop_with, 0 };
	const struct course without = { _i == 0 ? cost_push_without : NULL, cost_pop_without, 0 };
	const char *const name = _i == 0 ? "push" : "pop";
	long a, b;

	if (!cost_counts()) {
		printf("%s: skipped: not compiled as programs are (-O2, no sanitizer)\n", name);
		return;
	}
	a = each(&with);
	b = each(&without);
	if (a == 0) {
		printf("%s: skipped: ptrace is not allowed here\n", name);
		return;
	}
	printf("%s: %ld instructions, of them %ld to see that nobody waits\n", name, a, a - b);
	ck_assert_int_ge(a, b);
	ck_assert_int_le(a - b, MOST);
}
END_TEST

/* With somebody to wake, and once more with nobody there any more. A system call counts one. */
START_TEST(test_cost_of_waking)
{
	struct course c = { cost_push_with, NULL, 1 };
	const struct stepper stepper = { run, stepped, &c };
	struct sleeper s;
	struct job job;
	long first, second, third;

	world_new(&w, 64);
	for (uint64_t i = 0; i < 2; i++) {
		push(&w.q, i);
		expect(&w.q, i);
	}
	/* It runs in a child. From here on the handle is behind, and all three go the same, slow way. */
	if (stepper_run(&stepper) == -EPERM) {
		printf("skipped: ptrace is not allowed here\n");
		world_free(&w);
		return;
	}
	expect(&w.q, 5);
	job_new(&job, &w, 2);
	sleeper_fork(&s, job_pop, &job);
	sleeper_await(&s);
	first = stepper_run(&stepper);
	ck_assert_int_eq(sleeper_result(&s), 0);
	second = stepper_run(&stepper);
	third = stepper_run(&stepper);
	printf("push that wakes one: %ld instructions more than one that wakes nobody; the next: "
	       "%ld more\n", first - third, second - third);
	ck_assert_int_gt(first, third);
	ck_assert_int_gt(second, third);
	ck_assert_uint_eq(count_of(&w.shm->items) & ~SHMREG_EVENTCOUNT_SEQUENCE, 0);
	world_free(&w);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("wake-cost");

	tcase_set_timeout(t, 0);
	tcase_add_loop_test(t, test_cost, 0, 2);
	tcase_add_test(t, test_cost_of_waking);
	return run_case("wake-cost", t);
}
