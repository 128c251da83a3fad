/* SPDX-License-Identifier: MIT */
#include <config.h>

/* peer-ck.c - Concurrency Kit's ring, between many and between two */

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wpointer-arith"
#pragma GCC diagnostic ignored "-Wundef"
#include <ck_ring.h>
#include "families.h"
#include "loops.h"

#define ALIGN 128

/* Elements of a size of one's own. */
CK_RING_PROTOTYPE(elem_8, bench_elem_8)
CK_RING_PROTOTYPE(elem_64, bench_elem_64)
#pragma GCC diagnostic pop

#define CK(bytes)                                                                                  \
	struct ck_##bytes {                                                                        \
		_Alignas(ALIGN) struct ck_ring ring;                                               \
		_Alignas(ALIGN) struct bench_elem_##bytes buffer[BENCH_CAPACITY];                  \
	};                                                                                         \
	static int create_##bytes(struct bench_arena *arena, const struct bench_row *row,          \
				  void **ret)                                                      \
	{                                                                                          \
		struct ck_##bytes *const r = bench_alloc(arena, 2 * sizeof(*r), ALIGN);            \
                                                                                                   \
		(void)row;                                                                         \
		ck_ring_init(&r[0].ring, BENCH_CAPACITY);                                          \
		ck_ring_init(&r[1].ring, BENCH_CAPACITY);                                          \
		*ret = r;                                                                          \
		return 0;                                                                          \
	}
CK(8)
CK(64)

#define LOOP mpmc_8
#define LOOP_BYTES 8
#define LOOP_OUT(own, i) ((struct ck_8 *)(own) + (i))
#define LOOP_IN LOOP_OUT
#define LOOP_PUSH(r, e) ck_ring_enqueue_mpmc_elem_8(&(r)->ring, (r)->buffer, e)
#define LOOP_POP(r, e) ck_ring_dequeue_mpmc_elem_8(&(r)->ring, (r)->buffer, e)
#include "loops.h"

#define LOOP spsc_8
#define LOOP_BYTES 8
#define LOOP_OUT(own, i) ((struct ck_8 *)(own) + (i))
#define LOOP_IN LOOP_OUT
#define LOOP_PUSH(r, e) ck_ring_enqueue_spsc_elem_8(&(r)->ring, (r)->buffer, e)
#define LOOP_POP(r, e) ck_ring_dequeue_spsc_elem_8(&(r)->ring, (r)->buffer, e)
#include "loops.h"

#define LOOP mpmc_64
#define LOOP_BYTES 64
#define LOOP_OUT(own, i) ((struct ck_64 *)(own) + (i))
#define LOOP_IN LOOP_OUT
#define LOOP_PUSH(r, e) ck_ring_enqueue_mpmc_elem_64(&(r)->ring, (r)->buffer, e)
#define LOOP_POP(r, e) ck_ring_dequeue_mpmc_elem_64(&(r)->ring, (r)->buffer, e)
#include "loops.h"

#define LOOP spsc_64
#define LOOP_BYTES 64
#define LOOP_OUT(own, i) ((struct ck_64 *)(own) + (i))
#define LOOP_IN LOOP_OUT
#define LOOP_PUSH(r, e) ck_ring_enqueue_spsc_elem_64(&(r)->ring, (r)->buffer, e)
#define LOOP_POP(r, e) ck_ring_dequeue_spsc_elem_64(&(r)->ring, (r)->buffer, e)
#include "loops.h"

#define TABLE(kind, prefix, name, bytes)                                                           \
	BENCH_LOOPS(kind, prefix, name, BENCH_PEER, bytes, create_##bytes, bench_open_shared, NULL, NULL)

static const struct bench_contestant contestants[] = {
	TABLE("queue", mpmc_8, "ck_ring MPMC", 8),
	TABLE("queue", mpmc_64, "ck_ring MPMC", 64),
	TABLE("ring", spsc_8, "ck_ring SPSC", 8),
	TABLE("ring", spsc_64, "ck_ring SPSC", 64),
};
const struct bench_peer bench_ck = { "Concurrency Kit", contestants, BENCH_N(contestants) };
