/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "random.h"
#include "suite.h"

static char why[FORMAT_WHY_MAX];

static struct format named(const char *name)
{
	struct format format;

	ck_assert_msg(format_parse(&format, name, why) == 0, "%s %s", name, why);
	return format;
}

static struct format described(const char *description)
{
	struct format format;

	ck_assert_msg(format_parse_struct(&format, description, why) == 0, "%s: %s", description, why);
	return format;
}

/* As it is printed; the caller frees it. */
static char *print(const struct format *format, enum format_style style, bool vary,
		   const void *data, uint64_t bytes)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(format_print(format, style, vary, out, data, bytes), 0);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

static void prints(const struct format *format, enum format_style style, const void *data,
		   uint64_t bytes, const char *want)
{
	char *text = print(format, style, false, data, bytes);

	ck_assert_str_eq(text, want);
	free(text);
}

static void scans(const struct format *format, enum format_style style, const char *text,
		  const void *want, uint64_t bytes)
{
	const char *at = text;
	unsigned char *data = malloc(bytes);
	uint64_t n = 0;

	ck_assert_msg(format_scan(format, style, false, &at, data, bytes, &n, why) == 1, "%s: %s", text,
		      why);
	ck_assert_uint_eq(n, bytes);
	ck_assert_msg(memcmp(data, want, bytes) == 0, "%s", text);
	ck_assert_msg(!*at, "%s: '%s' is left", text, at);
	free(data);
}

static void refuses(const struct format *format, enum format_style style, uint64_t bytes,
		    const char *text, const char *want)
{
	unsigned char *data = malloc(bytes);
	const char *at = text;
	uint64_t n;

	ck_assert_int_eq(format_scan(format, style, false, &at, data, bytes, &n, why), -EINVAL);
	ck_assert_msg(strstr(why, want) != NULL, "%s: %s", text, why);
	free(data);
}

static void refuses_struct(const char *description, const char *want)
{
	struct format format;

	ck_assert_int_eq(format_parse_struct(&format, description, why), -EINVAL);
	ck_assert_msg(strstr(why, want) != NULL, "%s: %s", description, why);
}

struct quote {
	uint32_t id;
	double bid, ask;
	char name[16];
	uint8_t pad[4];
};

struct leg {
	uint8_t a;
	uint16_t b;
};

struct deep {
	struct leg legs[2][3];
	bool on;
	float matrix[2][2];
	unsigned long long last;
};

static const char quote_text[] = "u32 id; f64 bid, ask; char name[16]; pad[4]";
static const char deep_text[] = "struct { uint8_t a; unsigned short b } legs[2][3]; /* six */\n"
				"bool on; float matrix[2][2]; // rows\n unsigned  long long last;";

/* The same as the compiler's. */
START_TEST(test_layout)
{
	struct format quote = described(quote_text), deep = described(deep_text);

	ck_assert_uint_eq(quote.fields[0].bytes, sizeof(struct quote));
	ck_assert_uint_eq(quote.fields[0].align, _Alignof(struct quote));
	ck_assert_uint_eq(quote.fields[2].offset, offsetof(struct quote, bid));
	ck_assert_uint_eq(quote.fields[4].offset, offsetof(struct quote, name));
	ck_assert_uint_eq(deep.fields[0].bytes, sizeof(struct deep));
	ck_assert_uint_eq(deep.fields[1].bytes, sizeof(struct leg));
	ck_assert_uint_eq(deep.fields[4].offset, offsetof(struct deep, on));
	ck_assert_uint_eq(deep.fields[5].offset, offsetof(struct deep, matrix));
	ck_assert_uint_eq(deep.fields[6].offset, offsetof(struct deep, last));
	ck_assert_int_eq(format_fits(&quote, sizeof(struct quote), why), 0);
	ck_assert_int_eq(format_fits(&quote, 40, why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "40 bytes"));
	ck_assert_ptr_nonnull(strstr(why, "48"));
	format_free(&quote);
	format_free(&deep);
}
END_TEST

START_TEST(test_bad_description)
{
	refuses_struct("", "without fields");
	refuses_struct("pad[4]", "without fields");
	refuses_struct("u32", "ends where a field's name");
	refuses_struct("u33 a;", "not a type");
	refuses_struct("u32 a; u8 a;", "two fields that are named 'a'");
	refuses_struct("u32 a[0];", "without elements");
	refuses_struct("u32 a[x];", "'x];' where a number");
	refuses_struct("u32 a[2;", "where ']'");
	refuses_struct("u32 a u32 b;", "where ';'");
	refuses_struct("u32 a[1][1][1][1][1];", "more than 4 dimensions");
	refuses_struct("u64 a[99999999999999999999];", "larger than any");
	refuses_struct("u8 a[4294967296][4294967296];", "larger than any"); /* 2^64 */
	refuses_struct("u8 a[1099511627776]; u8 b;", "larger than any");
	refuses_struct("struct { } a;", "without fields");
	refuses_struct("struct { u8 a; ", "ends where a type");
	refuses_struct("struct { u8 a; } ;", "a field's name");
	refuses_struct("struct{struct{struct{struct{struct{struct{struct{struct{struct{u8 a;}a;}a;}a;}a;}"
		       "a;}a;}a;}a;}a;", "8 deep");
	refuses_struct("/* never closed", "without fields");
}
END_TEST

START_TEST(test_numbers)
{
	static const char *const names[] = { "u8",  "u16", "u32", "u64", "i8",	"i16", "i32", "i64",
					     "x8",  "x16", "x32", "x64", "f32", "f64", "bool", "u16be",
					     "u16le", "i64be", "x32be", "f64be", "f32le", "long", "int" };
	struct random_state random = { .x = 7 };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct format format = named(names[i]);

		for (unsigned int round = 0; round < 100; round++) {
			unsigned char data[24];
			char *text;

			random_fill(&random, data, sizeof(data));
			/* No NaN, whose payload is lost. */
			if (format.fields[0].base == FORMAT_FLOAT)
				for (size_t k = 0; k < sizeof(data); k++)
					data[k] &= 0x3f;
			for (int style = FORMAT_STYLE_TEXT; style <= FORMAT_STYLE_CSV; style++) {
				text = print(&format, style, false, data, sizeof(data));
				scans(&format, style, text, data, sizeof(data));
				free(text);
			}
		}
		format_free(&format);
	}
}
END_TEST

START_TEST(test_number_texts)
{
	struct format f = named("f64"), u8 = named("u8"), i8 = named("i8"), x16 = named("x16be");
	const double values[] = { 0.1, -1e300 };
	const double special[] = { (double)INFINITY, -(double)INFINITY };

	prints(&f, FORMAT_STYLE_TEXT, values, 16, "0.1 -1e+300");
	prints(&f, FORMAT_STYLE_JSON, values, 16, "[0.1, -1e+300]");
	prints(&f, FORMAT_STYLE_JSON, values, 8, "0.1");
	prints(&f, FORMAT_STYLE_CSV, values, 16, "0.1,-1e+300");
	prints(&f, FORMAT_STYLE_TEXT, special, 16, "inf -inf");
	prints(&f, FORMAT_STYLE_JSON, special, 16, "[\"inf\", \"-inf\"]");
	scans(&f, FORMAT_STYLE_JSON, "[\"inf\", -inf]", special, 16);
	scans(&u8, FORMAT_STYLE_TEXT, " 0x1f,\t2 ", "\x1f\x02", 2);
	prints(&x16, FORMAT_STYLE_TEXT, "\x12\x34", 2, "0x1234");
	prints(&x16, FORMAT_STYLE_JSON, "\x12\x34", 2, "\"0x1234\"");
	scans(&x16, FORMAT_STYLE_JSON, "\"0x1234\"", "\x12\x34", 2);
	scans(&i8, FORMAT_STYLE_TEXT, "-128 127", "\x80\x7f", 2);
	refuses(&u8, FORMAT_STYLE_TEXT, 1, "256", "'256', and that is not from 0 to 255");
	refuses(&u8, FORMAT_STYLE_TEXT, 1, "-1", "from 0 to 255");
	refuses(&u8, FORMAT_STYLE_TEXT, 1, "1.5", "integer such as");
	refuses(&u8, FORMAT_STYLE_TEXT, 1, "0x", "integer such as");
	refuses(&u8, FORMAT_STYLE_TEXT, 1, "99999999999999999999", "from 0 to 255");
	refuses(&i8, FORMAT_STYLE_TEXT, 1, "-129", "from -128 to 127");
	refuses(&i8, FORMAT_STYLE_TEXT, 2, "5", "1 numbers; an element has 2");
	refuses(&u8, FORMAT_STYLE_TEXT, 1, "[1 2]", "more than 1");
	refuses(&u8, FORMAT_STYLE_TEXT, 1, "=", "'=' where a value");
	refuses(&f, FORMAT_STYLE_TEXT, 8, "1e999", "in the range of f64");
	refuses(&f, FORMAT_STYLE_TEXT, 8, "one", "not a number");
	format_free(&f);
	format_free(&u8);
	format_free(&i8);
	format_free(&x16);
}
END_TEST

/* A line may have several elements of numbers. */
START_TEST(test_several)
{
	struct format f = named("i32");
	const char *text = "1, 2;3 4 ";
	int32_t data[2];
	uint64_t n;

	ck_assert_int_eq(format_scan(&f, FORMAT_STYLE_TEXT, false, &text, data, 8, &n, why), 1);
	ck_assert_int_eq(data[1], 2);
	ck_assert_int_eq(format_scan(&f, FORMAT_STYLE_TEXT, false, &text, data, 8, &n, why), 1);
	ck_assert_int_eq(data[0], 3);
	ck_assert_int_eq(format_scan(&f, FORMAT_STYLE_TEXT, false, &text, data, 8, &n, why), 0);
	text = "1 2 3";
	ck_assert_int_eq(format_scan(&f, FORMAT_STYLE_TEXT, true, &text, data, 8, &n, why), -EINVAL);
	text = "1";
	ck_assert_int_eq(format_scan(&f, FORMAT_STYLE_TEXT, true, &text, data, 8, &n, why), 1);
	ck_assert_uint_eq(n, 4);
	format_free(&f);
}
END_TEST

START_TEST(test_struct)
{
	struct format f = described(quote_text);
	struct quote quote;

	/* Padding, too. */
	memset(&quote, 0, sizeof(quote));
	quote.id = 7;
	quote.bid = 1.5;
	quote.ask = -2;
	memcpy(quote.name, "a \"b\"\\,\n", 9);

	prints(&f, FORMAT_STYLE_TEXT, &quote, sizeof(quote),
	       "id=7 bid=1.5 ask=-2 name=\"a \\\"b\\\"\\\\,\\n\"");
	prints(&f, FORMAT_STYLE_JSON, &quote, sizeof(quote),
	       "{\"id\": 7, \"bid\": 1.5, \"ask\": -2, \"name\": \"a \\\"b\\\"\\\\,\\n\"}");
	prints(&f, FORMAT_STYLE_CSV, &quote, sizeof(quote), "7,1.5,-2,\"a \"\"b\"\"\\\\,\\n\"");
	scans(&f, FORMAT_STYLE_TEXT, "name=\"a \\\"b\\\"\\\\,\\n\", ask=-2 bid = 1.5 id=0x7", &quote,
	      sizeof(quote));
	scans(&f, FORMAT_STYLE_JSON,
	      "{\"id\":7,\"bid\":1.5,\"ask\":-2,\"name\":\"a \\u0022b\\\"\\\\,\\n\"}", &quote, sizeof(quote));
	scans(&f, FORMAT_STYLE_CSV, " 7 , 1.5,-2, \"a \"\"b\"\"\\\\,\\n\"\r\n", &quote, sizeof(quote));
	refuses(&f, FORMAT_STYLE_TEXT, sizeof(quote), "id=7", "has no 'bid'");
	refuses(&f, FORMAT_STYLE_TEXT, sizeof(quote), "id=7 id=8", "'id' twice");
	refuses(&f, FORMAT_STYLE_TEXT, sizeof(quote), "price=7", "'price', which is no field");
	refuses(&f, FORMAT_STYLE_TEXT, sizeof(quote), "id 7", "no '=' or ':' behind 'id'");
	refuses(&f, FORMAT_STYLE_TEXT, sizeof(quote), "id=x", "of 'id' is 'x'");
	refuses(&f, FORMAT_STYLE_TEXT, sizeof(quote), "{id=7", "no '}'");
	refuses(&f, FORMAT_STYLE_TEXT, sizeof(quote), "name=\"x", "closing quote");
	refuses(&f, FORMAT_STYLE_TEXT, sizeof(quote), "name=12345678901234567", "17 bytes of 'name'");
	refuses(&f, FORMAT_STYLE_TEXT, sizeof(quote), "name=\"\\q\"", "escape '\\q'");
	refuses(&f, FORMAT_STYLE_CSV, sizeof(quote), "1,2", "no column 'ask'");
	refuses(&f, FORMAT_STYLE_CSV, sizeof(quote), "1,2,3,x,5", "behind its 4 columns");
	ck_assert(format_is_header(&f, "ID, bid,\"ask\",name\r\n", sizeof(quote)));
	ck_assert(!format_is_header(&f, "id,bid,ask", sizeof(quote)));
	ck_assert(!format_is_header(&f, "7,1,2,x", sizeof(quote)));
	format_free(&f);
}
END_TEST

/* Whatever the bytes, and in each style. */
START_TEST(test_deep)
{
	struct random_state random = { .x = 3 };
	struct format f = described(deep_text);

	for (unsigned int round = 0; round < 1000; round++) {
		struct deep deep;
		struct leg *leg = &deep.legs[0][0];

		memset(&deep, 0, sizeof(deep));
		for (unsigned int i = 0; i < 6; i++)
			leg[i] = (struct leg){ (uint8_t)random_below(&random, 256),
					       (uint16_t)random_below(&random, 65536) };
		deep.on = random_below(&random, 2);
		deep.matrix[1][0] = (float)random_below(&random, 1000000) / 7;
		deep.last = random_next(&random);
		for (int style = FORMAT_STYLE_TEXT; style <= FORMAT_STYLE_CSV; style++) {
			char *text = print(&f, style, false, &deep, sizeof(deep));

			scans(&f, style, text, &deep, sizeof(deep));
			free(text);
		}
	}
	refuses(&f, FORMAT_STYLE_TEXT, sizeof(struct deep), "legs=[[{a=1 b=2}]]", "fewer elements in 'legs'");
	refuses(&f, FORMAT_STYLE_TEXT, sizeof(struct deep), "matrix=[[1 2 3]]", "more elements in 'matrix'");
	refuses(&f, FORMAT_STYLE_TEXT, sizeof(struct deep), "matrix=5", "no '['");
	format_free(&f);
}
END_TEST

START_TEST(test_header)
{
	struct format f = described("u8 a; struct { i16 b[2]; char c[4]; } d[2];"), u = named("u16");
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	format_print_header(&f, out, f.fields[0].bytes);
	fputc('\n', out);
	format_print_header(&u, out, 6);
	fputc('\n', out);
	format_print_header(&u, out, 2);
	fclose(out);
	ck_assert_str_eq(text, "a,d[0].b[0],d[0].b[1],d[0].c,d[1].b[0],d[1].b[1],d[1].c\n"
			       "[0],[1],[2]\nvalue");
	free(text);
	format_free(&f);
	format_free(&u);
}
END_TEST

START_TEST(test_text)
{
	struct format f = named("text");
	struct random_state random = { .x = 5 };

	prints(&f, FORMAT_STYLE_TEXT, "a\"b\n\\\xff\0\0", 8, "a\"b\\n\\\\\\xff");
	prints(&f, FORMAT_STYLE_JSON, "a\0b\0", 4, "\"a\\u0000b\"");
	prints(&f, FORMAT_STYLE_JSON, "\xff\1", 3, "[255, 1, 0]");
	scans(&f, FORMAT_STYLE_TEXT, "a\"b\\n\\\\\\xff", "a\"b\n\\\xff\0\0", 8);
	scans(&f, FORMAT_STYLE_JSON, "[255, 1,0]", "\xff\1", 3);
	scans(&f, FORMAT_STYLE_JSON, "\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80", 4);
	refuses(&f, FORMAT_STYLE_TEXT, 3, "four", "4 bytes; there is room for 3");
	refuses(&f, FORMAT_STYLE_JSON, 9, "\"\\ud83d\"", "escape");
	for (unsigned int round = 0; round < 2000; round++) {
		unsigned char data[20];
		char *text;

		random_fill(&random, data, sizeof(data));
		text = print(&f, FORMAT_STYLE_TEXT, false, data, sizeof(data));
		ck_assert_ptr_null(strchr(text, '\n'));
		scans(&f, FORMAT_STYLE_TEXT, text, data, sizeof(data));
		free(text);
		text = print(&f, FORMAT_STYLE_CSV, false, data, sizeof(data));
		scans(&f, FORMAT_STYLE_CSV, text, data, sizeof(data));
		free(text);
	}
	format_free(&f);
}
END_TEST

START_TEST(test_hex)
{
	struct format f = named("hex");

	prints(&f, FORMAT_STYLE_TEXT, "0123456789abcdefAB\xff", 19,
	       "00000000: 3031 3233 3435 3637 3839 6162 6364 6566  0123456789abcdef\n"
	       "00000010: 4142 ff                                  AB.\n");
	prints(&f, FORMAT_STYLE_JSON, "\x01\xff", 2, "\"01ff\"");
	scans(&f, FORMAT_STYLE_JSON, "\"01fF\"", "\x01\xff", 2);
	scans(&f, FORMAT_STYLE_TEXT, "00000000: 01ff  text", "\x01\xff", 2);
	refuses(&f, FORMAT_STYLE_TEXT, 2, "0 1", "pairs of hexadecimal digits");
	refuses(&f, FORMAT_STYLE_TEXT, 1, "0102", "2 bytes; there is room for 1");
	format_free(&f);
}
END_TEST

START_TEST(test_guess)
{
	static const char *const known[] = { "uint32_t", "double", "int", "unsigned long", "f32" };
	struct format f;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		ck_assert_int_eq(format_guess(&f, known[i]), 0);
		ck_assert_int_eq(f.kind, FORMAT_VALUES);
		format_free(&f);
	}
	ck_assert_int_eq(format_guess(&f, "char"), 0);
	ck_assert_int_eq(f.kind, FORMAT_TEXT);
	ck_assert_int_eq(format_guess(&f, "struct quote"), 0);
	ck_assert_int_eq(f.kind, FORMAT_HEX);
	ck_assert_int_eq(format_guess(&f, ""), 0);
	ck_assert_int_eq(f.kind, FORMAT_HEX);
	ck_assert_int_eq(format_parse(&f, "u33", why), -EINVAL);
	ck_assert_int_eq(format_parse(&f, "u8be", why), -EINVAL);
	ck_assert_int_eq(format_parse(&f, "", why), -EINVAL);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_layout, test_bad_description, test_numbers, test_number_texts, test_several,
		test_struct, test_deep,		   test_header,	 test_text,	    test_hex,
		test_guess,
	};

	return RUN_SUITE("format", tests, NULL, NULL, 0);
}
