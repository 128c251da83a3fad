/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "asleep.h"
#include "suite.h"

/* The observer of sleepers is observed itself: what the other tests take its word for. */

static uint32_t *word;

static void setup(void)
{
	word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(word, MAP_FAILED);
}

static void teardown(void)
{
	munmap(word, 4096);
}

/* Sleeps until the word is not 0, however often it is woken. */
static int wait_for_word(void *arg)
{
	while (shmreg_load_acquire(word) == 0)
		syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0);
	return (int)(intptr_t)arg;
}

static int nap_in_vain(void *arg)
{
	(void)arg;
	while (shmreg_load_acquire(word) == 0)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	return 7;
}

static void release(void)
{
	shmreg_store_release(word, 1);
	asleep_wake_for_nothing(word);
}

static void start(struct sleeper *s, int i, sleeper_fn wait)
{
	if (i == 0)
		sleeper_fork(s, wait, (void *)(intptr_t)-EIO);
	else
		sleeper_spawn(s, wait, (void *)(intptr_t)-EIO);
}

START_TEST(test_woken_for_nothing)
{
	struct sleeper s;
	uint64_t naps;

	start(&s, _i, wait_for_word);
	for (int i = 0; i < 5; i++) {
		sleeper_await(&s);
		naps = sleeper_naps(&s);
		ck_assert_uint_eq(asleep_wake_for_nothing(word), 1);
		sleeper_await_after(&s, naps);
		ck_assert_uint_gt(sleeper_naps(&s), naps);
	}
	ck_assert(!sleeper_is_done(&s));
	release();
	ck_assert_int_eq(sleeper_result(&s), -EIO);
}
END_TEST

/* Who sleeps otherwise than in a futex is not taken for one who waits. */
START_TEST(test_other_sleep)
{
	struct sleeper s;

	start(&s, _i, nap_in_vain);
	for (int i = 0; i < 100; i++) {
		ck_assert(!asleep(s.pid, s.tid));
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
	}
	release();
	ck_assert_int_eq(sleeper_result(&s), 7);
}
END_TEST

START_TEST(test_killed)
{
	struct sleeper s;

	sleeper_fork(&s, wait_for_word, NULL);
	sleeper_await(&s);
	sleeper_kill(&s);
	ck_assert(!asleep(s.pid, s.tid));
	ck_assert_uint_eq(asleep_wake_for_nothing(word), 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("asleep");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, test_woken_for_nothing, 0, 2);
	tcase_add_loop_test(t, test_other_sleep, 0, 2);
	tcase_add_test(t, test_killed);
	return run_case("asleep", t);
}
