/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_CHORES_H
#define SHMREGD_CHORES_H

/*
 * chores.h - memory to be given back, by janitors (janitor.h)
 *
 * A chore is
 *
 *	idle -> queued		chores_add()
 *	queued -> running	none of the same uid is running that is also small, or also large,
 *				and a janitor is free or one more can be started; the oldest first
 *	running -> idle		done(): the janitor has answered, or has ended before it did
 *	queued -> idle		chores_cancel(); one that is running cannot be cancelled
 *
 * So a uid whose janitor waits for ever makes others wait only if there are half as many of its
 * kind as janitors. One is started in advance, further ones when there are chores for several.
 *
 * Nothing is started before chores_start(), and no segment begun while a process of an
 * earlier daemon is at it (lock.h): it might clear a range that is in use again.
 */

#include <stdbool.h>
#include <sys/queue.h>

#include <ev.h>

#include "janitor.h"

#define CHORES_JANITORS_MAX 32
#define CHORES_SMALL_BYTES (UINT64_C(16) << 20)

struct janitor;
struct segment;
struct chores;

struct chore {
	TAILQ_ENTRY(chore) link;		/* while queued */
	struct janitor *janitor;		/* while running */
	bool queued;
	/* The caller's, before chores_add(). */
	uint32_t uid;
	const struct segment *segment;		/* NULL: whoever else is at it does no harm */
	int fd;					/* of the data area */
	struct janitor_job job;
	/* It has the descriptor now, and @fd may be closed. May be NULL. May not add chores. */
	void (*begun)(struct chore *chore);
	/* @r: 0; -errno: of what was to be done nobody knows how much was. */
	void (*done)(struct chore *chore, int r);
};

int chores_new(struct chores **ret, struct ev_loop *loop);
void chores_start(struct chores *all, int lock_fd);
/* Kills the janitors and waits for them. done() is not called any more. */
struct chores *chores_free(struct chores *all);

void chores_add(struct chores *all, struct chore *chore);
static inline bool chore_is_idle(const struct chore *chore)
{
	return !chore->queued && !chore->janitor;
}

#endif /* SHMREGD_CHORES_H */
