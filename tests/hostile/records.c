/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <shmreg/records.h>

#include "ring-bind.h"
#include "rows.h"

#define MAX_BYTES 300
#define SHORT 100

struct state {
	struct shmreg_record_producer *p;
	struct shmreg_record_consumer *c;
	struct shmreg_record_producer own_p;
	struct shmreg_record_consumer own_c;
};

static const struct shmreg_shape shapes[] = {
	{ SHMREG_KIND_RING, SHMREG_RING_LAYOUT, SHMREG_RING_RECORDS, 1, 1, 64, { 0 } },
	{ SHMREG_KIND_RING, SHMREG_RING_LAYOUT, SHMREG_RING_RECORDS, 1, 1, 512, { 0 } },
	{ SHMREG_KIND_RING, SHMREG_RING_LAYOUT, SHMREG_RING_RECORDS, 1, 1, 4096, { 0 } },
};

static void bind(void *memory, void *base, const struct shmreg_shape *shape)
{
	struct state *s = memory;

	memset(s, 0, sizeof(*s));
	s->p = &s->own_p;
	s->c = &s->own_c;
	(void)record_producer_bind(s->p, base, shape, HOSTILE_SEAT);
	(void)record_consumer_bind(s->c, base, shape, HOSTILE_SEAT + 1);
	/* Of the lengths that they have here some are to be copied as long ones are. */
	if (s->p->short_max > SHORT)
		s->p->short_max = SHORT;
	if (s->c->short_max > SHORT)
		s->c->short_max = SHORT;
}

static void open_handles(void *memory, struct shmreg_segment *segment, const char *name,
			 const struct shmreg_shape *shape)
{
	const struct shmreg_record_params params = { .size = sizeof(params),
						     .capacity = shape->capacity };
	struct state *s = memory;

	memset(s, 0, sizeof(*s));
	if (!OPENED(shmreg_record_producer_open_or_create(segment, &s->p, name, &params)))
		s->p = &s->own_p;
	if (!OPENED(shmreg_record_consumer_open_or_create(segment, &s->c, name, &params)))
		s->c = &s->own_c;
}

static void produce(struct shmreg_record_producer *p, struct random_state *r)
{
	const size_t bytes = (size_t)random_below(r, MAX_BYTES);
	struct shmreg_record record[3];
	const struct shmreg_handle *h = &p->ring.handle;
	/* Nothing at all is done with any handle. */
	const uint64_t n = random_below(r, 3) + (h->base == NULL), min = random_below(r, n + 2);
	long long got;
	void *at = NULL;

	switch (random_below(r, 4)) {
	case 0:
		RESULT(h, shmreg_record_push(p, hostile_buffer(0, bytes), bytes), -EAGAIN, -EMSGSIZE,
		       -EUCLEAN);
		break;
	case 1:
		for (unsigned int i = 0; i < 3; i++)
			record[i] = (struct shmreg_record){ hostile_buffer(i % 2, bytes / (i / 2 + 1)),
							    bytes / (i / 2 + 1) };
		record[0] = record[2];
		got = RESULT(h, shmreg_record_push_bulk(p, record, n, min), -EAGAIN, -EMSGSIZE, -EINVAL,
			     -EUCLEAN);
		EXPECT(got <= (long long)n);
		break;
	case 2:
		got = RESULT(h, shmreg_record_reserve(p, &at, bytes), -EAGAIN, -EMSGSIZE, -EUCLEAN);
		if (got != 0)
			break;
		INSIDE(h, at, bytes, 8);
		memset(at, 1, bytes);
		RESULT(h, shmreg_record_commit(p, (size_t)random_below(r, bytes + 2)), -EINVAL,
		       -EUCLEAN);
		break;
	default:
		RESULT(h, shmreg_record_commit(p, bytes), -EINVAL, -EUCLEAN);
	}
}

static void consume(struct shmreg_record_consumer *c, struct random_state *r)
{
	const size_t size = (size_t)random_below(r, MAX_BYTES);
	const struct shmreg_handle *h = &c->ring.handle;
	const uint64_t n = random_below(r, 9) + (h->base == NULL);
	const void *at = NULL;
	size_t bytes = 0;
	long long got;

	switch (random_below(r, 6)) {
	case 0:
		got = RESULT(h, shmreg_record_pop(c, hostile_buffer(0, size), size, &bytes), -EAGAIN,
			     -EMSGSIZE, -EUCLEAN);
		EXPECT(got != 0 || bytes <= size);
		break;
	case 1:
		got = RESULT(h, shmreg_record_peek(c, n, hostile_buffer(0, size), size, &bytes),
			     -EAGAIN, -EMSGSIZE, -EUCLEAN);
		EXPECT(got != 0 || bytes <= size);
		break;
	case 2:
		if (RESULT(h, shmreg_record_view(c, &at, &bytes), -EAGAIN, -EUCLEAN) != 0)
			break;
		INSIDE(h, at, bytes, 8);
		memcpy(hostile_buffer(0, bytes), at, bytes);
		RESULT(h, shmreg_record_consume(c), -EINVAL, -EUCLEAN);
		break;
	case 3:
		RESULT(h, shmreg_record_consume(c), -EINVAL, -EUCLEAN);
		break;
	case 4:
		got = RESULT(h, shmreg_record_skip(c, n), -EAGAIN, -EUCLEAN);
		EXPECT(got <= (long long)n);
		break;
	default:
		RESULT(h, shmreg_record_clear(c), -EUCLEAN);
	}
}

static void look(const struct shmreg_ring *ring)
{
	struct shmreg_ring_stats stats = { .size = sizeof(stats) };
	const uint64_t capacity = ring->handle.shape.capacity;

	EXPECT(shmreg_record_max(ring) <= capacity / 2);
	EXPECT(shmreg_ring_length(ring) <= capacity);
	EXPECT(shmreg_ring_space(ring) <= capacity);
	if (RESULT(&ring->handle, shmreg_ring_stat(ring, &stats), 0) == 0)
		EXPECT(stats.length <= capacity);
}

static void act(void *memory, struct random_state *r)
{
	struct state *s = memory;

	switch (random_below(r, 9)) {
	case 0:
		look(&s->p->ring);
		look(&s->c->ring);
		break;
	case 1:
	case 2:
	case 3:
	case 4:
		produce(s->p, r);
		break;
	default:
		consume(s->c, r);
	}
}

const struct hostile_row hostile_records = {
	"records", shapes, ROW_N(shapes), sizeof(struct state), bind, open_handles, act,
	NULL, NULL,
};
