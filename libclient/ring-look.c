/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <shmreg/ring.h>

#include "again.h"
#include "relax.h"
#include "ring-look.h"

/* See the argument in shmreg/ring-inline.h, to which labels refer. */

/*
 * (S3): so many lines before it fills one, a producer of single elements fetches it; one of
 * several at once so many lines of the next. Those of more are lost again before they are filled.
 */
#define LINES_AHEAD 4
#define LINES_BEHIND 16
#define LINE 64		/* bytes, of a line of most processors */

/* A look that brings so many elements, or a quarter of the ring, was late enough. */
#define MANY 256

/* Pauses: 0.2 to 3 us, depending on the processor. */
#define PATIENCE_MAX 64

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
	p->limit = p->known = h + p->mask + 1;
	p->lags = used != 0;
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
	there = t - shmreg_ring_head_(c);
	if (there > c->mask + 1)
		return -EUCLEAN;							/* (I1) */
	c->limit = t;
	c->left = there;
	c->eager = NULL;
	if (there > c->high) {
		c->high = there;
		shmreg_store_relaxed(&shm->consumer_high, there);
	}
	return there == 0 ? shmreg_ring_no_more(c) : 0;
}

int shmreg_ring_look_ahead(struct shmreg_ring_producer *p)
{
	struct shmreg_ring_shm *const shm = shmreg_ring_shm_(&p->ring);
	const uint64_t t = p->tail, line = p->per_line, ahead = line * LINES_AHEAD;
	uint64_t room;
	int r;

	if (t == p->known) {
		r = shmreg_ring_look_for_room(p);
		if (r < 0)
			return r;
	}
	room = p->known - t;
	p->limit = p->known;
	if (p->lags && line != 0 && room > ahead) {
		shmreg_prefetch_write(shmreg_ring_slot_(shm, t + ahead, p->mask, p->elem_bytes));
		p->limit = t + line - (t & (line - 1));
	}
	return 0;
}

void shmreg_ring_fetch_behind(const struct shmreg_ring_producer *p, uint64_t n)
{
	const uint64_t at = p->tail + n, first = p->mask + 1 - (at & p->mask);
	const unsigned char *from;
	size_t i, bytes;

	if (n > (p->limit - p->tail) / 2)
		return;
	from = shmreg_ring_slot_(shmreg_ring_shm_(&p->ring), at, p->mask, p->elem_bytes);
	bytes = (size_t)(n < first ? n : first) * p->elem_bytes;
	if (bytes > LINES_BEHIND * LINE)
		bytes = LINES_BEHIND * LINE;
	for (i = 0; i < bytes; i += LINE)
		shmreg_prefetch_write(from + i);
}

/* What a look that brought @there elements says about the next one: (S1). */
static uint32_t patience_after(const struct shmreg_ring_consumer *c, uint64_t there)
{
	const uint64_t quarter = (c->mask + 1) / 4, many = quarter < MANY ? quarter : MANY;

	if (there == 1)
		return 0;
	if (there <= c->patience || there >= many)
		return c->patience / 2;
	return c->patience < PATIENCE_MAX / 2 ? c->patience * 2 + 1 : PATIENCE_MAX;
}

int shmreg_ring_look_politely(struct shmreg_ring_consumer *c)
{
	int r;

	if (c->ring.handle.base == NULL)
		return -ECHILD;
	/* If there is an element, its line is under way together with the tail's. */
	shmreg_prefetch(shmreg_ring_slot_(shmreg_ring_shm_(&c->ring), shmreg_ring_head_(c), c->mask,
					  c->elem_bytes));
	relax_for(c->patience);
	r = shmreg_ring_look_for_more(c);
	c->patience = patience_after(c, c->left);
	/* (S2); if there is one, this call takes it. */
	if (c->patience == 0 && c->left <= 1 && c->high > 0)
		c->eager = shmreg_ring_shm_(&c->ring);
	return r;
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

	if (c->left < n) {
		r = shmreg_ring_look_for_more(c);
		if (r < 0)
			return r;
		if (n > c->left)
			n = c->left;
	}
	if (n == 0)
		return shm == NULL ? -ECHILD : 0;
	c->left -= n;
	shmreg_ring_pass_(c, shm, c->limit - c->left);
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
