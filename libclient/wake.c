/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdbool.h>

#include <shmreg/wake.h>

#include "futex.h"
#include "probe.h"
#include "segment.h"

/* Lost races with other wakers, after which nobody but a peer that garbles can be the cause. */
#define TRIES 1024

#define ASLEEP_BIT 31
SHMREG_STATIC_ASSERT(SHMREG_EVENTCOUNT_ASLEEP == UINT32_C(1) << ASLEEP_BIT, "futex_clear_and_wake()");

static uint32_t events_of(const struct shmreg_handle *handle, size_t offset)
{
	return offset == shmreg_kind_eventcount(handle->shape.kind, SHMREG_WAIT_ITEMS)
		       ? SHMREG_WAIT_ITEMS : SHMREG_WAIT_SPACE;
}

/*
 * Has a wake-up maybe gone to somebody who cannot use what another can? Not asked before it: one
 * who comes after B and is of higher priority is woken first. relaxed: he set M, or the daemon
 * watch, before he slept, and the kernel's lock ordered that before the wake-up.
 */
static bool cannot_use_it(const union shmreg_eventcount *event)
{
	return (shmreg_load_relaxed(&event->half[SHMREG_EVENTCOUNT_COUNT]) &
		SHMREG_EVENTCOUNT_MIXED) != 0 ||
	       shmreg_load_relaxed(&event->half[SHMREG_EVENTCOUNT_WATCH]) != 0;
}

/* Not if anybody has come, or waked, since: @left is what this waker left. */
static void take_away(uint32_t *word, uint32_t left, uint32_t bit)
{
	shmreg_cas_acq_rel(word, &left, left & ~bit);
}

static void ring(const struct shmreg_handle *handle, size_t offset, uint32_t *word, uint32_t left)
{
	/* Without a segment: bound by a test. */
	if (handle->segment == NULL || handle->segment->ring == NULL ||
	    handle->segment->ring(handle, events_of(handle, offset)) == 0)
		take_away(word, left, SHMREG_EVENTCOUNT_ARMED);				/* (N7) */
}

void shmreg_wake_slow(const struct shmreg_handle *handle, size_t offset, uint32_t n)
{
	union shmreg_eventcount *const event =
		(union shmreg_eventcount *)(void *)(handle->base + offset);
	uint32_t *const word = &event->half[SHMREG_EVENTCOUNT_COUNT];
	const int error = errno;
	uint32_t count, watch, left, i;

	/* acquire: what the daemon did before it set it, such as to raise watch_generation */
	watch = shmreg_load_acquire(&event->half[SHMREG_EVENTCOUNT_WATCH]);
	/* acquire: likewise what was done before S and A were set */
	count = shmreg_load_acquire(word);						/* W' */
	for (i = 0; i < TRIES; i++)
		if (shmreg_cas_acq_rel(word, &count, shmreg_eventcount_raised(count)))	/* B */
			break;
	left = shmreg_eventcount_raised(count);
	PROBE4(wake, handle->segment != NULL ? handle->segment->id : 0, handle->object,
	       events_of(handle, offset), n);
	if (((count & SHMREG_EVENTCOUNT_ASLEEP) != 0 || watch != 0) &&
	    (n == SHMREG_WAKE_ALL || futex_wake(word, n) < n || cannot_use_it(event))) {
		futex_clear_and_wake(word, ASLEEP_BIT);					/* (N3), (N8) */
		left &= ~SHMREG_EVENTCOUNT_ASLEEP;
		if ((left & SHMREG_EVENTCOUNT_MIXED) != 0) {
			take_away(word, left, SHMREG_EVENTCOUNT_MIXED);
			left &= ~SHMREG_EVENTCOUNT_MIXED;
		}
	}
	if ((left & SHMREG_EVENTCOUNT_ARMED) != 0 || watch != 0)
		ring(handle, offset, word, left);
	errno = error;
}
