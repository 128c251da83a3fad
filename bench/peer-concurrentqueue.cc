/* SPDX-License-Identifier: MIT */

/*
 * peer-concurrentqueue.cc - moodycamel's ConcurrentQueue, with a token for each worker
 *
 * Its memory comes from the workers' shared memory, and it may not have more than the others, so it
 * is bounded as they are. It is no queue between many: each producer's elements are in order, but
 * not those of two.
 */

#include <cstdlib>
#include <new>

#include <concurrentqueue/concurrentqueue.h>

#include "families.h"
#include "loops.h"

namespace {

struct bench_arena *memory;

struct traits : moodycamel::ConcurrentQueueDefaultTraits {
	static const size_t MAX_SUBQUEUE_SIZE = BENCH_CAPACITY;
	static void *malloc(size_t bytes)
	{
		return bench_alloc(memory, bytes, 128);
	}
	static void free(void *)
	{
	}
};

template <typename T> struct lane {
	using queue = moodycamel::ConcurrentQueue<T, traits>;
	queue *q;
	moodycamel::ProducerToken *in;
	moodycamel::ConsumerToken *out;
};

template <typename T> int create(struct bench_arena *arena, const struct bench_row *, void **ret)
{
	using queue = typename lane<T>::queue;
	queue *const q = static_cast<queue *>(bench_alloc(arena, 2 * sizeof(queue), 128));

	memory = arena;
	/* Blocks enough that nothing is allocated later. */
	new (&q[0]) queue(16 * BENCH_CAPACITY);
	new (&q[1]) queue(16 * BENCH_CAPACITY);
	*ret = q;
	return 0;
}

template <typename T> int open(struct bench_worker *w)
{
	auto *const lanes = new lane<T>[2];

	for (int i = 0; i < 2; i++) {
		lanes[i].q = static_cast<typename lane<T>::queue *>(w->shared) + i;
		lanes[i].in = new moodycamel::ProducerToken(*lanes[i].q);
		lanes[i].out = new moodycamel::ConsumerToken(*lanes[i].q);
	}
	w->own = lanes;
	return 0;
}

template <typename T> inline bool push(const lane<T> &l, const T *e)
{
	return l.q->try_enqueue(*l.in, *e);
}

template <typename T> inline bool pop(const lane<T> &l, T *e)
{
	return l.q->try_dequeue(*l.out, *e);
}

template <typename T> inline uint32_t push_bulk(const lane<T> &l, const T *e, uint32_t n)
{
	return l.q->try_enqueue_bulk(*l.in, e, n) ? n : 0;
}

template <typename T> inline uint32_t pop_bulk(const lane<T> &l, T *e, uint32_t n)
{
	return static_cast<uint32_t>(l.q->try_dequeue_bulk(*l.out, e, n));
}

#define LOOP queue_8
#define LOOP_BYTES 8
#define LOOP_OUT(own, i) (static_cast<lane<bench_elem_8> *>(own)[i])
#define LOOP_IN LOOP_OUT
#define LOOP_PUSH push
#define LOOP_POP pop
#define LOOP_PUSH_BULK push_bulk
#define LOOP_POP_BULK pop_bulk
#include "loops.h"

#define LOOP queue_64
#define LOOP_BYTES 64
#define LOOP_OUT(own, i) (static_cast<lane<bench_elem_64> *>(own)[i])
#define LOOP_IN LOOP_OUT
#define LOOP_PUSH push
#define LOOP_POP pop
#define LOOP_PUSH_BULK push_bulk
#define LOOP_POP_BULK pop_bulk
#include "loops.h"

#define TABLE(macro, bytes)                                                                        \
	macro("queue", queue_##bytes, "moodycamel ConcurrentQueue", BENCH_PEER, bytes,             \
	      create<bench_elem_##bytes>, open<bench_elem_##bytes>, NULL, NULL)

const struct bench_contestant contestants[] = {
	TABLE(BENCH_LOOPS, 8),
	TABLE(BENCH_LOOPS_BULK, 8),
	TABLE(BENCH_LOOPS, 64),
	TABLE(BENCH_LOOPS_BULK, 64),
};

} // namespace

const struct bench_peer bench_concurrentqueue = { "ConcurrentQueue", contestants,
						  BENCH_N(contestants) };
