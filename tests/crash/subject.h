/* SPDX-License-Identifier: MIT */
#ifndef CRASH_SUBJECT_H
#define CRASH_SUBJECT_H

/*
 * subject.h - what the engine must know of a structure to kill its users everywhere
 *
 * A program is the engine, that is crash-main.c and what it uses, and one `subject`.
 * README says how to write one; rig.h is what they share; atomic.c is the smallest.
 *
 * All that a case changes lies in one *image*: the shared object (or several), each
 * actor's handle, and each actor's log. It is in memory shared between the processes,
 * at the same address in all of them, so it may hold pointers into itself. The
 * engine saves, compares and puts back whole images: whatever must survive a death, and
 * whatever a judgement needs to know of what an operation returned, has to be in it;
 * nothing else may be (no times, no random numbers, no process ids). What setup()
 * or look() keep outside of it for judge() is fine.
 *
 * The code that runs is the library's own, inline and not, bound without segment
 * and daemon: see libclient/queue-bind.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shmreg/abi/reaper.h>

#include "tally.h"

enum actor_number {
	VICTIM,		/* dies */
	SECOND,		/* dies too, or lives on, as the mode says */
	PEER,		/* lives; works in this process */
	CHECKER,	/* lives; for judge() and setup(), never runs an operation */
	N_ACTORS,
};

/* The seat of an actor's handle; each is in another word of the bitmaps. */
static inline uint32_t actor_seat(enum actor_number number)
{
	return 17 + 64 * (uint32_t)number;
}

#define OPERATION_PAIR 1u	/* also together with every other of these: two dead; and killed
				   by real SIGKILLs, see SETTING_KILL; others with --full */
#define OPERATION_RACE 2u	/* and raced, and two of the same nested; others with --full */
#define OPERATION_RESUME 4u	/* and resumed where SETTING_RESUME is; all are where SETTING_PAIR is */

/*
 * What is killed: one public call, or a few, of an actor, each followed by a note in the
 * actor's log of what it returned: by a release store, so that the log says no more
 * than what has happened, and the compiler merges nothing. The first thing noted is that
 * it started, the last that it finished.
 */
struct operation {
	const char *name;
	void (*run)(void *actor);
	unsigned int flags;
	const void *data;		/* the subject's, for judge() */
};

#define SETTING_KILL 1u		/* real SIGKILLs at every instruction, for one setting at least */
#define SETTING_PAIR 2u		/* here processes have most to do with each other: resumed,
				   nested, two dead; else with --full only */
#define SETTING_RACE 4u		/* also raced, slow repair, nested of two dead: one of those with
				   SETTING_PAIR; others with --full */
#define SETTING_RESUME 8u	/* for OPERATION_RESUME */
#define SETTING_SECOND_PEER 16u	/* beside whom it is resumed: not the first, but the next */

/* How the object is when the operation begins. */
struct setting {
	const char *name;
	unsigned int flags;
	const void *data;		/* the subject's, for setup() and judge() */
};

/* Where deaths happen, see sweep.h. */
enum mode {
	MODE_ALONE,
	MODE_RESUME,
	MODE_NESTED,
	MODE_TWO_DEAD,
	MODE_RACE,
	MODE_SLOW,
};

/* Who took part in a case. */
struct cast {
	const struct setting *setting;
	const struct operation *operation[N_ACTORS];	/* NULL: the actor did nothing */
	uint32_t dead;		/* mask of 1 << number; the others ran to the end */
	bool exact;		/* no repair died, so what it counted must be right */
};

/* All zero when judge() is called, which means: good. */
struct judgement {
	enum outcome outcome;
	uint64_t n_lost;	/* elements that are gone, as the contract allows */
	uint64_t n_duplicated;	/* that came twice, as the contract allows */
	char why[200];		/* if not good */
};

/* A bug that the sweep must find; the tests of the test (--self-test). */
struct planted {
	const char *name;
	/* Instead of the subject's. NULL: that, and @victim or @second is what is wrong. */
	void (*repair)(void *image, uint32_t dead, struct shmreg_reaper_report *ret);
	enum mode mode;
	const struct setting *setting;
	const struct operation *victim, *second, *peer;
};

struct subject {
	const char *name;	/* of the structure: the table's head */
	size_t image_bytes;
	size_t actors_at, actor_bytes;	/* N_ACTORS in the image, for operations */

	const struct operation *operations;	/* a line of the table each */
	unsigned int n_operations;
	const struct setting *settings;
	unsigned int n_settings;
	/*
	 * What those who live do meanwhile, and with a repair under way; best
	 * one that goes with the victim's and one against it. May be 0.
	 */
	const struct operation *const *peers;
	unsigned int n_peers;
	const struct planted *planted;		/* at least one */
	unsigned int n_planted;

	/* Fills a zeroed image: the object as the setting says, all actors bound. */
	void (*setup)(void *image, const struct setting *setting);
	/* The moment of death, before anybody repairs: notes what judge() wants to know. May be NULL. */
	void (*look)(void *image);
	/*
	 * Repairs what the actors in the mask @dead left, exactly as the reaper does:
	 * shmreg_repair_object(). Is killed at every instruction.
	 */
	void (*repair)(void *image, uint32_t dead, struct shmreg_reaper_report *ret);
	/*
	 * A word of the image to which repair() first comes before it has changed anything: it is
	 * stepped from there on only; one that never comes there is not killed at all.
	 * May be NULL: from its beginning.
	 */
	const void *(*repair_begins)(void *image);
	/*
	 * After everybody is done and the dead are repaired: is all as the contract says?
	 * May use up the object (drain it, fill it, use every slot twice), and should:
	 *
	 *	OUTCOME_WEDGED		it does not work any more, or is full or empty for ever
	 *	OUTCOME_LEAKED		works, with less room, or keeps something of the dead
	 *	OUTCOME_LOST		an element is gone, torn, invented or out of order,
	 *				beyond what the contract says
	 *	OUTCOME_DUPLICATED	one came twice, beyond what the contract says
	 *
	 * Called some hundred thousand times: be quick.
	 */
	void (*judge)(void *image, const struct cast *cast, struct judgement *ret);
};

extern const struct subject subject;

#endif /* CRASH_SUBJECT_H */
