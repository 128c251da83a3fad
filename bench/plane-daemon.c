/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <shmreg.h>

#include "bench.h"
#include "control.h"
#include "plane-daemon.h"

#define ARGUMENTS_MAX 64
#define TRIES 1000		/* of 10 ms, for its start */

static struct {
	pid_t pid;
	char folder[40];
	char socket[64];
} self;

static int raise_limit(unsigned int n_files)
{
	struct rlimit limit;

	bench_check(getrlimit(RLIMIT_NOFILE, &limit) == 0, "RLIMIT_NOFILE");
	if (limit.rlim_cur >= n_files)
		return 0;
	limit.rlim_cur = n_files;
	if (limit.rlim_max < n_files)
		limit.rlim_max = n_files;
	return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -EMFILE : 0;
}

/* Return: the daemon's pid. */
static pid_t find_running(void)
{
	struct shmreg_connection *c = control_connection();
	struct shmreg_stats_reply stats;

	bench_ok(shmreg_stats(c, (uint32_t)geteuid(), &stats), "stats");
	shmreg_disconnect(c);
	return (pid_t)stats.pid;
}

static int read_arguments(pid_t pid, char program[4096], char text[16384],
			  char *arguments[ARGUMENTS_MAX])
{
	char path[64];
	ssize_t bytes;
	size_t i = 0;
	int n = 0, fd;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	bytes = readlink(path, program, 4095);
	if (bytes < 0)
		return -errno;
	program[bytes] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	bytes = read(fd, text, 16383);
	close(fd);
	bench_check(bytes > 0, "the daemon's arguments");
	text[bytes] = '\0';
	for (; i < (size_t)bytes && n < ARGUMENTS_MAX - 8; i += strlen(text + i) + 1)
		arguments[n++] = text + i;
	return n;
}

static void await(void)
{
	const struct timespec moment = { .tv_nsec = 10000000 };
	const struct shmreg_connect_params params = { .size = sizeof(params), .socket = self.socket };
	struct shmreg_connection *c;
	int i;

	for (i = 0; i < TRIES; i++) {
		if (shmreg_connect(&c, &params) == 0) {
			shmreg_disconnect(c);
			return;
		}
		bench_check(waitpid(self.pid, NULL, WNOHANG) == 0, "a daemon of one's own has ended");
		nanosleep(&moment, NULL);
	}
	bench_fail("a daemon of one's own does not listen");
}

int plane_daemon_start(unsigned int n_files)
{
	static char program[4096], text[16384], socket[80];
	char *arguments[ARGUMENTS_MAX];
	int n;

	n = raise_limit(n_files);
	if (n == 0)
		n = read_arguments(find_running(), program, text, arguments);
	if (n < 0)
		return n;
	strcpy(self.folder, "/tmp/shmreg-bench-XXXXXX");
	bench_check(mkdtemp(self.folder) != NULL, "no folder can be made in /tmp");
	snprintf(self.socket, sizeof(self.socket), "%s/control", self.folder);
	snprintf(socket, sizeof(socket), "--socket=%s", self.socket);
	arguments[n++] = socket;
	arguments[n++] = (char[]){ "--max-segments=1200" };
	arguments[n++] = (char[]){ "--max-connections=0" };
	arguments[n++] = (char[]){ "--max-segments-per-uid=1200" };
	arguments[n++] = (char[]){ "--max-connections-per-uid=20000" };
	arguments[n++] = (char[]){ "--bus=no" };
	arguments[n] = NULL;
	self.pid = fork();
	bench_check(self.pid >= 0, "fork");
	if (self.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		unsetenv("NOTIFY_SOCKET");
		unsetenv("LISTEN_FDS");
		execv(program, arguments);
		_exit(127);
	}
	await();
	bench_check(setenv("SHMREG_SOCKET", self.socket, 1) == 0, "setenv");
	return 0;
}

void plane_daemon_stop(void)
{
	char lock[80];

	kill(self.pid, SIGTERM);
	waitpid(self.pid, NULL, 0);
	snprintf(lock, sizeof(lock), "%s.lock", self.socket);
	unlink(lock);
	unlink(self.socket);
	rmdir(self.folder);
}
