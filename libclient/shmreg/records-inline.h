/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_RECORDS_INLINE_H
#define SHMREG_RECORDS_INLINE_H

/*
 * shmreg/records-inline.h - why the ring of records is correct, and its hot path
 *
 * All of <shmreg/ring-inline.h> holds, its counters being bytes. Besides, n being the
 * capacity and s(b) = 8 + b rounded up to 8 what a record of b bytes takes:
 *
 *   (M1) A record of b <= n / 2 - 8 bytes always fits into an empty ring. s(b) <= n / 2.
 *	  With the tail at offset o of the memory, n - o bytes are left before its end, and o
 *	  behind its beginning; one of them is n / 2 at least. If it is the first, the
 *	  record lies there. Else the first is less than s(b) and filled by padding, and the
 *	  record at the beginning: n - o + s(b) <= n because s(b) <= n / 2 <= o.
 *	  By the same argument records that together take n / 2 at most fit.
 *   (M2) Positions are multiples of 8, and from the head on to the tail there are
 *	  records, each in one piece, and padding only where a record follows it. Who
 *	  reads anything else has not read what a correct process wrote: -EUCLEAN. A
 *	  record's length is loaded once; what is done with it is inside of what was
 *	  checked: the ring's memory, and what is there.
 *   (M3) The count of records that belongs to a counter is the one that the counter's
 *	  flip says; the other belongs to nobody, and is written before the counter. So both
 *	  change by the one store P, or C. Who looks reads the counter, its count, and the
 *	  counter again: had the count been written by a later call, then by the second one
 *	  after that counter, and N' shows the first one's counter, which is another: positions
 *	  never recur. So if the counter is the same, the count is its.
 *
 *   (M4) A long record is copied differently (copy-long.h), but, as any, between the look that
 *	  found room for it and P, between P' and C. Stores that go around the cache keep no
 *	  order by themselves: a fence is behind them, before P.
 *
 *   N: store-release of a count  pairs with  N': load-acquire of it by who looks. The
 *	counter that was stored before it is visible.
 *
 * Waiting. (I5): a call finds too little room, or no further record, only where limit ends,
 * and after it has looked beyond. What a waiter waits for comes to be: each C makes room,
 * and when the ring is empty at last, there is enough (M1).
 *
 * Long records. A producer's store waits for the line that the consumer has read last. Where
 * that is near it takes no longer than memory would, and the consumer finds the record in a cache.
 * Where it is far, memory is several times as fast, for both. Which it is can change while the
 * two run (a virtual machine's processors move), and only time tells.
 *   (W1) So now and then one long record is timed, and the next one, which goes the other way: a
 *	  trial. The other way has to be twice as fast to be taken, for what goes around the cache
 *	  costs the consumer something, too, and a third faster to be left for the way back.
 *   (W2) Three trials in a row have to say so: one may have been interrupted. They follow each
 *	  other at once. Where they say that all is well, the next one is twice as far away, up to
 *	  a limit: a trial of the wrong way costs as much as several records.
 *   (W3) Nothing but time depends on it, nor is it shared.
 */

#include <errno.h>
#include <string.h>

#include <shmreg/records.h>

SHMREG_BEGIN_DECLS

/* What is known of a record that was found: from then on it is not looked at again. */
struct shmreg_record_found {
	uint64_t at;		/* position of its header */
	uint64_t next;		/* position behind it */
	uint64_t bytes;
};

/*
 * Out of line: where a record of @bytes lies that is to follow position @from; looks for
 * more room and fills with padding, if it must.
 *
 * Return: 0; -EAGAIN, -EMSGSIZE, -EUCLEAN, -ESTALE, -ENOTRECOVERABLE, -ECHILD.
 */
SHMREG_API int shmreg_record_place(struct shmreg_record_producer *p, uint64_t from, uint64_t bytes,
				   uint64_t *ret_at);

/*
 * Out of line: the record at position @at, head .. limit, or behind the padding there.
 *
 * Return: 0; -EAGAIN, -EUCLEAN, -ESTALE, -ENOTRECOVERABLE, -ECHILD.
 */
SHMREG_API int shmreg_record_find(struct shmreg_record_consumer *c, uint64_t at,
				  struct shmreg_record_found *ret);

/*
 * Out of line: all of shmreg_record_push(), of shmreg_record_pop(), for a record that is long, or
 * not simply there.
 */
SHMREG_API int shmreg_record_push_any(struct shmreg_record_producer *p, const void *data,
				      size_t bytes);
SHMREG_API int shmreg_record_pop_any(struct shmreg_record_consumer *c, void *data, size_t size,
				     size_t *ret_bytes);

SHMREG_FORCE_INLINE uint64_t shmreg_record_size_(uint64_t bytes)
{
	return (bytes + sizeof(struct shmreg_ring_record) + 7) & ~UINT64_C(7);
}

/* The header at a position, a multiple of 8: masked, whatever the position. */
SHMREG_FORCE_INLINE struct shmreg_ring_record *
shmreg_record_header_(const struct shmreg_ring *ring, uint64_t at, uint64_t mask)
{
	return (struct shmreg_ring_record *)(void *)(ring->handle.base +
						     sizeof(struct shmreg_ring_shm) +
						     (size_t)(at & mask));
}

/* relaxed: P makes it visible, and C keeps it until it was read */
SHMREG_FORCE_INLINE void *shmreg_record_write_header_(struct shmreg_record_producer *p, uint64_t at,
						      uint32_t bytes)
{
	struct shmreg_ring_record *const header = shmreg_record_header_(&p->ring, at, p->mask);

	shmreg_store_relaxed(&header->bytes, bytes);
	shmreg_store_relaxed(&header->reserved, 0);
	return header + 1;
}

/* @n records more, up to position @to. */
SHMREG_FORCE_INLINE void shmreg_record_publish_(struct shmreg_record_producer *p, uint64_t to,
						uint64_t n)
{
	struct shmreg_ring_shm *const shm = shmreg_ring_shm_(&p->ring);
	const uint64_t flip = p->flip ^ SHMREG_RING_FLIP, count = p->n_written + n;

	shmreg_store_release(&shm->n_written[flip], count);				/* N */
	shmreg_store_release(&shm->tail, to | flip);					/* P */
	p->tail = to;
	p->flip = flip;
	p->n_written = count;
	shmreg_ring_wake_items_(&p->ring, shm);
}

SHMREG_FORCE_INLINE void shmreg_record_pass_(struct shmreg_record_consumer *c, uint64_t to,
					     uint64_t n)
{
	struct shmreg_ring_shm *const shm = shmreg_ring_shm_(&c->ring);
	const uint64_t flip = c->flip ^ SHMREG_RING_FLIP, count = c->n_read + n;

	shmreg_store_release(&shm->n_read[flip], count);				/* N */
	shmreg_store_release(&shm->head, to | flip);					/* C */
	c->head = to;
	c->flip = flip;
	c->n_read = count;
	shmreg_ring_wake_space_(&c->ring, shm);
}

/* Is there known to be room for a record of @bytes, @max at most, at the tail? */
SHMREG_FORCE_INLINE int shmreg_record_fits_(const struct shmreg_record_producer *p, uint64_t bytes,
					    uint64_t max)
{
	const uint64_t t = p->tail, size = shmreg_record_size_(bytes);

	return SHMREG_LIKELY(bytes <= max) && SHMREG_LIKELY(size <= p->limit - t) &&
	       SHMREG_LIKELY(size - 1 <= (~t & p->mask));
}

SHMREG_FORCE_INLINE int shmreg_record_place_(struct shmreg_record_producer *p, uint64_t bytes,
					     uint64_t *ret_at)
{
	if (SHMREG_LIKELY(shmreg_record_fits_(p, bytes, p->record_max))) {
		*ret_at = p->tail;
		return 0;
	}
	return shmreg_record_place(p, p->tail, bytes, ret_at);
}

/* Is there a record of @max bytes at most at @h, the head? If not, shmreg_record_find() knows why. */
SHMREG_FORCE_INLINE int shmreg_record_is_there_(struct shmreg_record_consumer *c, uint64_t h,
						uint64_t max,
						struct shmreg_record_found *ret)
{
	uint64_t bytes, size, t;

	if (h == c->limit) {
		if (SHMREG_UNLIKELY(c->ring.handle.base == NULL))
			return 0;
		t = shmreg_load_acquire(&shmreg_ring_shm_(&c->ring)->tail);		/* P' */
		t &= ~SHMREG_RING_LOW_MASK;
		/* One comparison: nothing, nonsense and a new high are all "no". */
		if (SHMREG_UNLIKELY(t - h - 1 >= c->high))
			return 0;
		c->limit = t;
	}
	bytes = shmreg_load_relaxed(&shmreg_record_header_(&c->ring, h, c->mask)->bytes);
	size = shmreg_record_size_(bytes);
	if (SHMREG_LIKELY(bytes <= max) && SHMREG_LIKELY(size <= c->limit - h) &&
	    SHMREG_LIKELY(size - 1 <= (~h & c->mask))) {				/* (M2) */
		ret->at = h;
		ret->next = h + size;
		ret->bytes = bytes;
		return 1;
	}
	return 0;
}

SHMREG_FORCE_INLINE int shmreg_record_oldest_(struct shmreg_record_consumer *c,
					      struct shmreg_record_found *ret)
{
	const uint64_t h = c->head;

	if (SHMREG_LIKELY(shmreg_record_is_there_(c, h, c->record_max, ret)))
		return 0;
	return shmreg_record_find(c, h, ret);
}

SHMREG_HOT int shmreg_record_push(struct shmreg_record_producer *p, const void *data, size_t bytes)
{
	if (SHMREG_UNLIKELY(!shmreg_record_fits_(p, bytes, p->short_max)))
		return shmreg_record_push_any(p, data, bytes);
	memcpy(shmreg_record_write_header_(p, p->tail, (uint32_t)bytes), data, bytes);
	shmreg_record_publish_(p, p->tail + shmreg_record_size_(bytes), 1);
	return 0;
}

SHMREG_HOT int shmreg_record_reserve(struct shmreg_record_producer *p, void **ret, size_t bytes)
{
	uint64_t at;
	const int r = shmreg_record_place_(p, bytes, &at);

	if (SHMREG_UNLIKELY(r < 0))
		return r;
	p->reserved = (uint64_t)bytes + 1;
	p->reserved_at = p->tail;
	p->reserved_place = at;
	*ret = shmreg_record_header_(&p->ring, at, p->mask) + 1;
	return 0;
}

SHMREG_HOT int shmreg_record_commit(struct shmreg_record_producer *p, size_t bytes)
{
	if (SHMREG_UNLIKELY(bytes >= p->reserved || p->tail != p->reserved_at ||
			    p->reserved_place - p->tail + shmreg_record_size_(bytes) >
				    p->limit - p->tail))					/* (I4) */
		return p->ring.handle.base == NULL ? -ECHILD : -EINVAL;
	p->reserved = 0;
	shmreg_record_write_header_(p, p->reserved_place, (uint32_t)bytes);
	shmreg_record_publish_(p, p->reserved_place + shmreg_record_size_(bytes), 1);
	return 0;
}

SHMREG_HOT int shmreg_record_pop(struct shmreg_record_consumer *c, void *data, size_t size,
				 size_t *ret_bytes)
{
	struct shmreg_record_found found;

	if (SHMREG_UNLIKELY(!shmreg_record_is_there_(c, c->head, c->short_max, &found)) ||
	    SHMREG_UNLIKELY(found.bytes > size))
		return shmreg_record_pop_any(c, data, size, ret_bytes);
	*ret_bytes = (size_t)found.bytes;
	memcpy(data, shmreg_record_header_(&c->ring, found.at, c->mask) + 1, (size_t)found.bytes);
	SHMREG_COPIED();
	shmreg_record_pass_(c, found.next, 1);
	return 0;
}

SHMREG_HOT int shmreg_record_view(struct shmreg_record_consumer *c, const void **ret,
				  size_t *ret_bytes)
{
	struct shmreg_record_found found;
	const int r = shmreg_record_oldest_(c, &found);

	if (SHMREG_UNLIKELY(r < 0))
		return r;
	c->viewed = found.next - c->head;
	c->viewed_at = c->head;
	*ret = shmreg_record_header_(&c->ring, found.at, c->mask) + 1;
	*ret_bytes = (size_t)found.bytes;
	return 0;
}

SHMREG_HOT int shmreg_record_consume(struct shmreg_record_consumer *c)
{
	if (SHMREG_UNLIKELY(c->viewed == 0 || c->head != c->viewed_at ||
			    c->viewed > c->limit - c->head))					/* (I4) */
		return c->ring.handle.base == NULL ? -ECHILD : -EINVAL;
	shmreg_record_pass_(c, c->head + c->viewed, 1);
	c->viewed = 0;
	return 0;
}

SHMREG_END_DECLS

#endif /* SHMREG_RECORDS_INLINE_H */
