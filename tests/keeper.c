/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper.h"

enum op { OP_START, OP_END, OP_STORED, OP_FORGET, OP_QUIT };
struct order {
	enum op op;
	int arg;
};
struct answer {
	int value;
	pid_t daemon;
};

struct stored {
	int fd;
	char name[256];
};

/* The keeper's own view, in its process only. */
struct self {
	const char *dir;
	const char *socket_path;
	char *const *argv;
	uid_t uid;		/* of the daemon; 0: ours */
	int orders, notify, listener, pidfd;
	pid_t daemon;
	bool ready;
	struct stored store[KEEPER_STORE_MAX];
	int n_stored;
};

#define LISTEN_FIRST 3

static void die(const char *what)
{
	fprintf(stderr, "keeper: %s: %s\n", what, strerror(errno));
	_exit(73);
}

static int bound_socket(int type, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
		die(path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die(path);
	return fd;
}

static void store_remove(struct self *self, const char *name)
{
	int i, kept = 0;

	for (i = 0; i < self->n_stored; i++) {
		if (!name || strcmp(self->store[i].name, name) == 0)
			close(self->store[i].fd);
		else
			self->store[kept++] = self->store[i];
	}
	self->n_stored = kept;
}

static void store_add(struct self *self, const char *name, int fd)
{
	const char *max = getenv(KEEPER_STORE_ENV);

	if (self->n_stored == (max ? atoi(max) : KEEPER_STORE_MAX)) {
		close(fd);
		return;
	}
	self->store[self->n_stored].fd = fd;
	snprintf(self->store[self->n_stored].name, sizeof(self->store[0].name), "%s", name);
	self->n_stored++;
}

static int n_stored(const struct self *self)
{
	int i, n = self->n_stored;

	for (i = 0; i < self->n_stored; i++)
		n -= strcmp(self->store[i].name, "root") == 0;
	return n;
}

/* One datagram of sd_notify(3); BARRIER=1 is answered by closing its descriptor. */
static void notified(struct self *self)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(253 * sizeof(int))];
	char text[4096], *line, *rest, name[256] = "stored";
	struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) - 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	bool add = false, drop = false;
	int fds[253], n_fds = 0, i;
	struct cmsghdr *c;
	ssize_t n;

	n = recvmsg(self->notify, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0)
		return;
	text[n] = '\0';
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n_fds = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), (size_t)n_fds * sizeof(int));
	}
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strcmp(line, "READY=1") == 0)
			self->ready = true;
		else if (strcmp(line, "FDSTORE=1") == 0)
			add = true;
		else if (strcmp(line, "FDSTOREREMOVE=1") == 0)
			drop = true;
		else if (strncmp(line, "FDNAME=", 7) == 0)
			snprintf(name, sizeof(name), "%.250s", line + 7);
	}
	if (drop)
		store_remove(self, name);
	for (i = 0; i < n_fds; i++) {
		if (add)
			store_add(self, name, fds[i]);
		else
			close(fds[i]);
	}
}

/* In the daemon-to-be: descriptors from 3 on, as systemd lays them out. */
static void exec_daemon(struct self *self)
{
	static char names[KEEPER_STORE_MAX * 64];
	const int n = self->n_stored + 1;
	char number[16];
	size_t used;
	int i, fd, log;

	/* systemd hands them out newest first, and names the socket by its unit. */
	used = (size_t)snprintf(names, sizeof(names), "shmregd.socket");
	for (i = self->n_stored - 1; i >= 0 && used < sizeof(names); i--)
		used += (size_t)snprintf(names + used, sizeof(names) - used, ":%s",
					 self->store[i].name);
	if (used >= sizeof(names))
		_exit(74);
	for (i = 0; i < n; i++) {
		const int source = i ? self->store[self->n_stored - i].fd : self->listener;

		fd = fcntl(source, F_DUPFD_CLOEXEC, LISTEN_FIRST + n);
		if (fd < 0)
			_exit(75);
		if (i)
			self->store[self->n_stored - i].fd = fd;
		else
			self->listener = fd;
	}
	log = open("daemon.log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (log < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		_exit(76);
	for (i = 0; i < n; i++)
		if (dup2(i ? self->store[self->n_stored - i].fd : self->listener,
			 LISTEN_FIRST + i) < 0)
			_exit(77);
	syscall(SYS_close_range, (unsigned)(LISTEN_FIRST + n), ~0U, 0);
	snprintf(number, sizeof(number), "%d", n);
	setenv("LISTEN_FDS", number, 1);
	snprintf(number, sizeof(number), "%d", (int)getpid());
	setenv("LISTEN_PID", number, 1);
	setenv("LISTEN_FDNAMES", names, 1);
	/* As systemd says it from 254 on. */
	snprintf(number, sizeof(number), "%d", KEEPER_STORE_MAX);
	if (getenv(KEEPER_STORE_ENV))
		unsetenv("FDSTORE");
	else
		setenv("FDSTORE", number, 1);
	if (self->uid && (setgroups(0, NULL) < 0 || setresgid(self->uid, self->uid, self->uid) < 0 ||
			  setresuid(self->uid, self->uid, self->uid) < 0 ||
			  prctl(PR_SET_PDEATHSIG, SIGKILL) < 0))
		_exit(78);
	execv(self->argv[0], self->argv);
	fprintf(stderr, "%s: %s\n", self->argv[0], strerror(errno));
	_exit(127);
}

static int reap(struct self *self)
{
	int status = 0;

	while (waitpid(self->daemon, &status, 0) < 0 && errno == EINTR)
		;
	close(self->pidfd);
	self->pidfd = -1;
	self->daemon = 0;
	/* What it said last still counts. */
	while (poll(&(struct pollfd){ .fd = self->notify, .events = POLLIN }, 1, 0) > 0)
		notified(self);
	return status;
}

static void start(struct self *self)
{
	const pid_t keeper = getpid();

	self->ready = false;
	self->daemon = fork();
	if (self->daemon < 0)
		die("fork");
	if (self->daemon == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != keeper)
			_exit(0);
		exec_daemon(self);
	}
	self->pidfd = (int)syscall(SYS_pidfd_open, self->daemon, 0);
	if (self->pidfd < 0)
		die("pidfd_open");
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static void quit(struct self *self, int code)
{
	char path[256];
	FILE *log;
	int c;

	if (self->daemon) {
		/* The test has failed or was killed: what the daemon said may tell why. */
		kill(self->daemon, SIGKILL);
		reap(self);
	}
	snprintf(path, sizeof(path), "%s/daemon.log", self->dir);
	log = code ? fopen(path, "re") : NULL;
	if (log) {
		fprintf(stderr, "--- what the daemon of a failed test said:\n");
		while ((c = getc(log)) != EOF)
			putc(c, stderr);
		fprintf(stderr, "---\n");
		fclose(log);
	}
	if (chdir("/") < 0 || nftw(self->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) < 0)
		fprintf(stderr, "keeper: %s: %s\n", self->dir, strerror(errno));
	_exit(code);
}

static void reply(struct self *self, int value)
{
	const struct answer answer = { .value = value, .daemon = self->daemon };

	if (send(self->orders, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
		quit(self, 1);
}

_Noreturn static void keep(struct self *self)
{
	struct order order = { .op = OP_STORED };
	bool pending = false;	/* START or END, not yet answered */

	for (;;) {
		/* The daemon's end is of interest only to who waits for it; the test's always. */
		struct pollfd p[3] = {
			{ .fd = self->orders, .events = pending ? 0 : POLLIN },
			{ .fd = self->notify, .events = POLLIN },
			{ .fd = pending ? self->pidfd : -1, .events = POLLIN },
		};

		if (poll(p, 3, -1) < 0)
			continue;
		if (p[1].revents) {
			notified(self);
			if (pending && order.op == OP_START && self->ready) {
				pending = false;
				reply(self, 0);
			}
			continue;
		}
		if (p[2].revents) {
			const int status = reap(self);

			pending = false;
			reply(self, status);
			continue;
		}
		if (p[0].revents & (POLLHUP | POLLERR))
			quit(self, 1);
		if (!p[0].revents)
			continue;
		if (recv(self->orders, &order, sizeof(order), 0) != (ssize_t)sizeof(order))
			quit(self, 1);
		switch (order.op) {
		case OP_START:
			start(self);
			pending = true;
			break;
		case OP_END:
			kill(self->daemon, order.arg);
			pending = true;
			break;
		case OP_FORGET:
			store_remove(self, NULL);
			reply(self, 0);
			break;
		case OP_STORED:
			reply(self, n_stored(self));
			break;
		case OP_QUIT:
			quit(self, 0);
		}
	}
}

void keeper_start(struct keeper *k, const char *dir, const char *socket_path,
		  char *const argv[])
{
	keeper_start_as(k, 0, dir, socket_path, argv);
}

void keeper_start_as(struct keeper *k, uid_t uid, const char *dir, const char *socket_path,
		     char *const argv[])
{
	static struct self self;
	struct rlimit files;
	char path[256];
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	k->pid = fork();
	ck_assert_int_ge(k->pid, 0);
	if (k->pid == 0) {
		/* A group of its own: Check kills the test's group when it is over. */
		setpgid(0, 0);
		/* Nothing of the test's may be kept open or passed on. */
		dup2(pair[1], LISTEN_FIRST);
		syscall(SYS_close_range, LISTEN_FIRST + 1, ~0U, 0);
		fcntl(LISTEN_FIRST, F_SETFD, FD_CLOEXEC);
		self = (struct self){ .dir = dir, .socket_path = socket_path, .argv = argv,
				      .orders = LISTEN_FIRST, .pidfd = -1, .uid = uid };
		if (chdir(dir) < 0)
			die(dir);
		/* As the unit's LimitNOFILE does. */
		if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
			files.rlim_cur = files.rlim_max;
			setrlimit(RLIMIT_NOFILE, &files);
		}
		snprintf(path, sizeof(path), "%s/notify", dir);
		self.notify = bound_socket(SOCK_DGRAM, path);
		setenv("NOTIFY_SOCKET", path, 1);
		if (uid && (chown(path, uid, uid) < 0 || chown(dir, uid, uid) < 0))
			die(path);
		self.listener = bound_socket(SOCK_SEQPACKET, socket_path);
		if (listen(self.listener, 1024) < 0 || chmod(socket_path, 0666) < 0)
			die(socket_path);
		keep(&self);
	}
	close(pair[1]);
	k->fd = pair[0];
	k->daemon = 0;
}

static int ask(struct keeper *k, enum op op, int arg)
{
	const struct order order = { .op = op, .arg = arg };
	struct answer answer;
	ssize_t n;

	ck_assert_int_eq(send(k->fd, &order, sizeof(order), MSG_NOSIGNAL), sizeof(order));
	do
		n = recv(k->fd, &answer, sizeof(answer), 0);
	while (n < 0 && errno == EINTR);
	ck_assert_msg(n == (ssize_t)sizeof(answer), "the keeper is gone");
	k->daemon = answer.daemon;
	return answer.value;
}

int keeper_daemon_start(struct keeper *k)
{
	return ask(k, OP_START, 0);
}

int keeper_daemon_end(struct keeper *k, int signal)
{
	return ask(k, OP_END, signal);
}

int keeper_n_stored(struct keeper *k)
{
	return ask(k, OP_STORED, 0);
}

void keeper_forget(struct keeper *k)
{
	ask(k, OP_FORGET, 0);
}

void keeper_end(struct keeper *k)
{
	const struct order order = { .op = OP_QUIT };
	int status;

	ck_assert_int_eq(send(k->fd, &order, sizeof(order), MSG_NOSIGNAL), sizeof(order));
	ck_assert_int_eq(waitpid(k->pid, &status, 0), k->pid);
	ck_assert_int_eq(status, 0);
	close(k->fd);
}
