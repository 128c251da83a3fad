/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <string.h>

#include "role.h"
#include "topic-bind.h"

void topic_prepare(struct shmreg_topic *t)
{
	const struct shmreg_shape *shape = &t->handle.shape;
	const struct shmreg_topic_geometry g = shmreg_topic_geometry(shape);

	t->mask = shape->capacity - 1;
	t->shift = (uint32_t)__builtin_ctzll(shape->capacity);
	t->n_chunks = g.n_chunks;
	t->slots = (uint64_t *)(void *)(t->handle.base + g.slots_offset);
	t->chunks = t->handle.base + g.chunks_offset;
	t->stride = (size_t)g.stride;
	t->elem_offset = (size_t)g.elem_offset;
	t->elem_bytes = (size_t)shape->elem_bytes;
}

uint64_t *topic_roles(const struct shmreg_topic *t)
{
	return (uint64_t *)(void *)(t->handle.base + sizeof(struct shmreg_topic_shm));
}

uint64_t *topic_cursors(const struct shmreg_topic *t)
{
	return (uint64_t *)(void *)(t->handle.base + sizeof(struct shmreg_topic_shm) +
				    t->handle.shape.param[0] *
					    sizeof(struct shmreg_topic_publisher));
}

int publisher_prepare(struct shmreg_publisher *pub, uint32_t index)
{
	struct shmreg_topic *t = &pub->topic;
	struct shmreg_topic_publisher *role =
		(struct shmreg_topic_publisher *)(void *)topic_roles(t) + index;
	/* S': the last holder's publications, or the reaper's settling of the last one. */
	const uint64_t spare = shmreg_load_acquire(&role->spare);
	const uint64_t chunk = shmreg_topic_absolute_(t, spare, shmreg_topic_home_(t, index));
	const uint32_t lag_max = t->handle.shape.param[2];
	uint64_t newest;
	int r;

	if (chunk == t->n_chunks)
		return -EUCLEAN;
	r = topic_newest_from(t, 0, &newest);
	if (r < 0)
		return r;
	publisher_go(pub, newest);
	pub->full_at = pub->next - 1;
	pub->gate = 0;
	pub->room = UINT64_MAX;
	if ((t->handle.shape.flags & SHMREG_TOPIC_RELIABLE) != 0) {
		pub->room = lag_max != 0 ? lag_max : t->mask + 1;
		/* Nothing is known of the cursors: no room before they were looked at. */
		pub->gate = pub->next - pub->room;
	}
	pub->sequence = spare & ~SHMREG_TOPIC_CHUNK_MASK;
	pub->spare = (uint32_t)chunk;
	pub->index = index;
	pub->home = (uint32_t)shmreg_topic_home_(t, index);
	pub->single = t->handle.shape.param[0] == 1;
	pub->role = role;
	return 0;
}

void publisher_leave(struct shmreg_publisher *pub)
{
	if (pub->role != NULL)
		role_leave(&pub->role->owner, pub->topic.handle.seat);
	pub->role = NULL;
}

void topic_bind(struct shmreg_topic *t, void *base, const struct shmreg_shape *shape,
		uint32_t seat, const uint64_t *seats)
{
	t->handle.base = base;
	t->handle.shape = *shape;
	t->handle.seat = seat;
	t->seats = seats;
	topic_prepare(t);
}

int publisher_bind(struct shmreg_publisher *pub, void *base, const struct shmreg_shape *shape,
		   uint32_t seat, const uint64_t *seats, uint32_t index)
{
	memset(pub, 0, sizeof(*pub));
	topic_bind(&pub->topic, base, shape, seat, seats);
	if (!role_try(topic_roles(&pub->topic) +
			      index * (sizeof(struct shmreg_topic_publisher) / 8), seat))
		return -EBUSY;
	return publisher_prepare(pub, index);
}

int subscriber_bind(struct shmreg_subscriber *sub, void *base, const struct shmreg_shape *shape,
		    uint32_t seat, const uint64_t *seats, uint64_t history)
{
	const uint32_t stride = sizeof(struct shmreg_topic_cursor) / 8;
	uint64_t *first, announced, none;
	uint32_t i;
	int r;

	memset(sub, 0, sizeof(*sub));
	topic_bind(&sub->topic, base, shape, seat, seats);
	if (seat == 0)
		return subscriber_join(sub, SHMREG_TOPIC_NO_CURSOR, 0, history);
	r = topic_newest_from(&sub->topic, 0, &announced);
	if (r < 0)
		return r;
	first = topic_cursors(&sub->topic);
	for (i = 0; i < shape->param[1]; i++) {
		none = SHMREG_TOPIC_EMPTY;
		if (shmreg_cas_acq_rel(&first[i * stride], &none,
				       topic_cursor_announce(&sub->topic, announced)))
			return subscriber_join(sub, i, announced, history);
	}
	return (shape->flags & SHMREG_TOPIC_RELIABLE) != 0
		       ? -EBUSY
		       : subscriber_join(sub, SHMREG_TOPIC_NO_CURSOR, 0, history);
}
