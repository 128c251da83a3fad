/* SPDX-License-Identifier: MIT */

/* peer-boost.cc - Boost.Lockfree's queue and spsc_queue, of a fixed size, whole in shared memory */

#include <new>

#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>

#include "families.h"
#include "loops.h"

namespace {

template <typename T> using many = boost::lockfree::queue<T, boost::lockfree::capacity<BENCH_CAPACITY>>;
template <typename T>
using two = boost::lockfree::spsc_queue<T, boost::lockfree::capacity<BENCH_CAPACITY>>;

/* Two: there and back. */
template <typename Q> int create(struct bench_arena *arena, const struct bench_row *, void **ret)
{
	Q *const q = static_cast<Q *>(bench_alloc(arena, 2 * sizeof(Q), 128));

	new (&q[0]) Q();
	new (&q[1]) Q();
	*ret = q;
	return 0;
}

#define LOOP many_8
#define LOOP_BYTES 8
#define LOOP_OUT(own, i) (static_cast<many<bench_elem_8> *>(own) + (i))
#define LOOP_IN LOOP_OUT
#define LOOP_PUSH(q, e) (q)->bounded_push(*(e))
#define LOOP_POP(q, e) (q)->pop(*(e))
#include "loops.h"

#define LOOP many_64
#define LOOP_BYTES 64
#define LOOP_OUT(own, i) (static_cast<many<bench_elem_64> *>(own) + (i))
#define LOOP_IN LOOP_OUT
#define LOOP_PUSH(q, e) (q)->bounded_push(*(e))
#define LOOP_POP(q, e) (q)->pop(*(e))
#include "loops.h"

#define LOOP two_8
#define LOOP_BYTES 8
#define LOOP_OUT(own, i) (static_cast<two<bench_elem_8> *>(own) + (i))
#define LOOP_IN LOOP_OUT
#define LOOP_PUSH(q, e) (q)->push(*(e))
#define LOOP_POP(q, e) (q)->pop(*(e))
#define LOOP_PUSH_BULK(q, e, n) (q)->push(e, n)
#define LOOP_POP_BULK(q, e, n) (q)->pop(e, n)
#include "loops.h"

#define LOOP two_64
#define LOOP_BYTES 64
#define LOOP_OUT(own, i) (static_cast<two<bench_elem_64> *>(own) + (i))
#define LOOP_IN LOOP_OUT
#define LOOP_PUSH(q, e) (q)->push(*(e))
#define LOOP_POP(q, e) (q)->pop(*(e))
#define LOOP_PUSH_BULK(q, e, n) (q)->push(e, n)
#define LOOP_POP_BULK(q, e, n) (q)->pop(e, n)
#include "loops.h"

#define TABLE(macro, kind, prefix, name, bytes)                                                    \
	macro(kind, prefix##_##bytes, name, BENCH_PEER, bytes, create<prefix<bench_elem_##bytes>>, \
	      bench_open_shared, NULL, NULL)

const struct bench_contestant contestants[] = {
	TABLE(BENCH_LOOPS, "queue", many, "Boost.Lockfree queue", 8),
	TABLE(BENCH_LOOPS, "queue", many, "Boost.Lockfree queue", 64),
	TABLE(BENCH_LOOPS, "ring", two, "Boost.Lockfree spsc_queue", 8),
	TABLE(BENCH_LOOPS_BULK, "ring", two, "Boost.Lockfree spsc_queue", 8),
	TABLE(BENCH_LOOPS, "ring", two, "Boost.Lockfree spsc_queue", 64),
	TABLE(BENCH_LOOPS_BULK, "ring", two, "Boost.Lockfree spsc_queue", 64),
};

} // namespace

const struct bench_peer bench_boost = { "Boost.Lockfree", contestants, BENCH_N(contestants) };
