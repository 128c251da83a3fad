/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * Death with things in one's hands, seen by the real daemon and put right by the real
 * reaper; what is not death; and reapers that die themselves.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "actor.h"
#include "failing.h"

static struct harness h;
static struct shmreg_connection *events;
static struct process victim, other;

static void start(const char *const *options)
{
	harness_start(&h, options);
	events = harness_subscribe();
	actor_start(&victim);
	actor_start(&other);
}

static void setup(void)
{
	start(NULL);
}

static void teardown(void)
{
	if (victim.pid)
		process_finish(&victim);
	if (other.pid)
		process_finish(&other);
	events = shmreg_disconnect(events);
	harness_stop(&h);
}

static void both_attach(uint32_t flags)
{
	actor_ok(&victim, deed_create, SHMREG_WHILE_ATTACHED);
	actor_ok(&victim, deed_queue_create, flags);
	actor_ok(&other, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&other, deed_queue_open, 0);
}

static void wait_for(enum shmreg_event_kind kind, struct shmreg_event *ret)
{
	harness_wait_event(events, kind, ACTOR_SEGMENT, ret);
}

static int64_t deed_queue_stat(struct actor *a, int64_t which)
{
	struct shmreg_queue_stats stat = { .size = sizeof(stat) };
	const int r = shmreg_queue_stat(&a->queue->queue, &stat);

	if (r < 0)
		return r;
	return (int64_t)(which == 'a' ? stat.n_aborted :
			 which == 'd' ? stat.n_dropped :
					stat.n_redelivered);
}

/* --- what the dead had in their hands --------------------------------------------------- */

START_TEST(test_element_on_loan_dropped)
{
	struct shmreg_event event;

	both_attach(0);
	actor_ok(&other, deed_push, 1);
	actor_ok(&other, deed_push, 2);
	actor_expect(&victim, deed_acquire, 0, 1);
	process_kill(&victim);
	wait_for(SHMREG_EVENT_REPAIRED, &event);
	ck_assert_uint_eq(event.n_freed, 1);
	ck_assert_uint_eq(event.n_requeued, 0);
	ck_assert_uint_eq(event.n_gave_up, 0);
	actor_expect(&other, deed_pop, 0, 2);
	actor_expect(&other, deed_pop, 0, -EAGAIN);
	actor_expect(&other, deed_queue_stat, 'd', 1);
}
END_TEST

START_TEST(test_element_on_loan_redelivered)
{
	struct shmreg_event event;

	both_attach(SHMREG_QUEUE_REDELIVER);
	actor_ok(&other, deed_push, 1);
	actor_ok(&other, deed_push, 2);
	actor_expect(&victim, deed_acquire, 0, 1);
	actor_expect(&other, deed_pop, 0, 2);
	process_kill(&victim);
	wait_for(SHMREG_EVENT_REPAIRED, &event);
	ck_assert_uint_eq(event.n_freed, 0);
	ck_assert_uint_eq(event.n_requeued, 1);
	actor_expect(&other, deed_pop, 0, 1);
	actor_expect(&other, deed_pop, 0, -EAGAIN);
	actor_expect(&other, deed_queue_stat, 'r', 1);
}
END_TEST

START_TEST(test_reserved_slot)
{
	struct shmreg_event event;

	both_attach(0);
	actor_ok(&victim, deed_reserve, 1);
	actor_ok(&other, deed_push, 2);
	actor_expect(&other, deed_pop, 0, -EAGAIN);
	process_kill(&victim);
	wait_for(SHMREG_EVENT_REPAIRED, &event);
	ck_assert_uint_eq(event.n_freed, 1);
	actor_expect(&other, deed_pop, 0, 2);
	actor_expect(&other, deed_queue_stat, 'a', 1);
}
END_TEST

/* Full of what the dead hold: all of it comes back. */
START_TEST(test_all_slots)
{
	int i;

	both_attach(SHMREG_QUEUE_REDELIVER);
	for (i = 0; i < 4; i++)
		actor_ok(&other, deed_push, i + 1);
	for (i = 0; i < 4; i++)
		actor_expect(&victim, deed_acquire, 0, i + 1);
	for (i = 0; i < 4; i++)
		actor_ok(&victim, deed_reserve, i + 10);
	actor_expect(&other, deed_push, 9, -EAGAIN);
	process_kill(&victim);
	wait_for(SHMREG_EVENT_REPAIRED, NULL);
	for (i = 0; i < 4; i++)
		ck_assert_int_gt(actor_do(&other, deed_pop, 0), 0);
	actor_expect(&other, deed_pop, 0, -EAGAIN);
	for (i = 0; i < 8; i++)
		actor_ok(&other, deed_push, i + 20);
	for (i = 0; i < 8; i++)
		actor_expect(&other, deed_pop, 0, i + 20);
}
END_TEST

/* Detaching with things in one's hands is like dying with them. */
START_TEST(test_detach_with_loan)
{
	struct shmreg_event event;

	both_attach(SHMREG_QUEUE_REDELIVER);
	actor_ok(&other, deed_push, 1);
	actor_expect(&victim, deed_acquire, 0, 1);
	actor_ok(&victim, deed_close, 0);
	wait_for(SHMREG_EVENT_REPAIRED, &event);
	ck_assert_uint_eq(event.n_requeued, 1);
	actor_expect(&other, deed_pop, 0, 1);
}
END_TEST

/* --- generations: seats come back, and nothing is left over time ------------------------- */

START_TEST(test_many_generations)
{
	int i;

	both_attach(SHMREG_QUEUE_REDELIVER);
	actor_ok(&other, deed_push, 1);
	for (i = 0; i < 100; i++) {
		actor_expect(&victim, deed_acquire, 0, 1);
		actor_ok(&victim, deed_reserve, 2);
		process_kill(&victim);
		wait_for(SHMREG_EVENT_REPAIRED, NULL);
		/* Or its slot would be in the way of the pushes of the next lap. */
		actor_expect(&other, deed_pop, 0, 1);
		actor_ok(&other, deed_push, 1);
		actor_start(&victim);
		actor_ok(&victim, deed_open, SHMREG_ACCESS_WRITE);
		actor_ok(&victim, deed_queue_open, 0);
	}
	actor_expect(&victim, deed_pop, 0, 1);
	actor_expect(&victim, deed_pop, 0, -EAGAIN);
}
END_TEST

/* --- what is not death --------------------------------------------------------------------- */

START_TEST(test_stopped_is_not_dead)
{
	struct process witness;
	struct shmreg_event event;

	both_attach(SHMREG_QUEUE_REDELIVER);
	actor_ok(&other, deed_push, 1);
	actor_ok(&other, deed_push, 2);
	actor_expect(&victim, deed_acquire, 0, 1);
	process_stop(&victim);
	/* Another's death and repair pass meanwhile; the stopped one's loan stays his. */
	actor_start(&witness);
	actor_ok(&witness, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&witness, deed_queue_open, 0);
	actor_expect(&witness, deed_acquire, 0, 2);
	process_kill(&witness);
	wait_for(SHMREG_EVENT_REPAIRED, &event);
	ck_assert_uint_eq(event.n_requeued, 1);
	actor_expect(&other, deed_pop, 0, 2);
	actor_expect(&other, deed_pop, 0, -EAGAIN);
	actor_ok(&other, deed_push, 3);
	actor_expect(&other, deed_pop, 0, 3);
	process_continue(&victim);
	actor_ok(&victim, deed_release, 0);
	actor_expect(&other, deed_pop, 0, -EAGAIN);
	/* Stopped in a push he holds up the order behind him, and nothing else. */
	actor_ok(&victim, deed_reserve, 4);
	process_stop(&victim);
	actor_ok(&other, deed_push, 5);
	actor_expect(&other, deed_pop, 0, -EAGAIN);
	process_continue(&victim);
	actor_ok(&victim, deed_commit, 1);
	actor_expect(&other, deed_pop, 0, 4);
	actor_expect(&other, deed_pop, 0, 5);
}
END_TEST

static void attach_and_exec(const struct mouth *mouth, void *arg)
{
	static struct actor a;

	(void)arg;
	tell(mouth, deed_open(&a, SHMREG_ACCESS_WRITE));
	tell(mouth, deed_queue_open(&a, 0));
	tell(mouth, deed_acquire(&a, 0));
	hear(mouth);
	/* The mouth is closed by exec: the test sees that it has happened. */
	execlp("sleep", "sleep", "1000", (char *)NULL);
	_exit(1);
}

/* After exec() the process lives, but its mappings do not. */
START_TEST(test_exec)
{
	struct process p;
	struct shmreg_event event;
	char c;

	both_attach(SHMREG_QUEUE_REDELIVER);
	actor_ok(&other, deed_push, 1);
	process_start(&p, attach_and_exec, NULL);
	process_expect(&p, 0);
	process_expect(&p, 0);
	process_expect(&p, 1);
	process_tell(&p, 0);
	ck_assert_int_eq(recv(p.fd, &c, 1, 0), 0);
	wait_for(SHMREG_EVENT_REPAIRED, &event);
	ck_assert_uint_eq(event.n_requeued, 1);
	actor_expect(&other, deed_pop, 0, 1);
	ck_assert_int_eq(kill(p.pid, 0), 0);
	process_kill(&p);
}
END_TEST

/* --- bytes that no correct process writes -------------------------------------------------- */

static int64_t deed_garble(struct actor *a, int64_t seed)
{
	unsigned char *bytes = a->queue->queue.handle.base;
	const uint64_t n = a->queue->queue.handle.entry->bytes;
	unsigned state = (unsigned)seed;
	uint64_t i;

	for (i = 0; i < n; i++)
		bytes[i] = seed == 1 ? 0xff : (unsigned char)rand_r(&state);
	return 0;
}

/* The real reaper survives it and says so; others are not concerned. */
START_TEST(test_garbled_queue)
{
	int i;

	for (i = 1; i <= 12; i++) {
		both_attach(SHMREG_QUEUE_REDELIVER);
		actor_ok(&victim, deed_garble, i);
		process_kill(&victim);
		wait_for(SHMREG_EVENT_REPAIRED, NULL);
		/* Whatever these say, they return. */
		actor_do(&other, deed_pop, 0);
		actor_do(&other, deed_push, 1);
		actor_do(&other, deed_close, 0);
		wait_for(SHMREG_EVENT_DISPOSED, NULL);
		actor_start(&victim);
	}
}
END_TEST

/* --- reapers that die ------------------------------------------------------------------------ */

/* The last is somebody else's doing, and does not speak against the segment. */
static const char *const ways_to_die[] = { "crash", "exit-0", "exit-1", "hang", "nonsense",
					   "kill" };
#define N_WAYS (int)(sizeof(ways_to_die) / sizeof(ways_to_die[0]))

static uint64_t n_failures(void)
{
	struct shmreg_connection *c = harness_connect();
	struct shmreg_stats_reply stats;

	harness_ok(shmreg_stats(c, UINT32_MAX, &stats));
	shmreg_disconnect(c);
	return stats.n_reaper_failures;
}

START_TEST(test_reaper_dies)
{
	struct shmreg_event event;

	start(failing_reaper(ways_to_die[_i], 2));
	both_attach(SHMREG_QUEUE_REDELIVER);
	actor_ok(&other, deed_push, 1);
	actor_expect(&victim, deed_acquire, 0, 1);
	process_kill(&victim);
	wait_for(SHMREG_EVENT_REPAIRED, &event);
	ck_assert_uint_eq(event.n_requeued, 1);
	ck_assert_uint_eq(n_failures(), 2);
	actor_expect(&other, deed_pop, 0, 1);
	teardown();
	failing_reaper_remove();
}
END_TEST

static int64_t deed_create_elsewhere(struct actor *a, int64_t unused)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 16 };
	struct shmreg_segment *s;
	const int r = shmreg_segment_create(a->connection, &s, "elsewhere", &params);

	(void)unused;
	if (r == 0)
		shmreg_segment_close(s);
	return r;
}

/* Three times in a row, and the segment is given up; it alone. */
START_TEST(test_quarantine)
{
	start(failing_reaper(ways_to_die[_i], 3));
	both_attach(SHMREG_QUEUE_REDELIVER);
	actor_ok(&other, deed_push, 1);
	actor_expect(&victim, deed_acquire, 0, 1);
	process_kill(&victim);
	wait_for(SHMREG_EVENT_QUARANTINED, NULL);
	ck_assert_uint_eq(n_failures(), 3);
	harness_wait_log(&h, "quarantine");
	ck_assert(harness_logged(&h, ACTOR_SEGMENT));
	actor_expect(&other, deed_pop, 0, -ENOTRECOVERABLE);
	actor_start(&victim);
	actor_expect(&victim, deed_open, SHMREG_ACCESS_WRITE, -ENOTRECOVERABLE);
	actor_says(&victim, "quarantine");
	actor_ok(&victim, deed_create_elsewhere, 0);
	actor_ok(&victim, deed_remove, 0);
	actor_ok(&victim, deed_create, SHMREG_WHILE_ATTACHED);
	teardown();
	failing_reaper_remove();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("death");
	TCase *tc = harness_case(s, "death");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_element_on_loan_dropped);
	tcase_add_test(tc, test_element_on_loan_redelivered);
	tcase_add_test(tc, test_reserved_slot);
	tcase_add_test(tc, test_all_slots);
	tcase_add_test(tc, test_detach_with_loan);
	tcase_add_test(tc, test_many_generations);
	tcase_add_test(tc, test_stopped_is_not_dead);
	tcase_add_test(tc, test_exec);
	tcase_add_test(tc, test_garbled_queue);

	tc = harness_case(s, "reaper");
	tcase_add_loop_test(tc, test_reaper_dies, 0, N_WAYS);
	tcase_add_loop_test(tc, test_quarantine, 0, N_WAYS - 1);
	return s;
}

int main(void)
{
	return harness_main(suite());
}
