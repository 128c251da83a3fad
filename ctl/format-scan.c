/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "format-string.h"

/* --- values ------------------------------------------------------------------------------------- */

struct scan {
	const struct format *format;
	const char *text;
	char *why;
};

static int get_field(struct scan *s, size_t i, unsigned char *at);

static size_t get_name(const char **text, char name[FORMAT_NAME_MAX + 1])
{
	const bool quoted = **text == '"';
	const char *const begin = *text + quoted;
	const size_t n = quoted ? strcspn(begin, "\"") : strcspn(begin, " \t\r\n=:,{}[]\"");

	if (n == 0 || n > FORMAT_NAME_MAX)
		return 0;
	memcpy(name, begin, n);
	name[n] = '\0';
	*text = begin + n + (quoted && begin[n] == '"');
	return n;
}

static size_t find_member(const struct format *format, size_t i, const char *name)
{
	for (size_t k = i + 1; k < format->fields[i].end; k = format->fields[k].end)
		if (strcmp(format->fields[k].name, name) == 0)
			return k;
	return 0;
}

static int get_member(struct scan *s, size_t i, unsigned char *at, bool *seen)
{
	char name[FORMAT_NAME_MAX + 1];
	size_t k;

	if (!get_name(&s->text, name))
		return format_refuse(s->why, "has '%.16s' where a field's name should be", s->text);
	k = find_member(s->format, i, name);
	if (!k)
		return format_refuse(s->why, "has '%s', which is no field", name);
	if (seen[k])
		return format_refuse(s->why, "has '%s' twice", name);
	seen[k] = true;
	format_skip_blanks(&s->text);
	if (*s->text != '=' && *s->text != ':')
		return format_refuse(s->why, "has no '=' or ':' behind '%s'", name);
	s->text++;
	format_skip_blanks(&s->text);
	return get_field(s, k, at + s->format->fields[k].offset);
}

static const char *missing(const struct format *format, size_t i, const bool *seen)
{
	for (size_t k = i + 1; k < format->fields[i].end; k = format->fields[k].end)
		if (!seen[k])
			return format->fields[k].name;
	return NULL;
}

static int get_members(struct scan *s, size_t i, unsigned char *at, bool *seen, bool braces)
{
	int r;

	for (;;) {
		format_skip_separators(&s->text);
		if (braces && *s->text == '}') {
			s->text++;
			return 0;
		}
		/* Without braces it is complete when all is there. */
		if (!braces && (!*s->text || !missing(s->format, i, seen)))
			return 0;
		if (!*s->text)
			return format_refuse(s->why, "has no '}' at its end");
		r = get_member(s, i, at, seen);
		if (r < 0)
			return r;
	}
}

static int get_struct(struct scan *s, size_t i, unsigned char *at)
{
	const bool braces = *s->text == '{';
	bool *seen = calloc(s->format->fields[i].end, sizeof(*seen));
	const char *left;
	int r;

	if (!seen)
		return -ENOMEM;
	s->text += braces;
	if (!braces && i > 0)
		r = format_refuse(s->why, "has no '{' where the fields of '%s' should be",
				  s->format->fields[i].name);
	else
		r = get_members(s, i, at, seen, braces);
	left = r == 0 ? missing(s->format, i, seen) : NULL;
	if (left)
		r = format_refuse(s->why, "has no '%s'; all fields are to be given", left);
	free(seen);
	return r;
}

static int get_one(struct scan *s, size_t i, unsigned char *at)
{
	if (s->format->fields[i].base == FORMAT_STRUCT)
		return get_struct(s, i, at);
	return format_get_value(&s->text, &s->format->fields[i], at, s->why);
}

static int get_dim(struct scan *s, size_t i, unsigned int dim, unsigned char *at)
{
	const struct format_field *field = &s->format->fields[i];
	uint64_t step = field->bytes, n;
	int r;

	if (dim == field->n_dims)
		return get_one(s, i, at);
	if (dim + 1 == field->n_dims && field->base == FORMAT_CHAR && *s->text != '[')
		return format_get_string(&s->text, false, field, at, field->dims[dim], s->why);
	if (*s->text != '[')
		return format_refuse(s->why, "has no '[' where the elements of '%s' should be",
				     field->name);
	s->text++;
	for (unsigned int d = dim + 1; d < field->n_dims; d++)
		step *= field->dims[d];
	for (n = 0;; n++) {
		format_skip_separators(&s->text);
		if (*s->text == ']' || !*s->text || n == field->dims[dim])
			break;
		r = get_dim(s, i, dim + 1, at + n * step);
		if (r < 0)
			return r;
	}
	if (*s->text != ']' || n < field->dims[dim])
		return format_refuse(s->why, "has %s elements in '%s' than %" PRIu64,
				     *s->text && *s->text != ']' ? "more" : "fewer", field->name,
				     field->dims[dim]);
	s->text++;
	return 0;
}

static int get_field(struct scan *s, size_t i, unsigned char *at)
{
	return get_dim(s, i, 0, at);
}

/* Numbers of one type, in brackets or not. */
static int get_numbers(struct scan *s, bool vary, unsigned char *at, uint64_t bytes,
		       uint64_t *ret_bytes)
{
	const struct format_field *field = &s->format->fields[0];
	const bool brackets = *s->text == '[';
	const uint64_t most = bytes / field->bytes;
	uint64_t n = 0;
	int r;

	s->text += brackets;
	for (format_skip_separators(&s->text); *s->text && *s->text != ']' && n < most;
	     format_skip_separators(&s->text)) {
		r = format_get_value(&s->text, field, at + n * field->bytes, s->why);
		if (r < 0)
			return r;
		n++;
		if (!brackets && !vary && n == most)
			break;
	}
	if (brackets && *s->text == ']')
		s->text++;
	else if (brackets)
		return format_refuse(s->why, *s->text ? "has more than %" PRIu64 " numbers in brackets" :
							"has no ']' behind its %" PRIu64 " numbers",
				     *s->text ? most : n);
	if (!vary && n < most)
		return format_refuse(s->why, "has %" PRIu64 " numbers; an element has %" PRIu64, n, most);
	*ret_bytes = n * field->bytes;
	return 0;
}

/* --- hex, text and CSV ---------------------------------------------------------------------------- */

/* A line of format_print()'s, or digits alone, in pairs; what is behind two blanks is text. */
static int get_hex(const char **text, unsigned char *at, uint64_t bytes, uint64_t *ret_bytes,
		   char why[FORMAT_WHY_MAX])
{
	const bool quoted = **text == '"';
	const size_t offset = strspn(*text, "0123456789abcdefABCDEF");
	struct format_bytes b = { .data = at, .room = bytes };

	*text += quoted;
	if (!quoted && offset && (*text)[offset] == ':')
		*text += offset + 1 + ((*text)[offset + 1] == ' ');
	while (**text && !(quoted && **text == '"') && strncmp(*text, "  ", 2) != 0) {
		int64_t value;

		if (strchr(" \t\r\n", **text)) {
			(*text)++;
			continue;
		}
		value = format_get_digits(text, 2);
		if (value < 0)
			return format_refuse(why, "has '%.16s' where pairs of hexadecimal digits should "
						  "be", *text);
		format_add(&b, (unsigned int)value);
	}
	*text += strlen(*text);
	if (b.n > bytes)
		return format_too_long(why, "", b.n, bytes);
	*ret_bytes = b.n;
	return 0;
}

/* A text that is no UTF-8, as JSON has it. */
static int get_text_numbers(const char **text, struct format_bytes *b, char why[FORMAT_WHY_MAX])
{
	const struct format_field byte = { .base = FORMAT_UNSIGNED, .bytes = 1, .count = 1 };
	unsigned char c;
	int r;

	for ((*text)++;; format_add(b, c)) {
		format_skip_separators(text);
		if (**text == ']')
			break;
		r = format_get_value(text, &byte, &c, why);
		if (r < 0)
			return r;
	}
	(*text)++;
	return 0;
}

static int get_text(const char **text, enum format_style style, bool vary, unsigned char *at,
		    uint64_t bytes, uint64_t *ret_bytes, char why[FORMAT_WHY_MAX])
{
	const bool quoted = style != FORMAT_STYLE_TEXT && **text == '"';
	struct format_bytes b = { .data = at, .room = bytes };
	int r;

	*text += quoted;
	if (style == FORMAT_STYLE_JSON && **text == '[' && !quoted)
		r = get_text_numbers(text, &b, why);
	else
		r = format_get_characters(text, quoted ? '"' : '\0', style == FORMAT_STYLE_CSV, &b, why);
	if (r < 0)
		return r;
	format_skip_blanks(text);
	if (**text)
		return format_refuse(why, "has '%.16s' behind its text", *text);
	if (b.n > bytes)
		return format_too_long(why, "", b.n, bytes);
	if (vary)
		*ret_bytes = b.n;
	return 0;
}

struct row {
	const char *text;
	unsigned char *at;
	uint64_t n;
	char *why;
};

static int get_cell(void *context, const char *name, const struct format_field *field,
		    uint64_t offset, uint64_t n)
{
	struct row *row = context;
	int r;

	row->text += strspn(row->text, " \t");
	if (row->n++) {
		if (*row->text != ',')
			return format_refuse(row->why, *row->text && !strchr("\r\n", *row->text) ?
				"has no comma before the column '%s'" : "has no column '%s'", name);
		row->text++;
		row->text += strspn(row->text, " \t");
	}
	if (field->base == FORMAT_CHAR && field->n_dims)
		r = format_get_string(&row->text, true, field, row->at + offset, n, row->why);
	else
		r = format_get_value(&row->text, field, row->at + offset, row->why);
	return r;
}

static int get_row(const struct format *format, const char **text, void *data, uint64_t bytes,
		   char why[FORMAT_WHY_MAX])
{
	struct row row = { .text = *text, .at = data, .why = why };
	const int r = format_leaves(format, bytes, get_cell, &row);

	if (r < 0)
		return r;
	format_skip_blanks(&row.text);
	if (*row.text)
		return format_refuse(why, "has '%.16s' behind its %" PRIu64 " columns", row.text, row.n);
	*text = row.text;
	return 0;
}

int format_scan(const struct format *format, enum format_style style, bool vary, const char **text,
		void *data, uint64_t bytes, uint64_t *ret_bytes, char why[FORMAT_WHY_MAX])
{
	struct scan s = { .format = format, .why = why };
	int r;

	if (format->kind == FORMAT_RAW)
		return format_refuse(why, "is not to be scanned");
	if (format->kind != FORMAT_TEXT || style != FORMAT_STYLE_TEXT) {
		format_skip_separators(text);
		if (!**text)
			return 0;
	}
	if (format->kind == FORMAT_VALUES && format->fields[0].base == FORMAT_STRUCT) {
		if (format->fields[0].bytes > bytes)
			return format_too_long(why, "", format->fields[0].bytes, bytes);
		bytes = format->fields[0].bytes;
		memset(data, 0, bytes);
	} else if (!vary) {
		memset(data, 0, bytes);
	}
	*ret_bytes = bytes;
	if (format->kind == FORMAT_HEX) {
		r = get_hex(text, data, bytes, ret_bytes, why);
	} else if (format->kind == FORMAT_TEXT) {
		r = get_text(text, style, vary, data, bytes, ret_bytes, why);
	} else if (style == FORMAT_STYLE_CSV && (!vary || format->fields[0].base == FORMAT_STRUCT)) {
		r = get_row(format, text, data, bytes, why);
	} else {
		s.text = *text;
		r = format->fields[0].base == FORMAT_STRUCT ?
			    get_struct(&s, 0, data) :
			    get_numbers(&s, vary, data, bytes, ret_bytes);
		*text = s.text;
		format_skip_separators(text);
		if (r == 0 && vary && **text)
			r = format_refuse(why, "has '%.16s' behind its element", *text);
	}
	return r < 0 ? r : 1;
}

/* --- the header of CSV ------------------------------------------------------------------------------ */

struct header {
	const char *text;
	bool any;
};

static int match_name(void *context, const char *name, const struct format_field *field,
		      uint64_t offset, uint64_t n)
{
	struct header *header = context;
	const size_t length = strlen(name);
	bool quoted;

	(void)field, (void)offset, (void)n;
	header->text += strspn(header->text, header->any ? " \t," : " \t");
	header->any = true;
	quoted = *header->text == '"';
	header->text += quoted;
	if (strncasecmp(header->text, name, length) != 0)
		return 1;
	header->text += length + (quoted && header->text[length] == '"');
	return strchr(" \t\r\n,", *header->text) ? 0 : 1;
}

bool format_is_header(const struct format *format, const char *line, uint64_t bytes)
{
	struct header header = { .text = line };

	if (format->kind != FORMAT_VALUES)
		return strncasecmp(line, "value", 5) == 0 && !line[5 + strspn(line + 5, "\r\n")];
	if (format_leaves(format, bytes, match_name, &header) != 0)
		return false;
	format_skip_blanks(&header.text);
	return !*header.text;
}
