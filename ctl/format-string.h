/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_FORMAT_STRING_H
#define SHMREGCTL_FORMAT_STRING_H

/*
 * format-string.h - strings in quotes and without, as they are scanned
 *
 * @text moves on behind what was taken. Return: 0, or -EINVAL with the end of a sentence in @why.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "format.h"

/* Bytes that are collected; what does not fit is only counted. */
struct format_bytes {
	unsigned char *data;
	uint64_t n, room;
};

static inline void format_add(struct format_bytes *b, unsigned int c)
{
	if (b->n < b->room)
		b->data[b->n] = (unsigned char)c;
	b->n++;
}

static inline void format_skip_blanks(const char **text)
{
	*text += strspn(*text, " \t\r\n");
}

/* Between values: commas are as good as blanks. */
static inline void format_skip_separators(const char **text)
{
	*text += strspn(*text, " \t\r\n,;");
}

/* @n hexadecimal digits; Return: -1, if there are not so many. */
int64_t format_get_digits(const char **text, unsigned int n);

/* Up to the closing quote. @doubled: two quotes are one, as in CSV. @quote '\0': up to the end. */
int format_get_characters(const char **text, char quote, bool doubled, struct format_bytes *b,
			  char why[FORMAT_WHY_MAX]);

/* A string of @n bytes, the rest of which is zero already. */
int format_get_string(const char **text, bool csv, const struct format_field *field,
		      unsigned char *at, uint64_t n, char why[FORMAT_WHY_MAX]);

int format_too_long(char why[FORMAT_WHY_MAX], const char *of, uint64_t n, uint64_t room);

#endif /* SHMREGCTL_FORMAT_STRING_H */
