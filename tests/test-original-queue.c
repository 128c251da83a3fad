/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * What the library that this project descends from got wrong in its queue, with the real
 * daemon and in processes: of 800,000 elements pushed by 4 producers, 557,325 were lost.
 *
 * $SHMREG_TEST_SCALE is a factor for the number of elements.
 */

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>

#include "actor.h"
#include "random.h"

#define PRODUCERS 4
#define CONSUMERS 3
#define CAPACITY 256
#define N 200000	/* elements a producer */
#define TAKEN 63	/* at a time, at most */

/* Beside the registry, so that what is counted does not depend on what is tested. */
static struct account {
	uint64_t n;			/* elements of each producer */
	uint64_t n_disordered;
	uint64_t n_foreign;		/* elements that nobody pushed */
	uint64_t finished;		/* producers */
	uint8_t seen[];			/* how often, up to 255, element i of producer p: [p * n + i] */
} *account;

static struct harness h;
static struct process producer[PRODUCERS], consumer[CONSUMERS], owner;

static uint64_t bytes(uint64_t n)
{
	return sizeof(*account) + PRODUCERS * n;
}

static void setup(void)
{
	const uint64_t n = random_scaled(N);

	harness_start(&h, NULL);
	account = mmap(NULL, bytes(n), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(account, MAP_FAILED);
	account->n = n;
}

static void teardown(void)
{
	munmap(account, bytes(account->n));
	harness_stop(&h);
}

static int64_t deed_big_queue_create(struct actor *a, int64_t flags)
{
	return word_queue_create(a->segment, &a->queue, "queue", CAPACITY, (uint32_t)flags);
}

static void produce(struct word_queue *q, uint64_t me)
{
	uint64_t i;
	int r;

	for (i = 0; i < account->n; i++) {
		const uint64_t elem = me * account->n + i;

		while ((r = word_queue_push(q, &elem)) == -EAGAIN)
			sched_yield();
		ck_assert_int_eq(r, 0);
	}
	__atomic_fetch_add(&account->finished, 1, __ATOMIC_RELEASE);
}

static void see(uint64_t elem, uint64_t *next)
{
	const uint64_t p = elem / account->n;

	if (p >= PRODUCERS) {
		__atomic_fetch_add(&account->n_foreign, 1, __ATOMIC_RELAXED);
		return;
	}
	/* Those of one producer come to each consumer in their order, if not all of them. */
	if (elem < next[p])
		__atomic_fetch_add(&account->n_disordered, 1, __ATOMIC_RELAXED);
	next[p] = elem + 1;
	if (__atomic_add_fetch(&account->seen[elem], 1, __ATOMIC_RELAXED) == 0)
		__atomic_store_n(&account->seen[elem], 255, __ATOMIC_RELAXED);
}

static void consume(struct word_queue *q, uint64_t me)
{
	uint64_t elem[TAKEN], next[PRODUCERS] = { 0 };
	int finished, i, r;

	do {
		finished = __atomic_load_n(&account->finished, __ATOMIC_ACQUIRE) == PRODUCERS;
		/* One takes them singly, the others in batches of their own size. */
		while ((r = word_queue_pop_batch(q, elem, (uint32_t)(1 + me * 31))) > 0)
			for (i = 0; i < r; i++)
				see(elem[i], next);
		ck_assert_int_eq(r, -EAGAIN);
		sched_yield();
	} while (!finished);
}

static void run(const struct mouth *mouth, void *arg)
{
	struct shmreg_connection *c = harness_connect();
	const uint64_t me = (uint64_t)(uintptr_t)arg;
	struct shmreg_segment *segment = NULL;
	struct word_queue *q = NULL;

	harness_ok(shmreg_segment_open(c, &segment, ACTOR_SEGMENT, SHMREG_ACCESS_WRITE));
	harness_ok(word_queue_open(segment, &q, "queue"));
	tell(mouth, 1);
	hear(mouth);
	if (me < PRODUCERS)
		produce(q, me);
	else
		consume(q, me - PRODUCERS);
	tell(mouth, 2);
	hear(mouth);
	shmreg_disconnect(c);
}

START_TEST(test_nothing_is_lost)
{
	uint64_t i, n_lost = 0, n_doubled = 0;

	actor_start(&owner);
	actor_ok(&owner, deed_create, SHMREG_WHILE_ATTACHED);
	actor_ok(&owner, deed_big_queue_create, 0);
	for (i = 0; i < PRODUCERS; i++)
		process_start(&producer[i], run, (void *)(uintptr_t)i);
	for (i = 0; i < CONSUMERS; i++)
		process_start(&consumer[i], run, (void *)(uintptr_t)(PRODUCERS + i));
	/* All at once. */
	for (i = 0; i < PRODUCERS + CONSUMERS; i++)
		process_expect(i < PRODUCERS ? &producer[i] : &consumer[i - PRODUCERS], 1);
	for (i = 0; i < PRODUCERS + CONSUMERS; i++)
		process_tell(i < PRODUCERS ? &producer[i] : &consumer[i - PRODUCERS], 0);
	for (i = 0; i < PRODUCERS + CONSUMERS; i++)
		process_expect(i < PRODUCERS ? &producer[i] : &consumer[i - PRODUCERS], 2);

	for (i = 0; i < PRODUCERS * account->n; i++) {
		n_lost += account->seen[i] == 0;
		n_doubled += account->seen[i] > 1;
	}
	ck_assert_msg(n_lost == 0, "%llu of %llu elements were lost", (unsigned long long)n_lost,
		      (unsigned long long)(PRODUCERS * account->n));
	ck_assert_uint_eq(n_doubled, 0);
	ck_assert_uint_eq(account->n_foreign, 0);
	ck_assert_uint_eq(account->n_disordered, 0);
	actor_expect(&owner, deed_pop, 0, -EAGAIN);

	for (i = 0; i < PRODUCERS; i++)
		process_finish(&producer[i]);
	for (i = 0; i < CONSUMERS; i++)
		process_finish(&consumer[i]);
	process_finish(&owner);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("original-queue");
	TCase *tcase = harness_case(suite, "daemon");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_nothing_is_lost);
	return harness_main(suite);
}
