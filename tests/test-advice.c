/* SPDX-License-Identifier: MIT */
#include <config.h>

/* What is advised about objects that were used so and so much; real ones are in tests/doctor.sh. */

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "advice.h"
#include "kind.h"
#include "layouts.h"
#include "suite.h"

static struct snapshot s;
static struct snapshot_object objects[2];
static struct advice *a;

static void setup(void)
{
	memset(objects, 0, sizeof(objects));
	memset(&s, 0, sizeof(s));
	s.objects = objects;
	s.n_objects = 1;
	s.header.data_bytes = 1 << 20;
	strcpy(s.header.name, "seg/ment");
	s.info.mode = 0640;
}

static void teardown(void)
{
	a = advice_free(a);
}

static void object(uint32_t kind, uint32_t flags, uint64_t elem, uint64_t capacity)
{
	uint64_t align;

	objects[0] = (struct snapshot_object){
		.entry = { .state = SHMREG_ENTRY_LIVE, .id = 1,
			   .shape = { .kind = kind, .layout = layout_of(kind), .flags = flags, .elem_align = 8,
				      .elem_bytes = elem, .capacity = capacity } },
		.read = true,
	};
	if (kind == SHMREG_KIND_TOPIC)
		objects[0].entry.shape.param[0] = objects[0].entry.shape.param[1] = 4;
	if (kind == SHMREG_KIND_RING && flags)
		objects[0].entry.shape.elem_align = 1;
	strcpy(objects[0].entry.name, "it");
	ck_assert_int_eq(shmreg_shape_bytes(&objects[0].entry.shape, &objects[0].entry.bytes, &align,
					    NULL), 0);
}

static void value(const char *name, uint64_t n)
{
	const struct snapshot_fact *facts = kind_of(&objects[0])->facts;

	for (size_t i = 0; facts[i].name; i++)
		if (strcmp(facts[i].name, name) == 0) {
			objects[0].value[i] = n;
			return;
		}
	ck_abort_msg("there is no %s", name);
}

static void is(enum advice_verdict verdict, uint64_t capacity)
{
	const char *wanted = advice_verdict(verdict);

	advice_free(a);
	a = advice_new(&s);
	ck_assert_ptr_nonnull(a);
	ck_assert_str_eq(advice_verdict(a->objects[0].verdict), wanted);
	ck_assert_uint_eq(a->objects[0].capacity, capacity);
	if (capacity == objects[0].entry.shape.capacity)
		ck_assert_uint_eq(a->objects[0].bytes, objects[0].entry.bytes);
	else
		ck_assert((a->objects[0].bytes > objects[0].entry.bytes) ==
			  (capacity > objects[0].entry.shape.capacity));
}

START_TEST(queues)
{
	object(SHMREG_KIND_QUEUE, 0, 16, 1024);
	is(ADVICE_UNUSED, 1024);
	value("n_claimed", 1);
	is(ADVICE_SMALLER, 2);
	value("high_water", 100);
	is(ADVICE_SMALLER, 256);
	value("high_water", 340);
	is(ADVICE_SMALLER, 512);
	value("high_water", 341);
	is(ADVICE_SMALLER, 512);
	value("high_water", 342);
	is(ADVICE_FITS, 1024);
	value("high_water", 1023);
	is(ADVICE_FITS, 1024);
	value("high_water", 1024);	/* it was full */
	is(ADVICE_LARGER, 2048);
	value("high_water", UINT64_MAX);
	is(ADVICE_FITS, 1024);
	ck_assert_uint_eq(a->objects[0].high_water, 1024);
	objects[0].read = false;
	is(ADVICE_NONE, 1024);
}
END_TEST

START_TEST(largest)
{
	object(SHMREG_KIND_QUEUE, 0, 1, SHMREG_QUEUE_CAPACITY_MAX);
	value("high_water", SHMREG_QUEUE_CAPACITY_MAX);
	is(ADVICE_FITS, SHMREG_QUEUE_CAPACITY_MAX);
}
END_TEST

START_TEST(rings)
{
	object(SHMREG_KIND_RING, 0, 8, 64);
	is(ADVICE_UNUSED, 64);
	value("n_written", 500);
	value("high_water", 60);
	is(ADVICE_FITS, 64);
	value("n_full", 1);
	is(ADVICE_LARGER, 128);
	object(SHMREG_KIND_RING, SHMREG_RING_RECORDS, 1, 4096);
	value("n_written", 500);
	value("high_water", 1000);
	is(ADVICE_SMALLER, 2048);	/* a record may have been as large */
	value("high_water", 1);
	is(ADVICE_SMALLER, 64);
}
END_TEST

START_TEST(topics)
{
	object(SHMREG_KIND_TOPIC, 0, 8, 64);
	is(ADVICE_UNUSED, 64);
	value("n_published", 1000);
	is(ADVICE_FITS, 64);		/* nobody knows how far behind they were */
	value("n_lost", 1);
	is(ADVICE_LARGER, 128);
	object(SHMREG_KIND_TOPIC, SHMREG_TOPIC_RELIABLE, 8, 64);
	value("n_published", 1000);
	value("lag_high_water", 5);
	is(ADVICE_SMALLER, 8);
	value("n_evicted", 1);
	is(ADVICE_LARGER, 128);
}
END_TEST

START_TEST(pools)
{
	object(SHMREG_KIND_POOL, 0, 64, 100);
	is(ADVICE_UNUSED, 100);
	value("high_water", 20);
	is(ADVICE_SMALLER, 32);
	value("high_water", 100);
	is(ADVICE_FITS, 100);
	value("n_exhausted", 3);
	is(ADVICE_LARGER, 200);
}
END_TEST

START_TEST(others)
{
	object(SHMREG_KIND_ARRAY, 0, 8, 100);
	is(ADVICE_NONE, 100);
	ck_assert_uint_eq(a->objects[0].high_water, UINT64_MAX);
	object(SHMREG_KIND_ARRAY, 0, 8, 100);
	objects[0].entry.shape.kind = 99;
	is(ADVICE_NONE, 100);
}
END_TEST

START_TEST(words)
{
	struct findings f = { 0 };
	char line[512];

	object(SHMREG_KIND_QUEUE, SHMREG_QUEUE_REDELIVER, 4096, 1024);
	value("high_water", 1024);
	is(ADVICE_LARGER, 2048);
	advice_code(&a->objects[0], line, sizeof(line));
	ck_assert_str_eq(line, "X_open_or_create(segment, &queue, \"it\", 2048, SHMREG_QUEUE_REDELIVER);");
	advice_create(a, line, sizeof(line));
	ck_assert_str_eq(line, "shmregctl create seg/ment --size 9280K --mode 0640 --max-objects 16 "
			       "--max-participants 16");
	advice_findings(a, &f);
	ck_assert_uint_eq(f.n, 1);
	ck_assert_str_eq(f.list[0].check, "object.small");
	ck_assert_str_eq(f.list[0].object, "it");
	value("high_water", 1);
	is(ADVICE_SMALLER, 2);
	advice_findings(a, &f);
	ck_assert_uint_eq(f.n, 2);
	ck_assert_str_eq(f.list[1].check, "object.large");
	ck_assert_uint_eq(f.count[FINDING_NOTE], 2);
	findings_deinit(&f);
	/* What saves little is no note. */
	object(SHMREG_KIND_QUEUE, 0, 8, 1024);
	value("high_water", 1);
	is(ADVICE_SMALLER, 2);
	advice_findings(a, &f);
	ck_assert_uint_eq(f.n, 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { queues, largest, rings, topics, pools, others, words };

	return RUN_SUITE("advice", tests, setup, teardown, 0);
}
