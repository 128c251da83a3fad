/* SPDX-License-Identifier: MIT */
#include "failing.h"
#include "watcher.h"

#include <signal.h>

/* Watches that cannot be had, or not any more. */

static void setup_quarantine(void)
{
	setup_with(failing_reaper("exit-1", 3));
}

static void teardown_quarantine(void)
{
	teardown();
	failing_reaper_remove();
}

START_TEST(quarantined)
{
	struct shmreg_watch *w = watch(handle_of(que), ITEMS), *none;
	struct process victim;

	expect_nothing(w, 0);
	actor_start(&victim);
	actor_ok(&victim, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&victim, deed_queue_open, 0);
	process_kill(&victim);
	await_ready(w, -ENOTRECOVERABLE);
	expect_nothing(w, -ENOTRECOVERABLE);
	harness_result(shmreg_watch_open(handle_of(que), ITEMS, &none), -ENOTRECOVERABLE);
	harness_sentence("quarantined");
	shmreg_watch_close(w);
}
END_TEST

/* Limits are for those who are not root. */
static const struct identity anna = { .uid = 20001, .gid = 20001 };
static struct process user;

static struct shmreg_watch *watches[4];
static int n_watches;

static int64_t deed_watch(struct actor *a, int64_t events)
{
	const int r = shmreg_watch_open(handle_of(a->queue), (uint32_t)events,
					&watches[n_watches]);

	if (r == 0)
		n_watches++;
	return r;
}

static int64_t deed_close_all(struct actor *a, int64_t unused)
{
	(void)a, (void)unused;
	while (n_watches > 0)
		shmreg_watch_close(watches[--n_watches]);
	return 0;
}

static int64_t deed_await(struct actor *a, int64_t unused)
{
	(void)a, (void)unused;
	await_ready(watches[0], ITEMS);
	return 0;
}

static void start_user(void)
{
	actor_start_as(&user, &anna);
	actor_ok(&user, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&user, deed_queue_open, 0);
}

static void setup_few_watches(void)
{
	static const char *const options[] = { "--max-subscriptions-per-uid=2", NULL };

	setup_with(options);
}

START_TEST(watches_are_charged)
{
	int i;

	if (harness_need_root())
		return;
	start_user();
	for (i = 0; i < 5; i++) {
		actor_ok(&user, deed_watch, ITEMS);
		actor_ok(&user, deed_watch, SPACE);
		actor_expect(&user, deed_watch, ITEMS, -EDQUOT);
		actor_says(&user, "max-subscriptions-per-uid");
		actor_ok(&other, deed_push, 1);
		actor_ok(&user, deed_await, 0);
		pop();
		actor_ok(&user, deed_close_all, 0);
	}
	process_finish(&user);
}
END_TEST

static void setup_few_connections(void)
{
	static const char *const options[] = { "--max-connections-per-uid=1", NULL };

	setup_with(options);
}

/* The second connection, for watches and bells, is one. Who cannot have it goes on without. */
START_TEST(the_line_is_charged)
{
	struct shmreg_watch *w;
	int i;

	if (harness_need_root())
		return;
	w = watch(handle_of(que), ITEMS);
	start_user();
	/* What it could not tell is told with the next event: it does not know yet, or knows. */
	for (i = 0; i < 3; i++) {
		expect_nothing(w, 0);
		if (i == 0)
			kill(harness_daemon(&h), SIGSTOP);
		actor_ok(&user, deed_push, 1);
		kill(harness_daemon(&h), SIGCONT);
		actor_ok(&other, deed_push, 1);
		await_ready(w, ITEMS);
		pop();
		pop();
	}
	for (i = 0; i < 3; i++) {
		expect_nothing(w, 0);
		actor_expect(&user, deed_watch, ITEMS, -EDQUOT);
		actor_ok(&user, deed_push, 1);
		ck_assert_int_eq(shmreg_watch_ready(w), ITEMS);
		pop();
	}
	process_finish(&user);
	shmreg_watch_close(w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watch-limits");
	TCase *tc = harness_case(suite, "quarantine");

	tcase_add_checked_fixture(tc, setup_quarantine, teardown_quarantine);
	tcase_add_test(tc, quarantined);
	tc = harness_case(suite, "watches");
	tcase_add_checked_fixture(tc, setup_few_watches, teardown);
	tcase_add_test(tc, watches_are_charged);
	tc = harness_case(suite, "connections");
	tcase_add_checked_fixture(tc, setup_few_connections, teardown);
	tcase_add_test(tc, the_line_is_charged);
	return harness_main(suite);
}
