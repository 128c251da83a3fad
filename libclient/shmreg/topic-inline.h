/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_TOPIC_INLINE_H
#define SHMREG_TOPIC_INLINE_H

/*
 * shmreg/topic-inline.h - why a topic is correct, and the words that all use
 *
 * See shmreg/abi/topic.h for the words. Let C be the capacity, slot(p) the slot of
 * position p, T(p) its turn there.
 *
 *   (I1) A slot's turn goes up by one at a time, by the publication of the position of
 *	  that turn: so slot(p) is at T(p) - 1, or 0, until p is published. It never goes
 *	  back, so no word recurs (but after 2^40 laps, within one stalled call).
 *   (I2) Position p is published only after all before it: a publisher has seen slot(p - 1) at
 *	  T(p - 1) or newer, or a tail beyond it, and the tail is raised after publication only. So
 *	  `tail`, and any position that one has ever found unpublished, are not beyond the
 *	  first unpublished position, from where on slots are at the turn before.
 *   (I3) Each chunk is in exactly one place: in a slot, or with a publisher. With a publisher
 *	  is its spare chunk; or, while its last publication is not settled, which means
 *	  that the spare chunk is in a slot, the chunk that it displaced there. Who publishes
 *	  chunk b at p in place of a changes "a in the slot, b with me" to "b in the slot,
 *	  a with me" by the one change of slot(p).
 *   (I4) A publication of (r, sequence, b) is settled before b is displaced: its displacer
 *	  compares spare(r) with (sequence, b), and if equal changes it to (sequence + 1, what b
 *	  displaced), before it compares slot(p) with what it read. So each publisher has at most
 *	  one unsettled publication, in its slot; and one that finds spare(r) = (sequence, b) *after*
 *	  it found b in no slot knows that b was never published.
 *   (I5) Sequences rise with each settlement, so (sequence, chunk) does not recur and who settles
 *	  late changes nothing. The publisher itself may store: the value is the same, and the
 *	  next settlement is that of a publication which it makes later.
 *   (I6) The header of a chunk, and its message, are written by the one publisher with
 *	  which it is, while it is in no slot. So they are constant while slot(p) = (T(p), b).
 *   (I7) Reliable: a publisher's gate is not beyond any position that a subscriber
 *	  which joined and is not evicted has yet to read, for that subscriber's cursor was
 *	  seen at the gate or beyond it, or was not seen: then, because of J and J', the
 *	  subscriber begins at a position not before that from which the gate was lowered.
 *
 *   (I8) A publisher's `turn` belongs to its `next`: both change together, and the turn with the
 *	  last slot of a lap. A subscriber's `slots_at` and `word_at` belong to the lap of `next`
 *	  as long as that is before `page`, for a page ends with the lap at the latest. So a subscriber
 *	  does not take the message of the lap before for the one that it waits for. A word
 *	  exclusive-or its turn and slot, of which word_at + next consists, is below the number
 *	  of chunks (at most 2^24) only if the word is at that turn, and then it is the number of a
 *	  chunk that there is: one comparison is for both.
 *
 *   P: release of slot(p)	pairs with  P': acquire of a slot's word. Visible: message and
 *	header; the words of all positions before; what was settled before, so that a
 *	spare is not seen older than a publication that depends on it.
 *   W: release fence before a chunk is written	 pairs with  W': acquire fence after it was
 *	read. The writer has the chunk because of a change of slot(p), its own, or that of a dead
 *	one whom S or the role has shown it. So who has read a byte of what was written sees
 *	that change when it looks at slot(p) again. A fence, because the accesses that it orders
 *	are plain copies.
 *   S: release of a spare	pairs with  S': acquire of it. Visible: the publication that was
 *	settled, to whoever takes over the role or settles too late.
 *   N: release of the tail	pairs with  N': acquire of it. Visible: the words of all
 *	positions before.
 *   R: release of a cursor	pairs with  R': acquire by a publisher, who then overwrites what
 *	the subscriber has read.
 *   J: full fence between a subscriber's announcement in its cursor and its look at what
 *	is published  pairs with  J': full fence between a publisher's last look at what is
 *	published and its look at the cursors. One of the two sees the other: store buffering, for
 *	which acquire and release do not suffice.
 *
 * Waiting. Labels of wake.h; here P is either of
 *	P, of a position: it can be read. Subscribers wait for that, `message`, and all are woken.
 *	R, of a cursor that holds publishers, by its subscriber, moving on or leaving, or by
 *	  who evicts it: there may be room. Publishers wait for that, `space`. Each could use
 *	  what any other can, but all are woken: were it one, and that one stopped, it would
 *	  hold up the others, which no publisher does. Nothing else makes room: publishing takes
 *	  it, and the dead, who hold nobody, are told of by the death word, (N5). The cursor of a
 *	  lossy topic holds nobody, so that moving it wakes nobody. It is there to be looked at, and
 *	  follows at the end of a page, and when nothing is left to read.
 *
 * Death. A killed publisher has executed a prefix of: chunk, header, want, slot, spare, tail. Only
 * between slot and spare is there anything to do, which topic-repair.c does, by (I4).
 *
 * Wrap. Turns and sequences are modulo 2^40 in their words' top bits, so that they wrap
 * by themselves and differences are signed. Positions are 64 bits everywhere but in the
 * cursors, which are compared with one that is close.
 */

#include <errno.h>

#include <shmreg/copy.h>
#include <shmreg/topic.h>
#include <shmreg/wake.h>

SHMREG_BEGIN_DECLS

SHMREG_FORCE_INLINE struct shmreg_topic_shm *shmreg_topic_shm_(const struct shmreg_topic *t)
{
	return (struct shmreg_topic_shm *)(void *)t->handle.base;
}

/* The slot of a position: masked, whatever the position. */
SHMREG_FORCE_INLINE uint64_t *shmreg_topic_slot_(const struct shmreg_topic *t, uint64_t position)
{
	return t->slots + (position & t->mask);
}

/* @chunk < n_chunks */
SHMREG_FORCE_INLINE unsigned char *shmreg_topic_chunk_(const struct shmreg_topic *t,
						       uint64_t chunk, size_t stride)
{
	return t->chunks + chunk * stride;
}

SHMREG_FORCE_INLINE struct shmreg_topic_chunk *shmreg_topic_header_(unsigned char *chunk)
{
	return (struct shmreg_topic_chunk *)(void *)chunk;
}

#define SHMREG_TOPIC_TURN_ONE_ (UINT64_C(1) << SHMREG_TOPIC_TURN_SHIFT)

/* A slot's word at the turn of a position, without the chunk. */
SHMREG_FORCE_INLINE uint64_t shmreg_topic_turn_(const struct shmreg_topic *t, uint64_t position)
{
	return ((position >> t->shift) + 1) << SHMREG_TOPIC_TURN_SHIFT;
}

/* A chunk as a word says it, whose home is @home; both < n_chunks. */
SHMREG_FORCE_INLINE uint64_t shmreg_topic_relative_(uint64_t chunk, uint64_t home)
{
	return chunk ^ home;
}

/* Of any word. Return: the chunk, < n_chunks whatever the word says; n_chunks: nonsense. */
SHMREG_FORCE_INLINE uint64_t shmreg_topic_absolute_(const struct shmreg_topic *t, uint64_t word,
						    uint64_t home)
{
	const uint64_t chunk = shmreg_topic_chunk_number(word, home);

	return SHMREG_LIKELY(chunk < t->n_chunks) ? chunk : t->n_chunks;
}

/* A publisher's chunks are counted from here. */
SHMREG_FORCE_INLINE uint64_t shmreg_topic_home_(const struct shmreg_topic *t, uint32_t publisher)
{
	return t->mask + 1 + publisher;
}

/* After a cursor that holds publishers moved, left, or was evicted; @shm from before it. */
SHMREG_FORCE_INLINE void shmreg_topic_wake_space_(const struct shmreg_topic *t,
						  const struct shmreg_topic_shm *shm)
{
	shmreg_wake_(&t->handle, shm, offsetof(struct shmreg_topic_shm, space), SHMREG_WAKE_ALL);
}

/* After a position was published; @shm from before it. */
SHMREG_FORCE_INLINE void shmreg_topic_wake_message_(const struct shmreg_topic *t,
						    const struct shmreg_topic_shm *shm)
{
	shmreg_wake_(&t->handle, shm, offsetof(struct shmreg_topic_shm, message), SHMREG_WAKE_ALL);
}

SHMREG_END_DECLS

#include <shmreg/topic-publisher-inline.h>
#include <shmreg/topic-subscriber-inline.h>

#endif /* SHMREG_TOPIC_INLINE_H */
