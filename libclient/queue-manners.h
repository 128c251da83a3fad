/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_QUEUE_MANNERS_H
#define LIBSHMREG_QUEUE_MANNERS_H

/*
 * queue-manners.h - when to keep off lines that others are writing to, and for how long
 *
 * See "Crowds" and "Looks" in shmreg/queue-inline.h. Each function answers with a number of pauses
 * of the processor, SHMREG_QUEUE_PAUSE_MAX at most; the caller makes them. Counters are those of
 * the queue: positions are in the bits from SHMREG_QUEUE_POS_SHIFT on.
 */

#include <stdbool.h>

#include <shmreg/queue.h>

static inline uint32_t manners_longer(uint32_t pause)
{
	return pause < SHMREG_QUEUE_PAUSE_MAX / 2 ? pause * 2 + 1 : SHMREG_QUEUE_PAUSE_MAX;
}

/*
 * Others have claimed since one's own last claim; or whether they have is not known, because there
 * was nothing, no room, or something to look at behind it. So it is used up in vain at worst.
 */
static inline uint32_t manners_enter(struct shmreg_queue_manners *m)
{
	const uint32_t pause = m->race_pause;

	m->race_pause -= (pause + 3) / 4;
	return pause;
}

static inline uint32_t manners_lost_race(struct shmreg_queue_manners *m)
{
	m->race_pause = manners_longer(m->race_pause);
	return m->race_pause;
}

/* Nothing at counter value @c, or no room. Return: positions since that was so last. */
static inline uint64_t manners_end(struct shmreg_queue_manners *m, uint64_t c)
{
	const uint64_t n = (c - m->ended) >> SHMREG_QUEUE_POS_SHIFT;

	m->ended = c;
	return n;
}

/* So many after a pause, and it was long enough; of a small queue the half. */
#define MANNERS_ENOUGH 256

/*
 * After an end that was @n positions after the one before; @again: there was a pause in between.
 *
 * Return: after so many pauses one may look again; 0: that is all.
 */
static inline uint32_t manners_look(struct shmreg_queue_manners *m, uint64_t n, uint64_t capacity,
				    bool again)
{
	const uint64_t enough = capacity / 2 < MANNERS_ENOUGH ? capacity / 2 : MANNERS_ENOUGH;

	/* By more than it has just become longer: who drains a little now and then is soon rid of it. */
	if (again) {
		m->look_pause /= 4;
		return 0;
	}
	if (n < 2)
		return 0;
	/* No more than one a pause is not a stream that is worth it, but a few who wait for answers. */
	m->look_pause = n < enough && n > m->look_pause ? manners_longer(m->look_pause) :
							  m->look_pause / 2;
	return m->look_pause;
}

#endif /* LIBSHMREG_QUEUE_MANNERS_H */
