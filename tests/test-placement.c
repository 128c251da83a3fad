/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * Segments of the memory that was asked for: what is obtained is looked at where the kernel says
 * it. Huge pages of a pool are set aside for the time of a test, which takes root.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "actor.h"

#define MIB (UINT64_C(1) << 20)
#define BYTES (5 * MIB)		/* no multiple of a huge page */
#define HUGE (2 * MIB)
#define WORDS (2 * MIB / 8)	/* an array that begins and ends within a huge page */
#define POOL "/proc/sys/vm/nr_hugepages"
#define N_PAGES 16

static struct harness h;
static struct process maker, other;
static unsigned long pool_before, available;

static void setup(void)
{
	harness_start(&h, (const char *[]){ "--reserve-budget=1T", "--max-bytes-per-uid=2T", NULL });
	actor_start(&maker);
	actor_start(&other);
}

static void teardown(void)
{
	if (maker.pid)
		process_finish(&maker);
	if (other.pid)
		process_finish(&other);
	harness_stop(&h);
}

/* --- the pool --------------------------------------------------------------------- */

static unsigned long number_of(const char *path, const char *key)
{
	unsigned long n = 0;
	char line[256];
	FILE *f = fopen(path, "r");

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0) {
			n = strtoul(line + strlen(key), NULL, 10);
			break;
		}
	fclose(f);
	return n;
}

static bool set_pool(unsigned long n)
{
	FILE *f = fopen(POOL, "w");

	if (!f)
		return false;
	fprintf(f, "%lu\n", n);
	return fclose(f) == 0;
}

static unsigned long pool_available(void)
{
	return number_of("/proc/meminfo", "HugePages_Free:") -
	       number_of("/proc/meminfo", "HugePages_Rsvd:");
}

static bool is_given_back(void *unused)
{
	(void)unused;
	return pool_available() == available;
}

/* In the program, not in each test's child: given back whatever becomes of them. */
static void grow_pool(void)
{
	pool_before = number_of(POOL, "");
	if (number_of("/proc/meminfo", "Hugepagesize:") == HUGE / 1024)
		set_pool(pool_before + N_PAGES);
}

static void shrink_pool(void)
{
	set_pool(pool_before);
}

static void setup_pool(void)
{
	available = pool_available();
	setup();
}

static bool is_nothing(void *unused)
{
	(void)unused;
	return harness_n_segments() == 0;
}

static bool no_pool(void)
{
	if (number_of("/proc/meminfo", "Hugepagesize:") == HUGE / 1024 && available >= N_PAGES)
		return false;
	harness_skip("no huge pages can be set aside here (" POOL ")");
	return true;
}

/* --- deeds ------------------------------------------------------------------------ */

/* What to make, for deeds that are told its index. */
enum { PLAIN, POOL_PAGES, TOO_MANY, TRANSPARENT, BOUND, INTERLEAVED, POOL_INTERLEAVED, MAPPED, LOCKED };
#define RESERVE SHMREG_CREATE_RESERVE
static const struct {
	struct shmreg_placement placement;
	uint64_t bytes;
} what[] = {
	[PLAIN] = { { 0 }, BYTES },
	[POOL_PAGES] = { { .huge = SHMREG_HUGE_2M }, BYTES },
	/* More than any machine that runs this has. */
	[TOO_MANY] = { { .huge = SHMREG_HUGE_2M }, UINT64_C(1) << 40 },
	[TRANSPARENT] = { { .huge = SHMREG_HUGE_TRANSPARENT, .flags = SHMREG_PLACE_PREFAULT }, 4 * MIB },
	[BOUND] = { { .numa = SHMREG_NUMA_BIND, .nodes = 1 }, BYTES },
	[INTERLEAVED] = { { .numa = SHMREG_NUMA_INTERLEAVE }, BYTES },
	[POOL_INTERLEAVED] = { { .huge = SHMREG_HUGE_2M, .numa = SHMREG_NUMA_INTERLEAVE }, BYTES },
	[MAPPED] = { { .flags = SHMREG_PLACE_PREFAULT }, BYTES },
	[LOCKED] = { { .flags = SHMREG_PLACE_LOCK }, BYTES },
};

static int64_t deed_make(struct actor *a, int64_t i)
{
	const struct shmreg_segment_params params = {
		.size = sizeof(params), .bytes = what[i].bytes, .mode = 0666,
		.lifetime = SHMREG_UNTIL_REMOVED, .placement = what[i].placement,
	};

	return deed_connect(a, 0) < 0 ? -EIO : shmreg_segment_create(a->connection, &a->segment,
								   ACTOR_SEGMENT, &params);
}

static struct shmreg_segment_placement placement_of(struct actor *a)
{
	struct shmreg_segment_placement p = { .size = sizeof(p) };

	harness_ok(shmreg_segment_placement(a->segment, &p));
	return p;
}

static int64_t deed_page_bytes(struct actor *a, int64_t unused)
{
	(void)unused;
	return (int64_t)placement_of(a).page_bytes;
}

static int64_t deed_data_bytes(struct actor *a, int64_t unused)
{
	(void)unused;
	return (int64_t)shmreg_segment_dir(a->segment)->data_bytes;
}

static int64_t deed_huge_error(struct actor *a, int64_t unused)
{
	(void)unused;
	return placement_of(a).huge_error;
}

static int64_t deed_lock_error(struct actor *a, int64_t unused)
{
	(void)unused;
	return placement_of(a).lock_error;
}

/* Of the mapping, in KiB, as the kernel says; -1: it does not say it. */
static int64_t smaps(struct actor *a, const char *key)
{
	const uintptr_t data = (uintptr_t)shmreg_segment_data(a->segment);
	unsigned long from, to;
	bool ours = false;
	char line[512];
	int64_t n = -1;
	FILE *f = fopen("/proc/self/smaps", "r");

	ck_assert_ptr_nonnull(f);
	while (n < 0 && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			ours = from <= data && data < to;
		else if (ours && strncmp(line, key, strlen(key)) == 0)
			n = strtol(line + strlen(key), NULL, 10);
	}
	fclose(f);
	return n;
}

static int64_t deed_kernel_page(struct actor *a, int64_t unused)
{
	(void)unused;
	return smaps(a, "KernelPageSize:") * 1024;
}

static int64_t deed_transparent(struct actor *a, int64_t unused)
{
	(void)unused;
	return smaps(a, "ShmemPmdMapped:") * 1024;
}

static int64_t deed_locked(struct actor *a, int64_t unused)
{
	(void)unused;
	return smaps(a, "Locked:") * 1024;
}

static int64_t deed_misalignment(struct actor *a, int64_t unused)
{
	(void)unused;
	return (int64_t)((uintptr_t)shmreg_segment_data(a->segment) % HUGE);
}

/* Faults that touching every page takes. */
static int64_t deed_faults(struct actor *a, int64_t unused)
{
	const volatile char *data = shmreg_segment_data(a->segment);
	struct rusage before, after;

	(void)unused;
	getrusage(RUSAGE_SELF, &before);
	for (uint64_t i = 0; i < shmreg_segment_dir(a->segment)->data_bytes; i += 4096)
		(void)data[i];
	getrusage(RUSAGE_SELF, &after);
	return after.ru_minflt - before.ru_minflt;
}

/* Of the kernel: MPOL_... of the mapping, or of the file. */
static int64_t deed_policy(struct actor *a, int64_t unused)
{
	unsigned long mask[64] = { 0 };
	int mode;

	(void)unused;
	return syscall(SYS_get_mempolicy, &mode, mask, 4096UL, shmreg_segment_data(a->segment),
		       (unsigned long)MPOL_F_ADDR) < 0 ? -errno : mode;
}

/* Pages of 4 KiB that are there and not on @node. */
static int64_t deed_elsewhere(struct actor *a, int64_t node)
{
	char *data = (char *)(uintptr_t)shmreg_segment_data(a->segment);
	int64_t n = 0;
	int status;

	for (uint64_t i = 0; i < shmreg_segment_dir(a->segment)->data_bytes; i += 4096) {
		void *page = data + i;

		if (syscall(SYS_move_pages, 0, 1UL, &page, NULL, &status, 0) < 0)
			return -errno;
		n += status >= 0 && status != node;
	}
	return n;
}

static int64_t deed_array(struct actor *a, int64_t n)
{
	return word_array_open_or_create(a->segment, &a->array, "array", (uint64_t)n);
}

static int64_t deed_close_array(struct actor *a, int64_t unused)
{
	(void)unused;
	word_array_close(a->array);
	a->array = NULL;
	return 0;
}

static int64_t deed_fill(struct actor *a, int64_t word)
{
	for (uint64_t i = 0; i < WORDS; i++)
		*word_array_at(a->array, i) = (uint64_t)word;
	return 0;
}

/* Words of the array that are not @word. */
static int64_t deed_count_others(struct actor *a, int64_t word)
{
	int64_t n = 0;

	for (uint64_t i = 0; i < WORDS; i++)
		n += *word_array_at(a->array, i) != (uint64_t)word;
	return n;
}

static int64_t deed_remove_array(struct actor *a, int64_t unused)
{
	(void)unused;
	return shmreg_object_remove(a->segment, "array");
}

static int64_t deed_wait(struct actor *a, int64_t value)
{
	uint64_t now;

	return word_atomic_wait(a->atomic_const, (uint64_t)value, &now, NULL);
}

static int64_t deed_wake(struct actor *a, int64_t n)
{
	word_atomic_fetch_add_acq_rel(a->atomic, (uint64_t)n);
	word_atomic_notify_all(a->atomic);
	return 0;
}

static int64_t deed_lock_limit(struct actor *a, int64_t bytes)
{
	const struct rlimit limit = { .rlim_cur = (rlim_t)bytes, .rlim_max = (rlim_t)bytes };

	(void)a;
	return setrlimit(RLIMIT_MEMLOCK, &limit) < 0 ? -errno : 0;
}

static char snapshot_path[128];

static int64_t deed_snapshot(struct actor *a, int64_t unused)
{
	struct shmreg_segment *s;
	int fd, r;

	(void)unused;
	fd = open(snapshot_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	harness_ok(shmreg_segment_open_extents(a->connection, &s, ACTOR_SEGMENT));
	r = shmreg_snapshot_write(s, fd);
	shmreg_segment_close(s);
	close(fd);
	return r;
}

/* --- asking in vain ------------------------------------------------------------------- */

START_TEST(makes_no_sense)
{
	static const struct {
		struct shmreg_placement placement;
		const char *sentence;
	} cases[] = {
		{ { .huge = 4 }, "kind of huge pages" },
		{ { .numa = 3 }, "NUMA policy" },
		{ { .flags = 4 }, "PREFAULT and LOCK are known" },
		{ { .reserved = 1 }, "reserved field" },
		{ { .numa = SHMREG_NUMA_BIND }, "needs the nodes" },
		{ { .nodes = 1 }, "bind or interleave" },
		{ { .numa = SHMREG_NUMA_BIND, .nodes = UINT64_C(1) << 63 }, "NUMA node 63 is none" },
		{ { .numa = SHMREG_NUMA_INTERLEAVE, .nodes = UINT64_C(1) << 63 | 1 }, "node 63 is none" },
	};
	struct shmreg_segment_params params = { .size = sizeof(params), .bytes = BYTES };
	struct shmreg_connection *c = harness_connect();
	struct shmreg_segment *s;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		params.placement = cases[i].placement;
		harness_result(shmreg_segment_create(c, &s, "x", &params), -EINVAL);
		harness_sentence(cases[i].sentence);
	}
	ck_assert_int_eq(harness_n_segments(), 0);
	/* A program of before. */
	params.size = offsetof(struct shmreg_segment_params, placement);
	harness_ok(shmreg_segment_create(c, &s, "x", &params));
	shmreg_segment_close(s);
	shmreg_disconnect(c);
}
END_TEST

START_TEST(too_few)
{
	actor_ok(&maker, deed_make, TOO_MANY);
	actor_expect(&maker, deed_page_bytes, 0, 4096);
	actor_expect(&maker, deed_huge_error, 0, -ENOMEM);
	actor_expect(&maker, deed_data_bytes, 0, UINT64_C(1) << 40);
	actor_ok(&maker, deed_queue_create, 0);
	harness_kill_daemon(&h);
	harness_restart_daemon(&h);
	/* It is what whoever comes later is told, too. */
	actor_ok(&other, deed_open, SHMREG_ACCESS_WRITE);
	actor_expect(&other, deed_huge_error, 0, -ENOMEM);
	actor_ok(&other, deed_remove, 0);
}
END_TEST

/* --- huge pages ----------------------------------------------------------------------- */

START_TEST(pages_of_a_pool)
{
	if (no_pool())
		return;
	actor_ok(&maker, deed_make, POOL_PAGES);
	actor_expect(&maker, deed_page_bytes, 0, HUGE);
	actor_expect(&maker, deed_kernel_page, 0, HUGE);
	actor_expect(&maker, deed_huge_error, 0, 0);
	actor_expect(&maker, deed_data_bytes, 0, 3 * HUGE);
	/* Taken, though nobody has touched one. */
	ck_assert_uint_eq(pool_available(), available - 3);
	actor_ok(&maker, deed_array, WORDS);
	actor_ok(&maker, deed_fill, 7);
	harness_kill_daemon(&h);
	harness_restart_daemon(&h);
	actor_ok(&other, deed_open, SHMREG_ACCESS_WRITE);
	actor_expect(&other, deed_kernel_page, 0, HUGE);
	actor_ok(&other, deed_array, WORDS);
	actor_expect(&other, deed_count_others, 7, 0);
	actor_ok(&other, deed_remove, 0);
	process_finish(&maker);
	process_finish(&other);
	harness_wait(is_given_back, NULL, "the pool to have its pages again");
}
END_TEST

/* An object's memory goes and comes as zeros, and stays with the segment. */
START_TEST(objects_go)
{
	if (no_pool())
		return;
	actor_ok(&maker, deed_make, POOL_PAGES);
	actor_ok(&maker, deed_queue_create, 0);
	actor_ok(&maker, deed_push, 5);
	for (int i = 0; i < 3; i++) {
		actor_ok(&maker, deed_array, WORDS);
		actor_expect(&maker, deed_count_others, 0, 0);
		actor_ok(&maker, deed_fill, 7);
		actor_ok(&maker, deed_remove_array, 0);
		actor_ok(&maker, deed_close_array, 0);
	}
	ck_assert_uint_eq(pool_available(), available - 3);
	actor_expect(&maker, deed_pop, 0, 5);
	actor_ok(&maker, deed_remove, 0);
}
END_TEST

START_TEST(deaths)
{
	struct shmreg_connection *events;

	if (no_pool())
		return;
	events = harness_subscribe();
	actor_ok(&maker, deed_make, POOL_PAGES);
	actor_ok(&maker, deed_queue_create, SHMREG_QUEUE_REDELIVER);
	actor_ok(&maker, deed_push, 5);
	actor_expect(&maker, deed_acquire, 0, 5);
	process_kill(&maker);
	harness_wait_event(events, SHMREG_EVENT_REPAIRED, ACTOR_SEGMENT, NULL);
	shmreg_disconnect(events);
	actor_ok(&other, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&other, deed_queue_open, 0);
	actor_expect(&other, deed_pop, 0, 5);
	actor_ok(&other, deed_remove, 0);
}
END_TEST

/* The daemon stores a word into the data area for who may not. */
START_TEST(waits_read_only)
{
	if (no_pool())
		return;
	actor_ok(&maker, deed_make, POOL_PAGES);
	actor_ok(&maker, deed_array, WORDS);
	actor_ok(&maker, deed_atomic_create, 1);
	actor_ok(&other, deed_open, SHMREG_ACCESS_READ);
	actor_ok(&other, deed_atomic_open_const, 0);
	actor_begin(&other, deed_wait, 1);
	actor_ok(&maker, deed_wake, 1);
	process_expect(&other, 0);
	actor_ok(&maker, deed_remove, 0);
}
END_TEST

START_TEST(snapshots)
{
	struct shmreg_segment *s;
	const struct word_array *array = NULL;

	if (no_pool())
		return;
	snprintf(snapshot_path, sizeof(snapshot_path), "%s/snapshot", h.dir);
	/* One that knows the path. */
	process_finish(&other);
	actor_start(&other);
	actor_ok(&other, deed_make, POOL_PAGES);
	actor_ok(&other, deed_array, WORDS);
	actor_ok(&other, deed_fill, 9);
	actor_ok(&other, deed_snapshot, 0);
	harness_ok(shmreg_snapshot_open(&s, snapshot_path));
	ck_assert_uint_eq(shmreg_segment_dir(s)->page_bytes, HUGE);
	harness_ok(word_array_open_const(s, &array, "array", WORDS));
	for (uint64_t i = 0; i < WORDS; i++)
		ck_assert_uint_eq(*word_array_at_const(array, i), 9);
	shmreg_segment_close(s);
	unlink(snapshot_path);
	actor_ok(&other, deed_remove, 0);
}
END_TEST

START_TEST(pool_on_nodes)
{
	if (no_pool())
		return;
	actor_ok(&maker, deed_make, POOL_INTERLEAVED);
	actor_expect(&maker, deed_page_bytes, 0, HUGE);
	actor_expect(&maker, deed_policy, 0, MPOL_INTERLEAVE);
	/* They are all there already. */
	ck_assert_uint_eq(pool_available(), available - 3);
	actor_expect(&maker, deed_faults, 0, 0);
	actor_ok(&maker, deed_remove, 0);
}
END_TEST

START_TEST(transparent)
{
	actor_ok(&maker, deed_make, TRANSPARENT);
	actor_expect(&maker, deed_misalignment, 0, 0);
	actor_expect(&maker, deed_page_bytes, 0, 4096);
	/* As it was obtained or not. */
	if (actor_do(&maker, deed_huge_error, 0) == 0)
		actor_expect(&maker, deed_transparent, 0, 4 * MIB);
	else
		harness_skip("this kernel gives no transparent huge pages");
	actor_ok(&maker, deed_array, WORDS);
	actor_ok(&maker, deed_fill, 3);
	actor_ok(&other, deed_open, SHMREG_ACCESS_READ);
	actor_expect(&other, deed_misalignment, 0, 0);
	actor_ok(&maker, deed_remove, 0);
}
END_TEST

/* --- NUMA nodes --------------------------------------------------------------------- */

START_TEST(on_nodes)
{
	const int64_t policy = _i == BOUND ? MPOL_BIND : MPOL_INTERLEAVE;

	actor_ok(&maker, deed_make, _i);
	if (actor_do(&maker, deed_policy, 0) == -ENOSYS) {
		harness_skip("the kernel is without NUMA");
	} else {
		actor_expect(&maker, deed_policy, 0, policy);
		harness_kill_daemon(&h);
		harness_restart_daemon(&h);
		/* It is the memory's, not the mapping's. */
		actor_ok(&other, deed_open, SHMREG_ACCESS_WRITE);
		actor_expect(&other, deed_policy, 0, policy);
		actor_ok(&other, deed_array, WORDS);
		actor_ok(&other, deed_fill, 3);
		if (_i == BOUND)
			actor_expect(&other, deed_elsewhere, 0, 0);
	}
	actor_ok(&maker, deed_remove, 0);
}
END_TEST

/* --- of each who attaches ----------------------------------------------------------- */

START_TEST(mapped_at_once)
{
	actor_ok(&maker, deed_make, PLAIN);
	ck_assert_int_ge(actor_do(&maker, deed_faults, 0), 1);
	actor_ok(&maker, deed_remove, 0);
	actor_ok(&maker, deed_close, 0);
	actor_ok(&maker, deed_make, MAPPED);
	actor_expect(&maker, deed_faults, 0, 0);
	actor_ok(&other, deed_open, SHMREG_ACCESS_WRITE);
	actor_expect(&other, deed_faults, 0, 0);
	actor_ok(&other, deed_remove, 0);
}
END_TEST

/* Who creates is told if he cannot, and there is nothing; who opens goes on without. */
START_TEST(locked)
{
	static const struct identity nobody = { .uid = 65534, .gid = 65534 };

	actor_ok(&maker, deed_make, LOCKED);
	actor_expect(&maker, deed_locked, 0, 5 * MIB);
	if (geteuid() == 0) {
		process_finish(&other);
		actor_start_as(&other, &nobody);
	}
	actor_ok(&other, deed_lock_limit, 65536);
	actor_ok(&other, deed_open, SHMREG_ACCESS_WRITE);
	actor_expect(&other, deed_lock_error, 0, -ENOMEM);
	actor_expect(&other, deed_locked, 0, 0);
	actor_ok(&other, deed_close, 0);
	actor_ok(&maker, deed_remove, 0);
	actor_ok(&maker, deed_close, 0);
	actor_expect(&other, deed_make, LOCKED, -ENOMEM);
	actor_says(&other, "more than the 65536");
	harness_wait(is_nothing, NULL, "the end of what cannot be locked");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("placement");
	TCase *plain = harness_case(s, "placement"), *pool = harness_case(s, "pool");

	tcase_add_checked_fixture(plain, setup, teardown);
	tcase_add_test(plain, makes_no_sense);
	tcase_add_test(plain, too_few);
	tcase_add_test(plain, transparent);
	tcase_add_loop_test(plain, on_nodes, BOUND, INTERLEAVED + 1);
	tcase_add_test(plain, mapped_at_once);
	tcase_add_test(plain, locked);
	tcase_add_unchecked_fixture(pool, grow_pool, shrink_pool);
	tcase_add_checked_fixture(pool, setup_pool, teardown);
	tcase_add_test(pool, pages_of_a_pool);
	tcase_add_test(pool, objects_go);
	tcase_add_test(pool, deaths);
	tcase_add_test(pool, waits_read_only);
	tcase_add_test(pool, snapshots);
	tcase_add_test(pool, pool_on_nodes);
	return s;
}

int main(void)
{
	return harness_main(suite());
}
