/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_READY_H
#define LIBSHMREG_READY_H

/*
 * ready.h - would a call find something, without making it?
 *
 * For who waits for several objects at once, or in an event loop. What is said to be ready was
 * so at some time during the look. It may be gone when the call comes, if others
 * compete. Where a look cannot tell without changing something it says "ready", in these cases,
 * each of which the call that follows puts an end to:
 *
 *	queue, items	a slot was given up by a dead or unwilling consumer since this handle
 *			last looked through all slots (it looks now); a tombstone is at the
 *			head (it is passed)
 *	any		what no correct process wrote (-EUCLEAN)
 *
 * Ready for one: who pushes several at once, all or none, asks the call.
 */

#include <stdbool.h>

#include <shmreg/handle.h>
#include <shmreg/wait.h>

/*
 * What was there at the last look, of objects that are not emptied by looking: an atomic's
 * value, a cell's version, how far a topic is. All-zero: nothing was seen yet, so a first
 * value counts as a change.
 */
struct ready_seen {
	uint64_t value;
	bool any;
};

/*
 * ready_look() - which of @events are there
 * @handle:	used by no other thread meanwhile
 * @seen:	set to what is there now, if that is returned as a change
 *
 *	queue, ring	ITEMS: to pop, or acquire; SPACE: a free slot
 *	ring of records	SPACE: room for the record that found none last
 *	topic		ITEMS: a message for this subscriber; by another handle: since @seen;
 *			SPACE: publishers need not wait for a subscriber
 *	pool		SPACE: a free object
 *	cell, atomic	ITEMS: a change since @seen
 *
 * Return: of @events; 0 also for a forked child, and for what has no such event.
 */
uint32_t ready_look(const struct shmreg_handle *handle, uint32_t events, struct ready_seen *seen);

#endif /* LIBSHMREG_READY_H */
