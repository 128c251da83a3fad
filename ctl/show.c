/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "info.h"
#include "show-json.h"
#include "snapshot.h"
#include "text.h"

static unsigned int count_seats(const struct snapshot *s, uint64_t participant)
{
	unsigned int n = 0;

	for (uint32_t i = 1; i < SHMREG_SEATS; i++)
		n += s->seats[i] >> SHMREG_SEAT_PARTICIPANT_SHIFT == participant &&
		     (s->seats[i] & SHMREG_SEAT_STATE_MASK) != SHMREG_SEAT_FREE;
	return n;
}

static void add_occupancy(struct text_table *t, const struct snapshot_object *o)
{
	const uint64_t lost = o->queue.n_aborted + o->queue.n_dropped;

	if (!o->read) {
		text_table_add(t, o->entry.state == SHMREG_ENTRY_REMOVED ? "removed" : "-");
	} else if (o->entry.shape.kind == SHMREG_KIND_ATOMIC) {
		text_table_add(t, "value %" PRIu64, o->value);
	} else if (!lost && !o->queue.n_redelivered) {
		text_table_add(t, "%" PRIu64 " queued, %u%%", o->queue.length,
			       (unsigned int)(o->queue.length * 100 / o->queue.capacity));
	} else {
		text_table_add(t,
			       "%" PRIu64 " queued, %u%%; deaths aborted %" PRIu64 ", dropped %" PRIu64
			       ", redelivered %" PRIu64,
			       o->queue.length,
			       (unsigned int)(o->queue.length * 100 / o->queue.capacity),
			       o->queue.n_aborted, o->queue.n_dropped, o->queue.n_redelivered);
	}
}

static int print_objects(const struct snapshot *s)
{
	static const char *const titles[] = { "OBJECT",  "KIND",       "TYPE",	">ELEMENT",
					      ">ALIGN", ">CAPACITY", ">SIZE", "OCCUPANCY" };
	struct text_table t;

	text_table_init(&t, sizeof(titles) / sizeof(titles[0]), titles);
	for (size_t i = 0; i < s->n_objects; i++) {
		const struct snapshot_object *o = &s->objects[i];
		char buf[TEXT_MAX];

		text_table_add(&t, "%s", o->entry.name);
		text_table_add(&t, "%s%s", shmreg_kind_name(o->entry.shape.kind),
			       o->entry.shape.kind == SHMREG_KIND_QUEUE &&
					       o->entry.shape.flags & SHMREG_QUEUE_REDELIVER
				       ? " (redeliver)"
				       : "");
		text_table_add(&t, "%s", o->entry.type_name[0] ? o->entry.type_name : "-");
		text_table_add(&t, "%" PRIu64, o->entry.shape.elem_bytes);
		text_table_add(&t, "%" PRIu32, o->entry.shape.elem_align);
		text_table_add(&t, "%" PRIu64, o->entry.shape.capacity);
		text_table_add(&t, "%s", text_bytes(buf, o->entry.bytes));
		add_occupancy(&t, o);
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

static int print_holders(const struct snapshot *s)
{
	static const char *const titles[] = { "OBJECT", ">POSITION", ">N",	     "HELD FOR",
					      ">SEAT",	"BY",	     ">PARTICIPANT", ">PID" };
	struct text_table t;

	text_table_init(&t, sizeof(titles) / sizeof(titles[0]), titles);
	for (size_t i = 0; i < s->n_holders; i++) {
		const struct snapshot_holder *h = &s->holders[i];
		const struct shmreg_dir_participant *p = snapshot_seat(s, h->slot.seat);

		text_table_add(&t, "%s", s->objects[h->object].entry.name);
		text_table_add(&t, "%" PRIu64, h->slot.position);
		text_table_add(&t, "%" PRIu32, h->slot.n);
		text_table_add(&t, "%s", holder_state(h->slot.state));
		text_table_add(&t, h->slot.seat ? "%" PRIu32 : "-", h->slot.seat);
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

static int print(const struct snapshot *s)
{
	char buf[TEXT_MAX];
	unsigned int n_seats = 0;
	int r;

	for (uint32_t i = 1; i < SHMREG_SEATS; i++)
		n_seats += (s->seats[i] & SHMREG_SEAT_STATE_MASK) != SHMREG_SEAT_FREE;
	info_print(&s->info, stdout);
	printf("directory %s: %zu of %" PRIu32 " objects, %zu of %" PRIu32
	       " participants, %u of %d seats\n",
	       text_bytes(buf, s->header.dir_bytes), s->n_objects, s->header.max_objects,
	       s->n_participants, s->header.max_participants, n_seats, SHMREG_SEATS - 1);
	if (!s->attached)
		printf("occupancy cannot be shown: %s\n", s->why_not);
	putchar('\n');
	r = print_objects(s);
	if (r == 0) {
		putchar('\n');
		r = print_participants(s);
	}
	if (r == 0 && s->n_holders) {
		putchar('\n');
		r = print_holders(s);
	}
	return r < 0 ? ctl_fail("no memory is left") : 0;
}

int ctl_show(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = { CTL_OPTIONS, { NULL, 0, NULL, 0 } };
	struct snapshot *s;
	int option, r;

	while ((option = getopt_long(argc, argv, ":js:", options, NULL)) != -1)
		if (!ctl_common(ctl, option))
			return ctl_bad_option(option, argv, "show");
	if (optind == argc)
		return ctl_usage("show: the segment's name is missing; shmregctl ls lists them");
	if (argc - optind > 1)
		return ctl_usage("show: one name is enough, got '%s' too", argv[optind + 1]);
	r = ctl_check_name("show", argv[optind]);
	if (r == 0)
		r = snapshot_take(ctl, argv[optind], &s);
	if (r)
		return r;
	if (ctl->json)
		show_json(s);
	else
		r = print(s);
	snapshot_free(s);
	return ctl_flush() || r;
}
