/* SPDX-License-Identifier: MIT */

/*
 * peer-readerwriterqueue.cc - moodycamel's ReaderWriterQueue, in the workers' shared memory
 *
 * It takes its memory by std::malloc() and nothing else can be told it. So the name means another
 * function while its header is read; what that includes is read before.
 */

#include <cassert>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "families.h"
#include "loops.h"

namespace {
struct bench_arena *memory;
}

namespace std {
static inline void *shared_malloc(size_t bytes)
{
	return bench_alloc(memory, bytes, 128);
}
static inline void shared_free(void *)
{
}
} // namespace std

#define malloc shared_malloc
#define free shared_free
#include <readerwriterqueue/readerwriterqueue.h>
#undef malloc
#undef free

namespace {

template <typename T> using queue = moodycamel::ReaderWriterQueue<T>;

template <typename T> int create(struct bench_arena *arena, const struct bench_row *, void **ret)
{
	queue<T> *const q = static_cast<queue<T> *>(bench_alloc(arena, 2 * sizeof(queue<T>), 128));

	memory = arena;
	new (&q[0]) queue<T>(BENCH_CAPACITY - 1);
	new (&q[1]) queue<T>(BENCH_CAPACITY - 1);
	*ret = q;
	return 0;
}

#define LOOP queue_8
#define LOOP_BYTES 8
#define LOOP_OUT(own, i) (static_cast<queue<bench_elem_8> *>(own) + (i))
#define LOOP_IN LOOP_OUT
#define LOOP_PUSH(q, e) (q)->try_enqueue(*(e))
#define LOOP_POP(q, e) (q)->try_dequeue(*(e))
#include "loops.h"

#define LOOP queue_64
#define LOOP_BYTES 64
#define LOOP_OUT(own, i) (static_cast<queue<bench_elem_64> *>(own) + (i))
#define LOOP_IN LOOP_OUT
#define LOOP_PUSH(q, e) (q)->try_enqueue(*(e))
#define LOOP_POP(q, e) (q)->try_dequeue(*(e))
#include "loops.h"

#define TABLE(bytes)                                                                               \
	BENCH_LOOPS("ring", queue_##bytes, "moodycamel ReaderWriterQueue", BENCH_PEER, bytes,      \
		    create<bench_elem_##bytes>, bench_open_shared, NULL, NULL)

const struct bench_contestant contestants[] = {
	TABLE(8),
	TABLE(64),
};

} // namespace

const struct bench_peer bench_readerwriterqueue = { "ReaderWriterQueue", contestants,
						    BENCH_N(contestants) };
