/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "families.h"
#include "messages.h"

/* peer-posix.c - what the system has for messages: pipes, Unix sockets, message queues */

/* Lane 0 from the producer's out to the consumer's in, lane 1 back. */
struct lanes {
	int out[2], in[2];
};

static int create_pipes(struct bench_arena *arena, const struct bench_row *row, void **ret)
{
	struct lanes *const l = bench_alloc(arena, sizeof(*l), 8);
	int i, fds[2];

	(void)row;
	for (i = 0; i < 2; i++) {
		if (pipe2(fds, O_CLOEXEC) < 0)
			return -errno;
		l->in[i] = fds[0];
		l->out[i] = fds[1];
		(void)fcntl(fds[1], F_SETPIPE_SZ, 1 << 20);	/* as much as they may have */
	}
	*ret = l;
	return 0;
}

static int create_sockets(struct bench_arena *arena, int type, void **ret)
{
	struct lanes *const l = bench_alloc(arena, sizeof(*l), 8);
	int i, fds[2];
	const int bytes = 1 << 20;

	for (i = 0; i < 2; i++) {
		if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) < 0)
			return -errno;
		l->in[i] = fds[0];
		l->out[i] = fds[1];
		(void)setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	}
	*ret = l;
	return 0;
}

static int create_stream(struct bench_arena *arena, const struct bench_row *row, void **ret)
{
	(void)row;
	return create_sockets(arena, SOCK_STREAM, ret);
}

static int create_packets(struct bench_arena *arena, const struct bench_row *row, void **ret)
{
	(void)row;
	return create_sockets(arena, SOCK_SEQPACKET, ret);
}

/* Whom the messages in a queue are limited to, the system says; too much is a reason to skip. */
static int create_mq(struct bench_arena *arena, const struct bench_row *row, void **ret)
{
	struct mq_attr attr = { .mq_maxmsg = 10, .mq_msgsize = row->bytes };
	struct lanes *const l = bench_alloc(arena, sizeof(*l), 8);
	char name[64];
	int i;

	for (i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "/shmreg-bench-%d-%d", (int)getpid(), i);
		l->in[i] = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attr);
		if (l->in[i] < 0)
			return -errno;
		l->out[i] = l->in[i];
		mq_unlink(name);
	}
	*ret = l;
	return 0;
}

static int open_shared(struct bench_worker *w)
{
	w->own = w->shared;
	return 0;
}

static void destroy(void *shared)
{
	const struct lanes *const l = shared;
	int i;

	for (i = 0; i < 2; i++) {
		close(l->in[i]);
		if (l->out[i] != l->in[i])
			close(l->out[i]);
	}
}

/* Pipes and streams know no messages: whole is what is read whole. */
static inline void bytes_send(void *own, int lane, const void *data, size_t bytes)
{
	const int fd = ((struct lanes *)own)->out[lane];
	ssize_t n;

	while (bytes > 0) {
		n = write(fd, data, bytes);
		bench_check(n > 0, "write");
		data = (const char *)data + n;
		bytes -= (size_t)n;
	}
}

static inline void bytes_receive(void *own, int lane, void *data, size_t bytes)
{
	const int fd = ((struct lanes *)own)->in[lane];
	ssize_t n;

	while (bytes > 0) {
		n = read(fd, data, bytes);
		bench_check(n > 0, "read");
		data = (char *)data + n;
		bytes -= (size_t)n;
	}
}
BENCH_MESSAGES_STREAM(bytes, bytes_send, bytes_receive)
BENCH_MESSAGES_WAKE(bytes, bytes_send, bytes_receive)

static inline void packet_send(void *own, int lane, const void *data, size_t bytes)
{
	bench_check(send(((struct lanes *)own)->out[lane], data, bytes, 0) == (ssize_t)bytes, "send");
}

static inline void packet_receive(void *own, int lane, void *data, size_t bytes)
{
	bench_check(recv(((struct lanes *)own)->in[lane], data, bytes, 0) == (ssize_t)bytes, "recv");
}
BENCH_MESSAGES_STREAM(packet, packet_send, packet_receive)
BENCH_MESSAGES_WAKE(packet, packet_send, packet_receive)

static inline void queue_send(void *own, int lane, const void *data, size_t bytes)
{
	bench_check(mq_send(((struct lanes *)own)->out[lane], data, bytes, 0) == 0, "mq_send");
}

static inline void queue_receive(void *own, int lane, void *data, size_t bytes)
{
	bench_check(mq_receive(((struct lanes *)own)->in[lane], data, bytes, NULL) == (ssize_t)bytes,
		    "mq_receive");
}
BENCH_MESSAGES_STREAM(queue, queue_send, queue_receive)
BENCH_MESSAGES_WAKE(queue, queue_send, queue_receive)

#define BOTH(prefix, name, create)                                                                 \
	BENCH_MESSAGES(prefix, name, BENCH_PEER, create, open_shared, NULL, destroy),              \
	BENCH_WAKES(prefix, name, BENCH_PEER, create, open_shared, NULL, destroy)
static const struct bench_contestant contestants[] = {
	BOTH(bytes, "pipe", create_pipes),
	BOTH(bytes, "Unix socket, stream", create_stream),
	BOTH(packet, "Unix socket, seqpacket", create_packets),
	BOTH(queue, "POSIX message queue", create_mq),
};
const struct bench_peer bench_posix = { "POSIX", contestants, BENCH_N(contestants) };
