/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "top-table.h"

#define FIRST_MIN 8
#define PART_MIN 12

void top_table_init(struct top_table *t, const struct top_column *columns, unsigned int n_columns)
{
	*t = (struct top_table){ .columns = columns, .n_columns = n_columns };
}

static void free_row(struct top_row *row)
{
	for (unsigned int i = 0; i < TOP_COLUMNS_MAX; i++)
		free(row->cell[i].text);
	free(row->key);
}

void top_table_deinit(struct top_table *t)
{
	for (size_t i = 0; i < t->n_rows; i++)
		free_row(&t->rows[i]);
	free(t->rows);
	*t = (struct top_table){ .columns = t->columns, .n_columns = t->n_columns };
}

/* Names are ASCII by their grammar, but a terminal must not depend on it. */
char *top_clean(char *text)
{
	for (char *c = text; c && *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return text;
}

static char *format_text(const char *format, va_list args)
{
	char *text;

	return vasprintf(&text, format, args) < 0 ? NULL : top_clean(text);
}

void top_table_row(struct top_table *t, enum top_mark mark, const char *key_format, ...)
{
	struct top_row *row;
	va_list args;

	if (t->n_rows == t->room) {
		const size_t room = t->room ? t->room * 2 : 64;

		row = reallocarray(t->rows, room, sizeof(*row));
		if (!row) {
			t->failed = true;
			return;
		}
		t->rows = row;
		t->room = room;
	}
	row = &t->rows[t->n_rows];
	*row = (struct top_row){ .mark = mark };
	for (unsigned int i = 0; i < TOP_COLUMNS_MAX; i++)
		row->cell[i].number = NAN;
	va_start(args, key_format);
	row->key = format_text(key_format, args);
	va_end(args);
	if (row->key)
		t->n_shown = ++t->n_rows;
	else
		t->failed = true;
}

static void set(struct top_table *t, unsigned int column, char *text, double number)
{
	struct top_cell *cell;

	if (t->failed || !t->n_rows || !text) {
		t->failed |= !text;
		free(text);
		return;
	}
	cell = &t->rows[t->n_rows - 1].cell[column];
	free(cell->text);
	*cell = (struct top_cell){ .text = text, .number = number };
}

void top_table_text(struct top_table *t, unsigned int column, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set(t, column, format_text(format, args), NAN);
	va_end(args);
}

void top_table_stream(struct top_table *t, unsigned int column, FILE *stream, char **text)
{
	if (!stream || fclose(stream) < 0) {
		t->failed = true;
		free(*text);
	} else {
		set(t, column, top_clean(*text), NAN);
	}
	*text = NULL;
}

void top_table_number(struct top_table *t, unsigned int column, double number)
{
	char buf[TEXT_MAX];

	switch (t->columns[column].type) {
	case TOP_BYTES:
		text_bytes(buf, (uint64_t)number);
		break;
	case TOP_PERCENT:
		snprintf(buf, sizeof(buf), "%.0f%%", number);
		break;
	case TOP_RATE:
		snprintf(buf, sizeof(buf), "%.*f", number > 0 && number < 100 ? 1 : 0, number);
		break;
	default:
		snprintf(buf, sizeof(buf), "%.0f", number);
	}
	set(t, column, strdup(buf), number);
}

/* --- sort, filter, find ------------------------------------------------------------------- */

struct order {
	unsigned int column;
	bool numbers;
	bool reversed;
};

static int compare_numbers(double a, double b, bool reversed)
{
	if (isnan(a) || isnan(b))
		return !!isnan(a) - !!isnan(b);
	if (a == b)
		return 0;
	return (a > b) == reversed ? 1 : -1;
}

static int compare(const void *a, const void *b, void *data)
{
	const struct order *order = data;
	const struct top_cell *x = &((const struct top_row *)a)->cell[order->column];
	const struct top_cell *y = &((const struct top_row *)b)->cell[order->column];
	int r;

	if (order->numbers)
		return compare_numbers(x->number, y->number, order->reversed);
	if (!x->text || !y->text)
		return !x->text - !y->text;
	r = strcmp(x->text, y->text);
	return order->reversed ? -r : r;
}

/* By merging: qsort_r() does not promise to keep the order of what is equal. */
static void merge_sort(struct top_row *rows, struct top_row *scratch, size_t n, struct order *order)
{
	const size_t half = n / 2;
	size_t i = 0, k = half;

	if (n < 2)
		return;
	merge_sort(rows, scratch, half, order);
	merge_sort(rows + half, scratch, n - half, order);
	for (size_t at = 0; at < n; at++)
		if (k == n || (i < half && compare(&rows[i], &rows[k], order) <= 0))
			scratch[at] = rows[i++];
		else
			scratch[at] = rows[k++];
	memcpy(rows, scratch, n * sizeof(*rows));
}

void top_table_sort(struct top_table *t, unsigned int column, bool reversed)
{
	struct order order = { .column = column, .reversed = reversed };
	struct top_row *scratch;

	if (column >= t->n_columns || t->n_rows < 2)
		return;
	order.numbers = t->columns[column].type != TOP_TEXT;
	scratch = reallocarray(NULL, t->n_rows, sizeof(*scratch));
	if (!scratch)
		return;
	merge_sort(t->rows, scratch, t->n_rows, &order);
	free(scratch);
}

static bool matches(const struct top_table *t, const struct top_row *row, const char *part)
{
	for (unsigned int i = 0; i < t->n_columns; i++)
		if (t->columns[i].type == TOP_TEXT && row->cell[i].text &&
		    strcasestr(row->cell[i].text, part))
			return true;
	return false;
}

void top_table_filter(struct top_table *t, const char *part)
{
	struct top_row *scratch;
	size_t n = 0, n_hidden = 0;

	t->n_shown = t->n_rows;
	scratch = *part && t->n_rows ? reallocarray(NULL, t->n_rows, sizeof(*scratch)) : NULL;
	if (!scratch)
		return;
	for (size_t i = 0; i < t->n_rows; i++)
		if (matches(t, &t->rows[i], part))
			t->rows[n++] = t->rows[i];
		else
			scratch[n_hidden++] = t->rows[i];
	memcpy(t->rows + n, scratch, n_hidden * sizeof(*scratch));
	t->n_shown = n;
	free(scratch);
}

size_t top_table_find(const struct top_table *t, const char *key)
{
	size_t i = 0;

	while (i < t->n_shown && strcmp(t->rows[i].key, key) != 0)
		i++;
	return i;
}

/* --- widths ------------------------------------------------------------------------------- */

static unsigned int wanted(const struct top_table *t, unsigned int column)
{
	size_t width = strlen(t->columns[column].title);

	if (t->columns[column].type == TOP_PERCENT)
		return TOP_BAR_WIDTH;
	for (size_t i = 0; i < t->n_shown; i++) {
		const char *text = t->rows[i].cell[column].text;

		if (text && strlen(text) > width)
			width = strlen(text);
	}
	return width > 200 ? 200 : (unsigned int)width;
}

static unsigned int sum(const unsigned int *width, unsigned int n)
{
	unsigned int total = 0;

	for (unsigned int i = 0; i < n; i++)
		total += width[i] ? width[i] + (total != 0) : 0;
	return total;
}

/* The one that goes next; n: none may. */
static unsigned int least_needed(const struct top_table *t, const unsigned int *width)
{
	unsigned int least = t->n_columns;

	for (unsigned int i = 0; i < t->n_columns; i++)
		if (width[i] && t->columns[i].rank &&
		    (least == t->n_columns || t->columns[i].rank >= t->columns[least].rank))
			least = i;
	return least;
}

/* Takes from column @i what is too much, but leaves @min. */
static void cut(const struct top_table *t, unsigned int width, unsigned int *ret, unsigned int i,
		unsigned int min)
{
	const unsigned int total = sum(ret, t->n_columns);
	unsigned int excess = total > width ? total - width : 0;

	if (ret[i] <= min)
		return;
	if (excess > ret[i] - min)
		excess = ret[i] - min;
	ret[i] -= excess;
}

void top_table_fit(const struct top_table *t, unsigned int width,
		   unsigned int ret_width[TOP_COLUMNS_MAX])
{
	unsigned int i, natural, part = 0;

	for (i = 0; i < t->n_columns; i++)
		ret_width[i] = wanted(t, i);
	/* A long name must not push out what is to be known of it. */
	natural = ret_width[0];
	if (natural > width / 3 && natural > FIRST_MIN)
		ret_width[0] = width / 3 > FIRST_MIN ? width / 3 : FIRST_MIN;
	while (sum(ret_width, t->n_columns) > width) {
		i = least_needed(t, ret_width);
		if (i == t->n_columns)
			break;
		/* Words are worth something in part, numbers are not. */
		if (t->columns[i].type == TOP_TEXT) {
			cut(t, width, ret_width, i, PART_MIN);
			if (sum(ret_width, t->n_columns) <= width) {
				part = i;
				break;
			}
		}
		ret_width[i] = 0;
	}
	cut(t, width, ret_width, 0, FIRST_MIN);
	/* And gets what is left over, from what is cut anyway. */
	while (ret_width[0] < natural) {
		if (sum(ret_width, t->n_columns) < width)
			ret_width[0]++;
		else if (part && ret_width[part] > PART_MIN)
			ret_width[0]++, ret_width[part]--;
		else
			break;
	}
}
