/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <string.h>

#include <shmreg/compiler.h>

#include "families.h"
#include "loops.h"

/*
 * bare-rings.c - the two ways to make a ring for one producer and one consumer, and nothing else
 *
 * Slots that say themselves whether they are full ("FastForward"): no index is shared. And two
 * indices of which each side keeps an old copy of the other's ("cached indices").
 */

#define FLAGS(bytes)                                                                               \
	struct slot_##bytes {                                                                      \
		uint64_t full;                                                                     \
		struct bench_elem_##bytes e;                                                       \
	};                                                                                         \
	struct flags_##bytes {                                                                     \
		_Alignas(SHMREG_BLOCK) uint64_t tail;	/* the producer's */                       \
		_Alignas(SHMREG_BLOCK) uint64_t head;	/* the consumer's */                       \
		_Alignas(SHMREG_BLOCK) struct slot_##bytes slots[BENCH_CAPACITY];                  \
	};                                                                                         \
	static inline int flags_push_##bytes(struct flags_##bytes *r,                              \
					     const struct bench_elem_##bytes *e)                   \
	{                                                                                          \
		struct slot_##bytes *const slot = &r->slots[r->tail % BENCH_CAPACITY];             \
                                                                                                   \
		if (shmreg_load_acquire(&slot->full))                                              \
			return 0;                                                                  \
		slot->e = *e;                                                                      \
		shmreg_store_release(&slot->full, 1);                                              \
		r->tail++;                                                                         \
		return 1;                                                                          \
	}                                                                                          \
	static inline int flags_pop_##bytes(struct flags_##bytes *r, struct bench_elem_##bytes *e) \
	{                                                                                          \
		struct slot_##bytes *const slot = &r->slots[r->head % BENCH_CAPACITY];             \
                                                                                                   \
		if (!shmreg_load_acquire(&slot->full))                                             \
			return 0;                                                                  \
		*e = slot->e;                                                                      \
		shmreg_store_release(&slot->full, 0);                                              \
		r->head++;                                                                         \
		return 1;                                                                          \
	}                                                                                          \
	static int create_flags_##bytes(struct bench_arena *arena, const struct bench_row *row,    \
					void **ret)                                                \
	{                                                                                          \
		(void)row;                                                                         \
		*ret = bench_alloc(arena, 2 * sizeof(struct flags_##bytes), SHMREG_BLOCK);         \
		return 0;                                                                          \
	}
FLAGS(64)

/* A word needs no flag beside it: 0 is empty, so the value plus 1 is stored. */
struct words {
	_Alignas(SHMREG_BLOCK) uint64_t tail;
	_Alignas(SHMREG_BLOCK) uint64_t head;
	_Alignas(SHMREG_BLOCK) uint64_t slots[BENCH_CAPACITY];
};

static inline int words_push(struct words *r, const struct bench_elem_8 *e)
{
	uint64_t *const slot = &r->slots[r->tail % BENCH_CAPACITY];

	if (shmreg_load_acquire(slot) != 0)
		return 0;
	shmreg_store_release(slot, e->word[0] + 1);
	r->tail++;
	return 1;
}

static inline int words_pop(struct words *r, struct bench_elem_8 *e)
{
	uint64_t *const slot = &r->slots[r->head % BENCH_CAPACITY];
	const uint64_t value = shmreg_load_acquire(slot);

	if (value == 0)
		return 0;
	e->word[0] = value - 1;
	shmreg_store_release(slot, 0);
	r->head++;
	return 1;
}

static int create_words(struct bench_arena *arena, const struct bench_row *row, void **ret)
{
	(void)row;
	*ret = bench_alloc(arena, 2 * sizeof(struct words), SHMREG_BLOCK);
	return 0;
}

#define INDICES(bytes)                                                                             \
	struct indices_##bytes {                                                                   \
		_Alignas(SHMREG_BLOCK) uint64_t tail;	/* by the producer, read by both */        \
		uint64_t head_seen;			/* the producer's */                       \
		_Alignas(SHMREG_BLOCK) uint64_t head;                                              \
		uint64_t tail_seen;                                                                \
		_Alignas(SHMREG_BLOCK) struct bench_elem_##bytes slots[BENCH_CAPACITY];            \
	};                                                                                         \
	static inline uint64_t indices_push_##bytes(struct indices_##bytes *r,                     \
						    const struct bench_elem_##bytes *e,            \
						    uint64_t n)                                    \
	{                                                                                          \
		const uint64_t t = shmreg_load_relaxed(&r->tail), at = t % BENCH_CAPACITY;         \
		uint64_t first;                                                                    \
                                                                                                   \
		if (t + n - r->head_seen > BENCH_CAPACITY) {                                       \
			r->head_seen = shmreg_load_acquire(&r->head);                              \
			if (n > BENCH_CAPACITY - (t - r->head_seen))                               \
				n = BENCH_CAPACITY - (t - r->head_seen);                           \
			if (n == 0)                                                                \
				return 0;                                                          \
		}                                                                                  \
		first = n < BENCH_CAPACITY - at ? n : BENCH_CAPACITY - at;                         \
		memcpy(&r->slots[at], e, first * sizeof(*e));                                      \
		if (first < n)                                                                     \
			memcpy(r->slots, e + first, (n - first) * sizeof(*e));                     \
		shmreg_store_release(&r->tail, t + n);                                             \
		return n;                                                                          \
	}                                                                                          \
	static inline uint64_t indices_pop_##bytes(struct indices_##bytes *r,                      \
						   struct bench_elem_##bytes *e, uint64_t n)       \
	{                                                                                          \
		const uint64_t h = shmreg_load_relaxed(&r->head), at = h % BENCH_CAPACITY;         \
		uint64_t first;                                                                    \
                                                                                                   \
		if (r->tail_seen - h < n) {                                                        \
			r->tail_seen = shmreg_load_acquire(&r->tail);                              \
			if (n > r->tail_seen - h)                                                  \
				n = r->tail_seen - h;                                              \
			if (n == 0)                                                                \
				return 0;                                                          \
		}                                                                                  \
		first = n < BENCH_CAPACITY - at ? n : BENCH_CAPACITY - at;                         \
		memcpy(e, &r->slots[at], first * sizeof(*e));                                      \
		if (first < n)                                                                     \
			memcpy(e + first, r->slots, (n - first) * sizeof(*e));                     \
		shmreg_store_release(&r->head, h + n);                                             \
		return n;                                                                          \
	}                                                                                          \
	/* One: an assignment. */                                                                  \
	static inline int indices_push_one_##bytes(struct indices_##bytes *r,                      \
						   const struct bench_elem_##bytes *e)             \
	{                                                                                          \
		const uint64_t t = shmreg_load_relaxed(&r->tail);                                  \
                                                                                                   \
		if (t - r->head_seen == BENCH_CAPACITY) {                                          \
			r->head_seen = shmreg_load_acquire(&r->head);                              \
			if (t - r->head_seen == BENCH_CAPACITY)                                    \
				return 0;                                                          \
		}                                                                                  \
		r->slots[t % BENCH_CAPACITY] = *e;                                                 \
		shmreg_store_release(&r->tail, t + 1);                                             \
		return 1;                                                                          \
	}                                                                                          \
	static inline int indices_pop_one_##bytes(struct indices_##bytes *r,                       \
						  struct bench_elem_##bytes *e)                    \
	{                                                                                          \
		const uint64_t h = shmreg_load_relaxed(&r->head);                                  \
                                                                                                   \
		if (r->tail_seen == h) {                                                           \
			r->tail_seen = shmreg_load_acquire(&r->tail);                              \
			if (r->tail_seen == h)                                                     \
				return 0;                                                          \
		}                                                                                  \
		*e = r->slots[h % BENCH_CAPACITY];                                                 \
		shmreg_store_release(&r->head, h + 1);                                             \
		return 1;                                                                          \
	}                                                                                          \
	static int create_indices_##bytes(struct bench_arena *arena, const struct bench_row *row,  \
					  void **ret)                                              \
	{                                                                                          \
		(void)row;                                                                         \
		*ret = bench_alloc(arena, 2 * sizeof(struct indices_##bytes), SHMREG_BLOCK);       \
		return 0;                                                                          \
	}
INDICES(8)
INDICES(64)

#define LOOP flags_8
#define LOOP_BYTES 8
#define LOOP_OUT(own, i) ((struct words *)(own) + (i))
#define LOOP_IN LOOP_OUT
#define LOOP_PUSH(r, e) words_push(r, e)
#define LOOP_POP(r, e) words_pop(r, e)
#include "loops.h"

#define LOOP flags_64
#define LOOP_BYTES 64
#define LOOP_OUT(own, i) ((struct flags_64 *)(own) + (i))
#define LOOP_IN LOOP_OUT
#define LOOP_PUSH(r, e) flags_push_64(r, e)
#define LOOP_POP(r, e) flags_pop_64(r, e)
#include "loops.h"

#define LOOP indices_8
#define LOOP_BYTES 8
#define LOOP_OUT(own, i) ((struct indices_8 *)(own) + (i))
#define LOOP_IN LOOP_OUT
#define LOOP_PUSH(r, e) indices_push_one_8(r, e)
#define LOOP_POP(r, e) indices_pop_one_8(r, e)
#define LOOP_PUSH_BULK(r, e, n) indices_push_8(r, e, n)
#define LOOP_POP_BULK(r, e, n) indices_pop_8(r, e, n)
#include "loops.h"

#define LOOP indices_64
#define LOOP_BYTES 64
#define LOOP_OUT(own, i) ((struct indices_64 *)(own) + (i))
#define LOOP_IN LOOP_OUT
#define LOOP_PUSH(r, e) indices_push_one_64(r, e)
#define LOOP_POP(r, e) indices_pop_one_64(r, e)
#define LOOP_PUSH_BULK(r, e, n) indices_push_64(r, e, n)
#define LOOP_POP_BULK(r, e, n) indices_pop_64(r, e, n)
#include "loops.h"

#define RING(prefix, name, bytes, create)                                                          \
	BENCH_LOOPS("ring", prefix, name, BENCH_PEER, bytes, create, bench_open_shared, NULL, NULL)
#define RING_BULK(prefix, name, bytes, create)                                                     \
	BENCH_LOOPS_BULK("ring", prefix, name, BENCH_PEER, bytes, create, bench_open_shared, NULL, NULL)

static const struct bench_contestant contestants[] = {
	RING(flags_8, "bare FastForward", 8, create_words),
	RING(flags_64, "bare FastForward", 64, create_flags_64),
	RING(indices_8, "bare cached indices", 8, create_indices_8),
	RING_BULK(indices_8, "bare cached indices", 8, create_indices_8),
	RING(indices_64, "bare cached indices", 64, create_indices_64),
	RING_BULK(indices_64, "bare cached indices", 64, create_indices_64),
};
const struct bench_peer bench_bare_rings = { "bare rings", contestants, BENCH_N(contestants) };
