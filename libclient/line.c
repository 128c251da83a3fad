/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "bells.h"
#include "connection.h"
#include "line.h"
#include "own-bell.h"

/* A line that is lost is replaced at once, but not again and again in one call. */
#define LIVES 3

/* So many bells with descriptors in them are an attack, and each costs one. */
#define SPOILT_MAX 16

#define PAUSE_NS UINT64_C(1000000000)

void line_lock(struct shmreg_connection *c, struct line_guard *guard)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &guard->signals);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &guard->cancel);
	pthread_mutex_lock(&c->line.mutex);
}

void line_unlock(struct shmreg_connection *c, const struct line_guard *guard)
{
	pthread_mutex_unlock(&c->line.mutex);
	pthread_setcancelstate(guard->cancel, NULL);
	pthread_sigmask(SIG_SETMASK, &guard->signals, NULL);
}

void line_init(struct line *line)
{
	pthread_mutex_init(&line->mutex, NULL);
	line->fd = -1;
}

/* release: what has changed, to the watch's own thread */
static void call_attention(struct shmreg_watch *w)
{
	shmreg_store_release(&w->attention, 1);
}

/* Return: 0; -ENOSPC, -ENOMEM. */
static int listen_to(struct shmreg_watch *w, int fd, int tag)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.fd = tag };

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* Before it is closed: as long as a forked child has it open, the set would not forget it. */
static void unlisten(struct shmreg_watch *w, int fd)
{
	if (fd >= 0)
		epoll_ctl(w->epoll, EPOLL_CTL_DEL, fd, NULL);
}

void line_check(struct line *line)
{
	struct shmreg_watch *w;

	if (line->fd < 0 || transport_identity(line->fd) == line->identity)
		return;
	shmreg_exchange_acq_rel(&line->fd, LINE_GONE);
	line->is_dead = false;
	line->is_heard = false;
	line->epoch++;
	for (w = line->watches; w != NULL; w = w->next) {
		w->on_line = false;
		call_attention(w);
	}
}

static void replace(struct line *line, int fd)
{
	struct shmreg_watch *w;
	int old;

	for (w = line->watches; w != NULL; w = w->next) {
		if (w->on_line)
			unlisten(w, line->fd);
		w->on_line = false;
		if (fd >= 0 && w->handle != NULL)
			w->on_line = listen_to(w, fd, WATCH_LINE) == 0;
		call_attention(w);
	}
	/* First the field, then the descriptor, as in connection_hang_up(). */
	line->identity = transport_identity(fd);
	old = shmreg_exchange_acq_rel(&line->fd, fd);
	if (old >= 0)
		close(old);
	line->is_dead = false;
	line->is_heard = false;
}

void line_deinit(struct shmreg_connection *c)
{
	struct line_guard guard;
	struct shmreg_watch *w;

	line_lock(c, &guard);
	line_check(&c->line);
	replace(&c->line, -1);
	bells_deinit(&c->line);
	for (w = c->line.watches; w != NULL; w = w->next) {
		w->connection = NULL;
		w->handle = NULL;
	}
	c->line.watches = NULL;
	line_unlock(c, &guard);
	pthread_mutex_destroy(&c->line.mutex);
}

void line_forsake(struct line *line)
{
	const int fd = shmreg_exchange_acq_rel(&line->fd, -1);

	if (fd >= 0 && transport_identity(fd) == line->identity)
		close(fd);
}

/* As transport_connect(), but without waiting and without a sentence. */
static int connect_now(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, r;

	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = transport_keep_off(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

static int say_hello(struct shmreg_connection *c)
{
	struct shmreg_request request = { .header.type = SHMREG_PACKET_HELLO };
	int r;

	request.u.hello.flags = SHMREG_HELLO_OBSERVER;
	memcpy(request.u.hello.name, c->name, sizeof(request.u.hello.name));
	strncpy(request.u.hello.version, shmreg_version(), sizeof(request.u.hello.version) - 1);
	r = line_send(c, &request);
	c->line.hello = c->line.serial;
	return r;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

bool line_was_refused(const struct line *line)
{
	return line->refused_ns != 0 && now_ns() - line->refused_ns < PAUSE_NS;
}

static bool is_hang_up(int error)
{
	return error == EPIPE || error == ECONNRESET || error == ENOTCONN;
}

int line_send(struct shmreg_connection *c, struct shmreg_request *request)
{
	struct line *line = &c->line;
	int r;

	request->header.magic = SHMREG_PACKET_MAGIC;
	request->header.protocol = SHMREG_PROTOCOL;
	request->header.serial = ++line->serial;
	if (send(line->fd, request, sizeof(*request), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		return 0;
	r = errno;
	if (is_hang_up(r))
		line->is_dead = true;
	return -r;
}

static void send_watch(struct shmreg_connection *c, struct shmreg_watch *w)
{
	static const char why[] = "peers send descriptors into its bell, again and again";
	struct shmreg_request request = { .header.type = SHMREG_PACKET_WATCH };

	if (c->line.n_spoilt >= SPOILT_MAX) {
		w->session = c->line.session;
		w->status = -EBADMSG;
		memcpy(w->why, why, sizeof(why));
		return;
	}
	/* The epoch may be older than what the daemon has. */
	request.u.watch.at.segment = w->segment;
	request.u.watch.at.participant = w->participant;
	request.u.watch.object = w->object;
	request.u.watch.events = w->events;
	request.u.watch.flags = SHMREG_WATCH_DESCRIPTOR;
	if (line_send(c, &request) < 0)
		return;
	w->session = c->line.session;
	w->serial = request.header.serial;
	w->status = 0;
	w->id = 0;
}

void line_settle(struct shmreg_connection *c)
{
	struct shmreg_watch *w;

	for (w = c->line.watches; w != NULL; w = w->next)
		if (w->session != c->line.session && w->handle != NULL && !c->line.is_dead)
			send_watch(c, w);
}

static void close_listened(struct shmreg_watch *w, int fd)
{
	if (fd < 0)
		return;
	unlisten(w, fd);
	if (!own_bell_close(fd))
		w->connection->line.n_spoilt++;
}

/* So that whoever waits for the answer comes to see it, though another call took it in. */
static void be_readable(struct shmreg_connection *c, struct shmreg_watch *w)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP | EPOLLOUT,
				     .data.fd = WATCH_LINE };

	if (w->on_line)
		epoll_ctl(w->epoll, EPOLL_CTL_MOD, c->line.fd, &event);
}

static void unwatch(struct shmreg_connection *c, uint64_t id)
{
	struct shmreg_request request = { .header.type = SHMREG_PACKET_UNWATCH };

	/* If it cannot be sent: the watch rings in vain, until the connection ends. */
	request.u.unwatch.watch = id;
	if (!c->line.is_dead)
		line_send(c, &request);
}

static void watch_answered(struct shmreg_connection *c, const struct shmreg_reply *reply,
			   int *fds, unsigned int n_fds)
{
	struct shmreg_watch *w;

	for (w = c->line.watches; w != NULL; w = w->next)
		if (w->serial == reply->header.serial && w->handle != NULL)
			break;
	if (w == NULL) {
		/* It, or its handle, was closed meanwhile. */
		if (reply->header.status == 0)
			unwatch(c, reply->u.watch.watch);
	} else if (reply->header.status < 0) {
		w->status = reply->header.status;
		memcpy(w->why, reply->u.error, sizeof(w->why) - 1);
	} else {
		w->id = reply->u.watch.watch;
		/* Without the descriptor: this process had no room for it. */
		w->status = n_fds == 1 ? listen_to(w, fds[0], fds[0]) : -EMFILE;
		if (w->status == 0) {
			close_listened(w, w->fresh);
			w->fresh = fds[--n_fds];
		}
	}
	while (n_fds > 0)
		own_bell_close(fds[--n_fds]);
	if (w == NULL)
		return;
	w->serial = 0;
	call_attention(w);
	if (w->status < 0)
		be_readable(c, w);
}

void line_take_bell(struct shmreg_watch *w)
{
	if (w->fresh < 0)
		return;
	close_listened(w, w->bell);
	w->bell = w->fresh;
	w->fresh = -1;
}

void line_watch_again(struct shmreg_connection *c, struct shmreg_watch *w)
{
	close_listened(w, w->bell);
	w->bell = -1;
	if (w->serial != 0 || w->fresh >= 0)
		return;		/* Another comes. */
	if (w->id != 0 && w->session == c->line.session)
		unwatch(c, w->id);
	w->id = 0;
	w->session = 0;
	call_attention(w);
}

void line_told(struct shmreg_connection *c, struct shmreg_watch *w)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.fd = WATCH_LINE };

	if (w->on_line)
		epoll_ctl(w->epoll, EPOLL_CTL_MOD, c->line.fd, &event);
	if (w->status == -ENOENT || w->status == -ESTALE)
		return;
	if (w->id != 0 && w->session == c->line.session)
		unwatch(c, w->id);
	w->id = 0;
	w->session = 0;
}

void line_leave(struct shmreg_connection *c, struct shmreg_watch *w)
{
	if (w->on_line)
		unlisten(w, c->line.fd);
	w->on_line = false;
}

void line_join(struct shmreg_connection *c, struct shmreg_watch *w)
{
	w->next = c->line.watches;
	c->line.watches = w;
	if (c->line.fd >= 0)
		w->on_line = listen_to(w, c->line.fd, WATCH_LINE) == 0;
	call_attention(w);
}

void line_part(struct shmreg_connection *c, struct shmreg_watch *w)
{
	struct shmreg_watch **link;

	for (link = &c->line.watches; *link != NULL && *link != w; link = &(*link)->next)
		;
	if (*link != NULL)
		*link = w->next;
	line_leave(c, w);
	if (w->id != 0 && w->session == c->line.session)
		unwatch(c, w->id);
}

/* Return: false: what answers is no daemon. */
static bool answered(struct shmreg_connection *c, const struct shmreg_reply *reply, size_t n,
		     int *fds, unsigned int n_fds)
{
	const uint16_t type = (uint16_t)(reply->header.type & ~SHMREG_PACKET_REPLY);
	bool good = n >= sizeof(reply->header) && reply->header.serial <= c->line.serial &&
		    shmreg_reply_check(reply, n, type, reply->header.serial) == 0;

	if (good && reply->header.status >= 0 &&
	    (type == SHMREG_PACKET_WATCH || type == SHMREG_PACKET_NOTIFY))
		c->line.is_heard = true;
	if (good && type == SHMREG_PACKET_WATCH) {
		watch_answered(c, reply, fds, n_fds);
		return true;
	}
	if (good && type == SHMREG_PACKET_NOTIFY) {
		bells_answered(c, reply, fds, n_fds);
		return true;
	}
	if (good && reply->header.serial == c->line.hello && reply->header.status < 0) {
		c->line.refused = reply->header.status;
		c->line.refused_ns = now_ns();
	}
	while (n_fds > 0)
		close(fds[--n_fds]);
	return good;
}

/* Take in what is there, also on a line that is dead. Return: whether there was anything. */
static bool hear(struct shmreg_connection *c)
{
	struct line *line = &c->line;
	int fds[TRANSPORT_FDS_MAX], n;
	bool is_more = false, is_reset = false;
	struct shmreg_reply reply;
	unsigned int n_fds;

	for (;;) {
		n = transport_receive_quietly(line->fd, &reply, fds, &n_fds, MSG_DONTWAIT);
		if (n == -EAGAIN)
			return is_more;
		/* Said first, if the daemon had not read all; what it had answered comes behind that. */
		if (n == -ECONNRESET && !is_reset) {
			is_reset = true;
			continue;
		}
		if (n < 0 || !answered(c, &reply, (size_t)n, fds, n_fds)) {
			line->is_dead = true;
			return is_more;
		}
		is_more = true;
	}
}

void line_collect(struct shmreg_connection *c)
{
	if (c->line.fd >= 0 && !c->line.is_dead && hear(c))
		line_settle(c);
}

int line_ensure(struct shmreg_connection *c)
{
	struct line *line = &c->line;
	int fd, life, r;

	for (life = 0; life <= LIVES; life++) {
		if (line->fd >= 0 && !line->is_dead)
			return 0;
		/* Its last words may be why. */
		if (line->fd >= 0)
			hear(c);
		r = line->refused;
		line->refused = 0;
		if (r < 0 || life == LIVES)
			return r < 0 ? r : -ECONNRESET;
		fd = connect_now(c->path);
		if (fd < 0)
			return fd;
		replace(line, fd);
		line->session++;
		if (say_hello(c) == 0)
			line_settle(c);
	}
	return -ECONNRESET;
}

/* Nothing makes its descriptor readable any more: nobody is to be kept busy by it. */
static void forget(struct shmreg_connection *c, struct shmreg_watch *w)
{
	line_check(&c->line);
	w->handle = NULL;
	close_listened(w, w->bell);
	close_listened(w, w->fresh);
	w->bell = -1;
	w->fresh = -1;
	line_leave(c, w);
	if (w->id != 0 && w->session == c->line.session)
		unwatch(c, w->id);
	w->id = 0;
}

void line_forget_handle(struct shmreg_connection *c, const struct shmreg_handle *handle)
{
	struct line_guard guard;
	struct shmreg_watch *w;

	line_lock(c, &guard);
	for (w = c->line.watches; w != NULL; w = w->next)
		if (w->handle == handle)
			forget(c, w);
	line_unlock(c, &guard);
}
