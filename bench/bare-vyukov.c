/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <shmreg/compiler.h>

#include "families.h"
#include "loops.h"

/*
 * bare-vyukov.c - a bounded queue as Dmitry Vyukov described it, and nothing else
 *
 * Each slot has a sequence number: its position when it may be filled, and one more when it may be
 * taken. No crash safety, no roles, no waiting: what a queue of this kind costs at least.
 */

#define BARE(bytes)                                                                                \
	struct slot_##bytes {                                                                      \
		uint64_t sequence;                                                                 \
		struct bench_elem_##bytes e;                                                       \
	};                                                                                         \
	struct bare_##bytes {                                                                      \
		_Alignas(SHMREG_BLOCK) uint64_t tail;                                              \
		_Alignas(SHMREG_BLOCK) uint64_t head;                                              \
		_Alignas(SHMREG_BLOCK) struct slot_##bytes slots[BENCH_CAPACITY];                  \
	};                                                                                         \
	static inline int bare_push_##bytes(struct bare_##bytes *q,                                \
					    const struct bench_elem_##bytes *e)                    \
	{                                                                                          \
		uint64_t pos = shmreg_load_relaxed(&q->tail), found;                               \
		struct slot_##bytes *slot;                                                         \
                                                                                                   \
		for (;;) {                                                                         \
			slot = &q->slots[pos % BENCH_CAPACITY];                                    \
			found = shmreg_load_acquire(&slot->sequence);                              \
			if (found == pos) {                                                        \
				if (shmreg_cas_relaxed(&q->tail, &pos, pos + 1))                   \
					break;                                                     \
			} else if ((int64_t)(found - pos) < 0) {                                   \
				return 0;                                                          \
			} else {                                                                   \
				pos = shmreg_load_relaxed(&q->tail);                               \
			}                                                                          \
		}                                                                                  \
		slot->e = *e;                                                                      \
		shmreg_store_release(&slot->sequence, pos + 1);                                    \
		return 1;                                                                          \
	}                                                                                          \
	static inline int bare_pop_##bytes(struct bare_##bytes *q, struct bench_elem_##bytes *e)   \
	{                                                                                          \
		uint64_t pos = shmreg_load_relaxed(&q->head), found;                               \
		struct slot_##bytes *slot;                                                         \
                                                                                                   \
		for (;;) {                                                                         \
			slot = &q->slots[pos % BENCH_CAPACITY];                                    \
			found = shmreg_load_acquire(&slot->sequence);                              \
			if (found == pos + 1) {                                                    \
				if (shmreg_cas_relaxed(&q->head, &pos, pos + 1))                   \
					break;                                                     \
			} else if ((int64_t)(found - pos - 1) < 0) {                               \
				return 0;                                                          \
			} else {                                                                   \
				pos = shmreg_load_relaxed(&q->head);                               \
			}                                                                          \
		}                                                                                  \
		*e = slot->e;                                                                      \
		shmreg_store_release(&slot->sequence, pos + BENCH_CAPACITY);                       \
		return 1;                                                                          \
	}                                                                                          \
	static int create_##bytes(struct bench_arena *arena, const struct bench_row *row,          \
				  void **ret)                                                      \
	{                                                                                          \
		struct bare_##bytes *const q = bench_alloc(arena, 2 * sizeof(*q), SHMREG_BLOCK);   \
		uint64_t i;                                                                        \
                                                                                                   \
		(void)row;                                                                         \
		for (i = 0; i < BENCH_CAPACITY; i++)                                               \
			q[0].slots[i].sequence = q[1].slots[i].sequence = i;                       \
		*ret = q;                                                                          \
		return 0;                                                                          \
	}
BARE(8)
BARE(64)

#define LOOP vyukov_8
#define LOOP_BYTES 8
#define LOOP_OUT(own, i) ((struct bare_8 *)(own) + (i))
#define LOOP_IN LOOP_OUT
#define LOOP_PUSH(r, e) bare_push_8(r, e)
#define LOOP_POP(r, e) bare_pop_8(r, e)
#include "loops.h"

#define LOOP vyukov_64
#define LOOP_BYTES 64
#define LOOP_OUT(own, i) ((struct bare_64 *)(own) + (i))
#define LOOP_IN LOOP_OUT
#define LOOP_PUSH(r, e) bare_push_64(r, e)
#define LOOP_POP(r, e) bare_pop_64(r, e)
#include "loops.h"

static const struct bench_contestant contestants[] = {
	BENCH_LOOPS("queue", vyukov_8, "bare Vyukov", BENCH_LIMIT, 8, create_8, bench_open_shared,
		    NULL, NULL),
	BENCH_LOOPS("queue", vyukov_64, "bare Vyukov", BENCH_LIMIT, 64, create_64, bench_open_shared,
		    NULL, NULL),
};
const struct bench_peer bench_vyukov = { "bare Vyukov", contestants, BENCH_N(contestants) };
