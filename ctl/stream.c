/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "stream.h"

void stream_in_init(struct stream_in *s, FILE *file, const char *name, const struct format *format,
		    enum format_style style, bool vary, uint64_t bytes)
{
	*s = (struct stream_in){
		.file = file,
		.name = name,
		.format = format,
		.style = style,
		.vary = vary,
		.bytes = bytes,
	};
}

void stream_in_deinit(struct stream_in *s)
{
	free(s->line);
	s->line = NULL;
}

static int cannot_read(struct stream_in *s, int error)
{
	format_refuse(s->why, "%s cannot be read: %s", s->name, strerror(error));
	return -error;
}

/* --- raw -------------------------------------------------------------------------------------------- */

/* Return: how many of @n bytes were there; or -errno. */
static int64_t read_bytes(struct stream_in *s, void *data, uint64_t n)
{
	size_t got;

	errno = 0;
	got = fread(data, 1, n, s->file);
	if (got < n && ferror(s->file))
		return cannot_read(s, errno ? errno : EIO);
	return (int64_t)got;
}

static int next_raw(struct stream_in *s, void *data, uint64_t *ret_bytes)
{
	unsigned char length[4];
	uint64_t bytes = s->bytes;
	int64_t got;

	if (s->vary) {
		got = read_bytes(s, length, sizeof(length));
		if (got <= 0)
			return (int)got;
		bytes = length[0] | (uint64_t)length[1] << 8 | (uint64_t)length[2] << 16 |
			(uint64_t)length[3] << 24;
		if (got < 4)
			return format_refuse(s->why, "%s ends in the middle of an element's length",
					     s->name);
		if (bytes > s->bytes)
			return format_refuse(s->why, "%s has an element of %" PRIu64 " bytes; %" PRIu64
						     " are the most", s->name, bytes, s->bytes);
	}
	got = read_bytes(s, data, bytes);
	if (got < 0 || (got == 0 && !s->vary))
		return (int)got;
	if ((uint64_t)got < bytes)
		return format_refuse(s->why, "%s ends in the middle of an element: %" PRId64 " of %" PRIu64
					     " bytes are there", s->name, got, bytes);
	*ret_bytes = bytes;
	return 1;
}

/* --- lines ------------------------------------------------------------------------------------------ */

static int at_line(struct stream_in *s, int r)
{
	char why[FORMAT_WHY_MAX];

	if (r == -EINVAL) {
		memcpy(why, s->why, sizeof(why));
		snprintf(s->why, sizeof(s->why), "%.40s, line %" PRIu64 ", %.240s", s->name, s->n_line, why);
	} else if (r < 0) {
		cannot_read(s, -r);
	}
	return r;
}

/* Return: 1; 0 the end; -errno. Without its end. */
static int read_line(struct stream_in *s)
{
	ssize_t n;

	errno = 0;
	n = getline(&s->line, &s->room, s->file);
	if (n < 0)
		return ferror(s->file) || errno == ENOMEM ? cannot_read(s, errno ? errno : EIO) : 0;
	s->n_line++;
	if (memchr(s->line, '\0', (size_t)n)) {
		format_refuse(s->why, "has a zero byte; --format raw takes any bytes");
		return at_line(s, -EINVAL);
	}
	if (n > 0 && s->line[n - 1] == '\n')
		s->line[--n] = '\0';
	if (n > 0 && s->line[n - 1] == '\r')
		s->line[--n] = '\0';
	s->at = s->line;
	return 1;
}

static bool has_offset(const char *line)
{
	const size_t n = strspn(line, "0123456789abcdefABCDEF");

	return n && line[n] == ':';
}

/*
 * Lines that belong together: until the element is full; of different sizes, if they have offsets,
 * until a line is empty.
 */
static int next_hex(struct stream_in *s, unsigned char *data, uint64_t *ret_bytes)
{
	uint64_t n = 0, got;
	bool any = false;
	int r;

	for (;;) {
		r = read_line(s);
		if (r < 0)
			return r;
		if (r == 0 || !s->line[strspn(s->line, " \t")]) {
			if (r == 1 && !(any && s->vary))
				continue;
			break;
		}
		r = format_scan(s->format, s->style, true, &s->at, data + n, s->bytes - n, &got, s->why);
		if (r < 0)
			return at_line(s, r);
		any = true;
		n += got;
		if (s->vary ? !has_offset(s->line) : n == s->bytes)
			break;
	}
	s->at = NULL;
	if (!any)
		return 0;
	if (!s->vary && n < s->bytes) {
		format_refuse(s->why, "is the end, and of the last element there are %" PRIu64 " of %" PRIu64
				      " bytes", n, s->bytes);
		return at_line(s, -EINVAL);
	}
	*ret_bytes = n;
	return 1;
}

static int next_of_lines(struct stream_in *s, void *data, uint64_t *ret_bytes)
{
	const bool text = s->format->kind == FORMAT_TEXT && s->style == FORMAT_STYLE_TEXT;
	int r;

	for (;;) {
		/* An empty line is an empty text, and nothing else. */
		if (!s->at || (!*s->at && !text)) {
			r = read_line(s);
			if (r <= 0)
				return r;
			if (s->n_line == 1 && s->style == FORMAT_STYLE_CSV &&
			    format_is_header(s->format, s->line, s->bytes)) {
				s->at = NULL;
				continue;
			}
		}
		r = format_scan(s->format, s->style, s->vary, &s->at, data, s->bytes, ret_bytes, s->why);
		if (text)
			s->at = NULL;
		if (r != 0)
			return at_line(s, r);
	}
}

int stream_in_next(struct stream_in *s, void *data, uint64_t *ret_bytes)
{
	if (s->format->kind == FORMAT_RAW)
		return next_raw(s, data, ret_bytes);
	if (s->format->kind == FORMAT_HEX && s->style == FORMAT_STYLE_TEXT)
		return next_hex(s, data, ret_bytes);
	return next_of_lines(s, data, ret_bytes);
}

/* --- out -------------------------------------------------------------------------------------------- */

int stream_out_put(struct stream_out *s, const void *data, uint64_t bytes, char why[FORMAT_WHY_MAX])
{
	int r;

	if (s->format->kind == FORMAT_RAW && s->vary)
		for (unsigned int i = 0; i < 4; i++)
			fputc((int)(bytes >> 8 * i & 0xff), s->file);
	/* Of one size they were found to fit before. */
	r = s->vary ? format_fits(s->format, bytes, why) : 0;
	if (r < 0)
		return r;
	/* Where numbers differ in number, columns have no names. */
	if (s->style == FORMAT_STYLE_CSV && !s->begun &&
	    !(s->vary && s->format->kind == FORMAT_VALUES &&
	      s->format->fields[0].base != FORMAT_STRUCT)) {
		format_print_header(s->format, s->file, bytes);
		fputc('\n', s->file);
	}
	s->begun = true;
	r = format_print(s->format, s->style, s->vary, s->file, data, bytes);
	if (r < 0)
		return r;
	/* Hex has ended its line; an empty one says that there is no more of this element. */
	if (s->format->kind != FORMAT_RAW &&
	    !(s->format->kind == FORMAT_HEX && s->style == FORMAT_STYLE_TEXT && !s->vary))
		fputc('\n', s->file);
	return 0;
}
