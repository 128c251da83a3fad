/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_ABI_EVENTCOUNT_H
#define SHMREG_ABI_EVENTCOUNT_H

/*
 * shmreg/abi/eventcount.h - a word to sleep on (Reed and Kanodia's event count, 1979)
 *
 * Two 32-bit halves, which those who make an event happen read with one 64-bit load:
 *
 *	watch		0 unless a participant that cannot write waits: written by the
 *			daemon alone, see shmreg_dir_object.watch_events
 *	count		a futex:
 *
 *	31   30   29   28           0
 *	+----+----+----+------------+
 *	| S  | A  | M  | sequence 29|
 *	+----+----+----+------------+
 *
 *	S: somebody may be asleep on count. Set by sleepers, who raise the sequence in the same
 *	   step if it was not set. Taken away by the kernel, on behalf of a waker that found nobody asleep, in one step with the wake-up of all
 *	   who came meanwhile (FUTEX_WAKE_OP).
 *	M: with S: not all who are asleep can use what one of them can (one wants several
 *	   at once), so all are to be woken. Taken away by a waker that has done so, if count
 *	   is what it was before.
 *	A: a descriptor is armed. Set by its owner, who raises the sequence in the same step;
 *	   taken away by a waker that has rung all descriptors since, if count is what it was
 *	   before.
 *	sequence: raised by a waker, before it wakes and rings, if S, A or watch is set; and
 *	   with S and A.
 *
 * All-zero: nobody waits, which costs who makes the event happen one plain load. Nothing
 * here counts sleepers, so nothing is left to repair when one dies: at worst one S or A too
 * many, which costs one vain wake-up.
 *
 * Why no wake-up is lost: <shmreg/wake.h>.
 */

#include <shmreg/compiler.h>

SHMREG_BEGIN_DECLS

union shmreg_eventcount {
	uint64_t both;
	uint32_t half[2];	/* count, watch */
};
SHMREG_STATIC_ASSERT(sizeof(union shmreg_eventcount) == 8, "frozen");

#define SHMREG_EVENTCOUNT_COUNT 0	/* of half[] */
#define SHMREG_EVENTCOUNT_WATCH 1

#define SHMREG_EVENTCOUNT_ASLEEP (UINT32_C(1) << 31)
#define SHMREG_EVENTCOUNT_ARMED (UINT32_C(1) << 30)
#define SHMREG_EVENTCOUNT_MIXED (UINT32_C(1) << 29)
#define SHMREG_EVENTCOUNT_SEQUENCE (SHMREG_EVENTCOUNT_MIXED - 1)

/* Of both: does anybody wait? So arranged that x86 tests it with one instruction. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
# define SHMREG_EVENTCOUNT_WANTED UINT64_C(0xffffffffc0000000)
#else
# define SHMREG_EVENTCOUNT_WANTED UINT64_C(0xc0000000ffffffff)
#endif

/* A count with the next sequence and the same flags. */
static inline uint32_t shmreg_eventcount_raised(uint32_t count)
{
	return (count & ~SHMREG_EVENTCOUNT_SEQUENCE) | ((count + 1) & SHMREG_EVENTCOUNT_SEQUENCE);
}

/* What an object may be waited for; which kind has which is in its contract. */
#define SHMREG_WAIT_ITEMS UINT32_C(1)	/* something to take or to read, a change */
#define SHMREG_WAIT_SPACE UINT32_C(2)	/* room, or a free object */

/*
 * shmreg_kind_eventcount() - where a kind of object keeps its event counts
 * @event:	SHMREG_WAIT_ITEMS or SHMREG_WAIT_SPACE
 *
 * Return: bytes from the object's start; 0: the kind knows no such event.
 */
SHMREG_API uint64_t shmreg_kind_eventcount(uint32_t kind, uint32_t event);

SHMREG_END_DECLS

#endif /* SHMREG_ABI_EVENTCOUNT_H */
