/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_INSPECT_H
#define SHMREGCTL_INSPECT_H

/*
 * inspect.h - is what lies in a segment what correct processes would have written there?
 *
 * Others work meanwhile, so that one look proves nothing: of two words, one was read when the other
 * had moved on. What a look does not like is a *suspicion*; what all of several looks do not like,
 * in the same words, is believed. That is sound because of what the structures promise: a word
 * that is the same in two looks was not touched in between (positions, turns and generations never
 * recur), so that each later look compares it with counters that were read while it stood still.
 *
 * The bytes may be anything and change all the time: indices are masked or compared, walks are
 * bounded. Nothing is written, and holes are not touched, which would fill them.
 *
 * Pure: knows memory only.
 */

#include <stdbool.h>
#include <stdint.h>

#include <shmreg/abi/directory.h>

#include "findings.h"

struct suspicion {
	enum severity severity;
	const char *check;	/* static */
	const char *advice;	/* what to type: %s is the segment, %f it or its file, %p the pid of
				 * whose     seat it is; static; NULL: nothing */
	uint32_t object;	/* index in the directory, or INSPECT_NO_OBJECT */
	uint32_t seat;		/* of whom it is said; 0: of nobody */
	uint64_t key[2];	/* with check and object: which one it is */
	unsigned int n_looks;	/* that did not like it, one after the other */
	uint64_t n_more;	/* of the same check and object, that were not kept */
	char text[256];
};
#define INSPECT_NO_OBJECT UINT32_MAX

struct inspection {
	struct suspicion *list;
	size_t n, room;
	bool failed;		/* out of memory */
	/*
	 * It is a snapshot: each structure is as it was at one moment, but two of them, and the
	 * directory, at two. One look is all there is, and shows nothing that stands still.
	 */
	bool is_copy;
	unsigned int n_looks;
	/* Of the look that is being made: */
	const struct shmreg_dir *dir;
	const unsigned char *data;	/* NULL: cannot be read */
	uint64_t data_bytes;
	uint32_t object;
	uint64_t n_words;	/* looked at so far, in all looks */
};

void inspection_deinit(struct inspection *x);

/*
 * inspect_look() - look once; what is not disliked again is forgotten
 * @data:	the data area, of @dir->data_bytes; NULL: only the directory is looked at
 *
 * Return: how many suspicions are left; 0: all is well, and no more looks are needed.
 */
size_t inspect_look(struct inspection *x, const struct shmreg_dir *dir, const void *data);

/* The seat's participant's index in the directory; -1: nobody's. */
int64_t inspect_participant(const struct shmreg_dir *dir, uint32_t seat);

/* --- for the kinds ---------------------------------------------------------------------------- */

/* What they are given: an object whose entry makes sense, all of which lies in the data area. */
struct inspected {
	struct shmreg_dir_object entry;
	const unsigned char *base;
};

/* Slots of one object that are looked at; a larger one is looked at in part. */
#define INSPECT_SLOTS_MAX (UINT64_C(1) << 20)

void suspect(struct inspection *x, enum severity severity, const char *check, const char *advice,
	     uint32_t seat, uint64_t key0, uint64_t key1, const char *text, ...)
	__attribute__((format(printf, 8, 9)));

/* @seat holds @what (words); is there anybody, or at least somebody whom the reaper looks for? */
void inspect_seat(struct inspection *x, uint64_t seat, uint64_t key0, uint64_t key1,
		  const char *what);
/* SHMREG_SEAT_...; FREE if there is no such seat */
uint64_t inspect_seat_state(const struct shmreg_dir *dir, uint64_t seat);

void inspect_directory(struct inspection *x);
void inspect_queue(struct inspection *x, const struct inspected *o);
void inspect_ring(struct inspection *x, const struct inspected *o);
void inspect_topic(struct inspection *x, const struct inspected *o);
void inspect_pool(struct inspection *x, const struct inspected *o);
void inspect_cell(struct inspection *x, const struct inspected *o);

/* Advice that several checks have. */
#define ADVICE_GARBLED "shmregctl show %f   # who could write; to begin anew: shmregctl rm %s"
#define ADVICE_PROCESS "ps -o pid,stat,wchan:20,args -p %p"

/* Has an error been seen of this object? Then its numbers say nothing either. */
bool inspection_has_error(const struct inspection *x, uint32_t object);

#endif /* SHMREGCTL_INSPECT_H */
