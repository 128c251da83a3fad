/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * What the library that this project descends from got wrong in its pool: the free list's head
 * was compared without a tag, so that one who had read it, and was interrupted while others took
 * that object and the next and gave the first one back (ABA), made the next the head: it was handed
 * out twice.
 *
 * $SHMREG_TEST_SCALE is a factor for the number of rounds; $SHMREG_TEST_SEED.
 */

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actor.h"
#include "random.h"

#define CAPACITY 6
#define WORKERS 4
#define ROUNDS 20000
#define STEPS_MAX 100000	/* more than an acquisition has */

struct object {
	uint64_t owner;		/* who fills it in as long as it is his */
	uint64_t fill[7];
};
SHMREG_DEFINE_POOL(object_pool, struct object);

static struct harness h;
static struct shmreg_connection *c;
static struct shmreg_segment *s;
static struct object_pool *pool;

static void setup(void)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 20 };

	harness_start_made(&h, ACTOR_SEGMENT, &params, &c, &s);
	harness_ok(object_pool_create(s, &pool, "pool", CAPACITY));
}

static void teardown(void)
{
	c = shmreg_disconnect(c);
	harness_stop(&h);
}

static struct object_pool *open_pool(struct shmreg_connection **ret)
{
	struct shmreg_segment *segment = NULL;
	struct object_pool *mine = NULL;

	*ret = harness_connect();
	harness_ok(shmreg_segment_open(*ret, &segment, ACTOR_SEGMENT, SHMREG_ACCESS_WRITE));
	harness_ok(object_pool_open(segment, &mine, "pool"));
	return mine;
}

static uint64_t n_free(void)
{
	struct shmreg_pool_stats stats = { .size = sizeof(stats) };

	harness_ok(shmreg_pool_stat(object_pool_untyped(pool), &stats));
	return stats.n_free;
}

static void mark(struct object *object)
{
	if (!object)
		ck_abort_msg("what was acquired is another's");
	object->owner = (uint64_t)getpid();
}

/* --- at each instruction ---------------------------------------------------------------------- */

/*
 * Each time round: two objects, one of them acquired one instruction at a time: the first, which
 * is the one that it released last, or the second, for which it has to search.
 */
static void acquire_traced(const struct mouth *mouth, void *arg)
{
	struct shmreg_connection *mine;
	struct object_pool *p = open_pool(&mine);
	const bool searches = arg != NULL;
	shmreg_pool_ref ref[2];
	int r;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(77);
	raise(SIGSTOP);		/* it is known that this works */
	for (;;) {
		if (searches)
			harness_ok(object_pool_acquire(p, &ref[1]));
		raise(SIGSTOP);
		r = object_pool_acquire(p, &ref[0]);
		raise(SIGSTOP);
		harness_ok(r);
		if (!searches)
			harness_ok(object_pool_acquire(p, &ref[1]));
		mark(object_pool_get(p, ref[0]));
		mark(object_pool_get(p, ref[1]));
		tell(mouth, (int64_t)ref[0]);
		tell(mouth, (int64_t)ref[1]);
		if (hear(mouth) == 0)
			break;
		harness_ok(object_pool_release(p, ref[0]));
		harness_ok(object_pool_release(p, ref[1]));
	}
	shmreg_disconnect(mine);
}

static void resume(struct process *p, int request)
{
	if (ptrace(request, p->pid, NULL, 0) < 0)
		ck_abort_msg("%s", strerror(errno));
}

/* Return: the signal it has stopped with. */
static int stopped(struct process *p)
{
	int status;

	if (waitpid(p->pid, &status, 0) != p->pid || !WIFSTOPPED(status))
		ck_abort_msg("the traced process ended, or was not there");
	return WSTOPSIG(status);
}

/* Lets it go for @n instructions of acquire(), or to its end. */
static void step(struct process *p, int n, bool *ret_done)
{
	int i, signal = SIGTRAP;

	for (i = 0; i < n && signal == SIGTRAP; i++) {
		resume(p, PTRACE_SINGLESTEP);
		signal = stopped(p);
	}
	*ret_done = signal == SIGSTOP;
}

/* What A finds, B changes there and back. */
static void interfere(shmreg_pool_ref *ret_kept, shmreg_pool_ref *ret_given_back)
{
	harness_ok(object_pool_acquire(pool, ret_given_back));
	harness_ok(object_pool_acquire(pool, ret_kept));
	mark(object_pool_get(pool, *ret_kept));
	harness_ok(object_pool_release(pool, *ret_given_back));
}

static bool all_free(void *unused)
{
	(void)unused;
	return n_free() == CAPACITY;
}

static void aba(bool searches)
{
	const uint64_t me = (uint64_t)getpid();
	shmreg_pool_ref kept, given_back, ref[2];
	struct process other;
	bool done = false;
	int n;

	process_start(&other, acquire_traced, searches ? &other : NULL);
	if (stopped(&other) != SIGSTOP) {
		harness_skip("ptrace() is not allowed here");
		process_kill(&other);
		return;
	}
	resume(&other, PTRACE_CONT);
	for (n = 0; !done && n < STEPS_MAX; n++) {
		ck_assert_int_eq(stopped(&other), SIGSTOP);
		step(&other, n, &done);
		interfere(&kept, &given_back);
		if (!done) {
			resume(&other, PTRACE_CONT);
			ck_assert_int_eq(stopped(&other), SIGSTOP);
		}
		resume(&other, PTRACE_CONT);
		ref[0] = (shmreg_pool_ref)process_hear(&other);
		ref[1] = (shmreg_pool_ref)process_hear(&other);
		/* Three objects, each of which is one's. */
		if (object_pool_check(pool, kept) != 0 || object_pool_get(pool, kept)->owner != me ||
		    object_pool_check(pool, ref[0]) != -EPERM ||
		    object_pool_check(pool, ref[1]) != -EPERM || n_free() != CAPACITY - 3)
			ck_abort_msg("interrupted after %d instructions: an object is two's", n);
		/* And what was given back is not ours by its old name, whose ever it is. */
		ck_assert_int_eq(object_pool_release(pool, given_back), -ESTALE);
		ck_assert_ptr_null(object_pool_get(pool, given_back));
		harness_ok(object_pool_release(pool, kept));
		process_tell(&other, !done);
	}
	ck_assert_int_gt(n, 50);
	ck_assert(done);
	/* It leaves with two in its hands. */
	ck_assert_int_eq(process_wait(&other), 0);
	harness_wait(all_free, NULL, "its objects to be repaired");
}

START_TEST(test_aba)
{
	aba(false);
}
END_TEST

START_TEST(test_aba_in_a_search)
{
	aba(true);
}
END_TEST

/* --- by chance ---------------------------------------------------------------------------------- */

static void work(const struct mouth *mouth, void *arg)
{
	const uint64_t rounds = random_scaled(ROUNDS), me = (uint64_t)(uintptr_t)arg + 1;
	struct shmreg_connection *mine;
	struct object_pool *p = open_pool(&mine);
	struct random_state random;
	shmreg_pool_ref ref[3];
	uint64_t i;
	int n, k, w;

	random_seed(&random);
	random.x += me;
	tell(mouth, 1);
	hear(mouth);
	for (i = 0; i < rounds; i++) {
		n = object_pool_acquire_batch(p, ref, 1 + (uint32_t)random_below(&random, 3), 1);
		if (n == -EAGAIN) {
			sched_yield();
			continue;
		}
		ck_assert_int_gt(n, 0);
		for (k = 0; k < n; k++) {
			struct object *object = object_pool_get(p, ref[k]);

			if (!object)
				ck_abort_msg("what was acquired is another's");
			object->owner = me;
			for (w = 0; w < 7; w++)
				object->fill[w] = i;
		}
		if (random_below(&random, 8) == 0)
			sched_yield();
		for (k = 0; k < n; k++) {
			const struct object *object = object_pool_get(p, ref[k]);
			bool mine_alone = object && object->owner == me;

			for (w = 0; mine_alone && w < 7; w++)
				mine_alone = object->fill[w] == i;
			if (!mine_alone)
				ck_abort_msg("an object is two's");
			if (object_pool_release(p, ref[k]) != 0 ||
			    object_pool_release(p, ref[k]) != -ESTALE)
				ck_abort_msg("an object is given back not exactly once");
		}
	}
	tell(mouth, 2);
	hear(mouth);
	shmreg_disconnect(mine);
}

START_TEST(test_each_is_ones)
{
	struct process worker[WORKERS];
	uintptr_t i;

	for (i = 0; i < WORKERS; i++)
		process_start(&worker[i], work, (void *)i);
	for (i = 0; i < WORKERS; i++)
		process_expect(&worker[i], 1);
	for (i = 0; i < WORKERS; i++)
		process_tell(&worker[i], 0);
	for (i = 0; i < WORKERS; i++)
		process_expect(&worker[i], 2);
	ck_assert_uint_eq(n_free(), CAPACITY);
	for (i = 0; i < WORKERS; i++)
		process_finish(&worker[i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("original-pool");
	TCase *tcase = harness_case(suite, "daemon");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_aba);
	tcase_add_test(tcase, test_aba_in_a_search);
	tcase_add_test(tcase, test_each_is_ones);
	return harness_main(suite);
}
