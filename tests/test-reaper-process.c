/* SPDX-License-Identifier: MIT */
#include <config.h>

/* shmreg-reaper as a process: its sandbox, its end with its parent's, started by hand. */

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "reaper-world.h"
#include "suite.h"

static long status_field(pid_t pid, const char *field)
{
	char path[64], line[256];
	long value = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, field, strlen(field)) == 0)
			value = strtol(line + strlen(field), NULL, 10);
	fclose(f);
	return value;
}

/* While it waits for its job it is already in its sandbox. */
START_TEST(test_sandbox)
{
	static const struct {
		__rlimit_resource_t resource;
		rlim_t max;
	} limits[] = {
		{ RLIMIT_CORE, 0 }, { RLIMIT_NPROC, 0 },    { RLIMIT_NOFILE, 6 },
		{ RLIMIT_FSIZE, 0 }, { RLIMIT_MEMLOCK, 0 }, { RLIMIT_CPU, 600 },
	};
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct reaper r = reaper_spawn();
	const struct dirent *entry;
	char path[64];
	DIR *d;

	while (status_field(r.pid, "Seccomp:") != 2) {
		int status;

		ck_assert_int_eq(waitpid(r.pid, &status, WNOHANG), 0);
		nanosleep(&pause, NULL);
	}
	ck_assert_int_eq(status_field(r.pid, "NoNewPrivs:"), 1);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit is;

		ck_assert_int_eq(prlimit(r.pid, limits[i].resource, NULL, &is), 0);
		ck_assert_uint_le(is.rlim_max, limits[i].max);
	}
	snprintf(path, sizeof(path), "/proc/%d/fd", r.pid);
	d = opendir(path);
	ck_assert_ptr_nonnull(d);
	while ((entry = readdir(d)))
		ck_assert_int_le(atoi(entry->d_name), SHMREG_REAPER_FD);
	closedir(d);

	/* And leaves when there is nobody any more who could send one. */
	shutdown(r.fd, SHUT_WR);
	ck_assert_int_eq(reaper_wait(&r), 0);
}
END_TEST

/* Its parent dies, though somebody else holds the other end of the socket. */
START_TEST(test_parent_dies)
{
	struct reaper r;
	int pipe_fds[2], fds[2], status;
	pid_t parent;
	char c;

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	parent = fork();
	if (parent == 0) {
		r.pid = fork();
		if (r.pid == 0) {
			dup2(fds[1], SHMREG_REAPER_FD);
			execl(SHMREG_REAPER, "shmreg-reaper", (char *)NULL);
			_exit(127);
		}
		while (status_field(r.pid, "Seccomp:") != 2)
			sched_yield();
		if (write(pipe_fds[1], &r.pid, sizeof(r.pid)) != sizeof(r.pid))
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	ck_assert_int_eq(read(pipe_fds[0], &r.pid, sizeof(r.pid)), sizeof(r.pid));
	kill(parent, SIGKILL);
	ck_assert_int_eq(waitpid(parent, NULL, 0), parent);
	/* EOF: its end is closed, so it is gone. */
	ck_assert_int_eq(recv(fds[0], &c, 1, 0), 0);
	r.fd = fds[0];
	status = reaper_wait(&r);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}
END_TEST

START_TEST(test_by_hand)
{
	static const char *const bad[] = { NULL, "--help", "x" };

	for (size_t i = 0; i <= sizeof(bad) / sizeof(bad[0]); i++) {
		const bool version = i == sizeof(bad) / sizeof(bad[0]);
		int status;
		const pid_t pid = fork();

		ck_assert_int_ge(pid, 0);
		if (pid == 0) {
			const int null = open("/dev/null", O_RDWR);

			dup2(null, 1);
			dup2(null, 2);
			close(SHMREG_REAPER_FD);
			execl(SHMREG_REAPER, "shmreg-reaper", version ? "--version" : bad[i],
			      (char *)NULL);
			_exit(127);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFEXITED(status));
		ck_assert_int_eq(WEXITSTATUS(status), version ? 0 : 2);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_sandbox,
		test_parent_dies,
		test_by_hand,
	};

	return RUN_SUITE("reaper-process", tests, NULL, NULL, 600);
}
