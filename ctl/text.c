/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <shmreg/abi/directory.h>

#include "text.h"

const char *text_bytes(char buf[TEXT_MAX], uint64_t bytes)
{
	static const char units[] = "BKMGTPE";
	uint64_t tenths;
	unsigned int unit = 0;

	/* In tenths, so that rounding cannot say "1024.0M". */
	while (unit + 2 < sizeof(units) && bytes >> (10 * (unit + 1)))
		unit++;
	tenths = unit ? (bytes >> (10 * (unit - 1))) * 10 / 1024 : bytes * 10;
	if (tenths % 10 == 0 || tenths >= 1000)
		snprintf(buf, TEXT_MAX, "%" PRIu64 "%c", tenths / 10, units[unit]);
	else
		snprintf(buf, TEXT_MAX, "%" PRIu64 ".%" PRIu64 "%c", tenths / 10, tenths % 10,
			 units[unit]);
	return buf;
}

const char *text_mode(char buf[TEXT_MAX], uint32_t mode)
{
	static const char letters[] = "rwxrwxrwx";

	for (unsigned int i = 0; i < 9; i++)
		buf[i] = mode & (0400u >> i) ? letters[i] : '-';
	buf[9] = '\0';
	return buf;
}

const char *text_time(char buf[TEXT_MAX], uint64_t ns)
{
	const time_t seconds = (time_t)(ns / 1000000000);
	struct tm tm;

	if (!ns || !localtime_r(&seconds, &tm) ||
	    !strftime(buf, TEXT_MAX, "%Y-%m-%d %H:%M:%S", &tm))
		snprintf(buf, TEXT_MAX, "-");
	return buf;
}

const char *text_user(char buf[TEXT_MAX], uint32_t uid)
{
	const struct passwd *pw = getpwuid(uid);

	if (pw)
		snprintf(buf, TEXT_MAX, "%s", pw->pw_name);
	else
		snprintf(buf, TEXT_MAX, "%" PRIu32, uid);
	return buf;
}

const char *text_group(char buf[TEXT_MAX], uint32_t gid)
{
	const struct group *gr = getgrgid(gid);

	if (gr)
		snprintf(buf, TEXT_MAX, "%s", gr->gr_name);
	else
		snprintf(buf, TEXT_MAX, "%" PRIu32, gid);
	return buf;
}

const char *text_lifetime(uint32_t lifetime)
{
	switch (lifetime) {
	case SHMREG_WHILE_ATTACHED:
		return "while-attached";
	case SHMREG_UNTIL_REMOVED:
		return "until-removed";
	case SHMREG_WITH_CREATOR:
		return "with-creator";
	default:
		return "unknown";
	}
}

const char *text_state(uint32_t state, uint32_t flags)
{
	if (flags & SHMREG_DIR_QUARANTINED)
		return "quarantined";
	switch (state) {
	case SHMREG_DIR_CREATING:
		return "creating";
	case SHMREG_DIR_LIVE:
		return flags & SHMREG_DIR_ORPHANED ? "orphaned" : "live";
	case SHMREG_DIR_REMOVED:
		return "removed";
	default:
		return "unknown";
	}
}

void text_table_init(struct text_table *t, unsigned int n_columns, const char *const *titles)
{
	*t = (struct text_table){ .n_columns = n_columns, .titles = titles };
}

void text_table_add(struct text_table *t, const char *format, ...)
{
	va_list args;
	char *cell;
	int n;

	if (t->failed)
		return;
	if (t->n_cells == t->room) {
		const size_t room = t->room ? t->room * 2 : 64;
		char **cells = reallocarray(t->cells, room, sizeof(*cells));

		if (!cells) {
			t->failed = 1;
			return;
		}
		t->cells = cells;
		t->room = room;
	}
	va_start(args, format);
	n = vasprintf(&cell, format, args);
	va_end(args);
	if (n < 0) {
		t->failed = 1;
		return;
	}
	/* Names are ASCII by their grammar, but a terminal must not depend on it. */
	for (char *c = cell; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	t->cells[t->n_cells++] = cell;
}

void text_table_add_stream(struct text_table *t, FILE *stream, char **text)
{
	if (!stream || fclose(stream) < 0)
		t->failed = 1;
	else
		text_table_add(t, "%s", *text);
	free(*text);
	*text = NULL;
}

static const char *title(const struct text_table *t, unsigned int column)
{
	return t->titles[column] + (t->titles[column][0] == '>');
}

static void print_cell(const struct text_table *t, FILE *stream, unsigned int column,
		       const char *cell, size_t width)
{
	const int pad = (int)(width - strlen(cell));
	const char *gap = column ? "  " : "";

	if (t->titles[column][0] == '>')
		fprintf(stream, "%s%*s%s", gap, pad, "", cell);
	else if (column + 1 < t->n_columns)
		fprintf(stream, "%s%s%*s", gap, cell, pad, "");
	else
		fprintf(stream, "%s%s", gap, cell);
}

int text_table_print(struct text_table *t, FILE *stream)
{
	const int failed = t->failed;
	size_t *width = calloc(t->n_columns, sizeof(*width));

	if (!failed && width) {
		for (unsigned int c = 0; c < t->n_columns; c++)
			width[c] = strlen(title(t, c));
		for (size_t i = 0; i < t->n_cells; i++)
			if (strlen(t->cells[i]) > width[i % t->n_columns])
				width[i % t->n_columns] = strlen(t->cells[i]);
		for (unsigned int c = 0; c < t->n_columns; c++)
			print_cell(t, stream, c, title(t, c), width[c]);
		fputc('\n', stream);
		for (size_t i = 0; i < t->n_cells; i++) {
			const unsigned int c = (unsigned int)(i % t->n_columns);

			print_cell(t, stream, c, t->cells[i], width[c]);
			if (c + 1 == t->n_columns)
				fputc('\n', stream);
		}
	}
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct text_table){ .n_columns = t->n_columns, .titles = t->titles };
	if (failed || !width) {
		free(width);
		return -ENOMEM;
	}
	free(width);
	return 0;
}
