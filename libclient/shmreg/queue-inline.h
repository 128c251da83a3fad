/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_QUEUE_INLINE_H
#define SHMREG_QUEUE_INLINE_H

/*
 * shmreg/queue-inline.h - why the queue is correct, and its hot path
 *
 * Words are those of <shmreg/abi/queue.h>. t is the tail's position, h the
 * head's, p any position, slot(p) its slot, leader the first position of a claim.
 *
 * Claims. A position is claimed by the compare-and-swap that moves the counter
 * past it, and that also writes the claimant's seat and the number of positions
 * into the counter. Whoever moves a counter that names somebody else first
 * *records* that claim in the leader's slot word, unless the claimant has
 * finished it. So at every moment each unfinished claim is named either by the
 * counter (the last claim) or by its leader's slot word (every other one).
 *
 *   (I1) p is claimed for writing iff p < t, for reading iff p < h, and h <= t.
 *   (I2) slot(p) goes FREE(p) [WRITING(p)] READY(p) [READING(p)] FREE(p + capacity),
 *	  with the detours TOMB(p) (pushed nothing) and REDEL(p) READING(p) (handed
 *	  out again). It never goes back: no word value ever recurs in a slot
 *	  (but after 2^43 positions, within one stalled call).
 *   (I3) Between claim and finish only the claimant changes the slot from FREE or
 *	  WRITING to READY, from READY or READING to FREE; a recorder changes FREE to
 *	  WRITING and READY to READING, by compare-and-swap with exactly what
 *	  the claimant would write; the reaper does the rest, once he is dead.
 *   (I4) The same owner needs no recording: a handle finishes a claim, or marks the
 *	  slot itself (a lease), before it makes its next, and what it stored is
 *	  released by the compare-and-swap of that next claim. Two handles of one
 *	  queue never share a seat, and a seat changes hands only when its handle is
 *	  closed without leases or the reaper has repaired its claims. So a counter
 *	  that names one's own seat names a claim that is finished or marked.
 *   (I5) The leader is finished last. A batch whose leader is FREE or WRITING is
 *	  unpublished as a whole: consumers stop at the leader, so nobody has
 *	  read the others, READY as they may be, in whatever order they became so. A batch of a
 *	  consumer whose leader is READY or READING is unfinished, and its unfreed ones are
 *	  still READY.
 *   (I6) A claimed slot's word cannot be what an unclaimed one's is: push that finds
 *	  at t neither FREE(t) nor something older, pop that finds at h neither READY,
 *	  TOMB, FREE, WRITING(h) nor something older, has read an old counter, and
 *	  the counter it reads next differs, because of S and S'. If it does not, no
 *	  correct process wrote this: -EUCLEAN.
 *   (I7) A handle remembers the counter as its own last claim left it (q->pushed, q->popped;
 *	  0 if that was of several). That value was a counter's before the slot is looked at,
 *	  and recurs no more than any (I2), for only its owner writes his seat there. So the
 *	  compare-and-swap from it succeeds only if nobody has claimed since, and then there is
 *	  nobody to record (I4), and n and the seat are what they have to be already. What the
 *	  slot was when it was looked at, FREE(p) or READY(p) of the position p that is now
 *	  claimed, it still is: only who has claimed p changes that (I3); and a reaper takes
 *	  READY(p) away only behind a leader that the head has not passed (I5). If the head
 *	  has that value, it is at p, however long ago the claim was; so if it is FREE(p) to one
 *	  who wants to pop, there is nothing.
 *
 *   S: release of a slot word	pairs with  S': acquire of a slot word. From READY
 *	on the element is visible; from FREE on, that its last reader has done;
 *	from any word, the claim of its position.
 *   C: the claim's RMW (acq_rel)  pairs with  C': acquire of the counter. All that the
 *	earlier claimants recorded and marked is visible: who reads a counter and then
 *	the slots misses no claim. Counters change by RMW only, so each
 *	release sequence reaches back to the first claim.
 *   D: release of redel, after a slot became REDEL  pairs with  D': acquire of redel.
 *
 * Death. A killed process has executed a prefix of its stores. Repair (see
 * queue-repair.c) reads the counters first and the slots second; (I1)-(I5) then
 * say which claims the dead left, and whether they were finished.
 *
 * Waiting. P of <shmreg/wake.h> are: for elements, the store by which a slot becomes
 * READY or TOMB (of a batch: the last one, the leader's), and D; for room, the one
 * by which a slot becomes FREE, whoever frees it. Each is followed by a wake-up of as
 * many as there are slots. What becomes READY behind an unfinished claim, or FREE behind
 * one that is not, wakes in vain, and goes with what comes before it: (N4). What the
 * reaper changes is followed by the daemon's rise of the death word: (N5).
 *
 * Wrap. Positions are modulo 2^43 in the word's top bits, so that additions wrap by
 * themselves and differences are signed. One bit is lost by that: whether a small
 * tail is a young one. lapped says so; it is set in the slow path, which claims each
 * position that is a multiple of 256 if it is claimed by itself, and so one between any two
 * 4096 apart (of batches, see <shmreg/queue-batch-inline.h>); and in which a handle also looks
 * how many elements there are if the tail has left the 256 positions in which it last
 * did (q->sampled).
 *
 * Crowds. Of several who claim at once one wins, and each of the others has moved the
 * counter's line for nothing. So who has lost a race stands back before he tries again, twice
 * as long each time, SHMREG_QUEUE_PAUSE_MAX at most: meanwhile the winner claims one position
 * after the other by the fast path, on lines that stay with him, and has nobody to record.
 * A handle remembers how long that was, and stands back so long before it enters in the
 * midst of others again, a quarter less each time. Who has seen by a slot that the counter he read
 * is old has moved no line, and reads it again at once. Nothing depends on it but speed.
 *
 * Looks. Who finds the queue empty takes a line that a producer is about to write to, and who
 * looks again at once does so for each element; likewise producers who find it full. So who
 * comes to the end and has met several since it last did pauses once before it says so: longer
 * the next time if they were few, up to the same bound; half as long if they were many, or no more
 * than the pauses; a quarter if there was nothing even then. Who waits for one answer at a time
 * never does, and who answers n at a time never for more than twice n.
 */

#include <errno.h>
#include <string.h>

#include <shmreg/copy.h>
#include <shmreg/queue.h>
#include <shmreg/wake.h>

SHMREG_BEGIN_DECLS

#define SHMREG_QUEUE_ONE_ (UINT64_C(1) << SHMREG_QUEUE_POS_SHIFT)
/* None of them is set in a position that is a multiple of 256, nor in 0. */
#define SHMREG_QUEUE_COMMON_MASK_ (UINT64_C(255) << SHMREG_QUEUE_POS_SHIFT)

/*
 * Out of line: whatever is not one uncontended claim. With at least @min and at
 * most @max positions, and 63, and the capacity. @ret_pos is the first one's, low
 * bits clear. The popped one may be a redelivered slot's; then it is marked.
 *
 * Return: how many; -EAGAIN, -EBUSY, -EUCLEAN, -ESTALE, -ENOTRECOVERABLE, -ECHILD, -EROFS.
 */
SHMREG_API int shmreg_queue_claim_push(struct shmreg_queue *q, uint32_t min, uint32_t max,
				       uint64_t *ret_pos);
SHMREG_API int shmreg_queue_claim_pop(struct shmreg_queue *q, uint32_t max, uint64_t *ret_pos);

/* Why a handle without a claim word cannot be used. Return: -ECHILD, -EROFS. */
SHMREG_API int shmreg_queue_unusable(const struct shmreg_queue *q);

/* What is wrong with a lease. Return: -EINVAL, -EPERM. */
SHMREG_API int shmreg_queue_bad_lease(const struct shmreg_queue *q,
				      const struct shmreg_queue_lease *lease, uint64_t state);

SHMREG_FORCE_INLINE struct shmreg_queue_shm *shmreg_queue_shm_(const struct shmreg_queue *q)
{
	return (struct shmreg_queue_shm *)(void *)q->handle.base;
}

/*
 * The slot of a position: masked, whatever the position. If the stride is a power of two that the
 * compiler knows, its shift is part of the other; it is on the way from one claim to the next.
 */
SHMREG_FORCE_INLINE unsigned char *shmreg_queue_slot_at_(const struct shmreg_queue *q,
							 struct shmreg_queue_shm *shm, uint64_t pos,
							 size_t stride)
{
	unsigned char *const slots = (unsigned char *)(shm + 1);

	if (__builtin_constant_p(stride) && (stride & (stride - 1)) == 0 &&
	    stride <= SHMREG_QUEUE_ONE_)
		return slots + (size_t)(pos >> (SHMREG_QUEUE_POS_SHIFT - __builtin_ctzll(stride)) &
					q->stride_mask);
	return slots + (size_t)(pos >> SHMREG_QUEUE_POS_SHIFT & q->mask) * stride;
}

SHMREG_FORCE_INLINE unsigned char *shmreg_queue_slot_(const struct shmreg_queue *q, uint64_t pos,
						      size_t stride)
{
	return shmreg_queue_slot_at_(q, shmreg_queue_shm_(q), pos, stride);
}

SHMREG_FORCE_INLINE uint64_t *shmreg_queue_word_(unsigned char *slot)
{
	return (uint64_t *)(void *)slot;
}

/* n = 1 and the seat, as in the word of a slot that is lent out. */
SHMREG_FORCE_INLINE uint64_t shmreg_queue_mark_(const struct shmreg_queue *q)
{
	return q->claim & (SHMREG_QUEUE_N_MASK | SHMREG_QUEUE_OWNER_MASK);
}

/* After the store by which @n elements can be popped, or slots filled; @shm from before it. */
SHMREG_FORCE_INLINE void shmreg_queue_wake_items_(const struct shmreg_queue *q,
						  const struct shmreg_queue_shm *shm, uint32_t n)
{
	shmreg_wake_(&q->handle, shm, offsetof(struct shmreg_queue_shm, items), n);
}

SHMREG_FORCE_INLINE void shmreg_queue_wake_space_(const struct shmreg_queue *q,
						  const struct shmreg_queue_shm *shm, uint32_t n)
{
	shmreg_wake_(&q->handle, shm, offsetof(struct shmreg_queue_shm, space), n);
}

/* What is known of a claim when it is made: after it, the compiler must load everything anew. */
struct shmreg_queue_claim_ {
	struct shmreg_queue_shm *shm;
	unsigned char *slot;
	uint64_t lap;		/* as in the slot's word */
	uint64_t pos;		/* low bits undefined */
};

SHMREG_FORCE_INLINE int shmreg_queue_claimed_(const struct shmreg_queue *q, int r, uint64_t pos,
					      size_t stride, struct shmreg_queue_claim_ *ret)
{
	/* Anew, so that no register need keep it across the call: which all would pay for. */
	ret->shm = shmreg_queue_shm_(q);
	if (SHMREG_UNLIKELY(r < 0)) {
		ret->slot = NULL;	/* and will not be used */
		pos = 0;
	} else {
		ret->slot = shmreg_queue_slot_(q, pos, stride);
	}
	ret->lap = pos & q->lap_mask;
	ret->pos = pos;
	return r;
}

SHMREG_FORCE_INLINE int shmreg_queue_claim_push_one_(struct shmreg_queue *q, size_t stride,
						     struct shmreg_queue_claim_ *ret)
{
	uint64_t c = q->pushed, pos, next;
	int r;

	/* Otherwise it is not known, there is no seat, this is a forked child, or it is time to look. */
	if (SHMREG_LIKELY((c & SHMREG_QUEUE_COMMON_MASK_) != 0)) {
		ret->shm = shmreg_queue_shm_(q);
		ret->slot = shmreg_queue_slot_at_(q, ret->shm, c, stride);
		/* To look only would bring the lines to be read, and once more to be written. */
		shmreg_prefetch_write(ret->slot);
		if (stride > 64)
			shmreg_prefetch_write(ret->slot + 64);
		ret->lap = c & q->lap_mask;
		ret->pos = c;
		next = c + SHMREG_QUEUE_ONE_;
		if (SHMREG_LIKELY(shmreg_load_acquire(shmreg_queue_word_(ret->slot)) ==	/* S' */
				  ret->lap) &&
		    SHMREG_LIKELY(shmreg_cas_acq_rel(&ret->shm->tail, &c, next))) {	/* C, (I7) */
			q->pushed = next;
			return 1;
		}
	}
	pos = 0;
	r = shmreg_queue_claim_push(q, 1, 1, &pos);
	return shmreg_queue_claimed_(q, r, pos, stride, ret);
}

SHMREG_FORCE_INLINE int shmreg_queue_claim_pop_one_(struct shmreg_queue *q, size_t stride,
						    struct shmreg_queue_claim_ *ret)
{
	uint64_t c = q->popped, pos, next;
	int r;

	if (SHMREG_LIKELY(c != 0)) {
		ret->shm = shmreg_queue_shm_(q);
		ret->slot = shmreg_queue_slot_at_(q, ret->shm, c, stride);
		ret->lap = c & q->lap_mask;
		ret->pos = c;
		next = c + SHMREG_QUEUE_ONE_;
		if (SHMREG_LIKELY(shmreg_load_acquire(shmreg_queue_word_(ret->slot)) ==	/* S' */
				  (ret->lap | SHMREG_QUEUE_READY))) {
			/*
			 * The lines come while the claim is made. Not asked for before it is READY:
			 * that would take them from who fills it.
			 */
			shmreg_prefetch_write(ret->slot);
			if (stride > 64)
				shmreg_prefetch(ret->slot + 64);
			/* redel relaxed: if it moved, the slow path reads it and the slots. */
			if (SHMREG_LIKELY(shmreg_load_relaxed(&ret->shm->redel) == q->redel_seen) &&
			    SHMREG_LIKELY(shmreg_cas_acq_rel(&ret->shm->head, &c,
							     next))) {			/* C, (I7) */
				q->popped = next;
				return 1;
			}
		}
	}
	pos = 0;
	r = shmreg_queue_claim_pop(q, 1, &pos);
	return shmreg_queue_claimed_(q, r, pos, stride, ret);
}

SHMREG_FORCE_INLINE int shmreg_queue_push_sized(struct shmreg_queue *q, const void *elem,
						size_t elem_bytes, size_t elem_offset,
						size_t stride)
{
	struct shmreg_queue_claim_ claim;
	const int r = shmreg_queue_claim_push_one_(q, stride, &claim);

	if (SHMREG_UNLIKELY(r < 0))
		return r;
	memcpy(claim.slot + elem_offset, elem, elem_bytes);
	shmreg_store_release(shmreg_queue_word_(claim.slot),
			     claim.lap | SHMREG_QUEUE_READY);				/* S */
	shmreg_queue_wake_items_(q, claim.shm, 1);
	return 0;
}

SHMREG_FORCE_INLINE int shmreg_queue_pop_sized(struct shmreg_queue *q, void *elem,
					       size_t elem_bytes, size_t elem_offset,
					       size_t stride)
{
	struct shmreg_queue_claim_ claim;
	const int r = shmreg_queue_claim_pop_one_(q, stride, &claim);

	if (SHMREG_UNLIKELY(r < 0))
		return r;
	shmreg_copy_out_(elem, claim.slot + elem_offset, elem_bytes);
	SHMREG_COPIED();
	shmreg_store_release(shmreg_queue_word_(claim.slot), claim.lap + q->lap);	/* S */
	shmreg_queue_wake_space_(q, claim.shm, 1);
	return 0;
}

/* @state: WRITING or READING: what the slot becomes while it is lent out. */
SHMREG_FORCE_INLINE int shmreg_queue_lend_sized(struct shmreg_queue *q,
						struct shmreg_queue_lease *ret, uint64_t state,
						size_t elem_offset, size_t stride)
{
	struct shmreg_queue_claim_ claim;
	const int r = state == SHMREG_QUEUE_WRITING
			      ? shmreg_queue_claim_push_one_(q, stride, &claim)
			      : shmreg_queue_claim_pop_one_(q, stride, &claim);

	if (SHMREG_UNLIKELY(r < 0))
		return r;
	/*
	 * Marked by oneself before one's next claim: (I4). A recorder, or the claim
	 * of a redelivered slot, has stored this very word before. S.
	 */
	shmreg_store_release(shmreg_queue_word_(claim.slot),
			     claim.lap | shmreg_queue_mark_(q) | state);
	q->handle.n_leases++;
	ret->elem = claim.slot + elem_offset;
	ret->position = claim.pos >> SHMREG_QUEUE_POS_SHIFT;
	return 0;
}

/*
 * @from: WRITING or READING; @add: what is to be added to the slot's lap.
 */
SHMREG_FORCE_INLINE int shmreg_queue_settle_sized(struct shmreg_queue *q,
						  struct shmreg_queue_lease *lease, uint64_t from,
						  uint64_t add, size_t elem_offset, size_t stride)
{
	const struct shmreg_queue_shm *const shm = shmreg_queue_shm_(q);
	const uint64_t pos = lease->position << SHMREG_QUEUE_POS_SHIFT;
	unsigned char *slot;

	if (SHMREG_UNLIKELY(q->claim == 0))
		return shmreg_queue_unusable(q);
	slot = shmreg_queue_slot_(q, pos, stride);
	/* relaxed: if it is ours, we stored it ourselves, and nobody else changes it: (I3) */
	if (SHMREG_UNLIKELY(lease->elem != slot + elem_offset ||
			    shmreg_load_relaxed(shmreg_queue_word_(slot)) !=
				    ((pos & q->lap_mask) | shmreg_queue_mark_(q) | from)))
		return shmreg_queue_bad_lease(q, lease, from);
	shmreg_store_release(shmreg_queue_word_(slot), (pos & q->lap_mask) + add);	/* S */
	lease->elem = NULL;
	q->handle.n_leases--;
	if (from == SHMREG_QUEUE_WRITING)
		shmreg_queue_wake_items_(q, shm, 1);
	else if (add != SHMREG_QUEUE_REDEL)
		shmreg_queue_wake_space_(q, shm, 1);
	return 0;
}

SHMREG_HOT int shmreg_queue_push(struct shmreg_queue *q, const void *elem)
{
	return shmreg_queue_push_sized(q, elem, q->elem_bytes, q->elem_offset, q->stride);
}

SHMREG_HOT int shmreg_queue_pop(struct shmreg_queue *q, void *elem)
{
	return shmreg_queue_pop_sized(q, elem, q->elem_bytes, q->elem_offset, q->stride);
}

SHMREG_HOT int shmreg_queue_reserve(struct shmreg_queue *q, struct shmreg_queue_lease *ret)
{
	return shmreg_queue_lend_sized(q, ret, SHMREG_QUEUE_WRITING, q->elem_offset, q->stride);
}

SHMREG_HOT int shmreg_queue_acquire(struct shmreg_queue *q, struct shmreg_queue_lease *ret)
{
	return shmreg_queue_lend_sized(q, ret, SHMREG_QUEUE_READING, q->elem_offset, q->stride);
}

SHMREG_HOT int shmreg_queue_commit(struct shmreg_queue *q, struct shmreg_queue_lease *lease)
{
	return shmreg_queue_settle_sized(q, lease, SHMREG_QUEUE_WRITING, SHMREG_QUEUE_READY,
					 q->elem_offset, q->stride);
}

SHMREG_HOT int shmreg_queue_abort(struct shmreg_queue *q, struct shmreg_queue_lease *lease)
{
	return shmreg_queue_settle_sized(q, lease, SHMREG_QUEUE_WRITING, SHMREG_QUEUE_TOMB,
					 q->elem_offset, q->stride);
}

SHMREG_HOT int shmreg_queue_release(struct shmreg_queue *q, struct shmreg_queue_lease *lease)
{
	return shmreg_queue_settle_sized(q, lease, SHMREG_QUEUE_READING, q->lap, q->elem_offset,
					 q->stride);
}

SHMREG_HOT int shmreg_queue_refuse(struct shmreg_queue *q, struct shmreg_queue_lease *lease)
{
	struct shmreg_queue_shm *const shm = shmreg_queue_shm_(q);
	const int r = shmreg_queue_settle_sized(q, lease, SHMREG_QUEUE_READING, SHMREG_QUEUE_REDEL,
						q->elem_offset, q->stride);

	if (SHMREG_LIKELY(r == 0)) {
		shmreg_fetch_add_release(&shm->redel, 1);		/* D */
		shmreg_queue_wake_items_(q, shm, 1);
	}
	return r;
}

SHMREG_END_DECLS

#include <shmreg/queue-batch-inline.h>

#endif /* SHMREG_QUEUE_INLINE_H */
