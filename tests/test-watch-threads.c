/* SPDX-License-Identifier: MIT */
#include "watcher.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>

/*
 * Threads that sleep in poll() until something happens, and threads that make it happen and
 * wait until it was noticed: a bell that is lost is a failure. Beside them watches come and
 * go, so that who there is to ring changes all the time.
 */

SHMREG_DEFINE_CELL(word_cell, uint64_t);

#define PAIRS 2
#define ROUNDS 300
#define BURST 8

static double scale(void)
{
	const char *text = getenv("SHMREG_TEST_SCALE");

	return text != NULL ? atof(text) : 1;
}

struct pair {
	struct word_queue *give, *take;
	struct word_cell_writer *writer;	/* or these */
	const struct word_cell *cell;
	uint64_t sent;		/* what is to be noticed */
	uint64_t noticed;	/* atomic */
	uint64_t seed;
	uint64_t rounds;
};

/* The watcher takes what is there. Return: the last. */
static uint64_t take(struct pair *p, uint64_t last)
{
	uint64_t word;

	if (p->cell != NULL)
		return word_cell_read(p->cell, &word, NULL) == 0 ? word : last;
	while (word_queue_pop(p->take, &word) == 0)
		last = word;
	return last;
}

static void *watch_it(void *arg)
{
	struct pair *p = arg;
	struct shmreg_watch *w;
	uint64_t last = 0;
	int r;

	w = watch(p->cell != NULL ? (const struct shmreg_handle *)(const void *)p->cell
				  : handle_of(p->take), ITEMS);
	do {
		await_readable(shmreg_watch_fd(w));
		while ((r = shmreg_watch_ready(w)) > 0) {
			last = take(p, last);
			shmreg_store_release(&p->noticed, last);
		}
		ck_assert_int_eq(r, 0);
	} while (last < UINT64_MAX);
	shmreg_watch_close(w);
	return NULL;
}

static void send_one(struct pair *p, uint64_t word)
{
	if (p->writer != NULL)
		harness_ok(word_cell_write(p->writer, &word));
	else
		while (word_queue_push(p->give, &word) == -EAGAIN)
			sched_yield();
}

static void await_notice(struct pair *p, uint64_t word)
{
	const struct timespec until = shmreg_deadline((uint64_t)patience_ms() * 1000000);
	struct timespec now;

	while (shmreg_load_acquire(&p->noticed) != word) {
		sched_yield();
		clock_gettime(CLOCK_MONOTONIC, &now);
		ck_assert_msg(now.tv_sec <= until.tv_sec, "a wake-up was lost");
	}
}

static void *make_it_happen(void *arg)
{
	struct pair *p = arg;
	uint64_t i, k, n, word = 0;

	for (i = 0; i < p->rounds; i++) {
		p->seed = p->seed * 6364136223846793005u + 1442695040888963407u;
		n = 1 + (p->seed >> 33) % BURST;
		for (k = 0; k < n; k++)
			send_one(p, ++word);
		await_notice(p, word);
	}
	send_one(p, UINT64_MAX);
	await_notice(p, UINT64_MAX);
	return NULL;
}

static uint32_t is_over;

/* Others watch the same objects, for a moment. */
static void *come_and_go(void *arg)
{
	struct word_queue *mine = arg;
	struct shmreg_watch *w;

	while (shmreg_load_acquire(&is_over) == 0) {
		harness_ok(shmreg_watch_open(handle_of(mine), ITEMS, &w));
		while (shmreg_watch_ready(w) > 0 && shmreg_load_acquire(&is_over) == 0)
			sched_yield();
		shmreg_watch_close(w);
	}
	return NULL;
}

START_TEST(nobody_sleeps_through_it)
{
	struct shmreg_connection *reader = harness_connect();
	struct shmreg_segment *theirs;
	struct pair pairs[PAIRS + 1] = { { 0 } };
	pthread_t watchers[PAIRS + 1], makers[PAIRS + 1], guest;
	struct word_queue *mine = NULL;
	char name[16];
	int i;

	harness_ok(shmreg_segment_open(reader, &theirs, ACTOR_SEGMENT, SHMREG_ACCESS_READ));
	for (i = 0; i < PAIRS; i++) {
		snprintf(name, sizeof(name), "queue%d", i);
		harness_ok(word_queue_create(seg, &pairs[i].give, name, 16, 0));
		harness_ok(word_queue_open(seg, &pairs[i].take, name));
	}
	harness_ok(word_cell_writer_create(seg, &pairs[PAIRS].writer, "cell", 1, 4));
	harness_ok(word_cell_open(theirs, &pairs[PAIRS].cell, "cell"));
	harness_ok(word_queue_open(seg, &mine, "queue0"));
	for (i = 0; i <= PAIRS; i++) {
		pairs[i].seed = (uint64_t)i;
		pairs[i].rounds = (uint64_t)(ROUNDS * scale());
		ck_assert_int_eq(pthread_create(&watchers[i], NULL, watch_it, &pairs[i]), 0);
		ck_assert_int_eq(pthread_create(&makers[i], NULL, make_it_happen, &pairs[i]), 0);
	}
	ck_assert_int_eq(pthread_create(&guest, NULL, come_and_go, mine), 0);
	for (i = 0; i <= PAIRS; i++) {
		pthread_join(makers[i], NULL);
		pthread_join(watchers[i], NULL);
	}
	shmreg_store_release(&is_over, 1);
	pthread_join(guest, NULL);
	shmreg_disconnect(reader);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watch-threads");
	TCase *tc = harness_case(suite, "watch-threads");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, nobody_sleeps_through_it);
	return harness_main(suite);
}
