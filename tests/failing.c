/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failing.h"

static char script_path[96], fail_path[96], config_path[96], option[128], config_option[128];

/*
 * It fails as long as the file "fail" has bytes, one for each time. One that hangs is given a
 * second, and the real one after it as long as any.
 */
const char *const *failing_reaper(const char *how, int n)
{
	static const char *const options[] = { option, config_option, NULL };
	const char *real = getenv("SHMREG_TEST_REAPER");
	char dir[] = "/tmp/shmreg-reaper-XXXXXX";
	FILE *out;

	ck_assert(mkdtemp(dir) != NULL);
	snprintf(script_path, sizeof(script_path), "%s/reaper", dir);
	snprintf(fail_path, sizeof(fail_path), "%s/fail", dir);
	out = fopen(fail_path, "we");
	ck_assert(out != NULL);
	while (n-- > 0)
		fputc('!', out);
	fclose(out);
	snprintf(config_path, sizeof(config_path), "%s/config", dir);
	out = fopen(config_path, "we");
	ck_assert(out != NULL);
	if (strcmp(how, "hang") == 0)
		fputs("repair-timeout = 1\n", out);
	fclose(out);
	out = fopen(script_path, "we");
	ck_assert(out != NULL);
	fprintf(out, "#!/bin/sh\nexec %s %s %s %s %s\n", FAILING_REAPER, how, fail_path,
		config_path, real && *real ? real : SHMREG_REAPER);
	fclose(out);
	ck_assert_int_eq(chmod(script_path, 0755), 0);
	snprintf(option, sizeof(option), "--reaper=%s", script_path);
	snprintf(config_option, sizeof(config_option), "--config=%s", config_path);
	return options;
}

void failing_reaper_remove(void)
{
	unlink(script_path);
	unlink(fail_path);
	unlink(config_path);
	*strrchr(script_path, '/') = '\0';
	ck_assert_int_eq(rmdir(script_path), 0);
}
