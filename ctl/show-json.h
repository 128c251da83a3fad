/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_SHOW_JSON_H
#define SHMREGCTL_SHOW_JSON_H

#include "snapshot.h"

/*
 * @before: the snapshot since when rates are to be shown; NULL: none are. @file: in which it lies;
 * NULL: in none.
 */
void show_json(const struct snapshot *s, const struct snapshot *before,
	       const struct shmreg_segment *file);

/* Words that the text has too. */
const char *participant_state(const struct shmreg_dir_participant *p);

#endif /* SHMREGCTL_SHOW_JSON_H */
