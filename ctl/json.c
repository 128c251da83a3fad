/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <assert.h>
#include <inttypes.h>

#include "json.h"

void json_init(struct json *j, FILE *stream)
{
	*j = (struct json){ .stream = stream, .first = true };
}

unsigned int json_utf8_length(const unsigned char *s)
{
	unsigned int n;
	uint32_t c, min;

	if (s[0] < 0x80)
		return 1;
	if ((s[0] & 0xe0) == 0xc0) {
		n = 2;
		c = s[0] & 0x1f;
		min = 0x80;
	} else if ((s[0] & 0xf0) == 0xe0) {
		n = 3;
		c = s[0] & 0x0f;
		min = 0x800;
	} else if ((s[0] & 0xf8) == 0xf0) {
		n = 4;
		c = s[0] & 0x07;
		min = 0x10000;
	} else {
		return 0;
	}
	/* Stops at the terminating zero, which is no continuation. */
	for (unsigned int i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	return c >= min && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? n : 0;
}

static void quote(struct json *j, const char *string)
{
	const unsigned char *s = (const unsigned char *)string;

	fputc('"', j->stream);
	while (*s) {
		const unsigned int n = json_utf8_length(s);

		if (n == 0)
			fputs("\\ufffd", j->stream);
		else if (*s == '"' || *s == '\\')
			fprintf(j->stream, "\\%c", *s);
		else if (*s < 0x20 || *s == 0x7f)
			fprintf(j->stream, "\\u%04x", *s);
		else
			fwrite(s, 1, n, j->stream);
		s += n ? n : 1;
	}
	fputc('"', j->stream);
}

static void begin_value(struct json *j, const char *key)
{
	/* Members have keys, all else has none. */
	assert((key != NULL) == (j->depth && j->closer[j->depth - 1] == '}'));
	if (!j->first)
		fputs(", ", j->stream);
	j->first = false;
	if (key) {
		quote(j, key);
		fputs(": ", j->stream);
	}
}

static void open(struct json *j, const char *key, char opener, char closer)
{
	begin_value(j, key);
	assert(j->depth < JSON_DEPTH_MAX);
	fputc(opener, j->stream);
	j->closer[j->depth++] = closer;
	j->first = true;
}

void json_open_object(struct json *j, const char *key)
{
	open(j, key, '{', '}');
}

void json_open_array(struct json *j, const char *key)
{
	open(j, key, '[', ']');
}

void json_close(struct json *j)
{
	assert(j->depth);
	fputc(j->closer[--j->depth], j->stream);
	j->first = false;
}

void json_end(struct json *j)
{
	assert(j->depth == 0 && !j->first);
	fputc('\n', j->stream);
	j->first = true;
}

void json_string(struct json *j, const char *key, const char *value)
{
	begin_value(j, key);
	if (value)
		quote(j, value);
	else
		fputs("null", j->stream);
}

void json_number(struct json *j, const char *key, uint64_t value)
{
	begin_value(j, key);
	fprintf(j->stream, "%" PRIu64, value);
}

void json_decimal(struct json *j, const char *key, double value)
{
	begin_value(j, key);
	fprintf(j->stream, "%.3f", value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	begin_value(j, key);
	fputs(value ? "true" : "false", j->stream);
}

void json_null(struct json *j, const char *key)
{
	json_string(j, key, NULL);
}
