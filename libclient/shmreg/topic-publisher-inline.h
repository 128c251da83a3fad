/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_TOPIC_PUBLISHER_INLINE_H
#define SHMREG_TOPIC_PUBLISHER_INLINE_H

/*
 * shmreg/topic-publisher-inline.h - a publisher's hot path
 *
 * Why it is correct: <shmreg/topic-inline.h>, whose labels these are.
 */

#include <shmreg/topic-inline.h>

SHMREG_BEGIN_DECLS

/*
 * Out of line, a publisher's: everything that is not one publisher with room. The spare
 * chunk, filled with @bytes bytes, is published. Return: as publish().
 */
SHMREG_API int shmreg_publisher_publish_spare(struct shmreg_publisher *pub, uint64_t bytes);
/* Is there room for the next message? Return: 0; -EAGAIN, ...; -ECHILD. */
SHMREG_API int shmreg_publisher_make_room(struct shmreg_publisher *pub);

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

SHMREG_END_DECLS

#endif /* SHMREG_TOPIC_PUBLISHER_INLINE_H */
