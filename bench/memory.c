/* SPDX-License-Identifier: MIT */
#define SHMREG_DEBUG 0	/* as a program is built that is to be fast: no checks of indices */
#include <config.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <shmreg.h>

#include "families.h"

/* memory.c - arrays and atomics: plain memory, so nothing may be dearer than plain memory */

#define LENGTH (UINT64_C(1) << 14)	/* elements of an array: 128 KiB, in nobody's L1 */

#define ROW(name, measure, title, against, bytes)                                                  \
	{                                                                                          \
		name, measure, title, bytes, 1, 0, BENCH_NS, { { against, BENCH_SAME, 0, 0 } },    \
			LENGTH, 0, 0                                                               \
	}
static const struct bench_row rows[] = {
	ROW("array-read-in-order", "array/read", "element by element, each read", "heap", 8),
	ROW("array-write-in-order", "array/write", "element by element, each written", "heap", 8),
	ROW("array-read-random", "array/read-random", "anywhere, read", "heap", 8),
	ROW("array-write-random", "array/write-random", "anywhere, written", "heap", 8),
	ROW("atomic-load", "atomic/load", "load, acquire", "C11 atomic", 8),
	ROW("atomic-store", "atomic/store", "store, release", "C11 atomic", 8),
	ROW("atomic-add", "atomic/add", "fetch_add, relaxed", "C11 atomic", 8),
	ROW("atomic-exchange", "atomic/cas", "compare_exchange, acq_rel", "C11 atomic", 8),
};
const struct bench_family bench_memory = { "memory", rows, BENCH_N(rows) };

SHMREG_DEFINE_ARRAY(numbers, uint64_t);
SHMREG_DEFINE_ATOMIC(counter, uint64_t);

/* Written before it is read: pages that never were are all one and the same. */
static void fill(uint64_t *a)
{
	uint64_t i;

	for (i = 0; i < LENGTH; i++)
		a[i] = i;
	bench_escape(a);
}

static int open_numbers(struct bench_worker *w)
{
	static struct numbers *a;

	if (!a)
		bench_ok(numbers_open_or_create(bench_segment(w), &a, "numbers", LENGTH), "an array");
	fill(numbers_data(a));
	w->own = a;
	return 0;
}

static int open_heap(struct bench_worker *w)
{
	static uint64_t *a;

	if (!a && !(a = calloc(LENGTH, sizeof(*a))))
		return -ENOMEM;
	fill(a);
	w->own = a;
	return 0;
}

/* The same loops for both; AT(i) is the element. */
#define ARRAY_LOOPS(prefix, type, AT)                                                              \
	static uint64_t prefix##_read(struct bench_worker *w, uint64_t n)                          \
	{                                                                                          \
		type *const a = w->own;                                                            \
		uint64_t i, sum = 0;                                                               \
                                                                                                   \
		for (; n > 0; n -= LENGTH) {                                                       \
			for (i = 0; i < LENGTH; i++)                                               \
				sum += AT(a, i);                                                   \
			bench_use(sum);                                                            \
		}                                                                                  \
		return 0;                                                                          \
	}                                                                                          \
	static uint64_t prefix##_write(struct bench_worker *w, uint64_t n)                         \
	{                                                                                          \
		type *const a = w->own;                                                            \
		uint64_t i;                                                                        \
                                                                                                   \
		for (; n > 0; n -= LENGTH) {                                                       \
			for (i = 0; i < LENGTH; i++)                                               \
				AT(a, i) = i + n;                                                  \
			bench_escape(a);                                                           \
		}                                                                                  \
		return AT(a, LENGTH - 1) - (LENGTH - 1) - LENGTH;                                  \
	}                                                                                          \
	static uint64_t prefix##_read_random(struct bench_worker *w, uint64_t n)                   \
	{                                                                                          \
		type *const a = w->own;                                                            \
		uint64_t i, x = 1, sum = 0;                                                        \
                                                                                                   \
		for (i = 0; i < n; i++) {                                                          \
			x = x * UINT64_C(6364136223846793005) + 1442695040888963407;               \
			sum += AT(a, x >> 50);                                                     \
		}                                                                                  \
		bench_use(sum);                                                                    \
		return 0;                                                                          \
	}                                                                                          \
	static uint64_t prefix##_write_random(struct bench_worker *w, uint64_t n)                  \
	{                                                                                          \
		type *const a = w->own;                                                            \
		uint64_t i, x = 1;                                                                 \
                                                                                                   \
		for (i = 0; i < n; i++) {                                                          \
			x = x * UINT64_C(6364136223846793005) + 1442695040888963407;               \
			AT(a, x >> 50) = i;                                                        \
		}                                                                                  \
		bench_escape(a);                                                                   \
		return 0;                                                                          \
	}
#define NUMBERS_AT(a, i) (*numbers_at(a, i))
#define HEAP_AT(a, i) ((a)[i])
ARRAY_LOOPS(ours, struct numbers, NUMBERS_AT)
ARRAY_LOOPS(heap, uint64_t, HEAP_AT)

static int open_counter(struct bench_worker *w)
{
	static struct counter *a;

	if (!a)
		bench_ok(counter_open_or_create(bench_segment(w), &a, "counter"), "an atomic");
	w->own = a;
	return 0;
}

/* As its contract says where nothing may come on top: the address is asked for once. */
static int open_cell(struct bench_worker *w)
{
	open_counter(w);
	w->own = counter_cell(w->own);
	return 0;
}

static int create_c11(struct bench_arena *arena, const struct bench_row *row, void **ret)
{
	(void)row;
	*ret = bench_alloc(arena, sizeof(_Atomic uint64_t), 128);
	return 0;
}

static int open_c11(struct bench_worker *w)
{
	w->own = w->shared;
	return 0;
}

#define ATOMIC_LOOPS(prefix, type, LOAD, STORE, ADD, CAS)                                          \
	static uint64_t prefix##_load(struct bench_worker *w, uint64_t n)                          \
	{                                                                                          \
		type *const a = w->own;                                                            \
		uint64_t i, sum = 0;                                                               \
                                                                                                   \
		for (i = 0; i < n; i++)                                                            \
			sum += LOAD(a);                                                            \
		bench_use(sum);                                                                    \
		return 0;                                                                          \
	}                                                                                          \
	static uint64_t prefix##_store(struct bench_worker *w, uint64_t n)                         \
	{                                                                                          \
		type *const a = w->own;                                                            \
		uint64_t i;                                                                        \
                                                                                                   \
		for (i = 0; i < n; i++)                                                            \
			STORE(a, i);                                                               \
		return LOAD(a) - (n - 1);                                                          \
	}                                                                                          \
	static uint64_t prefix##_add(struct bench_worker *w, uint64_t n)                           \
	{                                                                                          \
		type *const a = w->own;                                                            \
		uint64_t i;                                                                        \
                                                                                                   \
		STORE(a, 0);                                                                       \
		for (i = 0; i < n; i++)                                                            \
			ADD(a);                                                                    \
		return LOAD(a) - n;                                                                \
	}                                                                                          \
	static uint64_t prefix##_cas(struct bench_worker *w, uint64_t n)                           \
	{                                                                                          \
		type *const a = w->own;                                                            \
		uint64_t i, expected;                                                              \
                                                                                                   \
		STORE(a, 0);                                                                       \
		for (i = 0; i < n; i++) {                                                          \
			expected = i;                                                              \
			bench_check(CAS(a, &expected, i + 1), "nobody else stores there");         \
		}                                                                                  \
		return LOAD(a) - n;                                                                \
	}
#define OUR_CAS(a, expected, value) counter_compare_exchange_acq_rel(a, expected, value)
#define OUR_ADD(a) counter_fetch_add_relaxed(a, 1)
#define C11_LOAD(a) atomic_load_explicit(a, memory_order_acquire)
#define C11_STORE(a, value) atomic_store_explicit(a, value, memory_order_release)
#define C11_ADD(a) atomic_fetch_add_explicit(a, 1, memory_order_relaxed)
#define C11_CAS(a, expected, value)                                                                \
	atomic_compare_exchange_strong_explicit(a, expected, value, memory_order_acq_rel,          \
						memory_order_acquire)
ATOMIC_LOOPS(ours, struct counter, counter_load_acquire, counter_store_release, OUR_ADD, OUR_CAS)
#define CELL_CAS(a, expected, value) shmreg_atomic64_compare_exchange_acq_rel(a, expected, value)
#define CELL_ADD(a) shmreg_atomic64_fetch_add_relaxed(a, 1)
ATOMIC_LOOPS(cell, uint64_t, shmreg_atomic64_load_acquire, shmreg_atomic64_store_release, CELL_ADD,
	     CELL_CAS)
ATOMIC_LOOPS(c11, _Atomic uint64_t, C11_LOAD, C11_STORE, C11_ADD, C11_CAS)

#define ARRAY(measure, op)                                                                         \
	{ "array/" measure, "shmreg array", BENCH_OURS, 8, NULL, open_numbers, ours_##op, NULL, NULL }, \
	{ "array/" measure, "heap", BENCH_LIMIT, 8, NULL, open_heap, heap_##op, NULL, NULL }
#define ATOMIC(op)                                                                                 \
	{ "atomic/" #op, "shmreg atomic", BENCH_OURS, 8, NULL, open_cell, cell_##op, NULL, NULL },  \
	{ "atomic/" #op, "shmreg atomic, by its handle", BENCH_OURS, 8, NULL, open_counter,        \
	  ours_##op, NULL, NULL },                                                                 \
	{ "atomic/" #op, "C11 atomic", BENCH_LIMIT, 8, create_c11, open_c11, c11_##op, NULL, NULL }

static const struct bench_contestant contestants[] = {
	ARRAY("read", read),
	ARRAY("write", write),
	ARRAY("read-random", read_random),
	ARRAY("write-random", write_random),
	ATOMIC(load),
	ATOMIC(store),
	ATOMIC(add),
	ATOMIC(cas),
};
const struct bench_peer bench_shmreg_memory = { "shmreg", contestants, BENCH_N(contestants) };
