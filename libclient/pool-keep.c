/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pool-bind.h"
#include "pool-keep.h"

/* See "Keeping" in shmreg/pool-inline.h. */

/* Searches for which a handle that was recalled does not keep: each recall costs a membarrier. */
#define PATIENCE 64

/* What a keeper keeps, as far as another can see. */
struct kept {
	struct shmreg_pool_keeper *keeper;
	shmreg_pool_ref ref;
	uint64_t word;
};

/* Nothing is kept with the tag that it had. */
static void take_tag(struct shmreg_pool *p)
{
	const uint64_t n = shmreg_fetch_add_acq_rel(&shmreg_pool_shm_(p)->n_tags, 1) + 1;

	p->tag = n << SHMREG_POOL_TAG_SHIFT & SHMREG_POOL_TAG_MASK;
	p->keeps = SHMREG_POOL_KEPT | p->tag;
	shmreg_store_release(&p->keeper->recall, p->tag);					/* T */
}

static bool become_keeper(struct shmreg_pool *p)
{
	uint32_t i, at;
	uint64_t seat;

	for (i = 0; i < p->n_keepers; i++) {
		at = (p->handle.seat + i) % p->n_keepers;
		seat = shmreg_load_relaxed(&p->keepers[at].seat);
		if (seat == 0 && shmreg_cas_acq_rel(&p->keepers[at].seat, &seat, p->handle.seat)) {
			p->keeper = &p->keepers[at];
			take_tag(p);
			shmreg_fetch_or_acq_rel(&shmreg_pool_shm_(p)->keepers, UINT64_C(1) << at);
			return true;
		}
	}
	return false;
}

void pool_keep_acquired(struct shmreg_pool *p, shmreg_pool_ref ref)
{
	if (p->patience > 0)
		p->patience--;
	else if (p->keeper != NULL || become_keeper(p))
		pool_keep_set(p, ref);
	else
		p->patience = PATIENCE;
}

bool pool_keep_own(struct shmreg_pool *p, shmreg_pool_ref *ret)
{
	const shmreg_pool_ref ref = p->mine;
	uint64_t word = shmreg_pool_word_free(ref) | p->claim | p->keeps, next;
	bool got;

	p->kept = 0;
	p->mine = SHMREG_POOL_NONE;
	next = shmreg_pool_next_(ref, p->claim);
	shmreg_store_relaxed(&p->keeper->ref, SHMREG_POOL_NONE);
	got = shmreg_cas_acq_rel(p->mine_word, &word, next);				/* A */
	/* relaxed: what it says of, is over */
	if (shmreg_load_relaxed(&p->keeper->recall) != p->tag) {
		take_tag(p);
		p->patience = PATIENCE;
	}
	if (got)
		*ret = shmreg_pool_ref_of(next, shmreg_pool_ref_index(ref));
	return got;
}

/* Does keeper @at keep something? acquire: as the word of what is free */
static bool look_at(const struct shmreg_pool *p, uint32_t at, struct kept *ret)
{
	struct shmreg_pool_keeper *const keeper = &p->keepers[at];
	const shmreg_pool_ref ref = shmreg_load_acquire(&keeper->ref);
	const uint64_t index = shmreg_pool_ref_index(ref);
	uint64_t word;

	if (index >= p->capacity)
		return false;
	word = shmreg_load_acquire(&p->owner[index]);
	/* A ref that stayed behind may say what, all generations later, another keeps. */
	if ((word & SHMREG_POOL_STATE_MASK) != SHMREG_POOL_KEPT ||
	    shmreg_pool_ref_of(word, index) != ref ||
	    shmreg_pool_word_seat(word) != shmreg_load_acquire(&keeper->seat))
		return false;
	*ret = (struct kept){ .keeper = keeper, .ref = ref, .word = word };
	return true;
}

/* All that is kept, but by this handle; round from a place of its own, so that not one pays for all. */
static uint32_t look_round(const struct shmreg_pool *p, struct kept kept[SHMREG_POOL_KEEPERS_MAX])
{
	/* acquire: with what a new keeper has stored before */
	const uint64_t keepers = shmreg_load_acquire(&shmreg_pool_shm_(p)->keepers);
	uint32_t i, at, n = 0;

	for (i = 0; keepers != 0 && i < p->n_keepers; i++) {
		at = (p->handle.seat + i) % p->n_keepers;
		if ((keepers >> at & 1) != 0 && &p->keepers[at] != p->keeper &&
		    look_at(p, at, &kept[n]))
			n++;
	}
	return n;
}

/*
 * Recall @n of them, and take @want at most of what is still kept then. Return: how many, in
 * @refs.
 */
static uint32_t recall(struct shmreg_pool *p, struct kept *kept, uint32_t n,
		       shmreg_pool_ref *refs, uint32_t want)
{
	uint32_t i, got = 0;
	uint64_t next, index, recalled;

	for (i = 0; i < n; i++) {
		recalled = shmreg_fetch_or_acq_rel(&kept[i].keeper->recall, SHMREG_POOL_WANTED); /* W */
		if (((recalled ^ kept[i].word) & SHMREG_POOL_TAG_MASK) != 0)
			kept[i].keeper = NULL;		/* it is not this one that keeps it (any more) */
	}
	/* Fails only where it was forbidden: then what others keep cannot be had. */
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) != 0)		/* M */
		return 0;
	for (i = 0; i < n && got < want; i++) {
		if (kept[i].keeper == NULL)
			continue;
		if (shmreg_load_acquire(&kept[i].keeper->ref) != kept[i].ref)			/* K' */
			continue;
		index = shmreg_pool_ref_index(kept[i].ref);
		next = shmreg_pool_next_(kept[i].word, p->claim);
		if (shmreg_cas_acq_rel(&p->owner[index], &kept[i].word, next))			/* A */
			refs[got++] = shmreg_pool_ref_of(next, index);
	}
	return got;
}

uint32_t pool_keep_others(struct shmreg_pool *p, shmreg_pool_ref *refs, uint32_t n)
{
	struct kept kept[SHMREG_POOL_KEEPERS_MAX];
	const uint32_t n_kept = look_round(p, kept);
	uint32_t first = n < n_kept ? n : n_kept, got = 0;

	if (first > 0)
		got = recall(p, kept, first, refs, n);
	/* Some were taken by their keepers meanwhile: then all the others, for one membarrier. */
	if (got < n && first < n_kept)
		got += recall(p, kept + first, n_kept - first, refs + got, n - got);
	return got;
}

uint32_t pool_keep_count(const struct shmreg_pool *p, uint32_t most)
{
	const uint64_t keepers = shmreg_load_acquire(&shmreg_pool_shm_(p)->keepers);
	struct kept kept;
	uint32_t at, n = 0;

	for (at = 0; keepers != 0 && at < p->n_keepers && n < most; at++)
		n += (keepers >> at & 1) != 0 && look_at(p, at, &kept);
	return n;
}

void pool_keep_end(struct shmreg_pool *p)
{
	shmreg_pool_ref ref;
	uint64_t bit;

	if (p->keeper == NULL)
		return;
	if (p->kept && pool_keep_own(p, &ref))
		shmreg_pool_give_back_(p, shmreg_pool_ref_index(ref),
				       shmreg_pool_word_free(ref) | p->claim);
	bit = UINT64_C(1) << (p->keeper - p->keepers);
	shmreg_fetch_and_acq_rel(&shmreg_pool_shm_(p)->keepers, ~bit);
	/* The last: who finds it 0 is the next keeper there, and sets the bit again. */
	shmreg_store_release(&p->keeper->seat, 0);
	p->keeper = NULL;
	p->mine = SHMREG_POOL_NONE;
}
