/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_TOPIC_BIND_H
#define LIBSHMREG_TOPIC_BIND_H

/* topic-bind.h - a topic's handles without segment and daemon; for the library and its tests */

#include <shmreg/topic.h>

/* For a handle whose base, shape and seat are set: what the hot path wants precomputed. */
void topic_prepare(struct shmreg_topic *t);

/* The role's word of publisher 0; the next one is sizeof(struct shmreg_topic_publisher) on. */
uint64_t *topic_roles(const struct shmreg_topic *t);
/* Likewise, the word of cursor 0. */
uint64_t *topic_cursors(const struct shmreg_topic *t);

/* The next position is @position; one after the other, the hot path knows by itself. */
static inline void publisher_go(struct shmreg_publisher *pub, uint64_t position)
{
	pub->next = position;
	pub->turn = shmreg_topic_turn_(&pub->topic, position) - SHMREG_TOPIC_TURN_ONE_;
}

/* The slot of @position was changed from chunk @displaced to the spare one. */
static inline void publisher_settle(struct shmreg_publisher *pub, uint64_t position,
				    uint64_t displaced)
{
	publisher_go(pub, position);
	shmreg_publisher_settle_(pub, shmreg_topic_shm_(&pub->topic), displaced,
				 shmreg_topic_relative_(displaced, pub->home), 0);
}

/* Where it is, for those who look, if nobody has to wait for it. */
static inline void subscriber_show(const struct shmreg_subscriber *sub)
{
	const uint64_t word = shmreg_topic_cursor_(sub->next, sub->mine);

	/* relaxed, both: a number to look at, and its own. Who looks for messages in vain stores nothing. */
	if (sub->mode == SHMREG_TOPIC_MODE_LOSSY_ && shmreg_load_relaxed(&sub->cursor->word) != word)
		shmreg_store_relaxed(&sub->cursor->word, word);
}

static inline void subscriber_go(struct shmreg_subscriber *sub, uint64_t position)
{
	sub->next = position;
	shmreg_subscriber_turn_page(sub);
}

/*
 * publisher_prepare() - begin to publish; the handle is prepared and has role @index
 *
 * Return: 0; -EUCLEAN; -EBUSY.
 */
int publisher_prepare(struct shmreg_publisher *pub, uint32_t index);
void publisher_leave(struct shmreg_publisher *pub);

/*
 * topic_newest_from() - the first unpublished position
 * topic_walk() - the same, with a limit of steps, which is lowered
 * @hint:	not beyond it
 *
 * Return: 0; -EUCLEAN; -EBUSY.
 */
int topic_walk(const struct shmreg_topic *t, uint64_t hint, uint64_t *tries, uint64_t *ret);
int topic_newest_from(const struct shmreg_topic *t, uint64_t hint, uint64_t *ret);

/* A lap at most from a tail that is behind, and what is published meanwhile. */
static inline uint64_t topic_tries(const struct shmreg_topic *t)
{
	return t->mask + 1 + SHMREG_TOPIC_TRIES;
}

/* How far a cursor is behind @p; positions in cursors have 48 bits. Beyond it: less than 0. */
static inline int64_t topic_lag(uint64_t cursor, uint64_t p)
{
	const uint64_t behind = p - (cursor >> SHMREG_TOPIC_POSITION_SHIFT);

	return (int64_t)(behind << SHMREG_TOPIC_POSITION_SHIFT) >> SHMREG_TOPIC_POSITION_SHIFT;
}

/* What a cursor is to be before subscriber_join(): it holds publishers at @position. */
uint64_t topic_cursor_announce(const struct shmreg_topic *t, uint64_t position);

/*
 * subscriber_join() - begin to read; the handle is prepared
 * @cursor:	its number, and it is taken; SHMREG_TOPIC_NO_CURSOR: none
 *
 * Return: 0; -EUCLEAN; -EBUSY.
 */
#define SHMREG_TOPIC_NO_CURSOR UINT32_MAX
int subscriber_join(struct shmreg_subscriber *sub, uint32_t cursor, uint64_t announced,
		    uint64_t history);
void subscriber_leave(struct shmreg_subscriber *sub);

/*
 * The same on plain memory.
 *
 * @base:	SHMREG_BLOCK-aligned, shmreg_shape_bytes() long; zeros are an empty topic
 * @seat:	0: reads only
 * @seats:	a directory's; NULL: all are alive
 *
 * Return: 0; -EBUSY the role is taken, or no cursor is free; -EUCLEAN.
 */
void topic_bind(struct shmreg_topic *t, void *base, const struct shmreg_shape *shape,
		uint32_t seat, const uint64_t *seats);
int publisher_bind(struct shmreg_publisher *pub, void *base, const struct shmreg_shape *shape,
		   uint32_t seat, const uint64_t *seats, uint32_t index);
int subscriber_bind(struct shmreg_subscriber *sub, void *base, const struct shmreg_shape *shape,
		    uint32_t seat, const uint64_t *seats, uint64_t history);

#endif /* LIBSHMREG_TOPIC_BIND_H */
