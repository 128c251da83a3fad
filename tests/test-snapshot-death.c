/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Snapshots that the daemon takes when somebody dies. */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "snapshot-crowd.h"

static struct harness h;
static struct shmreg_connection *c;
static char folder[64];
static const char *interval = "--snapshot-interval=0";

static void start(const char *keep, const char *bytes, const char *program)
{
	char on_death[128];
	const char *options[] = { on_death, interval, keep, bytes, program, NULL };

	snprintf(folder, sizeof(folder), "/tmp/shmreg-snapshots-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(on_death, sizeof(on_death), "--snapshot-on-death=%s", folder);
	harness_start(&h, options);
	c = harness_connect();
}

#define PROGRAM "--snapshot-program=" SHMREG_SNAPSHOT

/* Return: how many files there are; the newest by name is *ret. */
static int count_files(char ret[512])
{
	struct dirent *entry;
	char newest[256] = "";
	DIR *d = opendir(folder);
	int n = 0;

	ck_assert_ptr_nonnull(d);
	while ((entry = readdir(d)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		n++;
		if (strcmp(entry->d_name, newest) > 0)
			snprintf(newest, sizeof(newest), "%s", entry->d_name);
	}
	closedir(d);
	if (ret != NULL)
		snprintf(ret, 512, "%s/%s", folder, newest);
	return n;
}

static void stop(void)
{
	char file[512];

	shmreg_disconnect(c);
	harness_stop(&h);
	/* The names must be the file's own, none is left unfinished: rmdir() would fail. */
	while (count_files(file) > 0)
		ck_assert_int_eq(unlink(file), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}

static bool has_files(void *arg)
{
	return count_files(NULL) >= *(int *)arg;
}

/* What it held is in the copy, as it was before the repair, and then it is repaired. */
static void lend(const struct mouth *mouth, void *unused)
{
	const struct shmreg_queue_params params = { .size = sizeof(params) };
	struct shmreg_connection *mine;
	struct shmreg_queue_lease lease;
	struct shmreg_segment *s;
	struct shmreg_queue *q;
	int64_t word = 1;

	(void)unused;
	if (shmreg_connect(&mine, NULL) < 0 ||
	    shmreg_segment_open(mine, &s, "crowd", SHMREG_ACCESS_WRITE) < 0 ||
	    shmreg_queue_open(s, &q, "queue", &params) < 0 ||
	    shmreg_queue_reserve(q, &lease) < 0 || write(mouth->fd, &word, sizeof(word)) < 0)
		_exit(1);
	for (;;)
		pause();
}

static int count_writing(void *data, const struct shmreg_queue_holder *holder)
{
	*(int *)data += holder->state == SHMREG_QUEUE_WRITING;
	return 0;
}

static int n_writing(struct shmreg_segment *s)
{
	const struct shmreg_queue_params params = { .size = sizeof(params) };
	const struct shmreg_queue *q;
	int n = 0;

	harness_ok(shmreg_queue_open_const(s, &q, "queue", &params));
	harness_ok(shmreg_queue_holders(q, count_writing, &n));
	shmreg_queue_close(q);
	return n;
}

/*
 * What who made it left is put in order: a repair that is under way does not wait for a copy, so
 * who died meanwhile would be repaired without.
 */
static struct shmreg_connection *create_crowd(void)
{
	struct shmreg_connection *events = harness_subscribe();

	crowd_create(c);
	harness_wait_event(events, SHMREG_EVENT_REPAIRED, "crowd", NULL);
	return events;
}

static void die_lending(struct shmreg_connection *events)
{
	struct process p;

	process_start(&p, lend, NULL);
	process_expect(&p, 1);
	process_kill(&p);
	harness_wait_event(events, SHMREG_EVENT_REPAIRED, "crowd", NULL);
}

START_TEST(test_before_repair)
{
	const struct shmreg_snapshot_head *head;
	struct shmreg_connection *events;
	struct shmreg_segment *s, *file;
	struct shmreg_event died;
	struct process p;
	char path[512];
	struct stat st;
	int one = 1;

	start("--snapshot-keep=3", "--snapshot-bytes=1G", PROGRAM);
	events = create_crowd();
	process_start(&p, lend, NULL);
	process_expect(&p, 1);
	process_kill(&p);
	harness_wait_event(events, SHMREG_EVENT_DIED, "crowd", &died);
	harness_wait_event(events, SHMREG_EVENT_REPAIRED, "crowd", NULL);
	harness_wait(has_files, &one, "a snapshot");
	ck_assert_int_eq(count_files(path), 1);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	harness_ok(shmreg_snapshot_open(&file, path));
	head = shmreg_snapshot_head(file);
	ck_assert_uint_eq(head->reason, SHMREG_SNAPSHOT_DEATH);
	ck_assert_uint_eq(head->dead, died.participant);
	ck_assert_uint_eq(head->dead_pid, died.pid);
	ck_assert_int_eq(n_writing(file), 1);
	shmreg_segment_close(file);
	harness_ok(shmreg_segment_open(c, &s, "crowd", SHMREG_ACCESS_READ));
	ck_assert_int_eq(n_writing(s), 0);
	shmreg_segment_close(s);
	harness_wait_log(&h, "a snapshot of segment 'crowd'");
	shmreg_disconnect(events);
	harness_ok(shmreg_segment_remove(c, "crowd"));
	stop();
}
END_TEST

static bool has_said(void *arg)
{
	return harness_logged(&h, arg);
}

/* The oldest go; and a crowd that is killed at once gives what can be opened. */
START_TEST(test_keep)
{
	struct crowd_seen seen = { 0 };
	struct shmreg_connection *events;
	struct shmreg_segment *file;
	char path[512], last[512] = "";
	int i, one = 1;

	start("--snapshot-keep=2", "--snapshot-bytes=1G", PROGRAM);
	events = create_crowd();
	for (i = 0; i < 5; i++) {
		do {
			die_lending(events);
			harness_wait(has_files, &one, "a snapshot");
			count_files(path);
		} while (strcmp(path, last) == 0);
		snprintf(last, sizeof(last), "%s", path);
		ck_assert_int_le(count_files(NULL), 2);
	}
	ck_assert_int_eq(count_files(NULL), 2);
	crowd_start();
	crowd_kill();
	harness_wait_event(events, SHMREG_EVENT_REPAIRED, "crowd", NULL);
	count_files(path);
	harness_ok(shmreg_snapshot_open(&file, path));
	crowd_check(file, &seen);
	shmreg_segment_close(file);
	shmreg_disconnect(events);
	harness_ok(shmreg_segment_remove(c, "crowd"));
	stop();
}
END_TEST

/* Who dies soon after another is repaired without. */
START_TEST(test_interval)
{
	struct shmreg_connection *events;
	int one = 1;

	interval = "--snapshot-interval=86400";
	start("--snapshot-keep=9", "--snapshot-bytes=1G", PROGRAM);
	events = create_crowd();
	die_lending(events);
	harness_wait(has_files, &one, "a snapshot");
	die_lending(events);
	ck_assert_int_eq(count_files(NULL), 1);
	shmreg_disconnect(events);
	harness_ok(shmreg_segment_remove(c, "crowd"));
	stop();
	interval = "--snapshot-interval=0";
}
END_TEST

/* Too much memory, no program, no folder: said, and repaired all the same. */
START_TEST(test_without)
{
	struct shmreg_connection *events;

	start("--snapshot-keep=2", "--snapshot-bytes=1", PROGRAM);
	events = create_crowd();
	die_lending(events);
	harness_wait(has_said, "more memory than snapshot-bytes allows", "a line");
	ck_assert_int_eq(count_files(NULL), 0);
	shmreg_disconnect(events);
	harness_ok(shmreg_segment_remove(c, "crowd"));
	stop();

	start("--snapshot-keep=2", "--snapshot-bytes=1G", "--snapshot-program=/nowhere");
	events = create_crowd();
	die_lending(events);
	harness_wait(has_said, "shmreg-snapshot exited with 127", "a line");
	die_lending(events);
	shmreg_disconnect(events);
	harness_ok(shmreg_segment_remove(c, "crowd"));
	stop();

	start("--snapshot-keep=2", "--snapshot-bytes=1G", PROGRAM);
	ck_assert_int_eq(rmdir(folder), 0);
	events = create_crowd();
	die_lending(events);
	harness_wait(has_said, "No such file or directory", "a line");
	shmreg_disconnect(events);
	harness_ok(shmreg_segment_remove(c, "crowd"));
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	stop();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("snapshot-death");
	TCase *tc = harness_case(suite, "snapshot-death");

	tcase_add_test(tc, test_before_repair);
	tcase_add_test(tc, test_keep);
	tcase_add_test(tc, test_interval);
	tcase_add_test(tc, test_without);
	return harness_main(suite);
}
