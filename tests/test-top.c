/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * What top shows, and what keys do: without a terminal and without a daemon. Tables of random
 * rows at all widths; keys at random, which lead nowhere that is not there.
 */

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "level.h"
#include "random.h"
#include "top-print.h"
#include "top-ui.h"

/* --- tables ------------------------------------------------------------------------------- */

enum { NAME, COUNT, BAR, WORDS, N };
static const struct top_column columns[N] = {
	[NAME] = { "NAME", "name", TOP_TEXT, 0, false },
	[COUNT] = { "COUNT", "count", TOP_COUNT, 1, false },
	[BAR] = { "FULL", "full", TOP_PERCENT, 2, true },
	[WORDS] = { "WORDS", "words", TOP_TEXT, 3, false },
};

static struct top_table t;

static void add(const char *name, double count)
{
	top_table_row(&t, TOP_PLAIN, "%s", name);
	top_table_text(&t, NAME, "%s", name);
	if (!isnan(count))
		top_table_number(&t, COUNT, count);
}

static void is(const char *names)
{
	char all[256] = "";

	for (size_t i = 0; i < t.n_shown; i++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s ", t.rows[i].key);
	ck_assert_str_eq(all, names);
}

START_TEST(sorted)
{
	top_table_init(&t, columns, N);
	top_table_sort(&t, COUNT, false);
	add("b", 3);
	add("none", NAN);
	add("a", 7);
	add("c", 3);
	top_table_sort(&t, COUNT, false);
	is("a b c none ");
	top_table_sort(&t, COUNT, true);
	is("b c a none ");
	top_table_sort(&t, NAME, false);
	is("a b c none ");
	top_table_sort(&t, NAME, true);
	is("none c b a ");
	top_table_sort(&t, WORDS, false);	/* nobody has them */
	is("none c b a ");
	top_table_sort(&t, N, false);		/* there is no such column */
	is("none c b a ");
	top_table_deinit(&t);
}
END_TEST

START_TEST(filtered)
{
	top_table_init(&t, columns, N);
	top_table_filter(&t, "x");
	add("apple", 1);
	add("Plum", 2);
	add("pear", 3);
	top_table_filter(&t, "PL");
	is("apple Plum ");
	ck_assert_uint_eq(t.n_rows, 3);
	ck_assert_uint_eq(top_table_find(&t, "Plum"), 1);
	ck_assert_uint_eq(top_table_find(&t, "pear"), t.n_shown);
	top_table_filter(&t, "nothing");
	is("");
	top_table_filter(&t, "");
	is("apple Plum pear ");
	top_table_deinit(&t);
}
END_TEST

/* What others have written is not what the terminal is told. */
START_TEST(cleaned)
{
	top_table_init(&t, columns, N);
	add("a\033[2Jb\xff\n", 1);
	ck_assert_str_eq(t.rows[0].cell[NAME].text, "a?[2Jb??");
	ck_assert_str_eq(t.rows[0].key, "a?[2Jb??");
	top_table_deinit(&t);
}
END_TEST

static unsigned int total(const unsigned int *width)
{
	unsigned int sum = 0;

	for (unsigned int c = 0; c < N; c++)
		sum += width[c] ? width[c] + (sum != 0) : 0;
	return sum;
}

START_TEST(fitted)
{
	unsigned int width[TOP_COLUMNS_MAX];

	top_table_init(&t, columns, N);
	add("a name that is rather long", 1000000);
	top_table_text(&t, WORDS, "some words, which are longer still");
	for (unsigned int w = 1; w < 120; w++) {
		top_table_fit(&t, w, width);
		ck_assert_uint_ge(width[NAME], 8);
		if (w >= 8)
			ck_assert_uint_le(total(width), w);
		/* The less important go first; a bar is whole or not there. */
		ck_assert(width[COUNT] || !width[BAR]);
		ck_assert(width[BAR] || !width[WORDS]);
		ck_assert(width[COUNT] == 0 || width[COUNT] == 7);
		ck_assert(width[BAR] == 0 || width[BAR] == TOP_BAR_WIDTH);
	}
	ck_assert_uint_eq(width[NAME], 26);
	ck_assert_uint_eq(width[WORDS], 34);
	top_table_deinit(&t);
}
END_TEST

/* --- a segment ---------------------------------------------------------------------------- */

static struct snapshot before, now;
static struct snapshot_object objects_before[2], objects[2];
static struct shmreg_dir_participant participants[2];
static struct snapshot_holder holders[2], holders_before[2];
static const struct snapshot_fact reader_facts[] = {
	{ .name = "index" }, { .name = "lag" }, { .name = "n_lost" }, { .name = "n_read" },
	{ .name = NULL },
};
static struct top_view *view;
static struct top_ui ui;

static void setup(void)
{
	memset(&now, 0, sizeof(now));
	memset(objects, 0, sizeof(objects));
	memset(participants, 0, sizeof(participants));
	objects[0].entry = (struct shmreg_dir_object){
		.state = SHMREG_ENTRY_LIVE, .id = 1, .name = "queue",
		.shape = { .kind = SHMREG_KIND_QUEUE, .layout = 1, .capacity = 4, .elem_bytes = 8 },
	};
	objects[1].entry = objects[0].entry;
	objects[1].entry.id = 2;
	objects[1].entry.shape.kind = SHMREG_KIND_TOPIC;
	strcpy(objects[1].entry.name, "topic");
	objects[1].index = 1;
	objects[0].read = objects[1].read = true;
	objects[0].value[0] = 3;	/* length */
	objects[0].asleep = SHMREG_WAIT_ITEMS;
	objects[1].value[3] = 4;	/* lag */
	memcpy(objects_before, objects, sizeof(objects));
	objects[0].value[1] = 20;	/* pushed, in two seconds */
	objects[0].value[2] = 10;
	for (unsigned int i = 0; i < 2; i++) {
		participants[i].state = SHMREG_ENTRY_LIVE;
		participants[i].id = i + 1;
		participants[i].pid = 100 + i;
		now.seats[i + 1] = (uint64_t)(i + 1) << SHMREG_SEAT_PARTICIPANT_SHIFT |
				   SHMREG_SEAT_LIVE;
		holders[i] = (struct snapshot_holder){
			.object = 1, .role = i ? "evicted subscriber" : "subscriber", .seat = i + 1,
			.facts = reader_facts, .value = { i, i ? 99 : 4, 7, 50 },
		};
	}
	memcpy(holders_before, holders, sizeof(holders));
	holders_before[0].value[3] = 30;
	now.header.segment = 7;
	now.attached = true;
	now.objects = objects;
	now.participants = participants;
	now.holders = holders;
	now.n_objects = now.n_participants = now.n_holders = 2;
	now.read_ns = 3000000000;
	before = now;
	before.objects = objects_before;
	before.holders = holders_before;
	before.read_ns = 1000000000;
	top_ui_init(&ui, &(struct top_place){ .page = TOP_OBJECTS, .segment = "seg" }, 1000000000);
}

static void teardown(void)
{
	view = top_view_free(view);
}

/* A look at where the keys have led. */
static void look(const struct snapshot *since)
{
	struct top_view *v = top_view_new(&ui.place);

	ck_assert_ptr_nonnull(v);
	v->time_ns = 1;
	if (ui.place.page == TOP_SEGMENTS) {
		struct top_segment segments[2] = {
			{ .info = { .name = "seg", .access = 1, .data_bytes = 4096 } },
			{ .info = { .name = "closed" }, .operations = NAN, .fullest = NAN },
		};
		struct top_overview overview = { .segments = segments, .n = 2 };

		top_segment_sum(&segments[0], since, &now);
		top_view_segments(v, &overview);
	} else {
		top_view_segment(v, since, &now);
	}
	view = top_ui_take(&ui, view, v);
	ck_assert_ptr_nonnull(view);
	top_ui_arrange(&ui, view, 5);
	ck_assert(!view->table.failed);
}

static const char *cell(const char *key, const char *title)
{
	const size_t i = top_table_find(&view->table, key);

	ck_assert_msg(i < view->table.n_shown, "there is no row '%s'", key);
	for (unsigned int c = 0; c < view->table.n_columns; c++)
		if (strcmp(view->table.columns[c].title, title) == 0)
			return view->table.rows[i].cell[c].text ? view->table.rows[i].cell[c].text : "";
	ck_abort_msg("there is no column '%s'", title);
}

START_TEST(objects_shown)
{
	look(&before);
	ck_assert_str_eq(cell("queue", "FULL"), "75%");
	ck_assert_str_eq(cell("queue", "NOW"), "3");
	ck_assert_str_eq(cell("queue", "OPS/s"), "15.0");
	ck_assert_str_eq(cell("queue", "WAITS"), "items");
	ck_assert_str_eq(cell("queue", "RATES"), "pushed 10.0/s, popped 5.0/s");
	ck_assert_str_eq(cell("topic", "FULL"), "100%");
	ck_assert_int_eq(view->table.rows[1].mark, TOP_ALARM);
	look(NULL);
	ck_assert_str_eq(cell("queue", "OPS/s"), "");
	ck_assert_str_eq(cell("queue", "RATES"), "-");
	/* Another segment has the name: nothing to compare with. */
	before.header.segment = 8;
	look(&before);
	ck_assert_str_eq(cell("queue", "OPS/s"), "");
}
END_TEST

START_TEST(segments_shown)
{
	ui.place.page = TOP_SEGMENTS;
	look(&before);
	ck_assert_str_eq(cell("seg", "OPS/s"), "15.0");
	ck_assert_str_eq(cell("seg", "FULLEST"), "topic");
	ck_assert_str_eq(cell("seg", "WAIT"), "1");
	ck_assert_str_eq(cell("closed", "SIZE"), "");
	ck_assert_int_eq(view->table.rows[0].mark, TOP_DIM);
}
END_TEST

START_TEST(holders_shown)
{
	ui.place.page = TOP_PARTICIPANTS;
	look(&before);
	ck_assert_str_eq(cell("1", "LAG"), "4");
	ck_assert_str_eq(cell("1", "HOLDS"), "1");
	ck_assert_str_eq(cell("2", "LAG"), "");	/* evicted: nobody waits for it */
	ui.place.page = TOP_OBJECT;
	strcpy(ui.place.object, "topic");
	look(&before);
	ck_assert_str_eq(cell("2 subscriber 1 0", "OPS/s"), "10.0");
	ck_assert_str_eq(cell("2 subscriber 1 0", "LOST"), "7");
	ck_assert_str_eq(cell("2 evicted subscriber 2 1", "PID"), "101");
	ui.place.page = TOP_PARTICIPANT;
	ui.place.participant = 2;
	look(&before);
	ck_assert_uint_eq(view->table.n_shown, 1);
	ck_assert_str_eq(view->table.rows[0].cell[0].text, "topic");
}
END_TEST

/* --- keys --------------------------------------------------------------------------------- */

static void key(int k)
{
	top_ui_key(&ui, view, k, 5);
	if (view && top_same_place(&view->place, &ui.place))
		top_ui_arrange(&ui, view, 5);
}

START_TEST(there_and_back)
{
	look(&before);
	key(TOP_KEY_DOWN);
	ck_assert_str_eq(ui.selected, "topic");
	key(TOP_KEY_ENTER);
	ck_assert_int_eq(ui.place.page, TOP_OBJECT);
	ck_assert_str_eq(ui.place.object, "topic");
	ck_assert(ui.look);
	/* Nothing was seen of it yet: what is still on the screen is not what keys are about. */
	key(TOP_KEY_ENTER);
	ck_assert_int_eq(ui.place.page, TOP_OBJECT);
	look(&before);
	key(TOP_KEY_ENTER);
	ck_assert_int_eq(ui.place.page, TOP_PARTICIPANT);
	ck_assert_uint_eq(ui.place.participant, 1);
	look(&before);
	key(TOP_KEY_ESCAPE);
	key(TOP_KEY_ESCAPE);
	ck_assert_int_eq(ui.place.page, TOP_OBJECTS);
	look(&before);
	ck_assert_str_eq(ui.selected, "topic");
	key(TOP_KEY_ESCAPE);
	ck_assert_int_eq(ui.place.page, TOP_SEGMENTS);
	look(&before);
	ck_assert_str_eq(ui.selected, "seg");
	key(TOP_KEY_ESCAPE);
	ck_assert_int_eq(ui.place.page, TOP_SEGMENTS);
	key('q');
	ck_assert(ui.quit);
}
END_TEST

/* The selection stays with its row, or near to where that was. */
START_TEST(selection)
{
	look(&before);
	key(TOP_KEY_END);
	ck_assert_str_eq(ui.selected, "topic");
	key('r');
	ck_assert_uint_eq(ui.index, 0);
	ck_assert_str_eq(ui.selected, "topic");
	now.n_objects = 1;
	look(&before);
	ck_assert_str_eq(ui.selected, "queue");
	now.n_objects = 0;
	look(&before);
	ck_assert_uint_eq(ui.index, 0);
	key(TOP_KEY_ENTER);
	ck_assert_int_eq(ui.place.page, TOP_OBJECTS);
}
END_TEST

START_TEST(troubles)
{
	const struct top_place elsewhere = { .page = TOP_SEGMENTS };
	struct top_view *old, *v;

	look(&before);
	old = view;
	v = top_view_new(&ui.place);
	v->gone = true;
	v->time_ns = 1000000000;
	strcpy(v->why, "it was removed");
	view = top_ui_take(&ui, view, v);
	ck_assert_ptr_eq(view, old);
	ck_assert_uint_eq(ui.trouble_since, 1000000000);
	ck_assert_ptr_nonnull(strstr(ui.trouble, "gone since"));
	ck_assert_ptr_nonnull(strstr(ui.trouble, "it was removed"));
	v = top_view_new(&ui.place);
	v->away = true;
	v->time_ns = 2000000000;
	view = top_ui_take(&ui, view, v);
	ck_assert_uint_eq(ui.trouble_since, 1000000000);
	look(&before);
	ck_assert_str_eq(ui.trouble, "");
	ck_assert_uint_eq(ui.trouble_since, 0);
	/* A look that was begun before one went on. */
	old = view;
	view = top_ui_take(&ui, view, top_view_new(&elsewhere));
	ck_assert_ptr_eq(view, old);
}
END_TEST

START_TEST(any_keys)
{
	static const int keys[] = {
		TOP_KEY_UP, TOP_KEY_DOWN, TOP_KEY_PAGE_UP, TOP_KEY_PAGE_DOWN, TOP_KEY_HOME,
		TOP_KEY_END, TOP_KEY_LEFT, TOP_KEY_RIGHT, TOP_KEY_ENTER, TOP_KEY_ENTER,
		TOP_KEY_ESCAPE, TOP_KEY_ERASE, TOP_KEY_TAB, TOP_KEY_REDRAW, TOP_KEY_NONE, '/', '?',
		'<', '>', 's', 'r', 'o', 'p', ' ', '+', '-', 'j', 'k', 'u', 'x', '\x01', 0x7f, -1,
	};
	struct random_state random = { .x = 4711 };

	for (unsigned int i = 0; i < 4000; i++) {
		key(keys[random_below(&random, sizeof(keys) / sizeof(keys[0]))]);
		ck_assert(!ui.quit);
		if (random_below(&random, 3) == 0) {
			now.n_objects = random_below(&random, 3);
			now.n_holders = now.n_objects == 2 ? random_below(&random, 3) : 0;
			look(random_below(&random, 2) ? &before : NULL);
			ck_assert(view->table.n_shown == 0 || ui.index < view->table.n_shown);
			ck_assert_uint_le(ui.first, ui.index);
		}
		ck_assert_uint_ge(ui.interval_ns, 100000000);
		ck_assert_uint_le(ui.interval_ns, 60000000000);
		ck_assert_uint_le(ui.n_history, TOP_HISTORY);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("top");
	TCase *tables = tcase_create("tables"), *views = tcase_create("views");
	SRunner *runner;
	int failed;

	tcase_add_test(tables, sorted);
	tcase_add_test(tables, filtered);
	tcase_add_test(tables, cleaned);
	tcase_add_test(tables, fitted);
	suite_add_tcase(suite, tables);
	tcase_add_checked_fixture(views, setup, teardown);
	tcase_add_test(views, objects_shown);
	tcase_add_test(views, segments_shown);
	tcase_add_test(views, holders_shown);
	tcase_add_test(views, there_and_back);
	tcase_add_test(views, selection);
	tcase_add_test(views, troubles);
	tcase_add_test(views, any_keys);
	suite_add_tcase(suite, views);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
