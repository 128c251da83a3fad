/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <shmreg/ring.h>

#include "ring-bind.h"
#include "rows.h"

struct sample {
	uint64_t word[3];
};
SHMREG_DEFINE_RING(sample_ring, struct sample);

#define MAX_BULK 70

struct state {
	struct shmreg_ring_producer *p;
	struct shmreg_ring_consumer *c;
	struct shmreg_ring_producer own_p;
	struct shmreg_ring_consumer own_c;
	struct shmreg_shape shape;
};

static const struct shmreg_shape shapes[] = {
	{ SHMREG_KIND_RING, SHMREG_RING_LAYOUT, 0, 8, 24, 2, { 0 } },
	{ SHMREG_KIND_RING, SHMREG_RING_LAYOUT, 0, 8, 24, 64, { 0 } },
	{ SHMREG_KIND_RING, SHMREG_RING_LAYOUT, 0, 1, 1, 16, { 0 } },
	{ SHMREG_KIND_RING, SHMREG_RING_LAYOUT, 0, 128, 256, 8, { 0 } },
};

static void bind(void *memory, void *base, const struct shmreg_shape *shape)
{
	struct state *s = memory;

	memset(s, 0, sizeof(*s));
	s->shape = *shape;
	s->p = &s->own_p;
	s->c = &s->own_c;
	/* Whether it worked shows in the handle. */
	(void)ring_producer_bind(s->p, base, shape, HOSTILE_SEAT);
	(void)ring_consumer_bind(s->c, base, shape, HOSTILE_SEAT + 1);
}

static void open_handles(void *memory, struct shmreg_segment *segment, const char *name,
			 const struct shmreg_shape *shape)
{
	const struct shmreg_ring_params params = { .size = sizeof(params),
						   .capacity = shape->capacity,
						   .elem_bytes = shape->elem_bytes,
						   .elem_align = shape->elem_align };
	struct state *s = memory;

	memset(s, 0, sizeof(*s));
	s->shape = *shape;
	if (!OPENED(shmreg_ring_producer_open_or_create(segment, &s->p, name, &params)))
		s->p = &s->own_p;
	if (!OPENED(shmreg_ring_consumer_open_or_create(segment, &s->c, name, &params)))
		s->c = &s->own_c;
}

static void look(const struct shmreg_ring *ring, uint64_t capacity)
{
	struct shmreg_ring_stats stats = { .size = sizeof(stats) };

	if (ring->handle.base == NULL)
		capacity = 0;
	EXPECT(shmreg_ring_capacity(ring) == capacity);
	EXPECT(shmreg_ring_length(ring) <= capacity);
	EXPECT(shmreg_ring_space(ring) <= capacity);
	if (RESULT(&ring->handle, shmreg_ring_stat(ring, &stats), 0) == 0)
		EXPECT(stats.length <= capacity);
}

static void produce(struct state *s, struct random_state *r)
{
	const size_t bytes = (size_t)s->shape.elem_bytes;
	struct shmreg_ring_producer *p = s->p;
	const struct shmreg_handle *h = &p->ring.handle;
	/* Nothing at all is done with any handle. */
	const uint64_t n = random_below(r, MAX_BULK) + (h->base == NULL);
	const uint64_t min = random_below(r, n + 2);
	long long got;
	void *at = NULL;

	switch (random_below(r, 4)) {
	case 0:
		RESULT(h, shmreg_ring_push(p, hostile_buffer(0, bytes)), -EAGAIN, -EUCLEAN);
		break;
	case 1:
		got = RESULT(h, shmreg_ring_push_bulk(p, hostile_buffer(0, (size_t)n * bytes), n, min),
			     -EAGAIN, -EINVAL, -EUCLEAN);
		EXPECT(got <= (long long)n);
		break;
	case 2:
		got = RESULT(h, shmreg_ring_reserve(p, &at, n), -EAGAIN, -EUCLEAN);
		EXPECT(got <= (long long)n);
		if (got <= 0)
			break;
		INSIDE(h, at, (uint64_t)got * bytes, s->shape.elem_align);
		memset(at, 1, (size_t)got * bytes);
		if (random_below(r, 4) != 0)
			RESULT(h, shmreg_ring_commit(p, random_below(r, (uint64_t)got + 2)), -EINVAL,
			       -EUCLEAN);
		break;
	default:
		RESULT(h, shmreg_ring_commit(p, n), -EINVAL, -EUCLEAN);
	}
}

static void consume(struct state *s, struct random_state *r)
{
	const size_t bytes = (size_t)s->shape.elem_bytes;
	struct shmreg_ring_consumer *c = s->c;
	const struct shmreg_handle *h = &c->ring.handle;
	const uint64_t n = random_below(r, MAX_BULK) + (h->base == NULL);
	const void *at = NULL;
	long long got;

	switch (random_below(r, 7)) {
	case 0:
		RESULT(h, shmreg_ring_pop(c, hostile_buffer(0, bytes)), -EAGAIN, -EUCLEAN);
		break;
	case 1:
		got = RESULT(h, shmreg_ring_pop_bulk(c, hostile_buffer(0, (size_t)n * bytes), n),
			     -EAGAIN, -EUCLEAN);
		EXPECT(got <= (long long)n);
		break;
	case 2:
		RESULT(h, shmreg_ring_peek(c, n, hostile_buffer(0, bytes)), -EAGAIN, -EUCLEAN);
		break;
	case 3:
		got = RESULT(h, shmreg_ring_view(c, &at, n), -EAGAIN, -EUCLEAN);
		EXPECT(got <= (long long)n);
		if (got <= 0)
			break;
		INSIDE(h, at, (uint64_t)got * bytes, s->shape.elem_align);
		memcpy(hostile_buffer(0, (size_t)got * bytes), at, (size_t)got * bytes);
		RESULT(h, shmreg_ring_consume(c, random_below(r, (uint64_t)got + 2)), -EINVAL,
		       -EUCLEAN);
		break;
	case 4:
		RESULT(h, shmreg_ring_consume(c, n), -EINVAL, -EUCLEAN);
		break;
	case 5:
		got = RESULT(h, shmreg_ring_skip(c, n), -EAGAIN, -EUCLEAN);
		EXPECT(got <= (long long)n);
		break;
	default:
		got = RESULT(h, shmreg_ring_clear(c), -EUCLEAN);
		EXPECT(got <= (long long)s->shape.capacity);
	}
}

static void typed(struct state *s, struct random_state *r)
{
	struct sample_ring_producer *p = (struct sample_ring_producer *)s->p;
	struct sample_ring_consumer *c = (struct sample_ring_consumer *)s->c;
	struct sample *sample = hostile_buffer(0, 3 * sizeof(*sample));

	switch (random_below(r, 5)) {
	case 0:
		RESULT(&s->p->ring.handle, sample_ring_push(p, sample), -EAGAIN, -EUCLEAN);
		break;
	case 1:
		RESULT(&s->p->ring.handle, sample_ring_push_bulk(p, sample, 3, 1), -EAGAIN, -EINVAL,
		       -EUCLEAN);
		break;
	case 2:
		RESULT(&s->c->ring.handle, sample_ring_pop(c, sample), -EAGAIN, -EUCLEAN);
		break;
	case 3:
		RESULT(&s->c->ring.handle, sample_ring_pop_bulk(c, sample, 3), -EAGAIN, -EUCLEAN);
		break;
	default:
		RESULT(&s->c->ring.handle, sample_ring_peek(c, random_below(r, 4), sample), -EAGAIN,
		       -EUCLEAN);
	}
}

static void act(void *memory, struct random_state *r)
{
	struct state *s = memory;

	switch (random_below(r, 10)) {
	case 0:
		look(&s->p->ring, s->shape.capacity);
		look(&s->c->ring, s->shape.capacity);
		break;
	case 1:
	case 2:
		if (s->shape.elem_bytes == sizeof(struct sample)) {
			typed(s, r);
			break;
		}
		/* fallthrough */
	default:
		if (random_below(r, 2))
			produce(s, r);
		else
			consume(s, r);
	}
}

const struct hostile_row hostile_ring = {
	"ring", shapes, ROW_N(shapes), sizeof(struct state), bind, open_handles, act,
	NULL, NULL,
};
