/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_SHOW_JSON_H
#define SHMREGCTL_SHOW_JSON_H

#include "pages.h"
#include "snapshot.h"

/*
 * @before: the snapshot since when rates are to be shown; NULL: none are. @file: in which it lies;
 * NULL: in none. @pages: NULL, they cannot be looked at.
 */
void show_json(const struct snapshot *s, const struct snapshot *before,
	       const struct shmreg_segment *file, const struct pages *pages);

/* Words that the text has too. */
const char *participant_state(const struct shmreg_dir_participant *p);

#endif /* SHMREGCTL_SHOW_JSON_H */
