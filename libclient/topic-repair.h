/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_TOPIC_REPAIR_H
#define LIBSHMREG_TOPIC_REPAIR_H

/*
 * topic-repair.h - put right what dead processes left half-done in a topic
 *
 * For shmreg-reaper. Pure: touches the topic's bytes and nothing else.
 *
 * Callers	One repair of a topic at a time. Live processes go on using it
 *		meanwhile, or are stopped anywhere in it; both are fine.
 *
 * Progress	Bounded: each publisher's role and each cursor once, and for each
 *		dead publisher one slot and one chunk's header. It waits for
 *		nobody and retries a cursor at most twice.
 *
 * Crashes	Killed anywhere, it is simply run again: every change is one exact
 *		compare-and-swap to a state in which the next run finds nothing
 *		to do, and a role is cleared last. n_settled may then be short by one.
 *
 * Trust	The bytes may be anything and change all the time: positions are
 *		masked, chunk numbers bounded. Geometry comes from @shape, hence
 *		the directory.
 */

#include <shmreg/abi/object.h>
#include <shmreg/abi/reaper.h>

#include "repair-memory.h"

/*
 * topic_repair_sparse() - settle the last publications of dead seats, free roles and cursors
 *
 * Arguments as queue_repair_sparse(), in queue-repair.h.
 *
 * Return: 0; -EINVAL not the shape of a topic, @ret is untouched.
 */
int topic_repair_sparse(const struct shmreg_shape *shape, void *base,
			const struct repair_memory *memory, const uint64_t dead[64],
			struct shmreg_reaper_report *ret);

/* The same for a topic all of whose bytes may be touched. */
static inline int topic_repair(const struct shmreg_shape *shape, void *base,
			       const uint64_t dead[64], struct shmreg_reaper_report *ret)
{
	return topic_repair_sparse(shape, base, NULL, dead, ret);
}

#endif /* LIBSHMREG_TOPIC_REPAIR_H */
