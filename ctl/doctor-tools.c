/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "doctor.h"

#define PATIENCE_MS 20000

extern char **environ;

int doctor_path(const struct doctor *d, char *ret, size_t size, const char *path)
{
	return snprintf(ret, size, "%s%s", d->root, path) < (int)size ? 0 : -ENAMETOOLONG;
}

int doctor_read_line(const struct doctor *d, const char *path, char *ret, size_t size)
{
	char whole[1024];
	FILE *file;
	int r;

	r = doctor_path(d, whole, sizeof(whole), path);
	if (r < 0)
		return r;
	file = fopen(whole, "re");
	if (!file)
		return -errno;
	errno = 0;
	if (fgets(ret, (int)size, file))
		ret[strcspn(ret, "\n")] = '\0';
	else
		r = errno ? -errno : -ENODATA;
	fclose(file);
	return r;
}

bool doctor_has_systemd(const struct doctor *d)
{
	char path[1024];

	return doctor_path(d, path, sizeof(path), "/run/systemd/system") == 0 &&
	       access(path, F_OK) == 0;
}

static int spawn(const char *const argv[], int out, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	int r;

	r = posix_spawn_file_actions_init(&actions);
	if (r)
		return -r;
	r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", 0, 0);
	if (!r)
		r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (!r)
		r = posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
	if (!r)
		r = posix_spawnp(ret, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv,
				 environ);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* All that it says, of which as much as there is room for is kept. Return: 0; -ETIMEDOUT. */
static int read_all(int fd, char *ret, size_t size)
{
	const long long end = now_ms() + PATIENCE_MS;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buffer[4096];
	size_t n = 0;

	for (;;) {
		const long long left = end - now_ms();
		ssize_t got;

		if (left <= 0 || poll(&p, 1, (int)left) == 0) {
			ret[n] = '\0';
			return -ETIMEDOUT;
		}
		got = read(fd, buffer, sizeof(buffer));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		if ((size_t)got > size - 1 - n)
			got = (ssize_t)(size - 1 - n);
		memcpy(ret + n, buffer, (size_t)got);
		n += (size_t)got;
	}
	while (n && ret[n - 1] == '\n')
		n--;
	ret[n] = '\0';
	return 0;
}

int doctor_run(const char *const argv[], char *ret_output, size_t size)
{
	int fds[2], status, r;
	pid_t pid;

	*ret_output = '\0';
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	r = spawn(argv, fds[1], &pid);
	close(fds[1]);
	if (r < 0) {
		close(fds[0]);
		return r;
	}
	r = read_all(fds[0], ret_output, size);
	close(fds[0]);
	if (r < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return r;
	/* What posix_spawnp() of an old libc says where there is no such program. */
	if (WIFEXITED(status))
		return WEXITSTATUS(status) == 127 ? -ENOENT : WEXITSTATUS(status);
	return -EINTR;
}
