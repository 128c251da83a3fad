/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"

#define WORD_MAX 64

static uint64_t load(const struct format_field *field, const unsigned char *at)
{
	const bool big = field->swapped == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
	uint64_t value = 0;

	for (uint64_t i = 0; i < field->bytes; i++)
		value = value << 8 | at[big ? i : field->bytes - 1 - i];
	return value;
}

static void store(const struct format_field *field, unsigned char *at, uint64_t value)
{
	const bool big = field->swapped == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

	for (uint64_t i = 0; i < field->bytes; i++, value >>= 8)
		at[big ? field->bytes - 1 - i : i] = (unsigned char)value;
}

/* --- out ---------------------------------------------------------------------------------------- */

/* With as few digits as are read back to the same number. */
static void put_float(FILE *out, enum format_style style, uint64_t bits, uint64_t bytes)
{
	const char *quote = style == FORMAT_STYLE_JSON ? "\"" : "";
	char text[WORD_MAX];
	double value;
	float narrow;
	uint32_t half = (uint32_t)bits;

	if (bytes == sizeof(narrow)) {
		memcpy(&narrow, &half, sizeof(narrow));
		value = (double)narrow;
	} else {
		memcpy(&value, &bits, sizeof(value));
	}
	if (isnan(value) || isinf(value)) {
		/* JSON has none. */
		fprintf(out, "%s%s%s", quote, isnan(value) ? "nan" : value < 0 ? "-inf" : "inf", quote);
		return;
	}
	if (bytes == sizeof(narrow)) {
		for (int digits = 6; digits <= 9; digits++) {
			snprintf(text, sizeof(text), "%.*g", digits, value);
			if (strtof(text, NULL) == (float)value)
				break;
		}
	} else {
		for (int digits = 15; digits <= 17; digits++) {
			snprintf(text, sizeof(text), "%.*g", digits, value);
			if (strtod(text, NULL) == value)
				break;
		}
	}
	fputs(text, out);
}

void format_put_value(FILE *out, enum format_style style, const struct format_field *field,
		      const unsigned char *at)
{
	const char *quote = style == FORMAT_STYLE_JSON ? "\"" : "";
	const unsigned int unused = (unsigned int)(64 - field->bytes * 8);
	uint64_t value = load(field, at);

	switch (field->base) {
	case FORMAT_SIGNED:
		/* The sign's bit to the top, and back with copies of it. */
		fprintf(out, "%" PRIi64, (int64_t)(value << unused) >> unused);
		break;
	case FORMAT_HEXADECIMAL:
		fprintf(out, "%s0x%0*" PRIx64 "%s", quote, (int)field->bytes * 2, value, quote);
		break;
	case FORMAT_FLOAT:
		put_float(out, style, value, field->bytes);
		break;
	case FORMAT_BOOL:
		/* What is neither is shown as it is, and no bool's. */
		if (value > 1)
			fprintf(out, "%" PRIu64, value);
		else
			fputs(value ? "true" : "false", out);
		break;
	case FORMAT_UNSIGNED:
	case FORMAT_CHAR:
	case FORMAT_STRUCT:
		fprintf(out, "%" PRIu64, value);
		break;
	}
}

/* --- in ----------------------------------------------------------------------------------------- */

static int bad_value(char why[FORMAT_WHY_MAX], const struct format_field *field, const char *word,
		     const char *what)
{
	char of[FORMAT_NAME_MAX + 8];

	return format_refuse(why, "the value%s is '%s', and that is not %s", format_of(field, of), word,
			     what);
}

static int get_float(const char *word, const struct format_field *field, unsigned char *at,
		     char why[FORMAT_WHY_MAX])
{
	char *end;
	double value;
	float narrow;
	uint64_t bits;
	uint32_t half;

	errno = 0;
	if (field->bytes == sizeof(narrow)) {
		narrow = strtof(word, &end);
		value = (double)narrow;
		memcpy(&half, &narrow, sizeof(half));
		bits = half;
	} else {
		value = strtod(word, &end);
		memcpy(&bits, &value, sizeof(bits));
	}
	if (end == word || *end)
		return bad_value(why, field, word, "a number");
	/* Too small for a normal number is fine, too large is not; "inf" was meant. */
	if (errno == ERANGE && isinf(value))
		return bad_value(why, field, word, field->bytes == 4 ? "in the range of f32" :
								       "in the range of f64");
	store(field, at, bits);
	return 0;
}

static int get_integer(const char *word, const struct format_field *field, unsigned char *at,
		       char why[FORMAT_WHY_MAX])
{
	const unsigned int bits = (unsigned int)field->bytes * 8;
	const bool is_signed = field->base == FORMAT_SIGNED, negative = *word == '-';
	const uint64_t most = is_signed ? (UINT64_C(1) << (bits - 1)) - 1 : UINT64_MAX >> (64 - bits);
	const char *digits = word + (negative || *word == '+');
	char *end, range[WORD_MAX];
	uint64_t value;
	int base = 10;

	if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X'))
		base = 16;
	errno = 0;
	value = strtoull(digits, &end, base);
	if (!isxdigit((unsigned char)*digits) || *end || (base == 16 && end == digits + 2))
		return bad_value(why, field, word,
				 field->base == FORMAT_BOOL ? "true or false" :
							      "an integer such as 42 or 0x2a");
	if (is_signed)
		snprintf(range, sizeof(range), "from -%" PRIu64 " to %" PRIu64, most + 1, most);
	else
		snprintf(range, sizeof(range), "from 0 to %" PRIu64, most);
	if (errno || (negative ? (is_signed ? value > most + 1 : value != 0) : value > most))
		return bad_value(why, field, word, range);
	store(field, at, negative ? 0 - value : value);
	return 0;
}

/* Up to what separates values, or in quotes, as JSON has to write what are no numbers to it. */
static size_t get_word(const char **text, char word[WORD_MAX])
{
	const char quote = **text == '"' ? '"' : '\0';
	const char *const begin = *text + (quote != '\0');
	const size_t n = quote ? strcspn(begin, "\"") : strcspn(begin, " \t\r\n,;]}[{=:\"");
	const size_t kept = n < WORD_MAX - 1 ? n : WORD_MAX - 1;

	memcpy(word, begin, kept);
	word[kept] = '\0';
	*text = begin + n + (quote && begin[n] == quote);
	return n;
}

int format_get_value(const char **text, const struct format_field *field, unsigned char *at,
		     char why[FORMAT_WHY_MAX])
{
	char word[WORD_MAX], of[FORMAT_NAME_MAX + 8];
	const size_t n = get_word(text, word);

	if (n == 0)
		return **text ? format_refuse(why, "has '%.16s' where a value%s should be", *text,
					      format_of(field, of)) :
				format_refuse(why, "ends where a value%s should be",
					      format_of(field, of));
	if (n >= WORD_MAX)
		return bad_value(why, field, word, "a number");
	if (field->base == FORMAT_FLOAT)
		return get_float(word, field, at, why);
	if (field->base == FORMAT_BOOL && (strcmp(word, "true") == 0 || strcmp(word, "false") == 0)) {
		*at = word[0] == 't';
		return 0;
	}
	return get_integer(word, field, at, why);
}
