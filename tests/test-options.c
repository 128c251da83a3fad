/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "options.h"
#include "suite.h"

static struct options o;
static char error[OPTIONS_ERROR_MAX + 1];
static char path[] = "/tmp/shmreg-options-XXXXXX";

static void setup(void)
{
	int fd;

	ck_assert_int_eq(options_init(&o), 0);
	*error = '\0';
	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void teardown(void)
{
	options_deinit(&o);
	unlink(path);
}

static void write_file(const char *text)
{
	FILE *f = fopen(path, "we");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

static void says(const char *text)
{
	ck_assert_msg(strstr(error, text) != NULL, "'%s' does not say '%s'", error, text);
}

static void ok(const char *name, const char *value)
{
	const int r = options_set(&o, name, value, error);

	ck_assert_msg(r == 0, "%s = %s: %s", name, value, error);
}

static void bad(const char *name, const char *value, const char *sentence)
{
	ck_assert_int_eq(options_set(&o, name, value, error), -EINVAL);
	says(sentence);
}

START_TEST(values)
{
	ok("max-segments", "7");
	ck_assert_uint_eq(o.max_segments, 7);
	ok("max-bytes-per-uid", "3G");
	ck_assert_uint_eq(o.limit[SHMREG_RESOURCE_BYTES], UINT64_C(3) << 30);
	ok("reserve-budget", "1T");
	ck_assert_uint_eq(o.reserve_budget, UINT64_C(1) << 40);
	ok("reserve-budget", "12");
	ck_assert_uint_eq(o.reserve_budget, 12);
	ok("repair-timeout", "10s");
	ck_assert_uint_eq(o.repair_timeout, 10);
	ok("socket-mode", "0660");
	ck_assert_uint_eq(o.socket_mode, 0660);
	ok("log-level", "debug");
	ck_assert_uint_eq(o.log_level, LOG_DEBUG);
	ck_assert_uint_eq(o.bus, OPTIONS_BUS_AUTO);
	ok("bus", "no");
	ck_assert_uint_eq(o.bus, OPTIONS_BUS_NO);
	ok("bus", "yes");
	ck_assert_uint_eq(o.bus, OPTIONS_BUS_YES);
	ok("system", "yes");
	ck_assert(o.system);
	ok("system", "off");
	ck_assert(!o.system);
	ok("socket", "/tmp/x");
	ck_assert_str_eq(o.socket, "/tmp/x");
	ok("socket", "/tmp/y");
	ck_assert_str_eq(o.socket, "/tmp/y");
	ok("max-objects-per-uid", "none");
	ck_assert_uint_eq(o.limit[SHMREG_RESOURCE_OBJECTS], UINT64_MAX);
	ok("max-subscriptions-per-uid", "0");
	ck_assert_uint_eq(o.limit[SHMREG_RESOURCE_SUBSCRIPTIONS], 0);
}
END_TEST

START_TEST(bad_values)
{
	bad("max-segments", "many", "must be a number such as 100");
	bad("max-segments", "", "must be a number");
	bad("max-segments", "-1", "must be a number");
	bad("max-segments", " 1", "must be a number");
	bad("max-segments", "none", "must be a number");
	bad("max-segments", "5K", "must be a number");
	bad("max-segments", "0", "must be 1 to 2000");
	bad("max-segments", "2001", "must be 1 to 2000");
	bad("max-segments", "99999999999999999999", "must be 1 to 2000");
	bad("max-bytes-per-uid", "1X", "64M");
	bad("max-bytes-per-uid", "1KK", "64M");
	bad("max-bytes-per-uid", "99999999T", "but must be 0 to");
	bad("repair-timeout", "0", "must be 1 to 3600");
	bad("socket-mode", "0888", "octal mode");
	bad("socket-mode", "0777", "octal mode");
	bad("socket-mode", "rw", "octal mode");
	bad("log-level", "loud", "error, warning, notice, info or debug");
	bad("system", "maybe", "yes or no");
	bad("bus", "on", "no, auto or yes");
	bad("socket", "", "must be a path");
	/* Which --print-config could not say. */
	bad("socket", "/run/x ; y", "none before a ';'");
	bad("socket", ";", "none before a ';'");
	bad("socket", " /run/x", "no blanks around it");
	bad("reaper", "/run/x ", "no blanks around it");
	bad("reaper", "/run/\nmax-segments = 3", "no control characters");
	/* A refused value changes nothing. */
	ck_assert_uint_eq(o.max_segments, 500);
}
END_TEST

START_TEST(unknown)
{
	bad("max-segment", "1", "'max-segments' may be meant");
	bad("max_connections", "1", "'max-connections' may be meant");
	bad("colour", "1", "--help");
	bad("", "1", "--help");
}
END_TEST

START_TEST(file)
{
	write_file("# a comment\nmax-segments = 9\n\n[shmregd]\n  log-level = warning ; too\n"
		   "max-bytes-per-uid=2M\n");
	ck_assert_msg(options_read_file(&o, path, true, error) == 0, "%s", error);
	ck_assert_uint_eq(o.max_segments, 9);
	ck_assert_uint_eq(o.log_level, LOG_WARNING);
	ck_assert_uint_eq(o.limit[SHMREG_RESOURCE_BYTES], 2 << 20);
}
END_TEST

static void bad_file(const char *text, unsigned int line, const char *sentence)
{
	char place[64];

	write_file(text);
	ck_assert_int_eq(options_read_file(&o, path, true, error), -EINVAL);
	snprintf(place, sizeof(place), "%s:%u: ", path, line);
	says(place);
	says(sentence);
}

START_TEST(limits_of_single_users)
{
	uint64_t limit;

	write_file("max-seats-per-uid = 7\n[uid 1000]\nmax-seats-per-uid = 8\n"
		   "max-bytes-per-uid = 1G\n[uid nobody]\nmax-seats-per-uid = 9\n"
		   "[uid  1000]\nmax-segments-per-uid = 10\nmax-seats-per-uid = 11\n"
		   "[shmregd]\nmax-segments-per-uid = 12\n");
	ck_assert_msg(options_read_file(&o, path, true, error) == 0, "%s", error);
	ck_assert_uint_eq(o.limit[SHMREG_RESOURCE_SEATS], 7);
	ck_assert_uint_eq(o.limit[SHMREG_RESOURCE_SEGMENTS], 12);
	ck_assert_uint_eq(o.uids.n, 2);
	ck_assert(uid_limits_get(&o.uids, 1000, SHMREG_RESOURCE_SEATS, &limit) && limit == 11);
	ck_assert(uid_limits_get(&o.uids, 1000, SHMREG_RESOURCE_SEGMENTS, &limit) && limit == 10);
	ck_assert(uid_limits_get(&o.uids, 1000, SHMREG_RESOURCE_BYTES, &limit) &&
		  limit == UINT64_C(1) << 30);
	ck_assert(!uid_limits_get(&o.uids, 1000, SHMREG_RESOURCE_OBJECTS, &limit));
	ck_assert(uid_limits_get(&o.uids, 65534, SHMREG_RESOURCE_SEATS, &limit) && limit == 9);
}
END_TEST

START_TEST(bad_files)
{
	char text[600];

	bad_file("max-segments = 1\nmax-segments = x\n", 2, "must be a number");
	bad_file("\n\nmax-segmants = 1\n", 3, "'max-segments' may be meant");
	bad_file("max-segments 1\n", 1, "option = value");
	bad_file("[shmregd\n", 1, "option = value");
	bad_file("[other]\nmax-segments = 1\n", 2, "there is no section [other]");
	bad_file("[other]\nmax-segments = 1\n", 2, "[uid USER]");
	bad_file("[uid]\nmax-seats-per-uid = 1\n", 2, "[uid 1000] or [uid NAME]");
	bad_file("[uid no-such-user]\nmax-seats-per-uid = 1\n", 2, "no user 'no-such-user'");
	bad_file("[uid 4294967295]\nmax-seats-per-uid = 1\n", 2, "below 4294967295");
	bad_file("[uid -1]\nmax-seats-per-uid = 1\n", 2, "no user '-1'");
	bad_file("[uid 0]\nmax-seats-per-uid = 1\n", 2, "root, who has no limits");
	bad_file("[uid root]\nmax-seats-per-uid = 1\n", 2, "root, who has no limits");
	bad_file("[uid 10]\nmax-seats = 1\n", 2, "there is no option 'max-seats'");
	bad_file("[uid 10]\nmax-segments = 1\n", 2, "end in -per-uid");
	bad_file("[uid 10]\nmax-seats-per-uid = x\n", 2, "must be a number");
	/* The first is the one to be told of. */
	bad_file("log-level = x\nlog-level y\n", 1, "must be error");
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	bad_file(text, 1, "too long");
	ck_assert_int_eq(options_read_file(&o, "/nowhere/x.conf", true, error), -ENOENT);
	says("/nowhere/x.conf");
	ck_assert_int_eq(options_read_file(&o, "/nowhere/x.conf", false, error), 0);
}
END_TEST

static enum options_action action;

static int parse(const char *a, const char *b, const char *c)
{
	char *const argv[] = { (char *)"shmregd", (char *)a, (char *)b, (char *)c, NULL };
	int argc = 1;

	while (argv[argc])
		argc++;
	options_deinit(&o);
	return options_parse(&o, &action, argc, argv, error);
}

START_TEST(command_line)
{
	char config[64];

	snprintf(config, sizeof(config), "--config=%s", path);
	write_file("max-segments = 11\nmax-reapers = 2\n");
	ck_assert_msg(parse(config, "--max-segments", "12") == 0, "%s", error);
	ck_assert_int_eq(action, OPTIONS_RUN);
	ck_assert_uint_eq(o.max_segments, 12);
	ck_assert_uint_eq(o.max_reapers, 2);
	ck_assert_int_eq(parse("--max-reapers=3", config, "--system"), 0);
	ck_assert_uint_eq(o.max_reapers, 3);
	ck_assert(o.system);
	ck_assert_int_eq(parse("--print-config", config, NULL), 0);
	ck_assert_int_eq(action, OPTIONS_PRINT_CONFIG);
	/* Help and version are given whatever else is wrong in the file. */
	write_file("nonsense\n");
	ck_assert_int_eq(parse("--help", config, NULL), 0);
	ck_assert_int_eq(action, OPTIONS_HELP);
	ck_assert_int_eq(parse("-V", config, NULL), 0);
	ck_assert_int_eq(action, OPTIONS_VERSION);
}
END_TEST

static void bad_line(const char *a, const char *b, const char *sentence)
{
	ck_assert_int_eq(parse(a, b, NULL), -EINVAL);
	says(sentence);
	ck_assert_int_eq(options_init(&o), 0);
}

START_TEST(bad_command_lines)
{
	bad_line("serve", NULL, "'serve' is no option");
	bad_line("-x", NULL, "'-x' is no option");
	bad_line("--", NULL, "is no option");
	bad_line("--sokcet=/tmp/x", NULL, "'socket' may be meant");
	bad_line("--socket", NULL, "needs a value");
	bad_line("--max-segments", "0", "1 to 2000");
	bad_line("--system=perhaps", NULL, "yes or no");
	ck_assert_int_eq(parse("--config=/nowhere/x", NULL, NULL), -ENOENT);
	ck_assert_int_eq(options_init(&o), 0);
}
END_TEST

/* What is printed is a configuration that says the same. */
START_TEST(print_and_read)
{
	struct options again;
	FILE *f;

	ok("socket", "/tmp/x");
	ok("socket-mode", "0640");
	ok("max-reserved-bytes-per-uid", "1536K");
	ok("log-level", "notice");
	ok("system", "yes");
	ck_assert_int_eq(uid_limits_set(&o.uids, 5, SHMREG_RESOURCE_BYTES, 3 << 20), 0);
	ck_assert_int_eq(uid_limits_set(&o.uids, 4, SHMREG_RESOURCE_SUBSCRIPTIONS, 0), 0);
	ck_assert_int_eq(uid_limits_set(&o.uids, 4, SHMREG_RESOURCE_SEATS, UINT64_MAX), 0);
	ok("max-bytes-per-uid", "none");
	f = fopen(path, "we");
	ck_assert_ptr_nonnull(f);
	options_print(&o, f);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(options_init(&again), 0);
	ck_assert_msg(options_read_file(&again, path, true, error) == 0, "%s", error);
	ck_assert_str_eq(again.socket, o.socket);
	ck_assert_str_eq(again.reaper, o.reaper);
	ck_assert_mem_eq(again.limit, o.limit, sizeof(o.limit));
	ck_assert_uint_eq(again.socket_mode, o.socket_mode);
	ck_assert_uint_eq(again.log_level, o.log_level);
	ck_assert_uint_eq(again.reserve_budget, o.reserve_budget);
	ck_assert(again.system);
	ck_assert_uint_eq(again.uids.n, 2);
	ck_assert_mem_eq(again.uids.entries, o.uids.entries, 2 * sizeof(*o.uids.entries));
	options_deinit(&again);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, values);
	tcase_add_test(tc, bad_values);
	tcase_add_test(tc, unknown);
	tcase_add_test(tc, file);
	tcase_add_test(tc, limits_of_single_users);
	tcase_add_test(tc, bad_files);
	tcase_add_test(tc, command_line);
	tcase_add_test(tc, bad_command_lines);
	tcase_add_test(tc, print_and_read);
	return run_case("options", tc);
}
