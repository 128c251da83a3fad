/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "alone.h"

#define OPTIONS_MAX 8
#define PATIENCE 12000	/* naps of 5 ms: a test that waits as long has found a bug */

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
}

void alone_init(struct alone *d)
{
	*d = (struct alone){ .dir = "/tmp/shmreg-alone-XXXXXX" };
	ck_assert_ptr_nonnull(mkdtemp(d->dir));
	ck_assert_int_eq(chmod(d->dir, 0755), 0);
	snprintf(d->socket_path, sizeof(d->socket_path), "%s/control", d->dir);
}

void alone_deinit(struct alone *d)
{
	char path[512];
	struct dirent *entry;
	DIR *dir;

	ck_assert_int_eq(d->pid, 0);
	snprintf(path, sizeof(path), "%s/log", d->dir);
	unlink(path);
	dir = opendir(d->dir);
	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)))
		ck_assert_msg(entry->d_name[0] == '.', "%s is left", entry->d_name);
	closedir(dir);
	ck_assert_int_eq(rmdir(d->dir), 0);
}

static void launch(struct alone *d, const char *const *options)
{
	const char *argv[OPTIONS_MAX + 6];
	const pid_t test = getpid();
	char socket[96], reaper[512], log[96];
	int n = 0, fd;

	ck_assert_int_eq(d->pid, 0);
	snprintf(socket, sizeof(socket), "--socket=%s", d->socket_path);
	snprintf(reaper, sizeof(reaper), "--reaper=%s", SHMREG_REAPER);
	snprintf(log, sizeof(log), "%s/log", d->dir);
	argv[n++] = SHMREGD;
	argv[n++] = "--config=/dev/null";
	argv[n++] = socket;
	argv[n++] = reaper;
	while (options && *options)
		argv[n++] = *options++;
	argv[n] = NULL;
	ck_assert_int_lt(n, OPTIONS_MAX + 6);
	d->pid = fork();
	ck_assert_int_ge(d->pid, 0);
	if (d->pid > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != test)
		_exit(0);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		_exit(120);
	close(fd);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("LISTEN_FDS");
	execv(SHMREGD, (char *const *)argv);
	_exit(127);
}

static int listens(const struct alone *d)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	socklen_t bytes = sizeof(struct ucred);
	struct ucred who = { 0 };

	/* A child of one that was killed may keep the old socket open for a moment. */
	memcpy(address.sun_path, d->socket_path, strlen(d->socket_path));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &bytes);
	close(fd);
	return who.pid == d->pid;
}

void alone_start(struct alone *d, const char *const *options)
{
	int status, i;

	launch(d, options);
	for (i = 0; i < PATIENCE && !listens(d); i++) {
		ck_assert_msg(waitpid(d->pid, &status, WNOHANG) == 0, "it ended with 0x%x", status);
		nap();
	}
	ck_assert_msg(i < PATIENCE, "it does not listen");
}

int alone_fails(struct alone *d, const char *const *options)
{
	const pid_t before = d->pid;
	int status;

	d->pid = 0;
	launch(d, options);
	ck_assert_int_eq(waitpid(d->pid, &status, 0), d->pid);
	d->pid = before;
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

int alone_end(struct alone *d, int signal)
{
	int status;

	ck_assert_int_eq(kill(d->pid, signal), 0);
	ck_assert_int_eq(waitpid(d->pid, &status, 0), d->pid);
	d->pid = 0;
	return status;
}

int alone_logged(const struct alone *d, const char *text)
{
	char path[96], *line = NULL;
	size_t size = 0;
	int found = 0;
	FILE *in;

	snprintf(path, sizeof(path), "%s/log", d->dir);
	in = fopen(path, "re");
	ck_assert_ptr_nonnull(in);
	while (!found && getline(&line, &size, in) >= 0)
		found = strstr(line, text) != NULL;
	free(line);
	fclose(in);
	return found;
}

void alone_wait_log(const struct alone *d, const char *text)
{
	int i;

	for (i = 0; i < PATIENCE && !alone_logged(d, text); i++)
		nap();
	ck_assert_msg(i < PATIENCE, "waited in vain for '%s'", text);
}
