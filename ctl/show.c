/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "advice.h"
#include "file.h"
#include "info.h"
#include "kind.h"
#include "level.h"
#include "parse.h"
#include "placement.h"
#include "show-json.h"
#include "source.h"
#include "text.h"

static unsigned int count_seats(const struct snapshot *s, uint64_t participant)
{
	unsigned int n = 0;

	for (uint32_t i = 1; i < SHMREG_SEATS; i++)
		n += s->seats[i] >> SHMREG_SEAT_PARTICIPANT_SHIFT == participant &&
		     (s->seats[i] & SHMREG_SEAT_STATE_MASK) != SHMREG_SEAT_FREE;
	return n;
}

static void add_kind(struct text_table *t, const struct snapshot *s,
		     const struct snapshot_object *o)
{
	const struct kind *kind = kind_of(o);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out) {
		fputs(shmreg_kind_name(o->entry.shape.kind), out);
		if (kind->print_manner)
			kind->print_manner(out, s, &o->entry.shape);
	}
	text_table_add_stream(t, out, &text);
}

static void add_occupancy(struct text_table *t, const struct snapshot_object *o)
{
	char *text = NULL;
	size_t size;
	FILE *out;

	if (!o->read) {
		text_table_add(t, o->entry.state == SHMREG_ENTRY_REMOVED ? "removed" : "-");
		return;
	}
	out = open_memstream(&text, &size);
	if (out)
		kind_of(o)->print_occupancy(out, o);
	text_table_add_stream(t, out, &text);
}

static void add_rates(struct text_table *t, const struct snapshot *s, const struct snapshot *before,
		      const struct snapshot_object *o)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out)
		level_print_rates(out, before, s, o);
	text_table_add_stream(t, out, &text);
}

static int print_objects(const struct snapshot *s, const struct snapshot *before)
{
	static const char *const titles[] = { "OBJECT",  "KIND",       "TYPE",	">ELEMENT",
					      ">ALIGN", ">CAPACITY", ">SIZE", "OCCUPANCY", "RATES" };
	struct text_table t;

	text_table_init(&t, sizeof(titles) / sizeof(titles[0]) - !before, titles);
	for (size_t i = 0; i < s->n_objects; i++) {
		const struct snapshot_object *o = &s->objects[i];
		char buf[TEXT_MAX];

		text_table_add(&t, "%s", o->entry.name);
		add_kind(&t, s, o);
		text_table_add(&t, "%s", o->entry.type_name[0] ? o->entry.type_name : "-");
		text_table_add(&t, "%" PRIu64, o->entry.shape.elem_bytes);
		text_table_add(&t, "%" PRIu32, o->entry.shape.elem_align);
		text_table_add(&t, "%" PRIu64, o->entry.shape.capacity);
		text_table_add(&t, "%s", text_bytes(buf, o->entry.bytes));
		add_occupancy(&t, o);
		if (before)
			add_rates(&t, s, before, o);
	}
	return text_table_print(&t, stdout);
}

static int print_participants(const struct snapshot *s)
{
	static const char *const titles[] = { ">PARTICIPANT", ">PID",	"CLIENT", "USER",
					      "ACCESS",	      ">SEATS", "SINCE",  "STATE" };
	struct text_table t;

	text_table_init(&t, sizeof(titles) / sizeof(titles[0]), titles);
	for (size_t i = 0; i < s->n_participants; i++) {
		const struct shmreg_dir_participant *p = &s->participants[i];
		char buf[TEXT_MAX];

		text_table_add(&t, "%" PRIu64, p->id);
		text_table_add(&t, "%" PRIu32, p->pid);
		text_table_add(&t, "%s", p->name[0] ? p->name : "-");
		text_table_add(&t, "%s", text_user(buf, p->uid));
		text_table_add(&t, p->flags & SHMREG_PARTICIPANT_READ_ONLY ? "read" : "write");
		text_table_add(&t, "%u", count_seats(s, p->id));
		text_table_add(&t, "%s", text_time(buf, p->attached_ns));
		text_table_add(&t, "%s", participant_state(p));
	}
	return text_table_print(&t, stdout);
}

/* "position 4711, n 2" */
static void add_facts(struct text_table *t, const struct snapshot_holder *h)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; out && h->facts[i].name; i++) {
		fputs(i ? ", " : "", out);
		level_print_name(out, h->facts[i].name);
		fprintf(out, " %" PRIu64, h->value[i]);
	}
	if (out && h->queue)
		fprintf(out, "%sthrough %s", h->facts[0].name ? ", " : "", h->queue);
	else if (out && !h->facts[0].name)
		fputc('-', out);
	text_table_add_stream(t, out, &text);
}

static int print_holders(const struct snapshot *s)
{
	static const char *const titles[] = { "OBJECT", "ROLE",	    "DETAILS", ">SEAT",
					      "BY",	">PARTICIPANT", ">PID" };
	struct text_table t;

	text_table_init(&t, sizeof(titles) / sizeof(titles[0]), titles);
	for (size_t i = 0; i < s->n_holders; i++) {
		const struct snapshot_holder *h = &s->holders[i];
		const struct shmreg_dir_participant *p = snapshot_seat(s, h->seat);

		text_table_add(&t, "%s", s->objects[h->object].entry.name);
		text_table_add(&t, "%s", h->role);
		add_facts(&t, h);
		text_table_add(&t, h->seat ? "%" PRIu32 : "-", h->seat);
		text_table_add(&t, "%s", p ? p->name : "-");
		if (p) {
			text_table_add(&t, "%" PRIu64, p->id);
			text_table_add(&t, "%" PRIu32, p->pid);
		} else {
			text_table_add(&t, "-");
			text_table_add(&t, "-");
		}
	}
	return text_table_print(&t, stdout);
}

/* What costs somebody something as it is. */
static int print_advice(const struct snapshot *s)
{
	struct advice *a = advice_new(s);
	const char *first = "\n";
	char how[64];

	if (!a)
		return -ENOMEM;
	for (size_t i = 0; i < a->n_objects; i++) {
		if (a->objects[i].verdict != ADVICE_LARGER)
			continue;
		advice_short(&a->objects[i], how, sizeof(how));
		printf("%snote: %s is too small (%s); shmregctl advise says how large it should be\n", first,
		       a->objects[i].object->entry.name, how);
		first = "";
	}
	advice_free(a);
	return 0;
}

static int print(const struct snapshot *s, const struct snapshot *before,
		 const struct shmreg_segment *file, const struct pages *pages)
{
	char buf[TEXT_MAX];
	unsigned int n_seats = 0;
	int r;

	for (uint32_t i = 1; i < SHMREG_SEATS; i++)
		n_seats += (s->seats[i] & SHMREG_SEAT_STATE_MASK) != SHMREG_SEAT_FREE;
	if (file)
		file_print(file, stdout);
	info_print(&s->info, stdout);
	placement_print(&s->header, pages, stdout);
	printf("directory %s: %zu of %" PRIu32 " objects, %zu of %" PRIu32
	       " participants, %u of %d seats\n",
	       text_bytes(buf, s->header.dir_bytes), s->n_objects, s->header.max_objects,
	       s->n_participants, s->header.max_participants, n_seats, SHMREG_SEATS - 1);
	if (!s->attached)
		printf("occupancy cannot be shown: %s\n", s->why_not);
	putchar('\n');
	r = print_objects(s, before);
	if (r == 0) {
		putchar('\n');
		r = print_participants(s);
	}
	if (r == 0 && s->n_holders) {
		putchar('\n');
		r = print_holders(s);
	}
	if (r == 0)
		r = print_advice(s);
	return r < 0 ? ctl_fail("no memory is left") : 0;
}

static void pause_for(uint64_t ns)
{
	struct timespec left = { .tv_sec = (time_t)(ns / 1000000000),
				 .tv_nsec = (long)(ns % 1000000000) };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

static int show(const struct ctl *ctl, struct source *source, uint64_t interval_ns)
{
	struct snapshot *s = NULL, *before = NULL;
	const struct pages *known = NULL;
	struct shmreg_segment *segment;
	struct pages pages;
	const char *why;
	int r = 0;

	if (interval_ns) {
		r = source_look(source, &before, &why);
		if (r == 0)
			pause_for(interval_ns);
	}
	if (r == 0)
		r = source_look(source, &s, &why);
	if (r == 0 && !source_file(source) && source_segment(source, &segment, &why) == 0) {
		pages_look(&pages, segment);
		known = &pages;
	}
	if (r < 0)
		r = ctl_fail("show: %s: %s", source_name(source), why);
	else if (ctl->json)
		show_json(s, before, source_file(source), known);
	else
		r = print(s, before, source_file(source), known);
	snapshot_free(before);
	snapshot_free(s);
	return r;
}

int ctl_show(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		CTL_OPTIONS,
		{ "interval", required_argument, NULL, 'i' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t interval_ns = 0;
	struct source *source;
	const char *why;
	int option, r;

	while ((option = getopt_long(argc, argv, ":js:", options, NULL)) != -1) {
		if (option == 'i') {
			if (parse_seconds(optarg, &interval_ns, &why) < 0)
				return ctl_usage("show: --interval '%s' %s", optarg, why);
		} else if (!ctl_common(ctl, option)) {
			return ctl_bad_option(option, argv, "show");
		}
	}
	if (optind == argc)
		return ctl_usage("show: the segment's name is missing; shmregctl ls lists them");
	if (argc - optind > 1)
		return ctl_usage("show: one name is enough, got '%s' too", argv[optind + 1]);
	if (interval_ns && source_is_file(argv[optind]))
		return ctl_usage("show: --interval is for segments; what is in file '%s' does not "
				 "change", argv[optind]);
	r = source_open(ctl, "show", argv[optind], &source);
	if (r)
		return r;
	source_keep_extents(source);
	r = show(ctl, source, interval_ns);
	source_close(source);
	return ctl_flush() || r;
}
