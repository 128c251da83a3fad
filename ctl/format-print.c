/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "json.h"

#define HEX_COLUMNS 16

/* --- strings ------------------------------------------------------------------------------------ */

static uint64_t used_bytes(const unsigned char *s, uint64_t n)
{
	while (n && !s[n - 1])
		n--;
	return n;
}

static bool is_utf8(const unsigned char *s, uint64_t n)
{
	for (uint64_t i = 0, length; i < n; i += length) {
		length = json_utf8_length(s + i);
		if (!length)
			return false;
	}
	return true;
}

static void put_escape(FILE *out, enum format_style style, unsigned char c)
{
	if (c == '\n')
		fputs("\\n", out);
	else if (c == '\t')
		fputs("\\t", out);
	else if (c == '\r')
		fputs("\\r", out);
	else
		fprintf(out, style == FORMAT_STYLE_JSON ? "\\u%04x" : "\\x%02x", c);
}

/* @s has a zero byte behind its @n. */
static void put_characters(FILE *out, enum format_style style, bool quoted, const unsigned char *s,
			   uint64_t n)
{
	for (uint64_t i = 0; i < n;) {
		const unsigned int length = json_utf8_length(s + i);

		if (!length || s[i] < 0x20 || s[i] == 0x7f) {
			put_escape(out, style, s[i]);
			i++;
			continue;
		}
		if (s[i] == '\\' || (s[i] == '"' && quoted && style != FORMAT_STYLE_CSV))
			fputc('\\', out);
		else if (s[i] == '"' && quoted)
			fputc('"', out);
		fwrite(s + i, 1, length, out);
		i += length;
	}
}

/*
 * The first @used of @n bytes; the others are zero. JSON has no bytes that are no characters: such a
 * string is an array of numbers there.
 */
static int put_string(FILE *out, enum format_style style, const unsigned char *at, uint64_t n,
		      uint64_t used)
{
	unsigned char *s = malloc(used + 1);

	if (!s)
		return -ENOMEM;
	memcpy(s, at, used);
	s[used] = '\0';
	if (style == FORMAT_STYLE_JSON && !is_utf8(s, used)) {
		for (uint64_t i = 0; i < n; i++)
			fprintf(out, "%s%u", i ? ", " : "[", at[i]);
		fputc(']', out);
	} else {
		fputc('"', out);
		put_characters(out, style, true, s, used);
		fputc('"', out);
	}
	free(s);
	return 0;
}

/* --- values ------------------------------------------------------------------------------------- */

struct print {
	const struct format *format;
	enum format_style style;
	FILE *out;
};

static int put_field(const struct print *p, size_t i, const unsigned char *at);

static int put_struct(const struct print *p, size_t i, const unsigned char *at)
{
	const bool json = p->style == FORMAT_STYLE_JSON, braces = json || i > 0;
	const struct format_field *fields = p->format->fields;
	int r = 0;

	if (braces)
		fputc('{', p->out);
	for (size_t k = i + 1; r == 0 && k < fields[i].end; k = fields[k].end) {
		if (k > i + 1)
			fputs(json ? ", " : " ", p->out);
		fprintf(p->out, json ? "\"%s\": " : "%s=", fields[k].name);
		r = put_field(p, k, at + fields[k].offset);
	}
	if (braces)
		fputc('}', p->out);
	return r;
}

static int put_one(const struct print *p, size_t i, const unsigned char *at)
{
	if (p->format->fields[i].base == FORMAT_STRUCT)
		return put_struct(p, i, at);
	format_put_value(p->out, p->style, &p->format->fields[i], at);
	return 0;
}

static int put_dim(const struct print *p, size_t i, unsigned int dim, const unsigned char *at)
{
	const struct format_field *field = &p->format->fields[i];
	uint64_t step = field->bytes;
	int r = 0;

	if (dim == field->n_dims)
		return put_one(p, i, at);
	if (dim + 1 == field->n_dims && field->base == FORMAT_CHAR)
		return put_string(p->out, p->style, at, field->dims[dim],
				  used_bytes(at, field->dims[dim]));
	for (unsigned int d = dim + 1; d < field->n_dims; d++)
		step *= field->dims[d];
	fputc('[', p->out);
	for (uint64_t k = 0; r == 0 && k < field->dims[dim]; k++) {
		if (k)
			fputs(p->style == FORMAT_STYLE_JSON ? ", " : " ", p->out);
		r = put_dim(p, i, dim + 1, at + k * step);
	}
	fputc(']', p->out);
	return r;
}

static int put_field(const struct print *p, size_t i, const unsigned char *at)
{
	return put_dim(p, i, 0, at);
}

/* Numbers of one type: a single one stands alone where there can be no other number of them. */
static void put_numbers(const struct print *p, bool vary, const unsigned char *at, uint64_t bytes)
{
	const struct format_field *field = &p->format->fields[0];
	const bool json = p->style == FORMAT_STYLE_JSON, brackets = json && (vary || bytes != field->bytes);

	if (brackets)
		fputc('[', p->out);
	for (uint64_t i = 0; i < bytes / field->bytes; i++) {
		if (i)
			fputs(json ? ", " : " ", p->out);
		format_put_value(p->out, p->style, field, at + i * field->bytes);
	}
	if (brackets)
		fputc(']', p->out);
}

/* --- hex ---------------------------------------------------------------------------------------- */

static void put_hex(FILE *out, const unsigned char *at, uint64_t bytes)
{
	if (!bytes)
		fputs("00000000:\n", out);
	for (uint64_t line = 0; line < bytes; line += HEX_COLUMNS) {
		const uint64_t n = bytes - line < HEX_COLUMNS ? bytes - line : HEX_COLUMNS;

		fprintf(out, "%08" PRIx64 ": ", line);
		for (uint64_t i = 0; i < HEX_COLUMNS; i++) {
			if (i < n)
				fprintf(out, "%02x", at[line + i]);
			else
				fputs("  ", out);
			if (i % 2)
				fputc(' ', out);
		}
		fputc(' ', out);
		for (uint64_t i = 0; i < n; i++)
			fputc(at[line + i] >= 0x20 && at[line + i] < 0x7f ? at[line + i] : '.', out);
		fputc('\n', out);
	}
}

static void put_digits(FILE *out, const unsigned char *at, uint64_t bytes)
{
	fputc('"', out);
	for (uint64_t i = 0; i < bytes; i++)
		fprintf(out, "%02x", at[i]);
	fputc('"', out);
}

/* Of what has its own length, a zero byte at the end is part of it. */
static int put_text(FILE *out, enum format_style style, const unsigned char *at, uint64_t bytes,
		    bool vary)
{
	const uint64_t used = vary ? bytes : used_bytes(at, bytes);
	unsigned char *s;

	if (style != FORMAT_STYLE_TEXT)
		return put_string(out, style, at, bytes, used);
	s = malloc(used + 1);
	if (!s)
		return -ENOMEM;
	memcpy(s, at, used);
	s[used] = '\0';
	put_characters(out, style, false, s, used);
	free(s);
	return 0;
}

/* --- CSV ---------------------------------------------------------------------------------------- */

struct row {
	FILE *out;
	const unsigned char *at;	/* NULL: the header */
	bool any;
};

static int put_cell(void *context, const char *name, const struct format_field *field,
		    uint64_t offset, uint64_t n)
{
	struct row *row = context;

	if (row->any)
		fputc(',', row->out);
	row->any = true;
	if (!row->at) {
		fputs(name, row->out);
		return 0;
	}
	if (field->base == FORMAT_CHAR && field->n_dims)
		return put_string(row->out, FORMAT_STYLE_CSV, row->at + offset, n,
				  used_bytes(row->at + offset, n));
	format_put_value(row->out, FORMAT_STYLE_CSV, field, row->at + offset);
	return 0;
}

void format_print_header(const struct format *format, FILE *out, uint64_t bytes)
{
	struct row row = { .out = out };

	if (format->kind == FORMAT_VALUES)
		format_leaves(format, bytes, put_cell, &row);
	else
		fputs("value", out);
}

int format_print(const struct format *format, enum format_style style, bool vary, FILE *out,
		 const void *data, uint64_t bytes)
{
	const struct print p = { .format = format, .style = style, .out = out };
	struct row row = { .out = out, .at = data };

	switch (format->kind) {
	case FORMAT_HEX:
		if (style == FORMAT_STYLE_TEXT)
			put_hex(out, data, bytes);
		else
			put_digits(out, data, bytes);
		return 0;
	case FORMAT_TEXT:
		return put_text(out, style, data, bytes, vary);
	case FORMAT_RAW:
		fwrite(data, 1, bytes, out);
		return 0;
	case FORMAT_VALUES:
		break;
	}
	if (style == FORMAT_STYLE_CSV)
		return format_leaves(format, bytes, put_cell, &row);
	if (format->fields[0].base == FORMAT_STRUCT)
		return put_struct(&p, 0, data);
	put_numbers(&p, vary, data, bytes);
	return 0;
}
