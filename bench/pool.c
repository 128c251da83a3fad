/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdlib.h>

#include <shmreg.h>

#include "families.h"

/*
 * pool.c - acquire an object of 64 bytes and release it: the rows, our pool in them, and what is
 * nearest to it: a tagged Treiber list of free objects, and malloc()
 */

#define CAPACITY 1024
#define TREIBER "tagged Treiber list"
#define MALLOC "glibc malloc"

static const struct bench_row rows[] = {
	{ "pool-solo", "pool/solo", "acquire and release, one process", 64, 1, 0, BENCH_NS,
	  { { TREIBER, 0.65, 0, 0 }, { MALLOC, 0.8, 0, 0 } }, 0, 0, 0 },
	{ "pool-two", "pool/solo", "acquire and release, two processes", 64, 2, 0, BENCH_NS,
	  { { TREIBER, 0.15, 0, 0 } }, 0, 0, 0 },
	{ "pool-four", "pool/solo", "acquire and release, four processes", 64, 4, 0, BENCH_NS,
	  { { NULL, 0, 0, 0 } }, 0, 0, 0 },
	{ "pool-full", "pool/full", "acquire and release, 90 % in use", 64, 1, 0, BENCH_NS,
	  { { "shmreg pool, empty", 1.5, 0, 0 } }, 0, 0, 0 },
};
const struct bench_family bench_pool = { "pool", rows, BENCH_N(rows) };

struct object {
	uint64_t word[8];
};
SHMREG_DEFINE_POOL(objects, struct object);

static int open_pool(struct bench_worker *w)
{
	static struct objects *pool;

	if (!pool)
		bench_ok(objects_open_or_create(bench_segment(w), &pool, "empty", CAPACITY), "a pool");
	w->own = pool;
	return 0;
}

static int open_full(struct bench_worker *w)
{
	static struct objects *pool;
	shmreg_pool_ref ref;
	int i;

	bench_ok(objects_open_or_create(bench_segment(w), &pool, "full", CAPACITY), "a pool");
	for (i = 0; i < CAPACITY * 9 / 10; i++)
		bench_ok(objects_acquire(pool, &ref), "acquire");
	w->own = pool;
	return 0;
}

static uint64_t pool_work(struct bench_worker *w, uint64_t n)
{
	struct objects *const pool = w->own;
	shmreg_pool_ref ref;
	uint64_t i;

	n /= w->n_workers;
	for (i = 0; i < n; i++) {
		bench_check(objects_acquire(pool, &ref) == 0, "no free object");
		bench_escape(&ref);
		bench_check(objects_release(pool, ref) == 0, "it cannot be given back");
	}
	return 0;
}

/* The head: a count of changes above the index of the first free object, plus 1; 0: none. */
struct treiber {
	_Alignas(SHMREG_BLOCK) uint64_t head;
	_Alignas(SHMREG_BLOCK) uint32_t next[CAPACITY];
	_Alignas(SHMREG_BLOCK) struct object objects[CAPACITY];
};

static int create_treiber(struct bench_arena *arena, const struct bench_row *row, void **ret)
{
	struct treiber *const t = bench_alloc(arena, sizeof(*t), SHMREG_BLOCK);
	uint32_t i;

	(void)row;
	for (i = 0; i < CAPACITY; i++)
		t->next[i] = i;
	t->head = CAPACITY;
	*ret = t;
	return 0;
}

static int open_treiber(struct bench_worker *w)
{
	w->own = w->shared;
	return 0;
}

static inline uint32_t treiber_acquire(struct treiber *t)
{
	uint64_t head = shmreg_load_acquire(&t->head), first, next;

	do {
		first = head & UINT32_MAX;
		if (first == 0)
			return 0;
		next = shmreg_load_relaxed(&t->next[first - 1]);
	} while (!shmreg_cas_acq_rel(&t->head, &head, (head & ~(uint64_t)UINT32_MAX) +
						       (UINT64_C(1) << 32) + next));
	return (uint32_t)first;
}

static inline void treiber_release(struct treiber *t, uint32_t first)
{
	uint64_t head = shmreg_load_relaxed(&t->head);

	do {
		shmreg_store_relaxed(&t->next[first - 1], (uint32_t)head);
	} while (!shmreg_cas_acq_rel(&t->head, &head, (head & ~(uint64_t)UINT32_MAX) +
						       (UINT64_C(1) << 32) + first));
}

static uint64_t treiber_work(struct bench_worker *w, uint64_t n)
{
	struct treiber *const t = w->own;
	uint64_t i;
	uint32_t ref;

	n /= w->n_workers;
	for (i = 0; i < n; i++) {
		ref = treiber_acquire(t);
		bench_check(ref != 0, "no free object");
		bench_escape(&ref);
		treiber_release(t, ref);
	}
	return 0;
}

static int open_malloc(struct bench_worker *w)
{
	w->own = NULL;
	return 0;
}

static uint64_t malloc_work(struct bench_worker *w, uint64_t n)
{
	uint64_t i;
	void *p;

	n /= w->n_workers;
	for (i = 0; i < n; i++) {
		p = malloc(sizeof(struct object));
		bench_check(p != NULL, "no memory");
		bench_escape(p);
		free(p);
	}
	return 0;
}

static const struct bench_contestant contestants[] = {
	{ "pool/solo", "shmreg pool", BENCH_OURS, 64, NULL, open_pool, pool_work, NULL, NULL },
	{ "pool/solo", MALLOC, BENCH_PEER, 64, NULL, open_malloc, malloc_work, NULL, NULL },
	{ "pool/solo", TREIBER, BENCH_LIMIT, 64, create_treiber, open_treiber, treiber_work, NULL, NULL },
	{ "pool/full", "shmreg pool, 90 % in use", BENCH_OURS, 64, NULL, open_full, pool_work, NULL,
	  NULL },
	{ "pool/full", "shmreg pool, empty", BENCH_LIMIT, 64, NULL, open_pool, pool_work, NULL, NULL },
};
const struct bench_peer bench_shmreg_pool = { "shmreg", contestants, BENCH_N(contestants) };
