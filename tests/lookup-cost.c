/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * lookup-cost - nanoseconds of a look-up by name, in directories of several sizes
 *
 * Not a test: a number to look at, for nobody's machine but this one.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "directory.h"
#include "random.h"

#define LOOKUPS 200000

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void fill(struct directory *d, uint32_t n)
{
	struct shmreg_dir_object o = {
		.shape = { .kind = SHMREG_KIND_ATOMIC, .layout = SHMREG_ATOMIC_LAYOUT,
			   .elem_align = 8, .elem_bytes = 8, .capacity = 1 },
		.bytes = 128,
	};

	for (uint32_t i = 0; i < n; i++) {
		memset(o.name, 0, sizeof(o.name));
		snprintf(o.name, sizeof(o.name), "sensor-%08u", i);
		o.id = i + 1;
		o.offset = 128 * (uint64_t)i;
		directory_add_object(d, i, &o);
	}
}

int main(void)
{
	static const uint32_t counts[] = { 1, 1000, 60000 };
	static char names[LOOKUPS][24];

	for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++) {
		const struct shmreg_dir head = {
			.data_bytes = 1 << 24,
			.max_participants = 1,
			.max_objects = counts[c],
			.name = "cost",
		};
		struct directory d = DIRECTORY_INIT;
		struct random_state r = { 1 };
		struct shmreg_dir_object found;
		uint64_t best = UINT64_MAX, start;

		if (directory_create(&d, &head) < 0)
			return EXIT_FAILURE;
		directory_publish(&d);
		fill(&d, counts[c]);
		for (size_t i = 0; i < LOOKUPS; i++)
			snprintf(names[i], sizeof(names[i]), "sensor-%08u",
				 (unsigned int)random_below(&r, counts[c]));
		for (int round = 0; round < 5; round++) {
			start = now_ns();
			for (size_t i = 0; i < LOOKUPS; i++)
				if (shmreg_dir_find(d.map, names[i], &found, NULL) < 0)
					return EXIT_FAILURE;
			if (now_ns() - start < best)
				best = now_ns() - start;
		}
		printf("%5u objects: %.0f ns a look-up\n", counts[c], (double)best / LOOKUPS);
		directory_deinit(&d);
	}
	return EXIT_SUCCESS;
}
