/* SPDX-License-Identifier: MIT */
#define SHMREG_DEBUG 0	/* as a program is built that is to be fast: no checks of indices */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include <shmreg.h>

#include "families.h"

/* huge.c - the same array in pages of another size: more than a TLB reaches, here and there */

#define LENGTH_LOG 25				/* 256 MiB */
#define LENGTH (UINT64_C(1) << LENGTH_LOG)

SHMREG_DEFINE_ARRAY(pages_array, uint64_t);

static const struct bench_row rows[] = {
	{ "huge-read-random", "huge/read-random", "anywhere in 256 MiB, read", 8, 1, 0, BENCH_NS,
	  { { "pages of 4 KiB", 1.0, 0, 0 } }, 256, 0, 0 },
	{ "huge-write-random", "huge/write-random", "anywhere in 256 MiB, written", 8, 1, 0, BENCH_NS,
	  { { "pages of 4 KiB", 1.0, 0, 0 } }, 256, 0, 0 },
};
const struct bench_family bench_huge = { "huge", rows, BENCH_N(rows) };

/* For a row; its worker's end takes it away. Not to be had: skipped. */
static int open_pages(struct bench_worker *w, uint32_t huge)
{
	struct shmreg_segment_params params = {
		.size = sizeof(params), .bytes = LENGTH * sizeof(uint64_t) + (UINT64_C(1) << 21),
		.placement = { .huge = huge, .flags = SHMREG_PLACE_PREFAULT },
	};
	struct shmreg_segment_placement got = { .size = sizeof(got) };
	struct shmreg_connection *c;
	struct pages_array *a;
	struct shmreg_segment *s;
	char name[64];
	int r;

	snprintf(name, sizeof(name), "bench.huge.%d.%" PRIu64 ".%" PRIu32, (int)getppid(), w->crew, huge);
	bench_ok(shmreg_connect(&c, NULL), "no daemon (shmregctl run -- starts one)");
	r = shmreg_segment_create(c, &s, name, &params);
	if (r < 0)
		goto disconnect;
	bench_ok(shmreg_segment_placement(s, &got), "a placement");
	r = got.huge_error;
	if (r < 0)
		goto close;
	bench_ok(pages_array_open_or_create(s, &a, "numbers", LENGTH), "an array");
	w->own = a;
	return 0;
close:
	shmreg_segment_close(s);
disconnect:
	shmreg_disconnect(c);
	return r;
}

static int open_ordinary(struct bench_worker *w)
{
	return open_pages(w, SHMREG_HUGE_NONE);
}

static int open_pool(struct bench_worker *w)
{
	return open_pages(w, SHMREG_HUGE_2M);
}

static int open_transparent(struct bench_worker *w)
{
	return open_pages(w, SHMREG_HUGE_TRANSPARENT);
}

static uint64_t read_random(struct bench_worker *w, uint64_t n)
{
	struct pages_array *const a = w->own;
	uint64_t i, x = 1, sum = 0;

	for (i = 0; i < n; i++) {
		x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
		sum += *pages_array_at(a, x >> (64 - LENGTH_LOG));
	}
	bench_use(sum);
	return 0;
}

static uint64_t write_random(struct bench_worker *w, uint64_t n)
{
	struct pages_array *const a = w->own;
	uint64_t i, x = 1;

	for (i = 0; i < n; i++) {
		x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
		*pages_array_at(a, x >> (64 - LENGTH_LOG)) = i;
	}
	bench_escape(a);
	return 0;
}

#define PAGES(measure, op)                                                                         \
	{ measure, "transparent huge pages", BENCH_OURS, 8, NULL, open_transparent, op, NULL, NULL }, \
	{ measure, "huge pages of a pool", BENCH_OURS, 8, NULL, open_pool, op, NULL, NULL },       \
	{ measure, "pages of 4 KiB", BENCH_LIMIT, 8, NULL, open_ordinary, op, NULL, NULL }

static const struct bench_contestant contestants[] = {
	PAGES("huge/read-random", read_random),
	PAGES("huge/write-random", write_random),
};
const struct bench_peer bench_shmreg_huge = { "shmreg", contestants, BENCH_N(contestants) };
