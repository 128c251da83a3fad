/* SPDX-License-Identifier: MIT */
#include <config.h>

/* What a segment will take, without a daemon: from the smallest to the largest. */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <shmreg.h>

#include "suite.h"

static struct shmreg_segment_cost cost(uint32_t participants, uint32_t objects)
{
	const struct shmreg_segment_params p = { .size = sizeof(p), .bytes = 1,
						 .max_participants = participants,
						 .max_objects = objects };
	struct shmreg_segment_cost ret = { .size = sizeof(ret) };

	ck_assert_int_eq(shmreg_segment_cost(&p, &ret), 0);
	return ret;
}

/*
 * The tables of the original took 904 bytes (16 names) to 303 KB (4096 names), and a look-up
 * compared them all. Ours have room for who is attached, for seats, for types and shapes,
 * and an index.
 */
START_TEST(sizes)
{
	static const struct {
		uint32_t participants, objects;
		uint64_t bytes;
	} known[] = {
		{ 1, 1, 36864 },
		{ 4, 16, 40960 },
		{ 0, 0, 135168 },
		{ 256, 4096, 1134592 },
		{ 65536, 65536, 25464832 },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(*known); i++) {
		const struct shmreg_segment_cost c = cost(known[i].participants, known[i].objects);

		printf("%5u participants, %5u objects: %8llu bytes\n", c.max_participants,
		       c.max_objects, (unsigned long long)c.dir_bytes);
		ck_assert_uint_eq(c.data_bytes, 4096);
		ck_assert_uint_eq(c.dir_bytes, known[i].bytes);
	}
	ck_assert_uint_eq(cost(0, 0).max_objects, 256);
	ck_assert_uint_eq(cost(0, 0).max_participants, 256);
	ck_assert_uint_eq(cost(256, 256).dir_bytes, cost(0, 0).dir_bytes);
}
END_TEST

START_TEST(refused)
{
	struct shmreg_segment_params p = { .size = sizeof(p), .bytes = 4097 };
	struct shmreg_segment_cost c = { .size = sizeof(c) };

	ck_assert_int_eq(shmreg_segment_cost(&p, &c), 0);
	ck_assert_uint_eq(c.data_bytes, 8192);
	c.data_bytes = 7;
	p.max_objects = 65537;
	ck_assert_int_eq(shmreg_segment_cost(&p, &c), -EINVAL);
	ck_assert_ptr_nonnull(strstr(shmreg_error(), "65537 objects"));
	p.max_objects = 0;
	p.bytes = 0;
	ck_assert_int_eq(shmreg_segment_cost(&p, &c), -EINVAL);
	ck_assert_int_eq(shmreg_segment_cost(NULL, &c), -EINVAL);
	p.bytes = SHMREG_DATA_BYTES_MAX + 1;
	ck_assert_int_eq(shmreg_segment_cost(&p, &c), -EINVAL);
	p.bytes = SHMREG_DATA_BYTES_MAX;
	c.size = 3;
	ck_assert_int_eq(shmreg_segment_cost(&p, &c), -EINVAL);
	ck_assert_uint_eq(c.data_bytes, 7);
	c.size = offsetof(struct shmreg_segment_cost, dir_bytes);
	c.dir_bytes = 9;
	ck_assert_int_eq(shmreg_segment_cost(&p, &c), 0);
	ck_assert_uint_eq(c.data_bytes, SHMREG_DATA_BYTES_MAX);
	ck_assert_uint_eq(c.dir_bytes, 9);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { sizes, refused };

	return RUN_SUITE("segment-cost", tests, NULL, NULL, 0);
}
