/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "level.h"
#include "show-json.h"
#include "text.h"
#include "top-view.h"

const char *top_page_name(enum top_page page)
{
	static const char *const names[] = {
		[TOP_SEGMENTS] = "segments",	     [TOP_OBJECTS] = "objects",
		[TOP_PARTICIPANTS] = "participants", [TOP_OBJECT] = "object",
		[TOP_PARTICIPANT] = "participant",
	};

	return names[page];
}

bool top_same_place(const struct top_place *a, const struct top_place *b)
{
	return a->page == b->page &&
	       (a->page == TOP_SEGMENTS || strcmp(a->segment, b->segment) == 0) &&
	       (a->page != TOP_OBJECT || strcmp(a->object, b->object) == 0) &&
	       (a->page != TOP_PARTICIPANT || a->participant == b->participant);
}

struct top_view *top_view_new(const struct top_place *place)
{
	struct top_view *v = calloc(1, sizeof(*v));

	if (v)
		v->place = *place;
	return v;
}

struct top_view *top_view_free(struct top_view *v)
{
	if (!v)
		return NULL;
	for (unsigned int i = 0; i < v->n_lines; i++)
		free(v->lines[i].text);
	top_table_deinit(&v->table);
	free(v);
	return NULL;
}

void top_view_line(struct top_view *v, double percent, const char *format, ...)
{
	struct top_line *line = &v->lines[v->n_lines];
	va_list args;

	va_start(args, format);
	if (v->n_lines == TOP_LINES_MAX || vasprintf(&line->text, format, args) < 0) {
		va_end(args);
		return;
	}
	va_end(args);
	top_clean(line->text);
	line->percent = percent;
	v->n_lines++;
}

/* --- segments ----------------------------------------------------------------------------- */

void top_segment_sum(struct top_segment *ret, const struct snapshot *before,
		     const struct snapshot *now)
{
	ret->looked = now->attached;
	ret->operations = ret->fullest = NAN;
	for (size_t i = 0; i < now->n_objects; i++) {
		const struct snapshot_object *o = &now->objects[i];
		struct level level;
		double n;

		if (level_operations(before, now, o, &n))
			ret->operations = isnan(ret->operations) ? n : ret->operations + n;
		ret->n_waited_for += o->asleep || o->armed;
		if (!level_of(o, &level))
			continue;
		n = level_percent(level.n, level.total);
		if (isnan(ret->fullest) || n > ret->fullest) {
			ret->fullest = n;
			snprintf(ret->fullest_name, sizeof(ret->fullest_name), "%s", o->entry.name);
		}
	}
}

enum { S_NAME, S_USED, S_SIZE, S_MEMORY, S_OBJECTS, S_PROCESSES, S_OPERATIONS, S_FULL, S_WAITED,
       S_DEATHS, S_REPAIRS, S_STATE, S_OWNER, S_LIFETIME, S_FULLEST, S_N };
static const struct top_column segment_columns[S_N] = {
	[S_NAME] = { "SEGMENT", "segment", TOP_TEXT, 0, false },
	[S_USED] = { "USED", "used_percent", TOP_PERCENT, 4, false },
	[S_SIZE] = { "SIZE", "data_bytes", TOP_BYTES, 6, false },
	[S_MEMORY] = { "MEMORY", "resident_bytes", TOP_BYTES, 0, false },
	[S_OBJECTS] = { "OBJ", "n_objects", TOP_COUNT, 5, false },
	[S_PROCESSES] = { "PROC", "n_participants", TOP_COUNT, 2, false },
	[S_OPERATIONS] = { "OPS/s", "operations_per_second", TOP_RATE, 1, true },
	[S_FULL] = { "FULL", "fullest_percent", TOP_RATE, 3, true },
	[S_WAITED] = { "WAIT", "n_waited_for", TOP_COUNT, 8, true },
	[S_DEATHS] = { "DEATHS", "n_deaths", TOP_COUNT, 3, false },
	[S_REPAIRS] = { "REPAIRS", "n_repairs", TOP_COUNT, 9, false },
	[S_STATE] = { "STATE", "state", TOP_TEXT, 7, false },
	[S_OWNER] = { "OWNER", "owner", TOP_TEXT, 10, false },
	[S_LIFETIME] = { "LIFETIME", "lifetime", TOP_TEXT, 12, false },
	[S_FULLEST] = { "FULLEST", "fullest", TOP_TEXT, 11, false },
};

static enum top_mark segment_mark(const struct top_segment *s)
{
	if (!s->info.access)
		return TOP_DIM;
	if (s->info.flags & SHMREG_DIR_QUARANTINED)
		return TOP_ALARM;
	if (s->info.flags & SHMREG_DIR_ORPHANED || s->fullest >= 90)
		return TOP_WARN;
	return TOP_PLAIN;
}

static void segment_row(struct top_table *t, const struct top_segment *s)
{
	const struct shmreg_segment_info *info = &s->info;
	char buf[TEXT_MAX];

	top_table_row(t, segment_mark(s), "%s", info->name);
	top_table_text(t, S_NAME, "%s", info->name);
	if (!info->access)
		return;		/* names are public, the rest is for those who may read */
	top_table_number(t, S_USED, level_percent(info->used_bytes, info->data_bytes));
	top_table_number(t, S_SIZE, (double)info->data_bytes);
	top_table_number(t, S_MEMORY, (double)info->resident_bytes);
	top_table_number(t, S_OBJECTS, info->n_objects);
	top_table_number(t, S_PROCESSES, info->n_participants);
	if (s->looked) {
		if (!isnan(s->operations))
			top_table_number(t, S_OPERATIONS, s->operations);
		if (!isnan(s->fullest)) {
			top_table_number(t, S_FULL, s->fullest);
			top_table_text(t, S_FULLEST, "%s", s->fullest_name);
		}
		top_table_number(t, S_WAITED, s->n_waited_for);
	}
	top_table_number(t, S_DEATHS, (double)info->n_deaths);
	top_table_number(t, S_REPAIRS, (double)info->n_repairs);
	top_table_text(t, S_STATE, "%s", text_state(info->state, info->flags));
	top_table_text(t, S_OWNER, "%s", text_user(buf, info->owner_uid));
	top_table_text(t, S_LIFETIME, "%s", text_lifetime(info->lifetime));
}

static void registry_lines(struct top_view *v, const struct top_overview *overview)
{
	const struct shmreg_stats_reply *stats = &overview->stats;
	uint64_t size = 0, memory = 0, deaths = 0, repairs = 0, processes = 0, objects = 0;
	char a[TEXT_MAX], b[TEXT_MAX];

	for (size_t i = 0; i < overview->n; i++) {
		const struct shmreg_segment_info *info = &overview->segments[i].info;

		size += info->data_bytes;
		memory += info->resident_bytes;
		deaths += info->n_deaths;
		repairs += info->n_repairs;
		processes += info->n_participants;
		objects += info->n_objects;
	}
	if (overview->have_stats)
		top_view_line(v, NAN, "shmregd pid %" PRIu32 " since %s, %" PRIu64
			      " restarts outlived; %" PRIu64 " requests, %" PRIu64 " refused",
			      stats->pid, text_time(a, stats->started_ns), stats->n_restarts,
			      stats->n_requests, stats->n_refused);
	top_view_line(v, NAN, "%zu segments of %s, memory really used %s; %" PRIu64
		      " objects, %" PRIu64 " participants", overview->n, text_bytes(a, size),
		      text_bytes(b, memory), objects, processes);
	if (overview->have_stats && stats->n_deaths != SHMREG_USAGE_UNKNOWN)
		top_view_line(v, NAN, "deaths %" PRIu64 ", repairs %" PRIu64 "; put right %" PRIu64
			      ", lost %" PRIu64 ", handed out again %" PRIu64 ", quarantined %"
			      PRIu64, stats->n_deaths, stats->n_repairs, stats->n_repaired,
			      stats->n_freed, stats->n_requeued, stats->n_quarantined);
	else
		top_view_line(v, NAN, "deaths %" PRIu64 ", repairs %" PRIu64 ", in these segments",
			      deaths, repairs);
}

void top_view_segments(struct top_view *v, const struct top_overview *overview)
{
	registry_lines(v, overview);
	top_table_init(&v->table, segment_columns, S_N);
	for (size_t i = 0; i < overview->n; i++)
		segment_row(&v->table, &overview->segments[i]);
}

/* --- objects ------------------------------------------------------------------------------ */

enum { O_NAME, O_KIND, O_FULL, O_LEVEL, O_CAPACITY, O_HIGH, O_OPERATIONS, O_WAITS, O_MEMORY,
       O_TYPE, O_RATES, O_TROUBLE, O_N };
static const struct top_column object_columns[O_N] = {
	[O_NAME] = { "OBJECT", "object", TOP_TEXT, 0, false },
	[O_KIND] = { "KIND", "kind", TOP_TEXT, 2, false },
	[O_FULL] = { "FULL", "full_percent", TOP_PERCENT, 1, false },
	[O_LEVEL] = { "NOW", "level", TOP_COUNT, 4, false },
	[O_CAPACITY] = { "ROOM", "capacity", TOP_COUNT, 6, false },
	[O_HIGH] = { "HIGH", "high_water", TOP_COUNT, 3, false },
	[O_OPERATIONS] = { "OPS/s", "operations_per_second", TOP_RATE, 0, false },
	[O_WAITS] = { "WAITS", "waited_for", TOP_TEXT, 5, false },
	[O_MEMORY] = { "SIZE", "bytes", TOP_BYTES, 8, false },
	[O_TYPE] = { "TYPE", "type", TOP_TEXT, 10, false },
	[O_RATES] = { "RATES", "rates", TOP_TEXT, 9, false },
	[O_TROUBLE] = { "TROUBLE", "trouble", TOP_TEXT, 7, false },
};

static const char *waits(const struct snapshot_object *o)
{
	static const char *const words[] = { "", "items", "room", "both" };

	return words[((o->asleep | o->armed) & SHMREG_WAIT_ITEMS ? 1 : 0) +
		     ((o->asleep | o->armed) & SHMREG_WAIT_SPACE ? 2 : 0)];
}

static void object_row(struct top_table *t, const struct snapshot *before,
		       const struct snapshot *now, const struct snapshot_object *o)
{
	struct level level = { .n = 0 };
	const bool has_level = level_of(o, &level);
	const double full = has_level ? level_percent(level.n, level.total) : NAN;
	char *text = NULL;
	size_t size;
	double n;
	FILE *out;

	top_table_row(t, o->entry.state == SHMREG_ENTRY_REMOVED ? TOP_DIM
			 : full >= 100 ? TOP_ALARM : full >= 90 ? TOP_WARN : TOP_PLAIN,
		      "%s", o->entry.name);
	top_table_text(t, O_NAME, "%s", o->entry.name);
	top_table_text(t, O_KIND, "%s", o->entry.state == SHMREG_ENTRY_REMOVED ? "removed" :
		       shmreg_kind_name(o->entry.shape.kind));
	top_table_number(t, O_CAPACITY, (double)o->entry.shape.capacity);
	top_table_number(t, O_MEMORY, (double)o->entry.bytes);
	if (o->entry.type_name[0])
		top_table_text(t, O_TYPE, "%s", o->entry.type_name);
	if (has_level) {
		top_table_number(t, O_FULL, full);
		top_table_number(t, O_LEVEL, (double)level.n);
		top_table_number(t, O_HIGH, (double)level.high);
	}
	if (!o->read)
		return;
	top_table_text(t, O_WAITS, "%s", waits(o));
	if (level_operations(before, now, o, &n))
		top_table_number(t, O_OPERATIONS, n);
	out = open_memstream(&text, &size);
	if (out)
		level_print_rates(out, before, now, o);
	top_table_stream(t, O_RATES, out, &text);
	out = open_memstream(&text, &size);
	if (out)
		level_print_trouble(out, o);
	top_table_stream(t, O_TROUBLE, out, &text);
}

/* --- participants ------------------------------------------------------------------------- */

enum { P_PID, P_CLIENT, P_USER, P_ACCESS, P_SEATS, P_HOLDS, P_LAG, P_STATE, P_SINCE, P_ID, P_N };
static const struct top_column participant_columns[P_N] = {
	[P_PID] = { "PID", "pid", TOP_COUNT, 0, false },
	[P_CLIENT] = { "CLIENT", "client", TOP_TEXT, 1, false },
	[P_USER] = { "USER", "user", TOP_TEXT, 5, false },
	[P_ACCESS] = { "ACCESS", "access", TOP_TEXT, 6, false },
	[P_SEATS] = { "SEATS", "n_seats", TOP_COUNT, 4, false },
	[P_HOLDS] = { "HOLDS", "n_holds", TOP_COUNT, 2, false },
	[P_LAG] = { "LAG", "lag", TOP_COUNT, 3, false },
	[P_STATE] = { "STATE", "state", TOP_TEXT, 0, false },
	[P_SINCE] = { "SINCE", "since", TOP_TEXT, 7, false },
	[P_ID] = { "ID", "participant", TOP_COUNT, 8, false },
};

static void participant_row(struct top_table *t, const struct snapshot *now,
			    const struct shmreg_dir_participant *p)
{
	unsigned int n_holds, n_seats = 0;
	const double lag = top_holdings(now, p->id, &n_holds);
	char buf[TEXT_MAX];

	for (uint32_t i = 1; i < SHMREG_SEATS; i++)
		n_seats += now->seats[i] >> SHMREG_SEAT_PARTICIPANT_SHIFT == p->id &&
			   (now->seats[i] & SHMREG_SEAT_STATE_MASK) != SHMREG_SEAT_FREE;
	top_table_row(t, p->state == SHMREG_ENTRY_LIVE ? TOP_PLAIN : TOP_ALARM, "%" PRIu64, p->id);
	if (t->n_rows)
		t->rows[t->n_rows - 1].link = p->id;
	top_table_number(t, P_PID, p->pid);
	top_table_text(t, P_CLIENT, "%s", p->name[0] ? p->name : "-");
	top_table_text(t, P_USER, "%s", text_user(buf, p->uid));
	top_table_text(t, P_ACCESS, p->flags & SHMREG_PARTICIPANT_READ_ONLY ? "read" : "write");
	top_table_number(t, P_SEATS, n_seats);
	if (now->attached)
		top_table_number(t, P_HOLDS, n_holds);
	if (!isnan(lag))
		top_table_number(t, P_LAG, lag);
	top_table_text(t, P_STATE, "%s", participant_state(p));
	top_table_text(t, P_SINCE, "%s", text_time(buf, p->attached_ns));
	top_table_number(t, P_ID, (double)p->id);
}

/* --- a segment ---------------------------------------------------------------------------- */

static void segment_lines(struct top_view *v, const struct snapshot *now)
{
	const struct shmreg_segment_info *info = &now->info;
	char a[TEXT_MAX], b[TEXT_MAX], c[TEXT_MAX];

	top_view_line(v, NAN, "%s, %s:%s %s, %s, since %s", text_state(info->state, info->flags),
		      text_user(a, info->owner_uid), text_group(b, info->owner_gid),
		      text_mode(c, info->mode), text_lifetime(info->lifetime),
		      text_time((char[TEXT_MAX]){ 0 }, info->created_ns));
	top_view_line(v, level_percent(info->used_bytes, info->data_bytes),
		      "%s of %s used by objects, memory really used %s",
		      text_bytes(a, info->used_bytes), text_bytes(b, info->data_bytes),
		      text_bytes(c, info->resident_bytes));
	top_view_line(v, NAN, "objects %zu of %" PRIu32 ", participants %zu of %" PRIu32
		      ", seats %" PRIu32 " of %d; deaths %" PRIu64 ", repairs %" PRIu64,
		      now->n_objects, now->header.max_objects, now->n_participants,
		      now->header.max_participants, info->n_seats, SHMREG_SEATS - 1, info->n_deaths,
		      info->n_repairs);
}

void top_view_segment(struct top_view *v, const struct snapshot *before, const struct snapshot *now)
{
	if (before && before->attached && now->attached)
		v->interval_ns = now->read_ns - before->read_ns;
	if (!now->attached)
		snprintf(v->why, sizeof(v->why), "occupancy cannot be shown: %s", now->why_not);
	switch (v->place.page) {
	case TOP_OBJECT:
		top_view_object(v, before, now);
		return;
	case TOP_PARTICIPANT:
		top_view_participant(v, before, now);
		return;
	case TOP_PARTICIPANTS:
		segment_lines(v, now);
		top_table_init(&v->table, participant_columns, P_N);
		for (size_t i = 0; i < now->n_participants; i++)
			participant_row(&v->table, now, &now->participants[i]);
		return;
	default:
		segment_lines(v, now);
		top_table_init(&v->table, object_columns, O_N);
		for (size_t i = 0; i < now->n_objects; i++)
			object_row(&v->table, before, now, &now->objects[i]);
	}
}
