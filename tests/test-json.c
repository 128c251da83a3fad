/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "suite.h"

static char *text;
static size_t size;
static FILE *stream;
static struct json j;

static void begin(void)
{
	stream = open_memstream(&text, &size);
	ck_assert_ptr_nonnull(stream);
	json_init(&j, stream);
}

static void expect(const char *want)
{
	json_end(&j);
	fclose(stream);
	ck_assert_uint_gt(size, 0);
	ck_assert_int_eq(text[size - 1], '\n');
	text[size - 1] = '\0';
	ck_assert_str_eq(text, want);
	free(text);
}

START_TEST(test_values)
{
	begin();
	json_number(&j, NULL, UINT64_MAX);
	expect("18446744073709551615");
	begin();
	json_decimal(&j, NULL, 1234567.0625);
	expect("1234567.062");
	begin();
	json_bool(&j, NULL, true);
	expect("true");
	begin();
	json_null(&j, NULL);
	expect("null");
	begin();
	json_string(&j, NULL, NULL);
	expect("null");
	begin();
	json_string(&j, NULL, "");
	expect("\"\"");
}
END_TEST

START_TEST(test_nesting)
{
	begin();
	json_open_array(&j, NULL);
	json_close(&j);
	expect("[]");

	begin();
	json_open_object(&j, NULL);
	json_number(&j, "a", 1);
	json_open_array(&j, "b");
	json_number(&j, NULL, 2);
	json_open_object(&j, NULL);
	json_close(&j);
	json_open_object(&j, NULL);
	json_bool(&j, "c", false);
	json_null(&j, "d");
	json_close(&j);
	json_close(&j);
	json_string(&j, "e", "f");
	json_close(&j);
	expect("{\"a\": 1, \"b\": [2, {}, {\"c\": false, \"d\": null}], \"e\": \"f\"}");
}
END_TEST

START_TEST(test_lines)
{
	/* One writer, one value a line. */
	begin();
	json_number(&j, NULL, 1);
	json_end(&j);
	json_number(&j, NULL, 2);
	expect("1\n2");
}
END_TEST

START_TEST(test_escapes)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "plain /*:<>,()[]", "\"plain /*:<>,()[]\"" },
		{ "a\"b\\c", "\"a\\\"b\\\\c\"" },
		{ "\n\t\x01\x1f\x7f", "\"\\u000a\\u0009\\u0001\\u001f\\u007f\"" },
		{ "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\"" },
		/* stray, cut short, overlong, surrogate, beyond the last, not a start */
		{ "\x80", "\"\\ufffd\"" },
		{ "\xc3", "\"\\ufffd\"" },
		{ "\xe2\x82", "\"\\ufffd\\ufffd\"" },
		{ "\xc0\x80", "\"\\ufffd\\ufffd\"" },
		{ "\xe0\x80\x80", "\"\\ufffd\\ufffd\\ufffd\"" },
		{ "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"" },
		{ "\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" },
		{ "\xff" "a", "\"\\ufffda\"" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin();
		json_string(&j, NULL, cases[i].in);
		expect(cases[i].out);
	}
	begin();
	json_open_object(&j, NULL);
	json_null(&j, "a\"b");
	json_close(&j);
	expect("{\"a\\\"b\": null}");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("json");

	tcase_add_test(tcase, test_values);
	tcase_add_test(tcase, test_nesting);
	tcase_add_test(tcase, test_lines);
	tcase_add_test(tcase, test_escapes);
	return run_case("json", tcase);
}
