/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <math.h>

#include "json.h"
#include "text.h"
#include "top-print.h"

static int print_table(const struct top_table *t, FILE *stream)
{
	const char *titles[TOP_COLUMNS_MAX];
	char title[TOP_COLUMNS_MAX][32];
	struct text_table table;

	for (unsigned int c = 0; c < t->n_columns; c++) {
		snprintf(title[c], sizeof(title[c]), "%s%s",
			 t->columns[c].type == TOP_TEXT ? "" : ">", t->columns[c].title);
		titles[c] = title[c];
	}
	text_table_init(&table, t->n_columns, titles);
	for (size_t i = 0; i < t->n_shown; i++)
		for (unsigned int c = 0; c < t->n_columns; c++) {
			const char *text = t->rows[i].cell[c].text;

			text_table_add(&table, "%s", text && *text ? text : "-");
		}
	return t->failed ? (text_table_print(&table, stream), -ENOMEM) :
			   text_table_print(&table, stream);
}

int top_print_text(const struct top_view *v, FILE *stream)
{
	for (unsigned int i = 0; i < v->n_lines; i++)
		if (isnan(v->lines[i].percent))
			fprintf(stream, "%s\n", v->lines[i].text);
		else
			fprintf(stream, "%3.0f%% %s\n", v->lines[i].percent, v->lines[i].text);
	if (*v->why)
		fprintf(stream, "%s\n", v->why);
	fputc('\n', stream);
	return print_table(&v->table, stream);
}

static void json_cell(struct json *j, const struct top_column *column, const struct top_cell *cell)
{
	if (column->type == TOP_TEXT)
		json_string(j, column->key, cell->text && *cell->text ? cell->text : NULL);
	else if (isnan(cell->number))
		json_null(j, column->key);
	else if (column->type == TOP_COUNT || column->type == TOP_BYTES)
		json_number(j, column->key, (uint64_t)cell->number);
	else
		json_decimal(j, column->key, cell->number);
}

void top_print_json(const struct top_view *v, FILE *stream)
{
	struct json j;

	json_init(&j, stream);
	json_open_object(&j, NULL);
	json_string(&j, "page", top_page_name(v->place.page));
	json_string(&j, "segment", *v->place.segment ? v->place.segment : NULL);
	json_string(&j, "object", *v->place.object ? v->place.object : NULL);
	json_number(&j, "time_ns", v->time_ns);
	if (v->interval_ns)
		json_number(&j, "interval_ns", v->interval_ns);
	else
		json_null(&j, "interval_ns");
	json_string(&j, "note", *v->why ? v->why : NULL);
	json_open_array(&j, "rows");
	for (size_t i = 0; i < v->table.n_shown; i++) {
		json_open_object(&j, NULL);
		for (unsigned int c = 0; c < v->table.n_columns; c++)
			json_cell(&j, &v->table.columns[c], &v->table.rows[i].cell[c]);
		json_close(&j);
	}
	json_close(&j);
	json_close(&j);
	json_end(&j);
}
