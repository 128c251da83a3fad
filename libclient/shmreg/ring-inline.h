/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_RING_INLINE_H
#define SHMREG_RING_INLINE_H

/*
 * shmreg/ring-inline.h - why the ring is correct, and its hot path
 *
 * Words are those of <shmreg/abi/ring.h>. t is the tail, h the head, n the capacity;
 * element i is the i-th ever pushed and lies in slot i mod n.
 *
 *   (I1) h <= t <= h + n, modulo 2^64. Only the producer raises t, and only after it has
 *	  seen t - h < n; only the consumer raises h, after it has seen h < t. Each works
 *	  with its own exact counter, and an old, hence smaller, value of the other's:
 *	  stale means cautious, never wrong.
 *   (I2) The slot of an element i with h <= i < t is the consumer's, any other the
 *	  producer's. Ownership passes by the two stores P and C only, so no byte of a
 *	  slot is accessed by both at once.
 *   (I3) There is one producer and one consumer (role.h). The private counter of who
 *	  has a role, the consumer's being limit - left, equals the one in shared memory
 *	  whenever none of its calls is under way: it is read from there when the role is
 *	  taken.
 *   (I4) limit is a value of the tail up to which the handle may go without another look:
 *	  tail <= limit <= known <= h + n for the producer, head <= limit <= t for the
 *	  consumer, which keeps limit and what is left before it: a pop stores one of the
 *	  two. In a handle that fork() wiped the counter is at its limit, and eager is NULL,
 *	  so that every call looks for more first, and finds that there is no ring. Whatever
 *	  the peer writes, limit - tail and left are between 0 and n: it is what keeps
 *	  bulk copies inside of the ring. A broken ring's limit may go back, so whoever
 *	  has let go of the handle since it last looked at the limit compares again.
 *
 *   P: store-release of the tail  pairs with  P': load-acquire of the tail by the
 *	consumer. Elements below t are visible.
 *   C: store-release of the head  pairs with  C': load-acquire of the head by the
 *	producer. The last reads of the slots below h are done.
 *
 * Waiting. Elements come by P and room by C, and by nothing else: each is a P of
 * <shmreg/wake.h>, and right behind it its call looks for sleepers.
 *   (I5) A call finds less than was asked for only after it has loaded the other's counter, by
 *	  C' or P', and then limit says no more than that: the next try of the same loads it
 *	  again. So what a sleeper tries after its announcement is step 4 there, whatever it
 *	  knew of the counter before.
 *   (I6) The roles let one handle wait for elements and one for room. So all are woken, which
 *	  is one system call and takes S away, where to wake one takes a second to
 *	  find out that there is nobody else. Who wants several at once is in nobody's
 *	  place: each P, or C, wakes it until they are enough. And nothing is to be
 *	  passed on (N4).
 *
 * Death. The last thing that any call does to the shared memory, but for numbers to
 * look at and words to sleep on, is P or C, one aligned 64-bit store. Before it the call
 * has had no effect that anybody may look at, after it the call is complete. There is no
 * third state, so who takes over the role has nothing to ask and nothing to mend. R
 * (role.h) shows it the counter that its predecessor left.
 *
 * Trust. The other's counter is used only where it is at most n away from one's own,
 * and a slot's index is masked.
 *
 * Streams. A line that both sides use costs each of them its way between the processors, and
 * nothing below depends on when it is looked at, or fetched.
 *   (S1) A consumer that keeps up would look after every few elements, and each time take
 *	  the tail's line from the producer, which then waits for it to write the next. So
 *	  while the looks of pop() bring few, the next is preceded by pauses (patience): one
 *	  more than twice as many each time, up to a limit. It does not grow where fewer come
 *	  than it pauses: then the elements are slower than the line. A look that brings many
 *	  halves it, one that brings nothing too: so it is gone soon after the stream. One
 *	  that brings a single element is what a request or an answer is, and ends it.
 *   (S2) Where all that is known is an element at a time, pop()'s look is inline. eager is then
 *	  the ring, and says besides that there is nothing to wait for, no new high if it is
 *	  one, and nothing left before the limit, which is so until another look brings more.
 *   (S3) A store to a line that the consumer has read waits until that is told, and the
 *	  stores behind it wait, too. So a producer whose consumer lags, and is not just as
 *	  far behind as it can be, fetches lines ahead of filling them. For that push() has
 *	  a limit at each line's end; what there is room for is known. push_bulk() fetches
 *	  those that as many elements again will fill.
 */

#include <errno.h>
#include <string.h>

#include <shmreg/ring.h>
#include <shmreg/wake.h>

SHMREG_BEGIN_DECLS

/*
 * Out of line: look at the other's counter when it says what is worth more than a
 * comparison: nothing, nonsense, or more than ever.
 *
 * Return: 0 there is room for one, or one; -EAGAIN, -EUCLEAN, -ESTALE, -ENOTRECOVERABLE;
 * those of the consumer: -ECHILD.
 */
SHMREG_API int shmreg_ring_look_for_room(struct shmreg_ring_producer *p);
SHMREG_API int shmreg_ring_look_for_more(struct shmreg_ring_consumer *c);

/* The same for a push or a pop of one element, of which there may be a stream: see "Streams". */
SHMREG_API int shmreg_ring_look_ahead(struct shmreg_ring_producer *p);
SHMREG_API int shmreg_ring_look_politely(struct shmreg_ring_consumer *c);

/* Several are about to be pushed, and the consumer lags: fetch the lines of as many behind them. */
SHMREG_API void shmreg_ring_fetch_behind(const struct shmreg_ring_producer *p, uint64_t n);

/* There is not as much as was asked for. Return: -EAGAIN, -ESTALE, -ENOTRECOVERABLE, -ECHILD. */
SHMREG_API int shmreg_ring_no_room(struct shmreg_ring_producer *p);
SHMREG_API int shmreg_ring_no_more(const struct shmreg_ring_consumer *c);

/* What is wrong with commit() or consume() of @n; 0 of them is nothing to do. Return: 0, -EINVAL, -ECHILD. */
SHMREG_API int shmreg_ring_bad_commit(struct shmreg_ring_producer *p, uint64_t n);
SHMREG_API int shmreg_ring_bad_consume(struct shmreg_ring_consumer *c, uint64_t n);

SHMREG_FORCE_INLINE struct shmreg_ring_shm *shmreg_ring_shm_(const struct shmreg_ring *ring)
{
	return (struct shmreg_ring_shm *)(void *)ring->handle.base;
}

/* The slot of an element: masked, whatever its number. */
SHMREG_FORCE_INLINE unsigned char *shmreg_ring_slot_(struct shmreg_ring_shm *shm, uint64_t i,
						     uint64_t mask, size_t elem_bytes)
{
	return (unsigned char *)(shm + 1) + (size_t)(i & mask) * elem_bytes;
}

/*
 * Elements are copied. A length that is constant where it was inlined is a run of vector moves up
 * to 256 bytes; above, gcc makes "rep movs" of it, which a call of memcpy() outruns.
 */
SHMREG_FORCE_INLINE void shmreg_ring_copy_(void *to, const void *from, size_t n)
{
	if (__builtin_constant_p(n) && n > 256)
		__asm__("" : "+r"(n));
	memcpy(to, from, n);
}

/*
 * One element: a word at a time. Its fields were written one by one just before, often, and a vector
 * of several stores that are under way cannot be had before they have all arrived.
 */
SHMREG_FORCE_INLINE void shmreg_ring_copy_one_(void *to, const void *from, size_t n)
{
	uint64_t word;
	size_t i;

	if (!__builtin_constant_p(n) || n > 64 || n % sizeof(word) != 0) {
		memcpy(to, from, n);
		return;
	}
#pragma GCC unroll 8
	for (i = 0; i < n; i += sizeof(word)) {
		memcpy(&word, (const unsigned char *)from + i, sizeof(word));
		__asm__("" : "+r"(word));
		memcpy((unsigned char *)to + i, &word, sizeof(word));
	}
}

/*
 * Is there room, after all? One comparison: full, nonsense and a new high are all "no".
 * @t: p->tail, which the compiler would have to load anew.
 */
SHMREG_FORCE_INLINE int shmreg_ring_see_head_(struct shmreg_ring_producer *p, uint64_t t)
{
	uint64_t h;

	if (SHMREG_UNLIKELY(p->ring.handle.base == NULL))
		return -ECHILD;
	h = shmreg_load_acquire(&shmreg_ring_shm_(&p->ring)->head);			/* C' */
	if (SHMREG_UNLIKELY(t - h >= p->high))
		return shmreg_ring_look_for_room(p);
	p->limit = p->known = h + p->mask + 1;
	p->lags = h != t;
	return 0;
}

/* Consumer: the number of the next element. */
SHMREG_FORCE_INLINE uint64_t shmreg_ring_head_(const struct shmreg_ring_consumer *c)
{
	return c->limit - c->left;
}

/* Is there more than we know of? @h: the head, which the compiler would have to compute anew. */
SHMREG_FORCE_INLINE int shmreg_ring_see_tail_(struct shmreg_ring_consumer *c, uint64_t h)
{
	uint64_t t;

	if (SHMREG_UNLIKELY(c->ring.handle.base == NULL))
		return -ECHILD;
	t = shmreg_load_acquire(&shmreg_ring_shm_(&c->ring)->tail);			/* P' */
	if (SHMREG_UNLIKELY(t - h - 1 >= c->high))
		return shmreg_ring_look_for_more(c);
	c->limit = t;
	c->left = t - h;
	c->eager = NULL;
	return 0;
}

/* Behind P and C: (I6). @shm: see shmreg_ring_publish_(). */
SHMREG_FORCE_INLINE void shmreg_ring_wake_items_(const struct shmreg_ring *ring,
						 const struct shmreg_ring_shm *shm)
{
	shmreg_wake_(&ring->handle, shm, offsetof(struct shmreg_ring_shm, items), SHMREG_WAKE_ALL);
}

SHMREG_FORCE_INLINE void shmreg_ring_wake_space_(const struct shmreg_ring *ring,
						 const struct shmreg_ring_shm *shm)
{
	shmreg_wake_(&ring->handle, shm, offsetof(struct shmreg_ring_shm, space), SHMREG_WAKE_ALL);
}

/* @shm: the handle's, which a caller has in a register while the copy might have changed it. */
SHMREG_FORCE_INLINE void shmreg_ring_publish_(struct shmreg_ring_producer *p,
					      struct shmreg_ring_shm *shm, uint64_t t)
{
	shmreg_store_release(&shm->tail, t);						/* P */
	p->tail = t;
	shmreg_ring_wake_items_(&p->ring, shm);
}

SHMREG_FORCE_INLINE void shmreg_ring_pass_(struct shmreg_ring_consumer *c,
					   struct shmreg_ring_shm *shm, uint64_t h)
{
	/* Not a store-store barrier: our loads of the slots come first. */
	shmreg_store_release(&shm->head, h);						/* C */
	shmreg_ring_wake_space_(&c->ring, shm);
}

SHMREG_FORCE_INLINE int shmreg_ring_push_sized(struct shmreg_ring_producer *p, const void *elem,
					       size_t elem_bytes)
{
	struct shmreg_ring_shm *const shm = shmreg_ring_shm_(&p->ring);
	const uint64_t t = p->tail;
	int r;

	if (SHMREG_UNLIKELY(t == p->limit)) {
		r = shm == NULL ? -ECHILD : shmreg_ring_look_ahead(p);
		if (SHMREG_UNLIKELY(r < 0))
			return r;
	}

	shmreg_ring_copy_one_(shmreg_ring_slot_(shm, t, p->mask, elem_bytes), elem, elem_bytes);
	shmreg_ring_publish_(p, shm, t + 1);
	return 0;
}

SHMREG_FORCE_INLINE int shmreg_ring_pop_sized(struct shmreg_ring_consumer *c, void *elem,
					      size_t elem_bytes)
{
	struct shmreg_ring_shm *shm = c->eager;
	uint64_t h = c->limit, left;
	int r;

	if (shm != NULL && SHMREG_LIKELY(shmreg_load_acquire(&shm->tail) - h == 1)) {	/* P', (S2) */
		c->limit = h + 1;
	} else {
		shm = shmreg_ring_shm_(&c->ring);
		left = c->left;
		if (SHMREG_LIKELY(left != 0)) {
			h -= left;
		} else {
			r = shmreg_ring_look_politely(c);
			if (SHMREG_UNLIKELY(r < 0))
				return r;
			left = c->left;
		}
		c->left = left - 1;
	}
	shmreg_ring_copy_one_(elem, shmreg_ring_slot_(shm, h, c->mask, elem_bytes), elem_bytes);
	SHMREG_COPIED();
	shmreg_ring_pass_(c, shm, h + 1);
	return 0;
}

SHMREG_FORCE_INLINE int64_t shmreg_ring_push_bulk_sized(struct shmreg_ring_producer *p,
							const void *elems, uint64_t n, uint64_t min,
							size_t elem_bytes)
{
	struct shmreg_ring_shm *const shm = shmreg_ring_shm_(&p->ring);
	const unsigned char *from = (const unsigned char *)elems;
	const uint64_t t = p->tail, first = p->mask + 1 - (t & p->mask);
	uint64_t room = p->limit - t;
	int r;

	if (SHMREG_UNLIKELY(n == 0 && min == 0))
		return 0;
	if (SHMREG_UNLIKELY(min > n || min > p->mask + 1))
		return p->ring.handle.base == NULL ? -ECHILD : -EINVAL;
	if (room < n) {
		r = shmreg_ring_see_head_(p, t);
		if (SHMREG_UNLIKELY(r < 0))
			return r;
		room = p->limit - t;
	}
	if (SHMREG_UNLIKELY(p->lags))
		shmreg_ring_fetch_behind(p, n);
	/* All of it in one run: if n is a constant here, the compiler knows how much it copies. */
	if (SHMREG_LIKELY(n <= room && n <= first)) {
		shmreg_ring_copy_(shmreg_ring_slot_(shm, t, p->mask, elem_bytes), from,
				  (size_t)n * elem_bytes);
		shmreg_ring_publish_(p, shm, t + n);
		return (int64_t)n;
	}
	if (SHMREG_UNLIKELY(room < min))
		return shmreg_ring_no_room(p);
	if (n > room)
		n = room;
	if (n <= first) {
		memcpy(shmreg_ring_slot_(shm, t, p->mask, elem_bytes), from,
		       (size_t)n * elem_bytes);
	} else {
		memcpy(shmreg_ring_slot_(shm, t, p->mask, elem_bytes), from,
		       (size_t)first * elem_bytes);
		memcpy(shmreg_ring_slot_(shm, 0, p->mask, elem_bytes),
		       from + (size_t)first * elem_bytes, (size_t)(n - first) * elem_bytes);
	}
	shmreg_ring_publish_(p, shm, t + n);
	return (int64_t)n;
}

SHMREG_FORCE_INLINE int64_t shmreg_ring_pop_bulk_sized(struct shmreg_ring_consumer *c, void *elems,
						       uint64_t n, size_t elem_bytes)
{
	struct shmreg_ring_shm *const shm = shmreg_ring_shm_(&c->ring);
	unsigned char *to = (unsigned char *)elems;
	const uint64_t h = shmreg_ring_head_(c);
	const uint64_t first = c->mask + 1 - (h & c->mask);
	uint64_t there = c->left;
	int r;

	if (SHMREG_UNLIKELY(n == 0))
		return 0;
	if (there < n) {
		r = shmreg_ring_see_tail_(c, h);
		if (SHMREG_UNLIKELY(r < 0))
			return r;
		there = c->left;
	}
	if (SHMREG_LIKELY(n <= there && n <= first)) {	/* as in push_bulk */
		shmreg_ring_copy_(to, shmreg_ring_slot_(shm, h, c->mask, elem_bytes),
				  (size_t)n * elem_bytes);
		SHMREG_COPIED();
		c->left = there - n;
		shmreg_ring_pass_(c, shm, h + n);
		return (int64_t)n;
	}
	if (n > there)
		n = there;
	if (n <= first) {
		memcpy(to, shmreg_ring_slot_(shm, h, c->mask, elem_bytes),
		       (size_t)n * elem_bytes);
	} else {
		memcpy(to, shmreg_ring_slot_(shm, h, c->mask, elem_bytes),
		       (size_t)first * elem_bytes);
		memcpy(to + (size_t)first * elem_bytes,
		       shmreg_ring_slot_(shm, 0, c->mask, elem_bytes),
		       (size_t)(n - first) * elem_bytes);
	}
	SHMREG_COPIED();
	c->left = there - n;
	shmreg_ring_pass_(c, shm, h + n);
	return (int64_t)n;
}

SHMREG_FORCE_INLINE int64_t shmreg_ring_reserve_sized(struct shmreg_ring_producer *p, void **ret,
						      uint64_t n, size_t elem_bytes)
{
	struct shmreg_ring_shm *const shm = shmreg_ring_shm_(&p->ring);
	const uint64_t t = p->tail;
	uint64_t room = p->limit - t;
	int r;

	if (SHMREG_UNLIKELY(n == 0))
		return 0;
	if (room < n) {
		r = shmreg_ring_see_head_(p, t);
		if (SHMREG_UNLIKELY(r < 0))
			return r;
		room = p->limit - t;
	}
	if (room > p->mask + 1 - (t & p->mask))
		room = p->mask + 1 - (t & p->mask);
	if (n > room)
		n = room;
	p->reserved = n;
	p->reserved_at = t;
	*ret = shmreg_ring_slot_(shm, t, p->mask, elem_bytes);
	return (int64_t)n;
}

SHMREG_FORCE_INLINE int64_t shmreg_ring_view_sized(struct shmreg_ring_consumer *c, const void **ret,
						   uint64_t n, size_t elem_bytes)
{
	struct shmreg_ring_shm *const shm = shmreg_ring_shm_(&c->ring);
	const uint64_t h = shmreg_ring_head_(c);
	uint64_t there = c->left;
	int r;

	if (SHMREG_UNLIKELY(n == 0))
		return 0;
	if (there < n) {
		r = shmreg_ring_see_tail_(c, h);
		if (SHMREG_UNLIKELY(r < 0))
			return r;
		there = c->left;
	}
	if (there > c->mask + 1 - (h & c->mask))
		there = c->mask + 1 - (h & c->mask);
	if (n > there)
		n = there;
	c->viewed = n;
	c->viewed_at = h;
	*ret = shmreg_ring_slot_(shm, h, c->mask, elem_bytes);
	return (int64_t)n;
}

SHMREG_FORCE_INLINE int shmreg_ring_peek_sized(struct shmreg_ring_consumer *c, uint64_t offset,
					       void *elem, size_t elem_bytes)
{
	struct shmreg_ring_shm *const shm = shmreg_ring_shm_(&c->ring);
	const uint64_t h = shmreg_ring_head_(c);
	int r;

	if (c->left <= offset) {
		r = shmreg_ring_see_tail_(c, h);
		if (SHMREG_UNLIKELY(r < 0))
			return r;
		if (SHMREG_UNLIKELY(c->left <= offset))
			return shmreg_ring_no_more(c);
	}
	memcpy(elem, shmreg_ring_slot_(shm, h + offset, c->mask, elem_bytes), elem_bytes);
	SHMREG_COPIED();
	return 0;
}

SHMREG_HOT int shmreg_ring_push(struct shmreg_ring_producer *p, const void *elem)
{
	return shmreg_ring_push_sized(p, elem, p->elem_bytes);
}

SHMREG_HOT int64_t shmreg_ring_push_bulk(struct shmreg_ring_producer *p, const void *elems,
					 uint64_t n, uint64_t min)
{
	return shmreg_ring_push_bulk_sized(p, elems, n, min, p->elem_bytes);
}

SHMREG_HOT int64_t shmreg_ring_reserve(struct shmreg_ring_producer *p, void **ret, uint64_t n)
{
	return shmreg_ring_reserve_sized(p, ret, n, p->elem_bytes);
}

SHMREG_HOT int shmreg_ring_commit(struct shmreg_ring_producer *p, uint64_t n)
{
	/* The last: another look may have shown less room than then, in a broken ring: (I4). */
	if (SHMREG_UNLIKELY(n - 1 >= p->reserved || p->tail != p->reserved_at ||
			    n > p->limit - p->tail))
		return shmreg_ring_bad_commit(p, n);
	p->reserved = 0;
	shmreg_ring_publish_(p, shmreg_ring_shm_(&p->ring), p->tail + n);
	return 0;
}

SHMREG_HOT int shmreg_ring_pop(struct shmreg_ring_consumer *c, void *elem)
{
	return shmreg_ring_pop_sized(c, elem, c->elem_bytes);
}

SHMREG_HOT int64_t shmreg_ring_pop_bulk(struct shmreg_ring_consumer *c, void *elems, uint64_t n)
{
	return shmreg_ring_pop_bulk_sized(c, elems, n, c->elem_bytes);
}

SHMREG_HOT int shmreg_ring_peek(struct shmreg_ring_consumer *c, uint64_t offset, void *elem)
{
	return shmreg_ring_peek_sized(c, offset, elem, c->elem_bytes);
}

SHMREG_HOT int64_t shmreg_ring_view(struct shmreg_ring_consumer *c, const void **ret, uint64_t n)
{
	return shmreg_ring_view_sized(c, ret, n, c->elem_bytes);
}

SHMREG_HOT int shmreg_ring_consume(struct shmreg_ring_consumer *c, uint64_t n)
{
	const uint64_t h = shmreg_ring_head_(c);

	if (SHMREG_UNLIKELY(n - 1 >= c->viewed || h != c->viewed_at || n > c->left))		/* (I4) */
		return shmreg_ring_bad_consume(c, n);
	c->viewed = 0;
	c->left -= n;
	shmreg_ring_pass_(c, shmreg_ring_shm_(&c->ring), h + n);
	return 0;
}

SHMREG_END_DECLS

#endif /* SHMREG_RING_INLINE_H */
