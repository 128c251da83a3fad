/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdio.h>

#include <shmreg/wait.h>

#include "ring-repair.h"
#include "ring-waits.h"
#include "suite.h"
#include "waiter.h"
#include "waits.h"

static const struct waiting *op;

static union shmreg_eventcount *event(void)
{
	const struct shmreg_handle *h = &subject.ring(op->event)->handle;

	return (void *)(h->base + shmreg_kind_eventcount(SHMREG_KIND_RING, op->event));
}

static void begin(int i)
{
	op = &subject.waitings[i];
	printf("%s\n", op->name);
	ck_assert_int_eq(waiter_register(), 0);
	subject.begin();
	waits.wait = op->wait;
	waits.event = event();
	if (op->event == SHMREG_WAIT_SPACE)
		subject.fill();
}

/* One of what the wait is for, in the plainest way. */
static void make_one(void)
{
	int i = 0;

	while (subject.wakings[i].event != op->event)
		i++;
	subject.wakings[i].wake();
}

START_TEST(deadlines)
{
	unsigned int n;

	begin(_i);
	/* also with all but one of those that it needs */
	for (n = 0; n < op->needs; n++) {
		if (n > 0)
			make_one();
		waits_in_vain();
	}
	make_one();
	ck_assert_int_ge(op->wait(&(struct timespec){ 0, 0 }), 0);
}
END_TEST

START_TEST(does_not_wait_if_it_need_not)
{
	unsigned int n;

	begin(_i);
	for (n = 0; n < op->needs; n++)
		make_one();
	ck_assert_int_ge(op->wait(NULL), 0);
	/* nobody was told of anything: not one call of the kernel */
	ck_assert_uint_eq(waits.event->both, 0);
}
END_TEST

/* Of several that it needs, each wakes it, and in the end there are enough. */
START_TEST(woken)
{
	struct sleeper s;
	unsigned int n;
	uint64_t naps;

	begin(_i);
	sleeper_fork(&s, _i % 2 ? wait_an_hour : wait_for_ever, NULL);
	for (n = 1; n < op->needs; n++) {
		sleeper_await(&s);
		naps = sleeper_naps(&s);
		make_one();
		sleeper_await_after(&s, naps);
	}
	sleeper_await(&s);
	make_one();
	ck_assert_int_ge(sleeper_result(&s), 0);
	ck_assert_uint_eq(waits_count() & SHMREG_EVENTCOUNT_ASLEEP, 0);
	/* once by the sleeper, once by who woke it */
	ck_assert_uint_eq(waits_count() & SHMREG_EVENTCOUNT_SEQUENCE, 2 * op->needs);
}
END_TEST

START_TEST(woken_for_nothing)
{
	struct sleeper s;
	unsigned int n;

	begin(_i);
	waits_on(&s);
	for (n = 0; n < op->needs; n++)
		make_one();
	ck_assert_int_ge(sleeper_result(&s), 0);
}
END_TEST

START_TEST(signals)
{
	unsigned int n;

	begin(_i);
	waits_through_a_signal();
	ck_assert_int_eq(shmreg_handle_set_waiting(&subject.ring(op->event)->handle, 0,
						   SHMREG_WAIT_INTERRUPTIBLE), 0);
	waits_for_a_signal();
	/* it has taken nothing */
	for (n = 0; n < op->needs; n++)
		make_one();
	ck_assert_int_ge(op->wait(NULL), 0);
}
END_TEST

/* Its successor waits in its place, and is woken: what is left of the dead one costs one call. */
START_TEST(dies_asleep)
{
	const struct shmreg_handle *h;
	struct shmreg_reaper_report report;
	uint64_t dead[64] = { 0 };
	struct sleeper s;
	unsigned int n;

	begin(_i);
	h = &subject.ring(op->event)->handle;
	sleeper_fork(&s, wait_for_ever, NULL);
	sleeper_await(&s);
	sleeper_kill(&s);
	ck_assert_uint_ne(waits_count() & SHMREG_EVENTCOUNT_ASLEEP, 0);
	dead[h->seat / 64] |= UINT64_C(1) << h->seat % 64;
	ck_assert_int_eq(ring_repair(&h->shape, h->base, NULL, dead, &report), 0);
	ck_assert_uint_eq(report.n_repaired, 1);
	subject.succeed(op->event);
	sleeper_fork(&s, wait_for_ever, NULL);
	for (n = 0; n < op->needs; n++) {
		sleeper_await(&s);
		make_one();
	}
	ck_assert_int_ge(sleeper_result(&s), 0);
	ck_assert_uint_eq(waits_count() & SHMREG_EVENTCOUNT_ASLEEP, 0);
}
END_TEST

START_TEST(forked)
{
	begin(_i);
	subject.ring(op->event)->handle.base = NULL;
	waits_as_a_stranger();
}
END_TEST

/* Whatever makes one, or room for one. */
START_TEST(wakers)
{
	const struct waking *waking = &subject.wakings[_i];
	struct sleeper s;
	int i = 0;

	while (subject.waitings[i].event != waking->event || subject.waitings[i].needs != 1)
		i++;
	begin(i);
	printf("  %s\n", waking->name);
	sleeper_fork(&s, wait_for_ever, NULL);
	sleeper_await(&s);
	waking->wake();
	ck_assert_int_ge(sleeper_result(&s), 0);
	/* (I6): by one call, after the sleeper's own */
	ck_assert_uint_eq(waits_count() & SHMREG_EVENTCOUNT_ASLEEP, 0);
	ck_assert_uint_eq(waits_count() & SHMREG_EVENTCOUNT_SEQUENCE, 2);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create(subject.name);

	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, deadlines, 0, subject.n_waitings);
	tcase_add_loop_test(t, does_not_wait_if_it_need_not, 0, subject.n_waitings);
	tcase_add_loop_test(t, woken, 0, subject.n_waitings);
	tcase_add_loop_test(t, woken_for_nothing, 0, subject.n_waitings);
	tcase_add_loop_test(t, signals, 0, subject.n_waitings);
	tcase_add_loop_test(t, dies_asleep, 0, subject.n_waitings);
	tcase_add_loop_test(t, forked, 0, subject.n_waitings);
	tcase_add_loop_test(t, wakers, 0, subject.n_wakings);
	subject.add_tests(t);
	return run_case(subject.name, t);
}
