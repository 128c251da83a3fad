/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * What a segment says that was made by another version, or by nobody in their right mind, is
 * shown; and rates between two looks, also where counters began again. Real objects are shown in
 * tests/ctl.sh.
 */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind.h"
#include "layouts.h"
#include "show-json.h"
#include "suite.h"

static struct snapshot before, after;
static struct snapshot_object objects_before[3], objects[3];
static struct shmreg_dir_participant participants[1];
static const struct snapshot_fact facts[] = { { .name = "position" }, { .name = NULL } };
static struct snapshot_holder holders[2];

static char *text;

static struct snapshot_object object(uint32_t index, const char *name, uint32_t kind)
{
	struct snapshot_object o = {
		.entry = {
			.state = SHMREG_ENTRY_LIVE,
			.id = index + 1,
			.shape = { .kind = kind, .layout = layout_of(kind), .elem_bytes = 8, .elem_align = 8,
				   .capacity = 4 },
		},
		.index = index,
	};

	snprintf(o.entry.name, sizeof(o.entry.name), "%s", name);
	return o;
}

static void setup(void)
{
	memset(&after, 0, sizeof(after));
	memset(holders, 0, sizeof(holders));
	objects[0] = object(0, "queue", SHMREG_KIND_QUEUE);
	objects[0].read = true;
	objects[1] = object(2, "cell", SHMREG_KIND_CELL);
	objects[1].read = true;
	objects[2] = object(5, "strange", 99);
	memcpy(objects_before, objects, sizeof(objects));
	after.header.segment = 7;
	after.attached = true;
	after.objects = objects;
	after.n_objects = 3;
	after.participants = participants;
	after.holders = holders;
	after.read_ns = 3000000000;
	before = after;
	before.objects = objects_before;
	before.read_ns = 1000000000;
}

static void teardown(void)
{
	free(text);
	text = NULL;
}

static void show(const struct snapshot *since)
{
	FILE *real = stdout;
	size_t size;

	stdout = open_memstream(&text, &size);
	ck_assert_ptr_nonnull(stdout);
	show_json(&after, since, NULL, NULL);
	fclose(stdout);
	stdout = real;
}

static void says(const char *what)
{
	ck_assert_msg(strstr(text, what) != NULL, "it does not say %s: %s", what, text);
}

START_TEST(unknown)
{
	objects[0].entry.shape.layout = 9;
	objects[0].entry.shape.flags = ~0u;
	objects[0].read = false;
	objects[2].entry.state = 77;
	memset(objects[2].entry.type_name, 0xfe, 3);
	show(NULL);
	says("\"kind\": \"queue\", \"type\": null, \"state\": \"live\", \"layout\": 9");
	says("\"pool\": null}");	/* and none of the numbers */
	says("\"kind\": \"unknown\", \"type\": \"\\ufffd\\ufffd\\ufffd\"");
	ck_assert_ptr_null(strstr(text, "rates"));
}
END_TEST

/* A seat that nobody has; a participant that is not in the directory; a place that is none. */
START_TEST(holders_unknown)
{
	holders[0] = (struct snapshot_holder){ .object = 0, .role = "reading", .seat = 4095,
					       .facts = facts, .value = { UINT64_MAX } };
	holders[1] = (struct snapshot_holder){ .object = 2, .role = "travelling", .queue = "q",
					       .facts = facts };
	after.n_holders = 2;
	after.seats[4095] = UINT64_MAX;
	show(NULL);
	says("{\"object\": \"queue\", \"role\": \"reading\", \"position\": 18446744073709551615, "
	     "\"seat\": 4095}");
	says("{\"object\": \"strange\", \"role\": \"travelling\", \"position\": 0, "
	     "\"queue\": \"q\", \"seat\": null}");
	ck_assert_ptr_null(snapshot_seat(&after, 4096));
	ck_assert_ptr_null(snapshot_name(&after, 0));
	ck_assert_ptr_null(snapshot_name_at(&after, 1));
	ck_assert_str_eq(snapshot_name_at(&after, 2), "cell");
}
END_TEST

START_TEST(rates)
{
	/* Of the queue the second fact is a position, of the cell the first a version. */
	objects_before[0].value[1] = (UINT64_C(1) << 43) - 10;
	objects[0].value[1] = 10;
	objects[0].value[2] = 5;
	objects_before[1].value[0] = (UINT64_C(1) << 47) - 1;
	objects[1].value[0] = 3;
	show(&before);
	says("\"interval_ns\": 2000000000");
	says("\"rates\": {\"pushed\": 10.000, \"popped\": 2.500}");
	says("\"rates\": {\"versions\": 1.500, ");
	says("\"rates\": {}");
}
END_TEST

/* There is another object in its place, or another segment of that name, or it was not read. */
START_TEST(no_rates)
{
	objects_before[0].entry.id = 4711;
	objects_before[1].read = false;
	show(&before);
	ck_assert_ptr_null(strstr(text, "pushed"));
	ck_assert_ptr_null(strstr(text, "versions\":"));
	teardown();
	setup();
	before.header.segment = 8;
	show(&before);
	ck_assert_ptr_null(strstr(text, "pushed"));
	teardown();
	setup();
	before.n_objects = 0;
	show(&before);
	ck_assert_ptr_null(strstr(text, "pushed"));
}
END_TEST

/* Words for people: of all kinds, of whatever numbers. */
START_TEST(words)
{
	struct snapshot_object *o = &objects[0];
	FILE *out;
	size_t size, i;

	for (uint32_t kind = 0; kind <= SHMREG_KIND_MAX + 1; kind++)
		for (uint32_t flags = 0; flags < 4; flags++) {
			o->entry.shape.kind = kind;
			o->entry.shape.flags = flags;
			o->entry.shape.capacity = flags % 2 ? UINT64_MAX : 0;
			for (i = 0; i < SNAPSHOT_FACTS_MAX; i++)
				o->value[i] = UINT64_MAX - i;
			out = open_memstream(&text, &size);
			kind_of(o)->print_occupancy(out, o);
			if (kind_of(o)->print_manner)
				kind_of(o)->print_manner(out, &after, &o->entry.shape);
			fclose(out);
			ck_assert_uint_gt(size, 0);
			teardown();
		}
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("pure");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, unknown);
	tcase_add_test(tcase, holders_unknown);
	tcase_add_test(tcase, rates);
	tcase_add_test(tcase, no_rates);
	tcase_add_test(tcase, words);
	return run_case("show-json", tcase);
}
