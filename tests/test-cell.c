/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cell-plain.h"
#include "suite.h"

struct pose {
	uint64_t n;
	uint64_t check[6];
};
SHMREG_DEFINE_CELL(pose_cell, struct pose);

static struct shmreg_shape shape;
static void *base;
static struct pose_cell cell;
static struct pose_cell_writer writer;

static struct pose pose(uint64_t n)
{
	struct pose p = { .n = n };
	uint64_t i;

	for (i = 0; i < 6; i++)
		p.check[i] = n * (i + 3);
	return p;
}

static void set(uint32_t writers, uint32_t slots)
{
	shape = cell_shape(sizeof(struct pose), SHMREG_ALIGNOF(struct pose), writers, slots);
	base = plain_map(&shape);
	ck_assert_ptr_nonnull(base);
	cell_bind(&cell.cell, base, &shape);
	ck_assert(cell_writer_bind(&writer.writer, base, &shape, 17));
}

static void teardown(void)
{
	if (base != NULL) {
		ck_assert(cell_is_sound(base, &shape));
		plain_unmap(base, &shape);
	}
	base = NULL;
}

static void write_n(struct pose_cell_writer *w, uint64_t n)
{
	const struct pose p = pose(n);

	ck_assert_int_eq(pose_cell_write(w, &p), 0);
	ck_assert(cell_is_sound(base, &shape));
}

static void expect(uint64_t n, uint64_t version)
{
	const struct pose wanted = pose(n);
	uint64_t got_version = ~version;
	struct pose got;

	memset(&got, 0xee, sizeof(got));
	ck_assert_int_eq(pose_cell_read(&cell, &got, &got_version), 0);
	ck_assert_mem_eq(&got, &wanted, sizeof(got));
	ck_assert_uint_eq(got_version, version);
	ck_assert_uint_eq(pose_cell_version(&cell), version);
}

START_TEST(never_written)
{
	struct pose_cell_view view;
	uint64_t version = 99;
	struct pose p;

	set(1, 4);
	ck_assert_int_eq(pose_cell_read(&cell, &p, &version), -ENODATA);
	ck_assert_uint_eq(version, 99);
	ck_assert_int_eq(pose_cell_peek(&cell, &view), -ENODATA);
	ck_assert_uint_eq(pose_cell_version(&cell), 0);
	ck_assert_int_eq(pose_cell_changed(&cell, 0), 0);
	ck_assert_int_eq(pose_cell_changed(&cell, 1), 1);
}
END_TEST

START_TEST(write_read)
{
	uint64_t i;

	set(1, 4);
	for (i = 1; i < 40; i++) {
		ck_assert_int_eq(pose_cell_changed(&cell, i - 1), 0);
		write_n(&writer, i);
		ck_assert_int_eq(pose_cell_changed(&cell, i - 1), 1);
		expect(i, i);
		expect(i, i);	/* reading takes nothing */
	}
	ck_assert_int_eq(shmreg_cell_read(&cell.cell, &(struct pose){ 0 }, NULL), 0);
}
END_TEST

/* Every size at every alignment; one's own reads; slots that touch each other would show. */
START_TEST(geometry)
{
	static const uint64_t sizes[] = { 1, 7, 8, 9, 55, 56, 57, 64, 120, 121, 4096, 70001 };
	static const uint32_t slots[] = { 2, 3, 4, 64 };
	struct shmreg_cell_writer w, w2;
	unsigned char *in, *out;
	uint32_t align, k;
	uint64_t version;
	size_t i, j;

	base = NULL;
	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		for (align = 1; align <= 128; align *= 2)
			for (k = 0; k < 4; k++) {
				shape = cell_shape(sizes[i], align, 2, slots[k]);
				base = plain_map(&shape);
				ck_assert_ptr_nonnull(base);
				in = malloc(sizes[i]);
				out = malloc(sizes[i]);
				ck_assert(in != NULL && out != NULL);
				ck_assert(cell_writer_bind(&w, base, &shape, 1));
				ck_assert(cell_writer_bind(&w2, base, &shape, 2));
				ck_assert_uint_eq((uintptr_t)w.next % align, 0);
				for (j = 1; j <= slots[k] + 1; j++) {
					memset(in, (int)j, sizes[i]);
					memset(out, 0, sizes[i]);
					ck_assert_int_eq(shmreg_cell_write(j % 3 ? &w : &w2, in), 0);
					ck_assert_int_eq(shmreg_cell_read(&w.cell, out, &version), 0);
					ck_assert_mem_eq(in, out, sizes[i]);
					ck_assert_uint_eq(version, j);
				}
				ck_assert(cell_is_sound(base, &shape));
				free(in);
				free(out);
				plain_unmap(base, &shape);
				base = NULL;
			}
}
END_TEST

START_TEST(in_place)
{
	struct pose *p = NULL, *again = NULL;

	set(1, 2);
	write_n(&writer, 1);
	ck_assert_int_eq(pose_cell_commit(&writer), -EINVAL);
	ck_assert_int_eq(pose_cell_abort(&writer), -EINVAL);
	ck_assert_int_eq(pose_cell_begin(&writer, &p), 0);
	ck_assert_uint_eq(writer.writer.cell.handle.n_leases, 1);
	ck_assert_int_eq(pose_cell_begin(&writer, &again), -EBUSY);
	ck_assert_ptr_null(again);
	*p = pose(2);
	ck_assert_int_eq(pose_cell_write(&writer, p), -EBUSY);
	expect(1, 1);	/* nobody sees it */
	ck_assert_int_eq(pose_cell_commit(&writer), 0);
	expect(2, 2);
	ck_assert_int_eq(pose_cell_commit(&writer), -EINVAL);
	ck_assert_int_eq(pose_cell_begin(&writer, &p), 0);
	memset(p, 0xff, sizeof(*p));
	ck_assert_int_eq(pose_cell_abort(&writer), 0);
	ck_assert_uint_eq(writer.writer.cell.handle.n_leases, 0);
	expect(2, 2);
	ck_assert_int_eq(pose_cell_begin(&writer, &again), 0);
	ck_assert_ptr_eq(again, p);	/* the same slot: the other one is the latest's */
	ck_assert_int_eq(pose_cell_abort(&writer), 0);
	expect(2, 2);
	write_n(&writer, 3);
	expect(3, 3);
}
END_TEST

/* The named slot stays as it is until its writer has gone round; a view says so. */
START_TEST(views)
{
	const uint32_t slots = (uint32_t)_i;
	struct pose_cell_view view, old;
	struct pose *p = NULL;
	uint32_t i;

	set(1, slots);
	write_n(&writer, 1);
	ck_assert_int_eq(pose_cell_peek(&cell, &view), 0);
	ck_assert_uint_eq(view.version, 1);
	for (i = 1; i < slots; i++) {
		write_n(&writer, 1 + i);
		ck_assert_uint_eq(view.elem->n, 1);
		ck_assert_int_eq(pose_cell_validate(&cell, &view), 0);
	}
	old = view;
	ck_assert_int_eq(pose_cell_peek(&cell, &view), 0);
	ck_assert_uint_eq(view.elem->n, slots);
	ck_assert_int_eq(pose_cell_begin(&writer, &p), 0);
	ck_assert_ptr_eq(p, old.elem);
	ck_assert_int_eq(pose_cell_validate(&cell, &old), -EAGAIN);
	ck_assert_int_eq(pose_cell_validate(&cell, &view), 0);
	*p = pose(100);
	ck_assert_int_eq(pose_cell_commit(&writer), 0);
	ck_assert_int_eq(pose_cell_validate(&cell, &old), -EAGAIN);
	ck_assert_int_eq(pose_cell_validate(&cell, &view), 0);
	view.word = 0;
	ck_assert_int_eq(pose_cell_validate(&cell, &view), -EUCLEAN);
}
END_TEST

/* The value to be written, on a page that is not there until it is asked for. */
static void *source;
static struct pose_cell_view overwritten;
static int seen_meanwhile;

static void supply(int signal)
{
	(void)signal;
	seen_meanwhile = pose_cell_validate(&cell, &overwritten);
	if (mprotect(source, (size_t)sysconf(_SC_PAGESIZE), PROT_READ) != 0)
		_exit(1);
}

/* In the middle of a write, before the first byte: whoever copies the old value knows. */
START_TEST(write_invalidates_first)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const struct sigaction action = { .sa_handler = supply };
	struct sigaction before;
	struct pose p = pose(3);

	set(1, 2);
	write_n(&writer, 1);
	ck_assert_int_eq(pose_cell_peek(&cell, &overwritten), 0);
	write_n(&writer, 2);
	ck_assert_int_eq(pose_cell_validate(&cell, &overwritten), 0);
	source = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert(source != MAP_FAILED);
	memcpy(source, &p, sizeof(p));
	ck_assert_int_eq(mprotect(source, page, PROT_NONE), 0);
	ck_assert_int_eq(sigaction(SIGSEGV, &action, &before), 0);
	ck_assert_int_eq(pose_cell_write(&writer, source), 0);
	ck_assert_int_eq(sigaction(SIGSEGV, &before, NULL), 0);
	ck_assert_int_eq(seen_meanwhile, -EAGAIN);
	expect(3, 3);
	munmap(source, page);
}
END_TEST

START_TEST(several_writers)
{
	struct pose_cell_writer second, third;
	struct shmreg_cell_stats stat = { .size = sizeof(stat) };
	struct pose *p = NULL;
	uint64_t v;

	set(2, 2);
	ck_assert(cell_writer_bind(&second.writer, base, &shape, 4095));
	ck_assert(!cell_writer_bind(&third.writer, base, &shape, 5));
	ck_assert_uint_eq(shmreg_cell_seat(&cell.cell, 0), 17);
	ck_assert_uint_eq(shmreg_cell_seat(&cell.cell, 1), 4095);
	ck_assert_uint_eq(shmreg_cell_seat(&cell.cell, 2), 0);
	for (v = 1; v < 20; v++) {
		write_n(v % 3 ? &writer : &second, v);
		expect(v, v);
	}
	/* Begun before the other's, published after it: the last one to publish is the latest. */
	ck_assert_int_eq(pose_cell_begin(&writer, &p), 0);
	*p = pose(1000);
	write_n(&second, v);
	expect(v, v);
	ck_assert_int_eq(pose_cell_commit(&writer), 0);
	expect(1000, v + 1);
	ck_assert_int_eq(shmreg_cell_stat(&cell.cell, &stat), 0);
	ck_assert_uint_eq(stat.version, v + 1);
	ck_assert_uint_eq(stat.n_superseded, 0);
	ck_assert_uint_eq(stat.writers, 2);
	ck_assert_uint_eq(stat.n_writers, 2);
	ck_assert_uint_eq(stat.slots, 2);
	ck_assert_uint_eq(stat.last_writer, 0);
	ck_assert_uint_eq(stat.elem_bytes, sizeof(struct pose));
	stat.size = 4;
	ck_assert_int_eq(shmreg_cell_stat(&cell.cell, &stat), -EINVAL);
	stat.size = offsetof(struct shmreg_cell_stats, n_superseded);
	stat.n_superseded = 77;
	ck_assert_int_eq(shmreg_cell_stat(&cell.cell, &stat), 0);
	ck_assert_uint_eq(stat.n_superseded, 77);
}
END_TEST

/* Versions go on with 1 after the last; 0 stays "never written". */
START_TEST(wrap)
{
	const struct pose p = pose(5);

	set(_i ? 3 : 1, 2);
	cell_seed(base, &shape, CELL_LAST_VERSION - 1, 0, 1, &p);
	expect(5, CELL_LAST_VERSION - 1);
	shmreg_store_relaxed(&((struct shmreg_cell_shm *)base)->writer[0], 0);
	ck_assert(cell_writer_bind(&writer.writer, base, &shape, 18));
	write_n(&writer, 6);
	expect(6, CELL_LAST_VERSION);
	write_n(&writer, 7);
	expect(7, 1);
	ck_assert_int_eq(pose_cell_changed(&cell, CELL_LAST_VERSION), 1);
	write_n(&writer, 8);
	expect(8, 2);
}
END_TEST

/* Whoever takes a place over begins behind the slot that latest names. */
START_TEST(successor)
{
	struct pose_cell_view view;
	uint32_t i;

	set(1, 2);
	for (i = 1; i < 9; i++) {
		write_n(&writer, i);
		ck_assert_int_eq(pose_cell_peek(&cell, &view), 0);
		shmreg_store_relaxed(&((struct shmreg_cell_shm *)base)->writer[0], 0);
		ck_assert(cell_writer_bind(&writer.writer, base, &shape, 17 + i));
		write_n(&writer, 100 + i);
		ck_assert_uint_eq(view.elem->n, i);
		ck_assert_int_eq(pose_cell_validate(&cell, &view), 0);
		expect(100 + i, 2 * i);
	}
}
END_TEST

/* What a forked child finds: handles full of zeros. */
START_TEST(forked)
{
	static const struct pose_cell zeros;
	/* As far as the compiler can see: any. */
	const struct pose_cell *const volatile none = &zeros;
	struct shmreg_cell_stats stat = { .size = sizeof(stat) };
	struct pose_cell_view view = { NULL, 0, 0 };
	struct pose_cell_writer dead;
	struct pose p = { 0 }, *ptr;

	base = NULL;
	memset(&dead, 0, sizeof(dead));
	ck_assert_int_eq(pose_cell_read(none, &p, NULL), -ECHILD);
	ck_assert_int_eq(shmreg_cell_read(&none->cell, &p, NULL), -ECHILD);
	ck_assert_int_eq(pose_cell_peek(none, &view), -ECHILD);
	ck_assert_int_eq(pose_cell_validate(none, &view), -ECHILD);
	ck_assert_uint_eq(pose_cell_version(none), 0);
	ck_assert_int_eq(pose_cell_changed(none, 0), -ECHILD);
	ck_assert_int_eq(shmreg_cell_stat(&none->cell, &stat), -ECHILD);
	ck_assert_uint_eq(shmreg_cell_seat(&none->cell, 0), 0);
	ck_assert_int_eq(pose_cell_write(&dead, &p), -ECHILD);
	ck_assert_int_eq(shmreg_cell_write(&dead.writer, &p), -ECHILD);
	ck_assert_int_eq(pose_cell_begin(&dead, &ptr), -ECHILD);
	ck_assert_int_eq(pose_cell_commit(&dead), -ECHILD);
	ck_assert_int_eq(pose_cell_abort(&dead), -ECHILD);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("cell");

	tcase_add_checked_fixture(c, NULL, teardown);
	tcase_add_test(c, never_written);
	tcase_add_test(c, write_read);
	tcase_add_test(c, geometry);
	tcase_add_test(c, in_place);
	tcase_add_loop_test(c, views, 2, 6);
	tcase_add_test(c, write_invalidates_first);
	tcase_add_test(c, several_writers);
	tcase_add_loop_test(c, wrap, 0, 2);
	tcase_add_test(c, successor);
	tcase_add_test(c, forked);
	return run_case("cell", c);
}
