/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Waits for cells in a real segment. */

#include <errno.h>
#include <string.h>

#include "readers.h"

SHMREG_DEFINE_CELL(words, uint64_t);

static struct words_writer *writer;

static void setup(void)
{
	readers_setup();
	harness_ok(words_writer_create(readers_segment, &writer, "cell", 2, 4));
}

struct reader {
	uint32_t access;
	bool reads;	/* else it waits for the change, and reads then */
	uint64_t since;
};

/* Another process: it says that it is ready, and then what came of its wait. */
static void read_one(const struct mouth *mouth, void *arg)
{
	const struct reader *how = arg;
	struct shmreg_segment *segment = readers_attach(how->access);
	const struct words *cell = NULL;
	uint64_t word = 0, version = 0;
	int r;

	harness_ok(words_open(segment, &cell, "cell"));
	tell(mouth, 0);
	if (how->reads) {
		r = words_read_wait(cell, how->since, &word, &version, NULL);
	} else {
		r = words_changed_wait(cell, how->since, NULL);
		if (r == 1)
			r = words_read(cell, &word, &version);
	}
	ck_assert(r < 0 || version > how->since);
	tell(mouth, r < 0 ? r : (int64_t)word);
	hear(mouth);
}

/* It publishes a value, and stops before it wakes anybody. */
static void write_half(const struct mouth *mouth, void *unused)
{
	struct shmreg_segment *segment = readers_attach(SHMREG_ACCESS_WRITE);
	struct words_writer *half = NULL;
	struct shmreg_cell_writer *w;
	const uint64_t value = 55;
	uint64_t *latest, word;

	(void)unused;
	harness_ok(words_writer_open(segment, &half, "cell"));
	w = words_writer_untyped(half);
	latest = &shmreg_cell_shm_(&w->cell)->latest;
	tell(mouth, 0);
	hear(mouth);
	shmreg_cell_open_slot_(w->next, w->cell.word_offset);
	memcpy(w->next, &value, sizeof(value));
	word = shmreg_cell_next_(shmreg_load_acquire(latest)) | shmreg_cell_place_(w);
	shmreg_store_relaxed(shmreg_cell_word_(w->next, w->cell.word_offset), word);
	shmreg_store_release(latest, word);
	tell(mouth, 0);
	hear(mouth);
}

static void put(uint64_t word)
{
	ck_assert_int_eq(words_write(writer, &word), 0);
}

static struct reader runs[] = {
	{ SHMREG_ACCESS_WRITE, true, 0 }, { SHMREG_ACCESS_WRITE, false, 0 },
	{ SHMREG_ACCESS_WRITE, true, 1 }, { SHMREG_ACCESS_WRITE, false, 1 },
	{ SHMREG_ACCESS_READ, true, 0 },  { SHMREG_ACCESS_READ, false, 0 },
	{ SHMREG_ACCESS_READ, true, 1 },  { SHMREG_ACCESS_READ, false, 1 },
};
#define N_RUNS ((int)(sizeof(runs) / sizeof(runs[0])))

/* Of the version that the readers have seen. */
static void *begin(int run)
{
	if (runs[run].since == 1)
		put(1);
	return &runs[run];
}

const struct subject subject = {
	.object = "cell",
	.read = read_one,
	.write_half = write_half,
	.begin = begin,
	.put = put,
	.n_runs = N_RUNS,
};

/* What was written before it was removed, and is new to the reader, is still read. */
START_TEST(removed_after_a_change)
{
	const struct timespec past = { 0, 0 };
	const struct words *cell = NULL;
	uint64_t word = 0, version = 0;

	harness_ok(words_open(readers_segment, &cell, "cell"));
	put(5);
	harness_ok(shmreg_object_remove(readers_segment, "cell"));
	ck_assert_int_eq(words_read_wait(cell, 0, &word, &version, NULL), 0);
	ck_assert_uint_eq(word, 5);
	ck_assert_int_eq(words_read_wait(cell, version, &word, &version, NULL), -ESTALE);
	ck_assert_int_eq(words_changed_wait(cell, version, &past), -ESTALE);
}
END_TEST

static void use_inherited(const struct mouth *mouth, void *arg)
{
	const struct words *cell = arg;
	const struct timespec past = { 0, 0 };
	uint64_t word, version;

	ck_assert_int_eq(words_read_wait(cell, 0, &word, &version, NULL), -ECHILD);
	ck_assert_int_eq(words_changed_wait(cell, 0, &past), -ECHILD);
	tell(mouth, 0);
}

START_TEST(forked)
{
	const struct words *cell = NULL;

	harness_ok(words_open(readers_segment, &cell, "cell"));
	process_try(use_inherited, (void *)(uintptr_t)cell);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cell-wait-daemon");
	TCase *t = harness_case(suite, "cell");

	tcase_add_checked_fixture(t, setup, readers_teardown);
	readers_add_tests(t);
	tcase_add_test(t, removed_after_a_change);
	tcase_add_test(t, forked);
	return harness_main(suite);
}
