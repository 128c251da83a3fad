/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_WAITER_H
#define LIBSHMREG_WAITER_H

/*
 * waiter.h - from "try again" to asleep: the loop of every function that waits
 *
 *	struct waiter w;
 *	int r;
 *
 *	waiter_begin(&w, handle, event, deadline);
 *	do
 *		r = try();
 *	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
 *	return waiter_end(&w, r, more());
 *
 * Where all that wait are woken there is nothing to pass on: return r.
 *
 * A state machine; each state is left by a call of waiter_next(), after a try in vain:
 *
 *	SPINNING -> SPINNING	for spin_ns
 *	SPINNING -> ANNOUNCED	S is set, the membarrier done: the try that follows decides
 *	ANNOUNCED -> WOKEN	has slept, or need not
 *	ANNOUNCED -> EXPIRED	the deadline passed: one more try, then -ETIMEDOUT
 *	WOKEN -> ANNOUNCED	in vain
 *
 * Labels are those of shmreg/wake.h.
 */

#include <stdbool.h>
#include <time.h>

#include <shmreg/wait.h>
#include <shmreg/wake.h>

/* An event count that is slept on. */
struct waiter_source {
	const struct shmreg_handle *handle;
	union shmreg_eventcount *event;
	uint32_t count;		/* e of shmreg/wake.h */
	uint32_t death;		/* d */
};

/* As many as futex_waitv takes, with a death word and an entry for each two. */
#define WAITER_SOURCES_MAX 64

struct waiter {
	const struct timespec *deadline;
	uint64_t spin_until;	/* ns; 0: has not begun */
	uint32_t spin_ns;	/* of the handle that spins longest */
	uint32_t flags;		/* of any handle */
	enum { WAITER_SPINNING, WAITER_ANNOUNCED, WAITER_WOKEN, WAITER_EXPIRED } state;
	bool slept;		/* a wake-up may have been this waiter's */
	bool choosy;		/* set after waiter_begin() by who wants several at once: M */
	struct waiter_source *sources, one;
	unsigned int n;
};

/*
 * waiter_begin() - before the first try
 * @event:	in the object; not touched before waiter_next()
 * @deadline:	NULL: none. Looked at by waiter_next(), so it stays where it is until then.
 */
void waiter_begin(struct waiter *w, const struct shmreg_handle *handle,
		  const union shmreg_eventcount *event, const struct timespec *deadline);

/*
 * waiter_begin_several() - the same for who waits on several event counts
 * @sources:	memory for what is then added, at most WAITER_SOURCES_MAX
 */
void waiter_begin_several(struct waiter *w, struct waiter_source *sources,
			  const struct timespec *deadline);
void waiter_add(struct waiter *w, const struct shmreg_handle *handle,
		const union shmreg_eventcount *event);

/* waiter_next() - Return: 0 try again; else why not, as in shmreg/wait.h. */
int waiter_next(struct waiter *w);

/*
 * waiter_end() - after the last try
 * @r:		what came of it
 * @more:	of an event that wakes one: is there more to take than was taken? (N4)
 *
 * Return: @r.
 */
int waiter_end(struct waiter *w, int r, bool more);

/* waiter_leave() - the same for who takes nothing, whatever the outcome */
void waiter_leave(struct waiter *w);

/*
 * waiter_death() - what the death word is, to sleep on, before the next try
 * @ret:	set in any case
 *
 * Return: 0; -ENOTRECOVERABLE, -EHOSTDOWN there is no sense in a sleep.
 */
int waiter_death(const struct shmreg_segment *s, uint32_t *ret);

/*
 * waiter_set_bits() - step 2 of shmreg/wake.h: say on an event count's count that somebody sleeps
 * @bits:	ASLEEP, maybe with MIXED
 *
 * Where ASLEEP was not set, the sequence is raised with it: (N3).
 *
 * Return: count as it was left.
 */
uint32_t waiter_set_bits(uint32_t *word, uint32_t bits);

/* Spin of a new handle, in ns. */
uint32_t waiter_default_spin(void);

/* waiter_register() - this process may be a waker: (N1). Return: 0; -errno of membarrier(). */
int waiter_register(void);

/* waiter_fence() - F: a full fence in every thread, of any process, that may be a waker */
void waiter_fence(void);

#endif /* LIBSHMREG_WAITER_H */
