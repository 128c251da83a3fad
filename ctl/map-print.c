/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "level.h"
#include "map.h"
#include "text.h"

/* As many cells as there are pages, but no more than that many rows. */
#define ROWS_MAX 12
#define LABEL 10	/* columns of an offset */

/* Objects are A, B, ...; beyond them all are alike. */
static const char marks[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
#define MARK_FREE '.'
#define MARK_MANY '*'	/* a cell in which several lie */
#define MARK_OTHER '?'

static char mark_of(const struct map *map, const struct map_part *part)
{
	size_t n = 0;

	if (!part->object)
		return MARK_FREE;
	for (const struct map_part *p = map->parts; p != part; p++)
		n += p->object != NULL;
	return n < sizeof(marks) - 1 ? marks[n] : MARK_OTHER;
}

struct grid {
	uint64_t cell_bytes;
	uint64_t n_cells;
	unsigned int columns;
	char *mark;		/* of each cell */
};

static int grid_new(struct grid *g, const struct map *map, unsigned int columns)
{
	const uint64_t bytes = map->snapshot->header.data_bytes;
	const uint64_t most = (uint64_t)columns * ROWS_MAX;
	uint64_t first, last;

	/* A power of two of pages, so that the rows begin at numbers that one can read. */
	g->columns = columns;
	g->cell_bytes = 4096;
	while ((bytes + g->cell_bytes - 1) / g->cell_bytes > most)
		g->cell_bytes *= 2;
	g->n_cells = (bytes + g->cell_bytes - 1) / g->cell_bytes;
	g->mark = calloc(g->n_cells + 1, 1);
	if (!g->mark)
		return -ENOMEM;
	for (size_t i = 0; i < map->n_parts; i++) {
		const struct map_part *part = &map->parts[i];
		const char mark = mark_of(map, part);

		first = part->offset / g->cell_bytes;
		last = (part->offset + part->bytes - 1) / g->cell_bytes;
		for (uint64_t k = first; k <= last; k++) {
			/* What is free beside something is not worth a mark. */
			if (!g->mark[k] || g->mark[k] == MARK_FREE)
				g->mark[k] = mark;
			else if (mark != MARK_FREE)
				g->mark[k] = MARK_MANY;
		}
	}
	return 0;
}

/* How much of it has memory, in eighths of its height. */
static void print_fullness(FILE *stream, uint64_t resident, uint64_t bytes, bool utf8)
{
	static const char *const blocks[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char ascii[] = " .:-=+*%#";
	const unsigned int n = (unsigned int)((resident * 8 + bytes - 1) / bytes);

	if (utf8)
		fputs(blocks[n > 8 ? 8 : n], stream);
	else
		fputc(ascii[n > 8 ? 8 : n], stream);
}

static void print_grid(FILE *stream, const struct map *map, const struct grid *g, bool utf8)
{
	const uint64_t bytes = map->snapshot->header.data_bytes;
	char buf[TEXT_MAX];

	for (uint64_t first = 0; first < g->n_cells; first += g->columns) {
		const uint64_t end = first + g->columns < g->n_cells ? first + g->columns : g->n_cells;

		fprintf(stream, "%*s ", LABEL - 1, text_bytes(buf, first * g->cell_bytes));
		for (uint64_t k = first; k < end; k++)
			fputc(g->mark[k], stream);
		fprintf(stream, "\n%*s", LABEL, "");
		for (uint64_t k = first; k < end; k++) {
			const uint64_t from = k * g->cell_bytes;
			const uint64_t to = from + g->cell_bytes < bytes ? from + g->cell_bytes : bytes;

			print_fullness(stream, map_resident(map, from, to), to - from, utf8);
		}
		fputc('\n', stream);
	}
}

static int print_table(FILE *stream, const struct map *map)
{
	static const char *const titles[] = { "MARK",  "OBJECT",   "KIND",   ">OFFSET",
					      ">SIZE", ">MEMORY", ">OF IT", ">FULL" };
	struct text_table t;
	char buf[TEXT_MAX];

	text_table_init(&t, sizeof(titles) / sizeof(titles[0]), titles);
	for (size_t i = 0; i < map->n_parts; i++) {
		const struct map_part *p = &map->parts[i];
		struct level level;

		text_table_add(&t, "%c", mark_of(map, p));
		text_table_add(&t, "%s", p->object ? p->object->entry.name : "(free)");
		text_table_add(&t, "%s", !p->object ? "-" :
			       p->object->entry.state == SHMREG_ENTRY_REMOVED ? "removed" :
			       shmreg_kind_name(p->object->entry.shape.kind));
		text_table_add(&t, "%" PRIu64, p->offset);
		text_table_add(&t, "%s", text_bytes(buf, p->bytes));
		text_table_add(&t, "%s", text_bytes(buf, p->resident));
		text_table_add(&t, "%.0f%%", level_percent(p->resident, p->bytes));
		if (p->object && level_of(p->object, &level))
			text_table_add(&t, "%.0f%%", level_percent(level.n, level.total));
		else
			text_table_add(&t, "-");
	}
	return text_table_print(&t, stream);
}

static void print_pages(FILE *stream, const struct map *map)
{
	char buf[TEXT_MAX];

	if (map->in_file || !map->pages.page_bytes)
		return;
	fprintf(stream, "pages     of %s", text_bytes(buf, map->pages.page_bytes));
	if (map->pages.page_bytes > 4096)
		fputs(", huge pages", stream);
	else if (map->pages.huge_bytes)
		fprintf(stream, "; %s are in transparent huge pages", text_bytes(buf, map->pages.huge_bytes));
	else
		fputs("; no huge pages", stream);
	fputc('\n', stream);
}

int map_print(const struct map *map, unsigned int columns, bool utf8, FILE *stream)
{
	char a[TEXT_MAX], b[TEXT_MAX], c[TEXT_MAX];
	struct grid g;

	if (grid_new(&g, map, columns - LABEL) < 0)
		return -ENOMEM;
	fprintf(stream, "segment   %s: %s, of which %s are memory\n", map->snapshot->info.name,
		text_bytes(a, map->snapshot->header.data_bytes), text_bytes(b, map->resident));
	fprintf(stream, "free      %s in %zu %s", text_bytes(a, map->free), map->n_free,
		map->n_free == 1 ? "piece" : "pieces");
	if (map->n_free > 1)
		fprintf(stream, ", the largest %s; fragmented to %u%%",
			text_bytes(b, map->largest_free), map_fragmentation(map));
	fputc('\n', stream);
	print_pages(stream, map);
	fprintf(stream, "\nEach mark is %s; below it, how much of that is memory. "
		"%c is free, %c several objects.\n\n", text_bytes(c, g.cell_bytes), MARK_FREE,
		MARK_MANY);
	print_grid(stream, map, &g, utf8);
	free(g.mark);
	fputc('\n', stream);
	return print_table(stream, map);
}

void map_json(const struct map *map, struct json *j)
{
	json_number(j, "data_bytes", map->snapshot->header.data_bytes);
	json_number(j, "resident_bytes", map->resident);
	json_number(j, "used_bytes", map->used);
	json_number(j, "free_bytes", map->free);
	json_number(j, "largest_free_bytes", map->largest_free);
	json_number(j, "n_free", map->n_free);
	json_number(j, "fragmentation_percent", map_fragmentation(map));
	if (map->in_file || !map->pages.page_bytes) {
		json_null(j, "page_bytes");
		json_null(j, "huge_bytes");
	} else {
		json_number(j, "page_bytes", map->pages.page_bytes);
		json_number(j, "huge_bytes", map->pages.page_bytes > 4096 ? map->resident : map->pages.huge_bytes);
	}
	json_open_array(j, "parts");
	for (size_t i = 0; i < map->n_parts; i++) {
		const struct map_part *p = &map->parts[i];

		json_open_object(j, NULL);
		json_string(j, "object", p->object ? p->object->entry.name : NULL);
		json_string(j, "kind", p->object ? shmreg_kind_name(p->object->entry.shape.kind) : NULL);
		json_string(j, "state", !p->object ? "free" :
			    p->object->entry.state == SHMREG_ENTRY_REMOVED ? "removed" : "live");
		json_number(j, "offset", p->offset);
		json_number(j, "bytes", p->bytes);
		json_number(j, "resident_bytes", p->resident);
		json_close(j);
	}
	json_close(j);
}
