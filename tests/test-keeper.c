/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * Tests the tests: the part of systemd that keeper.h plays, with this program
 * itself as the daemon. It stores one memfd at its first start, says what
 * it was given at each, and ends as it is told.
 */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "send-fds.h"

/* --- the daemon ------------------------------------------------------------------- */

static void notify(const char *text, int fd)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", getenv("NOTIFY_SOCKET"));
	if (send_fds(s, &to, text, strlen(text), &fd, fd >= 0, 0) < 0)
		_exit(2);
	close(s);
}

static int be_daemon(const char *how)
{
	const int n = atoi(getenv("LISTEN_FDS"));
	int barrier[2];
	sigset_t set;
	char c;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	printf("pid %s %d fds %s\n", atoi(getenv("LISTEN_PID")) == getpid() ? "mine" : "not mine",
	       n, getenv("LISTEN_FDNAMES"));
	fflush(stdout);
	if (strcmp(how, "die") == 0)
		return 3;
	if (n == 1) {
		notify("FDSTORE=1\nFDNAME=one", memfd_create("one", MFD_CLOEXEC));
		notify("FDSTORE=1\nFDNAME=two", memfd_create("two", MFD_CLOEXEC));
		if (pipe(barrier) < 0)
			return 4;
		notify("BARRIER=1", barrier[1]);
		close(barrier[1]);
		if (read(barrier[0], &c, 1) != 0)
			return 5;
		close(barrier[0]);
	} else {
		notify("FDSTOREREMOVE=1\nFDNAME=one", -1);
	}
	notify("READY=1", -1);
	sigwait(&set, &(int){ 0 });
	return strcmp(how, "fail") == 0 ? 6 : 0;
}

/* --- the tests ---------------------------------------------------------------------- */

static char dir[64], path[80];

static void start(struct keeper *k, const char *how)
{
	static char program[256];
	static char *argv[] = { program, (char *)"--be-daemon", NULL, NULL };
	const ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

	ck_assert_int_gt(n, 0);
	argv[2] = (char *)how;
	snprintf(dir, sizeof(dir), "/tmp/shmreg-XXXXXX");
	ck_assert(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/control", dir);
	keeper_start(k, dir, path, argv);
}

static void said(const char *line)
{
	char log[80], *text = NULL;
	size_t size = 0;
	bool found = false;
	FILE *in;

	snprintf(log, sizeof(log), "%s/daemon.log", dir);
	in = fopen(log, "re");
	ck_assert(in != NULL);
	while (!found && getline(&text, &size, in) >= 0)
		found = strcmp(text, line) == 0;
	free(text);
	fclose(in);
	ck_assert_msg(found, "the daemon did not say %s", line);
}

static bool gone(void *arg)
{
	struct stat st;

	return stat(arg, &st) < 0;
}

START_TEST(test_store)
{
	struct keeper k;

	start(&k, "well");
	ck_assert_int_eq(keeper_daemon_start(&k), 0);
	said("pid mine 1 fds shmregd.socket\n");
	ck_assert_int_eq(keeper_n_stored(&k), 2);
	ck_assert_int_eq(WTERMSIG(keeper_daemon_end(&k, SIGKILL)), SIGKILL);
	ck_assert_int_eq(k.daemon, 0);
	ck_assert_int_eq(keeper_daemon_start(&k), 0);
	said("pid mine 3 fds shmregd.socket:two:one\n");
	ck_assert_int_eq(keeper_n_stored(&k), 1);
	ck_assert_int_eq(keeper_daemon_end(&k, SIGTERM), 0);
	keeper_forget(&k);
	ck_assert_int_eq(keeper_n_stored(&k), 0);
	keeper_end(&k);
	ck_assert(gone(dir));
}
END_TEST

START_TEST(test_bad_ends)
{
	struct keeper k;

	start(&k, "die");
	ck_assert_int_eq(WEXITSTATUS(keeper_daemon_start(&k)), 3);
	keeper_end(&k);
	start(&k, "fail");
	ck_assert_int_eq(keeper_daemon_start(&k), 0);
	ck_assert_int_eq(WEXITSTATUS(keeper_daemon_end(&k, SIGTERM)), 6);
	keeper_end(&k);
}
END_TEST

static void start_and_hang(const struct mouth *mouth, void *arg)
{
	struct keeper k;

	(void)arg;
	start(&k, "well");
	tell(mouth, keeper_daemon_start(&k));
	tell(mouth, k.daemon);
	send(mouth->fd, dir, sizeof(dir), 0);
	hear(mouth);
}

/* A test that dies leaves neither daemon nor directory. */
START_TEST(test_orphaned)
{
	struct process p;
	pid_t daemon;
	char proc[32];

	process_start(&p, start_and_hang, NULL);
	process_expect(&p, 0);
	daemon = (pid_t)process_hear(&p);
	ck_assert_int_eq(recv(p.fd, dir, sizeof(dir), 0), sizeof(dir));
	snprintf(proc, sizeof(proc), "/proc/%d", (int)daemon);
	ck_assert(!gone(proc));
	process_kill(&p);
	harness_wait(gone, proc, "the daemon to end");
	harness_wait(gone, dir, "the directory to go");
}
END_TEST

START_TEST(test_census)
{
	static struct census before, after;
	struct process p;
	void *map;
	int fd;

	census_take(&before, getpid());
	census_take(&after, getpid());
	ck_assert_msg(census_equal(&before, &after), "%s%s", before.what, after.what);
	fd = memfd_create("leak", MFD_CLOEXEC);
	census_take(&after, getpid());
	ck_assert(!census_equal(&before, &after));
	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	census_take(&after, getpid());
	ck_assert(!census_equal(&before, &after));
	munmap(map, 4096);
	census_take(&after, getpid());
	ck_assert(census_equal(&before, &after));
	process_start(&p, start_and_hang, NULL);
	ck_assert_int_eq(process_hear(&p), 0);
	census_take(&after, getpid());
	ck_assert_int_eq(after.n_children, before.n_children + 1);
	process_kill(&p);
	census_take(&after, getpid());
	ck_assert(census_equal(&before, &after));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("keeper");
	TCase *tc = harness_case(s, "keeper");

	tcase_add_test(tc, test_store);
	tcase_add_test(tc, test_bad_ends);
	tcase_add_test(tc, test_orphaned);
	tcase_add_test(tc, test_census);
	return s;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--be-daemon") == 0)
		return be_daemon(argv[2]);
	return harness_main(suite());
}
