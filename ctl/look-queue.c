/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>

#include <shmreg/copy.h>
#include <shmreg/pool.h>
#include <shmreg/queue.h>

#include "look.h"

/* Positions stand in words, shifted; differences wrap with them. */
#define ONE (UINT64_C(1) << SHMREG_QUEUE_POS_SHIFT)

static int open_queue(struct look *l)
{
	const struct shmreg_queue_params params = { .size = sizeof(params) };
	const struct shmreg_queue *handle;
	const int r = shmreg_queue_open_const(l->segment, &handle, l->entry.name, &params);

	if (r == 0)
		l->handle = handle;
	return r;
}

/* And the pool, to see the objects themselves. */
static int open_objects(struct look *l)
{
	const struct shmreg_pool_params params = { .size = sizeof(params) };
	char name[SHMREG_OBJECT_NAME_MAX + 1];
	const struct shmreg_pool *pool;
	int r = open_queue(l);

	if (r < 0)
		return r;
	/* Without it there are references. */
	if (look_name(l->segment, shmreg_shape_pool(&l->entry.shape), name) < 0)
		return 0;
	r = shmreg_pool_open_const(l->segment, &pool, name, &params);
	if (r == 0) {
		l->pool = pool;
		l->bytes = pool->elem_bytes;
	}
	return r;
}

static int close_queue(struct look *l)
{
	return shmreg_queue_close(l->handle);
}

/* Return: 0; -EUCLEAN there is a reference to no object. */
static int copy_element(struct look *l, const unsigned char *elem)
{
	const struct shmreg_pool *pool = l->pool;
	shmreg_pool_ref ref;
	uint64_t index;

	if (!pool) {
		shmreg_copy_from_shared(l->copy, elem, l->bytes);
		return 0;
	}
	shmreg_copy_from_shared(&ref, elem, sizeof(ref));
	index = shmreg_pool_ref_index(ref);
	if (index >= pool->capacity)
		return -EUCLEAN;
	shmreg_copy_from_shared(l->copy, pool->elems + index * pool->stride, l->bytes);
	return 0;
}

/*
 * The slot of @position, of which the word was @word when the element was one to be shown.
 *
 * Return: 0 it is in l->copy; -EAGAIN it is not what it was any more.
 */
static int read_slot(struct look *l, uint64_t position, uint64_t word)
{
	const struct shmreg_queue *q = l->handle;
	unsigned char *slot = shmreg_queue_slot_(q, position, q->stride);
	int r;

	r = copy_element(l, slot + q->elem_offset);
	/* The copy's loads before the word's: whoever writes into the slot changes that first. */
	shmreg_fence_acquire();
	return shmreg_load_relaxed(shmreg_queue_word_(slot)) == word ? r : -EAGAIN;
}

struct held {
	struct look *look;
	int (*visit)(void *context, const struct look_item *item);
	void *context;
};

/* What somebody has taken and not given back is in its slot still. */
static int visit_held(void *data, const struct shmreg_queue_holder *holder)
{
	const struct held *held = data;
	struct look *l = held->look;
	const struct shmreg_queue *q = l->handle;
	struct look_item item = { .number = holder->position, .seat = holder->seat };
	uint64_t position = holder->position << SHMREG_QUEUE_POS_SHIFT, word;
	int r = 0;

	/* Those are met where they will be queued. */
	if (holder->state == SHMREG_QUEUE_WRITING)
		return 0;
	item.state = holder->state == SHMREG_QUEUE_REDEL ? "waiting to be handed out again" :
							   "being read";
	word = shmreg_load_acquire(shmreg_queue_word_(shmreg_queue_slot_(q, position, q->stride)));
	if ((word & SHMREG_QUEUE_STATE_MASK) != holder->state)
		return 0;
	if (read_slot(l, position, word) == 0) {
		item.data = l->copy;
		item.bytes = l->bytes;
		r = held->visit(held->context, &item);
	}
	return r;
}

/* How far one has come from the head on. */
struct walk {
	uint64_t tail;		/* the counter, with the last claim */
	uint64_t unpublished;	/* positions before this one are being written with one that was met */
	bool ends;		/* one is on its way and not there yet, and to be waited for */
};

/*
 * Those of one claim come together, when its leader's word says so: until then, what stands in the
 * others' slots may not be what their words say. The leader is @position, its word is @word.
 */
static void meet_unpublished(struct walk *w, uint64_t position, uint64_t word)
{
	uint64_t n = (word & SHMREG_QUEUE_N_MASK) >> SHMREG_QUEUE_N_SHIFT;
	const uint64_t left = (w->tail - position) >> SHMREG_QUEUE_POS_SHIFT;

	/* One of several before. */
	if ((int64_t)(position - w->unpublished) < 0)
		return;
	/* Nobody has recorded it: so it was the last one. */
	if ((word & SHMREG_QUEUE_STATE_MASK) == SHMREG_QUEUE_FREE)
		n = (w->tail & SHMREG_QUEUE_N_MASK) >> SHMREG_QUEUE_N_SHIFT;
	w->unpublished = position + (n < left ? n : left) * ONE;
}

/* Return: what @visit returned. */
static int visit_position(struct look *l, uint64_t position,
			  int (*visit)(void *, const struct look_item *), void *context,
			  struct walk *w)
{
	const struct shmreg_queue *q = l->handle;
	const uint64_t word =
		shmreg_load_acquire(shmreg_queue_word_(shmreg_queue_slot_(q, position, q->stride)));
	struct look_item item = { .number = position >> SHMREG_QUEUE_POS_SHIFT };
	int r;

	/* Another lap's: it was passed meanwhile. */
	if ((word & q->lap_mask) != (position & q->lap_mask))
		return 0;
	switch (word & SHMREG_QUEUE_STATE_MASK) {
	case SHMREG_QUEUE_FREE:
	case SHMREG_QUEUE_WRITING:
		item.state = "being written";
		item.seat = (uint32_t)((word & SHMREG_QUEUE_OWNER_MASK) >> SHMREG_QUEUE_OWNER_SHIFT);
		if (l->again) {
			w->ends = true;
			return 0;
		}
		meet_unpublished(w, position, word);
		break;
	case SHMREG_QUEUE_READY:
		if ((int64_t)(position - w->unpublished) < 0) {
			item.state = "being written";
			break;
		}
		r = read_slot(l, position, word);
		if (r == -EUCLEAN)
			item.state = "broken: no object of the pool";
		else if (r < 0)
			return 0;
		item.data = r == 0 ? l->copy : NULL;
		item.bytes = l->bytes;
		break;
	default:
		/* Taken meanwhile, or never pushed. */
		return 0;
	}
	return visit(context, &item);
}

static int each_of_queue(struct look *l, int (*visit)(void *, const struct look_item *), void *context)
{
	const struct shmreg_queue *q = l->handle;
	const struct shmreg_queue_shm *shm = shmreg_queue_shm_(q);
	struct held held = { .look = l, .visit = visit, .context = context };
	uint64_t head, tail, n;
	struct walk walk = { 0 };
	int r = 0;

	if (!l->again)
		r = shmreg_queue_holders(q, visit_held, &held);
	/* Claimed by producers, after what was claimed by consumers: never beyond it. */
	head = shmreg_load_acquire(&shm->head) & ~SHMREG_QUEUE_LOW_MASK;
	walk.tail = shmreg_load_acquire(&shm->tail);
	tail = walk.tail & ~SHMREG_QUEUE_LOW_MASK;
	n = (tail - head) >> SHMREG_QUEUE_POS_SHIFT;
	/* While it was looked at, it may have gone on by more than a lap. */
	if (n > q->mask + 1)
		head = tail - (q->mask + 1) * ONE;
	if (l->again && (int64_t)(head - l->next) > 0)
		l->n_missed += (head - l->next) >> SHMREG_QUEUE_POS_SHIFT;
	else if (l->again)
		head = l->next;
	walk.unpublished = head;
	for (; r == 0 && (int64_t)(tail - head) > 0; head += ONE) {
		r = visit_position(l, head, visit, context, &walk);
		if (walk.ends)
			break;
	}
	l->next = head;
	l->again = true;
	return r;
}

const struct look_kind look_queue = {
	.order = true,
	.open = open_queue,
	.each = each_of_queue,
	.close = close_queue,
};

const struct look_kind look_objects = {
	.order = true,
	.open = open_objects,
	.each = each_of_queue,
	.close = close_queue,
};
