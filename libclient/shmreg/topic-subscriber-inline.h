/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_TOPIC_SUBSCRIBER_INLINE_H
#define SHMREG_TOPIC_SUBSCRIBER_INLINE_H

/*
 * shmreg/topic-subscriber-inline.h - a subscriber's hot path
 *
 * Why it is correct: <shmreg/topic-inline.h>, whose labels these are.
 */

#include <shmreg/topic-inline.h>

SHMREG_BEGIN_DECLS

/* What a subscriber's cursor is for. */
#define SHMREG_TOPIC_MODE_NONE_ UINT32_C(0)	/* it has none */
#define SHMREG_TOPIC_MODE_LOSSY_ UINT32_C(1)	/* to be looked at */
#define SHMREG_TOPIC_MODE_RELIABLE_ UINT32_C(2)	/* holds publishers */
#define SHMREG_TOPIC_MODE_EVICT_ UINT32_C(3)	/* holds them, but not for ever */

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

/*
 * What is in a chunk, the message of a word or not: that is to be looked at after this. @whole: copy the
 * largest message, whatever the size of this one; then @size must hold it.
 *
 * Return: false: it does not fit, or says so, and nothing but the header was copied.
 */
SHMREG_FORCE_INLINE int shmreg_topic_copy_message_(struct shmreg_topic_chunk *header,
						   const unsigned char *chunk, void *buffer,
						   size_t size, int whole, size_t elem_bytes,
						   size_t elem_offset)
{
	shmreg_topic_copy_header_(header, chunk);
	if (SHMREG_UNLIKELY(header->bytes > elem_bytes || (!whole && header->bytes > size)))
		return 0;
	shmreg_copy_from_shared(buffer, chunk + elem_offset,
				whole ? elem_bytes : (size_t)header->bytes);
	return 1;
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
 * @whole: as for shmreg_topic_copy_message_().
 *
 * Here without a call: on a page, where there are no news, (I8). What is not whole is read again, and
 * what does not fit, for why is to be said of what was whole.
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
	uint64_t w, chunk;

	/* On none: at its end, with news, or in a forked child. */
	if (SHMREG_UNLIKELY(p >= sub->page))
		return shmreg_subscriber_read_later_(sub, buffer, size, whole, ret);
	slot = shmreg_subscriber_slot_(sub, p);
	w = shmreg_load_acquire(slot);							/* P' */
	chunk = w ^ (sub->word_at + p);							/* (I8) */
	if (SHMREG_UNLIKELY(chunk >= t->n_chunks))
		return shmreg_subscriber_read_later_(sub, buffer, size, whole, ret);
	if (SHMREG_UNLIKELY(!shmreg_topic_copy_message_(&header, shmreg_topic_chunk_(t, chunk, stride),
							buffer, size, whole, elem_bytes,
							elem_offset) ||
			    !shmreg_topic_was_whole_(slot, w)))
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

#endif /* SHMREG_TOPIC_SUBSCRIBER_INLINE_H */
