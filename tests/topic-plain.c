/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdlib.h>

#include "topic-plain.h"

struct shmreg_shape topic_shape(uint64_t capacity, uint64_t bytes, uint32_t align, uint32_t flags,
				uint32_t publishers, uint32_t subscribers, uint32_t lag_max)
{
	return (struct shmreg_shape){
		.kind = SHMREG_KIND_TOPIC,
		.layout = SHMREG_TOPIC_LAYOUT,
		.flags = flags,
		.elem_align = align,
		.elem_bytes = bytes,
		.capacity = capacity,
		.param = { publishers, subscribers, lag_max, 0 },
	};
}

static struct shmreg_topic_publisher *role_at(const struct shmreg_topic *t, uint32_t index)
{
	return (struct shmreg_topic_publisher *)(void *)topic_roles(t) + index;
}

static struct shmreg_topic bound(const void *base, const struct shmreg_shape *shape)
{
	struct shmreg_topic t = { .mask = 0 };

	topic_bind(&t, (void *)(uintptr_t)base, shape, 0, NULL);
	return t;
}

void topic_seed(void *base, const struct shmreg_shape *shape, uint64_t position,
		uint64_t sequence)
{
	const struct shmreg_topic t = bound(base, shape);
	uint64_t p;
	uint32_t i;

	for (i = 0; i < shape->param[0]; i++)
		role_at(&t, i)->spare = sequence << SHMREG_TOPIC_SEQUENCE_SHIFT;
	p = position < shape->capacity ? 0 : position - shape->capacity;
	for (; p != position; p++) {
		*shmreg_topic_slot_(&t, p) = shmreg_topic_turn_(&t, p);
		/* Settled long ago: nobody's sequence is that any more. */
		shmreg_topic_header_(shmreg_topic_chunk_(&t, (uint32_t)(p & t.mask), t.stride))
			->sequence = sequence - 1;
	}
	shmreg_topic_shm_(&t)->tail = position;
}

bool topic_is_whole(const void *base, const struct shmreg_shape *shape)
{
	const struct shmreg_topic t = bound(base, shape);
	unsigned char *seen = calloc(t.n_chunks + 1, 1);
	bool whole = seen != NULL;
	uint32_t i;

	for (i = 0; whole && i <= t.mask; i++)
		whole = seen[shmreg_topic_absolute_(&t, *shmreg_topic_slot_(&t, i), i)]++ == 0;
	for (i = 0; whole && i < shape->param[0]; i++)
		whole = seen[shmreg_topic_absolute_(&t, role_at(&t, i)->spare,
						    shmreg_topic_home_(&t, i))]++ == 0;
	whole = whole && seen[t.n_chunks] == 0;
	free(seen);
	return whole;
}

bool topic_is_left(const void *base, const struct shmreg_shape *shape)
{
	const struct shmreg_topic t = bound(base, shape);
	uint32_t i;

	for (i = 0; i < shape->param[0]; i++)
		if (role_at(&t, i)->owner != 0)
			return false;
	for (i = 0; i < shape->param[1]; i++)
		if (topic_cursors(&t)[i * (sizeof(struct shmreg_topic_cursor) / 8)] != 0)
			return false;
	return true;
}
