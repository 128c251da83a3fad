/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <shmreg/abi/ring.h>
#include <shmreg/compiler.h>

#include "snapshot-copy.h"

/* (S3) in snapshot-copy.h */

/* As often it is begun anew, if all that was there has gone meanwhile. */
#define TRIES 8
/* Looks at a counter and the count that belongs to it, as in ring-stat.c. */
#define COUNT_TRIES 64

struct counter {
	uint64_t word, position;
	uint64_t count;		/* of records */
	bool is_counted;
};

static bool of_records(const struct shmreg_dir_object *o)
{
	return (o->shape.flags & SHMREG_RING_RECORDS) != 0;
}

/* (M3) in records-inline.h: the count that belongs to a counter that stood still. */
static struct counter read_counter(struct snapshot_copy *c, const struct shmreg_dir_object *o,
				   uint64_t at, uint64_t counts_at)
{
	struct counter k = { .word = snapshot_load(c, at) };				/* P', C' */
	uint64_t again;
	int i;

	k.position = k.word;
	if (!of_records(o))
		return k;
	for (i = 0; i < COUNT_TRIES && !k.is_counted; i++) {
		k.count = snapshot_load(c, counts_at + (k.word & SHMREG_RING_FLIP) * 8);	/* N' */
		again = snapshot_load(c, at);
		k.is_counted = again == k.word;
		k.word = again;
	}
	k.position = k.word & ~SHMREG_RING_LOW_MASK;
	return k;
}

static void write_counter(struct snapshot_copy *c, const struct shmreg_dir_object *o,
			  const struct counter *k, uint64_t at, uint64_t counts_at)
{
	*(uint64_t *)snapshot_at(c, at) = k->word;
	if (of_records(o))
		*(uint64_t *)snapshot_at(c, counts_at + (k->word & SHMREG_RING_FLIP) * 8) =
			k->is_counted ? k->count : 0;
}

/* Elements or bytes [from, from + n), wherever the ring begins anew. */
static void copy_part(struct snapshot_copy *c, const struct shmreg_dir_object *o, uint64_t from,
		      uint64_t n)
{
	const uint64_t slots = o->offset + sizeof(struct shmreg_ring_shm);
	const uint64_t index = from & (o->shape.capacity - 1);
	const uint64_t upper = n < o->shape.capacity - index ? n : o->shape.capacity - index;
	const uint64_t at = slots + index * o->shape.elem_bytes;

	snapshot_bytes(c, at, at, upper * o->shape.elem_bytes);
	snapshot_bytes(c, slots, slots, (n - upper) * o->shape.elem_bytes);
}

void snapshot_ring(struct snapshot_copy *c, const struct shmreg_dir_object *o)
{
	const uint64_t tail_at = o->offset + offsetof(struct shmreg_ring_shm, tail);
	const uint64_t written_at = o->offset + offsetof(struct shmreg_ring_shm, n_written);
	const uint64_t head_at = o->offset + offsetof(struct shmreg_ring_shm, head);
	const uint64_t read_at = o->offset + offsetof(struct shmreg_ring_shm, n_read);
	struct counter head, tail;
	uint64_t first;
	int i;

	if (!snapshot_is_there(c, o->offset))
		return;
	for (i = 0; i < TRIES; i++) {
		first = read_counter(c, o, head_at, read_at).position;			/* C' */
		tail = read_counter(c, o, tail_at, written_at);				/* P' */
		if (tail.position - first > o->shape.capacity) {
			/* The head has gone on in between; or is nonsense. */
			head = tail;
			continue;
		}
		copy_part(c, o, first, tail.position - first);
		shmreg_fence_acquire();	/* the elements, before the head */
		head = read_counter(c, o, head_at, read_at);				/* C' */
		if (tail.position == first || (int64_t)(tail.position - head.position) > 0)
			break;
	}
	snapshot_words(c, o->offset, sizeof(struct shmreg_ring_shm));
	if (tail.position - first > o->shape.capacity) {
		snapshot_raw(c, o->offset, o->bytes);
		snapshot_note(c, o, SHMREG_SNAPSHOT_BROKEN, 1);
		return;
	}
	/* All that was there, and more, has gone: it is empty. */
	if ((int64_t)(tail.position - head.position) < 0)
		tail = head;
	if (of_records(o) && (!head.is_counted || !tail.is_counted))
		snapshot_note(c, o, SHMREG_SNAPSHOT_NOCOUNT, 0);
	write_counter(c, o, &tail, tail_at, written_at);
	write_counter(c, o, &head, head_at, read_at);
}
