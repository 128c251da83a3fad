/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cell-plain.h"
#include "cell-repair.h"
#include "repair.h"
#include "suite.h"

/*
 * What a dead writer leaves, store by store, for one writer and for several; then the
 * repair, and what reader and successor make of it.
 */

#define VALUE_BYTES 40
#define DEAD 70
#define LIVE 9
#define HEIR 4095

enum stage {
	OPENED,		/* the slot's word is 0 */
	HALF,		/* some bytes of the value are there */
	FILLED,		/* all of them */
	NAMED,		/* the slot has its word; latest has not */
	PUBLISHED,
	N_STAGES
};

static struct shmreg_shape shape;
static void *base;
static struct shmreg_cell cell;

static void fill(unsigned char value[VALUE_BYTES], int n)
{
	memset(value, n, VALUE_BYTES);
}

static void write_n(struct shmreg_cell_writer *w, int n)
{
	unsigned char value[VALUE_BYTES];

	fill(value, n);
	ck_assert_int_eq(shmreg_cell_write(w, value), 0);
}

static void expect(int n, uint64_t version)
{
	unsigned char value[VALUE_BYTES], wanted[VALUE_BYTES];
	uint64_t got = 0;

	ck_assert(cell_is_sound(base, &shape));
	ck_assert_int_eq(shmreg_cell_read(&cell, value, &got), n != 0 ? 0 : -ENODATA);
	if (n == 0)
		return;
	fill(wanted, n);
	ck_assert_mem_eq(value, wanted, VALUE_BYTES);
	ck_assert_uint_eq(got, version);
}

/* The stores that @w's next write makes, up to @stage: what a process killed there leaves. */
static void die_writing(const struct shmreg_cell_writer *w, int n, enum stage stage)
{
	struct shmreg_cell_shm *shm = base;
	unsigned char *slot = w->next;
	const uint64_t word = shmreg_cell_next_(shmreg_load_relaxed(&shm->latest)) |
			      shmreg_cell_place_(w);

	shmreg_store_relaxed(shmreg_cell_word_(slot, w->cell.word_offset), 0);
	if (stage >= HALF)
		memset(slot, n, VALUE_BYTES / 2);
	if (stage >= FILLED)
		memset(slot, n, VALUE_BYTES);
	if (stage >= NAMED)
		shmreg_store_relaxed(shmreg_cell_word_(slot, w->cell.word_offset), word);
	if (stage >= PUBLISHED)
		shmreg_store_release(&shm->latest, word);
}

static void repair(uint32_t seat, uint32_t n)
{
	struct shmreg_reaper_report report = { .status = 1, .n_seats = 77, .n_gave_up = 77 };
	uint64_t dead[64] = { 0 };

	dead[seat / 64] |= UINT64_C(1) << seat % 64;
	ck_assert_int_eq(cell_repair(&shape, base, dead, &report), 0);
	ck_assert_int_eq(report.status, 0);
	ck_assert_uint_eq(report.n_seats, n);
	ck_assert_uint_eq(report.n_repaired, n);
	ck_assert_uint_eq(report.n_freed, 0);
	ck_assert_uint_eq(report.n_requeued, 0);
	ck_assert_uint_eq(report.n_gave_up, 0);
}

static void set(uint32_t writers, uint32_t slots)
{
	shape = cell_shape(VALUE_BYTES, 8, writers, slots);
	base = plain_map(&shape);
	ck_assert_ptr_nonnull(base);
	cell_bind(&cell, base, &shape);
}

static void teardown(void)
{
	if (base != NULL)
		plain_unmap(base, &shape);
	base = NULL;
}

/* _i: stage, slots, how many values before. */
START_TEST(one_writer)
{
	const enum stage stage = _i % N_STAGES;
	const uint32_t slots = 2 + (uint32_t)_i / N_STAGES % 3;
	const int before = _i / N_STAGES / 3;
	struct shmreg_cell_writer w, heir;
	struct shmreg_cell_view view;
	int i, latest = before;

	set(1, slots);
	ck_assert(cell_writer_bind(&w, base, &shape, DEAD));
	for (i = 1; i <= before; i++)
		write_n(&w, i);
	die_writing(&w, 50, stage);
	if (stage == PUBLISHED)
		latest = 50;
	expect(latest, (uint64_t)before + (stage == PUBLISHED));
	ck_assert(!cell_writer_bind(&heir, base, &shape, HEIR));
	repair(LIVE, 0);
	ck_assert(!cell_writer_bind(&heir, base, &shape, HEIR));
	repair(DEAD, 1);
	repair(DEAD, 0);	/* nothing is left of him */
	expect(latest, (uint64_t)before + (stage == PUBLISHED));

	ck_assert(cell_writer_bind(&heir, base, &shape, HEIR));
	repair(DEAD, 0);
	/* The heir's first value: not over the one that latest names, and found by its version. */
	if (latest != 0) {
		void *elem = NULL;

		ck_assert_int_eq(shmreg_cell_peek(&cell, &view), 0);
		ck_assert_int_eq(shmreg_cell_begin(&heir, &elem), 0);
		ck_assert_ptr_ne(elem, view.elem);
		expect(latest, view.version);
		ck_assert_int_eq(shmreg_cell_abort(&heir), 0);
	}
	for (i = 1; i < 2 * (int)slots; i++) {
		write_n(&heir, 60 + i);
		expect(60 + i, (uint64_t)(before + i) + (stage == PUBLISHED));
	}
	ck_assert_uint_eq(shmreg_cell_seat(&cell, 0), HEIR);
}
END_TEST

/* Two of three die, each at a stage of its own; the third goes on before, between and after. */
START_TEST(two_dead)
{
	const enum stage first = _i % N_STAGES, second = _i / N_STAGES;
	struct shmreg_reaper_report report = { 0 };
	struct shmreg_cell_writer a, b, live, heir;
	uint64_t dead[64] = { 0 }, version = 3;

	set(3, 2);
	ck_assert(cell_writer_bind(&a, base, &shape, DEAD));
	ck_assert(cell_writer_bind(&live, base, &shape, LIVE));
	ck_assert(cell_writer_bind(&b, base, &shape, DEAD + 1));
	write_n(&a, 1);
	write_n(&b, 2);
	write_n(&live, 3);
	die_writing(&a, 50, first);
	expect(first == PUBLISHED ? 50 : 3, version += first == PUBLISHED);
	die_writing(&b, 51, second);
	version += second == PUBLISHED;
	expect(second == PUBLISHED ? 51 : first == PUBLISHED ? 50 : 3, version);
	write_n(&live, 4);
	expect(4, ++version);
	dead[DEAD / 64] |= UINT64_C(3) << DEAD % 64;
	ck_assert_int_eq(cell_repair(&shape, base, dead, &report), 0);
	ck_assert_uint_eq(report.n_seats, 2);
	ck_assert_uint_eq(shmreg_cell_seat(&cell, 0), 0);
	ck_assert_uint_eq(shmreg_cell_seat(&cell, 1), LIVE);
	ck_assert_uint_eq(shmreg_cell_seat(&cell, 2), 0);
	ck_assert(cell_writer_bind(&heir, base, &shape, HEIR));
	write_n(&heir, 5);
	expect(5, ++version);
	write_n(&live, 6);
	expect(6, ++version);
	write_n(&heir, 7);
	write_n(&heir, 8);
	expect(8, version += 2);
}
END_TEST

/*
 * The dead one's slot has the very word that the heir publishes: who held a view of the
 * version before sees no change, who reads afterwards sees the heir's value.
 */
START_TEST(same_version)
{
	struct shmreg_cell_writer w, heir;
	unsigned char *slot;

	set(1, 2);
	ck_assert(cell_writer_bind(&w, base, &shape, DEAD));
	write_n(&w, 1);
	slot = w.next;
	die_writing(&w, 50, NAMED);
	repair(DEAD, 1);
	ck_assert(cell_writer_bind(&heir, base, &shape, HEIR));
	ck_assert_ptr_eq(heir.next, slot);
	write_n(&heir, 2);
	expect(2, 2);
}
END_TEST

/* Of places that name nobody, and of other seats in the same word, nothing is taken. */
START_TEST(strangers)
{
	struct shmreg_cell_shm *shm;
	struct shmreg_reaper_report report = { .n_seats = 5 };
	uint64_t dead[64];

	set(2, 2);
	shm = base;
	memset(dead, 0xff, sizeof(dead));
	dead[LIVE / 64] &= ~(UINT64_C(1) << LIVE % 64);
	shm->writer[0] = UINT64_C(1) << 40 | DEAD;
	shm->writer[1] = LIVE;
	shm->writer[2] = DEAD;	/* beyond the cell's capacity: nobody's */
	ck_assert_int_eq(cell_repair(&shape, base, dead, &report), 0);
	ck_assert_uint_eq(report.n_seats, 0);
	ck_assert_uint_eq(shm->writer[0], UINT64_C(1) << 40 | DEAD);
	ck_assert_uint_eq(shm->writer[1], LIVE);
	ck_assert_uint_eq(shm->writer[2], DEAD);
	shape.kind = SHMREG_KIND_QUEUE;
	ck_assert_int_eq(cell_repair(&shape, base, dead, &report), -EINVAL);
	shape.kind = SHMREG_KIND_CELL;
}
END_TEST

/* A cell whose first bytes lie in a hole, and some of its writers' places; no hole is filled. */
START_TEST(holes)
{
	const long page = sysconf(_SC_PAGESIZE);
	const uint64_t before = 384;	/* of the cell in the first page: 16 places */
	const struct repair_memory memory = {
		.fd = memfd_create("cell", MFD_CLOEXEC),
		.offset = (uint64_t)page - before,
	};
	struct shmreg_reaper_report report = { 0 };
	struct shmreg_cell_shm *shm;
	uint64_t dead[64] = { 0 };
	unsigned char *p;

	shape = cell_shape(VALUE_BYTES, 8, 20, 2);
	dead[DEAD / 64] |= UINT64_C(1) << DEAD % 64;
	ck_assert_int_ge(memory.fd, 0);
	ck_assert_int_eq(ftruncate(memory.fd, 3 * page), 0);
	p = mmap(NULL, 3 * (size_t)page, PROT_READ | PROT_WRITE, MAP_SHARED, memory.fd, 0);
	ck_assert(p != MAP_FAILED);
	shm = (struct shmreg_cell_shm *)(void *)(p + page - before);
	ck_assert_int_eq(shmreg_repair_object(&shape, shm, &memory, dead, &report), 0);
	ck_assert_uint_eq(report.n_seats, 0);
	ck_assert_int_eq(lseek(memory.fd, 0, SEEK_DATA), -1);
	shmreg_store_relaxed(&shm->writer[18], DEAD);
	ck_assert_int_eq(lseek(memory.fd, 0, SEEK_DATA), page);
	ck_assert_int_eq(shmreg_repair_object(&shape, shm, &memory, dead, &report), 0);
	ck_assert_uint_eq(report.n_seats, 1);
	ck_assert_uint_eq(shm->writer[18], 0);
	ck_assert_int_eq(lseek(memory.fd, 0, SEEK_DATA), page);
	munmap(p, 3 * (size_t)page);
	close(memory.fd);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("cell-wreckage");

	tcase_add_checked_fixture(c, NULL, teardown);
	tcase_add_loop_test(c, one_writer, 0, N_STAGES * 3 * 5);
	tcase_add_loop_test(c, two_dead, 0, N_STAGES * N_STAGES);
	tcase_add_test(c, same_version);
	tcase_add_test(c, strangers);
	tcase_add_test(c, holes);
	return run_case("cell-wreckage", c);
}
