/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdbool.h>

#include <shmreg/pool.h>

#include "again.h"
#include "pool-bind.h"
#include "pool-keep.h"

/* See the argument in shmreg/pool-inline.h, to which labels refer. */

#define FANOUT SHMREG_POOL_FANOUT

static uint64_t full_bit(uint64_t i)
{
	return SHMREG_POOL_FULL << i % FANOUT;
}

static uint64_t look_bit(uint64_t i)
{
	return SHMREG_POOL_LOOK << i % FANOUT;
}

/* The bits of a hint's word that have something below them: @n in all, from @first on. */
static uint64_t full_bits(uint64_t n, uint64_t first)
{
	return n - first >= FANOUT ? SHMREG_POOL_FULL_MASK : (UINT64_C(1) << (n - first)) - 1;
}

static uint64_t group_end(const struct shmreg_pool *p, uint64_t g)
{
	const uint64_t end = (g + 1) * FANOUT;

	return end < p->capacity ? end : p->capacity;
}

static bool is_free(uint64_t w)
{
	return (w & SHMREG_POOL_STATE_MASK) == SHMREG_POOL_FREE;
}

/* Return: the hint's word with LOOK set for @i, in *ret_h; false: it is full, or never mind. */
static bool begin_look(uint64_t *word, uint64_t i, uint64_t *ret_h)
{
	uint64_t h = shmreg_load_seq_cst(word);						/* L */
	uint64_t look;

	if ((h & full_bit(i)) != 0)
		return false;
	if ((h & look_bit(i)) == 0) {
		look = (h | look_bit(i)) + SHMREG_POOL_LOOK_ONE;
		if (!shmreg_cas_seq_cst(word, &h, look))				/* L */
			return false;
		h = look;
	}
	*ret_h = h;
	return true;
}

static void end_look(uint64_t *word, uint64_t i, uint64_t h)
{
	/* A failure means that somebody released, or looks elsewhere: next time. */
	shmreg_cas_seq_cst(word, &h, (h & ~look_bit(i)) | full_bit(i));			/* F */
}

/* A search has found nothing in group @g: spare others the same. */
static void mark_full(struct shmreg_pool *p, uint64_t g)
{
	uint64_t *const word = &p->full[g / FANOUT];
	uint64_t h, i;

	if (!begin_look(word, g, &h))
		return;
	for (i = g * FANOUT; i < group_end(p, g); i++)
		if (is_free(shmreg_load_seq_cst(&p->owner[i])))
			return;
	end_look(word, g, h);
}

/* All groups of word @k of `full` are. */
static void mark_fuller(struct shmreg_pool *p, uint64_t k)
{
	uint64_t *const word = &p->fuller[k / FANOUT];
	const uint64_t all = full_bits(p->n_groups, k * FANOUT);
	uint64_t h;

	if (begin_look(word, k, &h) && (shmreg_load_seq_cst(&p->full[k]) & all) == all)
		end_look(word, k, h);
}

/* The first group from @g on of which it is not said that it is full; n_groups and more: none. */
static uint64_t next_open(struct shmreg_pool *p, uint64_t g)
{
	uint64_t k, h, all, open;

	while (g < p->n_groups) {
		/* seq_cst as the rest: who wakes us has cleared, and we look after it */
		k = g / FANOUT;
		h = shmreg_load_seq_cst(&p->fuller[k / FANOUT]);
		open = ~h & SHMREG_POOL_FULL_MASK & SHMREG_POOL_FULL_MASK << k % FANOUT;
		if (open == 0) {
			g = (k / FANOUT + 1) * FANOUT * FANOUT;
			continue;
		}
		if ((open & full_bit(k)) == 0) {
			k = k - k % FANOUT + (uint64_t)__builtin_ctzll(open);
			g = k * FANOUT;
			continue;
		}
		h = shmreg_load_seq_cst(&p->full[k]);
		all = full_bits(p->n_groups, k * FANOUT);
		open = ~h & all & all << g % FANOUT;
		if (open != 0)
			return k * FANOUT + (uint64_t)__builtin_ctzll(open);
		if ((h & all) == all)
			mark_fuller(p, k);
		g = (k + 1) * FANOUT;
	}
	return g;
}

/* Others work where this handle does: perhaps they came or went since the home was chosen. */
static void move_home(struct shmreg_pool *p)
{
	const uint64_t home = pool_home(p);

	if (home == p->home)
		return;
	p->home = home;
	p->extent = 1;
	p->cursor = home * FANOUT;
}

/*
 * Take up to @n objects from @i on, as far as they are in one group. The next search goes on
 * behind the last.
 *
 * Return: how many.
 */
static uint32_t take(struct shmreg_pool *p, uint64_t i, shmreg_pool_ref *refs, uint32_t n)
{
	const uint64_t group = i / FANOUT;
	const uint64_t chunk = group >> p->touched_shift;
	uint64_t *const touched = &shmreg_pool_shm_(p)->touched[chunk / 64 % SHMREG_POOL_TOUCHED];
	const uint64_t end = group_end(p, group);
	uint32_t got = 0;
	uint64_t w, next;

	/* Before the first word changes there, in program order: then it is true of the dead, too. */
	if ((shmreg_load_relaxed(touched) & UINT64_C(1) << chunk % 64) == 0)
		shmreg_fetch_or_acq_rel(touched, UINT64_C(1) << chunk % 64);
	for (; i < end && got < n; i++) {
		/* relaxed: only whether to try */
		w = shmreg_load_relaxed(&p->owner[i]);
		if (!is_free(w))
			continue;
		next = shmreg_pool_next_(w, p->claim);
		if (shmreg_cas_acq_rel(&p->owner[i], &w, next)) {			/* A */
			refs[got++] = shmreg_pool_ref_of(next, i);
			p->cursor = i + 1;
		}
	}
	return got;
}

/*
 * Groups are counted from home on, round the end of the pool: @from <= @to <= n_groups.
 *
 * Return: how many objects of them were taken, @n at most.
 */
static uint32_t search_part(struct shmreg_pool *p, uint64_t from, uint64_t to,
			    shmreg_pool_ref *refs, uint32_t n)
{
	uint64_t g, first, end, distance;
	uint32_t got = 0, here;

	while (from < to) {
		first = (p->home + from) % p->n_groups;
		end = to - from < p->n_groups - first ? first + (to - from) : p->n_groups;
		for (g = next_open(p, first); g < end; g = next_open(p, g + 1)) {
			here = take(p, g * FANOUT, refs + got, n - got);
			if (here == 0)
				mark_full(p, g);
			got += here;
			distance = from + (g - first);
			if (here > 0 && distance >= p->extent)
				p->extent = distance + 1;
			if (got == n)
				return got;
		}
		from += end - first;
	}
	return got;
}

/*
 * Where the last search ended, and round all groups that this handle was ever in; then the rest
 * of the pool. So groups are passed in turn and not each time, and what others use, or
 * nobody ever did, comes last.
 *
 * Return: how many were taken, @n at most.
 */
static uint32_t search(struct shmreg_pool *p, shmreg_pool_ref *refs, uint32_t n)
{
	uint64_t at = p->cursor / FANOUT;
	uint32_t got = 0;

	if (p->cursor % FANOUT != 0) {
		got = take(p, p->cursor, refs, n);
		at++;
	}
	at = (at + p->n_groups - p->home) % p->n_groups;
	if (at > p->extent)
		at = p->extent;
	if (got < n)
		got += search_part(p, at, p->extent, refs + got, n - got);
	if (got < n)
		got += search_part(p, 0, at, refs + got, n - got);
	if (got < n)
		got += search_part(p, p->extent, p->n_groups, refs + got, n - got);
	return got;
}

static int exhausted(struct shmreg_pool *p)
{
	shmreg_fetch_add_relaxed(&shmreg_pool_shm_(p)->n_exhausted, 1);	/* a number to look at */
	return handle_again(&p->handle);
}

/* What it released last, if that is still as it left it. */
static bool take_last(struct shmreg_pool *p, shmreg_pool_ref *ret)
{
	const uint64_t index = shmreg_pool_ref_index(p->last);
	const uint64_t next = shmreg_pool_next_(p->last, p->claim);
	uint64_t free = shmreg_pool_word_free(p->last);

	if (p->last == SHMREG_POOL_NONE)
		return false;
	p->last = SHMREG_POOL_NONE;
	if (!shmreg_cas_acq_rel(&p->owner[index], &free, next)) {			/* A */
		/* Others have taken it. */
		move_home(p);
		return false;
	}
	*ret = shmreg_pool_ref_of(next, index);
	return true;
}

uint32_t pool_search(struct shmreg_pool *p, shmreg_pool_ref *refs, uint32_t n)
{
	uint32_t got = 0;

	if (n > p->capacity)
		n = (uint32_t)p->capacity;
	if (n > 0 && p->kept)
		got = pool_keep_own(p, refs);
	if (got < n)
		got += take_last(p, refs + got);
	if (got < n)
		got += search(p, refs + got, n - got);
	/* Last, when nothing else was found: (I9). */
	if (got < n)
		got += pool_keep_others(p, refs + got, n - got);
	if (got > 0)
		pool_keep_acquired(p, refs[got - 1]);
	return got;
}

bool pool_has(struct shmreg_pool *p, uint32_t n)
{
	const uint32_t n_kept = pool_keep_count(p, n);
	uint64_t g, i;

	if (n_kept == n)
		return true;
	n -= n_kept;
	for (g = next_open(p, 0); g < p->n_groups; g = next_open(p, g + 1))
		for (i = g * FANOUT; i < group_end(p, g); i++)
			/* relaxed: only whether to try */
			if (is_free(shmreg_load_relaxed(&p->owner[i])) && --n == 0)
				return true;
	return false;
}

int shmreg_pool_acquire_search(struct shmreg_pool *p, shmreg_pool_ref *ret)
{
	shmreg_pool_ref ref;

	if (p->claim == 0)
		return handle_unusable(&p->handle);
	if (pool_search(p, &ref, 1) == 0)
		return exhausted(p);
	*ret = ref;
	return 0;
}

int shmreg_pool_acquire_batch(struct shmreg_pool *p, shmreg_pool_ref *refs, uint32_t n,
			      uint32_t min)
{
	uint32_t got;

	if (p->claim == 0)
		return handle_unusable(&p->handle);
	if (n == 0 && min == 0)
		return 0;
	if (min > n || min > p->capacity)
		return -EINVAL;
	if (min == 0)
		min = 1;
	got = pool_search(p, refs, n);
	if (got >= min)
		return (int)got;
	pool_put_back(p, refs, got, n);
	return exhausted(p);
}

extern inline int shmreg_pool_acquire(struct shmreg_pool *pool, shmreg_pool_ref *ret);
extern inline int shmreg_pool_acquire_init(struct shmreg_pool *pool, shmreg_pool_ref *ret,
					   const void *value);
extern inline int shmreg_pool_acquire_wait(struct shmreg_pool *pool, shmreg_pool_ref *ret,
					   const struct timespec *deadline);
extern inline int shmreg_pool_acquire_init_wait(struct shmreg_pool *pool, shmreg_pool_ref *ret,
						const void *value,
						const struct timespec *deadline);
