/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cell-plain.h"
#include "cell-repair.h"
#include "random.h"
#include "suite.h"
#include "waiter.h"

#include <shmreg/copy.h>

/*
 * Writers and readers within one process. Of each value the version that it was read with is
 * its own for ever; versions never go back, not even behind what was finished before the
 * read began; each writer's values come in order. Writers "die" in the middle, and are
 * succeeded.
 */

#define WRITERS_MAX 3
#define READERS 2

/* Large enough for a reader to be overtaken in the middle. */
struct value {
	uint64_t writer, seq;
	uint64_t check[62];
};
SHMREG_DEFINE_CELL(value_cell, struct value);

struct worker {
	pthread_t thread;
	unsigned int me;
	uint64_t n, n_torn, n_back, n_failed, n_busy, n_deaths;
};

/* Versions count from START, so that they wrap soon; seen ones are made to begin with 1. */
#define START (CELL_LAST_VERSION - 3000)
#define TABLE (1 << 16)

static struct shmreg_shape shape;
static void *base;
static uint64_t n_each, n_writing, floor_version, table[TABLE];
static pthread_mutex_t reaper = PTHREAD_MUTEX_INITIALIZER;

static uint64_t ordinal(uint64_t version)
{
	/* 0 is never a version, so after the wrap one less is between them. */
	return version >= START ? version - START + 1 : version + CELL_LAST_VERSION - START + 1;
}

static void fill(struct value *v, uint64_t writer, uint64_t seq)
{
	size_t i;

	v->writer = writer;
	v->seq = seq;
	for (i = 0; i < 62; i++)
		v->check[i] = seq * (i + 3) + writer;
}

static void check(struct worker *w, const struct value *v, uint64_t version,
		  uint64_t last[WRITERS_MAX])
{
	const uint64_t id = (v->writer + 1) << 32 | v->seq;
	uint64_t none = 0;
	size_t i;

	for (i = 0; i < 62; i++)
		if (v->check[i] != v->seq * (i + 3) + v->writer) {
			w->n_torn++;
			return;
		}
	if (v->writer >= WRITERS_MAX) {
		w->n_torn++;
		return;
	}
	if (v->seq < last[v->writer])
		w->n_back++;
	last[v->writer] = v->seq;
	/* One version, one value. relaxed: the number is all */
	if (ordinal(version) < TABLE && !shmreg_cas_relaxed(&table[ordinal(version)], &none, id) &&
	    none != id)
		w->n_torn++;
}

/* Raise the version that is known to be finished. */
static void finished(uint64_t version)
{
	uint64_t was = shmreg_load_relaxed(&floor_version);

	while (was < version && !shmreg_cas_relaxed(&floor_version, &was, version))
		continue;
}

static void *read_all(void *data)
{
	struct worker *w = data;
	uint64_t last[WRITERS_MAX] = { 0 }, version, before, latest = 0;
	struct value_cell c;
	struct value v;
	int r;

	cell_bind(&c.cell, base, &shape);
	while (shmreg_load_acquire(&n_writing) > 0 || w->n == 0) {
		before = shmreg_load_relaxed(&floor_version);
		r = value_cell_read(&c, &v, &version);
		if (r == -EBUSY) {
			w->n_busy++;
			continue;
		}
		if (r != 0) {
			w->n_failed++;
			break;
		}
		if (ordinal(version) < before || ordinal(version) < latest)
			w->n_back++;
		latest = ordinal(version);
		check(w, &v, version, last);
		if ((++w->n & 255) == 0)
			sched_yield();
	}
	return NULL;
}

static void die(struct worker *w, struct value_cell_writer *writer)
{
	const uint32_t seat = writer->writer.cell.handle.seat;
	struct shmreg_reaper_report report = { 0 };
	uint64_t dead[64] = { 0 };

	dead[seat / 64] |= UINT64_C(1) << seat % 64;
	pthread_mutex_lock(&reaper);
	if (cell_repair(&shape, base, dead, &report) != 0 || report.n_seats != 1)
		w->n_failed++;
	/* Within the lock, so that each comes back, if to another place. */
	if (!cell_writer_bind(&writer->writer, base, &shape, seat))
		w->n_failed++;
	pthread_mutex_unlock(&reaper);
	w->n_deaths++;
}

static void *write_all(void *data)
{
	struct worker *w = data;
	struct value_cell_writer writer;
	struct random_state r;
	struct value v, *elem;
	uint64_t i, how;

	random_seed(&r);
	r.x += w->me * 1001u;
	pthread_mutex_lock(&reaper);
	if (!cell_writer_bind(&writer.writer, base, &shape, 1 + w->me * 1000))
		w->n_failed++;
	pthread_mutex_unlock(&reaper);
	for (i = 1; i <= n_each; i++) {
		fill(&v, w->me, i);
		how = random_below(&r, 8);
		if (how > 2) {
			if (value_cell_write(&writer, &v) != 0)
				w->n_failed++;
		} else if (value_cell_begin(&writer, &elem) != 0) {
			w->n_failed++;
			break;
		} else if (how == 0) {	/* dies while filling it in */
			shmreg_copy_to_shared(elem, &v, random_below(&r, sizeof(v)));
			die(w, &writer);
			continue;
		} else {
			/* In place: readers may look, so by copy.h, as they do. */
			shmreg_copy_to_shared(elem, &v, sizeof(v));
			if ((how == 1 ? value_cell_abort(&writer) : value_cell_commit(&writer)) != 0)
				w->n_failed++;
			if (how == 1)
				continue;
		}
		finished(ordinal(value_cell_version(value_cell_of(&writer))));
		if ((++w->n & 255) == 0)
			sched_yield();
	}
	shmreg_fetch_add_acq_rel(&n_writing, UINT64_MAX);
	return NULL;
}

static void torture(uint32_t writers, uint32_t slots)
{
	struct worker workers[WRITERS_MAX + READERS] = { { 0 } };
	uint64_t n_written = 0, n_read = 0, n_deaths = 0, n_busy = 0;
	struct shmreg_cell_stats stat = { .size = sizeof(stat) };
	const uint32_t n = writers + READERS;
	struct shmreg_cell c;
	struct value v;
	uint32_t i;

	n_each = random_rounds(20000);
	shape = cell_shape(sizeof(struct value), SHMREG_ALIGNOF(struct value), writers, slots);
	base = plain_map(&shape);
	ck_assert_ptr_nonnull(base);
	fill(&v, 0, 0);
	cell_seed(base, &shape, START, 0, 0, &v);
	memset(table, 0, sizeof(table));
	floor_version = 1;
	n_writing = writers;
	for (i = 0; i < n; i++) {
		workers[i].me = i;
		ck_assert_int_eq(pthread_create(&workers[i].thread, NULL,
						i < writers ? write_all : read_all, &workers[i]), 0);
	}
	for (i = 0; i < n; i++)
		ck_assert_int_eq(pthread_join(workers[i].thread, NULL), 0);
	for (i = 0; i < n; i++) {
		ck_assert_uint_eq(workers[i].n_torn, 0);
		ck_assert_uint_eq(workers[i].n_back, 0);
		ck_assert_uint_eq(workers[i].n_failed, 0);
		*(i < writers ? &n_written : &n_read) += workers[i].n;
		n_deaths += workers[i].n_deaths;
		n_busy += workers[i].n_busy;
	}
	cell_bind(&c, base, &shape);
	ck_assert(cell_is_sound(base, &shape));
	ck_assert_int_eq(shmreg_cell_stat(&c, &stat), 0);
	printf("%u writers, %u slots: %llu written, %llu superseded, %llu deaths, %llu read, %llu "
	       "busy\n", writers, slots, (unsigned long long)n_written,
	       (unsigned long long)stat.n_superseded, (unsigned long long)n_deaths,
	       (unsigned long long)n_read, (unsigned long long)n_busy);
	/* Every write was published or superseded. */
	ck_assert_uint_eq(ordinal(stat.version) - 1 + stat.n_superseded, n_written);
	ck_assert_uint_gt(n_deaths, 0);
	plain_unmap(base, &shape);
}

START_TEST(one_writer)
{
	torture(1, 4);
}
END_TEST

START_TEST(one_writer_two_slots)
{
	torture(1, 2);
}
END_TEST

START_TEST(three_writers)
{
	torture(3, 4);
}
END_TEST

START_TEST(three_writers_two_slots)
{
	torture(3, 2);
}
END_TEST

/*
 * Plain memory on both sides, so that ThreadSanitizer sees what latest orders: a value is
 * read before its slot is used again, for which the reader's answer is waited. The reader looks
 * again and again, or sleeps.
 */
static uint64_t answered;
static bool sleeps;

static void *answer(void *data)
{
	struct worker *w = data;
	struct value_cell_view view;
	struct value_cell c;
	uint64_t i, k;

	cell_bind(&c.cell, base, &shape);
	for (i = 1; i <= n_each; i++) {
		if (sleeps && value_cell_changed_wait(&c, i - 1, NULL) != 1)
			w->n_failed++;
		while (value_cell_peek(&c, &view) != 0 || view.version != i)
			sched_yield();
		if (view.elem->seq != i)
			w->n_torn++;
		for (k = 0; k < 62; k++)
			if (view.elem->check[k] != i * (k + 3))
				w->n_torn++;
		if (value_cell_validate(&c, &view) != 0)
			w->n_failed++;
		shmreg_store_release(&answered, i);
	}
	return NULL;
}

START_TEST(in_turn)
{
	struct worker w = { 0 };
	struct value_cell_writer writer;
	struct value *elem;
	uint64_t i;

	n_each = random_rounds(2000);
	answered = 0;
	sleeps = _i >= 2;
	ck_assert_int_eq(waiter_register(), 0);
	shape = cell_shape(sizeof(struct value), SHMREG_ALIGNOF(struct value), _i % 2 ? 2 : 1, 2);
	base = plain_map(&shape);
	ck_assert_ptr_nonnull(base);
	ck_assert(cell_writer_bind(&writer.writer, base, &shape, 3));
	ck_assert_int_eq(pthread_create(&w.thread, NULL, answer, &w), 0);
	for (i = 1; i <= n_each; i++) {
		ck_assert_int_eq(value_cell_begin(&writer, &elem), 0);
		fill(elem, 0, i);
		ck_assert_int_eq(value_cell_commit(&writer), 0);
		while (shmreg_load_acquire(&answered) != i)
			sched_yield();
	}
	ck_assert_int_eq(pthread_join(w.thread, NULL), 0);
	ck_assert_uint_eq(w.n_torn, 0);
	ck_assert_uint_eq(w.n_failed, 0);
	plain_unmap(base, &shape);
}
END_TEST

/*
 * Values that take about a time slice to copy: two slots, and a writer that does not pause, so
 * that a reader is overtaken in the middle of most copies, and finds the writer in the middle.
 */
#define LARGE_WORDS (1 << 19)

static void *write_large(void *data)
{
	struct worker *w = data;
	struct shmreg_cell_writer writer;
	uint64_t *value = malloc(LARGE_WORDS * sizeof(*value)), i, k;

	if (value == NULL || !cell_writer_bind(&writer, base, &shape, 3)) {
		w->n_failed++;
		free(value);
		return NULL;
	}
	for (i = 1; shmreg_load_acquire(&n_writing) > 0; i++) {
		for (k = 0; k < LARGE_WORDS; k++)
			value[k] = i;
		if (shmreg_cell_write(&writer, value) != 0)
			w->n_failed++;
	}
	free(value);
	return NULL;
}

START_TEST(large_values)
{
	const unsigned long n = random_rounds(20000) / 200;
	uint64_t *value = malloc(LARGE_WORDS * sizeof(*value)), k, version, last = 0;
	struct worker w = { 0 };
	struct shmreg_cell c;
	unsigned long i;
	int r;

	ck_assert_ptr_nonnull(value);
	shape = cell_shape(LARGE_WORDS * sizeof(*value), 8, 1, 2);
	base = plain_map(&shape);
	ck_assert_ptr_nonnull(base);
	cell_bind(&c, base, &shape);
	n_writing = 1;
	ck_assert_int_eq(pthread_create(&w.thread, NULL, write_large, &w), 0);
	for (i = 0; i < n; i++) {
		r = shmreg_cell_read(&c, value, &version);
		if (r == -EBUSY || (r == -ENODATA && last == 0)) {
			sched_yield();
			continue;
		}
		ck_assert_int_eq(r, 0);
		ck_assert_uint_ge(version, last);
		last = version;
		for (k = 0; k < LARGE_WORDS; k++)
			if (value[k] != version)
				w.n_torn++;
	}
	shmreg_store_release(&n_writing, 0);
	ck_assert_int_eq(pthread_join(w.thread, NULL), 0);
	ck_assert_uint_eq(w.n_torn, 0);
	ck_assert_uint_eq(w.n_failed, 0);
	free(value);
	plain_unmap(base, &shape);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("cell-threads");

	tcase_set_timeout(c, 0);
	tcase_add_test(c, one_writer);
	tcase_add_test(c, one_writer_two_slots);
	tcase_add_test(c, three_writers);
	tcase_add_test(c, three_writers_two_slots);
	tcase_add_loop_test(c, in_turn, 0, 4);
	tcase_add_test(c, large_values);
	return run_case("cell-threads", c);
}
