/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_WAIT_H
#define SHMREG_WAIT_H

/*
 * shmreg/wait.h - to wait for what other processes do, asleep
 *
 * What is common to all functions whose name ends in _wait: each tries, and if there is
 * nothing to take (no room, no change), waits and tries again.
 *
 * Deadlines	are points of CLOCK_MONOTONIC, see shmreg_deadline(); NULL: wait for ever. A
 *		deadline that has passed means: try, and do not wait. Nothing is taken and
 *		nothing given by a call that returns an error. Who is attached read-only asks
 *		the daemon before the first sleep on an object: of that request the deadline
 *		is none, and a daemon that is stopped holds it up.
 *
 * Return	what the function without _wait returns, except that in place of -EAGAIN comes
 *	-ETIMEDOUT	the deadline has passed
 *	-EINVAL		the deadline's tv_nsec is not 0 .. 999,999,999, and there is nothing: a
 *			call that need not wait does not look at it. (Those that wait for what
 *			has no handle, and shmreg_wait_any(), say so before anything else.)
 *	-EINTR		a signal handler ran while the call slept, and SHMREG_WAIT_INTERRUPTIBLE
 *			was asked for. Not for handlers installed with SA_RESTART, as signal()
 *			does. One that runs just before the call falls asleep does not end it.
 *	-ESTALE		the object was removed, and nothing is left in it to take
 *	-ENOTRECOVERABLE	its segment was quarantined
 *	-EHOSTDOWN	the daemon was stopped in order (not: restarted), so that a death would
 *			go unnoticed; calls that do not wait go on
 *
 * Progress	A sleeper is woken by whoever makes the event happen; it sleeps until then
 *		without a look (futex_waitv). Of several who wait for what only one can have, one
 *		is woken. A waker that died before it woke anybody is made good for when the
 *		daemon notices the death. One that was *stopped* wakes when it goes on, or
 *		the next one wakes for it. A sleeper that is stopped having been woken keeps
 *		that wake-up until it goes on: nobody else is woken for the same event. While
 *		the daemon is stopped nobody notices a death; all else goes on.
 *		Vain wake-ups are possible and not seen by the caller.
 *
 * Crashes	A sleeper may die at any instruction; whom it was woken for is then woken in its
 *		place. The daemon may be killed and restarted while somebody sleeps.
 *
 * Cost		Those who do not wait, and whom nobody waits for: one plain load an operation. A
 *		sleeper: a membarrier (1 to 10 microseconds) and a futex_waitv. Who wakes
 *		somebody: one or two futex calls. Before a first sleep a call spins, see
 *		shmreg_handle_set_waiting(). Whoever leaves a segment, dead or not, and each
 *		repair wake all sleepers of that segment in vain, once.
 *
 * Handles	To set_waiting(), wait_any() and <shmreg/watch.h> belongs the handle inside of
 *		what a structure's open() has given, or, if that is typed, its name_untyped():
 *			queue, pool, cell, atomic	&x->handle
 *			producer, consumer		&x->ring.handle
 *			publisher, subscriber		&x->topic.handle
 *			object queue, cell writer	&x->queue.handle, &x->cell.handle
 *			typed atomic			&x->atomic.handle
 *
 * Where the kernel has no futex_waitv (before 5.16, or forbidden by a seccomp filter, or under
 * valgrind) a sleeper looks at the death word 50 times a second, and signal handlers with
 * SA_RESTART count, too.
 *
 * Why no wake-up is lost: <shmreg/wake.h>. To wait in an event loop: <shmreg/watch.h>.
 */

#include <time.h>

#include <shmreg/abi/eventcount.h>
#include <shmreg/handle.h>

SHMREG_BEGIN_DECLS

/*
 * shmreg_deadline() - the point of CLOCK_MONOTONIC that is @ns nanoseconds from now
 */
SHMREG_API struct timespec shmreg_deadline(uint64_t ns);

#define SHMREG_SPIN_DEFAULT_NS UINT32_C(5000)
#define SHMREG_WAIT_INTERRUPTIBLE UINT32_C(1)	/* a signal handler ends a wait: -EINTR */

/*
 * shmreg_handle_set_waiting() - how waits by this handle are done
 * @handle:	of any kind: &queue->handle, &topic->handle, ...
 * @spin_ns:	nanoseconds for which each wait tries again and again before it sleeps, 0 ..
 *		1,000,000,000. Default: SHMREG_SPIN_DEFAULT_NS, about what it costs to sleep and
 *		be woken, so that spinning at most doubles the cost of a wait; on a machine
 *		with one processor 0. Larger where the answer comes soon and a processor is to
 *		spare.
 * @flags:	0 (default) or SHMREG_WAIT_INTERRUPTIBLE
 *
 * A handle that was opened const may be given: this changes the handle, not the object.
 *
 * Return: 0; -EINVAL out of range, with a sentence; -ECHILD.
 */
SHMREG_API int shmreg_handle_set_waiting(const struct shmreg_handle *handle, uint32_t spin_ns,
					 uint32_t flags);

#define SHMREG_WAIT_ANY_MAX 32
#define SHMREG_WAIT_ERROR (UINT32_C(1) << 31)	/* in ready: why is in error */

/* One of several objects to wait for; initialize it to zeros but for the first two. */
struct shmreg_wait_item {
	const struct shmreg_handle *handle;	/* &queue->handle, &subscriber->topic.handle, ... */
	uint32_t events;	/* SHMREG_WAIT_ITEMS, SHMREG_WAIT_SPACE or both; that its kind has */
	uint32_t ready;		/* set: which of them are there, or SHMREG_WAIT_ERROR; 0: nothing */
	int32_t error;		/* set: with SHMREG_WAIT_ERROR why, else 0 */
	/*
	 * Kept by the library: what was there when the item was last reported ready, of what is not
	 * taken by reading. All-zero: a first value counts as a change.
	 */
	uint32_t has_seen;
	uint64_t seen;
};

/*
 * shmreg_wait_any() - wait until there is something in one of several objects
 * @items:	of any kinds and segments, attached read-only or not, also of several daemons
 * @n:		1 .. SHMREG_WAIT_ANY_MAX
 * @deadline:	as above. NULL: none
 *
 *	queue, ring, subscriber		ITEMS: something to take or to read; SPACE: room for one
 *	pool				SPACE: a free object
 *	topic (another handle)		ITEMS: a message since this item was last reported
 *	cell, atomic			ITEMS: another value since this item was last reported
 *
 * Sleeps on all of them at once (futex_waitv). Reports and takes nothing: the calls that follow
 * find what is reported, unless others are faster (-EAGAIN). What is not taken is reported again.
 * All are looked at each time, so none starves behind another. An object may be given twice.
 *
 * An object that cannot be waited for does not keep the others waiting: it is reported with
 * SHMREG_WAIT_ERROR and error -ESTALE (removed, and nothing is left to take; or attached read-only
 * and the registry has lost the segment), -ENOTRECOVERABLE or -EHOSTDOWN. Leave it out then, or all
 * further calls return at once. -EHOSTDOWN comes only in place of sleep, and is over when a daemon
 * goes on with the segment.
 *
 * The caller need not take what is reported: the wake-up is passed on to others who wait for the
 * same, one at a time, as long as it is there. So among those who wait with this function several
 * may be woken for one element; with the _wait functions one is.
 *
 * Spins as long as the handle that spins longest; signals end it if one of the handles says so
 * (shmreg_handle_set_waiting()). The handles are used by the calling thread meanwhile.
 *
 * Cost: O(n) a look; a sleep is n fetch-and-or, one membarrier and one futex_waitv.
 *
 * Return: how many items are ready, at least 1; or, with no item's ready set,
 *	-ETIMEDOUT, -EINTR	see above
 *	-EINVAL		no items, a handle that is NULL, an event that the kind does not have, or
 *			no deadline; with a sentence
 *	-E2BIG		more than SHMREG_WAIT_ANY_MAX; with a sentence
 *	-ECHILD		a handle was inherited by fork(); with a sentence
 *	of an object that is attached read-only, also what the request says that the first
 *	sleep takes, such as -ECONNREFUSED
 */
SHMREG_API SHMREG_CHECK int shmreg_wait_any(struct shmreg_wait_item *items, uint32_t n,
					    const struct timespec *deadline);

SHMREG_END_DECLS

#endif /* SHMREG_WAIT_H */
