/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_TOPIC_INLINE_H
#define SHMREG_TOPIC_INLINE_H

/*
 * shmreg/topic-inline.h - why a topic is correct, and its hot path
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

/* What a subscriber's cursor is for. */
#define SHMREG_TOPIC_MODE_NONE_ UINT32_C(0)	/* it has none */
#define SHMREG_TOPIC_MODE_LOSSY_ UINT32_C(1)	/* to be looked at */
#define SHMREG_TOPIC_MODE_RELIABLE_ UINT32_C(2)	/* holds publishers */
#define SHMREG_TOPIC_MODE_EVICT_ UINT32_C(3)	/* holds them, but not for ever */

/*
 * Out of line, a publisher's: everything that is not one publisher with room. The spare
 * chunk, filled with @bytes bytes, is published. Return: as publish().
 */
SHMREG_API int shmreg_publisher_publish_spare(struct shmreg_publisher *pub, uint64_t bytes);
/* Is there room for the next message? Return: 0; -EAGAIN, ...; -ECHILD. */
SHMREG_API int shmreg_publisher_make_room(struct shmreg_publisher *pub);

/*
 * Out of line, a subscriber's: go to the next position that is there and see its slot's word.
 * Return: 0; -EAGAIN, ...; -ECHILD.
 */
SHMREG_API int shmreg_subscriber_seek(struct shmreg_subscriber *sub, uint64_t *ret_word);
/* At the end of a page: begin the next one, as long as there are no news to tell. */
SHMREG_API void shmreg_subscriber_turn_page(struct shmreg_subscriber *sub);
/* read(), whatever there is to do; @whole as for shmreg_subscriber_read_sized(). */
SHMREG_API int shmreg_subscriber_read_slowly(struct shmreg_subscriber *sub, void *buffer,
					     size_t size, int whole,
					     struct shmreg_topic_message *ret);
/* The cursor is not what it was: join again. Return: 0; -EBUSY, -EUCLEAN. */
SHMREG_API int shmreg_subscriber_rejoin(struct shmreg_subscriber *sub);

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
	const uint64_t chunk = (word & SHMREG_TOPIC_CHUNK_MASK) ^ home;

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

/*
 * The slot of pub->next was changed from chunk @displaced, which is @back counted from our home, to
 * the spare one: that is what is with us now, and who waits is woken. @shm from before the change.
 */
SHMREG_FORCE_INLINE void shmreg_publisher_settle_(struct shmreg_publisher *pub,
						  struct shmreg_topic_shm *shm, uint64_t displaced,
						  uint64_t back, int single)
{
	struct shmreg_topic_publisher *const role = pub->role;
	const uint64_t next = pub->next + 1;
	const uint64_t sequence = pub->sequence + (UINT64_C(1) << SHMREG_TOPIC_SEQUENCE_SHIFT);

	pub->sequence = sequence;
	pub->spare = (uint32_t)displaced;
	pub->next = next;
	if (SHMREG_UNLIKELY((next & pub->topic.mask) == 0))
		pub->turn += SHMREG_TOPIC_TURN_ONE_;
	shmreg_store_release(&role->spare, sequence | back);				/* S, (I5) */
	/*
	 * relaxed: whether it was behind; if it is older than it was, nobody minds, (I2). Of the only
	 * publisher it always was.
	 */
	if (single || SHMREG_LIKELY((int64_t)(next - shmreg_load_relaxed(&shm->tail)) > 0))
		shmreg_store_release(&shm->tail, next);					/* N */
	/* relaxed: a number to look at, which we alone write */
	shmreg_store_relaxed(&role->n_published, shmreg_load_relaxed(&role->n_published) + 1);
	shmreg_topic_wake_message_(&pub->topic, shm);
}

/* Relaxed, for P releases them, and who reads them while they change will find out: W. */
SHMREG_FORCE_INLINE void shmreg_publisher_head_(struct shmreg_publisher *pub,
						struct shmreg_topic_chunk *header, uint64_t bytes)
{
	shmreg_store_relaxed(&header->sequence, pub->sequence >> SHMREG_TOPIC_SEQUENCE_SHIFT);
	shmreg_store_relaxed(&header->publisher, pub->index);
	shmreg_store_relaxed(&header->bytes, bytes);
	shmreg_store_relaxed(&header->time_ns, pub->time_ns);
}

SHMREG_FORCE_INLINE int shmreg_publisher_publish_chunk_(struct shmreg_publisher *pub,
							uint64_t bytes, size_t stride)
{
	const struct shmreg_topic *const t = &pub->topic;
	struct shmreg_topic_shm *const shm = shmreg_topic_shm_(t);
	const uint64_t p = pub->next, spare = pub->spare;
	uint64_t home, *slot, displaced, back;
	struct shmreg_topic_chunk *header;

	if (SHMREG_UNLIKELY(!pub->single))
		return shmreg_publisher_publish_spare(pub, bytes);
	home = p & t->mask;
	slot = t->slots + home;
	/* relaxed: stored by this role, whose last holder's stores we have seen when we took it */
	displaced = shmreg_load_relaxed(slot) ^ (pub->turn | home);			/* (I8) */
	if (SHMREG_UNLIKELY(displaced >= t->n_chunks))
		return shmreg_publisher_publish_spare(pub, bytes);
	back = shmreg_topic_relative_(displaced, pub->home);
	header = shmreg_topic_header_(shmreg_topic_chunk_(t, spare, stride));
	shmreg_publisher_head_(pub, header, bytes);
	shmreg_store_relaxed(&header->displaced, (uint32_t)back);
	/* relaxed: for the reaper only, and P keeps it before the publication */
	shmreg_store_relaxed(&pub->role->want, p);
	/* A store: nobody else changes slots, and nothing was to be settled, it was ours. */
	shmreg_store_release(slot, (pub->turn + SHMREG_TOPIC_TURN_ONE_) |		/* P */
					   shmreg_topic_relative_(spare, home));
	shmreg_publisher_settle_(pub, shm, displaced, back, 1);
	return 0;
}

SHMREG_FORCE_INLINE int shmreg_publisher_publish_sized(struct shmreg_publisher *pub,
						       const void *data, size_t bytes,
						       size_t elem_offset, size_t stride)
{
	int r;

	/* Without a role there is no room either. */
	if (SHMREG_UNLIKELY(pub->next - pub->gate >= pub->room)) {
		r = shmreg_publisher_make_room(pub);
		if (r < 0)
			return r;
	}
	shmreg_fence_release();								/* W */
	shmreg_copy_to_shared(shmreg_topic_chunk_(&pub->topic, pub->spare, stride) + elem_offset,
			      data, bytes);
	return shmreg_publisher_publish_chunk_(pub, bytes, stride);
}

SHMREG_FORCE_INLINE int shmreg_publisher_reserve_sized(struct shmreg_publisher *pub, void **ret,
						       size_t elem_offset, size_t stride)
{
	if (SHMREG_UNLIKELY(pub->role == NULL))
		return -ECHILD;
	shmreg_fence_release();								/* W */
	*ret = shmreg_topic_chunk_(&pub->topic, pub->spare, stride) + elem_offset;
	return 0;
}

SHMREG_FORCE_INLINE int shmreg_publisher_publish_reserved_sized(struct shmreg_publisher *pub,
								size_t bytes, size_t stride)
{
	int r;

	if (SHMREG_UNLIKELY(pub->next - pub->gate >= pub->room)) {
		r = shmreg_publisher_make_room(pub);
		if (r < 0)
			return r;
	}
	return shmreg_publisher_publish_chunk_(pub, bytes, stride);
}

/* Where one reads. */
struct shmreg_topic_place_ {
	uint64_t position;
	const uint64_t *slot;
	uint64_t word;
	const unsigned char *chunk;
};

/* The slot of @position, which is of this page. */
SHMREG_FORCE_INLINE const uint64_t *shmreg_subscriber_slot_(const struct shmreg_subscriber *sub,
							    uint64_t position)
{
	return (const uint64_t *)(sub->slots_at + position * sizeof(uint64_t));
}

SHMREG_FORCE_INLINE int shmreg_subscriber_find_(struct shmreg_subscriber *sub,
						struct shmreg_topic_place_ *ret, size_t stride)
{
	const struct shmreg_topic *const t = &sub->topic;
	const uint64_t *slot;
	uint64_t p, w, chunk;
	int r;

	if (SHMREG_UNLIKELY(t->slots == NULL))
		return -ECHILD;
	if (SHMREG_UNLIKELY(sub->next >= sub->page))
		shmreg_subscriber_turn_page(sub);
	p = sub->next;
	slot = shmreg_subscriber_slot_(sub, p);
	w = shmreg_load_acquire(slot);							/* P' */
	chunk = w ^ (sub->word_at + p);							/* (I8) */
	if (SHMREG_UNLIKELY(chunk >= t->n_chunks)) {
		r = shmreg_subscriber_seek(sub, &w);
		if (r < 0)
			return r;
		p = sub->next;
		slot = shmreg_subscriber_slot_(sub, p);
		chunk = w ^ (sub->word_at + p);
	}
	ret->position = p;
	ret->slot = slot;
	ret->word = w;
	ret->chunk = shmreg_topic_chunk_(t, chunk, stride);
	return 0;
}

/* After what was read: was it the message of that word throughout? */
SHMREG_FORCE_INLINE int shmreg_topic_was_whole_(const uint64_t *slot, uint64_t w)
{
	shmreg_fence_acquire();								/* W' */
	/* The fence is before it; afterwards nothing is read because of it. */
	return shmreg_equals_acquire(slot, w);
}

/* A cursor's word; position modulo 2^48. @mine: seat and state. */
SHMREG_FORCE_INLINE uint64_t shmreg_topic_cursor_(uint64_t position, uint64_t mine)
{
	return position << SHMREG_TOPIC_POSITION_SHIFT | mine;
}

/*
 * P' has shown the header, and W' shows whether it changed. One by one, so that what the caller does
 * not look at is not read.
 */
SHMREG_FORCE_INLINE void shmreg_topic_copy_header_(struct shmreg_topic_chunk *ret,
						   const unsigned char *chunk)
{
	const struct shmreg_topic_chunk *const header =
		(const struct shmreg_topic_chunk *)(const void *)chunk;

	shmreg_copy_from_shared(&ret->bytes, &header->bytes, sizeof(header->bytes));
	shmreg_copy_from_shared(&ret->time_ns, &header->time_ns, sizeof(header->time_ns));
	shmreg_copy_from_shared(&ret->publisher, &header->publisher, sizeof(header->publisher));
}

/* What there is to know of a message, but for the news. */
SHMREG_FORCE_INLINE void shmreg_topic_tell_(struct shmreg_topic_message *ret, uint64_t position,
					    const struct shmreg_topic_chunk *header)
{
	if (ret == NULL)
		return;
	ret->position = position;
	ret->bytes = header->bytes;
	ret->time_ns = header->time_ns;
	ret->first_lost = position;
	ret->n_lost = 0;
	ret->publisher = header->publisher;
	ret->flags = 0;
}

SHMREG_FORCE_INLINE void shmreg_subscriber_tell_news_(const struct shmreg_subscriber *sub,
						      struct shmreg_topic_message *ret)
{
	if (ret == NULL)
		return;
	ret->first_lost -= sub->n_gap;
	ret->n_lost = sub->n_gap;
	ret->flags = sub->flags;
}

SHMREG_FORCE_INLINE void shmreg_subscriber_forget_news_(struct shmreg_subscriber *sub)
{
	sub->has_news = 0;
	sub->n_gap = 0;
	sub->flags = 0;
}

/* A cursor that holds publishers follows to @position, which is sub->next. */
SHMREG_FORCE_INLINE void shmreg_subscriber_move_(struct shmreg_subscriber *sub, uint64_t position)
{
	const uint64_t word = shmreg_topic_cursor_(position, sub->mine);
	uint64_t was;

	if (sub->mode == SHMREG_TOPIC_MODE_RELIABLE_) {
		shmreg_store_release(&sub->cursor->word, word);				/* R */
	} else {
		was = sub->word;
		sub->word = word;
		if (SHMREG_UNLIKELY(!shmreg_cas_acq_rel(&sub->cursor->word, &was, word))) {	/* R */
			/* Evicted, but what was read is whole. Should this fail, so will the next. */
			(void)shmreg_subscriber_rejoin(sub);
			return;
		}
	}
	shmreg_topic_wake_space_(&sub->topic, shmreg_topic_shm_(&sub->topic));
}

/* The message at @position was read, and its news were told. */
SHMREG_FORCE_INLINE void shmreg_subscriber_pass_(struct shmreg_subscriber *sub, uint64_t position)
{
	sub->next = position + 1;
	if (SHMREG_UNLIKELY(sub->mode > SHMREG_TOPIC_MODE_LOSSY_))
		shmreg_subscriber_move_(sub, position + 1);
}

/* shmreg_subscriber_read_slowly(), but that where the message is told of may be in registers. */
SHMREG_FORCE_INLINE int shmreg_subscriber_read_later_(struct shmreg_subscriber *sub, void *buffer,
						      size_t size, int whole,
						      struct shmreg_topic_message *ret)
{
	struct shmreg_topic_message message;
	int r;

	if (ret == NULL)
		return shmreg_subscriber_read_slowly(sub, buffer, size, whole, NULL);
	r = shmreg_subscriber_read_slowly(sub, buffer, size, whole, &message);
	if (r >= 0)
		*ret = message;
	return r;
}

/*
 * @whole: copy the largest message, whatever the size of this one; then @size must hold it.
 *
 * Here without a call: on a page, where there are no news, (I8). What is not whole is read again.
 */
SHMREG_FORCE_INLINE int shmreg_subscriber_read_sized(struct shmreg_subscriber *sub, void *buffer,
						     size_t size, int whole, size_t elem_bytes,
						     size_t elem_offset, size_t stride,
						     struct shmreg_topic_message *ret)
{
	const struct shmreg_topic *const t = &sub->topic;
	const uint64_t p = sub->next;
	const uint64_t *slot;
	struct shmreg_topic_chunk header;
	const unsigned char *from;
	uint64_t w, chunk;

	/* On none: at its end, with news, or in a forked child. */
	if (SHMREG_UNLIKELY(p >= sub->page))
		return shmreg_subscriber_read_later_(sub, buffer, size, whole, ret);
	slot = shmreg_subscriber_slot_(sub, p);
	w = shmreg_load_acquire(slot);							/* P' */
	chunk = w ^ (sub->word_at + p);							/* (I8) */
	if (SHMREG_UNLIKELY(chunk >= t->n_chunks))
		return shmreg_subscriber_read_later_(sub, buffer, size, whole, ret);
	from = shmreg_topic_chunk_(t, chunk, stride);
	shmreg_topic_copy_header_(&header, from);
	/* Why it does not fit is to be said of what was whole. */
	if (SHMREG_UNLIKELY(header.bytes > elem_bytes || (!whole && header.bytes > size)))
		return shmreg_subscriber_read_later_(sub, buffer, size, whole, ret);
	shmreg_copy_from_shared(buffer, from + elem_offset,
				whole ? elem_bytes : (size_t)header.bytes);
	if (SHMREG_UNLIKELY(!shmreg_topic_was_whole_(slot, w)))
		return shmreg_subscriber_read_later_(sub, buffer, size, whole, ret);
	shmreg_topic_tell_(ret, p, &header);
	shmreg_subscriber_pass_(sub, p);
	return 0;
}

SHMREG_FORCE_INLINE int shmreg_subscriber_peek_sized(struct shmreg_subscriber *sub,
						     const void **ret_data, size_t elem_bytes,
						     size_t elem_offset, size_t stride,
						     struct shmreg_topic_message *ret)
{
	struct shmreg_topic_place_ at;
	struct shmreg_topic_chunk header;
	uint32_t i;
	int r;

	for (i = 0; i < SHMREG_TOPIC_TRIES; i++) {
		r = shmreg_subscriber_find_(sub, &at, stride);
		if (SHMREG_UNLIKELY(r < 0))
			return r;
		shmreg_topic_copy_header_(&header, at.chunk);
		if (SHMREG_UNLIKELY(!shmreg_topic_was_whole_(at.slot, at.word)))
			continue;
		if (SHMREG_UNLIKELY(header.bytes > elem_bytes))
			return -EUCLEAN;
		shmreg_topic_tell_(ret, at.position, &header);
		if (SHMREG_UNLIKELY(sub->has_news))
			shmreg_subscriber_tell_news_(sub, ret);
		sub->peeked = at.word;
		sub->peeked_end = at.position + 1;
		*ret_data = at.chunk + elem_offset;
		return 0;
	}
	return -EBUSY;
}

SHMREG_HOT int shmreg_publisher_publish(struct shmreg_publisher *pub, const void *data,
					size_t bytes)
{
	if (SHMREG_UNLIKELY(bytes > pub->topic.elem_bytes))
		return pub->role == NULL ? -ECHILD : -EMSGSIZE;
	return shmreg_publisher_publish_sized(pub, data, bytes, pub->topic.elem_offset,
					      pub->topic.stride);
}

SHMREG_HOT int shmreg_publisher_reserve(struct shmreg_publisher *pub, void **ret)
{
	return shmreg_publisher_reserve_sized(pub, ret, pub->topic.elem_offset, pub->topic.stride);
}

SHMREG_HOT int shmreg_publisher_publish_reserved(struct shmreg_publisher *pub, size_t bytes)
{
	if (SHMREG_UNLIKELY(bytes > pub->topic.elem_bytes))
		return pub->role == NULL ? -ECHILD : -EMSGSIZE;
	return shmreg_publisher_publish_reserved_sized(pub, bytes, pub->topic.stride);
}

SHMREG_HOT int shmreg_subscriber_read(struct shmreg_subscriber *sub, void *buffer, size_t size,
				      struct shmreg_topic_message *ret)
{
	return shmreg_subscriber_read_sized(sub, buffer, size, 0, sub->topic.elem_bytes,
					    sub->topic.elem_offset, sub->topic.stride, ret);
}

SHMREG_HOT int shmreg_subscriber_peek(struct shmreg_subscriber *sub, const void **ret_data,
				      struct shmreg_topic_message *ret)
{
	return shmreg_subscriber_peek_sized(sub, ret_data, sub->topic.elem_bytes,
					    sub->topic.elem_offset, sub->topic.stride, ret);
}

SHMREG_HOT int shmreg_subscriber_consume(struct shmreg_subscriber *sub)
{
	const uint64_t p = sub->next;

	/* Of another position: it was read since, or lost. */
	if (SHMREG_UNLIKELY(sub->peeked_end != p + 1))
		return sub->topic.handle.base == NULL ? -ECHILD : -EINVAL;
	if (SHMREG_UNLIKELY(!shmreg_topic_was_whole_(shmreg_topic_slot_(&sub->topic, p),
						     sub->peeked))) {
		sub->peeked_end = 0;
		return -EPIPE;
	}
	if (SHMREG_UNLIKELY(sub->has_news))
		shmreg_subscriber_forget_news_(sub);
	shmreg_subscriber_pass_(sub, p);
	return 0;
}

SHMREG_END_DECLS

#endif /* SHMREG_TOPIC_INLINE_H */
