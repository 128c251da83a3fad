/* SPDX-License-Identifier: MIT */
#ifndef TEST_PLACEMENT_DEEDS_H
#define TEST_PLACEMENT_DEEDS_H

/* placement-deeds.h - making segments of each kind of memory, and what the kernel says of them */

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "placement-fixture.h"

#define MIB (UINT64_C(1) << 20)
#define BYTES (5 * MIB)		/* no multiple of a huge page */
#define HUGE (2 * MIB)
#define WORDS (2 * MIB / 8)	/* an array that begins and ends within a huge page */

static inline void setup(void)
{
	start((const char *[]){ "--reserve-budget=1T", "--max-bytes-per-uid=2T", NULL });
}

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

static inline int64_t deed_make(struct actor *a, int64_t i)
{
	const struct shmreg_segment_params params = {
		.size = sizeof(params), .bytes = what[i].bytes, .mode = 0666,
		.lifetime = SHMREG_UNTIL_REMOVED, .placement = what[i].placement,
	};

	return deed_connect(a, 0) < 0 ? -EIO : shmreg_segment_create(a->connection, &a->segment,
								   ACTOR_SEGMENT, &params);
}

static inline struct shmreg_segment_placement placement_of(struct actor *a)
{
	struct shmreg_segment_placement p = { .size = sizeof(p) };

	harness_ok(shmreg_segment_placement(a->segment, &p));
	return p;
}

static inline int64_t deed_page_bytes(struct actor *a, int64_t unused)
{
	(void)unused;
	return (int64_t)placement_of(a).page_bytes;
}

static inline int64_t deed_data_bytes(struct actor *a, int64_t unused)
{
	(void)unused;
	return (int64_t)shmreg_segment_dir(a->segment)->data_bytes;
}

static inline int64_t deed_huge_error(struct actor *a, int64_t unused)
{
	(void)unused;
	return placement_of(a).huge_error;
}

/* Of the mapping, in KiB, as the kernel says; -1: it does not say it. */
static inline int64_t smaps(struct actor *a, const char *key)
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

/* Faults that touching every page takes. */
static inline int64_t deed_faults(struct actor *a, int64_t unused)
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

static inline int64_t deed_array(struct actor *a, int64_t n)
{
	return word_array_open_or_create(a->segment, &a->array, "array", (uint64_t)n);
}

static inline int64_t deed_fill(struct actor *a, int64_t word)
{
	for (uint64_t i = 0; i < WORDS; i++)
		*word_array_at(a->array, i) = (uint64_t)word;
	return 0;
}

#endif /* TEST_PLACEMENT_DEEDS_H */
