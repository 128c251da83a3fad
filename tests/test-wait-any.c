/* SPDX-License-Identifier: MIT */
#include <config.h>

/* shmreg_wait_any(): asleep on several objects at once. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actor.h"
#include "alone.h"
#include "asleep.h"
#include "failing.h"

#define SOON UINT64_C(10000000)

/* What the sleeper waits for; the maker is another process that makes it happen. */
enum { QUEUE, FULL, ATOMIC, N_ITEMS };

static struct harness h;
static struct process maker;
static struct shmreg_connection *c;
static struct shmreg_segment *s;
static struct word_queue *queue, *full;
static const struct word_atomic *atomic;
static struct shmreg_wait_item items[N_ITEMS];

static int64_t deed_full_create(struct actor *a, int64_t unused)
{
	uint64_t i;
	int r;

	(void)unused;
	r = word_queue_create(a->segment, &a->queue, "full", 8, 0);
	for (i = 0; r == 0 && i < 8; i++)
		r = word_queue_push(a->queue, &i);
	return r;
}

static struct shmreg_wait_item item(const struct shmreg_handle *handle, uint32_t events)
{
	return (struct shmreg_wait_item){ .handle = handle, .events = events };
}

static void start(const char *const *options)
{
	harness_start(&h, options);
	actor_start(&maker);
	actor_ok(&maker, deed_create, SHMREG_WHILE_ATTACHED);
	actor_ok(&maker, deed_queue_create, 0);
	actor_ok(&maker, deed_full_create, 0);
	actor_ok(&maker, deed_queue_open, 0);
	actor_ok(&maker, deed_atomic_create, 5);
	c = harness_connect();
	harness_ok(shmreg_segment_open(c, &s, ACTOR_SEGMENT, SHMREG_ACCESS_WRITE));
	harness_ok(word_queue_open(s, &queue, "queue"));
	harness_ok(word_queue_open(s, &full, "full"));
	harness_ok(word_atomic_open_const(s, &atomic, "atomic"));
	items[QUEUE] = item(&queue->queue.handle, SHMREG_WAIT_ITEMS);
	items[FULL] = item(&full->queue.handle, SHMREG_WAIT_SPACE);
	items[ATOMIC] = item(&atomic->atomic.handle, SHMREG_WAIT_ITEMS);
}

static void setup(void)
{
	start(NULL);
}

static void teardown(void)
{
	c = shmreg_disconnect(c);
	process_finish(&maker);
	harness_stop(&h);
}

static void ready_is(uint32_t in_queue, uint32_t in_full, uint32_t in_atomic)
{
	ck_assert_uint_eq(items[QUEUE].ready, in_queue);
	ck_assert_uint_eq(items[FULL].ready, in_full);
	ck_assert_uint_eq(items[ATOMIC].ready, in_atomic);
}

/* The atomic's first value counts as a change: from here on it is known, and nothing is ready. */
static void settle(void)
{
	const struct timespec past = shmreg_deadline(0);

	ck_assert_int_eq(shmreg_wait_any(items, N_ITEMS, &past), 1);
	ready_is(0, 0, SHMREG_WAIT_ITEMS);
	harness_result(shmreg_wait_any(items, N_ITEMS, &past), -ETIMEDOUT);
	ready_is(0, 0, 0);
}

static int wait_for_items(void *arg)
{
	(void)arg;
	return shmreg_wait_any(items, N_ITEMS, NULL);
}

static void fall_asleep(struct sleeper *sleeper)
{
	settle();
	sleeper_spawn(sleeper, wait_for_items, NULL);
	sleeper_await(sleeper);
}

static int64_t deed_full_pop(struct actor *a, int64_t unused)
{
	struct word_queue *q = NULL;
	uint64_t word;
	int r;

	(void)unused;
	r = word_queue_open(a->segment, &q, "full");
	if (r == 0)
		r = word_queue_pop(q, &word);
	word_queue_close(q);
	return r;
}

static int64_t deed_atomic_change(struct actor *a, int64_t unused)
{
	(void)unused;
	word_atomic_fetch_add(a->atomic, 1);
	word_atomic_notify_all(a->atomic);
	return 0;
}

static void make(unsigned int what)
{
	switch (what) {
	case QUEUE:
		actor_ok(&maker, deed_push, 1);
		return;
	case FULL:
		actor_ok(&maker, deed_full_pop, 0);
		return;
	default:
		actor_ok(&maker, deed_atomic_change, 0);
	}
}

START_TEST(each_wakes)
{
	struct sleeper sleeper;

	fall_asleep(&sleeper);
	make((unsigned int)_i);
	ck_assert_int_eq(sleeper_result(&sleeper), 1);
	ready_is(_i == QUEUE ? SHMREG_WAIT_ITEMS : 0, _i == FULL ? SHMREG_WAIT_SPACE : 0,
		 _i == ATOMIC ? SHMREG_WAIT_ITEMS : 0);
	ck_assert_int_eq(items[_i].error, 0);
}
END_TEST

/* Not only the first is told of. */
START_TEST(all_are_looked_at)
{
	unsigned int i;

	for (i = 0; i < N_ITEMS; i++)
		make(i);
	ck_assert_int_eq(shmreg_wait_any(items, N_ITEMS, NULL), 3);
	ready_is(SHMREG_WAIT_ITEMS, SHMREG_WAIT_SPACE, SHMREG_WAIT_ITEMS);
	/* What is not taken is reported again; the atomic has not changed since. */
	ck_assert_int_eq(shmreg_wait_any(items, N_ITEMS, NULL), 2);
	ready_is(SHMREG_WAIT_ITEMS, SHMREG_WAIT_SPACE, 0);
}
END_TEST

START_TEST(both_events_of_one)
{
	struct shmreg_wait_item both = item(&queue->queue.handle,
					    SHMREG_WAIT_ITEMS | SHMREG_WAIT_SPACE);

	ck_assert_int_eq(shmreg_wait_any(&both, 1, NULL), 1);
	ck_assert_uint_eq(both.ready, SHMREG_WAIT_SPACE);
	make(QUEUE);
	ck_assert_int_eq(shmreg_wait_any(&both, 1, NULL), 1);
	ck_assert_uint_eq(both.ready, SHMREG_WAIT_ITEMS | SHMREG_WAIT_SPACE);
}
END_TEST

static int wait_twice_for_one(void *arg)
{
	struct shmreg_wait_item *twice = arg;

	return shmreg_wait_any(twice, 2, NULL);
}

START_TEST(twice_the_same)
{
	struct shmreg_wait_item twice[2] = { items[QUEUE], items[QUEUE] };
	struct sleeper sleeper;

	sleeper_spawn(&sleeper, wait_twice_for_one, twice);
	sleeper_await(&sleeper);
	make(QUEUE);
	ck_assert_int_eq(sleeper_result(&sleeper), 2);
}
END_TEST

START_TEST(deadlines)
{
	struct timespec deadline, now;

	settle();
	deadline = shmreg_deadline(SOON);
	harness_result(shmreg_wait_any(items, N_ITEMS, &deadline), -ETIMEDOUT);
	now = shmreg_deadline(0);
	ck_assert(now.tv_sec > deadline.tv_sec ||
		  (now.tv_sec == deadline.tv_sec && now.tv_nsec >= deadline.tv_nsec));
	ready_is(0, 0, 0);
	make(FULL);
	ck_assert_int_eq(shmreg_wait_any(items, N_ITEMS, &deadline), 1);
	ready_is(0, SHMREG_WAIT_SPACE, 0);
}
END_TEST

static int64_t deed_remove_object(struct actor *a, int64_t which)
{
	return shmreg_object_remove(a->segment, which == QUEUE ? "queue" :
						which == FULL  ? "full" : "atomic");
}

START_TEST(removed_while_asleep)
{
	struct sleeper sleeper;
	int i;

	fall_asleep(&sleeper);
	actor_ok(&maker, deed_remove_object, _i);
	ck_assert_int_eq(sleeper_result(&sleeper), 1);
	for (i = 0; i < N_ITEMS; i++) {
		ck_assert_uint_eq(items[i].ready, i == _i ? SHMREG_WAIT_ERROR : 0);
		ck_assert_int_eq(items[i].error, i == _i ? -ESTALE : 0);
	}
	/* Another is ready as well: both are told. */
	make((unsigned int)(_i == QUEUE ? FULL : QUEUE));
	ck_assert_int_eq(shmreg_wait_any(items, N_ITEMS, NULL), 2);
}
END_TEST

START_TEST(removed_with_something_left)
{
	uint64_t word;

	make(QUEUE);
	actor_ok(&maker, deed_remove_object, QUEUE);
	ck_assert_int_eq(shmreg_wait_any(items, 1, NULL), 1);
	ck_assert_uint_eq(items[QUEUE].ready, SHMREG_WAIT_ITEMS);
	harness_ok(word_queue_pop(queue, &word));
	ck_assert_int_eq(shmreg_wait_any(items, 1, NULL), 1);
	ck_assert_uint_eq(items[QUEUE].ready, SHMREG_WAIT_ERROR);
	ck_assert_int_eq(items[QUEUE].error, -ESTALE);
	harness_result(word_queue_pop(queue, &word), -ESTALE);
}
END_TEST

START_TEST(spurious)
{
	const uint32_t *const words[] = {
		&shmreg_segment_dir(s)->death,
		&items[FULL].handle->entry->state,
		&queue->queue.handle.entry->state,
		(const uint32_t *)(const void *)(items[QUEUE].handle->base +
			shmreg_kind_eventcount(SHMREG_KIND_QUEUE, SHMREG_WAIT_ITEMS)),
	};
	struct sleeper sleeper;
	unsigned int i;
	uint64_t naps;

	fall_asleep(&sleeper);
	for (i = 0; i < 40; i++) {
		naps = sleeper_naps(&sleeper);
		/* Without futex_waitv it sleeps on one of them. */
		if (asleep_wake_for_nothing(words[i % 4]) > 0)
			sleeper_await_after(&sleeper, naps);
	}
	make(ATOMIC);
	ck_assert_int_eq(sleeper_result(&sleeper), 1);
}
END_TEST

static int n_signals;

static void count(int signal)
{
	(void)signal;
	shmreg_fetch_add_relaxed(&n_signals, 1);
}

static bool has_counted(void *arg)
{
	return shmreg_load_relaxed(&n_signals) == *(int *)arg;
}

START_TEST(signals)
{
	const struct sigaction action = { .sa_handler = count };
	struct sleeper sleeper;
	int wanted = 1;

	ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
	fall_asleep(&sleeper);
	ck_assert_int_eq(pthread_kill(sleeper.thread, SIGUSR1), 0);
	asleep_until(has_counted, &wanted, "the signal is there");
	sleeper_await(&sleeper);
	make(QUEUE);
	ck_assert_int_eq(sleeper_result(&sleeper), 1);
}
END_TEST

START_TEST(signals_if_one_asks)
{
	const struct sigaction action = { .sa_handler = count };
	struct sleeper sleeper;

	ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
	harness_ok(shmreg_handle_set_waiting(items[_i].handle, 0, SHMREG_WAIT_INTERRUPTIBLE));
	fall_asleep(&sleeper);
	ck_assert_int_eq(pthread_kill(sleeper.thread, SIGUSR1), 0);
	ck_assert_int_eq(sleeper_result(&sleeper), -EINTR);
	ready_is(0, 0, 0);
}
END_TEST

static int pop(void *arg)
{
	uint64_t word;

	return word_queue_pop_wait(arg, &word, NULL);
}

/* Who is woken first takes nothing: it is passed on. */
START_TEST(not_taken)
{
	struct sleeper looks, takes;
	struct word_queue *other = NULL;

	harness_ok(word_queue_open(s, &other, "queue"));
	fall_asleep(&looks);
	sleeper_spawn(&takes, pop, other);
	sleeper_await(&takes);
	make(QUEUE);
	ck_assert_int_eq(sleeper_result(&takes), 0);
	/* If it was slower than the other after all, it sleeps on. */
	make(QUEUE);
	ck_assert_int_eq(sleeper_result(&looks), 1);
}
END_TEST

/* The same if it was woken for the second of several. */
START_TEST(not_taken_of_another)
{
	struct shmreg_wait_item turned[2] = { items[FULL], items[QUEUE] };
	struct sleeper looks, takes;
	struct word_queue *other = NULL;

	harness_ok(word_queue_open(s, &other, "queue"));
	sleeper_spawn(&looks, wait_twice_for_one, turned);
	sleeper_await(&looks);
	sleeper_spawn(&takes, pop, other);
	sleeper_await(&takes);
	make(QUEUE);
	ck_assert_int_eq(sleeper_result(&takes), 0);
	make(QUEUE);
	ck_assert_int_eq(sleeper_result(&looks), 1);
}
END_TEST

static int64_t deed_wait_any(struct actor *a, int64_t unused)
{
	struct shmreg_wait_item one = item(&a->queue->queue.handle, SHMREG_WAIT_ITEMS);

	(void)unused;
	return shmreg_wait_any(&one, 1, NULL);
}

/* Who dies having been woken is made good for when the death is noticed. */
START_TEST(sleeper_dies)
{
	struct process victim;
	struct sleeper takes;

	actor_start(&victim);
	actor_ok(&victim, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&victim, deed_queue_open, 0);
	actor_begin(&victim, deed_wait_any, 0);
	asleep_await(victim.pid, victim.pid);
	sleeper_spawn(&takes, pop, queue);
	sleeper_await(&takes);
	process_stop(&victim);
	make(QUEUE);
	process_kill(&victim);
	ck_assert_int_eq(sleeper_result(&takes), 0);
}
END_TEST

/* Others die all the time. */
START_TEST(others_die)
{
	struct sleeper sleeper;
	struct process victim;
	uint64_t naps;

	fall_asleep(&sleeper);
	naps = sleeper_naps(&sleeper);
	actor_start(&victim);
	actor_ok(&victim, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&victim, deed_atomic_open, 0);
	process_kill(&victim);
	sleeper_await_after(&sleeper, naps);
	make(QUEUE);
	ck_assert_int_eq(sleeper_result(&sleeper), 1);
}
END_TEST

START_TEST(daemon_is_restarted)
{
	struct sleeper sleeper;

	fall_asleep(&sleeper);
	harness_kill_daemon(&h);
	harness_restart_daemon(&h);
	sleeper_await(&sleeper);
	make((unsigned int)_i);
	ck_assert_int_eq(sleeper_result(&sleeper), 1);
}
END_TEST

START_TEST(daemon_is_stopped)
{
	const struct timespec past = shmreg_deadline(0);
	struct sleeper sleeper;
	unsigned int i;

	fall_asleep(&sleeper);
	harness_stop_daemon(&h);
	ck_assert_int_eq(sleeper_result(&sleeper), N_ITEMS);
	for (i = 0; i < N_ITEMS; i++) {
		ck_assert_uint_eq(items[i].ready, SHMREG_WAIT_ERROR);
		ck_assert_int_eq(items[i].error, -EHOSTDOWN);
	}
	/* Who does not want to sleep is not told. */
	harness_result(shmreg_wait_any(items, N_ITEMS, &past), -ETIMEDOUT);
	make(QUEUE);
	ck_assert_int_eq(shmreg_wait_any(items, N_ITEMS, NULL), 1);
	ready_is(SHMREG_WAIT_ITEMS, 0, 0);
	harness_restart_daemon(&h);
}
END_TEST

/* Stopped in order, and started again with what it had: one can sleep again. */
START_TEST(daemon_goes_on)
{
	struct sleeper sleeper;

	fall_asleep(&sleeper);
	ck_assert_int_eq(keeper_daemon_end(&h.keeper, SIGTERM), 0);
	ck_assert_int_eq(sleeper_result(&sleeper), N_ITEMS);
	ck_assert_int_eq(items[QUEUE].error, -EHOSTDOWN);
	harness_restart_daemon(&h);
	sleeper_spawn(&sleeper, wait_for_items, NULL);
	sleeper_await(&sleeper);
	make(FULL);
	ck_assert_int_eq(sleeper_result(&sleeper), 1);
	ready_is(0, SHMREG_WAIT_SPACE, 0);
}
END_TEST

/* What one of them does is nothing to what the other has. */
START_TEST(two_daemons)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 12 };
	struct shmreg_connect_params where = { .size = sizeof(where) };
	struct shmreg_connection *connection;
	struct shmreg_segment *segment;
	struct word_queue *other = NULL;
	struct sleeper sleeper;
	struct alone second;
	uint64_t word = 1;

	alone_init(&second);
	alone_start(&second, NULL);
	where.socket = second.socket_path;
	harness_ok(shmreg_connect(&connection, &where));
	harness_ok(shmreg_segment_create(connection, &segment, ACTOR_SEGMENT, &params));
	harness_ok(word_queue_create(segment, &other, "queue", 2, 0));
	settle();
	items[FULL] = item(&other->queue.handle, SHMREG_WAIT_ITEMS);
	sleeper_spawn(&sleeper, wait_for_items, NULL);
	sleeper_await(&sleeper);
	harness_ok(word_queue_push(other, &word));
	ck_assert_int_eq(sleeper_result(&sleeper), 1);
	ready_is(0, SHMREG_WAIT_ITEMS, 0);
	harness_ok(word_queue_pop(other, &word));

	sleeper_spawn(&sleeper, wait_for_items, NULL);
	sleeper_await(&sleeper);
	ck_assert_int_eq(alone_end(&second, SIGTERM), 0);
	ck_assert_int_eq(sleeper_result(&sleeper), 1);
	ready_is(0, SHMREG_WAIT_ERROR, 0);
	ck_assert_int_eq(items[FULL].error, -EHOSTDOWN);

	/* Left out, it keeps nobody awake. */
	items[FULL] = items[QUEUE];
	sleeper_spawn(&sleeper, wait_for_items, NULL);
	sleeper_await(&sleeper);
	make(ATOMIC);
	ck_assert_int_eq(sleeper_result(&sleeper), 1);
	shmreg_disconnect(connection);
	alone_deinit(&second);
}
END_TEST

START_TEST(bad_calls)
{
	const struct timespec bad = { .tv_nsec = -1 };
	struct shmreg_wait_item many[SHMREG_WAIT_ANY_MAX + 1];
	unsigned int i;

	for (i = 0; i <= SHMREG_WAIT_ANY_MAX; i++)
		many[i] = items[QUEUE];
	harness_result(shmreg_wait_any(many, SHMREG_WAIT_ANY_MAX + 1, NULL), -E2BIG);
	harness_sentence("at most 32");
	harness_result(shmreg_wait_any(many, UINT32_MAX, NULL), -E2BIG);
	harness_result(shmreg_wait_any(many, 0, NULL), -EINVAL);
	harness_result(shmreg_wait_any(NULL, 1, NULL), -EINVAL);
	harness_result(shmreg_wait_any(many, 1, &bad), -EINVAL);
	harness_sentence("tv_nsec");
	many[1].events = 0;
	harness_result(shmreg_wait_any(many, 2, NULL), -EINVAL);
	harness_sentence("item 1");
	many[1].events = SHMREG_WAIT_ERROR;
	harness_result(shmreg_wait_any(many, 2, NULL), -EINVAL);
	many[1] = items[ATOMIC];
	many[1].events = SHMREG_WAIT_SPACE;
	harness_result(shmreg_wait_any(many, 2, NULL), -EINVAL);
	harness_sentence("atomic");
	many[1].handle = NULL;
	harness_result(shmreg_wait_any(many, 2, NULL), -EINVAL);
	harness_sentence("NULL");
}
END_TEST

static void wait_in_child(const struct mouth *mouth, void *arg)
{
	(void)arg;
	tell(mouth, shmreg_wait_any(items, N_ITEMS, NULL));
}

START_TEST(forked)
{
	struct process child;

	process_start(&child, wait_in_child, NULL);
	process_expect(&child, -ECHILD);
	ck_assert_int_eq(process_wait(&child), 0);
}
END_TEST

/* Each in a segment of its own, with both events, of which neither is there: 128 words. */
static struct shmreg_wait_item all[SHMREG_WAIT_ANY_MAX];
static struct word_queue *queues[SHMREG_WAIT_ANY_MAX];
static struct word_queue_lease leases[SHMREG_WAIT_ANY_MAX][2];

static int wait_for_all(void *arg)
{
	(void)arg;
	return shmreg_wait_any(all, SHMREG_WAIT_ANY_MAX, NULL);
}

START_TEST(as_many_as_possible)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 12 };
	static const unsigned int which[] = { 0, SHMREG_WAIT_ANY_MAX / 2, SHMREG_WAIT_ANY_MAX - 1 };
	struct shmreg_segment *segment;
	struct sleeper sleeper;
	unsigned int i, j;
	char name[16];

	for (i = 0; i < SHMREG_WAIT_ANY_MAX; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		harness_ok(shmreg_segment_create(c, &segment, name, &params));
		harness_ok(word_queue_create(segment, &queues[i], "q", 2, 0));
		for (j = 0; j < 2; j++)
			harness_ok(word_queue_reserve(queues[i], &leases[i][j]));
		all[i] = item(&queues[i]->queue.handle, SHMREG_WAIT_ITEMS | SHMREG_WAIT_SPACE);
	}
	for (i = 0; i < 3; i++) {
		sleeper_spawn(&sleeper, wait_for_all, NULL);
		sleeper_await(&sleeper);
		harness_ok(word_queue_commit(queues[which[i]], &leases[which[i]][0]));
		ck_assert_int_eq(sleeper_result(&sleeper), 1);
		ck_assert_uint_eq(all[which[i]].ready, SHMREG_WAIT_ITEMS);
		/* For the next round nothing is to be there. */
		harness_ok(word_queue_acquire(queues[which[i]], &leases[which[i]][0]));
	}
}
END_TEST

static void setup_quarantine(void)
{
	start(failing_reaper("exit-1", 3));
}

static void teardown_quarantine(void)
{
	teardown();
	failing_reaper_remove();
}

START_TEST(quarantined)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 12 };
	struct shmreg_segment *healthy;
	struct word_queue *other = NULL;
	struct sleeper sleeper;
	struct process victim;
	int r;

	/* The others go on: one is in another segment. */
	harness_ok(shmreg_segment_create(c, &healthy, "healthy", &params));
	harness_ok(word_queue_create(healthy, &other, "other", 2, 0));
	settle();
	items[QUEUE] = item(&other->queue.handle, SHMREG_WAIT_ITEMS);
	sleeper_spawn(&sleeper, wait_for_items, NULL);
	sleeper_await(&sleeper);
	actor_start(&victim);
	actor_ok(&victim, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&victim, deed_queue_open, 0);
	process_kill(&victim);
	r = sleeper_result(&sleeper);
	ck_assert_int_eq(r, 2);
	ck_assert_uint_eq(items[QUEUE].ready, 0);
	ck_assert_int_eq(items[FULL].error, -ENOTRECOVERABLE);
	ck_assert_int_eq(items[ATOMIC].error, -ENOTRECOVERABLE);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("wait-any");
	TCase *tc = harness_case(suite, "wait-any");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, each_wakes, 0, N_ITEMS);
	tcase_add_test(tc, all_are_looked_at);
	tcase_add_test(tc, both_events_of_one);
	tcase_add_test(tc, twice_the_same);
	tcase_add_test(tc, deadlines);
	tcase_add_loop_test(tc, removed_while_asleep, 0, N_ITEMS);
	tcase_add_test(tc, removed_with_something_left);
	tcase_add_test(tc, spurious);
	tcase_add_test(tc, signals);
	tcase_add_loop_test(tc, signals_if_one_asks, 0, N_ITEMS);
	tcase_add_test(tc, not_taken);
	tcase_add_test(tc, not_taken_of_another);
	tcase_add_test(tc, sleeper_dies);
	tcase_add_test(tc, others_die);
	tcase_add_loop_test(tc, daemon_is_restarted, 0, N_ITEMS);
	tcase_add_test(tc, daemon_is_stopped);
	tcase_add_test(tc, daemon_goes_on);
	tcase_add_test(tc, two_daemons);
	tcase_add_test(tc, bad_calls);
	tcase_add_test(tc, forked);
	tcase_add_test(tc, as_many_as_possible);

	tc = harness_case(suite, "quarantine");
	tcase_add_checked_fixture(tc, setup_quarantine, teardown_quarantine);
	tcase_add_test(tc, quarantined);
	return suite;
}

int main(void)
{
	return harness_main(suite());
}
