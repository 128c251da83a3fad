/* SPDX-License-Identifier: MIT */
#include <config.h>

/* The reapers of an earlier daemon. */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "restart-fixture.h"

#define SPARES 2	/* that wait for a job */

static char script[64], go[96], started[96], children[96];

/*
 * A reaper that hangs until it may go on as the real one. Its child dies neither with
 * it nor with the daemon, and has its standard input, which is the daemon's lock.
 */
static void setup_script(void)
{
	const char *const options[] = { "--reaper", script, "--max-reapers=1", NULL };
	FILE *f;

	snprintf(script, sizeof(script), "/tmp/shmreg-reaper-%d", (int)getpid());
	snprintf(go, sizeof(go), "%s.go", script);
	snprintf(started, sizeof(started), "%s.started", script);
	snprintf(children, sizeof(children), "%s.children", script);
	f = fopen(script, "we");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "#!/bin/sh\n"
		   "[ -e %s ] && exec %s\n"
		   "echo $PPID >>%s\n"
		   "exec 5<&0\n"
		   "sh -c 'echo $$ >>%s; exec sleep 100' <&5 3<&- &\n"
		   "wait\n", go, SHMREG_REAPER, started, children);
	fchmod(fileno(f), 0755);
	fclose(f);
	harness_start(&h, options);
}

static void teardown_script(void)
{
	harness_stop(&h);
	unlink(script);
	unlink(go);
	unlink(started);
	unlink(children);
}

/* How often does the file have this number? With 0, any. */
static int count(const char *path, int number)
{
	FILE *f = fopen(path, "re");
	int n = 0, i;

	if (!f)
		return 0;
	while (fscanf(f, "%d", &i) == 1)
		n += !number || i == number;
	fclose(f);
	return n;
}

/* Those in advance, and of those that were started each has its child. */
static bool are_ready(void *n)
{
	return count(started, 0) == *(const int *)n && count(children, 0) == *(const int *)n;
}

static bool ended_and_settled(void *arg)
{
	FILE *f = fopen(children, "re");
	int pid;

	ck_assert_ptr_nonnull(f);
	while (fscanf(f, "%d", &pid) == 1)
		kill(pid, SIGKILL);
	fclose(f);
	return one_participant(arg);
}

/* While anything of an earlier daemon's reaper lives, none is at the same segment. */
START_TEST(old_reaper_first)
{
	const struct timespec moment = { .tv_nsec = 300000000 };
	const int in_advance = SPARES, with_job = SPARES + 1;
	struct process p;
	struct raw c;

	harness_wait(are_ready, (void *)(uintptr_t)&in_advance, "the first reapers");
	ck_assert_int_eq(count(started, (int)harness_daemon(&h)), SPARES);
	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	process_start(&p, attach_and_wait, NULL);
	process_expect(&p, 1);
	process_kill(&p);
	/* One has the job, so another one takes its place. */
	harness_wait(are_ready, (void *)(uintptr_t)&with_job, "the job to be sent");
	again();
	/* Cannot fail by being too slow, only miss something. */
	nanosleep(&moment, NULL);
	ck_assert_uint_eq(used(SHMREG_RESOURCE_PARTICIPANTS), 2);
	close(open(go, O_WRONLY | O_CREAT, 0600));
	harness_wait(ended_and_settled, NULL, "the dead to be settled");
	raw_close(&c);
	leave_s();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("daemon-reaper");
	TCase *tc = harness_case(suite, "reaper");

	tcase_add_checked_fixture(tc, setup_script, teardown_script);
	tcase_add_test(tc, old_reaper_first);
	return harness_main(suite);
}
