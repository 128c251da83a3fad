/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * The largest directory: what an empty one takes of memory, and how far a look-up walks when
 * it is full. Steps are counted, not nanoseconds; see lookup-cost.c for those.
 */

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "directory.h"
#include "memfd.h"
#include "refuse.h"
#include "segment.h"
#include "suite.h"

static struct directory d;

static void make(uint32_t participants, uint32_t objects)
{
	const struct shmreg_dir head = {
		.segment = 7,
		.registry = 9,
		.data_bytes = UINT64_C(1) << 30,
		.max_participants = participants,
		.max_objects = objects,
		.mode_lifetime = 0600 | SHMREG_UNTIL_REMOVED << 16,
		.name = "large",
	};

	d = (struct directory)DIRECTORY_INIT;
	ck_assert_int_eq(directory_create(&d, &head), 0);
}

static uint64_t resident_pages(void)
{
	struct stat st;

	ck_assert_int_eq(fstat(d.fd, &st), 0);
	return (uint64_t)st.st_blocks * 512 / (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Tables for tens of thousands cost what is in them: an empty one, the page of the head. */
START_TEST(empty_is_cheap)
{
	char error[SHMREG_ERROR_MAX + 1];
	struct directory again;
	struct segment *s;
	int fd;

	make(_i ? SHMREG_PARTICIPANTS_MAX : 1, _i ? SHMREG_OBJECTS_MAX : 1);
	ck_assert_uint_eq(resident_pages(), 1);
	fd = memfd_new("data", UINT64_C(1) << 30);
	ck_assert_int_ge(fd, 0);
	again = d;
	ck_assert_int_eq(segment_new(&s, &again, fd, error), 0);
	ck_assert_uint_eq(resident_pages(), 1);
	ck_assert_uint_eq(segment_n_seats(s), 0);
	segment_free(s);
}
END_TEST

enum naming { COUNTED, PADDED, PATHS, LONG, N_NAMINGS };

static const char *name_of(char name[SHMREG_OBJECT_NAME_MAX + 1], enum naming how, uint32_t i)
{
	const size_t size = SHMREG_OBJECT_NAME_MAX + 1;

	switch (how) {
	case COUNTED:
		snprintf(name, size, "%u", i);
		break;
	case PADDED:
		snprintf(name, size, "sensor-%08u", i);
		break;
	case PATHS:
		snprintf(name, size, "line/%u/robot/%u/joint/%u", i / 4096, i / 16 % 256, i % 16);
		break;
	default:
		memset(name, 'x', size - 1);
		snprintf(name + size - 11, 11, "%010u", i * 7919u);
	}
	return name;
}

/* Chains: at full load the mean of a look-up is 1.5, if names are spread as by chance. */
START_TEST(chains_are_short)
{
	const uint32_t n = SHMREG_OBJECTS_MAX;
	uint64_t steps = 0, longest = 0;
	char name[SHMREG_OBJECT_NAME_MAX + 1];
	struct shmreg_dir_object o = {
		.shape = { .kind = SHMREG_KIND_ATOMIC, .layout = SHMREG_ATOMIC_LAYOUT,
			   .elem_align = 8, .elem_bytes = 8, .capacity = 1 },
		.bytes = 128,
	};
	struct shmreg_dir_object found;
	uint32_t i, index;

	make(1, n);
	directory_publish(&d);
	for (i = 0; i < n; i++) {
		memset(o.name, 0, sizeof(o.name));
		strcpy(o.name, name_of(name, (enum naming)_i, i));
		o.id = i + 1;
		o.offset = 128 * (uint64_t)i;
		directory_add_object(&d, i, &o);
	}
	for (i = 0; i < n; i += 997) {
		ck_assert_int_eq(shmreg_dir_find(d.map, name_of(name, (enum naming)_i, i), &found,
						 &index), 0);
		ck_assert_uint_eq(index, i);
		ck_assert_uint_eq(found.id, i + 1);
	}
	ck_assert_int_ne(shmreg_dir_find(d.map, "no such name", &found, NULL), 0);
	for (i = 0; i < d.map->n_buckets; i++) {
		uint64_t length = 0;
		uint32_t link;

		for (link = shmreg_dir_buckets(d.map)[i]; link != 0;
		     link = shmreg_dir_objects(d.map)[link - 1].next)
			steps += ++length;
		if (length > longest)
			longest = length;
	}
	printf("names such as %s: %.2f steps a look-up, %llu at most\n",
	       name_of(name, (enum naming)_i, 12345), (double)steps / n,
	       (unsigned long long)longest);
	ck_assert_uint_lt(steps, 2 * (uint64_t)n);
	ck_assert_uint_le(longest, 16);
	directory_deinit(&d);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("directory-size");

	tcase_add_loop_test(c, empty_is_cheap, 0, 2);
	tcase_add_loop_test(c, chains_are_short, 0, N_NAMINGS);
	return run_case("directory-size", c);
}
