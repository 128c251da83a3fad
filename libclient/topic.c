/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>

#include <shmreg/topic.h>

#include "error.h"
#include "object.h"
#include "params.h"
#include "role.h"
#include "segment.h"
#include "topic-bind.h"

static int open_any(struct shmreg_segment *segment, struct shmreg_topic **ret, uint32_t how,
		    const char *name, const struct shmreg_topic_params *params, uint32_t layout,
		    size_t handle_bytes, uint64_t *ret_history)
{
	struct shmreg_topic_params p = { .size = sizeof(p) };
	struct shmreg_shape shape = { .kind = SHMREG_KIND_TOPIC, .layout = layout };
	struct shmreg_handle *handle;
	struct shmreg_topic *t;
	int r;

	r = params_copy(&p, sizeof(p), params, "shmreg_topic_params");
	if (r < 0)
		return r;
	shape.flags = p.flags;
	shape.elem_bytes = p.message_bytes;
	shape.elem_align = p.message_bytes != 0 ? p.message_align : 0;
	shape.capacity = p.capacity;
	if (p.capacity != 0) {
		shape.param[0] = p.publishers != 0 ? p.publishers : 1;
		shape.param[1] = p.subscribers != 0 ? p.subscribers
						    : SHMREG_TOPIC_SUBSCRIBERS_DEFAULT;
		shape.param[2] = p.lag_max;
	}
	r = shmreg_object_open(segment, &handle, how, name, &shape, p.type_name, handle_bytes);
	if (r < 0)
		return r;
	t = (struct shmreg_topic *)(void *)handle;
	t->seats = shmreg_dir_seats(segment->dir);
	topic_prepare(t);
	*ret_history = p.history;
	*ret = t;
	return 0;
}

/* The sentence for what role_take() and shmreg_object_open() have none for. */
static int refuse(const struct shmreg_topic *t, int error)
{
	const struct shmreg_handle *h = &t->handle;

	if (error == -EUCLEAN)
		return error_set(error, "topic '%s' in segment '%s' holds what no correct process "
				 "writes: remove it and create it again", h->entry->name,
				 h->segment->name);
	if (error == -EBUSY)
		return error_set(error, "topic '%s' in segment '%s' changes faster than one can find "
				 "its newest message", h->entry->name, h->segment->name);
	return error;
}

int shmreg_publisher_open_layout(struct shmreg_segment *segment, struct shmreg_publisher **ret,
				 uint32_t how, const char *name,
				 const struct shmreg_topic_params *params, uint32_t layout,
				 size_t handle_bytes)
{
	struct shmreg_publisher *pub;
	struct shmreg_topic *t;
	uint64_t history;
	uint32_t index;
	int r;

	r = object_refuse_read_only(segment, name, "shmreg_topic_open_const()");
	if (r < 0)
		return r;
	if (handle_bytes < sizeof(*pub))
		handle_bytes = sizeof(*pub);
	r = open_any(segment, &t, how | SHMREG_OBJECT_SEAT, name, params, layout, handle_bytes,
		     &history);
	if (r < 0)
		return r;
	pub = (struct shmreg_publisher *)(void *)t;
	r = role_take(&t->handle, topic_roles(t), sizeof(struct shmreg_topic_publisher),
		      t->handle.shape.param[0], "publisher", &index);
	if (r == 0) {
		r = publisher_prepare(pub, index);
		if (r < 0) {
			r = refuse(t, r);
			role_leave(topic_roles(t) +
					   index * (sizeof(struct shmreg_topic_publisher) / 8),
				   t->handle.seat);
		}
	}
	if (r < 0) {
		shmreg_object_close(&t->handle);
		return r;
	}
	*ret = pub;
	return 0;
}

/* Take a cursor and join. If lossy, a cursor is nice to have. */
static int join(struct shmreg_subscriber *sub, uint64_t history)
{
	const struct shmreg_topic *t = &sub->topic;
	const int reliable = (t->handle.shape.flags & SHMREG_TOPIC_RELIABLE) != 0;
	struct role_words words = {
		.first = topic_cursors(t),
		.stride = sizeof(struct shmreg_topic_cursor),
		.n = t->handle.shape.param[1],
		.owner_mask = SHMREG_TOPIC_SEAT_MASK,
		.owner_shift = SHMREG_TOPIC_SEAT_SHIFT,
	};
	uint32_t index = SHMREG_TOPIC_NO_CURSOR, i;
	uint64_t announced = 0;
	int r;

	if (t->handle.seat == 0 && reliable)
		return error_set(-EROFS, "topic '%s' in segment '%s' is reliable, so its subscribers "
				 "say how far they are, and the segment is attached read-only: attach "
				 "it with SHMREG_ACCESS_WRITE", t->handle.entry->name,
				 t->handle.segment->name);
	if (t->handle.seat != 0) {
		r = topic_newest_from(t, 0, &announced);
		if (r < 0)
			return refuse(t, r);
		words.mine = topic_cursor_announce(t, announced);
	}
	if (reliable) {
		r = role_take_word(&sub->topic.handle, &words, "subscriber", &index);
		if (r < 0)
			return r;
	}
	for (i = 0; i < words.n && index == SHMREG_TOPIC_NO_CURSOR && t->handle.seat != 0; i++)
		if (role_try(words.first + i * (words.stride / 8), words.mine))
			index = i;
	r = subscriber_join(sub, index, announced, history);
	if (r < 0) {
		r = refuse(t, r);
		subscriber_leave(sub);
	}
	return r;
}

int shmreg_subscriber_open_layout(struct shmreg_segment *segment, struct shmreg_subscriber **ret,
				  uint32_t how, const char *name,
				  const struct shmreg_topic_params *params, uint32_t layout,
				  size_t handle_bytes)
{
	struct shmreg_topic *t;
	uint64_t history;
	int r;

	if (handle_bytes < sizeof(struct shmreg_subscriber))
		handle_bytes = sizeof(struct shmreg_subscriber);
	r = open_any(segment, &t, how | SHMREG_OBJECT_SEAT, name, params, layout, handle_bytes,
		     &history);
	if (r < 0)
		return r;
	r = join((struct shmreg_subscriber *)(void *)t, history);
	if (r < 0) {
		shmreg_object_close(&t->handle);
		return r;
	}
	*ret = (struct shmreg_subscriber *)(void *)t;
	return 0;
}

int shmreg_topic_open_const_layout(struct shmreg_segment *segment, const struct shmreg_topic **ret,
				   const char *name, const struct shmreg_topic_params *params,
				   uint32_t layout, size_t handle_bytes)
{
	struct shmreg_topic *t;
	uint64_t history;
	int r;

	if (handle_bytes < sizeof(*t))
		handle_bytes = sizeof(*t);
	r = open_any(segment, &t, SHMREG_OBJECT_ATTACH, name, params, layout, handle_bytes,
		     &history);
	if (r < 0)
		return r;
	*ret = t;
	return 0;
}

int shmreg_publisher_close(struct shmreg_publisher *pub)
{
	if (pub == NULL)
		return 0;
	publisher_leave(pub);
	return shmreg_object_close(&pub->topic.handle);
}

int shmreg_subscriber_close(struct shmreg_subscriber *sub)
{
	if (sub == NULL)
		return 0;
	subscriber_leave(sub);
	return shmreg_object_close(&sub->topic.handle);
}

int shmreg_topic_close(const struct shmreg_topic *topic)
{
	/* const is about the messages: the handle itself is ours to free. */
	return topic == NULL ? 0 : shmreg_object_close((struct shmreg_handle *)(uintptr_t)topic);
}
