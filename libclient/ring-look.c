/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <shmreg/ring.h>

#include "again.h"
#include "ring-look.h"

/* See the argument in shmreg/ring-inline.h, to which labels refer. */

int ring_full(const struct shmreg_ring *ring, uint64_t tail, uint64_t *full_at)
{
	struct shmreg_ring_shm *const shm = shmreg_ring_shm_(ring);

	/*
	 * Once a position: a producer that tries again and again shall not write to the line
	 * that the consumer is about to read. relaxed: a number to look at, its owner's.
	 */
	if (*full_at != tail) {
		*full_at = tail;
		shmreg_store_relaxed(&shm->n_full, shmreg_load_relaxed(&shm->n_full) + 1);
	}
	return handle_again(&ring->handle);
}

int shmreg_ring_no_room(struct shmreg_ring_producer *p)
{
	return ring_full(&p->ring, p->tail, &p->full_at);
}

int shmreg_ring_no_more(const struct shmreg_ring_consumer *c)
{
	return handle_again(&c->ring.handle);
}

int shmreg_ring_look_for_room(struct shmreg_ring_producer *p)
{
	struct shmreg_ring_shm *const shm = shmreg_ring_shm_(&p->ring);
	uint64_t h, used;

	h = shmreg_load_acquire(&shm->head);						/* C' */
	used = p->tail - h;
	if (used > p->mask + 1)
		return -EUCLEAN;							/* (I1) */
	p->limit = h + p->mask + 1;
	if (used > p->high) {
		p->high = used;
		shmreg_store_relaxed(&shm->producer_high, used);
	}
	return used > p->mask ? shmreg_ring_no_room(p) : 0;
}

int shmreg_ring_look_for_more(struct shmreg_ring_consumer *c)
{
	struct shmreg_ring_shm *const shm = shmreg_ring_shm_(&c->ring);
	uint64_t t, there;

	if (shm == NULL)
		return -ECHILD;
	t = shmreg_load_acquire(&shm->tail);						/* P' */
	there = t - c->head;
	if (there > c->mask + 1)
		return -EUCLEAN;							/* (I1) */
	c->limit = t;
	if (there > c->high) {
		c->high = there;
		shmreg_store_relaxed(&shm->consumer_high, there);
	}
	return there == 0 ? shmreg_ring_no_more(c) : 0;
}

int shmreg_ring_bad_commit(struct shmreg_ring_producer *p, uint64_t n)
{
	if (p->ring.handle.base == NULL)
		return -ECHILD;
	if (n != 0)
		return -EINVAL;
	p->reserved = 0;
	return 0;
}

int shmreg_ring_bad_consume(struct shmreg_ring_consumer *c, uint64_t n)
{
	if (c->ring.handle.base == NULL)
		return -ECHILD;
	if (n != 0)
		return -EINVAL;
	c->viewed = 0;
	return 0;
}

int64_t shmreg_ring_skip(struct shmreg_ring_consumer *c, uint64_t n)
{
	struct shmreg_ring_shm *const shm = shmreg_ring_shm_(&c->ring);
	int r;

	if (c->limit - c->head < n) {
		r = shmreg_ring_look_for_more(c);
		if (r < 0)
			return r;
		if (n > c->limit - c->head)
			n = c->limit - c->head;
	}
	if (n == 0)
		return shm == NULL ? -ECHILD : 0;
	shmreg_ring_pass_(c, shm, c->head + n);
	/* relaxed: a number to look at, of which this is the only writer */
	shmreg_store_relaxed(&shm->n_skipped, shmreg_load_relaxed(&shm->n_skipped) + n);
	return (int64_t)n;
}

int64_t shmreg_ring_clear(struct shmreg_ring_consumer *c)
{
	const int64_t n = shmreg_ring_skip(c, UINT64_MAX);

	/* Nothing there is what was asked for, unless there is more to say about it. */
	return n == -EAGAIN ? 0 : n;
}

extern inline int shmreg_ring_push(struct shmreg_ring_producer *p, const void *elem);
extern inline int64_t shmreg_ring_push_bulk(struct shmreg_ring_producer *p, const void *elems,
					    uint64_t n, uint64_t min);
extern inline int64_t shmreg_ring_reserve(struct shmreg_ring_producer *p, void **ret, uint64_t n);
extern inline int shmreg_ring_commit(struct shmreg_ring_producer *p, uint64_t n);
extern inline int shmreg_ring_pop(struct shmreg_ring_consumer *c, void *elem);
extern inline int64_t shmreg_ring_pop_bulk(struct shmreg_ring_consumer *c, void *elems, uint64_t n);
extern inline int shmreg_ring_peek(struct shmreg_ring_consumer *c, uint64_t offset, void *elem);
extern inline int64_t shmreg_ring_view(struct shmreg_ring_consumer *c, const void **ret, uint64_t n);
extern inline int shmreg_ring_consume(struct shmreg_ring_consumer *c, uint64_t n);
