/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cell-plain.h"
#include "cell-repair.h"
#include "random.h"
#include "suite.h"

/*
 * Bytes that no correct process writes: nothing outside the cell is touched (both sides of it
 * are unreadable), no call goes on for ever, and each says one of the things that it may say.
 */

static struct shmreg_shape shape;
static void *base;

static void check(int r)
{
	ck_assert_msg(r == 0 || r == -ENODATA || r == -EUCLEAN || r == -EBUSY, "%d", r);
}

static void use_all(struct shmreg_cell_writer *w, unsigned char *value)
{
	const struct shmreg_cell *c = shmreg_cell_of(w);
	struct shmreg_cell_stats stat = { .size = sizeof(stat) };
	const struct timespec past = { 0, 0 };
	struct shmreg_cell_view view;
	uint64_t version;
	void *elem;
	int r;

	check(shmreg_cell_read(c, value, &version));
	r = shmreg_cell_peek(c, &view);
	check(r);
	if (r == 0) {
		memcpy(value, view.elem, c->elem_bytes);
		r = shmreg_cell_validate(c, &view);
		ck_assert(r == 0 || r == -EAGAIN || r == -EUCLEAN);
	}
	r = shmreg_cell_changed(c, shmreg_cell_version(c));
	ck_assert(r == 0 || r == 1);
	r = shmreg_cell_changed_wait(c, shmreg_cell_version(c), &past);
	ck_assert(r == -ETIMEDOUT || r == 1);
	r = shmreg_cell_read_wait(c, 3, value, NULL, &past);
	ck_assert(r == 0 || r == -ETIMEDOUT || r == -EUCLEAN || r == -EBUSY);
	ck_assert_int_eq(shmreg_cell_stat(c, &stat), 0);
	ck_assert_int_eq(shmreg_cell_write(w, value), 0);
	ck_assert_int_eq(shmreg_cell_begin(w, &elem), 0);
	memset(elem, 1, c->elem_bytes);
	ck_assert_int_eq(shmreg_cell_abort(w), 0);
	ck_assert_int_eq(shmreg_cell_begin(w, &elem), 0);
	ck_assert_int_eq(shmreg_cell_commit(w), 0);
}

/* Every slot that a word can name, of every cell: there, or -EUCLEAN. */
START_TEST(every_index)
{
	static const uint32_t counts[][2] = { { 1, 2 }, { 3, 5 }, { 64, 2 }, { 1, 64 }, { 64, 64 } };
	const uint32_t writers = counts[_i][0], slots = counts[_i][1];
	struct shmreg_cell_writer w;
	unsigned char value[100];
	struct shmreg_cell_view view;
	uint64_t word, n;

	shape = cell_shape(sizeof(value), 4, writers, slots);
	base = plain_map(&shape);
	ck_assert_ptr_nonnull(base);
	ck_assert(cell_writer_bind(&w, base, &shape, 1));
	for (n = 0; n <= SHMREG_CELL_PLACE_MASK / SHMREG_CELL_PLACE_ONE; n++) {
		word = UINT64_C(7) << SHMREG_CELL_VERSION_SHIFT | n * SHMREG_CELL_PLACE_ONE | n % 16;
		shmreg_store_relaxed(&((struct shmreg_cell_shm *)base)->latest, word);
		if (n != 0 && n <= (uint64_t)writers * slots) {	/* then the slot has not that word */
			ck_assert_int_eq(shmreg_cell_peek(&w.cell, &view), 0);
			ck_assert_uint_eq((uintptr_t)view.elem % 64, 0);
		} else {
			ck_assert_int_eq(shmreg_cell_peek(&w.cell, &view), -EUCLEAN);
		}
		ck_assert_int_eq(shmreg_cell_read(&w.cell, value, NULL), -EUCLEAN);
		ck_assert_int_eq(shmreg_cell_read_wait(&w.cell, 0, value, NULL, NULL), -EUCLEAN);
		view.word = word;
		ck_assert_int_eq(shmreg_cell_validate(&w.cell, &view), -EUCLEAN);
		/* whoever takes a place then writes inside of it */
		cell_writer_prepare(&w, writers - 1);
		ck_assert_uint_lt(w.slot, slots);
		ck_assert_int_eq(shmreg_cell_write(&w, value), 0);
		ck_assert_int_eq(shmreg_cell_read(&w.cell, value, NULL), 0);
	}
	/* no version, and yet something: nobody writes this */
	shmreg_store_relaxed(&((struct shmreg_cell_shm *)base)->latest, 1);
	ck_assert_int_eq(shmreg_cell_read(&w.cell, value, NULL), -EUCLEAN);
	ck_assert_int_eq(shmreg_cell_peek(&w.cell, &view), -EUCLEAN);
	plain_unmap(base, &shape);
}
END_TEST

START_TEST(random_bytes)
{
	const unsigned long rounds = random_rounds(3000);
	struct shmreg_reaper_report report;
	struct shmreg_cell_writer w;
	struct random_state r;
	uint64_t bytes, align, dead[64];
	unsigned char *value;
	unsigned long i;

	random_seed(&r);
	for (i = 0; i < rounds; i++) {
		shape = cell_shape(1 + random_below(&r, i % 100 == 0 ? 100000 : 200),
				   UINT32_C(1) << random_below(&r, 8),
				   1 + (uint32_t)random_below(&r, i % 10 == 0 ? 64 : 3),
				   2 + (uint32_t)random_below(&r, i % 10 == 0 ? 63 : 3));
		ck_assert_int_eq(shmreg_shape_bytes(&shape, &bytes, &align, NULL), 0);
		base = plain_map(&shape);
		value = malloc(shape.elem_bytes);
		ck_assert(base != NULL && value != NULL);
		memset(value, 1, shape.elem_bytes);
		ck_assert(cell_writer_bind(&w, base, &shape, 1));
		if (random_below(&r, 2))
			random_fill(&r, base, sizeof(struct shmreg_cell_shm));
		use_all(&w, value);
		random_mutate(&r, base, bytes);
		random_mutate(&r, base, 8);
		use_all(&w, value);
		cell_writer_prepare(&w, (uint32_t)random_below(&r, shape.capacity));
		use_all(&w, value);
		random_fill(&r, dead, sizeof(dead));
		ck_assert_int_eq(cell_repair(&shape, base, dead, &report), 0);
		ck_assert_uint_le(report.n_seats, shape.capacity);
		free(value);
		plain_unmap(base, &shape);
	}
}
END_TEST

static int stop;

/* Writes words all the time, of which some look right. */
static void *scribble(void *data)
{
	struct shmreg_cell_shm *shm = base;
	struct random_state r = { 1 };
	uint64_t bytes, align, *words = base;

	shmreg_shape_bytes(&shape, &bytes, &align, NULL);
	(void)data;
	while (!shmreg_load_relaxed(&stop)) {
		const uint64_t word = shmreg_cell_word(random_below(&r, 8), random_below(&r, 10)) |
				      (random_below(&r, 8) == 0);

		shmreg_store_relaxed(&shm->latest, word);
		shmreg_store_relaxed(&words[random_below(&r, bytes / 8)],
				     random_below(&r, 2) ? word : random_next(&r));
	}
	return NULL;
}

START_TEST(while_somebody_scribbles)
{
	const unsigned long rounds = random_rounds(20000);
	struct shmreg_cell_writer w;
	unsigned char value[100] = { 0 };
	pthread_t thread;
	unsigned long i;

	shape = cell_shape(sizeof(value), 4, 3, 3);
	base = plain_map(&shape);
	ck_assert_ptr_nonnull(base);
	ck_assert(cell_writer_bind(&w, base, &shape, 1));
	ck_assert_int_eq(pthread_create(&thread, NULL, scribble, NULL), 0);
	for (i = 0; i < rounds; i++)
		use_all(&w, value);
	shmreg_store_relaxed(&stop, 1);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	plain_unmap(base, &shape);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("cell-hostile");

	tcase_set_timeout(c, 0);
	tcase_add_loop_test(c, every_index, 0, 5);
	tcase_add_test(c, random_bytes);
	tcase_add_test(c, while_somebody_scribbles);
	return run_case("cell-hostile", c);
}
