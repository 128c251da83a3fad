/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kind.h"
#include "level.h"
#include "rate.h"
#include "show-json.h"
#include "text.h"
#include "top-view.h"

/* top-holders.c - one object with those who use it, and one participant with what it uses */

enum { H_WHAT, H_ROLE, H_PID, H_CLIENT, H_SEAT, H_LAG, H_RATE, H_LOST, H_STATE, H_DETAILS, H_N };

#define REST								\
	[H_ROLE] = { "ROLE", "role", TOP_TEXT, 1, false },			\
	[H_LAG] = { "LAG", "lag", TOP_COUNT, 2, false },			\
	[H_RATE] = { "OPS/s", "operations_per_second", TOP_RATE, 3, false },	\
	[H_LOST] = { "LOST", "n_lost", TOP_COUNT, 4, false },			\
	[H_SEAT] = { "SEAT", "seat", TOP_COUNT, 6, false },			\
	[H_PID] = { "PID", "pid", TOP_COUNT, 5, false },			\
	[H_STATE] = { "STATE", "state", TOP_TEXT, 8, false },			\
	[H_DETAILS] = { "DETAILS", "details", TOP_TEXT, 9, false }

/* Of an object the client is what matters, of a participant the object. */
static const struct top_column client_columns[H_N] = {
	[H_WHAT] = { "CLIENT", "client", TOP_TEXT, 0, false },
	[H_CLIENT] = { "OBJECT", "object", TOP_TEXT, 10, false },
	REST,
};
static const struct top_column object_columns[H_N] = {
	[H_WHAT] = { "OBJECT", "object", TOP_TEXT, 0, false },
	[H_CLIENT] = { "CLIENT", "client", TOP_TEXT, 10, false },
	REST,
};

double top_holdings(const struct snapshot *s, uint64_t participant, unsigned int *ret_n)
{
	double most = NAN;

	*ret_n = 0;
	for (size_t i = 0; i < s->n_holders; i++) {
		const struct snapshot_holder *h = &s->holders[i];
		const struct shmreg_dir_participant *p = snapshot_seat(s, h->seat);
		uint64_t lag;

		if (!p || p->id != participant)
			continue;
		++*ret_n;
		lag = level_fact(h->facts, h->value, "lag");
		/* Nobody waits for one that was evicted. */
		if (lag != UINT64_MAX && strncmp(h->role, "evicted", 7) != 0 &&
		    !((double)lag <= most))
			most = (double)lag;
	}
	return most;
}

/* What it did in the meantime; NAN: not known. */
static double rate_of(const struct snapshot *before, const struct snapshot *now,
		      const struct snapshot_holder *h)
{
	static const char *const counters[] = { "n_read", "n_published" };
	const uint64_t index = level_fact(h->facts, h->value, "index");

	if (!before || before->header.segment != now->header.segment ||
	    now->read_ns == before->read_ns)
		return NAN;
	for (size_t k = 0; k < sizeof(counters) / sizeof(counters[0]); k++) {
		const uint64_t after = level_fact(h->facts, h->value, counters[k]);

		for (size_t i = 0; after != UINT64_MAX && i < before->n_holders; i++) {
			const struct snapshot_holder *b = &before->holders[i];

			if (b->facts == h->facts && b->seat == h->seat &&
			    before->objects[b->object].entry.id == now->objects[h->object].entry.id &&
			    level_fact(b->facts, b->value, "index") == index)
				return rate_per_second(
					rate_risen(level_fact(b->facts, b->value, counters[k]), after,
						   0),
					now->read_ns - before->read_ns);
		}
	}
	return NAN;
}

static void print_details(FILE *out, const struct snapshot_holder *h)
{
	const char *comma = "";

	for (size_t i = 0; h->facts[i].name; i++) {
		if (strcmp(h->facts[i].name, "lag") == 0 || strcmp(h->facts[i].name, "n_lost") == 0)
			continue;	/* it has a column */
		fputs(comma, out);
		level_print_name(out, h->facts[i].name);
		fprintf(out, " %" PRIu64, h->value[i]);
		comma = ", ";
	}
	if (h->queue)
		fprintf(out, "%sthrough %s", comma, h->queue);
}

static void holder_row(struct top_table *t, const struct snapshot *before,
		       const struct snapshot *now, size_t i, bool by_client)
{
	const struct snapshot_holder *h = &now->holders[i];
	const struct snapshot_object *o = &now->objects[h->object];
	const struct shmreg_dir_participant *p = snapshot_seat(now, h->seat);
	const uint64_t lag = level_fact(h->facts, h->value, "lag");
	const uint64_t lost = level_fact(h->facts, h->value, "n_lost");
	const double rate = rate_of(before, now, h);
	const char *client = p ? p->name : h->seat ? "-" : "nobody";
	char *text = NULL;
	size_t size;
	FILE *out;

	top_table_row(t, p && p->state != SHMREG_ENTRY_LIVE ? TOP_ALARM
			 : lag != UINT64_MAX && lag >= o->entry.shape.capacity ? TOP_WARN
									       : TOP_PLAIN,
		      "%" PRIu64 " %s %" PRIu32 " %" PRIu64, o->entry.id, h->role, h->seat,
		      h->facts[0].name ? h->value[0] : 0);
	if (p && t->n_rows)
		t->rows[t->n_rows - 1].link = p->id;
	top_table_text(t, H_WHAT, "%s", by_client ? client : o->entry.name);
	top_table_text(t, H_CLIENT, "%s", by_client ? o->entry.name : client);
	top_table_text(t, H_ROLE, "%s", h->role);
	if (h->seat)
		top_table_number(t, H_SEAT, h->seat);
	if (p) {
		top_table_number(t, H_PID, p->pid);
		top_table_text(t, H_STATE, "%s", participant_state(p));
	}
	if (lag != UINT64_MAX)
		top_table_number(t, H_LAG, (double)lag);
	if (lost != UINT64_MAX)
		top_table_number(t, H_LOST, (double)lost);
	if (!isnan(rate))
		top_table_number(t, H_RATE, rate);
	out = open_memstream(&text, &size);
	if (out)
		print_details(out, h);
	top_table_stream(t, H_DETAILS, out, &text);
}

/* --- one object --------------------------------------------------------------------------- */

/* A line of what @print writes. */
static void stream_line(struct top_view *v, double percent, FILE *out, char **text)
{
	if (out && fclose(out) == 0)
		top_view_line(v, percent, "%s", *text);
	free(*text);
	*text = NULL;
}

static void waiting_line(struct top_view *v, const struct snapshot_object *o)
{
	static const struct {
		uint32_t event;
		const char *word;
	} events[] = { { SHMREG_WAIT_ITEMS, "items" }, { SHMREG_WAIT_SPACE, "room" } };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	const char *comma = "waiting: ";

	for (size_t i = 0; out && i < 2; i++) {
		if (o->asleep & events[i].event) {
			fprintf(out, "%ssomebody may be asleep for %s", comma, events[i].word);
			comma = ", ";
		}
		if (o->armed & events[i].event) {
			fprintf(out, "%sa descriptor watches for %s", comma, events[i].word);
			comma = ", ";
		}
	}
	if (out && comma[0] == 'w')
		fputs("waiting: nobody", out);
	stream_line(v, NAN, out, &text);
}

static void object_lines(struct top_view *v, const struct snapshot *before,
			 const struct snapshot *now, const struct snapshot_object *o)
{
	const struct shmreg_shape *shape = &o->entry.shape;
	const struct kind *kind = kind_of(o);
	char *text = NULL, buf[TEXT_MAX];
	struct level level;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out) {
		fputs(shmreg_kind_name(shape->kind), out);
		if (kind->print_manner)
			kind->print_manner(out, now, shape);
		fprintf(out, " of %" PRIu64 " %s, %" PRIu64 " bytes each; takes %s, from offset %"
			PRIu64, shape->capacity, o->entry.type_name[0] ? o->entry.type_name :
			"elements", shape->elem_bytes, text_bytes(buf, o->entry.bytes),
			o->entry.offset);
	}
	stream_line(v, NAN, out, &text);
	if (!o->read)
		return;
	out = open_memstream(&text, &size);
	if (out)
		kind->print_occupancy(out, o);
	stream_line(v, level_of(o, &level) ? level_percent(level.n, level.total) : NAN, out, &text);
	out = open_memstream(&text, &size);
	if (out) {
		fputs("rates: ", out);
		level_print_rates(out, before, now, o);
	}
	stream_line(v, NAN, out, &text);
	waiting_line(v, o);
}

void top_view_object(struct top_view *v, const struct snapshot *before, const struct snapshot *now)
{
	const struct snapshot_object *o = NULL;

	top_table_init(&v->table, client_columns, H_N);
	for (size_t i = 0; i < now->n_objects; i++)
		if (strcmp(now->objects[i].entry.name, v->place.object) == 0 &&
		    (!o || now->objects[i].entry.state == SHMREG_ENTRY_LIVE))
			o = &now->objects[i];
	if (!o) {
		v->gone = true;
		snprintf(v->why, sizeof(v->why), "there is no object '%s' in it", v->place.object);
		return;
	}
	if (o->entry.state == SHMREG_ENTRY_REMOVED)
		snprintf(v->why, sizeof(v->why), "object '%s' was removed; some still hold it",
			 v->place.object);
	object_lines(v, before, now, o);
	for (size_t i = 0; i < now->n_holders; i++)
		if (&now->objects[now->holders[i].object] == o)
			holder_row(&v->table, before, now, i, true);
}

/* --- one participant ---------------------------------------------------------------------- */

void top_view_participant(struct top_view *v, const struct snapshot *before,
			  const struct snapshot *now)
{
	const struct shmreg_dir_participant *p = NULL;
	char a[TEXT_MAX], b[TEXT_MAX];

	top_table_init(&v->table, object_columns, H_N);
	for (size_t i = 0; !p && i < now->n_participants; i++)
		if (now->participants[i].id == v->place.participant)
			p = &now->participants[i];
	if (!p) {
		v->gone = true;
		snprintf(v->why, sizeof(v->why), "participant %" PRIu64 " has gone",
			 v->place.participant);
		return;
	}
	top_view_line(v, NAN, "process %" PRIu32 " (%s) of %s, attached to %s since %s", p->pid,
		      p->name[0] ? p->name : "-", text_user(a, p->uid),
		      p->flags & SHMREG_PARTICIPANT_READ_ONLY ? "read" : "write",
		      text_time(b, p->attached_ns));
	top_view_line(v, NAN, "%s", participant_state(p));
	for (size_t i = 0; i < now->n_holders; i++)
		if (snapshot_seat(now, now->holders[i].seat) == p)
			holder_row(&v->table, before, now, i, false);
}
