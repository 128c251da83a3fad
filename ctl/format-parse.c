/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "format-type.h"

/*
 *	description = { member ";" }		the last ";" may be left out
 *	member	= "pad" [ dims ] | type declarator { "," declarator }
 *	type	= a base type | "struct" "{" description "}"
 *	declarator = name { "[" number "]" }
 *
 * What stands between slashes and asterisks, or behind two slashes, is passed over.
 */
struct parser {
	const char *at;
	struct format format;
	size_t room;
	unsigned int depth;
	char *why;
};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void skip_blanks(struct parser *p)
{
	for (;;) {
		p->at += strspn(p->at, " \t\r\n");
		if (strncmp(p->at, "//", 2) == 0) {
			p->at += strcspn(p->at, "\n");
		} else if (strncmp(p->at, "/*", 2) == 0) {
			const char *end = strstr(p->at + 2, "*/");

			p->at = end ? end + 2 : p->at + strlen(p->at);
		} else {
			return;
		}
	}
}

static bool take(struct parser *p, char c)
{
	skip_blanks(p);
	if (*p->at != c)
		return false;
	p->at++;
	return true;
}

/* What there is instead, for people. */
static int expected(struct parser *p, const char *what)
{
	skip_blanks(p);
	if (!*p->at)
		return format_refuse(p->why, "ends where %s should be", what);
	return format_refuse(p->why, "has '%.*s' where %s should be",
			     (int)strcspn(p->at, "\n") > 24 ? 24 : (int)strcspn(p->at, "\n"), p->at,
			     what);
}

static size_t word(struct parser *p)
{
	size_t n = 0;

	skip_blanks(p);
	if (is_letter(*p->at))
		while (is_letter(p->at[n]) || is_digit(p->at[n]))
			n++;
	return n;
}

static int add(struct parser *p, const struct format_field *field, size_t *ret)
{
	if (p->format.n_fields == FORMAT_FIELDS_MAX)
		return format_refuse(p->why, "has more than %d fields", FORMAT_FIELDS_MAX);
	if (p->format.n_fields == p->room) {
		const size_t room = p->room ? p->room * 2 : 16;
		struct format_field *fields =
			realloc(p->format.fields, room * sizeof(*p->format.fields));

		if (!fields)
			return -ENOMEM;
		p->format.fields = fields;
		p->room = room;
	}
	*ret = p->format.n_fields++;
	p->format.fields[*ret] = *field;
	p->format.fields[*ret].end = *ret + 1;
	return 0;
}

static int parse_dims(struct parser *p, struct format_field *field)
{
	field->n_dims = 0;
	field->count = 1;
	while (take(p, '[')) {
		uint64_t n = 0;

		skip_blanks(p);
		if (!is_digit(*p->at))
			return expected(p, "a number of elements");
		for (; is_digit(*p->at); p->at++)
			if (n <= FORMAT_BYTES_MAX)
				n = n * 10 + (uint64_t)(*p->at - '0');
		if (!take(p, ']'))
			return expected(p, "']'");
		if (field->n_dims == FORMAT_DIMS_MAX)
			return format_refuse(p->why, "has an array of more than %d dimensions",
					     FORMAT_DIMS_MAX);
		if (n == 0)
			return format_refuse(p->why, "has an array without elements");
		if (n > FORMAT_BYTES_MAX / field->bytes / field->count)
			return format_refuse(p->why, "has an array that is larger than any element, "
						     "1T");
		field->dims[field->n_dims++] = n;
		field->count *= n;
	}
	return 0;
}

/* Where a compiler puts it; the struct grows. */
static int place(struct parser *p, size_t whole, struct format_field *field)
{
	struct format_field *s = &p->format.fields[whole];
	const uint64_t offset = (s->bytes + field->align - 1) / field->align * field->align;

	if (offset + field->bytes * field->count > FORMAT_BYTES_MAX)
		return format_refuse(p->why, "is larger than any element, 1T");
	field->offset = offset;
	s->bytes = offset + field->bytes * field->count;
	if (field->align > s->align)
		s->align = field->align;
	return 0;
}

static int parse_members(struct parser *p, size_t whole, char closer);

/* Longest first: "unsigned long long" is one type. Several blanks between are as one. */
static int parse_type(struct parser *p, struct format_field *ret)
{
	const char *const begin = p->at, *end = NULL, *first_end;
	char name[64];
	size_t n = 0, length = word(p);

	if (!length)
		return expected(p, "a type");
	first_end = p->at + length;
	for (unsigned int words = 0; length && words < 3 && n + length + 2 < sizeof(name); words++) {
		if (n)
			name[n++] = ' ';
		memcpy(name + n, p->at, length);
		n += length;
		p->at += length;
		if (format_type(name, n, ret))
			end = p->at;
		length = word(p);
	}
	if (!end) {
		p->at = begin;
		skip_blanks(p);
		return format_refuse(p->why, "has '%.*s', which is not a type; there are u8 to u64, i8 "
					     "to i64, x8 to x64, f32, f64, bool, char, C's names of "
					     "them, and struct { ... }",
				     (int)(first_end - p->at), p->at);
	}
	p->at = end;
	return 0;
}

static bool is_taken(const struct parser *p, size_t whole, const char *name)
{
	for (size_t i = whole + 1; i < p->format.n_fields; i = p->format.fields[i].end)
		if (strcmp(p->format.fields[i].name, name) == 0)
			return true;
	return false;
}

static int parse_name(struct parser *p, size_t whole, struct format_field *field)
{
	const size_t n = word(p);

	if (!n)
		return expected(p, "a field's name");
	if (n > FORMAT_NAME_MAX)
		return format_refuse(p->why, "has a field's name of %zu characters; %d are the most", n,
				     FORMAT_NAME_MAX);
	memcpy(field->name, p->at, n);
	field->name[n] = '\0';
	p->at += n;
	if (is_taken(p, whole, field->name))
		return format_refuse(p->why, "has two fields that are named '%s'", field->name);
	return 0;
}

/* The inner struct's fields stand behind it, so it is there before its name is known. */
static int parse_struct(struct parser *p, size_t whole)
{
	struct format_field field = { .base = FORMAT_STRUCT, .align = 1, .count = 1 };
	size_t i;
	int r;

	if (++p->depth > FORMAT_DEPTH_MAX)
		return format_refuse(p->why, "has structs more than %d deep", FORMAT_DEPTH_MAX);
	r = add(p, &field, &i);
	if (r == 0)
		r = parse_members(p, i, '}');
	if (r < 0)
		return r;
	p->depth--;
	p->format.fields[i].end = p->format.n_fields;
	field = p->format.fields[i];
	/* Not yet named "", so it is not taken for itself. */
	r = parse_name(p, whole, &field);
	if (r == 0)
		r = parse_dims(p, &field);
	if (r == 0)
		r = place(p, whole, &field);
	if (r == 0)
		p->format.fields[i] = field;
	return r;
}

static int parse_pad(struct parser *p, size_t whole)
{
	struct format_field pad = { .bytes = 1, .align = 1, .count = 1 };
	int r = parse_dims(p, &pad);

	return r < 0 ? r : place(p, whole, &pad);
}

static int parse_fields(struct parser *p, size_t whole)
{
	struct format_field type;
	int r = parse_type(p, &type);

	while (r == 0) {
		struct format_field field = type;
		size_t i;

		r = parse_name(p, whole, &field);
		if (r == 0)
			r = parse_dims(p, &field);
		if (r == 0)
			r = place(p, whole, &field);
		if (r == 0)
			r = add(p, &field, &i);
		if (r < 0 || !take(p, ','))
			return r;
	}
	return r;
}

static bool next_is(struct parser *p, const char *keyword, const char *followers)
{
	const size_t n = word(p);

	return n == strlen(keyword) && strncmp(p->at, keyword, n) == 0 &&
	       strchr(followers, p->at[n + strspn(p->at + n, " \t\r\n")]);
}

/* Up to @closer, which is '}' or the end. */
static int parse_members(struct parser *p, size_t whole, char closer)
{
	struct format_field *s;
	int r;

	for (;;) {
		skip_blanks(p);
		if (*p->at == closer)
			break;
		if (next_is(p, "pad", "[;}")) {
			p->at += strlen("pad");
			r = parse_pad(p, whole);
		} else if (next_is(p, "struct", "{")) {
			p->at += strlen("struct");
			take(p, '{');
			r = parse_struct(p, whole);
		} else {
			r = parse_fields(p, whole);
		}
		if (r < 0)
			return r;
		if (!take(p, ';') && *p->at != closer)
			return expected(p, "';'");
	}
	if (closer)
		p->at++;
	s = &p->format.fields[whole];
	/* Of bytes that are not told of alone nothing could be said. */
	if (p->format.n_fields == whole + 1)
		return format_refuse(p->why, "has a struct without fields");
	s->bytes = (s->bytes + s->align - 1) / s->align * s->align;
	return 0;
}

int format_parse_struct(struct format *ret, const char *description, char why[FORMAT_WHY_MAX])
{
	const struct format_field whole = { .base = FORMAT_STRUCT, .align = 1, .count = 1 };
	struct parser p = { .at = description, .why = why, .format.kind = FORMAT_VALUES };
	size_t i;
	int r;

	r = add(&p, &whole, &i);
	if (r == 0)
		r = parse_members(&p, i, '\0');
	if (r < 0) {
		format_free(&p.format);
		return r;
	}
	p.format.fields[0].end = p.format.n_fields;
	*ret = p.format;
	return 0;
}
