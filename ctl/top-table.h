/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_TOP_TABLE_H
#define SHMREGCTL_TOP_TABLE_H

/*
 * top-table.h - rows that can be sorted, filtered, and fitted into a width
 *
 * Pure: knows neither the daemon nor the terminal. A cell has a text, and a number if its
 * column is of numbers; cells without (NAN) sort last in either direction.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TOP_COLUMNS_MAX 16
#define TOP_BAR_WIDTH 15	/* of a column of bars: the bar, a blank, "100%" */

enum top_type {
	TOP_TEXT,
	TOP_COUNT,		/* a whole number */
	TOP_RATE,		/* a second */
	TOP_BYTES,
	TOP_PERCENT,		/* shown as a bar */
};

struct top_column {
	const char *title;
	const char *key;	/* in JSON */
	enum top_type type;
	unsigned int rank;	/* where it gets narrow, the largest go first; 0 never */
	bool lazy;		/* is known only of rows that were looked at: those on the screen */
};

/* How a row is to be seen. */
enum top_mark { TOP_PLAIN, TOP_DIM, TOP_WARN, TOP_ALARM };

struct top_cell {
	char *text;
	double number;
};

struct top_row {
	char *key;		/* what it is of, so that a selection stays with it */
	uint64_t link;		/* a participant's id; 0: none */
	enum top_mark mark;
	struct top_cell cell[TOP_COLUMNS_MAX];
};

struct top_table {
	const struct top_column *columns;
	unsigned int n_columns;
	struct top_row *rows;
	size_t n_rows;
	size_t n_shown;		/* of them, the first: see top_table_filter() */
	size_t room;
	bool failed;		/* no memory: it is not complete */
};

void top_table_init(struct top_table *t, const struct top_column *columns, unsigned int n_columns);
void top_table_deinit(struct top_table *t);

/* Control characters, and what is not ASCII, become '?'. Return: @text. */
char *top_clean(char *text);

/* Begins a row; its cells are NAN and "-" until they are set. */
void top_table_row(struct top_table *t, enum top_mark mark, const char *key_format, ...)
	__attribute__((format(printf, 3, 4)));
/* Of the row begun last. Control characters become '?'. */
void top_table_text(struct top_table *t, unsigned int column, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same, of what was written to an open_memstream(); @stream is closed, *@text freed. */
void top_table_stream(struct top_table *t, unsigned int column, FILE *stream, char **text);
/* With the text that is usual for the column's type. */
void top_table_number(struct top_table *t, unsigned int column, double number);

/* Rows that are equal keep their order; numbers begin with the largest, texts with 'a'. */
void top_table_sort(struct top_table *t, unsigned int column, bool reversed);
/*
 * To the front go the rows in which some text has @part in it, whatever the case of letters, in the
 * order in which they are; the others follow, and are not shown.
 */
void top_table_filter(struct top_table *t, const char *part);
/* Return: its index; n_shown: it is not among those shown. */
size_t top_table_find(const struct top_table *t, const char *key);

/*
 * top_table_fit() - widths for a terminal
 * @ret_width:	of each column; 0: there is no room for it
 *
 * Between columns there is one blank. What is too wide even so is cut: first the first column,
 * which is at least 8 wide.
 */
void top_table_fit(const struct top_table *t, unsigned int width,
		   unsigned int ret_width[TOP_COLUMNS_MAX]);

#endif /* SHMREGCTL_TOP_TABLE_H */
