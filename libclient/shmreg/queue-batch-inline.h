/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_QUEUE_BATCH_INLINE_H
#define SHMREG_QUEUE_BATCH_INLINE_H

/*
 * shmreg/queue-batch-inline.h - several elements of a queue at once
 *
 * Labels are those of <shmreg/queue-inline.h>. All slots of a batch but the leader's are done in
 * any order, and then the leader's: (I5).
 *
 *	Two in one. Where a plain access to an aligned 64-bit word is whole, its load an acquire
 *	and its store a release, a small element is stored together with its slot's word, by one
 *	store of 128 bits, which may be done as two of 64, the word's first. Nobody looks at the
 *	element before he has read a leader's word by S', his own leader's or, by C and C',
 *	that of the claimant before whom the counter had passed it; and the leader's S comes
 *	after all of that. The reaper looks at no element, and takes a slot of a dead
 *	producer's batch whether FREE or READY.
 *
 *	Only then freed. A consumer copies all elements before it frees the first slot, so that
 *	as long as it copies, each of them is handed out again if it dies.
 *
 *	Seldom by the slow path. A batch is claimed without it only in the 2048 positions in
 *	which its handle made a claim by it before (q->sampled). So there is one in any 4096
 *	that follow each other: the first of a block is claimed by it, or by a batch that began in
 *	the block before; and it says so in time that the queue has lapped, which it has to
 *	between positions 2^30 and 2^31: see "Wrap".
 */

#include <shmreg/queue-inline.h>

SHMREG_BEGIN_DECLS

/* Positions of which a handle makes one claim by the slow path if it pushes batches: 2048. */
#define SHMREG_QUEUE_RARE_SHIFT_ (SHMREG_QUEUE_POS_SHIFT + 11)

/* Not for ThreadSanitizer, to which a plain access is a race whatever the processor does. */
#if defined(__x86_64__) && !SHMREG_TSAN
# define SHMREG_QUEUE_PLAIN_ 1
#else
# define SHMREG_QUEUE_PLAIN_ 0
#endif

/* Bytes that are called for at once: of more, the first would be gone before they are used. */
#define SHMREG_QUEUE_CALL_MAX_ 4096

/*
 * The caller's array, of which the compiler shall forget how long it is: it does not know that
 * no more are claimed than were asked for, and would warn of what is behind a small one.
 */
#define SHMREG_QUEUE_FORGET_(p) __asm__("" : "+r"(p))

/* How many of @n positions from @pos on lie side by side, in one lap. */
SHMREG_FORCE_INLINE uint32_t shmreg_queue_run_(const struct shmreg_queue *q, uint64_t pos,
					       uint32_t n)
{
	const uint64_t left = q->mask + 1 - (pos >> SHMREG_QUEUE_POS_SHIFT & q->mask);

	return left < n ? (uint32_t)left : n;
}

SHMREG_FORCE_INLINE int shmreg_queue_in_lap_(const struct shmreg_queue *q, uint64_t pos,
					     uint32_t n)
{
	return (pos >> SHMREG_QUEUE_POS_SHIFT & q->mask) + n <= q->mask + 1;
}

/*
 * Is a slot's word @want? S'. A plain load is made one instruction with the comparison, as an
 * atomic one is not. shmreg_queue_count_() says where it must have been done.
 */
SHMREG_FORCE_INLINE int shmreg_queue_word_is_(unsigned char *slot, uint64_t want)
{
#if SHMREG_QUEUE_PLAIN_
	return *shmreg_queue_word_(slot) == want;
#else
	return shmreg_load_acquire(shmreg_queue_word_(slot)) == want;
#endif
}

SHMREG_FORCE_INLINE int shmreg_queue_four_are_(unsigned char *slot, uint64_t want, size_t stride)
{
	return shmreg_queue_word_is_(slot, want) && shmreg_queue_word_is_(slot + stride, want) &&
	       shmreg_queue_word_is_(slot + 2 * stride, want) &&
	       shmreg_queue_word_is_(slot + 3 * stride, want);
}

/* How many of @n slots side by side have the word @want, from the first one on. */
SHMREG_FORCE_INLINE uint32_t shmreg_queue_count_(unsigned char *slot, uint32_t n, uint64_t want,
						 size_t stride)
{
	unsigned char *const first = slot, *const end = slot + n * stride;

	/* A few at a time, but of a size that is known: else there are not enough registers. */
	if (__builtin_constant_p(stride))
		while ((size_t)(end - slot) >= 8 * stride &&
		       shmreg_queue_four_are_(slot, want, stride) &&
		       shmreg_queue_four_are_(slot + 4 * stride, want, stride))
			slot += 8 * stride;
	while ((size_t)(end - slot) >= 4 * stride && shmreg_queue_four_are_(slot, want, stride))
		slot += 4 * stride;
	while (slot != end && shmreg_queue_word_is_(slot, want))
		slot += stride;
	/* Here, and before all that follows. */
	SHMREG_COPIED();
	return (uint32_t)((size_t)(slot - first) / stride);
}

/* Slots to be filled: to look only would bring the lines to be read, and once more to be written. */
SHMREG_FORCE_INLINE void shmreg_queue_call_for_(const unsigned char *slot, size_t bytes)
{
	const unsigned char *const end =
		slot + (bytes < SHMREG_QUEUE_CALL_MAX_ ? bytes : SHMREG_QUEUE_CALL_MAX_);

	for (; slot < end; slot += 128) {
		shmreg_prefetch_write(slot);
		shmreg_prefetch_write(slot + 64);
	}
}

/* What a counter becomes that names a claim of one's own by the next one, of @n. */
SHMREG_FORCE_INLINE uint64_t shmreg_queue_after_own_(uint64_t c, uint32_t n)
{
	return (c & ~SHMREG_QUEUE_N_MASK) +
	       n * (SHMREG_QUEUE_ONE_ | UINT64_C(1) << SHMREG_QUEUE_N_SHIFT);
}

/*
 * The usual case, in line: one's own claim was the last, so that there is nobody to record (I4),
 * nothing to be looked at besides, and the slots lie side by side.
 *
 * Return: how many, at least @min and 1; 0: it is not.
 */
SHMREG_FORCE_INLINE uint32_t shmreg_queue_try_push_batch_(struct shmreg_queue *q, uint32_t n,
							  uint32_t min, size_t stride,
							  struct shmreg_queue_claim_ *ret)
{
	uint64_t c;

	if (SHMREG_UNLIKELY(q->claim == 0))
		return 0;
	ret->shm = shmreg_queue_shm_(q);
	c = shmreg_load_acquire(&ret->shm->tail);				/* C' */
	n = n < q->batch_max ? n : q->batch_max;
	if (SHMREG_UNLIKELY(((c ^ q->claim) & SHMREG_QUEUE_OWNER_MASK) != 0 ||
			    (c ^ q->sampled) >> SHMREG_QUEUE_RARE_SHIFT_ != 0 ||
			    !shmreg_queue_in_lap_(q, c, n)))
		return 0;
	ret->slot = shmreg_queue_slot_(q, c, stride);
	ret->lap = c & q->lap_mask;
	ret->pos = c;
	shmreg_queue_call_for_(ret->slot, n * stride);
	n = shmreg_queue_count_(ret->slot, n, ret->lap, stride);		/* S' */
	if (SHMREG_UNLIKELY(n < min || n == 0))
		return 0;
	if (SHMREG_UNLIKELY(!shmreg_cas_acq_rel(&ret->shm->tail, &c,		/* C */
						shmreg_queue_after_own_(c, n))))
		return 0;
	q->pushed = 0;								/* (I7) */
	return n;
}

SHMREG_FORCE_INLINE uint32_t shmreg_queue_try_pop_batch_(struct shmreg_queue *q, uint32_t n,
							 size_t stride,
							 struct shmreg_queue_claim_ *ret)
{
	uint64_t c;

	if (SHMREG_UNLIKELY(q->claim == 0))
		return 0;
	ret->shm = shmreg_queue_shm_(q);
	c = shmreg_load_acquire(&ret->shm->head);				/* C' */
	n = n < q->batch_max ? n : q->batch_max;
	/* redel relaxed: if it moved, the slow path reads it again, and then the slots. */
	if (SHMREG_UNLIKELY(((c ^ q->claim) & SHMREG_QUEUE_OWNER_MASK) != 0 ||
			    shmreg_load_relaxed(&ret->shm->redel) != q->redel_seen ||
			    !shmreg_queue_in_lap_(q, c, n)))
		return 0;
	ret->slot = shmreg_queue_slot_(q, c, stride);
	ret->lap = c & q->lap_mask;
	ret->pos = c;
	n = shmreg_queue_count_(ret->slot, n, ret->lap | SHMREG_QUEUE_READY, stride); /* S' */
	if (SHMREG_UNLIKELY(n == 0))
		return 0;
	if (SHMREG_UNLIKELY(!shmreg_cas_acq_rel(&ret->shm->head, &c,		/* C */
						shmreg_queue_after_own_(c, n))))
		return 0;
	q->popped = 0;								/* (I7) */
	return n;
}

/* Of a size that the compiler knows, and a few moves each: then several are done at a time. */
#define SHMREG_QUEUE_SMALL_(elem_bytes) (__builtin_constant_p(elem_bytes) && (elem_bytes) <= 64)
/* An element of one word, behind it. */
#define SHMREG_QUEUE_WORD_SIZED_(elem_bytes, elem_offset)                                    \
	(__builtin_constant_p((elem_bytes) == 8 && (elem_offset) == 8) && (elem_bytes) == 8 && \
	 (elem_offset) == 8)

#if SHMREG_QUEUE_PLAIN_
/* Two words, or a word and the element behind it. */
typedef uint64_t shmreg_queue_two_ __attribute__((vector_size(16), may_alias));
#endif

/* What is stored into one slot after the other; the word, and room for the element. */
struct shmreg_queue_filling_ {
	uint64_t word;
#if SHMREG_QUEUE_PLAIN_
	shmreg_queue_two_ both;
#endif
};

SHMREG_FORCE_INLINE void shmreg_queue_fill_one_(struct shmreg_queue_filling_ *f,
						unsigned char *slot, const unsigned char *from,
						size_t elem_bytes, size_t elem_offset)
{
#if SHMREG_QUEUE_PLAIN_
	if (SHMREG_QUEUE_WORD_SIZED_(elem_bytes, elem_offset)) {
		uint64_t elem;

		memcpy(&elem, from, 8);
		f->both[1] = elem;
		*(shmreg_queue_two_ *)(void *)slot = f->both;
		return;
	}
#endif
	memcpy(slot + elem_offset, from, elem_bytes);
	shmreg_store_release(shmreg_queue_word_(slot), f->word);			/* S */
}

SHMREG_FORCE_INLINE void shmreg_queue_fill_two_(struct shmreg_queue_filling_ *f,
						unsigned char *slot, const unsigned char *from,
						size_t elem_bytes, size_t elem_offset,
						size_t stride)
{
	shmreg_queue_fill_one_(f, slot, from, elem_bytes, elem_offset);
	shmreg_queue_fill_one_(f, slot + stride, from + elem_bytes, elem_bytes, elem_offset);
}

SHMREG_FORCE_INLINE void shmreg_queue_fill_four_(struct shmreg_queue_filling_ *f,
						 unsigned char *slot, const unsigned char *from,
						 size_t elem_bytes, size_t elem_offset,
						 size_t stride)
{
	shmreg_queue_fill_two_(f, slot, from, elem_bytes, elem_offset, stride);
	shmreg_queue_fill_two_(f, slot + 2 * stride, from + 2 * elem_bytes, elem_bytes,
			       elem_offset, stride);
}

/* @n slots side by side, none of them the leader. */
SHMREG_FORCE_INLINE void shmreg_queue_fill_(unsigned char *slot, const unsigned char *from,
					    uint32_t n, uint64_t word, size_t elem_bytes,
					    size_t elem_offset, size_t stride)
{
	struct shmreg_queue_filling_ f;

	f.word = word;
#if SHMREG_QUEUE_PLAIN_
	f.both[0] = word;
	f.both[1] = word;
#endif
	if (!SHMREG_QUEUE_SMALL_(elem_bytes)) {
		for (; n > 0; n--, slot += stride, from += elem_bytes)
			shmreg_queue_fill_one_(&f, slot, from, elem_bytes, elem_offset);
		return;
	}
	/* The odd ones first: so nothing need be known any more behind the loop. */
	if ((n & 1) != 0) {
		shmreg_queue_fill_one_(&f, slot, from, elem_bytes, elem_offset);
		slot += stride;
		from += elem_bytes;
	}
	if ((n & 2) != 0) {
		shmreg_queue_fill_two_(&f, slot, from, elem_bytes, elem_offset, stride);
		slot += 2 * stride;
		from += 2 * elem_bytes;
	}
	if ((n & 4) != 0) {
		shmreg_queue_fill_four_(&f, slot, from, elem_bytes, elem_offset, stride);
		slot += 4 * stride;
		from += 4 * elem_bytes;
	}
	for (n /= 8; n > 0; n--, slot += 8 * stride, from += 8 * elem_bytes) {
		shmreg_queue_fill_four_(&f, slot, from, elem_bytes, elem_offset, stride);
		shmreg_queue_fill_four_(&f, slot + 4 * stride, from + 4 * elem_bytes, elem_bytes,
					elem_offset, stride);
	}
}

SHMREG_FORCE_INLINE void shmreg_queue_copy_two_(unsigned char *to, const unsigned char *elem,
						size_t elem_bytes, size_t stride)
{
#if SHMREG_QUEUE_PLAIN_
	/* One store, as those who read them next may want to load two at a time. */
	if (__builtin_constant_p(elem_bytes) && elem_bytes == 8) {
		uint64_t a, b;
		shmreg_queue_two_ both;

		memcpy(&a, elem, 8);
		memcpy(&b, elem + stride, 8);
		both[0] = a;
		both[1] = b;
		memcpy(to, &both, 16);
		return;
	}
#endif
	memcpy(to, elem, elem_bytes);
	memcpy(to + elem_bytes, elem + stride, elem_bytes);
}

SHMREG_FORCE_INLINE void shmreg_queue_copy_four_(unsigned char *to, const unsigned char *elem,
						 size_t elem_bytes, size_t stride)
{
	shmreg_queue_copy_two_(to, elem, elem_bytes, stride);
	shmreg_queue_copy_two_(to + 2 * elem_bytes, elem + 2 * stride, elem_bytes, stride);
}

SHMREG_FORCE_INLINE void shmreg_queue_copy_(unsigned char *to, const unsigned char *elem,
					    uint32_t n, size_t elem_bytes, size_t stride)
{
	if (!SHMREG_QUEUE_SMALL_(elem_bytes)) {
		for (; n > 0; n--, elem += stride, to += elem_bytes)
			memcpy(to, elem, elem_bytes);
		return;
	}
	if ((n & 1) != 0) {
		memcpy(to, elem, elem_bytes);
		elem += stride;
		to += elem_bytes;
	}
	if ((n & 2) != 0) {
		shmreg_queue_copy_two_(to, elem, elem_bytes, stride);
		elem += 2 * stride;
		to += 2 * elem_bytes;
	}
	if ((n & 4) != 0) {
		shmreg_queue_copy_four_(to, elem, elem_bytes, stride);
		elem += 4 * stride;
		to += 4 * elem_bytes;
	}
	for (n /= 8; n > 0; n--, elem += 8 * stride, to += 8 * elem_bytes) {
		shmreg_queue_copy_four_(to, elem, elem_bytes, stride);
		shmreg_queue_copy_four_(to + 4 * elem_bytes, elem + 4 * stride, elem_bytes, stride);
	}
}

SHMREG_FORCE_INLINE void shmreg_queue_free_four_(unsigned char *slot, uint64_t word, size_t stride)
{
	shmreg_store_release(shmreg_queue_word_(slot), word);			/* S */
	shmreg_store_release(shmreg_queue_word_(slot + stride), word);
	shmreg_store_release(shmreg_queue_word_(slot + 2 * stride), word);
	shmreg_store_release(shmreg_queue_word_(slot + 3 * stride), word);
}

/* @n slots side by side, none of them the leader. */
SHMREG_FORCE_INLINE void shmreg_queue_free_(unsigned char *slot, uint32_t n, uint64_t word,
					    size_t stride)
{
	if ((n & 1) != 0) {
		shmreg_store_release(shmreg_queue_word_(slot), word);			/* S */
		slot += stride;
	}
	if ((n & 2) != 0) {
		shmreg_store_release(shmreg_queue_word_(slot), word);			/* S */
		shmreg_store_release(shmreg_queue_word_(slot + stride), word);
		slot += 2 * stride;
	}
	if ((n & 4) != 0) {
		shmreg_queue_free_four_(slot, word, stride);
		slot += 4 * stride;
	}
	for (n /= 8; n > 0; n--, slot += 8 * stride) {
		shmreg_queue_free_four_(slot, word, stride);
		shmreg_queue_free_four_(slot + 4 * stride, word, stride);
	}
}

SHMREG_FORCE_INLINE int shmreg_queue_push_batch_sized(struct shmreg_queue *q, const void *elems,
						      uint32_t n, uint32_t min, size_t elem_bytes,
						      size_t elem_offset, size_t stride)
{
	const unsigned char *from = (const unsigned char *)elems;
	struct shmreg_queue_claim_ claim;
	uint32_t run;
	int r = (int)shmreg_queue_try_push_batch_(q, n, min, stride, &claim);

	SHMREG_QUEUE_FORGET_(from);
	run = (uint32_t)r;
	if (SHMREG_UNLIKELY(r == 0)) {
		uint64_t first = 0;

		if (n == 0 && min == 0)
			return 0;
		if (min > n || min > SHMREG_QUEUE_BATCH_MAX || min > q->mask + 1)
			return q->claim == 0 ? shmreg_queue_unusable(q) : -EINVAL;
		r = shmreg_queue_claim_push(q, min > 0 ? min : 1, n, &first);
		if (shmreg_queue_claimed_(q, r, first, stride, &claim) < 0)
			return r;
		run = shmreg_queue_run_(q, first, (uint32_t)r);
		if (run < (uint32_t)r)
			shmreg_queue_fill_((unsigned char *)(claim.shm + 1),
					   from + run * elem_bytes, (uint32_t)r - run,
					   (claim.lap + q->lap) | SHMREG_QUEUE_READY, elem_bytes,
					   elem_offset, stride);
	}
	shmreg_queue_fill_(claim.slot + stride, from + elem_bytes, run - 1,
			   claim.lap | SHMREG_QUEUE_READY, elem_bytes, elem_offset, stride);
	/* The leader last: (I5). */
	memcpy(claim.slot + elem_offset, from, elem_bytes);
	shmreg_store_release(shmreg_queue_word_(claim.slot),
			     claim.lap | SHMREG_QUEUE_READY);				/* S */
	shmreg_queue_wake_items_(q, claim.shm, (uint32_t)r);
	return r;
}

SHMREG_FORCE_INLINE int shmreg_queue_pop_batch_sized(struct shmreg_queue *q, void *elems,
						     uint32_t n, size_t elem_bytes,
						     size_t elem_offset, size_t stride)
{
	unsigned char *to = (unsigned char *)elems;
	struct shmreg_queue_claim_ claim;
	unsigned char *slots;
	uint32_t run;
	int r = (int)shmreg_queue_try_pop_batch_(q, n, stride, &claim);

	SHMREG_QUEUE_FORGET_(to);
	run = (uint32_t)r;
	if (SHMREG_UNLIKELY(r == 0)) {
		uint64_t first = 0;

		if (n == 0)
			return 0;
		r = shmreg_queue_claim_pop(q, n, &first);
		if (shmreg_queue_claimed_(q, r, first, stride, &claim) < 0)
			return r;
		run = shmreg_queue_run_(q, first, (uint32_t)r);
	}
	slots = (unsigned char *)(claim.shm + 1);
	shmreg_queue_copy_(to, claim.slot + elem_offset, run, elem_bytes, stride);
	if (SHMREG_UNLIKELY(run < (uint32_t)r))
		shmreg_queue_copy_(to + run * elem_bytes, slots + elem_offset, (uint32_t)r - run,
				   elem_bytes, stride);
	SHMREG_COPIED();
	/* Only now, so that who dies while he copies has passed none. */
	if (SHMREG_UNLIKELY(run < (uint32_t)r))
		shmreg_queue_free_(slots, (uint32_t)r - run, claim.lap + 2 * q->lap, stride);
	shmreg_queue_free_(claim.slot + stride, run - 1, claim.lap + q->lap, stride);
	/* The leader last: (I5). */
	shmreg_store_release(shmreg_queue_word_(claim.slot), claim.lap + q->lap);	/* S */
	shmreg_queue_wake_space_(q, claim.shm, (uint32_t)r);
	return r;
}

SHMREG_HOT int shmreg_queue_push_batch(struct shmreg_queue *q, const void *elems, uint32_t n,
				       uint32_t min)
{
	return shmreg_queue_push_batch_sized(q, elems, n, min, q->elem_bytes, q->elem_offset,
					     q->stride);
}

SHMREG_HOT int shmreg_queue_pop_batch(struct shmreg_queue *q, void *elems, uint32_t n)
{
	return shmreg_queue_pop_batch_sized(q, elems, n, q->elem_bytes, q->elem_offset, q->stride);
}

SHMREG_END_DECLS

#endif /* SHMREG_QUEUE_BATCH_INLINE_H */
