/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <string.h>

#include "records-long.h"
#include "ring-bind.h"
#include "role.h"

/* relaxed in all of them: taking the role (R) has shown what the predecessor left */

static uint64_t high_of(const uint64_t *high, const struct shmreg_shape *shape)
{
	const uint64_t n = shmreg_load_relaxed(high);

	/* Above the capacity it would hide that the ring is full. */
	return n > shape->capacity ? shape->capacity : n;
}

/* (S3) in shmreg/ring-inline.h: the stores of few longer elements reach several lines anyway. */
static uint32_t per_line(size_t elem_bytes)
{
	return elem_bytes <= 8 ? 8 : elem_bytes <= 16 ? 4 : elem_bytes <= 32 ? 2 : 0;
}

void ring_producer_prepare(struct shmreg_ring_producer *p)
{
	const struct shmreg_ring_shm *shm = shmreg_ring_shm_(&p->ring);
	const struct shmreg_shape *shape = &p->ring.handle.shape;

	p->tail = shmreg_load_relaxed(&shm->tail);
	p->limit = p->tail;
	p->known = p->tail;
	p->mask = shape->capacity - 1;
	p->elem_bytes = (size_t)shape->elem_bytes;
	p->high = high_of(&shm->producer_high, shape);
	p->full_at = ~p->tail;
	p->reserved = 0;
	p->reserved_at = 0;
	p->per_line = per_line(p->elem_bytes);
	p->lags = 0;
}

void ring_consumer_prepare(struct shmreg_ring_consumer *c)
{
	const struct shmreg_ring_shm *shm = shmreg_ring_shm_(&c->ring);
	const struct shmreg_shape *shape = &c->ring.handle.shape;

	c->limit = shmreg_load_relaxed(&shm->head);
	c->left = 0;
	c->mask = shape->capacity - 1;
	c->elem_bytes = (size_t)shape->elem_bytes;
	c->high = high_of(&shm->consumer_high, shape);
	c->viewed = 0;
	c->viewed_at = 0;
	c->patience = 0;
	c->eager = NULL;
}

void record_producer_prepare(struct shmreg_record_producer *p)
{
	const struct shmreg_ring_shm *shm = shmreg_ring_shm_(&p->ring);
	const struct shmreg_shape *shape = &p->ring.handle.shape;
	const uint64_t tail = shmreg_load_relaxed(&shm->tail);

	p->tail = tail & ~SHMREG_RING_LOW_MASK;
	p->flip = tail & SHMREG_RING_FLIP;
	p->n_written = shmreg_load_relaxed(&shm->n_written[p->flip]);
	p->limit = p->tail;
	p->mask = shape->capacity - 1;
	p->record_max = shmreg_record_max(&p->ring);
	p->high = high_of(&shm->producer_high, shape);
	p->full_at = ~p->tail;
	p->reserved = 0;
	p->reserved_at = 0;
	p->reserved_place = 0;
	p->short_max = p->record_max < RECORD_SHORT ? p->record_max : RECORD_SHORT;
	record_way_prepare(&p->way);
}

void record_consumer_prepare(struct shmreg_record_consumer *c)
{
	const struct shmreg_ring_shm *shm = shmreg_ring_shm_(&c->ring);
	const struct shmreg_shape *shape = &c->ring.handle.shape;
	const uint64_t head = shmreg_load_relaxed(&shm->head);

	c->head = head & ~SHMREG_RING_LOW_MASK;
	c->flip = head & SHMREG_RING_FLIP;
	c->n_read = shmreg_load_relaxed(&shm->n_read[c->flip]);
	c->limit = c->head;
	c->mask = shape->capacity - 1;
	c->record_max = shmreg_record_max(&c->ring);
	c->high = high_of(&shm->consumer_high, shape);
	c->viewed = 0;
	c->viewed_at = 0;
	c->short_max = c->record_max < RECORD_SHORT ? c->record_max : RECORD_SHORT;
}

void ring_bind_const(struct shmreg_ring *ring, void *base, const struct shmreg_shape *shape)
{
	memset(ring, 0, sizeof(*ring));
	ring->handle.base = base;
	ring->handle.shape = *shape;
}

static bool bind_role(struct shmreg_ring *ring, void *base, const struct shmreg_shape *shape,
		      uint32_t seat, size_t role)
{
	if (!role_try((uint64_t *)(void *)((unsigned char *)base + role), seat))
		return false;
	ring_bind_const(ring, base, shape);
	ring->handle.seat = seat;
	return true;
}

#define PRODUCER offsetof(struct shmreg_ring_shm, producer)
#define CONSUMER offsetof(struct shmreg_ring_shm, consumer)

bool ring_producer_bind(struct shmreg_ring_producer *p, void *base,
			const struct shmreg_shape *shape, uint32_t seat)
{
	memset(p, 0, sizeof(*p));
	if (!bind_role(&p->ring, base, shape, seat, PRODUCER))
		return false;
	ring_producer_prepare(p);
	return true;
}

bool ring_consumer_bind(struct shmreg_ring_consumer *c, void *base,
			const struct shmreg_shape *shape, uint32_t seat)
{
	memset(c, 0, sizeof(*c));
	if (!bind_role(&c->ring, base, shape, seat, CONSUMER))
		return false;
	ring_consumer_prepare(c);
	return true;
}

bool record_producer_bind(struct shmreg_record_producer *p, void *base,
			  const struct shmreg_shape *shape, uint32_t seat)
{
	memset(p, 0, sizeof(*p));
	if (!bind_role(&p->ring, base, shape, seat, PRODUCER))
		return false;
	record_producer_prepare(p);
	return true;
}

bool record_consumer_bind(struct shmreg_record_consumer *c, void *base,
			  const struct shmreg_shape *shape, uint32_t seat)
{
	memset(c, 0, sizeof(*c));
	if (!bind_role(&c->ring, base, shape, seat, CONSUMER))
		return false;
	record_consumer_prepare(c);
	return true;
}
