/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <shmreg/pool.h>

#include "pool-bind.h"
#include "rows.h"

struct frame {
	uint64_t word[3];
};
SHMREG_DEFINE_POOL(frame_pool, struct frame);

#define N_HANDLES 2
#define N_REFS 32
#define MAX_BATCH 20

struct state {
	struct shmreg_pool *pool[N_HANDLES];
	struct shmreg_pool own[N_HANDLES];
	shmreg_pool_ref ref[N_REFS];
	size_t bytes;
	uint32_t align;
};

static const struct shmreg_shape shapes[] = {
	{ SHMREG_KIND_POOL, SHMREG_POOL_LAYOUT, 0, 8, 24, 4, { 0 } },
	{ SHMREG_KIND_POOL, SHMREG_POOL_LAYOUT, 0, 8, 24, 1000, { 0 } },
	{ SHMREG_KIND_POOL, SHMREG_POOL_LAYOUT, 0, 64, 100, 40, { 0 } },
	{ SHMREG_KIND_POOL, SHMREG_POOL_LAYOUT, 0, 1, 1, 20000, { 0 } },
};

static void bind(void *memory, void *base, const struct shmreg_shape *shape)
{
	struct state *s = memory;

	memset(s, 0, sizeof(*s));
	s->bytes = (size_t)shape->elem_bytes;
	s->align = shape->elem_align;
	for (unsigned int i = 0; i < N_HANDLES; i++) {
		s->pool[i] = &s->own[i];
		pool_bind(s->pool[i], base, shape, HOSTILE_SEAT + i);
	}
}

static void open_handles(void *memory, struct shmreg_segment *segment, const char *name,
			 const struct shmreg_shape *shape)
{
	const struct shmreg_pool_params params = { .size = sizeof(params),
						   .capacity = shape->capacity,
						   .elem_bytes = shape->elem_bytes,
						   .elem_align = shape->elem_align };
	struct state *s = memory;

	memset(s, 0, sizeof(*s));
	s->bytes = (size_t)shape->elem_bytes;
	s->align = shape->elem_align;
	for (unsigned int i = 0; i < N_HANDLES; i++)
		if (!OPENED(shmreg_pool_open_or_create(segment, &s->pool[i], name, &params)))
			s->pool[i] = &s->own[i];
}

#define BAD_REF -EINVAL, -ESTALE, -EPERM, -EBUSY, -EUCLEAN

static int visit(void *data, const struct shmreg_pool_holder *holder)
{
	const struct shmreg_pool *pool = data;

	EXPECT(holder->index < pool->handle.shape.capacity);
	EXPECT(holder->seat < 4096);
	return holder->seat == 5 ? 77 : 0;
}

static void look(struct shmreg_pool *pool)
{
	struct shmreg_pool_stats stats = { .size = sizeof(stats) };
	const uint64_t capacity = pool->handle.shape.capacity;
	long long r;

	EXPECT(shmreg_pool_capacity(pool) == capacity);
	if (RESULT(&pool->handle, shmreg_pool_stat(pool, &stats), 0) == 0) {
		EXPECT(stats.n_free <= capacity && stats.n_held <= capacity);
		EXPECT(stats.n_sent <= capacity && stats.n_touched <= capacity);
	}
	r = RESULT(&pool->handle, shmreg_pool_holders(pool, visit, pool), 0);
	EXPECT(r == 0 || r == 77 || r == -ECHILD);
}

static void use(struct state *s, struct shmreg_pool *pool, shmreg_pool_ref ref,
		struct random_state *r)
{
	void *at = shmreg_pool_get(pool, ref);

	if (at != NULL) {
		INSIDE(&pool->handle, at, s->bytes, s->align);
		memset(at, 1, s->bytes);
	}
	if (random_below(r, 2))
		RESULT(&pool->handle, shmreg_pool_check(pool, ref), BAD_REF);
	else
		RESULT(&pool->handle, shmreg_pool_owner(pool, ref), BAD_REF);
}

static void batch(struct state *s, struct shmreg_pool *pool, struct random_state *r)
{
	const uint32_t n = 1 + (uint32_t)random_below(r, MAX_BATCH - 1);
	const uint32_t min = (uint32_t)random_below(r, n + 2);
	shmreg_pool_ref *refs = hostile_buffer(0, n * sizeof(*refs));
	const long long got = RESULT(&pool->handle, shmreg_pool_acquire_batch(pool, refs, n, min),
				     -EAGAIN, -EINVAL, -EUCLEAN);

	EXPECT(got <= (long long)n);
	if (got <= 0)
		return;
	memcpy(s->ref, refs, (size_t)got * sizeof(*refs));
	if (random_below(r, 2))
		RESULT(&pool->handle, shmreg_pool_release_batch(pool, refs, (uint32_t)got), BAD_REF);
}

static void act(void *memory, struct random_state *r)
{
	struct state *s = memory;
	struct shmreg_pool *pool = s->pool[random_below(r, N_HANDLES)];
	struct frame_pool *typed = (struct frame_pool *)pool;
	shmreg_pool_ref *ref = &s->ref[random_below(r, N_REFS)];
	const struct shmreg_handle *h = &pool->handle;
	const struct frame *frame;

	switch (random_below(r, 10)) {
	case 0:
	case 1:
		RESULT(h, shmreg_pool_acquire(pool, ref), -EAGAIN, -EUCLEAN);
		break;
	case 2:
		RESULT(h, shmreg_pool_acquire_init(pool, ref, hostile_buffer(0, s->bytes)), -EAGAIN,
		       -EUCLEAN);
		break;
	case 3:
		batch(s, pool, r);
		break;
	case 4:
		/* A number from anywhere, or of another acquisition. */
		if (random_below(r, 2))
			*ref = random_next(r);
		else
			*ref += (random_below(r, 5) - 2) << (random_below(r, 2) ? 0 : 38);
		/* fallthrough */
	case 5:
		use(s, pool, *ref, r);
		break;
	case 6:
		if (random_below(r, 16) == 0)
			look(pool);
		break;
	case 7:
		if (s->bytes != sizeof(struct frame))
			break;
		RESULT(h, frame_pool_make(typed, ref, hostile_buffer(0, s->bytes)), -EAGAIN, -EUCLEAN);
		/* Once: others may make it somebody else's at any time. */
		frame = frame_pool_get(typed, *ref);
		if (frame != NULL)
			INSIDE(h, frame, s->bytes, s->align);
		break;
	default:
		RESULT(h, shmreg_pool_release(pool, *ref), BAD_REF);
	}
}

const struct hostile_row hostile_pool = {
	"pool", shapes, ROW_N(shapes), sizeof(struct state), bind, open_handles, act,
	NULL, NULL,
};
