/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_WAKE_H
#define SHMREG_WAKE_H

/*
 * shmreg/wake.h - why no wake-up is lost, and what that costs those who wake
 *
 * For the inline functions of the other headers; not for applications.
 *
 * The words are those of <shmreg/abi/eventcount.h>: count, with S (asleep), A (armed) and
 * a sequence, and watch. P is the store that makes an event happen: a slot becomes READY,
 * a counter moves, an object's word becomes free.
 *
 *	waker				sleeper
 *					 1 d = death word			(D')
 *	P				 2 e = count |= S, and the sequence	(W)
 *	if count and watch want nobody	   raised if that was not set
 *		return		(L)	 3 membarrier				(F)
 *	raise the sequence	(B)	 4 try once more; done if that succeeds
 *	wake, ring			 5 sleep until count is not e,
 *					   or the death word not d, ...
 *
 * (N1) P and L are a store and a later load of another word, which a processor may
 *	swap. The waker has no fence between them, only the compiler is kept from swapping
 *	(F'). The sleeper's membarrier makes every thread that may be a waker execute a full
 *	barrier between 2 and 4 (MEMBARRIER_CMD_GLOBAL_EXPEDITED: of all processes that
 *	registered, which every process does before it attaches). At that barrier the
 *	waker is before P, so L comes after 2 and finds S; or after P, so P is visible to
 *	4; or between the two in program order, and then P is visible to 4 as well.
 * (N2) A waker that finds S raises the sequence before it wakes, and a sleeper sleeps on the
 *	count that it had before 4. So a sleeper whose 4 came before P does not fall
 *	asleep after B (count is not e), or is woken.
 * (N3) S is taken away only by FUTEX_WAKE_OP with a wake-up of all, which the kernel does in
 *	one step with respect to those who are falling asleep: who has fallen asleep is
 *	woken, who has not finds count changed, even if S is set again by then, for that
 *	raises the sequence. So no one sleeps on a count from before S was last clear, not even
 *	if the waker is stopped or dies anywhere; and a waker that finds S clear in B need
 *	not ask the kernel whether anybody sleeps.
 * (N4) An event that one alone can use wakes one: of those who sleep on one count, each can
 *	use what any other can. The wake-up is not lost with whom it was for: who was woken and
 *	leaves with nothing (deadline, signal) passes it on, if the sequence moved since 2; who
 *	has slept and takes something passes one on if there is more, since what was made
 *	behind something unfinished woke somebody in vain, and is set free together with it.
 *	While one sleeps who wants several at once, M is set and all are woken: in its place
 *	somebody else might be satisfied with less. M (and watch) are looked at after the wake-up
 *	of one: who came after B is woken first if his priority is higher. If M is clear by then
 *	though he was woken, S was clear after that, and so nobody asleep.
 *	Who waits on several objects takes nothing, so it passes one on for each count that
 *	moved, also of what it reports: from one to the next, as long as there is something.
 *	Who dies is the death word's business.
 * (N5) A waker that dies between P and its wake-up wakes nobody, nor does a sleeper that dies
 *	having been woken pass it on. Everybody sleeps on the death word too, which the
 *	daemon raises and wakes after it has noticed a death, and after it was repaired. Who
 *	wakes from that begins at 1.
 * (N6) A waker that is *stopped* between P and its wake-up has not finished. The next waker
 *	wakes for both, since S is still there. Nor has one who was woken and is stopped before
 *	he has tried: the next one to be woken finds more.
 * (N7) Descriptors: to arm one is to set A and raise the sequence in one step, then 3 and 4.
 *	A waker that found A rings every descriptor and then takes A away, by compare-and-swap
 *	from exactly the count that it left in B: if anybody armed (or woke) since, that fails,
 *	and A stays, which costs one vain bell. So a descriptor is armed only while A is set,
 *	or has been rung.
 * (N8) Those who cannot write have watch set by the daemon before they begin at 1. Then every P
 *	raises the sequence and wakes all.
 * (N9) The sequence is what it was after 2^29 wake-ups between 2 and 5 only: then the sleeper
 *	sleeps on an old event, until the next one.
 *
 * Model: tests/models/wait.pml, with the store buffer that (N1) is about.
 */

#include <shmreg/abi/eventcount.h>
#include <shmreg/compiler.h>
#include <shmreg/handle.h>

SHMREG_BEGIN_DECLS

#define SHMREG_WAKE_ALL UINT32_MAX

/*
 * shmreg_wake_slow() - somebody waits: wake up to @n of them, or all
 * @offset:	of the event count in the object
 *
 * Never blocks. Async-signal-safe.
 *
 * Not SHMREG_COLD: with what follows the call gcc would move the return of those who wake nobody
 * out of the way, too.
 */
SHMREG_API void shmreg_wake_slow(const struct shmreg_handle *handle, size_t offset, uint32_t n);

/*
 * shmreg_wake_() - after P: something happened that @n of those who wait can use
 * @base:	handle->base, as the caller has had it since before P: after it, the compiler
 *		would have to load it anew
 */
SHMREG_FORCE_INLINE void shmreg_wake_(const struct shmreg_handle *handle, const void *base,
				      size_t offset, uint32_t n)
{
	const uint64_t *const both =
		&((const union shmreg_eventcount *)(const void *)((const unsigned char *)base +
								  offset))->both;

#ifdef SHMREG_WAKE_NOTHING_	/* by a test that counts what the rest costs */
	(void)handle, (void)both, (void)n;
	return;
#endif
	__asm__ __volatile__("" : : : "memory");					/* F' */
	/* relaxed: (N1) */
	if (SHMREG_UNLIKELY((shmreg_load_relaxed(both) & SHMREG_EVENTCOUNT_WANTED) != 0)) /* L */
		shmreg_wake_slow(handle, offset, n);
}

SHMREG_END_DECLS

#endif /* SHMREG_WAKE_H */
