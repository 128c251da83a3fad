/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "notify.h"

#define RETRY_SEC 0.1

struct message {
	STAILQ_ENTRY(message) link;
	int fd;
	char text[];
};

struct notify {
	struct ev_loop *loop;
	int fd;				/* -1: nobody is to be told */
	struct sockaddr_un address;
	socklen_t address_bytes;
	ev_io writable;
	ev_timer retry;			/* for what writability does not tell */
	STAILQ_HEAD(, message) queue;
};

static int send_now(struct notify *n, int fd, const char *text)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = (char *)text, .iov_len = strlen(text) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (fd >= 0) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	for (int i = 0; i < 2; i++) {
		if (sendmsg(n->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return 0;
		/* A manager that made its socket anew. */
		if ((errno != ECONNREFUSED && errno != ENOTCONN) ||
		    connect(n->fd, (struct sockaddr *)&n->address, n->address_bytes) < 0)
			break;
	}
	return -errno;
}

static bool is_full(int r)
{
	return r == -EAGAIN || r == -ENOBUFS || r == -ETOOMANYREFS || r == -ENOMEM;
}

static struct message *message_free(struct message *m)
{
	if (m && m->fd >= 0)
		close(m->fd);
	free(m);
	return NULL;
}

static void flush(struct notify *n)
{
	struct message *m;

	while ((m = STAILQ_FIRST(&n->queue))) {
		const int r = send_now(n, m->fd, m->text);

		if (is_full(r))
			return;
		if (r < 0)
			log_error("cannot tell the service manager \"%.40s\": %s", m->text,
				  strerror(-r));
		STAILQ_REMOVE_HEAD(&n->queue, link);
		message_free(m);
	}
	ev_io_stop(n->loop, &n->writable);
	ev_timer_stop(n->loop, &n->retry);
}

static void on_writable(struct ev_loop *loop, ev_io *w, int revents)
{
	(void)loop, (void)revents;
	flush(w->data);
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct notify *n = w->data;

	(void)revents;
	flush(n);
	if (!STAILQ_EMPTY(&n->queue))
		ev_timer_again(loop, w);
}

static int keep(struct notify *n, int fd, const char *text)
{
	struct message *m = malloc(sizeof(*m) + strlen(text) + 1);

	if (!m)
		return -ENOMEM;
	memcpy(m->text, text, strlen(text) + 1);
	m->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (fd >= 0 && m->fd < 0) {
		const int r = -errno;

		message_free(m);
		return r;
	}
	STAILQ_INSERT_TAIL(&n->queue, m, link);
	ev_io_start(n->loop, &n->writable);
	ev_timer_again(n->loop, &n->retry);
	return 0;
}

int notify_send(struct notify *n, int fd, const char *text)
{
	int r = -EAGAIN;

	if (n->fd < 0)
		return 0;
	if (STAILQ_EMPTY(&n->queue))
		r = send_now(n, fd, text);
	if (is_full(r))
		r = keep(n, fd, text);
	if (r < 0)
		log_error("cannot tell the service manager \"%.40s\": %s", text, strerror(-r));
	return r;
}

bool notify_enabled(const struct notify *n)
{
	return n->fd >= 0;
}

static int open_socket(struct notify *n, const char *path)
{
	const size_t length = strlen(path);

	if ((*path != '/' && *path != '@') || length >= sizeof(n->address.sun_path))
		return -EINVAL;
	n->address.sun_family = AF_UNIX;
	memcpy(n->address.sun_path, path, length);
	if (*path == '@')
		n->address.sun_path[0] = '\0';
	n->address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length +
				       (*path == '/'));
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Connected, so that poll knows whether the manager's queue is full. */
	if (n->fd < 0 ||
	    connect(n->fd, (struct sockaddr *)&n->address, n->address_bytes) < 0)
		return -errno;
	return 0;
}

int notify_new(struct notify **ret, struct ev_loop *loop)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct notify *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	n->loop = loop;
	n->fd = -1;
	STAILQ_INIT(&n->queue);
	if (path && *path) {
		r = open_socket(n, path);
		if (r < 0) {
			log_error("cannot reach the service manager at $NOTIFY_SOCKET '%s': %s",
				  path, strerror(-r));
			notify_free(n);
			return r;
		}
	}
	unsetenv("NOTIFY_SOCKET");
	ev_io_init(&n->writable, on_writable, n->fd, EV_WRITE);
	n->writable.data = n;
	ev_timer_init(&n->retry, on_retry, 0., RETRY_SEC);
	n->retry.data = n;
	*ret = n;
	return 0;
}

struct notify *notify_free(struct notify *n)
{
	struct message *m;

	if (!n)
		return NULL;
	flush(n);
	while ((m = STAILQ_FIRST(&n->queue))) {
		STAILQ_REMOVE_HEAD(&n->queue, link);
		message_free(m);
	}
	if (n->fd >= 0) {
		ev_io_stop(n->loop, &n->writable);
		ev_timer_stop(n->loop, &n->retry);
		close(n->fd);
	}
	free(n);
	return NULL;
}
