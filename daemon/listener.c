/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <shmreg/abi/packet.h>

#include "listener.h"
#include "log.h"
#include "rights.h"

#define SYSTEM_SOCKET "/run/shmregd/control"
#define BACKLOG 1024
#define ACCEPTS_A_TURN 64	/* FACTS, "Control socket" */
#define PAUSE_SEC 1.

static int __attribute__((format(printf, 3, 4)))
refused(char *error, int r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, LISTENER_ERROR_MAX + 1, format, args);
	va_end(args);
	return r;
}

int listener_path(char *ret, const char *socket, bool system, char *error)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char path[4096];

	if (socket)
		snprintf(path, sizeof(path), "%s", socket);
	else if (system || geteuid() == 0)
		snprintf(path, sizeof(path), "%s", SYSTEM_SOCKET);
	else if (runtime && *runtime == '/')
		snprintf(path, sizeof(path), "%s/shmregd/control", runtime);
	else
		return refused(error, -EINVAL, "where to listen? $XDG_RUNTIME_DIR is not set; say "
			       "--socket=PATH");
	/* ".lock" must fit, too: see lock.h. */
	if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return refused(error, -ENAMETOOLONG, "the socket's path '%.200s' is too long; %zu "
			       "bytes are possible", path,
			       sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	memcpy(ret, path, strlen(path) + 1);
	return 0;
}

static int option(int fd, int name)
{
	socklen_t bytes = sizeof(int);
	int value;

	return getsockopt(fd, SOL_SOCKET, name, &value, &bytes) < 0 ? -1 : value;
}

bool listener_fits(int fd)
{
	return option(fd, SO_DOMAIN) == AF_UNIX && option(fd, SO_TYPE) == SOCK_SEQPACKET &&
	       option(fd, SO_ACCEPTCONN) == 1;
}

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct listener *l = w->data;

	(void)revents;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		const int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), e = errno;

		if (fd >= 0) {
			l->accepted(l->data, fd);
			continue;
		}
		if (e == EMFILE || e == ENFILE || e == ENOBUFS || e == ENOMEM) {
			if (log_is_due(&l->said))
				log_client(LOG_WARNING, NULL, "cannot accept connections for a while: %s",
					   strerror(e));
			ev_io_stop(loop, w);
			ev_timer_set(&l->pause, PAUSE_SEC, 0.);
			ev_timer_start(loop, &l->pause);
		}
		if (e != ECONNABORTED && e != EINTR)
			return;
	}
}

static void on_pause(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct listener *l = w->data;

	(void)revents;
	ev_io_start(loop, &l->readable);
}

void listener_init(struct listener *l, struct ev_loop *loop,
		   void (*accepted)(void *data, int fd), void *data)
{
	*l = (struct listener){ .loop = loop, .fd = -1, .accepted = accepted, .data = data };
	ev_init(&l->readable, on_readable);
	ev_init(&l->pause, on_pause);
	l->readable.data = l->pause.data = l;
}

void listener_adopt(struct listener *l, int fd)
{
	struct sockaddr_un address = { 0 };
	socklen_t bytes = sizeof(address);

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	rights_refuse(fd);
	l->fd = fd;
	if (getsockname(fd, (struct sockaddr *)&address, &bytes) == 0 &&
	    address.sun_path[0] == '/')
		snprintf(l->path, sizeof(l->path), "%.107s", address.sun_path);
}

static int open_socket(const char *path, struct sockaddr_un *ret_address)
{
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret_address->sun_path, path, strlen(path));
	return fd < 0 ? -errno : fd;
}

/* Says HELLO to who listens there. Return: true if somebody does, with a sentence about him. */
static bool describe_other(const char *path, char *error)
{
	struct shmreg_request hello = {
		.header = { .magic = SHMREG_PACKET_MAGIC, .protocol = SHMREG_PROTOCOL,
			    .type = SHMREG_PACKET_HELLO, .serial = 1 },
		.u.hello = { .flags = SHMREG_HELLO_OBSERVER, .name = "shmregd" },
	};
	const struct timeval patience = { .tv_sec = 5 };
	struct shmreg_reply reply = { 0 };
	struct sockaddr_un address;
	struct ucred cred = { 0 };
	socklen_t bytes = sizeof(cred);
	const int fd = open_socket(path, &address);
	bool timed_out;
	ssize_t n = -1;

	if (fd < 0)
		return false;
	errno = 0;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		const bool listens = errno == EAGAIN || errno == EPROTOTYPE;

		if (listens)
			refused(error, -EADDRINUSE, "another program listens at '%s': %s", path,
				strerror(errno));
		close(fd);
		return listens;
	}
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &bytes);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	snprintf(hello.u.hello.version, sizeof(hello.u.hello.version), "%s", PACKAGE_VERSION);
	if (send(fd, &hello, sizeof(hello), MSG_NOSIGNAL) == sizeof(hello))
		n = recv(fd, &reply, sizeof(reply), 0);
	timed_out = n < 0 && (errno == EAGAIN || errno == EINTR);
	close(fd);
	/* A socket that was kept open by what is left of a daemon that was killed. */
	if (n <= 0 && !timed_out)
		return false;
	if (n >= 0 && shmreg_reply_check(&reply, (size_t)n, SHMREG_PACKET_HELLO, 1) == 0 &&
	    reply.header.status == 0)
		refused(error, -EADDRINUSE, "shmregd %s, pid %d, is already there: it listens at '%s'. "
			"Stop it first, or say --socket=PATH to listen elsewhere",
			reply.u.hello.version, (int)cred.pid, path);
	else
		refused(error, -EADDRINUSE, "pid %d already listens at '%s', but does not answer as "
			"shmregd %s does; say --socket=PATH to listen elsewhere", (int)cred.pid,
			path, PACKAGE_VERSION);
	return true;
}

static int make_directory(const char *path, char *error)
{
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	memcpy(directory, path, strlen(path) + 1);
	slash = strrchr(directory, '/');
	if (!slash || slash == directory)
		return 0;
	*slash = '\0';
	/* The directory above is the user's or the system's own and must be there. */
	if (mkdir(directory, geteuid() == 0 ? 0755 : 0700) < 0 && errno != EEXIST)
		return refused(error, -errno, "cannot make the directory '%s': %s", directory,
			       strerror(errno));
	return 0;
}

/*
 * Wait a moment for who has the lock: a daemon that has not yet begun to listen,
 * or one that was killed and whose reapers are about to be.
 */
static int lock_patiently(struct lock *lock, const char *path, char *error)
{
	const struct timespec moment = { .tv_nsec = 20000000 };
	int r;

	for (int i = 0; i < 250; i++) {
		r = lock_take(lock, path);
		if (r != -EWOULDBLOCK)
			break;
		if (describe_other(path, error))
			return -EADDRINUSE;
		nanosleep(&moment, NULL);
	}
	if (r == -EWOULDBLOCK)
		return refused(error, -EADDRINUSE, "another process holds '%s.lock' and does not "
			       "listen at '%s': end it first ('fuser %s.lock' names it)", path, path,
			       path);
	if (r < 0)
		return refused(error, r, "cannot lock '%s.lock': %s", path, strerror(-r));
	return 0;
}

/* With the lock held: nobody listens there, or somebody who does not take locks. */
static int clear_path(const char *path, char *error)
{
	struct stat st;

	if (lstat(path, &st) < 0) {
		if (errno == ENOENT)
			return 0;
		return refused(error, -errno, "cannot look at '%s': %s", path, strerror(errno));
	}
	if (!S_ISSOCK(st.st_mode))
		return refused(error, -EEXIST, "'%s' is there and no socket; remove it, or say "
			       "--socket=PATH", path);
	if (describe_other(path, error))
		return -EADDRINUSE;
	if (unlink(path) < 0 && errno != ENOENT)
		return refused(error, -errno, "cannot remove the old socket '%s': %s", path,
			       strerror(errno));
	log_info("removed the socket '%s', at which nobody listened", path);
	return 0;
}

int listener_make(struct listener *l, struct lock *lock, const char *path, uint32_t mode,
		  char *error)
{
	struct sockaddr_un address;
	mode_t mask;
	int fd, r;

	r = make_directory(path, error);
	if (r == 0)
		r = lock_patiently(lock, path, error);
	if (r == 0)
		r = clear_path(path, error);
	if (r < 0)
		return r;
	fd = open_socket(path, &address);
	if (fd < 0)
		return refused(error, fd, "cannot make a socket: %s", strerror(-fd));
	rights_refuse(fd);
	/* Never more open than it is to be; then as open, whatever the umask was. */
	mask = umask(0777);
	r = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	umask(mask);
	if (r == 0 && (chmod(path, mode) < 0 || listen(fd, BACKLOG) < 0)) {
		r = -errno;
		unlink(path);
	}
	if (r < 0) {
		close(fd);
		return refused(error, r, "cannot listen at '%s': %s", path, strerror(-r));
	}
	listener_adopt(l, fd);
	snprintf(l->path, sizeof(l->path), "%s", path);
	l->made = true;
	return 0;
}

void listener_start(struct listener *l)
{
	ev_io_set(&l->readable, l->fd, EV_READ);
	ev_io_start(l->loop, &l->readable);
}

void listener_stop(struct listener *l)
{
	if (l->fd < 0)
		return;
	ev_io_stop(l->loop, &l->readable);
	ev_timer_stop(l->loop, &l->pause);
	/* First the name, so that nobody connects in vain. */
	if (l->made) {
		unlink(l->path);
		/* Whoever was not accepted may have sent packets. */
		rights_close(l->fd);
	} else {
		close(l->fd);
	}
	l->fd = -1;
}
