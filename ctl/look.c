/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <shmreg/array.h>
#include <shmreg/atomic.h>
#include <shmreg/cell.h>
#include <shmreg/copy.h>
#include <shmreg/pool.h>

#include "form.h"
#include "look.h"

/* --- array -------------------------------------------------------------------------------------- */

static int open_array(struct look *l)
{
	const struct shmreg_array_params params = { .size = sizeof(params) };
	const struct shmreg_array *handle;
	const int r = shmreg_array_open_const(l->segment, &handle, l->entry.name, &params);

	if (r == 0)
		l->handle = handle;
	return r;
}

static int each_of_array(struct look *l, int (*visit)(void *, const struct look_item *), void *context)
{
	const struct shmreg_array *array = l->handle;
	int r = 0;

	for (uint64_t i = l->first; r == 0 && i <= l->last && i < shmreg_array_length(array); i++) {
		const struct look_item item = { .number = i, .data = l->copy, .bytes = l->bytes };

		shmreg_copy_from_shared(l->copy, shmreg_array_at_const(array, i), l->bytes);
		r = visit(context, &item);
	}
	return r;
}

static int close_array(struct look *l)
{
	return shmreg_array_close(l->handle);
}

static const struct look_kind look_array = {
	.indices = true,
	.open = open_array,
	.each = each_of_array,
	.close = close_array,
};

/* --- atomic ------------------------------------------------------------------------------------- */

static int open_atomic(struct look *l)
{
	const struct shmreg_atomic_params params = { .size = sizeof(params) };
	const struct shmreg_atomic *handle;
	const int r = shmreg_atomic_open_const(l->segment, &handle, l->entry.name, &params);

	if (r == 0)
		l->handle = handle;
	return r;
}

static int each_of_atomic(struct look *l, int (*visit)(void *, const struct look_item *), void *context)
{
	const struct shmreg_atomic *atomic = l->handle;
	const struct look_item item = { .data = l->copy, .bytes = l->bytes };
	unsigned char value[8];

	switch (l->bytes) {
	case 1:
		*value = shmreg_atomic8_load(shmreg_atomic8_cell_const(atomic));
		break;
	case 2:
		memcpy(value, &(uint16_t){ shmreg_atomic16_load(shmreg_atomic16_cell_const(atomic)) }, 2);
		break;
	case 4:
		memcpy(value, &(uint32_t){ shmreg_atomic32_load(shmreg_atomic32_cell_const(atomic)) }, 4);
		break;
	default:
		memcpy(value, &(uint64_t){ shmreg_atomic64_load(shmreg_atomic64_cell_const(atomic)) }, 8);
		break;
	}
	/* What it was when it was shown is still in the copy. */
	if (l->again && memcmp(value, l->copy, l->bytes) == 0)
		return 0;
	memcpy(l->copy, value, l->bytes);
	l->again = true;
	return visit(context, &item);
}

static int close_atomic(struct look *l)
{
	return shmreg_atomic_close(l->handle);
}

static const struct look_kind look_atomic = {
	.order = true,
	.open = open_atomic,
	.each = each_of_atomic,
	.close = close_atomic,
};

/* --- cell --------------------------------------------------------------------------------------- */

static int open_cell(struct look *l)
{
	const struct shmreg_cell_params params = { .size = sizeof(params) };
	const struct shmreg_cell *handle;
	const int r = shmreg_cell_open(l->segment, &handle, l->entry.name, &params);

	if (r == 0)
		l->handle = handle;
	return r;
}

static int each_of_cell(struct look *l, int (*visit)(void *, const struct look_item *), void *context)
{
	const struct shmreg_cell *cell = l->handle;
	struct look_item item = { .data = l->copy, .bytes = l->bytes };
	uint64_t version;
	int r;

	if (l->again && !shmreg_cell_changed(cell, l->next))
		return 0;
	r = shmreg_cell_read(cell, l->copy, &version);
	/* It was never written; or overwritten faster than it can be copied, for a thousand times. */
	if (r == -ENODATA || r == -ESTALE || r == -ENOTRECOVERABLE)
		return 0;
	if (r < 0)
		return r;
	if (l->again && version > l->next + 1)
		l->n_missed += version - l->next - 1;
	l->again = true;
	l->next = item.number = version;
	return visit(context, &item);
}

static int close_cell(struct look *l)
{
	return shmreg_cell_close(l->handle);
}

static const struct look_kind look_cell = {
	.order = true,
	.open = open_cell,
	.each = each_of_cell,
	.close = close_cell,
};

/* --- pool --------------------------------------------------------------------------------------- */

static int open_pool(struct look *l)
{
	const struct shmreg_pool_params params = { .size = sizeof(params) };
	const struct shmreg_pool *handle;
	const int r = shmreg_pool_open_const(l->segment, &handle, l->entry.name, &params);

	if (r == 0)
		l->handle = handle;
	return r;
}

static int each_of_pool(struct look *l, int (*visit)(void *, const struct look_item *), void *context)
{
	const struct shmreg_pool *pool = l->handle;
	int r = 0;

	for (uint64_t i = l->first; r == 0 && i <= l->last && i < shmreg_pool_capacity(pool); i++) {
		struct look_item item = { .number = i, .data = l->copy, .bytes = l->bytes };
		const uint64_t word = shmreg_load_acquire(&pool->owner[i]);

		switch (word & SHMREG_POOL_STATE_MASK) {
		case SHMREG_POOL_HELD:
			item.state = "held";
			item.seat = shmreg_pool_word_seat(word);
			break;
		case SHMREG_POOL_SENT:
			item.state = "travelling";
			break;
		default:
			if (!l->all)
				continue;
			item.state = "free";
		}
		shmreg_copy_from_shared(l->copy, pool->elems + i * pool->stride, l->bytes);
		r = visit(context, &item);
	}
	return r;
}

static int close_pool(struct look *l)
{
	return shmreg_pool_close(l->handle);
}

static const struct look_kind look_pool = {
	.indices = true,
	.open = open_pool,
	.each = each_of_pool,
	.close = close_pool,
};

/* --- all ---------------------------------------------------------------------------------------- */

static const struct look_kind *const kinds[N_FORMS] = {
	[FORM_ARRAY] = &look_array,
	[FORM_ATOMIC] = &look_atomic,
	[FORM_CELL] = &look_cell,
	[FORM_OBJECTS] = &look_objects,
	[FORM_POOL] = &look_pool,
	[FORM_QUEUE] = &look_queue,
	[FORM_RECORDS] = &look_records,
	[FORM_RING] = &look_ring,
	[FORM_TOPIC] = &look_topic,
};

int look_name(struct shmreg_segment *segment, uint64_t id, char ret[SHMREG_OBJECT_NAME_MAX + 1])
{
	const struct shmreg_dir *dir = shmreg_segment_dir(segment);
	struct shmreg_dir_object entry;

	for (uint32_t i = 0; i < dir->max_objects; i++)
		if (shmreg_dir_read_object(dir, i, &entry) == 0 && entry.id == id &&
		    entry.state == SHMREG_ENTRY_LIVE) {
			memcpy(ret, entry.name, SHMREG_OBJECT_NAME_MAX + 1);
			return 0;
		}
	return -ENOENT;
}

int look_open_pool(struct shmreg_segment *segment, const struct shmreg_shape *queue,
		   struct shmreg_pool **ret)
{
	const struct shmreg_pool_params params = { .size = sizeof(params) };
	char name[SHMREG_OBJECT_NAME_MAX + 1];

	if (look_name(segment, shmreg_shape_pool(queue), name) < 0)
		return -ENXIO;
	return shmreg_pool_open(segment, ret, name, &params);
}

int look_open(struct shmreg_segment *segment, const char *name, struct look **ret)
{
	struct look *look = calloc(1, sizeof(*look));
	int r;

	if (!look)
		return -ENOMEM;
	look->segment = segment;
	look->last = look->newest = UINT64_MAX;
	r = shmreg_dir_find(shmreg_segment_dir(segment), name, &look->entry, NULL);
	if (r == 0) {
		look->bytes = look->entry.shape.elem_bytes;
		look->kind = kinds[form_of(&look->entry.shape)];
		r = look->kind ? look->kind->open(look) : -EOPNOTSUPP;
	}
	if (r == 0) {
		look->copy = malloc(look->bytes ? look->bytes : 1);
		r = look->copy ? 0 : -ENOMEM;
	}
	if (r < 0) {
		look_close(look);
		return r;
	}
	*ret = look;
	return 0;
}

struct look *look_close(struct look *look)
{
	if (!look)
		return NULL;
	if (look->handle)
		look->kind->close(look);
	if (look->pool)
		shmreg_pool_close(look->pool);
	free(look->copy);
	free(look);
	return NULL;
}

bool look_has_indices(const struct look *look)
{
	return look->kind->indices;
}

bool look_has_order(const struct look *look)
{
	return look->kind->order;
}

int look_trouble(const struct look *look)
{
	/* Each kind's handle begins with it. */
	return shmreg_handle_trouble(look->handle);
}

int look_each(struct look *look, int (*visit)(void *context, const struct look_item *item),
	      void *context)
{
	return look->kind->each(look, visit, context);
}
