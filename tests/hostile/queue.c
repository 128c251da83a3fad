/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <shmreg/queue.h>

#include "queue-bind.h"
#include "rows.h"

struct item {
	uint64_t word[3];
};
SHMREG_DEFINE_QUEUE(item_queue, struct item);

#define N_HANDLES 2
#define N_LEASES 4
#define MAX_BATCH 63

struct state {
	struct shmreg_queue *queue[N_HANDLES];
	struct shmreg_queue own[N_HANDLES];
	struct shmreg_queue_lease lease[N_LEASES];
};

static const struct shmreg_shape shapes[] = {
	{ SHMREG_KIND_QUEUE, SHMREG_QUEUE_LAYOUT, 0, 8, 24, 2, { 0 } },
	{ SHMREG_KIND_QUEUE, SHMREG_QUEUE_LAYOUT, SHMREG_QUEUE_REDELIVER, 8, 24, 64, { 0 } },
	{ SHMREG_KIND_QUEUE, SHMREG_QUEUE_LAYOUT, SHMREG_QUEUE_REDELIVER, 4, 100, 4, { 0 } },
	{ SHMREG_KIND_QUEUE, SHMREG_QUEUE_LAYOUT, 0, 128, 128, 128, { 0 } },
};

static void bind(void *memory, void *base, const struct shmreg_shape *shape)
{
	struct state *s = memory;

	memset(s, 0, sizeof(*s));
	for (unsigned int i = 0; i < N_HANDLES; i++) {
		s->queue[i] = &s->own[i];
		queue_bind(s->queue[i], base, shape, HOSTILE_SEAT + i);
	}
}

static void open_handles(void *memory, struct shmreg_segment *segment, const char *name,
			 const struct shmreg_shape *shape)
{
	const struct shmreg_queue_params params = { .size = sizeof(params),
						    .capacity = shape->capacity,
						    .elem_bytes = shape->elem_bytes,
						    .elem_align = shape->elem_align,
						    .flags = shape->flags };
	struct state *s = memory;

	memset(s, 0, sizeof(*s));
	for (unsigned int i = 0; i < N_HANDLES; i++)
		if (!OPENED(shmreg_queue_open_or_create(segment, &s->queue[i], name, &params)))
			s->queue[i] = &s->own[i];
}

static int visit(void *data, const struct shmreg_queue_holder *holder)
{
	(void)data;
	EXPECT(holder->seat < 4096);
	EXPECT(holder->n < 64);
	return holder->n == 5 ? 77 : 0;
}

static void look(struct shmreg_queue *q)
{
	struct shmreg_queue_stats stats = { .size = sizeof(stats) };
	const uint64_t capacity = q->handle.shape.capacity;
	int r;

	if (q->handle.base == NULL)
		return;
	EXPECT(shmreg_queue_length(q) <= capacity);
	EXPECT(shmreg_queue_capacity(q) == capacity);
	EXPECT(shmreg_queue_stat(q, &stats) == 0);
	EXPECT(stats.length <= capacity && stats.high_water <= capacity);
	r = shmreg_queue_holders(q, visit, NULL);
	EXPECT(r == 0 || r == 77);
}

static void batch(struct shmreg_queue *q, struct random_state *r, bool push)
{
	const uint32_t n = (uint32_t)random_below(r, MAX_BATCH + 1);
	const uint32_t min = (uint32_t)random_below(r, n + 2);
	void *elems = hostile_buffer(0, (size_t)(n * q->handle.shape.elem_bytes));
	long long got;

	if (push)
		got = RESULT(&q->handle, shmreg_queue_push_batch(q, elems, n, min), -EAGAIN, -EINVAL,
			     -EBUSY, -EUCLEAN);
	else
		got = RESULT(&q->handle, shmreg_queue_pop_batch(q, elems, n), -EAGAIN, -EBUSY,
			     -EUCLEAN);
	EXPECT(got <= (long long)n && got <= (long long)q->batch_max);
	if (push && got == -EINVAL)
		EXPECT(min > n || min > q->batch_max);
}

static void lend(struct shmreg_queue *q, struct shmreg_queue_lease *l, bool push)
{
	const struct shmreg_shape *shape = &q->handle.shape;
	long long got;

	if (push)
		got = RESULT(&q->handle, shmreg_queue_reserve(q, l), -EAGAIN, -EBUSY, -EUCLEAN);
	else
		got = RESULT(&q->handle, shmreg_queue_acquire(q, l), -EAGAIN, -EBUSY, -EUCLEAN);
	if (got < 0)
		return;
	INSIDE(&q->handle, l->elem, shape->elem_bytes, shape->elem_align);
	memset(l->elem, 1, (size_t)shape->elem_bytes);
}

static void act(void *memory, struct random_state *r)
{
	struct state *s = memory;
	struct shmreg_queue *q = s->queue[random_below(r, N_HANDLES)];
	const size_t bytes = (size_t)q->handle.shape.elem_bytes;
	struct shmreg_queue_lease *l = &s->lease[random_below(r, N_LEASES)];
	struct item_queue *typed = (struct item_queue *)q;
	struct item *item;

	switch (random_below(r, 14)) {
	case 0:
	case 1:
		RESULT(&q->handle, shmreg_queue_push(q, hostile_buffer(0, bytes)), -EAGAIN, -EBUSY,
		       -EUCLEAN);
		break;
	case 2:
	case 3:
		RESULT(&q->handle, shmreg_queue_pop(q, hostile_buffer(0, bytes)), -EAGAIN, -EBUSY,
		       -EUCLEAN);
		break;
	case 4:
	case 5:
		batch(q, r, random_below(r, 2));
		break;
	case 6:
	case 7:
		lend(q, l, random_below(r, 2));
		break;
	case 8:
		if (random_below(r, 8) == 0)
			l->position = random_next(r);
		RESULT(&q->handle, random_below(r, 2) ? shmreg_queue_commit(q, l)
						      : shmreg_queue_abort(q, l),
		       -EINVAL, -EPERM);
		break;
	case 9:
		RESULT(&q->handle, random_below(r, 2) ? shmreg_queue_release(q, l)
						      : shmreg_queue_refuse(q, l),
		       -EINVAL, -EPERM);
		break;
	case 10:
		look(q);
		break;
	default:
		if (bytes != sizeof(*item))
			break;
		item = hostile_buffer(0, sizeof(*item));
		RESULT(&q->handle, random_below(r, 2) ? item_queue_push(typed, item)
						      : item_queue_pop(typed, item),
		       -EAGAIN, -EBUSY, -EUCLEAN);
	}
}

const struct hostile_row hostile_queue = {
	"queue", shapes, ROW_N(shapes), sizeof(struct state), bind, open_handles, act,
	NULL, NULL,
};
