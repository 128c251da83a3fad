/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fdstore.h"
#include "keeper.h"

#define LISTEN_FDS_START 3	/* sd_listen_fds(3) */
#define RESTART_MS 50		/* the unit's RestartSec; doubled while it fails */
#define RESTART_MAX_MS 2000
#define STOP_MS 10000		/* from SIGTERM to SIGKILL */

struct state {
	struct keeper config;
	struct fdstore store;
	int signal_fd;
	pid_t daemon;		/* 0: not running */
	int status;		/* its last */
	bool childless;		/* it and all that it left behind are gone */
	bool ready;		/* since its last start */
	bool announced;		/* on the link */
	bool stopping;
	int64_t due_ms;		/* start it, or kill it */
	int64_t delay_ms;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void say(const char *what, int error)
{
	fprintf(stderr, "shmregctl run: %s: %s\n", what, strerror(error));
}

void keeper_remove_dir(int dir_fd, const char *dir)
{
	const int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!d) {
		say(dir, errno);
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(d)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			unlinkat(dir_fd, entry->d_name, 0);
	closedir(d);
	if (rmdir(dir) < 0 && errno != ENOENT)
		say(dir, errno);
}

/*
 * Socket and stored descriptors become 3, 4, ...: first all of them above, so
 * that none is overwritten before it was copied.
 */
static int arrange_fds(const struct state *s)
{
	const int n = (int)s->store.n + 1;
	int *fds = calloc((size_t)n, sizeof(*fds));

	if (!fds)
		return -ENOMEM;
	for (int i = 0; i < n; i++) {
		const int from = i ? s->store.entries[i - 1].fd : s->config.listen_fd;

		fds[i] = fcntl(from, F_DUPFD_CLOEXEC, LISTEN_FDS_START + n);
		if (fds[i] < 0)
			return -errno;
	}
	for (int i = 0; i < n; i++)
		if (dup2(fds[i], LISTEN_FDS_START + i) < 0)
			return -errno;
	free(fds);
	/* Not close_range(2), which some containers forbid. */
	closefrom(LISTEN_FDS_START + n);
	return 0;
}

static int set_environment(const struct state *s)
{
	size_t bytes = sizeof("control");
	char number[24], *names, *p;

	for (size_t i = 0; i < s->store.n; i++)
		bytes += 1 + strlen(s->store.entries[i].name);
	names = malloc(bytes);
	if (!names)
		return -ENOMEM;
	p = stpcpy(names, "control");
	for (size_t i = 0; i < s->store.n; i++) {
		*p++ = ':';
		p = stpcpy(p, s->store.entries[i].name);
	}
	if (setenv("LISTEN_FDNAMES", names, 1) < 0)
		return -errno;
	free(names);
	snprintf(number, sizeof(number), "%zu", s->store.n + 1);
	if (setenv("LISTEN_FDS", number, 1) < 0)
		return -errno;
	snprintf(number, sizeof(number), "%d", (int)getpid());
	if (setenv("LISTEN_PID", number, 1) < 0)
		return -errno;
	/* As systemd says it from 254 on. */
	snprintf(number, sizeof(number), "%d", FDSTORE_MAX);
	if (setenv("FDSTORE", number, 1) < 0)
		return -errno;
	return setenv("NOTIFY_SOCKET", s->config.notify_path, 1) < 0 ? -errno : 0;
}

_Noreturn static void exec_daemon(const struct state *s, pid_t keeper)
{
	sigset_t none;
	int r;

	/* Not the keeper's end: the daemon must not outlive it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != keeper)
		_exit(1);
	r = set_environment(s);
	if (r == 0)
		r = arrange_fds(s);
	if (r < 0) {
		say("descriptors for the daemon", -r);
		_exit(1);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(s->config.argv[0], s->config.argv);
	r = errno;
	say(s->config.argv[0], r);
	_exit(r == ENOENT ? 127 : 126);
}

static void start(struct state *s)
{
	const pid_t keeper = getpid();

	s->ready = false;
	s->due_ms = INT64_MAX;
	fflush(stderr);
	s->daemon = fork();
	if (s->daemon == 0)
		exec_daemon(s, keeper);
	if (s->daemon < 0) {
		say("fork", errno);
		s->daemon = 0;
		s->due_ms = now_ms() + RESTART_MAX_MS;
		return;
	}
	s->childless = false;
}

static void announce(struct state *s)
{
	const struct keeper_news news = { .ready = s->ready, .status = s->status };

	s->announced = true;
	if (send(s->config.link_fd, &news, sizeof(news), MSG_NOSIGNAL) < 0)
		s->stopping = true;
}

static void receive(struct state *s)
{
	const bool was_ready = s->ready;

	while (fdstore_receive(&s->store, s->config.notify_fd, &s->ready) == 0)
		;
	if (s->ready && !was_ready) {
		s->delay_ms = RESTART_MS;
		if (!s->announced)
			announce(s);
	}
}

/*
 * What the daemon has left behind when it is not to come again, as the unit's KillMode= does it. Whose
 * parent dies is ours before we hear of it, so no one is forgotten.
 */
static void kill_rest(struct state *s)
{
	FILE *children = fopen("/proc/thread-self/children", "re");
	int pid;

	if (!children) {
		say("what the daemon has left behind", errno);
		s->childless = true;
		return;
	}
	while (fscanf(children, "%d", &pid) == 1)
		kill(pid, SIGKILL);
	fclose(children);
}

/* The daemon's end, and that of its reapers, which have become ours. */
static void reap(struct state *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != s->daemon)
			continue;
		s->daemon = 0;
		s->status = status;
	}
	if (s->daemon || s->childless)
		return;
	/* What it said last still counts. */
	receive(s);
	if (!s->announced && !s->stopping) {
		/* It never was ready: that is for the user to put right. */
		announce(s);
		s->stopping = true;
	}
	if (pid == 0) {
		if (s->stopping)
			kill_rest(s);
		return;
	}
	s->childless = true;
	if (s->stopping)
		return;
	fprintf(stderr, "shmregctl run: the daemon %s %d; starting it again\n",
		WIFSIGNALED(s->status) ? "was killed by signal" : "exited with status",
		WIFSIGNALED(s->status) ? WTERMSIG(s->status) : WEXITSTATUS(s->status));
	s->due_ms = now_ms() + s->delay_ms;
	s->delay_ms = s->delay_ms * 2 > RESTART_MAX_MS ? RESTART_MAX_MS : s->delay_ms * 2;
}

static void stop(struct state *s)
{
	s->stopping = true;
	if (!s->daemon) {
		if (!s->childless)
			kill_rest(s);
		return;
	}
	kill(s->daemon, SIGTERM);
	s->due_ms = now_ms() + STOP_MS;
}

static void due(struct state *s)
{
	if (!s->stopping) {
		start(s);
		return;
	}
	s->due_ms = INT64_MAX;
	if (s->daemon) {
		fprintf(stderr, "shmregctl run: the daemon does not stop; killing it\n");
		kill(s->daemon, SIGKILL);
	}
}

static int timeout_ms(const struct state *s)
{
	const int64_t left = s->due_ms == INT64_MAX ? -1 : s->due_ms - now_ms();

	return s->due_ms == INT64_MAX ? -1 : left < 0 ? 0 : (int)left;
}

static void loop(struct state *s)
{
	while (!s->stopping || !s->childless) {
		struct pollfd p[] = {
			{ .fd = s->stopping ? -1 : s->config.link_fd, .events = POLLIN },
			{ .fd = s->config.notify_fd, .events = POLLIN },
			{ .fd = s->signal_fd, .events = POLLIN },
		};
		struct signalfd_siginfo info;
		char c;

		if (poll(p, sizeof(p) / sizeof(p[0]), timeout_ms(s)) < 0 && errno != EINTR)
			break;
		if (p[1].revents)
			receive(s);
		while (p[2].revents && read(s->signal_fd, &info, sizeof(info)) > 0)
			;
		reap(s);
		if (p[0].revents && recv(s->config.link_fd, &c, 1, MSG_DONTWAIT) <= 0)
			stop(s);
		if (s->due_ms <= now_ms())
			due(s);
	}
}

void keeper_run(const struct keeper *config)
{
	struct state s = {
		.config = *config,
		.store = FDSTORE_INIT,
		.childless = true,
		.delay_ms = RESTART_MS,
	};
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct rlimit files;
	sigset_t mask;

	/* Out of the terminal's reach: Ctrl-C is for the command. */
	setsid();
	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		say("/dev/null", errno);
	prctl(PR_SET_NAME, "shmregctl-keep");
	/* As the unit's LimitNOFILE does; the daemon asks for what it needs. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	/* Only the link ends it, so that it always ends in order. */
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGQUIT);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	s.signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s.signal_fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
		say("the daemon's keeper", errno);
	} else {
		s.due_ms = now_ms();
		loop(&s);
	}
	fdstore_deinit(&s.store);
	keeper_remove_dir(config->dir_fd, config->dir);
	_exit(0);
}
