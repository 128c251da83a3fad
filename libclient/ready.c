/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <shmreg/atomic.h>
#include <shmreg/cell.h>
#include <shmreg/pool.h>
#include <shmreg/queue.h>
#include <shmreg/records.h>
#include <shmreg/ring.h>
#include <shmreg/topic.h>

#include "pool-keep.h"
#include "ready.h"
#include "topic-bind.h"

/*
 * All loads are acquire, or what they guard is only compared: a look reads no element. The calls
 * that follow have their own.
 */

/* A counter was read, then a slot that does not match it: old, and the next try sees a newer. */
#define TRIES 64

static uint64_t queue_word(const struct shmreg_queue *q, uint64_t pos)
{
	return shmreg_load_acquire(shmreg_queue_word_(shmreg_queue_slot_(q, pos, q->stride)));
}

static bool queue_has_items(const struct shmreg_queue *q)
{
	const struct shmreg_queue_shm *shm = shmreg_queue_shm_(q);
	uint64_t c, lap, w;
	int i;

	/* Of a handle without a seat redel_seen does not move, for it takes nothing. */
	if (q->claim != 0 && shmreg_load_acquire(&shm->redel) != q->redel_seen)
		return true;
	for (i = 0; i < TRIES; i++) {
		c = shmreg_load_acquire(&shm->head);
		lap = c & q->lap_mask;
		w = queue_word(q, c);
		if (w == (lap | SHMREG_QUEUE_READY) || w == (lap | SHMREG_QUEUE_TOMB))
			return true;
		/* Older, free, or being written: as claim_pop() of queue-claim.c has it. */
		if ((int64_t)(w - lap) < 0 || w == lap ||
		    (w & (q->lap_mask | SHMREG_QUEUE_STATE_MASK)) == (lap | SHMREG_QUEUE_WRITING))
			return false;
	}
	return true;
}

static bool queue_has_space(const struct shmreg_queue *q)
{
	const struct shmreg_queue_shm *shm = shmreg_queue_shm_(q);
	uint64_t c, w;
	int i;

	for (i = 0; i < TRIES; i++) {
		c = shmreg_load_acquire(&shm->tail);
		w = queue_word(q, c) - (c & q->lap_mask);
		if (w == 0)
			return true;
		if ((int64_t)w < 0)
			return false;
	}
	return true;
}

static uint32_t queue_ready(const struct shmreg_handle *handle, uint32_t events,
			    struct ready_seen *seen)
{
	const struct shmreg_queue *q = (const struct shmreg_queue *)(const void *)handle;

	(void)seen;
	return ((events & SHMREG_WAIT_ITEMS) != 0 && queue_has_items(q) ? SHMREG_WAIT_ITEMS : 0) |
	       ((events & SHMREG_WAIT_SPACE) != 0 && queue_has_space(q) ? SHMREG_WAIT_SPACE : 0);
}

/* Of bytes or elements, @used of which are taken from position @tail back. */
static bool ring_has_space(const struct shmreg_handle *handle, uint64_t tail, uint64_t used)
{
	const uint64_t capacity = handle->shape.capacity;
	uint64_t size, end;

	if (used > capacity)
		return true;
	if ((handle->shape.flags & SHMREG_RING_RECORDS) == 0)
		return used < capacity;
	size = shmreg_record_size_(handle->wanted);
	end = capacity - (tail & (capacity - 1));
	return (size > end ? end : 0) + size <= capacity - used;
}

static uint32_t ring_ready(const struct shmreg_handle *handle, uint32_t events,
			   struct ready_seen *seen)
{
	const struct shmreg_ring *ring = (const struct shmreg_ring *)(const void *)handle;
	const struct shmreg_ring_shm *shm = shmreg_ring_shm_(ring);
	const uint64_t low =
		(handle->shape.flags & SHMREG_RING_RECORDS) != 0 ? SHMREG_RING_LOW_MASK : 0;
	/*
	 * Head before tail, so that it is not beyond it. Who has a role finds its own counter
	 * standing still; who has none may find the head so old that the tail is more than
	 * the capacity beyond it, which is said to be ready.
	 */
	const uint64_t head = shmreg_load_acquire(&shm->head) & ~low;
	const uint64_t tail = shmreg_load_acquire(&shm->tail) & ~low;
	const uint64_t used = tail - head;

	(void)seen;
	return ((events & SHMREG_WAIT_ITEMS) != 0 && used != 0 ? SHMREG_WAIT_ITEMS : 0) |
	       ((events & SHMREG_WAIT_SPACE) != 0 && ring_has_space(handle, tail, used)
			? SHMREG_WAIT_SPACE : 0);
}

static bool has_changed(struct ready_seen *seen, uint64_t value)
{
	if (seen->any && seen->value == value)
		return false;
	seen->value = value;
	seen->any = true;
	return true;
}

static bool subscriber_has_items(const struct shmreg_subscriber *sub)
{
	const struct shmreg_topic *t = &sub->topic;
	const uint64_t w = shmreg_load_acquire(shmreg_topic_slot_(t, sub->next)) &
			   ~SHMREG_TOPIC_CHUNK_MASK;

	/* There, or overtaken: something is lost, and to be read after it. */
	if ((int64_t)(w - shmreg_topic_turn_(t, sub->next)) >= 0 ||
	    (int64_t)(shmreg_load_acquire(&shmreg_topic_shm_(t)->tail) - sub->next) > 0)
		return true;
	/* As a read that finds nothing does: who waits here may never try one. */
	subscriber_show(sub);
	return false;
}

static bool topic_has_items(const struct shmreg_topic *t, struct ready_seen *seen)
{
	uint64_t newest;

	/* What makes no sense is for the call to say. */
	if (topic_newest_from(t, 0, &newest) < 0)
		return true;
	return newest != 0 && has_changed(seen, newest);
}

/*
 * As look_at_cursors() in topic-publish.c. Where subscribers are evicted that hold publishers up,
 * there is always room.
 */
static bool topic_has_space(const struct shmreg_topic *t)
{
	const uint64_t *cursor = topic_cursors(t);
	uint64_t newest, w, seat;
	uint32_t i;

	if ((t->handle.shape.flags & SHMREG_TOPIC_RELIABLE) == 0 ||
	    t->handle.shape.param[2] != 0 || topic_newest_from(t, 0, &newest) < 0)
		return true;
	for (i = 0; i < t->handle.shape.param[1]; i++) {
		w = shmreg_load_acquire(cursor + i * (sizeof(struct shmreg_topic_cursor) / 8));
		seat = (w & SHMREG_TOPIC_SEAT_MASK) >> SHMREG_TOPIC_SEAT_SHIFT;
		if ((w & SHMREG_TOPIC_STATE_MASK) == SHMREG_TOPIC_ACTIVE &&
		    topic_lag(w, newest) > (int64_t)t->mask &&
		    (t->seats == NULL || (shmreg_load_acquire(&t->seats[seat]) &
					  SHMREG_SEAT_STATE_MASK) != SHMREG_SEAT_DEAD))
			return false;
	}
	return true;
}

static uint32_t topic_ready(const struct shmreg_handle *handle, uint32_t events,
			    struct ready_seen *seen)
{
	const struct shmreg_topic *t = (const struct shmreg_topic *)(const void *)handle;
	uint32_t is = 0;

	if ((events & SHMREG_WAIT_ITEMS) != 0 &&
	    (handle->is_subscriber
		     ? subscriber_has_items((const struct shmreg_subscriber *)(const void *)handle)
		     : topic_has_items(t, seen)))
		is |= SHMREG_WAIT_ITEMS;
	if ((events & SHMREG_WAIT_SPACE) != 0 && topic_has_space(t))
		is |= SHMREG_WAIT_SPACE;
	return is;
}

/* Group @g: is one of its words free? Where nobody ever was all are, and memory is not made. */
static bool pool_group_has_space(const struct shmreg_pool *p, uint64_t g)
{
	const uint64_t *touched = shmreg_pool_shm_(p)->touched;
	const uint64_t chunk = g >> p->touched_shift;
	uint64_t i = g * SHMREG_POOL_FANOUT, end = i + SHMREG_POOL_FANOUT;

	if ((shmreg_load_acquire(&touched[chunk / 64 % SHMREG_POOL_TOUCHED]) &
	     UINT64_C(1) << chunk % 64) == 0)
		return true;
	if (end > p->capacity)
		end = p->capacity;
	for (; i < end; i++)
		if ((shmreg_load_acquire(&p->owner[i]) & SHMREG_POOL_STATE_MASK) == SHMREG_POOL_FREE)
			return true;
	return false;
}

/* Hints are set by those who search in vain, so once one has, this is quick. */
static bool pool_has_space(const struct shmreg_pool *p)
{
	uint64_t g = 0, k, full, fuller;

	if (pool_keep_count(p, 1) > 0)
		return true;
	while (g < p->n_groups) {
		k = g / SHMREG_POOL_FANOUT;
		/* acquire: who wakes us has cleared them before */
		fuller = shmreg_load_acquire(&p->fuller[k / SHMREG_POOL_FANOUT]);
		if ((fuller & SHMREG_POOL_FULL << k % SHMREG_POOL_FANOUT) != 0) {
			g = (k + 1) * SHMREG_POOL_FANOUT;
			continue;
		}
		full = shmreg_load_acquire(&p->full[k]);
		if ((full & SHMREG_POOL_FULL << g % SHMREG_POOL_FANOUT) == 0 &&
		    pool_group_has_space(p, g))
			return true;
		g++;
	}
	return false;
}

static uint32_t pool_ready(const struct shmreg_handle *handle, uint32_t events,
			   struct ready_seen *seen)
{
	(void)seen;
	return (events & SHMREG_WAIT_SPACE) != 0 &&
		       pool_has_space((const struct shmreg_pool *)(const void *)handle)
	       ? SHMREG_WAIT_SPACE : 0;
}

static uint32_t cell_ready(const struct shmreg_handle *handle, uint32_t events,
			   struct ready_seen *seen)
{
	const struct shmreg_cell *c = (const struct shmreg_cell *)(const void *)handle;
	const uint64_t latest = shmreg_load_acquire(&shmreg_cell_shm_(c)->latest);

	return (events & SHMREG_WAIT_ITEMS) != 0 && latest != 0 && has_changed(seen, latest)
	       ? SHMREG_WAIT_ITEMS : 0;
}

static uint64_t atomic_value(const struct shmreg_handle *handle)
{
	const void *const value = handle->base;

	switch (handle->shape.elem_bytes) {
	case 1:
		return shmreg_load_acquire((const uint8_t *)value);
	case 2:
		return shmreg_load_acquire((const uint16_t *)value);
	case 4:
		return shmreg_load_acquire((const uint32_t *)value);
	default:
		return shmreg_load_acquire((const uint64_t *)value);
	}
}

static uint32_t atomic_ready(const struct shmreg_handle *handle, uint32_t events,
			     struct ready_seen *seen)
{
	return (events & SHMREG_WAIT_ITEMS) != 0 && has_changed(seen, atomic_value(handle))
	       ? SHMREG_WAIT_ITEMS : 0;
}

static uint32_t (*const looks[SHMREG_KIND_MAX + 1])(const struct shmreg_handle *handle,
						    uint32_t events, struct ready_seen *seen) = {
	[SHMREG_KIND_ATOMIC] = atomic_ready,
	[SHMREG_KIND_QUEUE] = queue_ready,
	[SHMREG_KIND_RING] = ring_ready,
	[SHMREG_KIND_TOPIC] = topic_ready,
	[SHMREG_KIND_POOL] = pool_ready,
	[SHMREG_KIND_CELL] = cell_ready,
};

uint32_t ready_look(const struct shmreg_handle *handle, uint32_t events, struct ready_seen *seen)
{
	if (handle->base == NULL || handle->shape.kind > SHMREG_KIND_MAX ||
	    looks[handle->shape.kind] == NULL)
		return 0;
	return looks[handle->shape.kind](handle, events, seen);
}
