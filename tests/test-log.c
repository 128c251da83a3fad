/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "suite.h"

static FILE *lines;	/* what stderr was given */
static int kept;	/* what it was */

static void setup(void)
{
	lines = tmpfile();
	ck_assert_ptr_nonnull(lines);
	kept = dup(STDERR_FILENO);
	ck_assert_int_ge(dup2(fileno(lines), STDERR_FILENO), 0);
	log_set_level(LOG_DEBUG);
}

static void teardown(void)
{
	dup2(kept, STDERR_FILENO);
	close(kept);
	fclose(lines);
}

static int count(const char *text)
{
	char line[2048];
	int n = 0;

	rewind(lines);
	while (fgets(line, sizeof(line), lines))
		n += strstr(line, text) != NULL;
	return n;
}

/* As many as a client likes are few; the rate itself is not looked at, for it needs a clock. */
START_TEST(clients_are_limited)
{
	for (int i = 0; i < 100000; i++)
		log_client(LOG_DEBUG, NULL, "a client's line");
	ck_assert_int_ge(count("a client's line"), 100);
	ck_assert_int_lt(count("a client's line"), 10000);
}
END_TEST

START_TEST(warnings_are_not_hidden)
{
	for (int i = 0; i < 10000; i++)
		log_client(LOG_NOTICE, NULL, "a client's line");
	log_client(LOG_WARNING, NULL, "quarantined");
	ck_assert_int_eq(count("warning: quarantined"), 1);
	ck_assert_int_ge(count("were left out"), 1);
	for (int i = 0; i < 10000; i++)
		log_client(LOG_ERR, NULL, "an error's line");
	ck_assert_int_lt(count("an error's line"), 10000);
	/* What is no client's is not limited at all. */
	for (int i = 0; i < 1000; i++)
		log_warning("the daemon's own");
	ck_assert_int_eq(count("the daemon's own"), 1000);
}
END_TEST

START_TEST(one_line_is_one_line)
{
	log_notice("a\nshmregd: error: forged\x1b[31m\x7f");
	ck_assert_int_eq(count("a?shmregd: error: forged?[31m?"), 1);
}
END_TEST

/* What is tried again and again is said once, and in a minute again. */
START_TEST(trouble_that_lasts)
{
	double first = 0, other = 0;

	ck_assert(log_is_due(&first));
	for (int i = 0; i < 1000; i++)
		ck_assert(!log_is_due(&first));
	ck_assert(log_is_due(&other));
	/* A machine that was started less than a minute ago cannot have it behind itself. */
	if (first <= 60)
		return;
	first -= 60;
	ck_assert(log_is_due(&first));
	ck_assert(!log_is_due(&first));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		clients_are_limited,
		warnings_are_not_hidden,
		one_line_is_one_line,
		trouble_that_lasts,
	};

	return RUN_SUITE("log", tests, setup, teardown, 0);
}
