/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include <shmreg/object-queue.h>

#include "object-queue-bind.h"
#include "plain.h"
#include "pool-bind.h"
#include "queue-repair.h"
#include "repair.h"
#include "rows.h"

/* object-queue.c - a queue, and the pool whose objects travel through it */

#define N_LEASES 4
#define N_REFS 8
/* Entries in a directory that there is not, and an object's id. */
#define POOL_ID 77
#define POOL_INDEX 5
#define QUEUE_INDEX 6

struct state {
	struct hostile_object pool_object;
	struct shmreg_pool *pool;
	struct shmreg_object_queue *queue;
	struct shmreg_pool own_pool;
	struct shmreg_object_queue own_queue;
	struct shmreg_object_lease lease[N_LEASES];
	shmreg_pool_ref ref[N_REFS];
};

static const struct shmreg_shape pool_shape = {
	SHMREG_KIND_POOL, SHMREG_POOL_LAYOUT, 0, 8, 24, 16, { 0 }
};

/* As object_queue_shape() makes them; param: the pool's id and its entry's index. */
#define OBJECTS(flags, capacity)                                                                  \
	{                                                                                         \
		SHMREG_KIND_QUEUE, SHMREG_QUEUE_LAYOUT, SHMREG_QUEUE_OBJECTS | (flags), 8, 8,     \
			capacity, { POOL_ID, 0, POOL_INDEX, 0 }                                   \
	}
static const struct shmreg_shape shapes[] = {
	OBJECTS(0, 4),
	OBJECTS(SHMREG_QUEUE_REDELIVER, 16),
};

static void bind(void *memory, void *base, const struct shmreg_shape *shape)
{
	struct state *s = memory;
	const struct hostile_object pool = s->pool_object;
	uint64_t align;

	memset(s, 0, sizeof(*s));
	s->pool_object = pool;
	if (pool.base == NULL) {
		s->pool_object.shape = &pool_shape;
		EXPECT(shmreg_shape_bytes(&pool_shape, &s->pool_object.bytes, &align, NULL) == 0);
		s->pool_object.base = plain_map(&pool_shape);
		EXPECT(s->pool_object.base != NULL);
	}
	s->pool = &s->own_pool;
	s->queue = &s->own_queue;
	pool_bind(s->pool, s->pool_object.base, &pool_shape, HOSTILE_SEAT);
	object_queue_bind(s->queue, base, shape, HOSTILE_SEAT + 1, QUEUE_INDEX, s->pool);
}

static void open_handles(void *memory, struct shmreg_segment *segment, const char *name,
			 const struct shmreg_shape *shape)
{
	const struct shmreg_pool_params pool_params = { .size = sizeof(pool_params),
							.capacity = pool_shape.capacity,
							.elem_bytes = pool_shape.elem_bytes,
							.elem_align = pool_shape.elem_align };
	const struct shmreg_object_queue_params params = {
		.size = sizeof(params),
		.capacity = shape->capacity,
		.flags = shape->flags & ~SHMREG_QUEUE_OBJECTS,
	};
	struct state *s = memory;
	char pool_name[64];

	memset(s, 0, sizeof(*s));
	snprintf(pool_name, sizeof(pool_name), "%s-pool", name);
	if (!OPENED(shmreg_pool_open_or_create(segment, &s->pool, pool_name, &pool_params)))
		s->pool = &s->own_pool;
	if (s->pool == &s->own_pool ||
	    !OPENED(shmreg_object_queue_open_or_create(segment, &s->queue, name, s->pool, &params)))
		s->queue = &s->own_queue;
}

static const struct hostile_object *companion(void *memory)
{
	return &((struct state *)memory)->pool_object;
}

static int repair(const struct hostile_object *o, const uint64_t dead[64],
		  struct shmreg_reaper_report *ret)
{
	const struct hostile_object *pool = companion(o->state);
	const struct queue_repair_pool with = { .shape = pool->shape,
						.base = pool->base,
						.queue = QUEUE_INDEX };

	/* Without the pool, as it is when that was removed, now and then. */
	return shmreg_repair_object_queue(o->shape, o->base, NULL,
					  pool->base[0] % 8 == 1 ? NULL : &with, dead, ret);
}

static void settle(struct state *s, struct shmreg_object_lease *l, struct random_state *r)
{
	const struct shmreg_handle *h = &s->queue->queue.handle;
	long long got;

	if (random_below(r, 8) == 0)
		l->position = random_next(r);
	if (random_below(r, 8) == 0)
		l->ref = random_next(r);
	switch (random_below(r, 3)) {
	case 0:
		got = RESULT(h, shmreg_object_queue_release(s->queue, l), -EINVAL, -EPERM, -EUCLEAN);
		break;
	case 1:
		got = RESULT(h, shmreg_object_queue_keep(s->queue, l), -EINVAL, -EPERM, -EUCLEAN);
		break;
	default:
		got = RESULT(h, shmreg_object_queue_refuse(s->queue, l), -EINVAL, -EPERM);
	}
	EXPECT(got != 0 || l->object == NULL);
}

static void act(void *memory, struct random_state *r)
{
	struct state *s = memory;
	const struct shmreg_handle *h = &s->queue->queue.handle;
	shmreg_pool_ref *ref = &s->ref[random_below(r, N_REFS)];
	struct shmreg_object_lease *l = &s->lease[random_below(r, N_LEASES)];

	switch (random_below(r, 9)) {
	case 0:
	case 1:
		RESULT(&s->pool->handle, shmreg_pool_acquire(s->pool, ref), -EAGAIN, -EUCLEAN);
		break;
	case 2:
	case 3:
	case 4:
		if (random_below(r, 16) == 0)
			*ref = random_next(r);
		RESULT(h, shmreg_object_queue_send(s->queue, *ref), -EAGAIN, -EINVAL, -ESTALE, -EPERM,
		       -EBUSY, -EUCLEAN);
		break;
	case 5:
	case 6:
		if (RESULT(h, shmreg_object_queue_receive(s->queue, ref), -EAGAIN, -EBUSY, -EUCLEAN) == 0)
			RESULT(&s->pool->handle, shmreg_pool_release(s->pool, *ref), -EINVAL, -ESTALE,
			       -EPERM, -EBUSY, -EUCLEAN);
		break;
	case 7:
		if (RESULT(h, shmreg_object_queue_acquire(s->queue, l), -EAGAIN, -EBUSY, -EUCLEAN) != 0)
			break;
		INSIDE(&s->pool->handle, l->object, pool_shape.elem_bytes, pool_shape.elem_align);
		memset(l->object, 1, (size_t)pool_shape.elem_bytes);
		/* fallthrough */
	default:
		settle(s, l, r);
	}
}

const struct hostile_row hostile_object_queue = {
	"object queue", shapes, ROW_N(shapes), sizeof(struct state), bind, open_handles, act,
	companion, repair,
};
