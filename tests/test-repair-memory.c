/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <shmreg/abi/queue.h>

#include "pool-bind.h"
#include "queue-repair.h"
#include "repair.h"
#include "suite.h"

/* A sparse queue whose counters say that every slot was used, as a hostile peer may write. */
#define CAPACITY (UINT64_C(1) << 20)
#define ELEM 56				/* so that a slot has 64 bytes */
#define OFFSET UINT64_C(8192)		/* of the queue in its file */
#define DEAD 5
#define RESIDENT_MAX (256 << 10)

static const uint64_t wrecked[] = { 0, 1, 63, 64, CAPACITY / 2 + 7, CAPACITY - 1 };
#define N_WRECKED (sizeof(wrecked) / sizeof(wrecked[0]))

struct sparse {
	struct shmreg_shape shape;
	uint64_t bytes;
	int fd;
	unsigned char *map;
	struct shmreg_queue_shm *queue;
	uint64_t dead[QUEUE_REPAIR_SEATS];
};

static uint64_t *slot(const struct sparse *s, uint64_t index)
{
	return (uint64_t *)(void *)(s->map + OFFSET + sizeof(struct shmreg_queue_shm) +
				    index * shmreg_queue_stride(ELEM, 8));
}

static void sparse_new(struct sparse *s)
{
	uint64_t align;

	*s = (struct sparse){ .shape = { .kind = SHMREG_KIND_QUEUE, .layout = SHMREG_QUEUE_LAYOUT,
					 .elem_align = 8, .elem_bytes = ELEM,
					 .capacity = CAPACITY } };
	ck_assert_int_eq(shmreg_shape_bytes(&s->shape, &s->bytes, &align, NULL), 0);
	s->fd = memfd_create("test", MFD_CLOEXEC);
	ck_assert_int_ge(s->fd, 0);
	ck_assert_int_eq(ftruncate(s->fd, (off_t)(OFFSET + s->bytes)), 0);
	s->map = mmap(NULL, OFFSET + s->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	ck_assert_ptr_ne(s->map, MAP_FAILED);
	s->queue = (struct shmreg_queue_shm *)(void *)(s->map + OFFSET);
	s->dead[0] = UINT64_C(1) << DEAD;
	s->queue->users[0] = s->dead[0];
	s->queue->tail = CAPACITY << SHMREG_QUEUE_POS_SHIFT;
	s->queue->lapped = 1;
	for (size_t i = 0; i < N_WRECKED; i++)
		*slot(s, wrecked[i]) = UINT64_C(1) << SHMREG_QUEUE_N_SHIFT |
				       (uint64_t)DEAD << SHMREG_QUEUE_OWNER_SHIFT |
				       SHMREG_QUEUE_WRITING;
}

static void sparse_free(struct sparse *s)
{
	munmap(s->map, OFFSET + s->bytes);
	close(s->fd);
}

static int64_t resident(const struct sparse *s)
{
	struct stat st;

	ck_assert_int_eq(fstat(s->fd, &st), 0);
	return (int64_t)st.st_blocks * 512;
}

static void check_repaired(const struct sparse *s, const struct shmreg_reaper_report *report)
{
	ck_assert_int_eq(report->status, 0);
	ck_assert_uint_eq(report->n_freed, N_WRECKED);
	for (size_t i = 0; i < N_WRECKED; i++)
		ck_assert_uint_eq(*slot(s, wrecked[i]), SHMREG_QUEUE_TOMB);
}

START_TEST(test_holes_stay_holes)
{
	struct shmreg_reaper_report report = { 0 };
	struct repair_memory memory;
	struct sparse s;

	sparse_new(&s);
	memory = (struct repair_memory){ .fd = s.fd, .offset = OFFSET };
	ck_assert_int_eq(shmreg_repair_object(&s.shape, s.queue, &memory, s.dead, &report), 0);
	ck_assert_int_lt(resident(&s), RESIDENT_MAX);
	check_repaired(&s, &report);
	ck_assert_uint_eq(s.queue->users[0], 0);
	sparse_free(&s);
}
END_TEST

/* What it is worth: the same without knowing where the holes are. */
START_TEST(test_without_memory)
{
	struct shmreg_reaper_report report = { 0 };
	struct sparse s;

	sparse_new(&s);
	ck_assert_int_eq(queue_repair(&s.shape, s.queue, s.dead, &report), 0);
	check_repaired(&s, &report);
	ck_assert_int_gt(resident(&s), RESIDENT_MAX);
	sparse_free(&s);
}
END_TEST

START_TEST(test_untouched_object)
{
	struct shmreg_reaper_report report = { 0 };
	struct repair_memory memory;
	struct sparse s;

	sparse_new(&s);
	ck_assert_int_eq(fallocate(s.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				   (off_t)OFFSET + (off_t)s.bytes + sysconf(_SC_PAGESIZE)), 0);
	memory = (struct repair_memory){ .fd = s.fd, .offset = OFFSET };
	ck_assert_int_eq(shmreg_repair_object(&s.shape, s.queue, &memory, s.dead, &report), 0);
	ck_assert_uint_eq(report.n_seats, 0);
	ck_assert_int_eq(resident(&s), 0);
	sparse_free(&s);
}
END_TEST

/* A pool that is less than a page begins anywhere: its users may be in the page behind a hole. */
START_TEST(test_object_across_pages)
{
	const struct shmreg_shape shape = {
		.kind = SHMREG_KIND_POOL, .layout = SHMREG_POOL_LAYOUT,
		.elem_align = 8, .elem_bytes = 8, .capacity = 16,
	};
	const uint64_t dead[64] = { UINT64_C(1) << DEAD };
	const uint64_t offset = 128 * (uint64_t)_i;
	struct shmreg_reaper_report report = { 0 };
	struct repair_memory memory = { .fd = memfd_create("pool", MFD_CLOEXEC), .offset = offset };
	struct shmreg_pool pool;
	shmreg_pool_ref ref;
	unsigned char *map;

	ck_assert_int_ge(memory.fd, 0);
	ck_assert_int_eq(ftruncate(memory.fd, 3 * 4096), 0);
	map = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory.fd, 0);
	ck_assert_ptr_ne(map, MAP_FAILED);
	pool_bind(&pool, map + offset, &shape, DEAD);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(shmreg_pool_acquire(&pool, &ref), 0);
	ck_assert_int_eq(shmreg_repair_object(&shape, map + offset, &memory, dead, &report), 0);
	ck_assert_uint_eq(report.n_seats, 1);
	ck_assert_uint_eq(report.n_freed, 5);
	munmap(map, 3 * 4096);
	close(memory.fd);
}
END_TEST

/* However much data there is: 4 KiB at a time, and holes are passed over at once. */
START_TEST(test_a_page_at_a_time)
{
	const uint64_t step = 4096, page = (uint64_t)sysconf(_SC_PAGESIZE);
	const struct repair_memory memory = { .fd = memfd_create("pages", MFD_CLOEXEC),
					      .offset = page - 128 };
	uint64_t at, start, end;

	ck_assert_int_ge(memory.fd, 0);
	ck_assert_int_eq(ftruncate(memory.fd, (off_t)(64 * page)), 0);
	ck_assert_int_eq(pwrite(memory.fd, "x", 1, (off_t)page), 1);
	ck_assert_int_eq(pwrite(memory.fd, "x", 1, (off_t)(2 * page)), 1);
	ck_assert_int_eq(pwrite(memory.fd, "x", 1, (off_t)(60 * page)), 1);
	ck_assert(repair_memory_next(&memory, 0, &start, &end));
	ck_assert_uint_eq(start, 128);
	for (at = start; at < 128 + 2 * page; at = end) {
		ck_assert(repair_memory_next(&memory, at, &start, &end));
		ck_assert_uint_eq(start, at);
		ck_assert_uint_eq(end, at + step);
		ck_assert(repair_memory_next(&memory, end - 8, &start, &end));
		ck_assert_uint_eq(start, at + step - 8);
		ck_assert_uint_eq(end, at + step);
	}
	ck_assert(repair_memory_next(&memory, end, &start, &end));
	ck_assert_uint_eq(start, 128 + 59 * page);
	for (at = start; at < 128 + 60 * page; at = end)
		ck_assert(repair_memory_next(&memory, at, &start, &end));
	ck_assert(!repair_memory_next(&memory, at, &start, &end));
	close(memory.fd);
}
END_TEST

START_TEST(test_no_file)
{
	uint64_t start, end;

	ck_assert(repair_memory_next(NULL, 100, &start, &end));
	ck_assert_uint_eq(start, 100);
	ck_assert_uint_eq(end, UINT64_MAX);
	/* Cannot be asked: taken for data. */
	ck_assert(repair_memory_next(&(struct repair_memory){ .fd = -1 }, 100, &start, &end));
	ck_assert_uint_eq(start, 100);
	ck_assert_uint_eq(end, UINT64_MAX);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("repair-memory");

	tcase_add_test(t, test_holes_stay_holes);
	tcase_add_test(t, test_without_memory);
	tcase_add_test(t, test_untouched_object);
	tcase_add_loop_test(t, test_object_across_pages, 0, 32);
	tcase_add_test(t, test_a_page_at_a_time);
	tcase_add_test(t, test_no_file);
	return run_case("repair-memory", t);
}
