/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "kind.h"
#include "metrics.h"
#include "placement.h"
#include "stats.h"
#include "text.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* A number that is known of each of many, from a member of a struct. */
struct column {
	struct metric metric;
	size_t offset;
	unsigned int bytes;	/* 4 or 8 */
};
#define COLUMN(type, member, ...) \
	{ .metric = __VA_ARGS__, .offset = offsetof(type, member), .bytes = sizeof(((type *)0)->member) }

static uint64_t column_value(const struct column *column, const void *record)
{
	const char *at = (const char *)record + column->offset;
	uint64_t n = 0;
	uint32_t word;

	if (column->bytes == sizeof(n)) {
		memcpy(&n, at, sizeof(n));
		return n;
	}
	memcpy(&word, at, sizeof(word));
	return word;
}

/* --- the daemon ------------------------------------------------------------------------------- */

static const struct metric up =
	GAUGE("up", "Whether the daemon answered; if it did not, there is nothing else.");
static const struct metric exporter = {
	.name = "exporter", .help = "The program that wrote this.", .type = METRIC_INFO,
};
static const struct metric scrape_duration = {
	.name = "scrape_duration_seconds", .unit = "seconds", .help = "What gathering this took.",
};
static const struct metric scrape_unread =
	GAUGE("scrape_unread_segments", "Segments whose objects could not be read.");
static const struct metric scrape_omitted =
	GAUGE("scrape_omitted_objects", "Objects that were left out because there are too many.");
static const struct metric start_time = {
	.name = "daemon_start_time_seconds", .unit = "seconds",
	.help = "When the daemon was started, since the epoch.",
};

static void write_scrape(struct openmetrics *o, const struct metrics *m)
{
	const struct openmetrics_label version = { "version", VERSION };

	openmetrics_family(o, &up, NULL);
	openmetrics_sample(o, NULL, 0, m->up);
	openmetrics_family(o, &exporter, NULL);
	openmetrics_sample(o, &version, 1, 1);
	openmetrics_family(o, &scrape_duration, NULL);
	openmetrics_sample_ns(o, NULL, 0, m->took_ns);
	if (!m->up)
		return;
	openmetrics_family(o, &scrape_unread, NULL);
	openmetrics_sample(o, NULL, 0, m->n_unread);
	openmetrics_family(o, &scrape_omitted, NULL);
	openmetrics_sample(o, NULL, 0, m->n_omitted);
}

static void write_daemon(struct openmetrics *o, const struct metrics *m)
{
	openmetrics_family(o, &start_time, NULL);
	openmetrics_sample_ns(o, NULL, 0, m->stats.started_ns);
	for (const struct stats_counter *c = stats_counters; c->name; c++) {
		const uint64_t n = stats_counter(&m->stats, c);
		/* Restarts are counted on by each that is started. */
		const bool lasts = c->offset == offsetof(struct shmreg_stats_reply, n_restarts);

		openmetrics_family(o, &c->metric, NULL);
		if (n != SHMREG_USAGE_UNKNOWN)
			openmetrics_counter(o, NULL, 0, n, lasts ? 0 : m->stats.started_ns);
	}
}

/* --- what is used, and how much may be --------------------------------------------------------- */

static const struct {
	struct metric used, limit;
} resources[SHMREG_N_RESOURCES] = {
#define RESOURCE(name, what) \
	{ GAUGE(name, "Number of " what "."), GAUGE("limit_" name, "The most that there may be of them.") }
	[SHMREG_RESOURCE_SEGMENTS] = RESOURCE("segments", "segments that there are"),
	[SHMREG_RESOURCE_BYTES] = {
		{ .name = "bytes", .unit = "bytes", .help = "Sizes of segments and their directories, "
							    "touched or not." },
		{ .name = "limit_bytes", .unit = "bytes", .help = "The most that they may be." },
	},
	[SHMREG_RESOURCE_RESERVED_BYTES] = {
		GAUGE_BYTES("reserved", "Sizes of segments whose memory was reserved."),
		GAUGE_BYTES("limit_reserved", "The most that they may be."),
	},
	[SHMREG_RESOURCE_OBJECTS] = RESOURCE("objects", "objects in segments"),
	[SHMREG_RESOURCE_PARTICIPANTS] = RESOURCE("participants", "attachments to segments"),
	[SHMREG_RESOURCE_SEATS] = RESOURCE("seats", "seats in segments"),
	[SHMREG_RESOURCE_CONNECTIONS] = RESOURCE("connections", "connections to the daemon"),
	[SHMREG_RESOURCE_SUBSCRIPTIONS] = RESOURCE("subscriptions", "subscriptions and watches"),
#undef RESOURCE
};

static void write_registry(struct openmetrics *o, const struct shmreg_stats_reply *stats)
{
	for (size_t i = 0; i < SHMREG_N_RESOURCES; i++) {
		openmetrics_family(o, &resources[i].used, "registry_");
		if (stats->usage[i].used != SHMREG_USAGE_UNKNOWN)
			openmetrics_sample(o, NULL, 0, stats->usage[i].used);
		openmetrics_family(o, &resources[i].limit, "registry_");
		openmetrics_sample_limit(o, NULL, 0, stats->usage[i].limit);
	}
}

static void write_users_column(struct openmetrics *o, const struct metrics *m,
			       const struct metric *metric, size_t resource, bool limit)
{
	char uid[16], name[TEXT_MAX];
	const struct openmetrics_label labels[] = { { "uid", uid }, { "user", name } };

	openmetrics_family(o, metric, "user_");
	for (size_t i = 0; i < m->n_users; i++) {
		const struct shmreg_usage *usage = &m->users[i].stats.usage[resource];

		snprintf(uid, sizeof(uid), "%" PRIu32, m->users[i].uid);
		text_user(name, m->users[i].uid);
		if (limit)
			openmetrics_sample_limit(o, labels, N(labels), usage->limit);
		else if (usage->used != SHMREG_USAGE_UNKNOWN)
			openmetrics_sample(o, labels, N(labels), usage->used);
	}
}

static void write_users(struct openmetrics *o, const struct metrics *m)
{
	for (size_t i = 0; i < SHMREG_N_RESOURCES; i++) {
		write_users_column(o, m, &resources[i].used, i, false);
		write_users_column(o, m, &resources[i].limit, i, true);
	}
}

/* --- segments --------------------------------------------------------------------------------- */

static const struct metric segment_about = {
	.name = "segment", .help = "What it is.", .type = METRIC_INFO,
};
static const struct metric segment_quarantined =
	GAUGE("segment_quarantined", "Whether its repair was given up.");
static const struct metric segment_page =
	GAUGE_BYTES("segment_page", "Of the pages that its data area has.");
static const struct metric segment_huge_missing =
	GAUGE("segment_huge_missing", "Whether it has none of the huge pages that were asked for.");
static const struct column segment_columns[] = {
#define S(member, ...) COLUMN(struct shmreg_segment_info, member, __VA_ARGS__)
	S(data_bytes, GAUGE_BYTES("segment_size", "Of its data area.")),
	S(used_bytes, GAUGE_BYTES("segment_used", "Taken by its objects.")),
	S(resident_bytes, GAUGE_BYTES("segment_resident", "Memory that it really takes.")),
	S(n_objects, GAUGE("segment_objects", "Its objects.")),
	S(n_participants, GAUGE("segment_participants", "Those attached to it.")),
	S(n_seats, GAUGE("segment_seats", "Its seats that are taken or await repair.")),
	S(n_deaths, COUNTER("segment_deaths", "Participants of it that died.")),
	S(n_repairs, COUNTER("segment_repairs", "Repairs of it.")),
#undef S
};
static const struct column header_columns[] = {
#define H(member, ...) COLUMN(struct shmreg_dir, member, __VA_ARGS__)
	H(dir_bytes, GAUGE_BYTES("segment_directory_size", "Of its directory.")),
	H(max_objects, GAUGE("segment_limit_objects", "The most objects it may have.")),
	H(max_participants, GAUGE("segment_limit_participants", "The most that may be attached.")),
	H(n_restarts, COUNTER("segment_restarts", "Restarts of the daemon that it outlived.")),
#undef H
};

static void write_sample(struct openmetrics *o, const struct openmetrics_label *labels, size_t n,
			 const struct column *column, const void *record, uint64_t created_ns)
{
	const uint64_t value = column_value(column, record);

	if (column->metric.type == METRIC_COUNTER)
		openmetrics_counter(o, labels, n, value, created_ns);
	else
		openmetrics_sample(o, labels, n, value);
}

static void write_about(struct openmetrics *o, const struct metrics *m)
{
	openmetrics_family(o, &segment_about, NULL);
	for (size_t i = 0; i < m->n_segments; i++) {
		const struct shmreg_segment_info *info = &m->segments[i].info;
		char id[24], uid[16], gid[16], mode[16];
		const struct openmetrics_label labels[] = {
			{ "segment", info->name },
			{ "id", id },
			{ "uid", uid },
			{ "gid", gid },
			{ "mode", mode },
			{ "lifetime", text_lifetime(info->lifetime) },
		};

		snprintf(id, sizeof(id), "%" PRIu64, info->segment);
		snprintf(uid, sizeof(uid), "%" PRIu32, info->owner_uid);
		snprintf(gid, sizeof(gid), "%" PRIu32, info->owner_gid);
		snprintf(mode, sizeof(mode), "0%03" PRIo32, info->mode);
		openmetrics_sample(o, labels, N(labels), 1);
	}
}

/* What it is made of, which says its directory. */
static void write_placement(struct openmetrics *o, const struct metrics *m, const struct metric *metric)
{
	openmetrics_family(o, metric, NULL);
	for (size_t i = 0; i < m->n_segments; i++) {
		const struct metrics_segment *s = &m->segments[i];
		const struct openmetrics_label label = { "segment", s->info.name };

		if (s->snapshot)
			openmetrics_sample(o, &label, 1, metric == &segment_page ?
					   placement_page_bytes(&s->snapshot->header) :
					   s->snapshot->header.huge_error != 0);
	}
}

static void write_segments(struct openmetrics *o, const struct metrics *m)
{
	write_about(o, m);
	openmetrics_family(o, &segment_quarantined, NULL);
	for (size_t i = 0; i < m->n_segments; i++) {
		const struct shmreg_segment_info *info = &m->segments[i].info;
		const struct openmetrics_label label = { "segment", info->name };

		openmetrics_sample(o, &label, 1, !!(info->flags & SHMREG_DIR_QUARANTINED));
	}
	write_placement(o, m, &segment_page);
	write_placement(o, m, &segment_huge_missing);
	for (size_t k = 0; k < N(segment_columns); k++) {
		openmetrics_family(o, &segment_columns[k].metric, NULL);
		for (size_t i = 0; i < m->n_segments; i++) {
			const struct shmreg_segment_info *info = &m->segments[i].info;
			const struct openmetrics_label label = { "segment", info->name };

			write_sample(o, &label, 1, &segment_columns[k], info, info->created_ns);
		}
	}
	for (size_t k = 0; k < N(header_columns); k++) {
		openmetrics_family(o, &header_columns[k].metric, NULL);
		for (size_t i = 0; i < m->n_segments; i++) {
			const struct metrics_segment *s = &m->segments[i];
			const struct openmetrics_label label = { "segment", s->info.name };

			if (s->snapshot)
				write_sample(o, &label, 1, &header_columns[k], &s->snapshot->header,
					     s->info.created_ns);
		}
	}
}

/* --- objects ---------------------------------------------------------------------------------- */

static const struct metric object_about = {
	.name = "object", .help = "What it is.", .type = METRIC_INFO,
};
static const struct metric object_waiting =
	GAUGE("object_waiting", "Whether somebody may be asleep until there is something in it, or room.");
static const struct column object_columns[] = {
#define O(member, ...) COLUMN(struct shmreg_dir_object, member, __VA_ARGS__)
	O(bytes, GAUGE_BYTES("object_size", "What it takes of its segment.")),
	O(shape.capacity, GAUGE("object_capacity", "Elements it has room for; of records, bytes; of "
						   "cells and topics, see their headers.")),
	O(shape.elem_bytes, GAUGE_BYTES("object_element_size", "Of each of its elements.")),
#undef O
};

#define OBJECT_LABELS(x)                                                \
	{ "segment", (x)->segment->info.name },                         \
	{ "object", (x)->object->entry.name }

static void write_objects(struct openmetrics *o, const struct metrics *m)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} events[] = { { SHMREG_WAIT_ITEMS, "items" }, { SHMREG_WAIT_SPACE, "space" } };

	openmetrics_family(o, &object_about, NULL);
	for (size_t i = 0; i < m->n_objects; i++) {
		const struct metrics_object *x = &m->objects[i];
		const char *kind = shmreg_kind_name(x->object->entry.shape.kind);
		const struct openmetrics_label labels[] = {
			OBJECT_LABELS(x),
			{ "kind", kind },
			{ "type", x->object->entry.type_name },
		};

		openmetrics_sample(o, labels, N(labels), 1);
	}
	for (size_t k = 0; k < N(object_columns); k++) {
		openmetrics_family(o, &object_columns[k].metric, NULL);
		for (size_t i = 0; i < m->n_objects; i++) {
			const struct metrics_object *x = &m->objects[i];
			const struct openmetrics_label labels[] = { OBJECT_LABELS(x) };

			write_sample(o, labels, N(labels), &object_columns[k], &x->object->entry, 0);
		}
	}
	openmetrics_family(o, &object_waiting, NULL);
	for (size_t i = 0; i < m->n_objects; i++) {
		const struct metrics_object *x = &m->objects[i];

		for (size_t k = 0; x->object->read && k < N(events); k++) {
			const struct openmetrics_label labels[] = {
				OBJECT_LABELS(x),
				{ "event", events[k].name },
			};

			if (shmreg_kind_eventcount(x->object->entry.shape.kind, events[k].bit))
				openmetrics_sample(o, labels, N(labels),
						   !!(x->object->asleep & events[k].bit));
		}
	}
}

/* One that begins again by itself does so at 0, and has no time of creation that would move. */
static void write_fact(struct openmetrics *o, const struct openmetrics_label *labels, size_t n,
		       const struct snapshot_fact *fact, uint64_t value, uint64_t created_ns)
{
	if (fact->metric.type != METRIC_COUNTER)
		openmetrics_sample(o, labels, n, value);
	else if (fact->modulus)
		openmetrics_counter(o, labels, n, value % fact->modulus, 0);
	else
		openmetrics_counter(o, labels, n, value, created_ns);
}

static void write_kind(struct openmetrics *o, const struct metrics *m, const struct kind *kind)
{
	for (size_t k = 0; kind->facts[k].name; k++) {
		if (!kind->facts[k].metric.name)
			continue;
		openmetrics_family(o, &kind->facts[k].metric, NULL);
		for (size_t i = 0; i < m->n_objects; i++) {
			const struct metrics_object *x = &m->objects[i];
			const struct openmetrics_label labels[] = { OBJECT_LABELS(x) };

			if (x->object->read && kind_of(x->object) == kind)
				write_fact(o, labels, N(labels), &kind->facts[k], x->object->value[k],
					   x->object->entry.created_ns);
		}
	}
}

/* Who subscribes to a topic. @facts[0] is its index, which is one subscriber's at a time. */
static void write_subscribers_of(struct openmetrics *o, const struct metrics_object *x,
				 const struct snapshot_fact *facts, size_t k)
{
	const struct snapshot *s = x->segment->snapshot;

	for (size_t i = 0; i < s->n_holders; i++) {
		const struct snapshot_holder *h = &s->holders[i];
		const struct shmreg_dir_participant *p = snapshot_seat(s, h->seat);
		char index[24];
		const struct openmetrics_label labels[] = {
			OBJECT_LABELS(x),
			{ "subscriber", index },
			{ "process", p ? p->name : "" },
		};

		if (h->facts != facts || &s->objects[h->object] != x->object)
			continue;
		snprintf(index, sizeof(index), "%" PRIu64, h->value[0]);
		write_fact(o, labels, N(labels), &facts[k], h->value[k], 0);
	}
}

static void write_subscribers(struct openmetrics *o, const struct metrics *m)
{
	for (size_t k = 0; topic_subscriber_facts[k].name; k++) {
		if (!topic_subscriber_facts[k].metric.name)
			continue;
		openmetrics_family(o, &topic_subscriber_facts[k].metric, NULL);
		for (size_t i = 0; i < m->n_objects; i++)
			write_subscribers_of(o, &m->objects[i], topic_subscriber_facts, k);
	}
}

void metrics_write(const struct metrics *m, FILE *stream, bool prometheus)
{
	static const struct kind *const kinds[] = {
		&kind_atomic, &kind_queue, &kind_ring, &kind_records,
		&kind_topic,  &kind_pool,  &kind_cell,
	};
	struct openmetrics o;

	openmetrics_init(&o, stream, prometheus);
	write_scrape(&o, m);
	if (m->up) {
		write_daemon(&o, m);
		write_registry(&o, &m->stats);
		write_users(&o, m);
		write_segments(&o, m);
		write_objects(&o, m);
		for (size_t i = 0; i < N(kinds); i++)
			write_kind(&o, m, kinds[i]);
		write_subscribers(&o, m);
	}
	openmetrics_end(&o);
}
