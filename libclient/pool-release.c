/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdbool.h>

#include <shmreg/pool.h>

#include "again.h"
#include "pool-bind.h"
#include "pool-hints.h"
#include "pool-keep.h"
#include "segment.h"

/* See the argument in shmreg/pool-inline.h, to which labels refer. */

void shmreg_pool_clear_hints(struct shmreg_pool *p, uint64_t index)
{
	pool_clear_hints(p->full, p->fuller, index);
}

/* Is the seat one of this participant? acquire: what it may have done before it got there. */
static bool is_ours(const struct shmreg_pool *p, uint32_t seat)
{
	const struct shmreg_segment *s = p->handle.segment;

	if (seat == p->handle.seat)
		return true;
	return s != NULL && shmreg_load_acquire(&shmreg_dir_seats(s->dir)[seat]) ==
				    (s->participant << SHMREG_SEAT_PARTICIPANT_SHIFT |
				     SHMREG_SEAT_LIVE);
}

/* What a reference is good for. Return: 0 an object is held, word in *ret_w; as pool.h says. */
static int judge(const struct shmreg_pool *p, shmreg_pool_ref ref, uint64_t *ret_w)
{
	const uint64_t index = shmreg_pool_ref_index(ref);
	uint64_t w;

	if (p->handle.base == NULL)
		return -ECHILD;
	if (index >= p->capacity || (ref & SHMREG_POOL_GENERATION_MASK) == 0)
		return -EINVAL;
	w = shmreg_load_acquire(&p->owner[index]);					/* A */
	switch (w & SHMREG_POOL_STATE_MASK) {
	case SHMREG_POOL_FREE:
		return -ESTALE;
	case SHMREG_POOL_HELD:
		if (shmreg_pool_word_seat(w) == 0 ||
		    w != shmreg_pool_word_held(w, shmreg_pool_word_seat(w)))
			return -EUCLEAN;
		*ret_w = w;
		return ((w ^ ref) & SHMREG_POOL_GENERATION_MASK) != 0 ? -ESTALE : 0;
	case SHMREG_POOL_SENT:
		return ((w ^ ref) & SHMREG_POOL_GENERATION_MASK) != 0 ? -ESTALE : -EBUSY;
	default:
		/* KEPT */
		return shmreg_pool_word_seat(w) != 0 ? -ESTALE : -EUCLEAN;
	}
}

int pool_judge_ours(const struct shmreg_pool *p, shmreg_pool_ref ref, uint64_t *ret_w)
{
	int r;

	if (p->claim == 0)
		return handle_unusable(&p->handle);
	r = judge(p, ref, ret_w);
	if (r == 0 && !is_ours(p, shmreg_pool_word_seat(*ret_w)))
		return -EPERM;
	return r;
}

/*
 * Times that an object that is found to be held by this participant may turn out to be held
 * by another handle of it, each time having been sent and received in between.
 */
#define MOVED_MAX 8

/* All of a release but to wake. */
static int release(struct shmreg_pool *p, shmreg_pool_ref ref)
{
	uint64_t w;
	int r, i;

	for (i = 0; i < MOVED_MAX; i++) {
		r = pool_judge_ours(p, ref, &w);
		if (r < 0)
			return r;
		if (shmreg_pool_free_(p, shmreg_pool_ref_index(ref), w)) {
			p->last = ref;
			return 0;
		}
	}
	return -EBUSY;
}

int shmreg_pool_release_other(struct shmreg_pool *p, shmreg_pool_ref ref)
{
	const uint64_t index = shmreg_pool_ref_index(ref);
	const uint64_t word = shmreg_pool_word_free(ref) | p->claim;
	int r;

	/* relaxed: if it is so, this handle has done it */
	if (index < p->capacity && p->claim != 0 && shmreg_load_relaxed(&p->owner[index]) == word) {
		if (pool_keep_may(p)) {
			pool_keep_set(p, ref);
			shmreg_pool_keep_(p, ref, word);
			return 0;
		}
		if (shmreg_pool_give_back_(p, index, word)) {
			p->last = ref;
			return 0;
		}
	}
	r = release(p, ref);
	if (r == 0)
		shmreg_pool_wake_(p, shmreg_pool_shm_(p), 1);
	return r;
}

int shmreg_pool_release_batch(struct shmreg_pool *p, const shmreg_pool_ref *refs, uint32_t n)
{
	uint32_t i, n_free = 0;
	int r, first = 0;

	if (p->claim == 0)
		return handle_unusable(&p->handle);
	for (i = 0; i < n; i++) {
		r = release(p, refs[i]);
		if (r == 0)
			n_free++;
		else if (first == 0)
			first = r;
	}
	if (n_free > 0)
		shmreg_pool_wake_(p, shmreg_pool_shm_(p), n_free);
	return first;
}

void pool_put_back(struct shmreg_pool *p, shmreg_pool_ref *refs, uint32_t got, uint32_t n)
{
	uint32_t i;

	shmreg_pool_release_batch(p, refs, got);
	for (i = 0; i < n; i++)
		refs[i] = SHMREG_POOL_NONE;
}

void *shmreg_pool_get_other(struct shmreg_pool *p, shmreg_pool_ref ref)
{
	uint64_t w;

	if (pool_judge_ours(p, ref, &w) < 0)
		return NULL;
	return p->elems + (size_t)shmreg_pool_ref_index(ref) * p->stride;
}

int shmreg_pool_check(struct shmreg_pool *p, shmreg_pool_ref ref)
{
	uint64_t w;

	return pool_judge_ours(p, ref, &w);
}

int shmreg_pool_owner(const struct shmreg_pool *p, shmreg_pool_ref ref)
{
	uint64_t w;
	const int r = judge(p, ref, &w);

	return r < 0 ? r : (int)shmreg_pool_word_seat(w);
}

extern inline int shmreg_pool_release(struct shmreg_pool *pool, shmreg_pool_ref ref);
extern inline void *shmreg_pool_get(struct shmreg_pool *pool, shmreg_pool_ref ref);
