/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <shmreg.h>

#include "families.h"
#include "loops.h"

/* ring.c - one to one, elements of one size: the rows, and our ring in them */

#define ROW(measure, suffix, title, bytes, consumers, unit, ...)                                    \
	{                                                                                          \
		"ring-" suffix "-" #bytes, measure, title ", " #bytes " bytes", bytes, 1,          \
			consumers, unit, { __VA_ARGS__ }, 0, 0, 0                                  \
	}
#define BEST { BENCH_BEST_PEER, 1.0, 0, 0 }
#define ROWS(bytes)                                                                                \
	ROW("ring/solo", "solo", "push and pop by one process", bytes, 0, BENCH_NS, BEST),         \
	ROW("ring/ping", "ping", "round trip between two processes", bytes, 1, BENCH_NS, BEST),    \
	ROW("ring/latency", "latency", "round trips, each timed", bytes, 1, BENCH_NS,              \
	    { NULL, 0, 0, 0 }),                                                                    \
	ROW("ring/stream", "1to1", "1 producer, 1 consumer", bytes, 1, BENCH_RATE, BEST),          \
	ROW("ring/solo-bulk", "solo-bulk", "32 at once, by one process", bytes, 0, BENCH_NS, BEST), \
	ROW("ring/bulk", "bulk", "32 at once, 1 producer, 1 consumer", bytes, 1, BENCH_RATE, BEST)

static const struct bench_row rows[] = { ROWS(8), ROWS(64) };
const struct bench_family bench_ring = { "ring", rows, BENCH_N(rows) };

SHMREG_DEFINE_RING(ring_8, struct bench_elem_8);
SHMREG_DEFINE_RING(ring_64, struct bench_elem_64);

/* Two rings, there and back. Alone, a worker has both ends of the first. */
#define OURS(bytes)                                                                                \
	struct lanes_##bytes {                                                                     \
		struct ring_##bytes##_producer *out[2];                                            \
		struct ring_##bytes##_consumer *in[2];                                             \
	};                                                                                         \
	static int open_##bytes(struct bench_worker *w)                                            \
	{                                                                                          \
		static struct lanes_##bytes r;                                                     \
		struct shmreg_segment *const s = bench_segment(w);                                 \
		const int alone = w->n_workers == 1, producer = bench_is_producer(w);              \
                                                                                                   \
		if (producer)                                                                      \
			bench_ok(ring_##bytes##_producer_open_or_create(s, &r.out[0], "there",     \
									BENCH_CAPACITY),           \
				 "a ring");                                                        \
		else                                                                               \
			bench_ok(ring_##bytes##_producer_open_or_create(s, &r.out[1], "back",      \
									BENCH_CAPACITY),           \
				 "a ring");                                                        \
		if (alone || !producer)                                                            \
			bench_ok(ring_##bytes##_consumer_open_or_create(s, &r.in[0], "there",      \
									BENCH_CAPACITY),           \
				 "a ring");                                                        \
		else                                                                               \
			bench_ok(ring_##bytes##_consumer_open_or_create(s, &r.in[1], "back",       \
									BENCH_CAPACITY),           \
				 "a ring");                                                        \
		w->own = &r;                                                                       \
		return 0;                                                                          \
	}
OURS(8)
OURS(64)

static inline uint64_t positive(int64_t r)
{
	return r < 0 ? 0 : (uint64_t)r;
}

#define LOOP ours_8
#define LOOP_BYTES 8
#define LOOP_OUT(own, i) (((struct lanes_8 *)(own))->out[i])
#define LOOP_IN(own, i) (((struct lanes_8 *)(own))->in[i])
#define LOOP_PUSH(r, e) (ring_8_push(r, e) == 0)
#define LOOP_POP(r, e) (ring_8_pop(r, e) == 0)
#define LOOP_PUSH_BULK(r, e, n)                                                               \
	positive(ring_8_push_bulk(r, e, n, 1))
#define LOOP_POP_BULK(r, e, n) positive(ring_8_pop_bulk(r, e, n))
#include "loops.h"

#define LOOP ours_64
#define LOOP_BYTES 64
#define LOOP_OUT(own, i) (((struct lanes_64 *)(own))->out[i])
#define LOOP_IN(own, i) (((struct lanes_64 *)(own))->in[i])
#define LOOP_PUSH(r, e) (ring_64_push(r, e) == 0)
#define LOOP_POP(r, e) (ring_64_pop(r, e) == 0)
#define LOOP_PUSH_BULK(r, e, n)                                                               \
	positive(ring_64_push_bulk(r, e, n, 1))
#define LOOP_POP_BULK(r, e, n)                                                                \
	positive(ring_64_pop_bulk(r, e, n))
#include "loops.h"

static const struct bench_contestant ours[] = {
	BENCH_LOOPS("ring", ours_8, "shmreg ring", BENCH_OURS, 8, NULL, open_8, NULL, NULL),
	BENCH_LOOPS_BULK("ring", ours_8, "shmreg ring", BENCH_OURS, 8, NULL, open_8, NULL, NULL),
	BENCH_LOOPS("ring", ours_64, "shmreg ring", BENCH_OURS, 64, NULL, open_64, NULL, NULL),
	BENCH_LOOPS_BULK("ring", ours_64, "shmreg ring", BENCH_OURS, 64, NULL, open_64, NULL, NULL),
};
const struct bench_peer bench_shmreg_ring = { "shmreg", ours, BENCH_N(ours) };
