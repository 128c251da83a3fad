/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_SHOW_JSON_H
#define SHMREGCTL_SHOW_JSON_H

#include "snapshot.h"

void show_json(const struct snapshot *s);

/* Words that the text has too. */
const char *participant_state(const struct shmreg_dir_participant *p);
const char *holder_state(uint32_t state);

#endif /* SHMREGCTL_SHOW_JSON_H */
