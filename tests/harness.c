/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

/* Programs of the build tree; the environment is for trying others. */
static const char *program(const char *variable, const char *built)
{
	const char *other = getenv(variable);

	return other && *other ? other : built;
}

static void show_log(struct harness *h)
{
	char path[96];
	FILE *in;
	int c;

	snprintf(path, sizeof(path), "%s/daemon.log", h->dir);
	in = fopen(path, "re");
	while (in && (c = getc(in)) != EOF)
		putc(c, stderr);
	if (in)
		fclose(in);
}

static void start_daemon(struct harness *h)
{
	const int status = keeper_daemon_start(&h->keeper);

	if (status != 0) {
		show_log(h);
		ck_abort_msg("the daemon did not start: status 0x%x", status);
	}
}

static struct shmreg_connection *observe(void)
{
	struct shmreg_connect_params params = { .size = sizeof(params), .name = "observer",
						.flags = SHMREG_CONNECT_OBSERVER };
	struct shmreg_connection *c;

	harness_ok(shmreg_connect(&c, &params));
	return c;
}

void harness_start(struct harness *h, const char *const *options)
{
	const char *tmp = getenv("TMPDIR");
	struct shmreg_connection *c;
	int n = 0;

	census_take(&h->self_before, getpid());
	snprintf(h->dir, sizeof(h->dir), "%.40s/shmreg-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	ck_assert_msg(mkdtemp(h->dir) != NULL, "%s: %s", h->dir, strerror(errno));
	/* Other users are to reach the socket. */
	ck_assert_int_eq(chmod(h->dir, 0755), 0);
	snprintf(h->socket_path, sizeof(h->socket_path), "%s/control", h->dir);

	h->argv[n++] = (char *)program("SHMREG_TEST_DAEMON", SHMREGD);
	h->argv[n++] = (char *)"--reaper";
	h->argv[n++] = (char *)program("SHMREG_TEST_REAPER", SHMREG_REAPER);
	while (options && *options && n < (int)(sizeof(h->argv) / sizeof(h->argv[0])) - 1)
		h->argv[n++] = (char *)*options++;
	h->argv[n] = NULL;

	keeper_start_as(&h->keeper, h->daemon_uid, h->dir, h->socket_path, h->argv);
	setenv("SHMREG_SOCKET", h->socket_path, 1);
	start_daemon(h);
	/*
	 * A daemon that says READY=1 may have the socket to say it through still open;
	 * one that answers is past that. At the end it is asked in the same way.
	 */
	c = observe();
	census_take(&h->daemon_before, harness_daemon(h));
	shmreg_disconnect(c);
}

void harness_kill_daemon(struct harness *h)
{
	keeper_daemon_end(&h->keeper, SIGKILL);
}

void harness_restart_daemon(struct harness *h)
{
	start_daemon(h);
}

void harness_stop_daemon(struct harness *h)
{
	const int status = keeper_daemon_end(&h->keeper, SIGTERM);

	if (status != 0)
		show_log(h);
	ck_assert_msg(status == 0, "the daemon ended with status 0x%x after SIGTERM", status);
	keeper_forget(&h->keeper);
}

int harness_n_stored(struct harness *h)
{
	return keeper_n_stored(&h->keeper);
}

static int files_in(const char *path)
{
	struct dirent *entry;
	DIR *dir = opendir(path);
	int n = 0;

	ck_assert_msg(dir != NULL, "%s: %s", path, strerror(errno));
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

static bool no_segments(void *arg)
{
	(void)arg;
	return harness_n_segments() == 0;
}

static bool nothing_stored(void *arg)
{
	return harness_n_stored(arg) == 0;
}

static bool daemon_as_before(void *arg)
{
	static struct census now;
	struct harness *h = arg;

	census_take(&now, harness_daemon(h));
	return census_equal(&now, &h->daemon_before);
}

void harness_stop(struct harness *h)
{
	static struct census now;
	struct shmreg_connection *c;

	if (h->keeper.daemon) {
		harness_wait(no_segments, NULL, "the last segment to go");
		harness_wait(nothing_stored, h, "the fd store to be empty");
		c = observe();
		harness_wait(daemon_as_before, h, "the daemon to have no more than at its start");
		shmreg_disconnect(c);
		harness_stop_daemon(h);
	}
	/* daemon.log, notify and control */
	ck_assert_msg(files_in(h->dir) == 3, "files are left in %s", h->dir);
	keeper_end(&h->keeper);
	unsetenv("SHMREG_SOCKET");

	census_take(&now, getpid());
	ck_assert_msg(census_equal(&now, &h->self_before),
		      "the test leaks.\nBefore:\n%sAfter:\n%s", h->self_before.what, now.what);
}

static int patience(void)
{
	const char *other = getenv("SHMREG_TEST_HARNESS_PATIENCE");

	return other && *other ? atoi(other) : HARNESS_PATIENCE_SEC;
}

void harness_wait(bool (*done)(void *arg), void *arg, const char *what)
{
	const struct timespec nap = { .tv_nsec = 5000000 };
	int n;

	for (n = 0; n < patience() * 200; n++) {
		if (done(arg))
			return;
		nanosleep(&nap, NULL);
	}
	ck_abort_msg("waited in vain for %s", what);
}

int harness_n_logged(struct harness *h, const char *text)
{
	char path[96], *line = NULL;
	size_t size = 0;
	FILE *in;
	int n = 0;

	snprintf(path, sizeof(path), "%s/daemon.log", h->dir);
	in = fopen(path, "re");
	ck_assert_msg(in != NULL, "%s: %s", path, strerror(errno));
	while (getline(&line, &size, in) >= 0)
		n += strstr(line, text) != NULL;
	free(line);
	fclose(in);
	return n;
}

bool harness_logged(struct harness *h, const char *text)
{
	return harness_n_logged(h, text) > 0;
}

struct log_wait {
	struct harness *h;
	const char *text;
};

static bool log_has(void *arg)
{
	struct log_wait *wait = arg;

	return harness_logged(wait->h, wait->text);
}

void harness_wait_log(struct harness *h, const char *text)
{
	struct log_wait wait = { .h = h, .text = text };

	harness_wait(log_has, &wait, text);
}

struct shmreg_connection *harness_connect(void)
{
	struct shmreg_connection *c;

	harness_ok(shmreg_connect(&c, NULL));
	return c;
}

void harness_start_made(struct harness *h, const char *name,
			const struct shmreg_segment_params *params, struct shmreg_connection **ret,
			struct shmreg_segment **ret_segment)
{
	harness_start(h, NULL);
	*ret = harness_connect();
	harness_ok(shmreg_segment_create(*ret, ret_segment, name, params));
}

void harness_start_segment(struct harness *h, uint32_t max_objects,
			   struct shmreg_connection **ret, struct shmreg_segment **ret_segment)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 20,
						      .max_objects = max_objects };

	harness_start_made(h, "seg", &params, ret, ret_segment);
}

struct shmreg_connection *harness_subscribe(void)
{
	struct shmreg_connection *c = observe();

	harness_ok(shmreg_subscribe(c, NULL, 0));
	return c;
}

void harness_wait_event(struct shmreg_connection *events, uint32_t kind, const char *segment,
			struct shmreg_event *ret)
{
	struct shmreg_event event;

	do {
		harness_ok(shmreg_next_event(events, &event, 0));
		ck_assert_uint_ne(event.kind, SHMREG_EVENT_LOST);
	} while (event.kind != kind || (segment && strcmp(event.segment_name, segment) != 0));
	if (ret)
		*ret = event;
}

static int count(void *data, const struct shmreg_segment_info *info)
{
	(void)info;
	++*(int *)data;
	return 0;
}

int harness_n_segments(void)
{
	struct shmreg_connection *c = observe();
	int n = 0;

	harness_ok(shmreg_segment_list(c, count, &n));
	shmreg_disconnect(c);
	return n;
}

void harness_check_result(int result, int expected, const char *call)
{
	ck_assert_msg(result == expected, "%s = %d (%s), not %d: %s", call, result,
		      strerror(-result), expected, result < 0 ? shmreg_error() : "");
}

void harness_sentence(const char *text)
{
	ck_assert_msg(strstr(shmreg_error(), text) != NULL, "\"%s\" does not say \"%s\"",
		      shmreg_error(), text);
}

void harness_skip(const char *reason)
{
	printf("skipped: %s\n", reason);
	fflush(stdout);
}

bool harness_need_root(void)
{
	if (geteuid() == 0)
		return false;
	harness_skip("needs root, to become other users");
	return true;
}

void harness_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

TCase *harness_case(Suite *suite, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 5 * patience());
	suite_add_tcase(suite, tc);
	return tc;
}

int harness_main(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
