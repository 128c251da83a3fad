/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include <shmreg/topic.h>

#include "again.h"
#include "topic-bind.h"

/* topic-stat.c - looking at a topic; nothing here writes to it */

uint64_t shmreg_topic_capacity(const struct shmreg_topic *topic)
{
	return topic->handle.shape.capacity;
}

uint64_t shmreg_topic_message_bytes(const struct shmreg_topic *topic)
{
	return topic->handle.shape.elem_bytes;
}

int shmreg_topic_newest(const struct shmreg_topic *topic, uint64_t *ret)
{
	return topic->handle.base == NULL ? -ECHILD : topic_newest_from(topic, 0, ret);
}

uint64_t shmreg_subscriber_lag(const struct shmreg_subscriber *sub)
{
	uint64_t newest;

	if (sub->topic.handle.base == NULL ||
	    topic_newest_from(&sub->topic, sub->next, &newest) < 0)
		return 0;
	return newest - sub->next;
}

int shmreg_topic_read_at(const struct shmreg_topic *topic, uint64_t position, void *buffer,
			 size_t size, struct shmreg_topic_message *ret)
{
	struct shmreg_topic_chunk header;
	bool fits;
	uint64_t w, chunk;
	int64_t ahead;

	if (topic->handle.base == NULL)
		return -ECHILD;
	/* "newest - n" of a young topic: before the first, whose slot says turn 0, as this would. */
	if ((int64_t)position < 0)
		return -EPIPE;
	w = shmreg_load_acquire(shmreg_topic_slot_(topic, position));			/* P' */
	ahead = (int64_t)((w & ~SHMREG_TOPIC_CHUNK_MASK) - shmreg_topic_turn_(topic, position));
	if (ahead != 0)
		return ahead < 0 ? handle_again(&topic->handle) : -EPIPE;
	chunk = shmreg_topic_absolute_(topic, w, position & topic->mask);
	if (chunk == topic->n_chunks)
		return -EUCLEAN;
	fits = shmreg_topic_copy_message_(&header, shmreg_topic_chunk_(topic, chunk, topic->stride),
					  buffer, size, 0, topic->elem_bytes, topic->elem_offset);
	if (!shmreg_topic_was_whole_(shmreg_topic_slot_(topic, position), w))
		return -EPIPE;
	if (!fits)
		return header.bytes <= topic->elem_bytes ? -EMSGSIZE : -EUCLEAN;
	shmreg_topic_tell_(ret, position, &header);
	return 0;
}

int shmreg_topic_last(const struct shmreg_topic *topic, void *buffer, size_t stride, uint32_t n,
		      struct shmreg_topic_message *ret)
{
	uint64_t newest, p, i = 0;
	int r;

	r = shmreg_topic_newest(topic, &newest);
	if (r < 0)
		return r;
	if (n > INT_MAX)
		n = INT_MAX;
	if (n > topic->handle.shape.capacity)
		n = (uint32_t)topic->handle.shape.capacity;
	for (p = newest - (n < newest ? n : newest); p != newest; p++) {
		r = shmreg_topic_read_at(topic, p, (unsigned char *)buffer + i * stride, stride,
					 ret != NULL ? &ret[i] : NULL);
		if (r == 0)
			i++;
		else if (r == -EPIPE)
			i = 0;	/* what was copied so far is older still: there would be a gap */
		else
			return r == -EAGAIN ? -EUCLEAN : r;	/* it was there */
	}
	return (int)i;
}

static const struct shmreg_topic_publisher *role_at(const struct shmreg_topic *t, uint32_t index)
{
	return (const struct shmreg_topic_publisher *)(const void *)topic_roles(t) + index;
}

static const struct shmreg_topic_cursor *cursor_at(const struct shmreg_topic *t, uint32_t index)
{
	return (const struct shmreg_topic_cursor *)(const void *)topic_cursors(t) + index;
}

int shmreg_topic_stat(const struct shmreg_topic *topic, struct shmreg_topic_stats *ret)
{
	struct shmreg_topic_stats stat;
	const size_t size = ret->size;
	uint64_t high;
	uint32_t i;
	int r;

	if (size < sizeof(size) || size > 4096)
		return -EINVAL;
	if (topic->handle.base == NULL)
		return -ECHILD;
	memset(&stat, 0, sizeof(stat));
	stat.size = size;
	stat.capacity = topic->handle.shape.capacity;
	r = shmreg_topic_newest(topic, &stat.n_published);
	if (r < 0)
		return r;
	/* relaxed, here and below: numbers to look at, by which nobody finds anything */
	stat.n_settled = shmreg_load_relaxed(&shmreg_topic_shm_(topic)->n_settled);
	for (i = 0; i < topic->handle.shape.param[0]; i++) {
		stat.n_full += shmreg_load_relaxed(&role_at(topic, i)->n_full);
		stat.n_evicted += shmreg_load_relaxed(&role_at(topic, i)->n_evicted);
		high = shmreg_load_relaxed(&role_at(topic, i)->high);
		if (high > stat.lag_high)
			stat.lag_high = high;
		stat.n_publishers += shmreg_load_relaxed(&role_at(topic, i)->owner) != 0;
	}
	for (i = 0; i < topic->handle.shape.param[1]; i++)
		stat.n_subscribers += shmreg_load_relaxed(&cursor_at(topic, i)->word) !=
				      SHMREG_TOPIC_EMPTY;
	if (size > sizeof(stat))
		memset(ret, 0, size);
	memcpy(ret, &stat, size < sizeof(stat) ? size : sizeof(stat));
	return 0;
}

int shmreg_topic_publishers(const struct shmreg_topic *topic,
			    int (*visit)(void *data,
					 const struct shmreg_topic_publisher_info *info),
			    void *data)
{
	struct shmreg_topic_publisher_info info;
	uint64_t owner;
	uint32_t i;
	int r;

	if (topic->handle.base == NULL)
		return -ECHILD;
	for (i = 0; i < topic->handle.shape.param[0]; i++) {
		info.index = i;
		owner = shmreg_load_relaxed(&role_at(topic, i)->owner);
		info.seat = owner < SHMREG_SEATS ? (uint32_t)owner : 0;	/* else nobody's */
		info.n_published = shmreg_load_relaxed(&role_at(topic, i)->n_published);
		info.n_full = shmreg_load_relaxed(&role_at(topic, i)->n_full);
		info.n_evicted = shmreg_load_relaxed(&role_at(topic, i)->n_evicted);
		r = info.seat != 0 ? visit(data, &info) : 0;
		if (r != 0)
			return r;
	}
	return 0;
}

int shmreg_topic_subscribers(const struct shmreg_topic *topic,
			     int (*visit)(void *data,
					  const struct shmreg_topic_subscriber_info *info),
			     void *data)
{
	struct shmreg_topic_subscriber_info info;
	uint64_t newest, word, first;
	int64_t lag, passed;
	uint32_t i;
	int r;

	r = shmreg_topic_newest(topic, &newest);
	if (r < 0)
		return r;
	memset(&info, 0, sizeof(info));
	for (i = 0; i < topic->handle.shape.param[1]; i++) {
		word = shmreg_load_relaxed(&cursor_at(topic, i)->word);
		if (word == SHMREG_TOPIC_EMPTY)
			continue;
		info.index = i;
		info.seat = (uint32_t)((word & SHMREG_TOPIC_SEAT_MASK) >> SHMREG_TOPIC_SEAT_SHIFT);
		info.state = (uint32_t)(word & SHMREG_TOPIC_STATE_MASK);
		lag = topic_lag(word, newest);
		info.lag = lag > 0 ? (uint64_t)lag : 0;
		info.position = newest - (uint64_t)lag;
		info.n_lost = shmreg_load_relaxed(&cursor_at(topic, i)->n_lost);
		/* What it has passed and not lost; of one that is being overtaken it may be less. */
		first = shmreg_load_relaxed(&cursor_at(topic, i)->first);
		passed = (int64_t)(0 - (uint64_t)topic_lag(word, first) - info.n_lost);
		info.n_read = passed > 0 ? (uint64_t)passed : 0;
		r = visit(data, &info);
		if (r != 0)
			return r;
	}
	return 0;
}
