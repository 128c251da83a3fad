/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>

#include <shmreg/copy.h>
#include <shmreg/records.h>
#include <shmreg/ring.h>
#include <shmreg/topic.h>

#include "look.h"

/* --- ring ----------------------------------------------------------------------------------------- */

static int open_ring(struct look *l)
{
	const struct shmreg_ring_params params = { .size = sizeof(params) };
	const struct shmreg_ring *handle;
	const int r = shmreg_ring_open_const(l->segment, &handle, l->entry.name, &params);

	if (r == 0)
		l->handle = handle;
	return r;
}

static int close_ring(struct look *l)
{
	return shmreg_ring_close(l->handle);
}

static struct shmreg_ring_shm *shm_of(const struct look *l)
{
	const struct shmreg_ring *ring = l->handle;

	return (struct shmreg_ring_shm *)(void *)ring->handle.base;
}

static const unsigned char *slots_of(const struct look *l)
{
	return (const unsigned char *)shm_of(l) + sizeof(struct shmreg_ring_shm);
}

/* The copy's loads before the count's: the producer writes a slot only once that has passed it. */
static bool is_passed(const struct look *l, uint64_t position, uint64_t low)
{
	shmreg_fence_acquire();
	return (int64_t)((shmreg_load_relaxed(&shm_of(l)->head) & ~low) - position) > 0;
}

/* What there is, and was not seen before. */
static int begin(struct look *l, uint64_t low, uint64_t *ret_head, uint64_t *ret_tail)
{
	const struct shmreg_ring_shm *shm = shm_of(l);
	const uint64_t capacity = l->entry.shape.capacity;
	uint64_t head = shmreg_load_acquire(&shm->head) & ~low;
	uint64_t tail = shmreg_load_acquire(&shm->tail) & ~low;

	/* The tail may have gone on with the head. */
	for (unsigned int tries = 0; tail - head > capacity; tries++) {
		if (tries == 1000)
			return -EUCLEAN;
		head = shmreg_load_acquire(&shm->head) & ~low;
		tail = shmreg_load_acquire(&shm->tail) & ~low;
	}
	if (l->again && (int64_t)(head - l->next) > 0)
		l->n_missed += low ? 1 : head - l->next;
	else if (l->again)
		head = l->next;
	l->again = true;
	l->next = *ret_head = head;
	*ret_tail = tail;
	return 0;
}

static int each_of_ring(struct look *l, int (*visit)(void *, const struct look_item *), void *context)
{
	const uint64_t mask = l->entry.shape.capacity - 1;
	uint64_t i, tail;
	int r = begin(l, 0, &i, &tail);

	for (; r == 0 && (int64_t)(tail - i) > 0; i++) {
		const struct look_item item = { .number = i, .data = l->copy, .bytes = l->bytes };

		shmreg_copy_from_shared(l->copy, slots_of(l) + (i & mask) * l->bytes, l->bytes);
		l->next = i + 1;
		if (!is_passed(l, i, 0))
			r = visit(context, &item);
	}
	return r;
}

const struct look_kind look_ring = {
	.order = true,
	.open = open_ring,
	.each = each_of_ring,
	.close = close_ring,
};

/* --- records -------------------------------------------------------------------------------------- */

static int open_records(struct look *l)
{
	const int r = open_ring(l);

	l->vary = true;
	if (r == 0)
		l->bytes = shmreg_record_max(l->handle);
	return r;
}

/* Return: 0 it is in l->copy; 1 padding; -EAGAIN it was passed; -EUCLEAN. */
static int read_record(struct look *l, uint64_t position, uint64_t left, uint64_t *ret_bytes,
		       uint64_t *ret_step)
{
	const uint64_t offset = position & (l->entry.shape.capacity - 1);
	const uint64_t to_end = l->entry.shape.capacity - offset;
	const uint64_t room = left < to_end ? left : to_end;
	struct shmreg_ring_record header;

	shmreg_copy_from_shared(&header, slots_of(l) + offset, sizeof(header));
	*ret_bytes = header.bytes;
	if (header.bytes == SHMREG_RING_PADDING)
		*ret_step = to_end;
	else
		*ret_step = (sizeof(header) + (uint64_t)header.bytes + 7) & ~UINT64_C(7);
	if (*ret_step > room || (header.bytes != SHMREG_RING_PADDING && header.bytes > l->bytes))
		return is_passed(l, position, SHMREG_RING_LOW_MASK) ? -EAGAIN : -EUCLEAN;
	if (header.bytes != SHMREG_RING_PADDING)
		shmreg_copy_from_shared(l->copy, slots_of(l) + offset + sizeof(header), header.bytes);
	if (is_passed(l, position, SHMREG_RING_LOW_MASK))
		return -EAGAIN;
	return header.bytes == SHMREG_RING_PADDING;
}

static int each_of_records(struct look *l, int (*visit)(void *, const struct look_item *), void *context)
{
	uint64_t at, tail, step;
	int r = begin(l, SHMREG_RING_LOW_MASK, &at, &tail);

	while (r == 0 && (int64_t)(tail - at) > 0) {
		struct look_item item = { .number = at, .data = l->copy };

		r = read_record(l, at, tail - at, &item.bytes, &step);
		if (r == -EAGAIN) {
			/* Where the next one begins is known only of those that are there. */
			const uint64_t head = shmreg_load_acquire(&shm_of(l)->head) &
					      ~SHMREG_RING_LOW_MASK;

			l->n_missed++;
			l->next = at = head;
			r = (int64_t)(tail - head) > (int64_t)l->entry.shape.capacity ? -EUCLEAN : 0;
			continue;
		}
		if (r < 0)
			return r;
		l->next = at += step;
		r = r == 1 ? 0 : visit(context, &item);
	}
	return r;
}

const struct look_kind look_records = {
	.order = true,
	.open = open_records,
	.each = each_of_records,
	.close = close_ring,
};

/* --- topic ---------------------------------------------------------------------------------------- */

static int open_topic(struct look *l)
{
	const struct shmreg_topic_params params = { .size = sizeof(params) };

	l->vary = true;
	return shmreg_topic_open_const(l->segment, (const struct shmreg_topic **)&l->handle,
				       l->entry.name, &params);
}

static int each_of_topic(struct look *l, int (*visit)(void *, const struct look_item *), void *context)
{
	const struct shmreg_topic *topic = l->handle;
	uint64_t next, oldest, newest, most = shmreg_topic_capacity(topic);
	int r;

	r = shmreg_topic_newest(topic, &newest);
	if (r < 0)
		return r;
	if (!l->again && l->newest < most)
		most = l->newest;
	oldest = newest > most ? newest - most : 0;
	next = l->again && l->next > oldest ? l->next : oldest;
	if (l->again)
		l->n_missed += next - (l->next < next ? l->next : next);
	for (l->again = true; r == 0 && next < newest; next++) {
		struct shmreg_topic_message message;
		struct look_item item = { .number = next, .data = l->copy };

		r = shmreg_topic_read_at(topic, next, l->copy, l->bytes, &message);
		/* Not there yet: another publisher was faster. */
		if (r == -EAGAIN || r == -ESTALE || r == -ENOTRECOVERABLE) {
			r = 0;
			break;
		}
		item.bytes = message.bytes;
		if (r == -EPIPE) {
			l->n_missed++;
			r = 0;
		} else if (r == 0) {
			r = visit(context, &item);
		}
	}
	l->next = next;
	return r;
}

static int close_topic(struct look *l)
{
	return shmreg_topic_close(l->handle);
}

const struct look_kind look_topic = {
	.order = true,
	.open = open_topic,
	.each = each_of_topic,
	.close = close_topic,
};
