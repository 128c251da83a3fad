/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <shmreg/array.h>
#include <shmreg/atomic.h>

#include "rows.h"

/* plain-kinds.c - array and atomic: no bytes of theirs mean anything to the library */

struct state {
	struct shmreg_array *array;
	struct shmreg_atomic *atomic;
	struct shmreg_array own_array;
	struct shmreg_atomic own_atomic;
};

static const struct shmreg_shape array_shapes[] = {
	{ SHMREG_KIND_ARRAY, SHMREG_ARRAY_LAYOUT, 0, 8, 24, 16, { 0 } },
	{ SHMREG_KIND_ARRAY, SHMREG_ARRAY_LAYOUT, 0, 1, 3, 100, { 0 } },
};

static void bind_array(void *memory, void *base, const struct shmreg_shape *shape)
{
	struct state *s = memory;

	memset(s, 0, sizeof(*s));
	s->array = &s->own_array;
	s->array->handle.base = base;
	s->array->handle.shape = *shape;
}

static void open_array(void *memory, struct shmreg_segment *segment, const char *name,
		       const struct shmreg_shape *shape)
{
	const struct shmreg_array_params params = { .size = sizeof(params),
						    .length = shape->capacity,
						    .elem_bytes = shape->elem_bytes,
						    .elem_align = shape->elem_align };
	struct state *s = memory;

	memset(s, 0, sizeof(*s));
	if (!OPENED(shmreg_array_open_or_create(segment, &s->array, name, &params)))
		s->array = &s->own_array;
}

static void act_array(void *memory, struct random_state *r)
{
	struct state *s = memory;
	const struct shmreg_shape *shape = &s->array->handle.shape;
	const size_t bytes = (size_t)shape->elem_bytes;
	uint64_t index;
	void *at;

	if (shape->capacity == 0)
		return;		/* it could not be opened */
	index = random_below(r, shape->capacity);
	at = shmreg_array_at(s->array, index);

	EXPECT(shmreg_array_length(s->array) == shape->capacity);
	EXPECT(shmreg_array_data(s->array) == s->array->handle.base);
	EXPECT(shmreg_array_at_const(s->array, index) == at);
	INSIDE(&s->array->handle, at, bytes, shape->elem_align);
	memcpy(hostile_buffer(0, bytes), at, bytes);
	memcpy(at, hostile_buffer(0, bytes), bytes);
}

static const struct shmreg_shape atomic_shapes[] = {
	{ SHMREG_KIND_ATOMIC, SHMREG_ATOMIC_LAYOUT, 0, 8, 8, 1, { 0 } },
	{ SHMREG_KIND_ATOMIC, SHMREG_ATOMIC_LAYOUT, 0, 2, 2, 1, { 0 } },
};

static void bind_atomic(void *memory, void *base, const struct shmreg_shape *shape)
{
	struct state *s = memory;

	memset(s, 0, sizeof(*s));
	s->atomic = &s->own_atomic;
	s->atomic->handle.base = base;
	s->atomic->handle.shape = *shape;
}

static void open_atomic(void *memory, struct shmreg_segment *segment, const char *name,
			const struct shmreg_shape *shape)
{
	const struct shmreg_atomic_params params = { .size = sizeof(params),
						     .bytes = shape->elem_bytes };
	struct state *s = memory;

	memset(s, 0, sizeof(*s));
	if (!OPENED(shmreg_atomic_open_or_create(segment, &s->atomic, name, &params)))
		s->atomic = &s->own_atomic;
}

static void act_atomic(void *memory, struct random_state *r)
{
	struct state *s = memory;
	uint64_t *cell = shmreg_atomic64_cell(s->atomic), expected = 1;
	uint16_t *cell16 = shmreg_atomic16_cell(s->atomic);

	if (s->atomic->handle.base == NULL)
		return;		/* it could not be opened */
	EXPECT((cell != NULL) == (s->atomic->handle.shape.elem_bytes == 8));
	EXPECT((cell16 != NULL) == (s->atomic->handle.shape.elem_bytes == 2));
	if (cell16 != NULL) {
		shmreg_atomic16_fetch_add(cell16, 1);
		return;
	}
	shmreg_atomic64_fetch_add(cell, random_next(r));
	shmreg_atomic64_fetch_sub(cell, random_next(r));
	shmreg_atomic64_fetch_and(cell, random_next(r));
	shmreg_atomic64_fetch_or(cell, random_next(r));
	shmreg_atomic64_fetch_xor(cell, random_next(r));
	shmreg_atomic64_store(cell, shmreg_atomic64_exchange(cell, random_next(r)));
	/* What it did not find is told. */
	if (!shmreg_atomic64_compare_exchange(cell, &expected, 2))
		EXPECT(expected != 1);
}

const struct hostile_row hostile_array = {
	"array", array_shapes, ROW_N(array_shapes), sizeof(struct state), bind_array, open_array,
	act_array, NULL, NULL,
};
const struct hostile_row hostile_atomic = {
	"atomic", atomic_shapes, ROW_N(atomic_shapes), sizeof(struct state), bind_atomic,
	open_atomic, act_atomic, NULL, NULL,
};
