/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "file.h"
#include "level.h"
#include "map.h"
#include "parse.h"

#define COLUMNS_DEFAULT 80
#define COLUMNS_MIN 40
#define COLUMNS_MAX 1000

uint64_t map_resident(const struct map *map, uint64_t from, uint64_t to)
{
	uint64_t offset, bytes, n = 0;

	while (from < to && shmreg_segment_extent(map->segment, from, &offset, &bytes) == 0 &&
	       offset < to) {
		n += (bytes < to - offset ? bytes : to - offset);
		from = offset + bytes;
	}
	return n;
}

unsigned int map_fragmentation(const struct map *map)
{
	return map->free ? 100 - (unsigned int)level_percent(map->largest_free, map->free) : 0;
}

static int by_offset(const void *a, const void *b)
{
	const struct snapshot_object *x = *(const struct snapshot_object *const *)a;
	const struct snapshot_object *y = *(const struct snapshot_object *const *)b;

	return x->entry.offset < y->entry.offset ? -1 : x->entry.offset > y->entry.offset;
}

static void add_part(struct map *map, uint64_t from, uint64_t to, const struct snapshot_object *object)
{
	const struct map_part part = {
		.offset = from,
		.bytes = to - from,
		.resident = map_resident(map, from, to),
		.object = object,
	};

	map->resident += part.resident;
	map->parts[map->n_parts++] = part;
	if (object) {
		map->used += part.bytes;
		return;
	}
	map->n_free++;
	map->free += part.bytes;
	if (part.bytes > map->largest_free)
		map->largest_free = part.bytes;
}

int map_new(struct map *ret, const struct snapshot *snapshot, struct shmreg_segment *segment,
	    bool in_file)
{
	struct map map = { .snapshot = snapshot, .segment = segment, .in_file = in_file };
	const struct snapshot_object **sorted;
	uint64_t at = 0;

	map.parts = calloc(2 * snapshot->n_objects + 1, sizeof(*map.parts));
	sorted = calloc(snapshot->n_objects + 1, sizeof(*sorted));
	if (!map.parts || !sorted) {
		free(map.parts);
		free(sorted);
		return -ENOMEM;
	}
	for (size_t i = 0; i < snapshot->n_objects; i++)
		sorted[i] = &snapshot->objects[i];
	qsort(sorted, snapshot->n_objects, sizeof(*sorted), by_offset);
	for (size_t i = 0; i < snapshot->n_objects; i++) {
		const struct shmreg_dir_object *e = &sorted[i]->entry;

		/* In a file they may lie over each other; here they do not. */
		if (e->offset < at || e->bytes > snapshot->header.data_bytes - e->offset)
			continue;
		if (e->offset > at)
			add_part(&map, at, e->offset, NULL);
		add_part(&map, e->offset, e->offset + e->bytes, sorted[i]);
		at = e->offset + e->bytes;
	}
	if (at < snapshot->header.data_bytes)
		add_part(&map, at, snapshot->header.data_bytes, NULL);
	free(sorted);
	if (!in_file)
		pages_look(&map.pages, segment);
	*ret = map;
	return 0;
}

void map_free(struct map *map)
{
	free(map->parts);
}

static unsigned int terminal_columns(void)
{
	const char *text = getenv("COLUMNS");
	struct winsize size;
	const char *why;
	uint32_t n = 0;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
		n = size.ws_col;
	else if (!text || parse_count(text, COLUMNS_MAX, &n, &why) < 0)
		n = COLUMNS_DEFAULT;
	return n < COLUMNS_MIN ? COLUMNS_MIN : n > COLUMNS_MAX ? COLUMNS_MAX : n;
}

static int show(const struct ctl *ctl, struct source *source, unsigned int columns)
{
	const struct shmreg_segment *file = source_file(source);
	struct shmreg_segment *segment;
	struct snapshot *snapshot;
	struct map map;
	struct json j;
	const char *why;
	int r;

	if (source_segment(source, &segment, &why) < 0 || source_look(source, &snapshot, &why) < 0)
		return ctl_fail("map: %s: %s", source_name(source), why);
	r = map_new(&map, snapshot, segment, file);
	if (r == 0 && ctl->json) {
		json_init(&j, stdout);
		json_open_object(&j, NULL);
		json_string(&j, "name", snapshot->info.name);
		if (file)
			file_json(&j, file);
		map_json(&map, &j);
		json_close(&j);
		json_end(&j);
	} else if (r == 0) {
		if (file)
			file_print(file, stdout);
		setlocale(LC_CTYPE, "");
		r = map_print(&map, columns, strcmp(nl_langinfo(CODESET), "UTF-8") == 0, stdout);
	}
	if (r < 0)
		r = ctl_fail("no memory is left");
	else
		map_free(&map);
	snapshot_free(snapshot);
	return r;
}

int ctl_map(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		CTL_OPTIONS,
		{ "columns", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	uint32_t columns = terminal_columns();
	struct source *source;
	const char *why;
	int option, r;

	while ((option = getopt_long(argc, argv, ":js:c:", options, NULL)) != -1) {
		if (option == 'c') {
			if (parse_count(optarg, COLUMNS_MAX, &columns, &why) < 0)
				return ctl_usage("map: --columns '%s' %s", optarg, why);
			if (columns < COLUMNS_MIN)
				return ctl_usage("map: --columns %" PRIu32 " is too narrow; %d are "
						 "needed", columns, COLUMNS_MIN);
		} else if (!ctl_common(ctl, option)) {
			return ctl_bad_option(option, argv, "map");
		}
	}
	if (argc - optind != 1)
		return ctl_usage("map: one segment's name is needed, or a snapshot's file");
	r = source_open(ctl, "map", argv[optind], &source);
	if (r)
		return r;
	source_keep_extents(source);
	r = show(ctl, source, columns);
	source_close(source);
	return ctl_flush() || r;
}
