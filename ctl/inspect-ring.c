/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <inttypes.h>

#include <shmreg/abi/ring.h>

#include "inspect.h"

/* Words of a ring: shmreg/abi/ring.h. */

#define COUNTER_TRIES 64
#define RECORDS_MAX 65536	/* looked at */

struct ring {
	const struct shmreg_ring_shm *shm;
	const struct inspected *o;
	uint64_t head, tail;	/* words, at one moment */
	uint64_t low;		/* bits that are not of the position */
};

static bool read_counters(struct ring *r)
{
	for (int i = 0; i < COUNTER_TRIES; i++) {
		r->head = shmreg_load_acquire(&r->shm->head);
		r->tail = shmreg_load_acquire(&r->shm->tail);
		if (shmreg_load_acquire(&r->shm->head) == r->head)
			return true;
	}
	return false;
}

/* From record to record: what lies between head and tail stays as long as the head does. */
static void inspect_records(struct inspection *x, const struct ring *r)
{
	const uint64_t capacity = r->o->entry.shape.capacity, tail = r->tail & ~r->low;
	uint64_t at = r->head & ~r->low;

	for (unsigned int i = 0; at != tail && i < RECORDS_MAX; i++) {
		const uint64_t offset = at & (capacity - 1), rest = capacity - offset;
		const struct shmreg_ring_record *record =
			(const void *)(r->o->base + sizeof(struct shmreg_ring_shm) + offset);
		const uint32_t bytes = shmreg_load_relaxed(&record->bytes);
		uint64_t step = rest;

		x->n_words++;
		if (bytes != SHMREG_RING_PADDING)
			step = sizeof(*record) + ((bytes + UINT64_C(7)) & ~UINT64_C(7));
		if (step > rest || step > tail - at ||
		    (bytes != SHMREG_RING_PADDING && bytes > capacity / 2 - sizeof(*record))) {
			suspect(x, FINDING_ERROR, "ring.record", ADVICE_GARBLED, 0, at, bytes,
				"the record at byte %" PRIu64 " says that it has %" PRIu32
				" bytes, which "
				"cannot be: somebody who may write wrote over it, and the consumer "
				"gets EUCLEAN",
				at, bytes);
			return;
		}
		at += step;
	}
}

void inspect_ring(struct inspection *x, const struct inspected *o)
{
	const bool records = o->entry.shape.flags & SHMREG_RING_RECORDS;
	struct ring r = {
		.shm = (const void *)o->base,
		.o = o,
		.low = records ? SHMREG_RING_LOW_MASK : 0,
	};
	const uint64_t producer = shmreg_load_acquire(&r.shm->producer);
	const uint64_t consumer = shmreg_load_acquire(&r.shm->consumer);

	if (producer)
		inspect_seat(x, producer, 0, producer, "the producer's role");
	if (consumer)
		inspect_seat(x, consumer, 1, consumer, "the consumer's role");
	if (!read_counters(&r))
		return;	/* it is busy, and so it works */
	if ((r.tail & ~r.low) - (r.head & ~r.low) > o->entry.shape.capacity ||
	    (records && (r.tail | r.head) & r.low & ~SHMREG_RING_FLIP))
		suspect(x, FINDING_ERROR, "ring.counters", ADVICE_GARBLED, 0, r.head, r.tail,
			"the counters say %" PRIu64 " written and %" PRIu64
			" read, which does not fit a "
			"capacity of %" PRIu64 ": somebody who may write wrote over it",
			r.tail, r.head, o->entry.shape.capacity);
	else if (records)
		inspect_records(x, &r);
	/* Two words that others write read at two moments: but who is full stays full, if nobody
	 * reads. */
	if (consumer && (r.tail & ~r.low) - (r.head & ~r.low) == o->entry.shape.capacity)
		suspect(x, FINDING_NOTE, "ring.full", ADVICE_PROCESS,
			(uint32_t)consumer, r.head, r.tail,
			"it is full, and its consumer does not read");
}
