/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_POOL_INLINE_H
#define SHMREG_POOL_INLINE_H

/*
 * shmreg/pool-inline.h - why the pool is correct, and its hot path
 *
 * Words are those of <shmreg/abi/pool.h>.
 *
 * Ownership.
 *
 *   (I1) An object's word is all there is to say about it, and changes by
 *	  compare-and-swap only, but where a handle releases to itself, and
 *	  acquires that again: see below. So at every instruction an object is free, or
 *	  one seat's, or one slot's.
 *   (I2) From FREE anybody may take it; from HELD only the seat's participant may
 *	  move it, or the reaper when the seat is dead; from SENT only who claimed
 *	  the slot, or the reaper. KEPT is free: its handle may take it, anybody who
 *	  has recalled it, and the reaper when the seat is dead.
 *   (I3) A generation is raised from FREE to HELD, and nowhere else. So a word that
 *	  is HELD, with a generation and a seat, means one acquisition; a reference
 *	  has the generation of its own.
 *
 *   A: acquire, compare-and-swap FREE or KEPT -> HELD (acq_rel)  pairs with  R: release, HELD
 *	-> FREE (seq_cst, so release too): what the last holder did with the object is
 *	visible to the next. From R on words change by RMW only, so it does not matter
 *	whose R. What is KEPT is published by K (release), which K' (acquire) sees.
 *
 * Death. A killed process has executed a prefix of its operations, of which A and R are
 * each one store: what it holds is said by the words, and repair (pool-repair.c) has
 * nothing to finish, only words to free.
 *
 * Keeping. Most often a handle acquires what it released, which nobody else asked for. Then
 * both are plain stores, and it is who else wants the object that makes the fence.
 *
 *	its handle, acquiring			another, who found nothing else
 *						  r = keeper's ref, w = word of that: KEPT, tag t
 *	keeper's ref = 0		(K)	  recall |= WANTED; its tag is not t: no	(W)
 *						  membarrier				(M)
 *	recall is WANTED, or has another	  keeper's ref is not r: no			(K')
 *	tag than what is kept: slow	(W')
 *	word = HELD					  compare-and-swap w -> HELD		(A)
 *
 *	its handle, releasing: word = KEPT with the tag of `recall` (R), then keeper's ref
 *	slow:	compare-and-swap KEPT -> HELD (A), which fails if another was faster; then,
 *		if recall was WANTED, recall = a new tag, which nothing has yet	(T)
 *
 *   (I6) Only its handle acts on a word that is KEPT, but who recalls with A and the reaper; and on
 *	  one that is HELD by its seat, as one thread at a time gives a reference back or sends
 *	  it, but the reaper. So its plain stores, R from HELD, and HELD from KEPT,
 *	  could destroy another's word only in the second case: another's A comes between
 *	  W' and the store.
 *   (I7) That is not so. W found tag t, so the keeper is the one that keeps it: a ref that was
 *	  left behind may name what another keeps when the generations have gone round, but no two
 *	  have one tag. A succeeds from w, of tag t. What has that tag was kept before T, which
 *	  comes when w is gone for ever. So T, which alone takes WANTED away, did not come
 *	  between W and A; and W', which found tag t without WANTED, read before W. So W' was not
 *	  behind the barrier that M put into its thread, (N1) of shmreg/wake.h. So K was before
 *	  that barrier, and K' sees it, or what came after it: never r again, which has the
 *	  generation of w. So K' does not let A happen. (If generations went round
 *	  meanwhile, w and r were as if no time had passed.)
 *   (I8) Who died anywhere in this leaves nothing half-done: the word says HELD or KEPT
 *	  of a dead seat, and the reaper frees both. WANTED of who died costs one slow
 *	  acquire. That an object is KEPT and in no keeper's ref is so while its handle is
 *	  between two stores; or is dead.
 *   (I9) Who finds nothing FREE, and then nothing KEPT, may say -EAGAIN. An object that was KEPT
 *	  when the search passed its word, and then was not in the keeper's ref, or not to be
 *	  had, was acquired in between: by its handle or another. For from KEPT it becomes
 *	  FREE in no other way, but for repair, and a handle that is closed acquires it first. Hints
 *	  count it as held, so R to KEPT needs no C.
 *
 *	K and R are stores that nobody needs to see at once: others who do not see
 *	them find an object held whose release is not known to them; M comes before anything
 *	that depends on it. Who releases cannot know whether his reference is released
 *	by another thread of his at the same time: that is a mistake that may cost others
 *	what they hold, as a store to what one does not hold does.
 *
 * Hints. A search passes over what FULL says is full, and must not say -EAGAIN when an
 * object was free all the time. A process may be stopped anywhere in a search or
 * a release, for ever, and that must not mislead the others either. So:
 *
 *   L: before a group's words are read for that purpose, LOOK is set, by
 *	compare-and-swap, and `looks begun` is raised with it; or LOOK was found set.
 *	Let h be the word of `full` then.
 *   F: all words of the group were read and are not FREE; then FULL takes LOOK's place by
 *	compare-and-swap from exactly h. If that fails, nobody says that it is full.
 *   C: release, after R, loads the word of `full`; if LOOK or FULL is set there for the
 *	group, it clears both. Then it does the same in `fuller`, always.
 *
 *   (I4) While FULL is set in `full`, each object of the group is not FREE, or the call that
 *	  released it has not passed C. For let FULL be there at a moment T, set by F from h,
 *	  which was there at L. From L to F the word was h all the time: had LOOK been
 *	  cleared and set again, `looks begun` would have been raised. So from L to T one
 *	  of the bits was set without a gap. Let an object of the group be FREE at T,
 *	  and R its last release. R comes after L, for F's process read the word after
 *	  L and did not find it FREE. So its C comes after L, too, and either is done
 *	  before T: then it saw a bit and cleared both, and either F failed or FULL is not there
 *	  at T; or it is not done at T.
 *   (I5) The same for `fuller`, whose children are words of `full`: FULL of all their groups is
 *	  what is read between L and F. If an object is FREE at T, and its release has passed C
 *	  in `fuller`, then it did so before L, or it would have seen a bit. So it had passed C
 *	  in `full` before FULL of its group was read, which contradicts (I4). This is why C is
 *	  two steps in this order, and why the second is done even if the first finds
 *	  nothing: another's may have cleared `full`, and be stopped there.
 *
 *	L, F, R, C and the loads between L and F are seq_cst, because the argument is about their
 *	single order: R before C's load, L before the group's loads. A need not be: it
 *	can only make true that a group is full.
 *
 * A process that dies in a release, between R and the end of C, leaves FULL set over a free
 * object. The reaper clears all hints, having freed the words of the dead; like anybody
 * who makes a word FREE it has R and C.
 *
 * Waiting. P of <shmreg/wake.h> is R and C together (K, if it is kept: a sleeper's search looks at
 * keepers, too), and L comes behind both: what a sleeper's
 * search after its announcement does not find was held when that passed it, or had
 * been released by somebody who had not passed C (I4). Either way his L comes after the
 * membarrier, finds S, and wakes. Were L between R and C, he could be stopped there having
 * seen nobody, with FULL over the object that the search then passes over.
 * A call that gives back what it took, because it was too little, is a release too: while it
 * held that, a search may have missed it. So who waits for several looks first whether there
 * are as many, and takes none if not: else each would wake himself for ever, and all
 * others. One object is waited for by any that is free, so one sleeper is woken for it.
 *
 * A search passes each object, and need not retry: a word that changed under its
 * compare-and-swap was held in between, so each object was held at some time during
 * the search, which is what -EAGAIN says.
 *
 * Wrap. A generation has 26 bits, and goes from its maximum to 1. `looks begun` has 32: its
 * wrap would need 2^32 clearings while one process stands between L and F. A tag has 24: T
 * would have to come 2^24 times, each after another's membarrier, while one stands between W
 * and A, and the generation would have to be the same then.
 */

#include <errno.h>
#include <string.h>

#include <shmreg/pool.h>
#include <shmreg/wake.h>

SHMREG_BEGIN_DECLS

/*
 * Out of line: whatever is not kept by this handle, or not to be.
 *
 * Return: as shmreg_pool_acquire(), _acquire_wait() of which one try was in vain,
 * shmreg_pool_release(), shmreg_pool_get().
 */
SHMREG_API int shmreg_pool_acquire_search(struct shmreg_pool *pool, shmreg_pool_ref *ret);
SHMREG_API int shmreg_pool_acquire_asleep(struct shmreg_pool *pool, shmreg_pool_ref *ret,
					  const struct timespec *deadline);
SHMREG_API int shmreg_pool_release_other(struct shmreg_pool *pool, shmreg_pool_ref ref);
SHMREG_API void *shmreg_pool_get_other(struct shmreg_pool *pool, shmreg_pool_ref ref);

/* C, where a bit is set. */
SHMREG_API void shmreg_pool_clear_hints(struct shmreg_pool *pool, uint64_t index);

SHMREG_FORCE_INLINE struct shmreg_pool_shm *shmreg_pool_shm_(const struct shmreg_pool *pool)
{
	return (struct shmreg_pool_shm *)(void *)pool->handle.base;
}

/* The word of the next acquisition of an object whose word is @w, or whose reference. */
SHMREG_FORCE_INLINE uint64_t shmreg_pool_next_(uint64_t w, uint64_t claim)
{
	w = (w & SHMREG_POOL_GENERATION_MASK) + SHMREG_POOL_GENERATION_ONE;
	/* Never 0: that is an object that nobody had. */
	return (w != 0 ? w : SHMREG_POOL_GENERATION_ONE) | claim;
}

/* Both bits of the group that object @index is in, in full[index / FANOUT^2]. */
SHMREG_FORCE_INLINE uint64_t shmreg_pool_hint_(uint64_t index)
{
	return (SHMREG_POOL_FULL | SHMREG_POOL_LOOK) << index / SHMREG_POOL_FANOUT %
							     SHMREG_POOL_FANOUT;
}

#define SHMREG_POOL_PER_FULL (SHMREG_POOL_FANOUT * SHMREG_POOL_FANOUT)
#define SHMREG_POOL_PER_FULLER (SHMREG_POOL_PER_FULL * SHMREG_POOL_FANOUT)

SHMREG_FORCE_INLINE uint64_t *shmreg_pool_full_(const struct shmreg_pool *pool, uint64_t index)
{
	return &pool->full[index / SHMREG_POOL_PER_FULL];
}

SHMREG_FORCE_INLINE uint64_t *shmreg_pool_fuller_(const struct shmreg_pool *pool, uint64_t index)
{
	return &pool->fuller[index / SHMREG_POOL_PER_FULLER];
}

/* After C: @n objects became free; @shm from before R. */
SHMREG_FORCE_INLINE void shmreg_pool_wake_(const struct shmreg_pool *pool,
					   const struct shmreg_pool_shm *shm, uint32_t n)
{
	shmreg_wake_(&pool->handle, shm, offsetof(struct shmreg_pool_shm, space), n);
}

/*
 * R and C, which shmreg_pool_wake_() is to follow.
 *
 * @word: what the object's is, if the caller is right. Return: whether it was, and is free now.
 */
SHMREG_FORCE_INLINE int shmreg_pool_free_(struct shmreg_pool *pool, uint64_t index, uint64_t word)
{
	uint64_t full, fuller;

	if (SHMREG_UNLIKELY(!shmreg_cas_seq_cst(&pool->owner[index], &word,		/* R */
						shmreg_pool_word_free(word))))
		return 0;
	/*
	 * C. If neither word has a bit of ours, it is these loads, in this order: (I5); else
	 * clear_hints() begins it anew. Mostly there is no bit at all, whosever.
	 */
	full = shmreg_load_seq_cst(shmreg_pool_full_(pool, index));
	fuller = shmreg_load_seq_cst(shmreg_pool_fuller_(pool, index));
	if (SHMREG_UNLIKELY(((full | fuller) & SHMREG_POOL_HINT_MASK) != 0) &&
	    ((full & shmreg_pool_hint_(index)) != 0 ||
	     (fuller & shmreg_pool_hint_(index / SHMREG_POOL_FANOUT)) != 0))
		shmreg_pool_clear_hints(pool, index);
	return 1;
}

/* The same, and wake. */
SHMREG_FORCE_INLINE int shmreg_pool_give_back_(struct shmreg_pool *pool, uint64_t index,
					       uint64_t word)
{
	const struct shmreg_pool_shm *const shm = shmreg_pool_shm_(pool);

	if (SHMREG_UNLIKELY(!shmreg_pool_free_(pool, index, word)))
		return 0;
	shmreg_pool_wake_(pool, shm, 1);
	return 1;
}

/* R by a plain store, and wake. @word: what mine_word is: HELD by this handle */
SHMREG_FORCE_INLINE void shmreg_pool_keep_(struct shmreg_pool *pool, shmreg_pool_ref ref,
					   uint64_t word)
{
	const struct shmreg_pool_shm *const shm = shmreg_pool_shm_(pool);
	struct shmreg_pool_keeper *const keeper = pool->keeper;

	/* relaxed: nobody else acts on it who has not seen K */
	shmreg_store_relaxed(pool->mine_word, word | pool->keeps);			/* R */
	shmreg_store_release(&keeper->ref, ref);					/* K */
	pool->kept = 1;
	shmreg_pool_wake_(pool, shm, 1);
}

SHMREG_FORCE_INLINE void *shmreg_pool_get_sized(struct shmreg_pool *pool, shmreg_pool_ref ref,
						size_t stride)
{
	const uint64_t index = shmreg_pool_ref_index(ref);

	/*
	 * relaxed: if this handle acquired it, it is the same thread or has a happens-before. In
	 * a forked child the capacity is 0.
	 */
	if (SHMREG_LIKELY(index < pool->capacity) &&
	    SHMREG_LIKELY(shmreg_load_relaxed(&pool->owner[index]) ==
			  (shmreg_pool_word_free(ref) | pool->claim)))
		return pool->elems + (size_t)index * stride;
	return shmreg_pool_get_other(pool, ref);
}

SHMREG_HOT int shmreg_pool_acquire(struct shmreg_pool *pool, shmreg_pool_ref *ret)
{
	const shmreg_pool_ref ref = pool->mine + SHMREG_POOL_GENERATION_ONE;
	struct shmreg_pool_keeper *const keeper = pool->keeper;

	/* Not so in a forked child either; nor does the generation become 0. */
	if (SHMREG_UNLIKELY(!pool->kept) || SHMREG_UNLIKELY(ref < SHMREG_POOL_GENERATION_ONE))
		return shmreg_pool_acquire_search(pool, ret);
	shmreg_store_relaxed(&keeper->ref, SHMREG_POOL_NONE);				/* K */
	__asm__ __volatile__("" : : : "memory");					/* M' */
	if (SHMREG_UNLIKELY(shmreg_load_relaxed(&keeper->recall) != pool->tag))		/* W' */
		return shmreg_pool_acquire_search(pool, ret);
	/* Behind W', on which it depends. */
	shmreg_store_relaxed(pool->mine_word, shmreg_pool_word_free(ref) | pool->claim);
	pool->mine = ref;
	pool->kept = 0;
	*ret = ref;
	return 0;
}

SHMREG_HOT int shmreg_pool_acquire_wait(struct shmreg_pool *pool, shmreg_pool_ref *ret,
					const struct timespec *deadline)
{
	const int r = shmreg_pool_acquire(pool, ret);

	return SHMREG_LIKELY(r != -EAGAIN) ? r : shmreg_pool_acquire_asleep(pool, ret, deadline);
}

SHMREG_HOT int shmreg_pool_release(struct shmreg_pool *pool, shmreg_pool_ref ref)
{
	const uint64_t word = shmreg_pool_word_free(ref) | pool->claim;

	/* relaxed: nobody but this participant changes such a word */
	if (SHMREG_UNLIKELY(ref != pool->mine) || SHMREG_UNLIKELY(ref == SHMREG_POOL_NONE) ||
	    SHMREG_UNLIKELY(shmreg_load_relaxed(pool->mine_word) != word))
		return shmreg_pool_release_other(pool, ref);
	shmreg_pool_keep_(pool, ref, word);
	return 0;
}

SHMREG_FORCE_INLINE int shmreg_pool_acquire_init_sized(struct shmreg_pool *pool,
						       shmreg_pool_ref *ret, const void *value,
						       size_t elem_bytes, size_t stride)
{
	shmreg_pool_ref ref;	/* not *ret, which others may be able to write to */
	const int r = shmreg_pool_acquire(pool, &ref);

	if (SHMREG_UNLIKELY(r < 0))
		return r;
	memcpy(pool->elems + (size_t)shmreg_pool_ref_index(ref) * stride, value, elem_bytes);
	*ret = ref;
	return 0;
}

SHMREG_FORCE_INLINE int
shmreg_pool_acquire_init_wait_sized(struct shmreg_pool *pool, shmreg_pool_ref *ret,
				    const void *value, const struct timespec *deadline,
				    size_t elem_bytes, size_t stride)
{
	shmreg_pool_ref ref;
	const int r = shmreg_pool_acquire_wait(pool, &ref, deadline);

	if (SHMREG_UNLIKELY(r < 0))
		return r;
	memcpy(pool->elems + (size_t)shmreg_pool_ref_index(ref) * stride, value, elem_bytes);
	*ret = ref;
	return 0;
}

SHMREG_HOT int shmreg_pool_acquire_init(struct shmreg_pool *pool, shmreg_pool_ref *ret,
					const void *value)
{
	return shmreg_pool_acquire_init_sized(pool, ret, value, pool->elem_bytes, pool->stride);
}

SHMREG_HOT int shmreg_pool_acquire_init_wait(struct shmreg_pool *pool, shmreg_pool_ref *ret,
					     const void *value, const struct timespec *deadline)
{
	return shmreg_pool_acquire_init_wait_sized(pool, ret, value, deadline, pool->elem_bytes,
						   pool->stride);
}

SHMREG_HOT void *shmreg_pool_get(struct shmreg_pool *pool, shmreg_pool_ref ref)
{
	return shmreg_pool_get_sized(pool, ref, pool->stride);
}

SHMREG_END_DECLS

#endif /* SHMREG_POOL_INLINE_H */
