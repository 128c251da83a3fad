/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Segments of the memory that was asked for: what is obtained is looked at where the kernel says it. */

#include <stddef.h>
#include <stdio.h>

#include "placement-deeds.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
# define SANITIZED true
#else
# define SANITIZED false
#endif

static int64_t deed_lock_error(struct actor *a, int64_t unused)
{
	(void)unused;
	return placement_of(a).lock_error;
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

static int64_t deed_lock_limit(struct actor *a, int64_t bytes)
{
	const struct rlimit limit = { .rlim_cur = (rlim_t)bytes, .rlim_max = (rlim_t)bytes };

	(void)a;
	return setrlimit(RLIMIT_MEMLOCK, &limit) < 0 ? -errno : 0;
}

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
	actor_expect(&maker, deed_page_bytes, 0, sysconf(_SC_PAGESIZE));
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

START_TEST(transparent)
{
	actor_ok(&maker, deed_make, TRANSPARENT);
	actor_expect(&maker, deed_misalignment, 0, 0);
	actor_expect(&maker, deed_page_bytes, 0, sysconf(_SC_PAGESIZE));
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

int main(void)
{
	Suite *s = suite_create("placement");
	TCase *plain = harness_case(s, "placement");

	tcase_add_checked_fixture(plain, setup, teardown);
	tcase_add_test(plain, makes_no_sense);
	tcase_add_test(plain, too_few);
	tcase_add_test(plain, transparent);
	tcase_add_loop_test(plain, on_nodes, BOUND, INTERLEAVED + 1);
	if (SANITIZED) {
		puts("mapped at once, locked: skipped, for a sanitizer disables mlock(2) and faults by itself");
	} else {
		tcase_add_test(plain, mapped_at_once);
		tcase_add_test(plain, locked);
	}
	return harness_main(s);
}
