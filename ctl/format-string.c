/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "format-string.h"

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* A code point as UTF-8. */
static void add_character(struct format_bytes *b, uint32_t c)
{
	if (c < 0x80) {
		format_add(b, c);
	} else if (c < 0x800) {
		format_add(b, 0xc0 | c >> 6);
		format_add(b, 0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		format_add(b, 0xe0 | c >> 12);
		format_add(b, 0x80 | (c >> 6 & 0x3f));
		format_add(b, 0x80 | (c & 0x3f));
	} else {
		format_add(b, 0xf0 | c >> 18);
		format_add(b, 0x80 | (c >> 12 & 0x3f));
		format_add(b, 0x80 | (c >> 6 & 0x3f));
		format_add(b, 0x80 | (c & 0x3f));
	}
}

int64_t format_get_digits(const char **text, unsigned int n)
{
	int64_t value = 0;

	for (; n; n--, (*text)++) {
		const int d = digit(**text);

		if (d < 0)
			return -1;
		value = value << 4 | d;
	}
	return value;
}

static int bad_escape(char why[FORMAT_WHY_MAX], char c)
{
	return format_refuse(why, "has the escape '\\%c'; there are \\n, \\t, \\r, \\b, \\f, \\0, \\\\, "
				  "\\/, \\\", \\xNN and \\uNNNN", c ? c : ' ');
}

/* Behind the backslash. */
static int get_escape(const char **text, struct format_bytes *b, char why[FORMAT_WHY_MAX])
{
	static const char names[] = "ntrbf0\\/\"", bytes[] = "\n\t\r\b\f\0\\/\"";
	const char c = **text;
	const char *name = c ? strchr(names, c) : NULL;
	int64_t value, low;

	if (name) {
		(*text)++;
		format_add(b, (unsigned char)bytes[name - names]);
		return 0;
	}
	if (c != 'x' && c != 'u')
		return bad_escape(why, c);
	(*text)++;
	value = format_get_digits(text, c == 'x' ? 2 : 4);
	if (value < 0)
		return bad_escape(why, c);
	if (c == 'x') {
		format_add(b, (unsigned int)value);
		return 0;
	}
	/* A pair of surrogates is one character. */
	if (value >= 0xd800 && value <= 0xdbff && (*text)[0] == '\\' && (*text)[1] == 'u') {
		*text += 2;
		low = format_get_digits(text, 4);
		if (low < 0xdc00 || low > 0xdfff)
			return bad_escape(why, 'u');
		value = 0x10000 + ((value - 0xd800) << 10 | (low - 0xdc00));
	} else if (value >= 0xd800 && value <= 0xdfff) {
		return bad_escape(why, 'u');
	}
	add_character(b, (uint32_t)value);
	return 0;
}

int format_get_characters(const char **text, char quote, bool doubled, struct format_bytes *b,
			  char why[FORMAT_WHY_MAX])
{
	int r;

	for (;;) {
		const char c = **text;

		if (!c && quote)
			return format_refuse(why, "has a string without a closing quote");
		if (!c)
			return 0;
		(*text)++;
		if (c == '\\') {
			r = get_escape(text, b, why);
			if (r < 0)
				return r;
		} else if (c == quote && quote) {
			if (!doubled || **text != quote)
				return 0;
			(*text)++;
			format_add(b, (unsigned char)quote);
		} else {
			format_add(b, (unsigned char)c);
		}
	}
}

int format_too_long(char why[FORMAT_WHY_MAX], const char *of, uint64_t n, uint64_t room)
{
	return format_refuse(why, "has %" PRIu64 " bytes%s; there is room for %" PRIu64, n, of, room);
}

int format_get_string(const char **text, bool csv, const struct format_field *field,
		      unsigned char *at, uint64_t n, char why[FORMAT_WHY_MAX])
{
	struct format_bytes b = { .data = at, .room = n };
	char of[FORMAT_NAME_MAX + 8];
	int r = 0;

	if (**text == '"') {
		(*text)++;
		r = format_get_characters(text, '"', csv, &b, why);
	} else {
		/* A word without quotes will do; in CSV up to the comma. */
		for (size_t left = strcspn(*text, csv ? ",\r\n" : " \t\r\n,;]}"); left;
		     left--, (*text)++)
			format_add(&b, (unsigned char)**text);
		if (!b.n && !csv)
			r = format_refuse(why, "has no text%s", format_of(field, of));
	}
	if (r == 0 && b.n > n)
		r = format_too_long(why, format_of(field, of), b.n, n);
	return r;
}
