/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <shmreg/compiler.h>
#include <shmreg/copy.h>

#include "families.h"
#include "loops.h"

/*
 * bare-values.c - the least that reading what may change meanwhile can be
 *
 * A sequence lock: a number, the value, and the number again. And a broadcast: as many of them
 * in a row, which one writes round and round and each reader follows by a number of its own.
 * Both are in order only as long as nobody dies: a lock that was left odd stops all readers, and who
 * is overtaken is not told of what it lost.
 */

#define CAPACITY 1024	/* as values.c */

struct bench_elem_1024 {
	uint64_t word[128];
};

#define BARE(bytes)                                                                                \
	struct bare_##bytes {                                                                      \
		_Alignas(64) uint64_t sequence;	/* twice the version; odd: being written */        \
		_Alignas(64) struct bench_elem_##bytes e;                                          \
	};                                                                                         \
	struct broadcast_##bytes {                                                                 \
		_Alignas(SHMREG_BLOCK) uint64_t tail;	/* the writer's */                         \
		_Alignas(SHMREG_BLOCK) uint64_t next;	/* the reader's */                         \
		_Alignas(SHMREG_BLOCK) uint64_t sequence[CAPACITY];                                \
		_Alignas(SHMREG_BLOCK) struct bench_elem_##bytes e[CAPACITY];                      \
	};                                                                                         \
	static inline void put_##bytes(uint64_t *sequence, struct bench_elem_##bytes *to,          \
				       const struct bench_elem_##bytes *from, uint64_t version)    \
	{                                                                                          \
		shmreg_store_relaxed(sequence, 2 * version - 1);                                   \
		shmreg_fence_release();                                                            \
		shmreg_copy_to_shared(to, from, sizeof(*to));                                      \
		shmreg_store_release(sequence, 2 * version);                                       \
	}                                                                                          \
	/* Return: true, if it was whole, and of @version or, if that is 0, of any. */             \
	static inline int get_##bytes(const uint64_t *sequence,                                    \
				      const struct bench_elem_##bytes *from,                       \
				      struct bench_elem_##bytes *to, uint64_t version)             \
	{                                                                                          \
		const uint64_t s = shmreg_load_acquire(sequence);                                  \
                                                                                                   \
		if (__builtin_expect(version != 0 ? s != 2 * version : s % 2 != 0, 0))             \
			return 0;                                                                  \
		shmreg_copy_from_shared(to, from, sizeof(*to));                                    \
		shmreg_fence_acquire();                                                            \
		return shmreg_equals_acquire(sequence, s);                                         \
	}                                                                                          \
	static int create_one_##bytes(struct bench_arena *arena, const struct bench_row *row,      \
				      void **ret)                                                  \
	{                                                                                          \
		struct bare_##bytes *const b = bench_alloc(arena, sizeof(*b), SHMREG_BLOCK);       \
		static const struct bench_elem_##bytes value = { .word = { 1 } };                  \
                                                                                                   \
		(void)row;                                                                         \
		put_##bytes(&b->sequence, &b->e, &value, 1);                                       \
		*ret = b;                                                                          \
		return 0;                                                                          \
	}                                                                                          \
	static uint64_t read_one_##bytes(struct bench_worker *w, uint64_t n)                       \
	{                                                                                          \
		const struct bare_##bytes *const b = w->own;                                       \
		struct bench_elem_##bytes value;                                                   \
		uint64_t i, wrong = 0;                                                             \
                                                                                                   \
		for (i = 0; i < n; i++) {                                                          \
			bench_check(get_##bytes(&b->sequence, &b->e, &value, 0), "read");          \
			bench_escape(&value);                                                      \
			wrong |= value.word[0] ^ 1;                                                \
		}                                                                                  \
		return wrong;                                                                      \
	}                                                                                          \
	static int create_many_##bytes(struct bench_arena *arena, const struct bench_row *row,     \
				       void **ret)                                                 \
	{                                                                                          \
		(void)row;                                                                         \
		*ret = bench_alloc(arena, sizeof(struct broadcast_##bytes), SHMREG_BLOCK);         \
		return 0;                                                                          \
	}                                                                                          \
	/* Half of it is written, which is not timed, and read, which is. */                       \
	static uint64_t read_many_##bytes(struct bench_worker *w, uint64_t n)                      \
	{                                                                                          \
		struct broadcast_##bytes *const b = w->own;                                        \
		struct bench_elem_##bytes value = { .word = { 1 } };                               \
		uint64_t i, p, begin, wrong = 0;                                                   \
                                                                                                   \
		for (; n > 0; n -= CAPACITY / 2) {                                                 \
			for (i = 0; i < CAPACITY / 2; i++) {                                       \
				p = b->tail % CAPACITY;                                            \
				bench_escape(&value);                                              \
				put_##bytes(&b->sequence[p], &b->e[p], &value,                     \
					    b->tail / CAPACITY + 1);                               \
				b->tail++;                                                         \
			}                                                                          \
			begin = bench_now();                                                       \
			for (i = 0; i < CAPACITY / 2; i++) {                                       \
				p = b->next % CAPACITY;                                            \
				bench_check(get_##bytes(&b->sequence[p], &b->e[p], &value,         \
							b->next / CAPACITY + 1),                   \
					    "read");                                               \
				b->next++;                                                         \
				bench_escape(&value);                                              \
				wrong |= value.word[0] ^ 1;                                        \
			}                                                                          \
			bench_record(w, (double)(bench_now() - begin) / (CAPACITY / 2));           \
		}                                                                                  \
		return wrong;                                                                      \
	}
BARE(64)
BARE(1024)

#define BOTH(bytes)                                                                                \
	{ "cell/read", "bare sequence lock", BENCH_LIMIT, bytes, create_one_##bytes,               \
	  bench_open_shared, read_one_##bytes, NULL, NULL },                                       \
	{ "topic/read", "bare broadcast", BENCH_LIMIT, bytes, create_many_##bytes,                 \
	  bench_open_shared, read_many_##bytes, NULL, NULL }
static const struct bench_contestant contestants[] = { BOTH(64), BOTH(1024) };
const struct bench_peer bench_bare_values = { "bare values", contestants, BENCH_N(contestants) };
