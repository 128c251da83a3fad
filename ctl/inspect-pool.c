/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include <shmreg/abi/pool.h>
#include <shmreg/abi/queue.h>

#include "inspect.h"

/* Words of a pool: shmreg/abi/pool.h. */

struct pool {
	const struct inspected *o;
	struct shmreg_pool_geometry g;
};

static uint64_t word_at(const struct pool *p, uint64_t index)
{
	return shmreg_load_acquire(
	    (const uint64_t *)(const void *)(p->o->base + p->g.owner_offset) + index);
}

/* What lies in a queue's slot, whose word comes before it. */
static uint64_t reference_in(const struct inspection *x, const struct shmreg_dir_object *queue,
			     uint64_t slot)
{
	const unsigned char *at = x->data + queue->offset + sizeof(struct shmreg_queue_shm) +
				  slot * shmreg_queue_stride(8, 8) + shmreg_queue_elem_offset(8);

	return shmreg_load_acquire((const uint64_t *)(const void *)at);
}

static bool lies_within(const struct inspection *x, const struct shmreg_dir_object *o)
{
	return o->bytes <= x->dir->data_bytes && o->offset <= x->dir->data_bytes - o->bytes &&
	       sizeof(struct shmreg_queue_shm) + o->shape.capacity * shmreg_queue_stride(8, 8) <=
		       o->bytes;
}

/*
 * An object that says it travels lies in the slot that it names, from before its word says so until
 * after (shmreg/object-queue-inline.h); in a queue that was removed as long as somebody has it
 * open.
 */
static void inspect_sent(struct inspection *x, const struct pool *p, uint64_t index, uint64_t w)
{
	const uint32_t queue = shmreg_pool_word_queue(w);
	const uint64_t slot = (w & SHMREG_POOL_SLOT_MASK) >> SHMREG_POOL_SLOT_SHIFT;
	struct shmreg_dir_object q;
	int r;

	if (x->is_copy)
		return;
	r = shmreg_dir_read_object(x->dir, queue, &q);
	if (r < 0 && r != -ENOENT)
		return;
	if (r < 0 || !shmreg_shape_is_object_queue(&q.shape) ||
	    shmreg_shape_pool(&q.shape) != p->o->entry.id || slot >= q.shape.capacity)
		suspect(x, FINDING_ERROR, "pool.lost", ADVICE_GARBLED, 0, index, w,
			"object %" PRIu64
			" is said to travel through a queue that is none of this pool's: it "
			"is lost until the pool is removed",
			index);
	else if (q.state == SHMREG_ENTRY_LIVE && lies_within(x, &q) &&
		 reference_in(x, &q, slot) != shmreg_pool_ref_of(w, index))
		suspect(x, FINDING_ERROR, "pool.lost", ADVICE_GARBLED, 0, index, w,
			"object %" PRIu64
			" is said to travel through queue '%s', in which it is not: it is "
			"lost until the pool is removed",
			index, q.name);
}

static void inspect_word(struct inspection *x, const struct pool *p, uint64_t index)
{
	const uint64_t w = word_at(p, index);
	const uint64_t state = w & SHMREG_POOL_STATE_MASK;

	x->n_words++;
	if ((state == SHMREG_POOL_KEPT && shmreg_pool_word_seat(w) == 0) ||
	    (w != 0 && !(w & SHMREG_POOL_GENERATION_MASK)))
		suspect(x, FINDING_ERROR, "pool.word", ADVICE_GARBLED, 0, index, w,
			"the word of object %" PRIu64 " says %#" PRIx64
			", which no correct process writes "
			"there: nobody can have it again",
			index, w);
	else if (state == SHMREG_POOL_HELD || state == SHMREG_POOL_KEPT)
		inspect_seat(x, shmreg_pool_word_seat(w), index, w, "an object");
	else if (state == SHMREG_POOL_SENT)
		inspect_sent(x, p, index, w);
}

void inspect_pool(struct inspection *x, const struct inspected *o)
{
	const struct shmreg_pool_shm *shm = (const void *)o->base;
	const struct pool p = { .o = o, .g = shmreg_pool_geometry(&o->entry.shape) };
	uint64_t n = 0;

	/* Where no bit is set all words are zero, and may lie in a hole. */
	for (uint64_t i = 0; i < o->entry.shape.capacity && n < INSPECT_SLOTS_MAX; i++) {
		const uint64_t part = i / SHMREG_POOL_FANOUT >> p.g.touched_shift;

		if (shmreg_load_acquire(&shm->touched[part / 64 % SHMREG_POOL_TOUCHED]) &
		    UINT64_C(1) << part % 64) {
			inspect_word(x, &p, i);
			n++;
		} else {
			i = ((part + 1) << p.g.touched_shift) * SHMREG_POOL_FANOUT - 1;
		}
	}
}
