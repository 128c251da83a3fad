/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <shmreg.h>

#include "families.h"
#include "loops.h"

/* queue.c - many to many: the rows, and our queue in them */

#define ROW(measure, suffix, title, bytes, producers, consumers, unit, ...)                         \
	{                                                                                          \
		"queue-" suffix "-" #bytes, measure, title ", " #bytes " bytes", bytes, producers, \
			consumers, unit, { __VA_ARGS__ }, 0, 0, 0                                  \
	}
#define ROWS(bytes)                                                                                \
	ROW("queue/solo", "solo", "push and pop by one process", bytes, 1, 0, BENCH_NS,            \
	    { BENCH_BEST_PEER, 1.0, 0, 0 }, { "bare Vyukov", 1.1, 0, 0 }),                         \
	ROW("queue/ping", "ping", "round trip between two processes", bytes, 1, 1, BENCH_NS,       \
	    { "bare cache lines", 1.15, 0, 0 }),                                                   \
	ROW("queue/latency", "latency", "round trips, each timed", bytes, 1, 1, BENCH_NS,          \
	    { NULL, 0, 0, 0 }),                                                                    \
	ROW("queue/stream", "1to1", "1 producer, 1 consumer", bytes, 1, 1, BENCH_RATE,             \
	    { BENCH_BEST_PEER, 1.0, 0, 0 }),                                                       \
	ROW("queue/stream", "2to2", "2 producers, 2 consumers", bytes, 2, 2, BENCH_RATE,           \
	    { BENCH_BEST_PEER, 1.0, 0, 0 }),                                                       \
	ROW("queue/stream", "4to4", "4 producers, 4 consumers", bytes, 4, 4, BENCH_RATE,           \
	    { BENCH_BEST_PEER, 1.0, 0, 0 }),                                                       \
	ROW("queue/solo-bulk", "solo-bulk", "32 at once, by one process", bytes, 1, 0, BENCH_NS,   \
	    { "rte_ring MP/MC", 1.0, 0, 0 }),                                                      \
	ROW("queue/bulk", "bulk-1to1", "32 at once, 1 producer, 1 consumer", bytes, 1, 1,          \
	    BENCH_RATE, { "rte_ring MP/MC", 1.0, 0, 0 }),                                          \
	ROW("queue/bulk", "bulk-2to2", "32 at once, 2 producers, 2 consumers", bytes, 2, 2,        \
	    BENCH_RATE, { "rte_ring MP/MC", 1.0, 0, 0 })

static const struct bench_row rows[] = { ROWS(8), ROWS(64) };
const struct bench_family bench_queue = { "queue", rows, BENCH_N(rows) };

SHMREG_DEFINE_QUEUE(queue_8, struct bench_elem_8);
SHMREG_DEFINE_QUEUE(queue_64, struct bench_elem_64);

/* Two queues: there and back. */
struct lanes_8 {
	struct queue_8 *lane[2];
};
struct lanes_64 {
	struct queue_64 *lane[2];
};

#define OPEN(bytes)                                                                                \
	static int open_##bytes(struct bench_worker *w)                                            \
	{                                                                                          \
		static struct lanes_##bytes q;                                                     \
		struct shmreg_segment *const s = bench_segment(w);                                 \
                                                                                                   \
		bench_ok(queue_##bytes##_open_or_create(s, &q.lane[0], "there", BENCH_CAPACITY, 0), \
			 "a queue");                                                               \
		bench_ok(queue_##bytes##_open_or_create(s, &q.lane[1], "back", BENCH_CAPACITY, 0), \
			 "a queue");                                                               \
		w->own = &q;                                                                       \
		return 0;                                                                          \
	}
OPEN(8)
OPEN(64)

#define LOOP ours_8
#define LOOP_BYTES 8
#define LOOP_OUT(own, i) (((struct lanes_8 *)(own))->lane[i])
#define LOOP_IN(own, i) (((struct lanes_8 *)(own))->lane[i])
#define LOOP_PUSH(q, e) (queue_8_push(q, e) == 0)
#define LOOP_POP(q, e) (queue_8_pop(q, e) == 0)
#define LOOP_PUSH_BULK(q, e, n) positive(queue_8_push_batch(q, e, n, 1))
#define LOOP_POP_BULK(q, e, n) positive(queue_8_pop_batch(q, e, n))

static inline int positive(int r)
{
	return r < 0 ? 0 : r;
}
#include "loops.h"

#define LOOP ours_64
#define LOOP_BYTES 64
#define LOOP_OUT(own, i) (((struct lanes_64 *)(own))->lane[i])
#define LOOP_IN(own, i) (((struct lanes_64 *)(own))->lane[i])
#define LOOP_PUSH(q, e) (queue_64_push(q, e) == 0)
#define LOOP_POP(q, e) (queue_64_pop(q, e) == 0)
#define LOOP_PUSH_BULK(q, e, n) positive(queue_64_push_batch(q, e, n, 1))
#define LOOP_POP_BULK(q, e, n) positive(queue_64_pop_batch(q, e, n))
#include "loops.h"

static const struct bench_contestant ours[] = {
	BENCH_LOOPS("queue", ours_8, "shmreg queue", BENCH_OURS, 8, NULL, open_8, NULL, NULL),
	BENCH_LOOPS_BULK("queue", ours_8, "shmreg queue", BENCH_OURS, 8, NULL, open_8, NULL, NULL),
	BENCH_LOOPS("queue", ours_64, "shmreg queue", BENCH_OURS, 64, NULL, open_64, NULL, NULL),
	BENCH_LOOPS_BULK("queue", ours_64, "shmreg queue", BENCH_OURS, 64, NULL, open_64, NULL, NULL),
};
const struct bench_peer bench_shmreg_queue = { "shmreg", ours, BENCH_N(ours) };
