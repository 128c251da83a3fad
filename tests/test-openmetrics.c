/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "openmetrics.h"
#include "suite.h"

static char *text;
static size_t size;
static struct openmetrics m;

static void begin(bool prometheus)
{
	FILE *stream = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(stream);
	openmetrics_init(&m, stream, prometheus);
}

static void expect(const char *want)
{
	openmetrics_end(&m);
	fclose(m.stream);
	ck_assert_str_eq(text, want);
	free(text);
}

static const struct metric gauge = GAUGE_BYTES("memory", "What it takes.");
static const struct metric counter = COUNTER("ops", "Operations.");
static const struct metric info = { .name = "build", .help = "It.", .type = METRIC_INFO };

static void write_all(void)
{
	const struct openmetrics_label label = { "x", "y" };

	openmetrics_family(&m, &gauge, "user_");
	openmetrics_sample(&m, NULL, 0, UINT64_MAX);
	openmetrics_sample_limit(&m, &label, 1, UINT64_MAX);
	openmetrics_family(&m, &counter, NULL);
	openmetrics_counter(&m, &label, 1, 7, 1000000001);
	openmetrics_counter(&m, NULL, 0, 8, 0);
	openmetrics_family(&m, &info, NULL);
	openmetrics_sample(&m, &label, 1, 1);
	/* Of nobody: */
	openmetrics_family(&m, &gauge, "none_");
}

START_TEST(test_openmetrics)
{
	begin(false);
	write_all();
	expect("# TYPE shmreg_user_memory_bytes gauge\n"
	       "# UNIT shmreg_user_memory_bytes bytes\n"
	       "# HELP shmreg_user_memory_bytes What it takes.\n"
	       "shmreg_user_memory_bytes 18446744073709551615\n"
	       "shmreg_user_memory_bytes{x=\"y\"} +Inf\n"
	       "# TYPE shmreg_ops counter\n"
	       "# HELP shmreg_ops Operations.\n"
	       "shmreg_ops_total{x=\"y\"} 7\n"
	       "shmreg_ops_created{x=\"y\"} 1.000000001\n"
	       "shmreg_ops_total 8\n"
	       "# TYPE shmreg_build info\n"
	       "# HELP shmreg_build It.\n"
	       "shmreg_build_info{x=\"y\"} 1\n"
	       "# EOF\n");
}
END_TEST

START_TEST(test_prometheus)
{
	begin(true);
	write_all();
	expect("# TYPE shmreg_user_memory_bytes gauge\n"
	       "# HELP shmreg_user_memory_bytes What it takes.\n"
	       "shmreg_user_memory_bytes 18446744073709551615\n"
	       "shmreg_user_memory_bytes{x=\"y\"} +Inf\n"
	       "# TYPE shmreg_ops_total counter\n"
	       "# HELP shmreg_ops_total Operations.\n"
	       "shmreg_ops_total{x=\"y\"} 7\n"
	       "shmreg_ops_total 8\n"
	       "# TYPE shmreg_build_info gauge\n"
	       "# HELP shmreg_build_info It.\n"
	       "shmreg_build_info{x=\"y\"} 1\n");
}
END_TEST

START_TEST(test_labels)
{
	const struct openmetrics_label labels[] = {
		{ "a", "\"quoted\\\"\n" },
		{ "b", "\x01\x7f\t" },
		{ "c", "\xc3\xa4\xff" "end\xc3" },
		{ "d", "" },
	};

	begin(false);
	openmetrics_family(&m, &counter, NULL);
	openmetrics_counter(&m, labels, 4, 0, 0);
	expect("# TYPE shmreg_ops counter\n"
	       "# HELP shmreg_ops Operations.\n"
	       "shmreg_ops_total{a=\"\\\"quoted\\\\\\\"\\n\",b=\"\?\?\?\","
	       "c=\"\xc3\xa4\xef\xbf\xbd" "end\xef\xbf\xbd\",d=\"\"} 0\n"
	       "# EOF\n");
}
END_TEST

START_TEST(test_seconds)
{
	const struct metric seconds = { .name = "t_seconds", .unit = "seconds", .help = "Time." };

	begin(true);
	openmetrics_family(&m, &seconds, NULL);
	openmetrics_sample_ns(&m, NULL, 0, 0);
	openmetrics_sample_ns(&m, NULL, 0, 1795672892268948598);
	expect("# TYPE shmreg_t_seconds gauge\n"
	       "# HELP shmreg_t_seconds Time.\n"
	       "shmreg_t_seconds 0.000000000\n"
	       "shmreg_t_seconds 1795672892.268948598\n");
}
END_TEST

/* --- requests --------------------------------------------------------------------------------- */

static const struct {
	const char *text;
	int status;
	const char *path;
	bool head, openmetrics;
} requests[] = {
	{ "GET / HTTP/1.1\r\n\r\n", 0, "/", false, false },
	{ "GET /a?b=c HTTP/1.0\n\n", 0, "/a", false, false },
	{ "HEAD / HTTP/1.1\r\nACCEPT: x, Application/OpenMetrics-Text; q=1\r\n\r\n", 0, "/", true, true },
	{ "GET / HTTP/1.1\r\nX-Accept: application/openmetrics-text\r\n\r\n", 0, "/", false, false },
	{ "GET / HTTP/1.1\r\nAccept: text/plain\r\nAccept: application/openmetrics-text\r\n\r\nmore", 0,
	  "/", false, true },
	{ "", -EAGAIN, NULL, false, false },
	{ "GET / HTTP/1.1\r\n", -EAGAIN, NULL, false, false },
	{ "GET / HTTP/1.1\r\nHost: a\r\n", -EAGAIN, NULL, false, false },
	{ "PUT / HTTP/1.1\r\n\r\n", 405, NULL, false, false },
	{ "GETX / HTTP/1.1\r\n\r\n", 405, NULL, false, false },
	{ "GET / HTTP/3\r\n\r\n", 505, NULL, false, false },
	{ "GET / FTP/1.1\r\n\r\n", 400, NULL, false, false },
	{ "GET /\r\n\r\n", 400, NULL, false, false },
	{ "GET x HTTP/1.1\r\n\r\n", 400, NULL, false, false },
	{ " / HTTP/1.1\r\n\r\n", 400, NULL, false, false },
	{ "\r\n\r\n", 400, NULL, false, false },
};

START_TEST(test_request)
{
	struct http_request got = { .path = "untouched" };

	ck_assert_int_eq(http_parse(requests[_i].text, strlen(requests[_i].text), &got),
			 requests[_i].status);
	ck_assert_str_eq(got.path, requests[_i].path ? requests[_i].path : "untouched");
	ck_assert_int_eq(got.head, requests[_i].head);
	ck_assert_int_eq(got.openmetrics, requests[_i].openmetrics);
}
END_TEST

/* Every part of a request is not complete, or is refused as all of it is. */
START_TEST(test_parts)
{
	const char *whole = requests[_i].text;
	struct http_request got;

	for (size_t n = 0; n < strlen(whole); n++) {
		char *part = malloc(n + 1);
		int r;

		ck_assert_ptr_nonnull(part);
		memcpy(part, whole, n);
		r = http_parse(part, n, &got);
		ck_assert(r == -EAGAIN || r == requests[_i].status);
		free(part);
	}
}
END_TEST

START_TEST(test_long)
{
	static char text_[HTTP_REQUEST_MAX];
	struct http_request got;
	int n;

	memset(text_, 'a', sizeof(text_));
	ck_assert_int_eq(http_parse(text_, sizeof(text_) - 1, &got), -EAGAIN);
	ck_assert_int_eq(http_parse(text_, sizeof(text_), &got), 431);
	memset(text_, 0, sizeof(text_));
	ck_assert_int_eq(http_parse(text_, sizeof(text_), &got), 431);
	n = snprintf(text_, sizeof(text_), "GET /%05000d HTTP/1.1\r\n\r\n", 0);
	ck_assert_int_eq(http_parse(text_, (size_t)n, &got), 0);
	ck_assert_uint_eq(strlen(got.path), sizeof(got.path) - 1);
}
END_TEST

int main(void)
{
	const int n = sizeof(requests) / sizeof(requests[0]);
	TCase *tc = tcase_create("openmetrics");

	tcase_add_test(tc, test_openmetrics);
	tcase_add_test(tc, test_prometheus);
	tcase_add_test(tc, test_labels);
	tcase_add_test(tc, test_seconds);
	tcase_add_loop_test(tc, test_request, 0, n);
	tcase_add_loop_test(tc, test_parts, 0, n);
	tcase_add_test(tc, test_long);
	return run_case("openmetrics", tc);
}
