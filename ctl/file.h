/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_FILE_H
#define SHMREGCTL_FILE_H

/* file.h - what a snapshot's file says of itself */

#include <stdio.h>

#include <shmreg/snapshot.h>

#include "json.h"

/* When it was taken, by whom and why; and what could not be had. */
void file_print(const struct shmreg_segment *file, FILE *stream);
/* The same as a member "snapshot". */
void file_json(struct json *j, const struct shmreg_segment *file);

#endif /* SHMREGCTL_FILE_H */
