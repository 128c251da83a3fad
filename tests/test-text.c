/* SPDX-License-Identifier: MIT */
/* What shmregctl prints for people, and reads from them. */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shmreg/abi/directory.h>

#include "parse.h"
#include "suite.h"
#include "text.h"

START_TEST(test_bytes)
{
	static const struct {
		uint64_t n;
		const char *text;
	} cases[] = {
		{ 0, "0B" },		     { 1, "1B" },
		{ 1023, "1023B" },	     { 1024, "1K" },
		{ 1536, "1.5K" },	     { 1024 * 1024 - 1, "1023K" },
		{ 64 << 20, "64M" },	     { UINT64_C(3) << 29, "1.5G" },
		{ UINT64_C(1) << 46, "64T" }, { UINT64_MAX, "15.9E" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char buf[TEXT_MAX];

		ck_assert_str_eq(text_bytes(buf, cases[i].n), cases[i].text);
	}
}
END_TEST

START_TEST(test_words)
{
	char buf[TEXT_MAX];

	ck_assert_str_eq(text_mode(buf, 0660), "rw-rw----");
	ck_assert_str_eq(text_mode(buf, 0444), "r--r--r--");
	ck_assert_str_eq(text_user(buf, 0), "root");
	ck_assert_str_eq(text_group(buf, 0), "root");
	ck_assert_str_eq(text_user(buf, 4294967290u), "4294967290");
	ck_assert_str_eq(text_time(buf, 0), "-");
	setenv("TZ", "UTC", 1);
	ck_assert_str_eq(text_time(buf, UINT64_C(86400000000000)), "1970-01-02 00:00:00");
	ck_assert_str_eq(text_state(SHMREG_DIR_LIVE, 0), "live");
	ck_assert_str_eq(text_state(SHMREG_DIR_LIVE, SHMREG_DIR_QUARANTINED), "quarantined");
	ck_assert_str_eq(text_state(SHMREG_DIR_REMOVED, 0), "removed");
	ck_assert_str_eq(text_lifetime(SHMREG_WITH_CREATOR), "with-creator");
	ck_assert_str_eq(text_lifetime(99), "unknown");
}
END_TEST

START_TEST(test_table)
{
	static const char *const titles[] = { "NAME", ">SIZE", "STATE" };
	struct text_table t;
	char *text;
	size_t size;
	FILE *stream = open_memstream(&text, &size), *row;
	size_t written_size;
	char *written;

	text_table_init(&t, 3, titles);
	text_table_add(&t, "%s", "a/long/name");
	text_table_add(&t, "%d", 7);
	text_table_add(&t, "live");
	text_table_add(&t, "%s", "b\x1b\n");
	text_table_add(&t, "%d", 1234567);
	row = open_memstream(&written, &written_size);
	fputs("x", row);
	text_table_add_stream(&t, row, &written);
	ck_assert_ptr_null(written);
	ck_assert_int_eq(text_table_print(&t, stream), 0);
	/* And again, empty. */
	ck_assert_int_eq(text_table_print(&t, stream), 0);
	fclose(stream);
	ck_assert_str_eq(text, "NAME            SIZE  STATE\n"
			       "a/long/name        7  live\n"
			       "b??          1234567  x\n"
			       "NAME  SIZE  STATE\n");
	free(text);
}
END_TEST

START_TEST(test_parse_bytes)
{
	static const struct {
		const char *text;
		uint64_t n;
	} good[] = {
		{ "1", 1 }, { "4096", 4096 }, { "64K", 65536 }, { "64M", 64 << 20 },
		{ "2G", UINT64_C(2) << 30 }, { "64T", UINT64_C(1) << 46 }, { "3MiB", 3 << 20 },
	};
	static const char *const bad[] = {
		"", "x", "-1", "+1", " 1", "1 ", "1k", "1KB", "64T1", "65T", "0", "0K", "1.5G",
		"18446744073709551616", "18446744073709551615", "17179869184G", "0x10", "1Kib",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const char *why = NULL;
		uint64_t n = 0;

		ck_assert_int_eq(parse_bytes(good[i].text, &n, &why), 0);
		ck_assert_uint_eq(n, good[i].n);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *why = NULL;
		uint64_t n = 7;

		ck_assert_msg(parse_bytes(bad[i], &n, &why) == -EINVAL, "'%s'", bad[i]);
		ck_assert_ptr_nonnull(why);
		ck_assert_uint_eq(n, 7);
	}
}
END_TEST

START_TEST(test_parse_others)
{
	static const char *const bad_modes[] = { "", "755", "1660", "8", "0660 ", "rw", "-1" };
	const char *why = NULL;
	uint32_t n = 0, uid = 11, gid = 12;

	ck_assert_int_eq(parse_mode("0660", &n, &why), 0);
	ck_assert_uint_eq(n, 0660);
	ck_assert_int_eq(parse_mode("644", &n, &why), 0);
	ck_assert_uint_eq(n, 0644);
	for (size_t i = 0; i < sizeof(bad_modes) / sizeof(bad_modes[0]); i++)
		ck_assert_msg(parse_mode(bad_modes[i], &n, &why) == -EINVAL, "'%s'", bad_modes[i]);

	ck_assert_int_eq(parse_count("65536", 65536, &n, &why), 0);
	ck_assert_uint_eq(n, 65536);
	ck_assert_int_eq(parse_count("65537", 65536, &n, &why), -EINVAL);
	ck_assert_int_eq(parse_count("0", 65536, &n, &why), -EINVAL);
	ck_assert_int_eq(parse_count("4294967297", 65536, &n, &why), -EINVAL);
	ck_assert_int_eq(parse_count("7x", 65536, &n, &why), -EINVAL);

	ck_assert_int_eq(parse_lifetime("until-removed", &n, &why), 0);
	ck_assert_uint_eq(n, SHMREG_UNTIL_REMOVED);
	ck_assert_int_eq(parse_lifetime("for-ever", &n, &why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "while-attached"));

	ck_assert_int_eq(parse_owner("root", &uid, &gid, &why), 0);
	ck_assert_uint_eq(uid, 0);
	ck_assert_uint_eq(gid, 12);
	ck_assert_int_eq(parse_owner(":7", &uid, &gid, &why), 0);
	ck_assert_uint_eq(gid, 7);
	ck_assert_int_eq(parse_owner("8:root", &uid, &gid, &why), 0);
	ck_assert_uint_eq(uid, 8);
	ck_assert_uint_eq(gid, 0);
	ck_assert_int_eq(parse_owner("9:", &uid, &gid, &why), 0);
	ck_assert_uint_eq(uid, 9);
	ck_assert_int_eq(parse_owner("", &uid, &gid, &why), -EINVAL);
	ck_assert_int_eq(parse_owner(":", &uid, &gid, &why), -EINVAL);
	ck_assert_int_eq(parse_owner("1:no-such-group", &uid, &gid, &why), -EINVAL);
	ck_assert_int_eq(parse_owner("no-such-user:1", &uid, &gid, &why), -EINVAL);
	ck_assert_int_eq(parse_owner("4294967295", &uid, &gid, &why), -EINVAL);
	ck_assert_uint_eq(uid, 9);
	ck_assert_uint_eq(gid, 0);
}
END_TEST

START_TEST(test_parse_seconds)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} good[] = { { "1", 1000 },    { "0.5", 500 },	  { "0.001", 1 },
		     { "2.25", 2250 }, { "10.", 10000 }, { "86400", 86400000 } };
	static const char *const bad[] = { "", "0", "0.0", "-1", "+1", " 1", "1s", ".5", "1e3",
					   "0.0001", "86400.001", "86401", "99999999999999999999",
					   "1,5", "0x1", "nan" };
	const char *why;
	uint64_t ns = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(parse_seconds(bad[i], &ns, &why) == -EINVAL, "'%s'", bad[i]);
		ck_assert_uint_eq(ns, 7);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_msg(parse_seconds(good[i].text, &ns, &why) == 0, "'%s'", good[i].text);
		ck_assert_uint_eq(ns, good[i].ms * 1000000);
	}
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("text");

	tcase_add_test(tcase, test_bytes);
	tcase_add_test(tcase, test_words);
	tcase_add_test(tcase, test_table);
	tcase_add_test(tcase, test_parse_bytes);
	tcase_add_test(tcase, test_parse_seconds);
	tcase_add_test(tcase, test_parse_others);
	return run_case("text", tcase);
}
