/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_OBJECT_QUEUE_INLINE_H
#define SHMREG_OBJECT_QUEUE_INLINE_H

/*
 * shmreg/object-queue-inline.h - why no object is lost on its way, and the hot path
 *
 * Two words change hands: a slot's, by the queue's rules, and an object's, by the pool's.
 * Slots are claimed, finished and repaired as <shmreg/queue-inline.h> says; a claim is of one
 * position here. An element is a reference. Let i be the queue's index, s a slot's.
 *
 *	send		claims s; the reference into s; HELD(me) -> SENT(i, s)	(T);  s READY
 *	receive		claims s; the reference from s; SENT(i, s) -> HELD(me)	(U);  s FREE
 *	acquire		claims s, marks it READING; keep and release do U, to HELD or FREE, and
 *			then s FREE; refuse: s REDEL
 *
 *   (I1) An object's word says SENT(i, s) only from T to U, and T and U are done by who has
 *	  claimed s, before he finishes it, or by the reaper in his place. So of all the
 *	  objects that ever went through s at most one is SENT(i, s): before s is free for
 *	  the next position its word is something else.
 *   (I2) While s is READY, REDEL, or claimed by a consumer who has not done U, the reference in
 *	  it is of the object that is SENT(i, s): T came before READY, and nobody but a
 *	  producer writes a reference. So U succeeds, unless somebody wrote nonsense:
 *	  then the slot is freed and -EUCLEAN returned.
 *   (I3) Who died with s claimed for writing had done T if and only if the object that
 *	  the reference in s names is SENT(i, s). If he had written the reference, that is T's
 *	  effect; if not, what is in s is a reference of the lap before, or zero, and by
 *	  (I1) none such is SENT(i, s). Repair rolls forward (s READY) or back (s TOMB; he
 *	  held the object, and the pool's repair frees it).
 *   (I4) Who died with s claimed for reading had done U if and only if that object is not
 *	  SENT(i, s). If he had, he held it, and nothing is to be done but to finish
 *	  s. If not, it is delivered again (s REDEL) or freed, and then s is.
 *
 * So a repair of the queue needs to know nothing of who holds what, and it does not
 * matter which of the two the reaper repairs first, nor that it sees one seat of
 * the dead before the other: what HELD says is the pool's business, what SENT says the queue's.
 *
 *   T: acq_rel, on the object's word  pairs with  U: acq_rel, on the same. What the sender did
 *	with the object is visible to the receiver. The reference itself is published by the
 *	slot's word, S and S' of the queue; relaxed, because a hostile peer may write it, too.
 *
 * Waiting. Where the slot's word becomes READY, TOMB, FREE or, with redel raised behind it, REDEL, the
 * queue's event counts are looked at as <shmreg/queue-inline.h> does, also in calls that
 * fail: L behind S, or D. release makes two events: U to FREE, the pool's, and s FREE.
 *
 * Removal. The index i is another queue's only when nobody has this one open and a reaper that
 * began after that has freed every object that is SENT(i, ...): see daemon/segment.h and
 * tests/models/transfer.pml.
 */

#include <shmreg/object-queue.h>

SHMREG_BEGIN_DECLS

#define SHMREG_OBJECT_QUEUE_OFFSET_ sizeof(uint64_t)
#define SHMREG_OBJECT_QUEUE_STRIDE_ (2 * sizeof(uint64_t))

/*
 * Out of line: what is wrong with a reference, or which other seat of this participant
 * the object is held by.
 *
 * Return: 0, *ret_word is the object's; as shmreg_object_queue_send().
 */
SHMREG_API int shmreg_object_queue_held(const struct shmreg_object_queue *q, shmreg_pool_ref ref,
					uint64_t *ret_word);

/* What is wrong with a lease. Return: -ECHILD, -EINVAL, -EPERM. */
SHMREG_API int shmreg_object_queue_bad_lease(const struct shmreg_object_queue *q,
					     const struct shmreg_object_lease *lease);

SHMREG_FORCE_INLINE uint64_t *shmreg_object_queue_ref_(unsigned char *slot)
{
	return (uint64_t *)(void *)(slot + SHMREG_OBJECT_QUEUE_OFFSET_);
}

/* The word of an object on its way through the slot of @pos. */
SHMREG_FORCE_INLINE uint64_t shmreg_object_queue_sent_(const struct shmreg_object_queue *q,
						       shmreg_pool_ref ref, uint64_t pos)
{
	return shmreg_pool_word_sent(ref, q->index,
				     (uint32_t)(pos >> SHMREG_QUEUE_POS_SHIFT & q->queue.mask));
}

SHMREG_HOT int shmreg_object_queue_send(struct shmreg_object_queue *q, shmreg_pool_ref ref)
{
	const uint64_t index = shmreg_pool_ref_index(ref);
	const struct shmreg_queue_shm *const shm = shmreg_queue_shm_(&q->queue);
	uint64_t word = shmreg_pool_word_free(ref) | q->claim;
	struct shmreg_queue_claim_ claim;
	int r;

	/* relaxed: if this handle's pool acquired it, it is the same thread or has a happens-before */
	if (SHMREG_UNLIKELY(index >= q->capacity) ||
	    SHMREG_UNLIKELY(shmreg_load_relaxed(&q->owner[index]) != word)) {
		r = shmreg_object_queue_held(q, ref, &word);
		if (r < 0)
			return r;
	}
	r = shmreg_queue_claim_push_one_(&q->queue, SHMREG_OBJECT_QUEUE_STRIDE_, &claim);
	if (SHMREG_UNLIKELY(r < 0))
		return r;
	shmreg_store_relaxed(shmreg_object_queue_ref_(claim.slot), ref);
	if (SHMREG_UNLIKELY(!shmreg_cas_acq_rel(&q->owner[index], &word,		/* T */
						shmreg_object_queue_sent_(q, ref, claim.pos)))) {
		shmreg_store_release(shmreg_queue_word_(claim.slot),
				     claim.lap | SHMREG_QUEUE_TOMB);			/* S */
		/* Those behind it woke somebody in vain. */
		shmreg_queue_wake_items_(&q->queue, shm, 1);
		/* Another thread gave it away meanwhile. */
		r = shmreg_object_queue_held(q, ref, &word);
		return r < 0 ? r : -EBUSY;
	}
	shmreg_store_release(shmreg_queue_word_(claim.slot), claim.lap | SHMREG_QUEUE_READY); /* S */
	shmreg_queue_wake_items_(&q->queue, shm, 1);
	return 0;
}

SHMREG_HOT int shmreg_object_queue_receive(struct shmreg_object_queue *q, shmreg_pool_ref *ret)
{
	const struct shmreg_queue_shm *const shm = shmreg_queue_shm_(&q->queue);
	struct shmreg_queue_claim_ claim;
	const int r = shmreg_queue_claim_pop_one_(&q->queue, SHMREG_OBJECT_QUEUE_STRIDE_, &claim);
	uint64_t index, word;
	shmreg_pool_ref ref;
	int good;

	if (SHMREG_UNLIKELY(r < 0))
		return r;
	ref = shmreg_load_relaxed(shmreg_object_queue_ref_(claim.slot));
	index = shmreg_pool_ref_index(ref);
	word = shmreg_object_queue_sent_(q, ref, claim.pos);
	good = SHMREG_LIKELY(index < q->capacity) &&
	       SHMREG_LIKELY(shmreg_cas_acq_rel(&q->owner[index], &word,		/* U */
						shmreg_pool_word_free(ref) | q->claim));
	shmreg_store_release(shmreg_queue_word_(claim.slot), claim.lap + q->queue.lap);	/* S */
	shmreg_queue_wake_space_(&q->queue, shm, 1);
	if (SHMREG_UNLIKELY(!good))
		return -EUCLEAN;
	*ret = ref;
	return 0;
}

SHMREG_HOT int shmreg_object_queue_acquire(struct shmreg_object_queue *q,
					   struct shmreg_object_lease *ret)
{
	const struct shmreg_queue_shm *const shm = shmreg_queue_shm_(&q->queue);
	struct shmreg_queue_claim_ claim;
	const int r = shmreg_queue_claim_pop_one_(&q->queue, SHMREG_OBJECT_QUEUE_STRIDE_, &claim);
	shmreg_pool_ref ref;
	uint64_t index;

	if (SHMREG_UNLIKELY(r < 0))
		return r;
	ref = shmreg_load_relaxed(shmreg_object_queue_ref_(claim.slot));
	index = shmreg_pool_ref_index(ref);
	if (SHMREG_UNLIKELY(index >= q->capacity) ||
	    SHMREG_UNLIKELY(shmreg_load_acquire(&q->owner[index]) !=			/* T */
			    shmreg_object_queue_sent_(q, ref, claim.pos))) {
		shmreg_store_release(shmreg_queue_word_(claim.slot),
				     claim.lap + q->queue.lap);				/* S */
		shmreg_queue_wake_space_(&q->queue, shm, 1);
		return -EUCLEAN;
	}
	/* Marked by oneself before one's next claim: (I4) of the queue. */
	shmreg_store_release(shmreg_queue_word_(claim.slot),
			     claim.lap | shmreg_queue_mark_(&q->queue) | SHMREG_QUEUE_READING);	/* S */
	q->queue.handle.n_leases++;
	ret->object = q->elems + (size_t)index * q->elem_stride;
	ret->ref = ref;
	ret->position = claim.pos >> SHMREG_QUEUE_POS_SHIFT;
	return 0;
}

/* Return: the slot that is lent out by @lease; NULL: it is not. */
SHMREG_FORCE_INLINE unsigned char *
shmreg_object_queue_lent_(const struct shmreg_object_queue *q,
			  const struct shmreg_object_lease *lease)
{
	const uint64_t pos = lease->position << SHMREG_QUEUE_POS_SHIFT;
	const uint64_t index = shmreg_pool_ref_index(lease->ref);
	unsigned char *slot;

	if (SHMREG_UNLIKELY(index >= q->capacity) ||
	    SHMREG_UNLIKELY(lease->object != q->elems + (size_t)index * q->elem_stride))
		return NULL;
	slot = shmreg_queue_slot_(&q->queue, pos, SHMREG_OBJECT_QUEUE_STRIDE_);
	/* relaxed: if it is ours, we stored it ourselves, and nobody else changes it */
	return SHMREG_LIKELY(shmreg_load_relaxed(shmreg_queue_word_(slot)) ==
			     ((pos & q->queue.lap_mask) | shmreg_queue_mark_(&q->queue) |
			      SHMREG_QUEUE_READING))
		       ? slot
		       : NULL;
}

/* S; who calls it wakes. */
SHMREG_FORCE_INLINE void shmreg_object_queue_settle_(struct shmreg_object_queue *q,
						     struct shmreg_object_lease *lease,
						     unsigned char *slot, uint64_t add)
{
	const uint64_t pos = lease->position << SHMREG_QUEUE_POS_SHIFT;

	shmreg_store_release(shmreg_queue_word_(slot), (pos & q->queue.lap_mask) + add);	/* S */
	lease->object = NULL;
	q->queue.handle.n_leases--;
}

SHMREG_HOT int shmreg_object_queue_release(struct shmreg_object_queue *q,
					   struct shmreg_object_lease *lease)
{
	const struct shmreg_queue_shm *const shm = shmreg_queue_shm_(&q->queue);
	unsigned char *const slot = shmreg_object_queue_lent_(q, lease);
	int r;

	if (SHMREG_UNLIKELY(slot == NULL))
		return shmreg_object_queue_bad_lease(q, lease);
	r = shmreg_pool_give_back_(q->pool, shmreg_pool_ref_index(lease->ref),		/* U */
				   shmreg_object_queue_sent_(q, lease->ref,
							     lease->position << SHMREG_QUEUE_POS_SHIFT));
	shmreg_object_queue_settle_(q, lease, slot, q->queue.lap);
	shmreg_queue_wake_space_(&q->queue, shm, 1);
	return SHMREG_LIKELY(r) ? 0 : -EUCLEAN;
}

SHMREG_HOT int shmreg_object_queue_keep(struct shmreg_object_queue *q,
					struct shmreg_object_lease *lease)
{
	const struct shmreg_queue_shm *const shm = shmreg_queue_shm_(&q->queue);
	unsigned char *const slot = shmreg_object_queue_lent_(q, lease);
	uint64_t word;
	int r;

	if (SHMREG_UNLIKELY(slot == NULL))
		return shmreg_object_queue_bad_lease(q, lease);
	word = shmreg_object_queue_sent_(q, lease->ref, lease->position << SHMREG_QUEUE_POS_SHIFT);
	r = shmreg_cas_acq_rel(&q->owner[shmreg_pool_ref_index(lease->ref)], &word,	/* U */
			       shmreg_pool_word_free(lease->ref) | q->claim);
	shmreg_object_queue_settle_(q, lease, slot, q->queue.lap);
	shmreg_queue_wake_space_(&q->queue, shm, 1);
	return SHMREG_LIKELY(r) ? 0 : -EUCLEAN;
}

SHMREG_HOT int shmreg_object_queue_refuse(struct shmreg_object_queue *q,
					  struct shmreg_object_lease *lease)
{
	struct shmreg_queue_shm *const shm = shmreg_queue_shm_(&q->queue);
	unsigned char *const slot = shmreg_object_queue_lent_(q, lease);

	if (SHMREG_UNLIKELY(slot == NULL))
		return shmreg_object_queue_bad_lease(q, lease);
	shmreg_object_queue_settle_(q, lease, slot, SHMREG_QUEUE_REDEL);
	shmreg_fetch_add_release(&shm->redel, 1);					/* D */
	shmreg_queue_wake_items_(&q->queue, shm, 1);
	return 0;
}

SHMREG_END_DECLS

#endif /* SHMREG_OBJECT_QUEUE_INLINE_H */
