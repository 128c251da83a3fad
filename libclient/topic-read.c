/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <shmreg/topic.h>

#include "again.h"
#include "topic-bind.h"

/* See the argument in shmreg/topic-inline.h, to which labels refer. */

/* How many laps the word is ahead of the turn of @p; less than 0: behind. */
static int64_t laps_ahead(const struct shmreg_topic *t, uint64_t w, uint64_t p)
{
	return (int64_t)((w & ~SHMREG_TOPIC_CHUNK_MASK) - shmreg_topic_turn_(t, p)) >>
	       SHMREG_TOPIC_TURN_SHIFT;
}

int topic_walk(const struct shmreg_topic *t, uint64_t hint, uint64_t *tries, uint64_t *ret)
{
	const uint64_t tail = shmreg_load_acquire(&shmreg_topic_shm_(t)->tail);		/* N' */
	uint64_t p = (int64_t)(tail - hint) > 0 ? tail : hint, w;
	int64_t ahead;

	for (; *tries > 0; --*tries) {
		w = shmreg_load_acquire(shmreg_topic_slot_(t, p));			/* P' */
		ahead = laps_ahead(t, w, p);
		if (ahead == -1) {
			*ret = p;
			return 0;
		}
		if (ahead < 0)
			return -EUCLEAN;						/* (I2) */
		p += ((uint64_t)ahead << t->shift) + 1;
	}
	return -EBUSY;
}

int topic_newest_from(const struct shmreg_topic *t, uint64_t hint, uint64_t *ret)
{
	uint64_t tries = topic_tries(t);

	return topic_walk(t, hint, &tries, ret);
}

uint64_t topic_cursor_announce(const struct shmreg_topic *t, uint64_t position)
{
	return shmreg_topic_cursor_(position, (uint64_t)t->handle.seat << SHMREG_TOPIC_SEAT_SHIFT |
						      SHMREG_TOPIC_ACTIVE);
}

/* What a publisher makes of an announcement. */
static uint64_t topic_cursor_evicted(const struct shmreg_topic *t, uint64_t position)
{
	return (topic_cursor_announce(t, position) & ~SHMREG_TOPIC_STATE_MASK) |
	       SHMREG_TOPIC_EVICTED;
}

/*
 * With a cursor that says @announced: find out from where on nothing is overwritten any more
 * before it is read, (I7), and begin @history before that.
 */
static int begin(struct shmreg_subscriber *sub, uint64_t announced, uint64_t history,
		 uint64_t *ret)
{
	const struct shmreg_topic *t = &sub->topic;
	uint64_t first, was, word, i;
	int r;

	for (i = 0; i < SHMREG_TOPIC_TRIES; i++) {
		/* J: the announcement, and the loads that find the newest position */
		shmreg_fence_seq_cst();
		r = topic_newest_from(t, announced, &first);
		if (r < 0)
			return r;
		*ret = first - (history < first ? history : first);
		was = topic_cursor_announce(t, announced);
		word = topic_cursor_announce(t, *ret);
		/* Not a store: if evicted meanwhile, what was found is worth nothing. */
		if (shmreg_cas_acq_rel(&sub->cursor->word, &was, word)) {		/* R */
			sub->word = word;
			/* What was announced held publishers, maybe, that this does not. */
			shmreg_topic_wake_space_(t, shmreg_topic_shm_(t));
			return 0;
		}
		/* Once evicted, nobody else changes it: not a bug of ours, nor of a publisher's. */
		if (was != topic_cursor_evicted(t, announced) ||
		    !shmreg_cas_acq_rel(&sub->cursor->word, &was,
					topic_cursor_announce(t, first)))
			return -EUCLEAN;
		announced = first;
	}
	return -EBUSY;
}

int subscriber_join(struct shmreg_subscriber *sub, uint32_t cursor, uint64_t announced,
		    uint64_t history)
{
	const struct shmreg_topic *t = &sub->topic;
	const uint32_t lag_max = t->handle.shape.param[2];
	uint64_t newest, first;
	int r;

	sub->topic.handle.is_subscriber = 1;
	sub->mode = SHMREG_TOPIC_MODE_NONE_;
	if (history > t->mask + 1)
		history = t->mask + 1;
	if (cursor == SHMREG_TOPIC_NO_CURSOR) {
		r = topic_newest_from(t, 0, &newest);
		if (r < 0)
			return r;
		first = newest - (history < newest ? history : newest);
	} else {
		sub->mode = SHMREG_TOPIC_MODE_LOSSY_;
		if ((t->handle.shape.flags & SHMREG_TOPIC_RELIABLE) != 0)
			sub->mode = lag_max != 0 ? SHMREG_TOPIC_MODE_EVICT_
						 : SHMREG_TOPIC_MODE_RELIABLE_;
		/* Not so far back that one would be evicted for it. */
		if (lag_max != 0 && history >= lag_max)
			history = lag_max - 1;
		sub->cursor = (struct shmreg_topic_cursor *)(void *)topic_cursors(t) + cursor;
		sub->mine = topic_cursor_announce(t, 0);
		/* Numbers to look at. Until we know where we begin, it is not before that. */
		shmreg_store_relaxed(&sub->cursor->first, announced);
		shmreg_store_relaxed(&sub->cursor->n_lost, 0);
		r = begin(sub, announced, history, &first);
		if (r < 0)
			return r;
		shmreg_store_relaxed(&sub->cursor->first, first);
	}
	subscriber_go(sub, first);
	return 0;
}

void subscriber_leave(struct shmreg_subscriber *sub)
{
	const struct shmreg_topic *t = &sub->topic;
	uint64_t w;
	int i;

	if (sub->cursor == NULL)
		return;
	/* Twice: it may be evicted in between, once. R. */
	w = shmreg_load_acquire(&sub->cursor->word);
	for (i = 0; i < 2; i++)
		if (((w ^ sub->mine) & SHMREG_TOPIC_SEAT_MASK) != 0 ||
		    shmreg_cas_acq_rel(&sub->cursor->word, &w, SHMREG_TOPIC_EMPTY))
			break;
	shmreg_topic_wake_space_(t, shmreg_topic_shm_(t));
	sub->cursor = NULL;
}

/* Everything before @to is lost. */
static void lose(struct shmreg_subscriber *sub, uint64_t to)
{
	sub->n_lost += to - sub->next;
	sub->n_gap += to - sub->next;
	sub->has_news = 1;
	subscriber_go(sub, to);
	if (sub->cursor != NULL)
		shmreg_store_relaxed(&sub->cursor->n_lost, sub->n_lost); /* a number to look at */
}

int shmreg_subscriber_rejoin(struct shmreg_subscriber *sub)
{
	const struct shmreg_topic *t = &sub->topic;
	uint64_t was, first, next, history = t->handle.shape.param[2] / 2;
	int r;

	r = topic_newest_from(t, sub->next, &first);
	if (r < 0)
		return r;
	was = shmreg_load_acquire(&sub->cursor->word);
	if (((was ^ sub->mine) & SHMREG_TOPIC_SEAT_MASK) != 0 ||
	    (was & SHMREG_TOPIC_STATE_MASK) != SHMREG_TOPIC_EVICTED ||
	    !shmreg_cas_acq_rel(&sub->cursor->word, &was, topic_cursor_announce(t, first)))
		return -EUCLEAN;
	sub->flags |= SHMREG_TOPIC_WAS_EVICTED;
	sub->has_news = 1;
	shmreg_subscriber_turn_page(sub);
	/* Half of what we may be behind: else we would be evicted again at once. */
	if (history > first - sub->next)
		history = first - sub->next;
	r = begin(sub, first, history, &next);
	if (r < 0)
		return r;
	if (next != sub->next)
		lose(sub, next);
	return 0;
}

/* How many messages a cursor that nobody waits for may be behind. */
#define PAGE 16

void shmreg_subscriber_turn_page(struct shmreg_subscriber *sub)
{
	const struct shmreg_topic *t = &sub->topic;
	const uint64_t p = sub->next, lap = p & ~t->mask;
	const uint64_t end = lap + t->mask + 1, page = (p | (PAGE - 1)) + 1;

	sub->word_at = shmreg_topic_turn_(t, p) - lap;					/* (I8) */
	sub->slots_at = (uintptr_t)t->slots - lap * sizeof(uint64_t);
	sub->page = page < end ? page : end;
	if (sub->has_news)
		sub->page = p;	/* whoever reads comes here first */
	subscriber_show(sub);
}

int shmreg_subscriber_read_slowly(struct shmreg_subscriber *sub, void *buffer, size_t size,
				  int whole, struct shmreg_topic_message *ret)
{
	const struct shmreg_topic *t = &sub->topic;
	struct shmreg_topic_place_ at;
	struct shmreg_topic_chunk header;
	bool fits;
	uint32_t i;
	int r;

	for (i = 0; i < SHMREG_TOPIC_TRIES; i++) {
		r = shmreg_subscriber_find_(sub, &at, t->stride);
		if (r < 0)
			return r;
		fits = shmreg_topic_copy_message_(&header, at.chunk, buffer, size, whole,
						  t->elem_bytes, t->elem_offset);
		/* Overwritten: seek() will find out what is lost, and go on behind it. */
		if (!shmreg_topic_was_whole_(at.slot, at.word))
			continue;
		if (!fits)
			return header.bytes <= t->elem_bytes ? -EMSGSIZE : -EUCLEAN;
		shmreg_topic_tell_(ret, at.position, &header);
		if (sub->has_news) {
			shmreg_subscriber_tell_news_(sub, ret);
			shmreg_subscriber_forget_news_(sub);
		}
		shmreg_subscriber_pass_(sub, at.position);
		subscriber_show(sub);
		return 0;
	}
	return -EBUSY;
}

int shmreg_subscriber_seek(struct shmreg_subscriber *sub, uint64_t *ret_word)
{
	const struct shmreg_topic *t = &sub->topic;
	const uint64_t slack = (t->handle.shape.flags & SHMREG_TOPIC_RELIABLE) == 0
				       ? (t->mask + 1) / 4 : 0;
	uint64_t tries = topic_tries(t), tail, newest, oldest, w;
	int64_t ahead;
	int r;

	if (t->handle.base == NULL)
		return -ECHILD;
	subscriber_show(sub);
	for (; tries > 0; tries--) {
		w = shmreg_load_acquire(shmreg_topic_slot_(t, sub->next));		/* P' */
		ahead = laps_ahead(t, w, sub->next);
		if (ahead == 0) {
			if (shmreg_topic_absolute_(t, w, sub->next & t->mask) == t->n_chunks)
				return -EUCLEAN;
			*ret_word = w;
			return 0;
		}
		tail = shmreg_load_acquire(&shmreg_topic_shm_(t)->tail);		/* N' */
		if (ahead < 0) {
			if ((int64_t)(tail - sub->next) <= 0)
				return handle_again(&t->handle);
			/* Published after all; or overtaken by so many laps that it looks like none. */
			if (tail - sub->next <= t->mask + 1) {
				w = shmreg_load_acquire(shmreg_topic_slot_(t, sub->next)); /* P' */
				if (laps_ahead(t, w, sub->next) < 0)
					return -EUCLEAN;				/* N' */
				continue;
			}
		}
		r = topic_walk(t, sub->next + (ahead > 0), &tries, &newest);
		if (r < 0)
			return r;
		/* Not the oldest that is there: it will not be there for long. */
		oldest = newest - (t->mask + 1) + slack;
		if ((int64_t)(oldest - sub->next) <= 0)
			continue;
		lose(sub, oldest);
		if (sub->mode > SHMREG_TOPIC_MODE_LOSSY_)
			shmreg_subscriber_move_(sub, oldest);
	}
	return -EBUSY;
}

extern inline int shmreg_subscriber_read(struct shmreg_subscriber *sub, void *buffer, size_t size,
					 struct shmreg_topic_message *ret);
extern inline int shmreg_subscriber_peek(struct shmreg_subscriber *sub, const void **ret_data,
					 struct shmreg_topic_message *ret);
extern inline int shmreg_subscriber_consume(struct shmreg_subscriber *sub);
