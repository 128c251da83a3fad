/* SPDX-License-Identifier: MIT */

/* format - descriptions of elements, and elements as people write them */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "fuzz.h"

#define BYTES_MAX 512

static char *print(const struct format *format, enum format_style style, bool vary, const void *data,
		   uint64_t bytes)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	MUST(out);
	MUST(format_print(format, style, vary, out, data, bytes) == 0);
	MUST(fclose(out) == 0);
	/* It is to be one line, of bytes that a line can have. */
	MUST(strlen(text) == size);
	MUST(format->kind == FORMAT_HEX || !strchr(text, '\n'));
	return text;
}

/* What is printed is scanned, to what is printed in the same way: but for padding, and NaNs. */
static void check_round(const struct format *format, enum format_style style, bool vary, const void *data,
			uint64_t bytes)
{
	unsigned char *copy;
	char *text, *again, why[FORMAT_WHY_MAX] = "";
	const char *at;
	uint64_t n = 0;
	int r;

	/* Hex in several lines is put together by who reads it. */
	if (format->kind == FORMAT_HEX && style == FORMAT_STYLE_TEXT && bytes > 16)
		return;
	copy = calloc(1, bytes + 1);
	MUST(copy);
	at = text = print(format, style, vary, data, bytes);
	r = format_scan(format, style, vary, &at, copy, bytes, &n, why);
	if (r == 1) {
		MUST(n == bytes);
		again = print(format, style, vary, copy, n);
		MUST(strcmp(text, again) == 0);
		free(again);
	} else {
		/* Nothing was in it. */
		MUST(r == 0 && bytes == 0);
	}
	free(text);
	free(copy);
}

static void check_scan(const struct format *format, enum format_style style, bool vary, const char *text,
		       uint64_t bytes)
{
	unsigned char *data = malloc(bytes + 1);
	char why[FORMAT_WHY_MAX] = "";
	const char *at = text;
	uint64_t n = 0;
	int r = 1;

	MUST(data);
	while (r == 1) {
		const char *before = at;

		r = format_scan(format, style, vary, &at, data, bytes, &n, why);
		MUST(r == 1 || r == 0 || r == -EINVAL);
		MUST(r >= 0 || *why);
		MUST(at >= before && at <= text + strlen(text));
		if (r != 1)
			break;
		MUST(vary ? n <= bytes : n == bytes || format->kind == FORMAT_HEX);
		if (n == bytes || vary)
			check_round(format, style, vary, data, n);
		if (at == before)
			break;
	}
	format_is_header(format, text, bytes);
	free(data);
}

static void run(struct fuzz_input *in)
{
	static const char *const names[] = { "hex", "text", "u8", "i64", "x16be", "f32", "f64le", "bool" };
	const enum format_style style = (enum format_style)fuzz_below(in, 3);
	const uint64_t which = fuzz_below(in, 2 * sizeof(names) / sizeof(names[0]));
	const bool vary = fuzz_below(in, 2);
	char description[161], text[241], why[FORMAT_WHY_MAX] = "";
	unsigned char data[BYTES_MAX];
	struct format format;
	uint64_t bytes = fuzz_below(in, 64) & ~UINT64_C(7);
	int r;

	fuzz_take(in, description, sizeof(description) - 1);
	description[sizeof(description) - 1] = '\0';
	fuzz_take(in, text, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	fuzz_take(in, data, sizeof(data));
	if (which < sizeof(names) / sizeof(names[0]))
		r = format_parse(&format, names[which], why);
	else
		r = format_parse_struct(&format, description, why);
	MUST(r == 0 || (r == -EINVAL && *why));
	if (r < 0)
		return;
	if (format.kind == FORMAT_VALUES && format.fields[0].base == FORMAT_STRUCT)
		bytes = format.fields[0].bytes;
	if (bytes <= BYTES_MAX && bytes > 0 && format_fits(&format, bytes, why) == 0) {
		check_scan(&format, style, vary, text, bytes);
		check_round(&format, style, vary, data, bytes);
	}
	format_free(&format);
}

static void seeds(void)
{
	static const char *const texts[][2] = {
		{ "u32 id; f64 bid, ask; char name[16]; pad[4]", "id=7 bid=1.5 ask=-2 name=\"a\\n\"" },
		{ "struct { u8 a; u16 b; } legs[2]; bool on", "{\"legs\":[{\"a\":1,\"b\":2},{a=3 b=4}],\"on\":true}" },
		{ "unsigned long a; // x\n char b[2][2]", "1,\"a\",\"b\"" },
		{ "", "00000000: 0011 2233 4455 6677  ........" },
		{ "", "1 0x2, -3;4.5e6 inf nan true" },
	};
	unsigned char seed[4 + 160 + 240];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		for (unsigned int style = 0; style < 3; style++)
			for (unsigned int which = 0; which < 16; which += 5) {
				memset(seed, 0, sizeof(seed));
				seed[0] = (unsigned char)style;
				seed[1] = (unsigned char)which;
				seed[3] = 16;
				memcpy(seed + 4, texts[i][0], strlen(texts[i][0]));
				memcpy(seed + 4 + 160, texts[i][1], strlen(texts[i][1]));
				fuzz_seed(seed, sizeof(seed));
			}
}

const struct fuzz_target fuzz_target = { NULL, run, seeds };
