/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <iceoryx_binding_c/log.h>
#include <iceoryx_binding_c/publisher.h>
#include <iceoryx_binding_c/runtime.h>
#include <iceoryx_binding_c/subscriber.h>

#include "families.h"
#include "messages.h"

/*
 * peer-iceoryx.c - iceoryx with its daemon, a publisher who waits for the subscriber
 *
 * Chunks are filled and read in shared memory as they are meant to be: one copy on each side.
 */

struct daemon {
	pid_t pid;
};

static int create_daemon(struct bench_arena *arena, const struct bench_row *row, void **ret)
{
	struct daemon *const d = bench_alloc(arena, sizeof(*d), 8);
	const pid_t parent = getpid();
	const struct timespec soon = { .tv_nsec = 300000000 };
	pid_t pid;
	int null;

	(void)row;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		null = open("/dev/null", O_RDWR);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execlp("iox-roudi", "iox-roudi", (char *)NULL);
		_exit(127);
	}
	/* Its clients wait for it; this only finds out whether there is such a program. */
	nanosleep(&soon, NULL);
	if (waitpid(pid, NULL, WNOHANG) == pid)
		return -ENOENT;
	d->pid = pid;
	*ret = d;
	return 0;
}

static void destroy_daemon(void *shared)
{
	const struct daemon *const d = shared;

	kill(d->pid, SIGTERM);
	waitpid(d->pid, NULL, 0);
}

struct end {
	iox_pub_storage_t pub_storage;
	iox_sub_storage_t sub_storage;
	iox_pub_t pub;
	iox_sub_t sub;
};

static int open_end(struct bench_worker *w)
{
	static struct end e;
	iox_pub_options_t pub_options;
	iox_sub_options_t sub_options;
	char name[64];
	uint32_t spins = 0;

	snprintf(name, sizeof(name), "bench-%d", (int)getpid());
	iox_set_loglevel(Iceoryx_LogLevel_Off);
	iox_runtime_init(name);
	if (bench_is_producer(w)) {
		iox_pub_options_init(&pub_options);
		pub_options.subscriberTooSlowPolicy = ConsumerTooSlowPolicy_WAIT_FOR_CONSUMER;
		e.pub = iox_pub_init(&e.pub_storage, "bench", "stream", w->row->name, &pub_options);
		while (!iox_pub_has_subscribers(e.pub))
			bench_relax(&spins);
	} else {
		iox_sub_options_init(&sub_options);
		sub_options.queueCapacity = 256;
		sub_options.queueFullPolicy = QueueFullPolicy_BLOCK_PRODUCER;
		e.sub = iox_sub_init(&e.sub_storage, "bench", "stream", w->row->name, &sub_options);
		while (iox_sub_get_subscription_state(e.sub) != SubscribeState_SUBSCRIBED)
			bench_relax(&spins);
	}
	w->own = &e;
	return 0;
}

static void close_end(struct bench_worker *w)
{
	struct end *const e = w->own;

	if (bench_is_producer(w))
		iox_pub_deinit(e->pub);
	else
		iox_sub_deinit(e->sub);
	iox_runtime_shutdown();
}

static inline void chunk_send(void *own, int lane, const void *data, size_t bytes)
{
	struct end *const e = own;
	uint32_t spins = 0;
	void *chunk;

	(void)lane;
	while (iox_pub_loan_chunk(e->pub, &chunk, (uint32_t)bytes) != AllocationResult_SUCCESS)
		bench_relax(&spins);
	memcpy(chunk, data, bytes);
	iox_pub_publish_chunk(e->pub, chunk);
}

static inline void chunk_receive(void *own, int lane, void *data, size_t bytes)
{
	struct end *const e = own;
	uint32_t spins = 0;
	const void *chunk;

	(void)lane;
	while (iox_sub_take_chunk(e->sub, &chunk) != ChunkReceiveResult_SUCCESS)
		bench_relax(&spins);
	memcpy(data, chunk, bytes);
	iox_sub_release_chunk(e->sub, chunk);
}
BENCH_MESSAGES_STREAM(chunk, chunk_send, chunk_receive)

static const struct bench_contestant contestants[] = {
	BENCH_MESSAGES(chunk, "iceoryx", BENCH_PEER, create_daemon, open_end, close_end,
		       destroy_daemon),
};
const struct bench_peer bench_iceoryx = { "iceoryx", contestants, BENCH_N(contestants) };
