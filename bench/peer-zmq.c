/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "families.h"
#include "messages.h"

/* peer-zmq.c - ZeroMQ between two processes ("ipc"): a pair of sockets, both ways */

struct pair {
	void *context, *socket;
};

/* A context has threads, so each worker makes its own. The address is abstract: it leaves no file. */
static int open_pair(struct bench_worker *w)
{
	static struct pair p;
	const int none = 0;
	cpu_set_t pinned, all;
	char address[80];
	int r;

	/* Its threads may run where they like, not only where the worker is pinned. */
	memset(&all, 0xff, sizeof(all));
	sched_getaffinity(0, sizeof(pinned), &pinned);
	sched_setaffinity(0, sizeof(all), &all);

	snprintf(address, sizeof(address), "ipc://@shmreg-bench-%d-%d", (int)getppid(), (int)w->crew);
	p.context = zmq_ctx_new();
	p.socket = p.context ? zmq_socket(p.context, ZMQ_PAIR) : NULL;
	sched_setaffinity(0, sizeof(pinned), &pinned);
	bench_check(p.socket != NULL, "zmq_socket");
	zmq_setsockopt(p.socket, ZMQ_LINGER, &none, sizeof(none));
	r = bench_is_producer(w) ? zmq_bind(p.socket, address) : zmq_connect(p.socket, address);
	bench_check(r == 0, "zmq_bind or zmq_connect");
	w->own = &p;
	return 0;
}

static void close_pair(struct bench_worker *w)
{
	struct pair *const p = w->own;

	zmq_close(p->socket);
	zmq_ctx_term(p->context);
}

static inline void zmq_out(void *own, int lane, const void *data, size_t bytes)
{
	(void)lane;
	bench_check(zmq_send(((struct pair *)own)->socket, data, bytes, 0) == (int)bytes, "zmq_send");
}

static inline void zmq_in(void *own, int lane, void *data, size_t bytes)
{
	(void)lane;
	bench_check(zmq_recv(((struct pair *)own)->socket, data, bytes, 0) == (int)bytes, "zmq_recv");
}
BENCH_MESSAGES_STREAM(zmq, zmq_out, zmq_in)
BENCH_MESSAGES_WAKE(zmq, zmq_out, zmq_in)

static const struct bench_contestant contestants[] = {
	BENCH_MESSAGES(zmq, "ZeroMQ ipc", BENCH_PEER, NULL, open_pair, close_pair, NULL),
	BENCH_WAKES(zmq, "ZeroMQ ipc", BENCH_PEER, NULL, open_pair, close_pair, NULL),
};
const struct bench_peer bench_zmq = { "ZeroMQ", contestants, BENCH_N(contestants) };
