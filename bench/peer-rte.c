/* SPDX-License-Identifier: MIT */
#include <config.h>

/* peer-rte.c - DPDK's rte_ring, between many and between two */

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wpointer-arith"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include "families.h"
#include "loops.h"

#define ALIGN 128

#define RTE(bytes)                                                                                 \
	struct rte_##bytes {                                                                       \
		_Alignas(ALIGN) struct rte_ring ring;                                              \
		struct bench_elem_##bytes slots[BENCH_CAPACITY];	/* where rte_ring has them */ \
	};                                                                                         \
	_Static_assert(offsetof(struct rte_##bytes, slots) == sizeof(struct rte_ring), "slots");   \
	static int create_##bytes(struct bench_arena *arena, enum rte_ring_sync_type sync,         \
				  void **ret)                                                      \
	{                                                                                          \
		struct rte_##bytes *const r = bench_alloc(arena, 2 * sizeof(*r), ALIGN);           \
                                                                                                   \
		init(&r[0].ring, sync);                                                            \
		init(&r[1].ring, sync);                                                            \
		*ret = r;                                                                          \
		return 0;                                                                          \
	}                                                                                          \
	static int create_many_##bytes(struct bench_arena *arena, const struct bench_row *row,     \
				       void **ret)                                                 \
	{                                                                                          \
		(void)row;                                                                         \
		return create_##bytes(arena, RTE_RING_SYNC_MT, ret);                               \
	}                                                                                          \
	static int create_two_##bytes(struct bench_arena *arena, const struct bench_row *row,      \
				      void **ret)                                                  \
	{                                                                                          \
		(void)row;                                                                         \
		return create_##bytes(arena, RTE_RING_SYNC_ST, ret);                               \
	}

/* What rte_ring_init() does: that wants the whole of DPDK's environment to be linked. */
static void init(struct rte_ring *r, enum rte_ring_sync_type sync)
{
	r->flags = sync == RTE_RING_SYNC_ST ? RING_F_SP_ENQ | RING_F_SC_DEQ : 0;
	r->size = BENCH_CAPACITY;
	r->mask = BENCH_CAPACITY - 1;
	r->capacity = BENCH_CAPACITY - 1;
	r->prod.sync_type = sync;
	r->cons.sync_type = sync;
}
RTE(8)
RTE(64)

/* The size of an element is a constant, so that the copy is inline. */
#define LOOP many_8
#define LOOP_BYTES 8
#define LOOP_OUT(own, i) (&((struct rte_8 *)(own))[i].ring)
#define LOOP_IN LOOP_OUT
#define LOOP_PUSH(r, e) (rte_ring_mp_enqueue_elem(r, e, 8) == 0)
#define LOOP_POP(r, e) (rte_ring_mc_dequeue_elem(r, e, 8) == 0)
#define LOOP_PUSH_BULK(r, e, n) rte_ring_mp_enqueue_burst_elem(r, e, 8, n, NULL)
#define LOOP_POP_BULK(r, e, n) rte_ring_mc_dequeue_burst_elem(r, e, 8, n, NULL)
#include "loops.h"

#define LOOP two_8
#define LOOP_BYTES 8
#define LOOP_OUT(own, i) (&((struct rte_8 *)(own))[i].ring)
#define LOOP_IN LOOP_OUT
#define LOOP_PUSH(r, e) (rte_ring_sp_enqueue_elem(r, e, 8) == 0)
#define LOOP_POP(r, e) (rte_ring_sc_dequeue_elem(r, e, 8) == 0)
#define LOOP_PUSH_BULK(r, e, n) rte_ring_sp_enqueue_burst_elem(r, e, 8, n, NULL)
#define LOOP_POP_BULK(r, e, n) rte_ring_sc_dequeue_burst_elem(r, e, 8, n, NULL)
#include "loops.h"

#define LOOP many_64
#define LOOP_BYTES 64
#define LOOP_OUT(own, i) (&((struct rte_64 *)(own))[i].ring)
#define LOOP_IN LOOP_OUT
#define LOOP_PUSH(r, e) (rte_ring_mp_enqueue_elem(r, e, 64) == 0)
#define LOOP_POP(r, e) (rte_ring_mc_dequeue_elem(r, e, 64) == 0)
#define LOOP_PUSH_BULK(r, e, n)                                                               \
	rte_ring_mp_enqueue_burst_elem(r, e, 64, n, NULL)
#define LOOP_POP_BULK(r, e, n)                                                                \
	rte_ring_mc_dequeue_burst_elem(r, e, 64, n, NULL)
#include "loops.h"

#define LOOP two_64
#define LOOP_BYTES 64
#define LOOP_OUT(own, i) (&((struct rte_64 *)(own))[i].ring)
#define LOOP_IN LOOP_OUT
#define LOOP_PUSH(r, e) (rte_ring_sp_enqueue_elem(r, e, 64) == 0)
#define LOOP_POP(r, e) (rte_ring_sc_dequeue_elem(r, e, 64) == 0)
#define LOOP_PUSH_BULK(r, e, n)                                                               \
	rte_ring_sp_enqueue_burst_elem(r, e, 64, n, NULL)
#define LOOP_POP_BULK(r, e, n)                                                                \
	rte_ring_sc_dequeue_burst_elem(r, e, 64, n, NULL)
#include "loops.h"
#pragma GCC diagnostic pop

#define TABLE(kind, prefix, name, bytes)                                                           \
	BENCH_LOOPS(kind, prefix##_##bytes, name, BENCH_PEER, bytes, create_##prefix##_##bytes,    \
		    bench_open_shared, NULL, NULL),                                                \
	BENCH_LOOPS_BULK(kind, prefix##_##bytes, name, BENCH_PEER, bytes,                          \
			 create_##prefix##_##bytes, bench_open_shared, NULL, NULL)

static const struct bench_contestant contestants[] = {
	TABLE("queue", many, "rte_ring MP/MC", 8),
	TABLE("queue", many, "rte_ring MP/MC", 64),
	TABLE("ring", two, "rte_ring SP/SC", 8),
	TABLE("ring", two, "rte_ring SP/SC", 64),
};
const struct bench_peer bench_rte = { "DPDK", contestants, BENCH_N(contestants) };
