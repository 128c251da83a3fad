/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdbool.h>

#include <shmreg/topic.h>

#include "again.h"
#include "topic-bind.h"

/* See the argument in shmreg/topic-inline.h, to which labels refer. */

/* Times that a subscriber may move on while a publisher is about to evict it. */
#define EVICT_TRIES 4

static bool is_dead(const struct shmreg_topic *t, uint64_t cursor)
{
	const uint64_t seat = (cursor & SHMREG_TOPIC_SEAT_MASK) >> SHMREG_TOPIC_SEAT_SHIFT;

	/*
	 * acquire: after the cursor was read. The seat may have another owner by now, but
	 * if that one is dead, so is any earlier one; a later one joins anew, (I7).
	 */
	return t->seats != NULL &&
	       (shmreg_load_acquire(&t->seats[seat]) & SHMREG_SEAT_STATE_MASK) == SHMREG_SEAT_DEAD;
}

/* relaxed: a number to look at, which we alone write */
static void note_lag(struct shmreg_publisher *pub, int64_t lag)
{
	/* More than a lap: of one who is about to join, and said so a while ago. */
	if ((uint64_t)lag <= pub->topic.mask + 1 &&
	    (uint64_t)lag > shmreg_load_relaxed(&pub->role->high))
		shmreg_store_relaxed(&pub->role->high, (uint64_t)lag);
}

/* Return: how far the subscriber is behind @p, if it holds us there; else 0. */
static int64_t held_by(struct shmreg_publisher *pub, uint64_t *cursor, uint64_t p)
{
	const struct shmreg_topic *t = &pub->topic;
	const int64_t lag_max = t->handle.shape.param[2];
	uint64_t w = shmreg_load_acquire(cursor);					/* R' */
	int64_t lag = 0;
	int i;

	for (i = 0; i < EVICT_TRIES; i++) {
		lag = topic_lag(w, p);
		if ((w & SHMREG_TOPIC_STATE_MASK) != SHMREG_TOPIC_ACTIVE || lag <= 0 ||
		    is_dead(t, w))
			return 0;
		if (lag_max == 0 || lag < lag_max)
			return lag;
		/* R' if it fails: the subscriber has moved on, or left */
		if (shmreg_cas_acq_rel(cursor, &w,
				       (w & ~SHMREG_TOPIC_STATE_MASK) | SHMREG_TOPIC_EVICTED)) {
			shmreg_topic_wake_space_(t, shmreg_topic_shm_(t));
			note_lag(pub, lag);
			/* relaxed: as there */
			shmreg_store_relaxed(&pub->role->n_evicted,
					     shmreg_load_relaxed(&pub->role->n_evicted) + 1);
			return 0;
		}
	}
	return topic_lag(w, p) > 0 ? topic_lag(w, p) : 0;
}

/* Position @p is the first unpublished one that we know of. Return: 0; -EAGAIN, ... */
static int look_at_cursors(struct shmreg_publisher *pub, uint64_t p)
{
	const struct shmreg_topic *t = &pub->topic;
	const uint32_t n = t->handle.shape.param[1];
	uint64_t *cursor = topic_cursors(t);
	int64_t lag, high = 0;
	uint32_t i;

	/*
	 * J': the loads of the slots before p, and those of the cursors: who joins and
	 * is not seen here will see that p - 1 is published.
	 */
	shmreg_fence_seq_cst();
	for (i = 0; i < n; i++) {
		lag = held_by(pub, cursor + i * (sizeof(struct shmreg_topic_cursor) / 8), p);
		if (lag > high)
			high = lag;
	}
	pub->gate = p - (uint64_t)high;
	note_lag(pub, high);
	if ((uint64_t)high < pub->room)
		return 0;
	/* Once a position, however often it is tried. relaxed: a number to look at, our own */
	if (pub->full_at != p) {
		pub->full_at = p;
		shmreg_store_relaxed(&pub->role->n_full,
				     shmreg_load_relaxed(&pub->role->n_full) + 1);
	}
	return handle_again(&t->handle);
}

int shmreg_publisher_make_room(struct shmreg_publisher *pub)
{
	uint64_t newest;
	int r;

	if (pub->role == NULL)
		return -ECHILD;
	/* Others may have published since: not beyond the gate, but it is from here that we look. */
	r = topic_newest_from(&pub->topic, pub->next, &newest);
	if (r < 0)
		return r;
	publisher_go(pub, newest);
	return pub->next - pub->gate < pub->room ? 0 : look_at_cursors(pub, pub->next);
}

/*
 * The message in slot(p) = @w is about to be displaced: settle its publication, (I4).
 *
 * Return: 0; -EAGAIN the word has changed; -EUCLEAN.
 */
static int settle_for(struct shmreg_publisher *pub, const uint64_t *slot, uint64_t w,
		      uint64_t chunk)
{
	const struct shmreg_topic *t = &pub->topic;
	const struct shmreg_topic_chunk *header =
		shmreg_topic_header_(shmreg_topic_chunk_(t, chunk, t->stride));
	struct shmreg_topic_publisher *other;
	uint64_t sequence, expected, home;
	uint32_t publisher, displaced;

	/* relaxed: P' has shown them, and W' shows whether they changed since */
	sequence = shmreg_load_relaxed(&header->sequence);
	publisher = shmreg_load_relaxed(&header->publisher);
	displaced = shmreg_load_relaxed(&header->displaced);
	shmreg_fence_acquire();								/* W' */
	if (shmreg_load_relaxed(slot) != w)	/* as in was_whole() */
		return -EAGAIN;
	home = shmreg_topic_home_(t, publisher);
	if (publisher >= t->handle.shape.param[0] ||
	    shmreg_topic_relative_(displaced, home) >= t->n_chunks)
		return -EUCLEAN;
	if (publisher == pub->index)
		return 0;	/* we settle our own before we go on */
	other = (struct shmreg_topic_publisher *)(void *)topic_roles(t) + publisher;
	expected = sequence << SHMREG_TOPIC_SEQUENCE_SHIFT |
		   shmreg_topic_relative_(chunk, home);
	/* S. If it fails, it is settled. */
	shmreg_cas_acq_rel(&other->spare, &expected,
			   (sequence + 1) << SHMREG_TOPIC_SEQUENCE_SHIFT | displaced);
	return 0;
}

int shmreg_publisher_publish_spare(struct shmreg_publisher *pub, uint64_t bytes)
{
	const struct shmreg_topic *t = &pub->topic;
	struct shmreg_topic_chunk *header;
	uint64_t p = pub->next, tries = topic_tries(t), *slot, w, displaced;
	int r;

	if (pub->role == NULL)
		return -ECHILD;
	header = shmreg_topic_header_(shmreg_topic_chunk_(t, pub->spare, t->stride));
	shmreg_publisher_head_(pub, header, bytes);
	for (; tries > 0; tries--) {
		r = topic_walk(t, p, &tries, &p);
		if (r < 0)
			return r;
		if (p - pub->gate >= pub->room) {
			r = look_at_cursors(pub, p);
			if (r < 0)
				return r;
		}
		slot = shmreg_topic_slot_(t, p);
		w = shmreg_load_acquire(slot);						/* P' */
		if ((w & ~SHMREG_TOPIC_CHUNK_MASK) != shmreg_topic_turn_(t, p - t->mask - 1))
			continue;
		displaced = shmreg_topic_absolute_(t, w, p & t->mask);
		if (displaced == t->n_chunks)
			return -EUCLEAN;
		/* In the first lap there is nothing that was published. */
		r = p > t->mask ? settle_for(pub, slot, w, displaced) : 0;
		if (r == -EUCLEAN)
			return r;
		if (r < 0)
			continue;
		/* relaxed: P releases it, and keeps want before the publication */
		shmreg_store_relaxed(&header->displaced,
				     (uint32_t)shmreg_topic_relative_(displaced, pub->home));
		shmreg_store_relaxed(&pub->role->want, p);
		if (shmreg_cas_acq_rel(slot, &w,					/* P */
				       shmreg_topic_turn_(t, p) |
					       shmreg_topic_relative_(pub->spare, p & t->mask))) {
			publisher_settle(pub, p, displaced);
			return 0;
		}
	}
	return -EBUSY;
}

extern inline int shmreg_publisher_publish(struct shmreg_publisher *pub, const void *data,
					   size_t bytes);
extern inline int shmreg_publisher_reserve(struct shmreg_publisher *pub, void **ret);
extern inline int shmreg_publisher_publish_reserved(struct shmreg_publisher *pub, size_t bytes);
