/* SPDX-License-Identifier: MIT */
#ifndef CRASH_RIG_H
#define CRASH_RIG_H

/*
 * rig.h - what subjects have in common, and their files include: see subject.h
 *
 * A subject's image is a `struct image`, which has a `struct actor actor[N_ACTORS]`.
 */

#include <shmreg/abi/eventcount.h>
#include <shmreg/abi/object.h>

#include "subject.h"

/* A mask of 1 << actor_number as the bitmap of 4096 seats that repairs are given. */
void actor_seats(uint32_t actors, uint64_t ret[64]);

/* Sets outcome and sentence; returns @outcome, for `return judgement_bad(...)`. */
enum outcome judgement_bad(struct judgement *j, enum outcome outcome, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Ends the program if a set-up, or a repair, has failed: @result is negative. */
void must(int result);

/* The same if there is no such object, or if it does not fit into the @room of the image. */
void must_fit(const struct shmreg_shape *shape, size_t room);

/* Of an event count: somebody sleeps, or so it says, and the sequence is about to wrap. */
#define COUNT_ASLEEP (SHMREG_EVENTCOUNT_ASLEEP | SHMREG_EVENTCOUNT_SEQUENCE)

/*
 * One that was COUNT_ASLEEP: S did not go before the sequence was raised, else one might fall
 * asleep in between and stay; and if somebody has returned from what wakes, @done, it is gone.
 */
enum outcome judge_woken(struct judgement *j, const char *what,
			 const union shmreg_eventcount *event, bool done);

/* For repair(): as the reaper does. */
void repair_object(const struct shmreg_shape *shape, void *base, uint32_t dead,
		   struct shmreg_reaper_report *ret);

/* Planted. */
void repair_nothing(void *image, uint32_t dead, struct shmreg_reaper_report *ret);

#define OPERATION_BOTH (OPERATION_PAIR | OPERATION_RACE)
#define SETTING_EVERYWHERE (SETTING_KILL | SETTING_PAIR | SETTING_RACE)

/* A table of struct subject, and its length. */
#define SUBJECT_TABLE(member, table)                                                               \
	.member = table, .n_##member = sizeof(table) / sizeof((table)[0])

/* Of struct subject, what has the same name in each file that defines one. */
#define SUBJECT_PARTS                                                                              \
	.image_bytes = sizeof(struct image), .actors_at = offsetof(struct image, actor),           \
	.actor_bytes = sizeof(struct actor), SUBJECT_TABLE(settings, settings),                    \
	SUBJECT_TABLE(peers, peers), SUBJECT_TABLE(planted, planted), .setup = setup,              \
	.repair = repair, .repair_begins = repair_begins

#endif /* CRASH_RIG_H */
