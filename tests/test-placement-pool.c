/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * Segments of huge pages that were set aside, in a pool, for the time of a test: which takes root.
 */

#include <fcntl.h>
#include <stdlib.h>

#include "placement-deeds.h"

#define POOL "/proc/sys/vm/nr_hugepages"
#define N_PAGES 16

static unsigned long pool_before, available;

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

static bool no_pool(void)
{
	if (number_of("/proc/meminfo", "Hugepagesize:") == HUGE / 1024 && available >= N_PAGES)
		return false;
	harness_skip("no huge pages can be set aside here (" POOL ")");
	return true;
}

static int64_t deed_kernel_page(struct actor *a, int64_t unused)
{
	(void)unused;
	return smaps(a, "KernelPageSize:") * 1024;
}

static int64_t deed_close_array(struct actor *a, int64_t unused)
{
	(void)unused;
	word_array_close(a->array);
	a->array = NULL;
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

int main(void)
{
	Suite *s = suite_create("placement-pool");
	TCase *pool = harness_case(s, "pool");

	tcase_add_unchecked_fixture(pool, grow_pool, shrink_pool);
	tcase_add_checked_fixture(pool, setup_pool, teardown);
	tcase_add_test(pool, pages_of_a_pool);
	tcase_add_test(pool, objects_go);
	tcase_add_test(pool, deaths);
	tcase_add_test(pool, waits_read_only);
	tcase_add_test(pool, snapshots);
	tcase_add_test(pool, pool_on_nodes);
	return harness_main(s);
}
