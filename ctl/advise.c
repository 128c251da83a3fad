/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "advice.h"
#include "source.h"
#include "text.h"

static void print_json(const struct advice *a)
{
	struct json j;
	char line[512];

	json_init(&j, stdout);
	json_open_object(&j, NULL);
	json_string(&j, "name", a->snapshot->header.name);
	json_open_array(&j, "objects");
	for (size_t i = 0; i < a->n_objects; i++) {
		const struct advice_object *o = &a->objects[i];

		json_open_object(&j, NULL);
		json_string(&j, "name", o->object->entry.name);
		json_string(&j, "kind", shmreg_kind_name(o->object->entry.shape.kind));
		json_string(&j, "verdict", advice_verdict(o->verdict));
		json_number(&j, "capacity", o->object->entry.shape.capacity);
		json_number(&j, "suggested_capacity", o->capacity);
		json_number(&j, "bytes", o->object->entry.bytes);
		json_number(&j, "suggested_bytes", o->bytes);
		if (o->high_water == UINT64_MAX)
			json_null(&j, "high_water");
		else
			json_number(&j, "high_water", o->high_water);
		json_number(&j, "n_short", o->n_short);
		advice_code(o, line, sizeof(line));
		json_string(&j, "code", *line ? line : NULL);
		json_close(&j);
	}
	json_close(&j);
	json_number(&j, "data_bytes", a->snapshot->header.data_bytes);
	json_number(&j, "suggested_data_bytes", a->data_bytes);
	json_number(&j, "max_objects", a->snapshot->header.max_objects);
	json_number(&j, "suggested_max_objects", a->max_objects);
	json_number(&j, "max_participants", a->snapshot->header.max_participants);
	json_number(&j, "suggested_max_participants", a->max_participants);
	advice_create(a, line, sizeof(line));
	json_string(&j, "create", line);
	json_close(&j);
	json_end(&j);
}

/* "saves 3M", "costs 64K", "-" */
static void add_difference(struct text_table *t, const struct advice_object *o)
{
	const uint64_t now = o->object->entry.bytes;
	char buf[TEXT_MAX];

	if (o->bytes < now)
		text_table_add(t, "saves %s", text_bytes(buf, now - o->bytes));
	else if (o->bytes > now)
		text_table_add(t, "costs %s", text_bytes(buf, o->bytes - now));
	else
		text_table_add(t, "-");
}

static void add_object(struct text_table *t, const struct advice_object *o)
{
	char how[64];

	text_table_add(t, "%s", o->object->entry.name);
	text_table_add(t, "%s", shmreg_kind_name(o->object->entry.shape.kind));
	text_table_add(t, "%" PRIu64, o->object->entry.shape.capacity);
	if (o->high_water == UINT64_MAX)
		text_table_add(t, "-");
	else
		text_table_add(t, "%" PRIu64, o->high_water);
	advice_short(o, how, sizeof(how));
	text_table_add(t, "%s", how);
	text_table_add(t, "%s", o->verdict == ADVICE_NONE ? "-" : advice_verdict(o->verdict));
	text_table_add(t, "%" PRIu64, o->capacity);
	add_difference(t, o);
}

static int print_text(const struct advice *a)
{
	static const char *const titles[] = {"OBJECT",	  "KIND",   ">CAPACITY",  ">HIGH WATER",
					     "TOO SMALL", "ADVICE", ">SUGGESTED", "WHICH"};
	char line[512];
	struct text_table t;
	bool changes = false;

	text_table_init(&t, sizeof(titles) / sizeof(titles[0]), titles);
	for (size_t i = 0; i < a->n_objects; i++)
		add_object(&t, &a->objects[i]);
	if (text_table_print(&t, stdout) < 0)
		return ctl_fail("no memory is left");
	for (size_t i = 0; i < a->n_objects; i++) {
		const struct advice_object *o = &a->objects[i];

		if (o->verdict != ADVICE_LARGER && o->verdict != ADVICE_SMALLER)
			continue;
		if (!changes)
			puts("\nin the code (X is what SHMREG_DEFINE_... was given):");
		changes = true;
		advice_code(o, line, sizeof(line));
		printf("\t%s\t/* %s */\n", line, o->object->entry.name);
	}
	advice_create(a, line, sizeof(line));
	printf("\nthe segment, if its objects are made so:\n\t%s\n", line);
	return 0;
}

int ctl_advise(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = { CTL_OPTIONS, { NULL, 0, NULL, 0 } };
	struct source *source;
	struct snapshot *s;
	struct advice *a;
	const char *why;
	int option, r;

	while ((option = getopt_long(argc, argv, ":js:", options, NULL)) != -1)
		if (!ctl_common(ctl, option))
			return ctl_bad_option(option, argv, "advise");
	if (optind == argc)
		return ctl_usage("advise: the segment's name is missing; shmregctl ls lists them");
	if (argc - optind > 1)
		return ctl_usage("advise: one name is enough, got '%s' too", argv[optind + 1]);
	r = source_open(ctl, "advise", argv[optind], &source);
	if (r)
		return r;
	r = source_look(source, &s, &why);
	if (r < 0) {
		r = ctl_fail("advise: %s", why);
		source_close(source);
		return r;
	}
	if (!s->attached) {
		r = ctl_fail("advise: how much was ever used cannot be seen: %s", s->why_not);
	} else {
		a = advice_new(s);
		if (!a)
			r = ctl_fail("no memory is left");
		else if (ctl->json)
			print_json(a);
		else
			r = print_text(a);
		advice_free(a);
	}
	snapshot_free(s);
	source_close(source);
	return ctl_flush() || r;
}
