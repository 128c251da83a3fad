/* SPDX-License-Identifier: MIT */

/* peer-interprocess.cc - Boost.Interprocess: its message queue, and its allocator as a pool */

#include <cstdio>
#include <new>
#include <unistd.h>

#include <boost/interprocess/indexes/null_index.hpp>
#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/interprocess/managed_external_buffer.hpp>

#include "families.h"
#include "messages.h"

namespace {

namespace ipc = boost::interprocess;

#define N_MESSAGES 64

void name_of(int pid, int lane, char (&ret)[64])
{
	snprintf(ret, sizeof(ret), "shmreg-bench-%d-%d", pid, lane);
}

struct lanes {
	ipc::message_queue *lane[2];
};

/* Made and opened before the fork; the names are gone at once. */
int create_queues(struct bench_arena *arena, const struct bench_row *row, void **ret)
{
	lanes *const l = static_cast<lanes *>(bench_alloc(arena, sizeof(lanes), 8));
	char name[64];

	for (int i = 0; i < 2; i++) {
		name_of(getpid(), i, name);
		l->lane[i] = new ipc::message_queue(ipc::create_only, name, N_MESSAGES, row->bytes);
		ipc::message_queue::remove(name);
	}
	*ret = l;
	return 0;
}

void destroy_queues(void *shared)
{
	for (ipc::message_queue *q : static_cast<lanes *>(shared)->lane)
		delete q;
}

int open_shared(struct bench_worker *w)
{
	w->own = w->shared;
	return 0;
}

inline void queue_send(void *own, int lane, const void *data, size_t bytes)
{
	static_cast<lanes *>(own)->lane[lane]->send(data, bytes, 0);
}

inline void queue_receive(void *own, int lane, void *data, size_t bytes)
{
	ipc::message_queue::size_type got;
	unsigned int priority;

	static_cast<lanes *>(own)->lane[lane]->receive(data, bytes, got, priority);
	bench_check(got == bytes, "another size");
}
BENCH_MESSAGES_STREAM(queue, queue_send, queue_receive)
BENCH_MESSAGES_WAKE(queue, queue_send, queue_receive)

/* Its best-fit allocator, with a mutex between processes, as it comes. */
using memory = ipc::basic_managed_external_buffer<
	char, ipc::rbtree_best_fit<ipc::mutex_family>, ipc::null_index>;
constexpr size_t BYTES = 1 << 20;

int create_memory(struct bench_arena *arena, const struct bench_row *, void **ret)
{
	*ret = new memory(ipc::create_only, bench_alloc(arena, BYTES, 128), BYTES);
	return 0;
}

uint64_t allocate(struct bench_worker *w, uint64_t n)
{
	memory *const m = static_cast<memory *>(w->own);

	for (uint64_t i = 0; i < n / w->n_workers; i++) {
		void *const p = m->allocate(64, std::nothrow);

		bench_check(p != NULL, "no memory");
		bench_escape(p);
		m->deallocate(p);
	}
	return 0;
}

void destroy_memory(void *shared)
{
	delete static_cast<memory *>(shared);
}

const struct bench_contestant contestants[] = {
	BENCH_MESSAGES(queue, "Boost.Interprocess queue", BENCH_PEER, create_queues, open_shared,
		       NULL, destroy_queues),
	BENCH_WAKES(queue, "Boost.Interprocess queue", BENCH_PEER, create_queues, open_shared, NULL,
		    destroy_queues),
	{ "pool/solo", "Boost.Interprocess allocator", BENCH_PEER, 64, create_memory, open_shared,
	  allocate, NULL, destroy_memory },
};

} // namespace

const struct bench_peer bench_interprocess = { "Boost.Interprocess", contestants,
					       BENCH_N(contestants) };
