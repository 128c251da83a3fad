/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_PLACEMENT_H
#define SHMREGCTL_PLACEMENT_H

/* placement.h - of what memory a segment is, and where: as typed, and as shown */

#include <stdio.h>

#include <shmreg/abi/directory.h>

#include "json.h"
#include "pages.h"

/*
 * placement_huge() - "2M", "1G", "thp"
 * placement_numa() - "bind:0,2-3", "interleave:all"
 *
 * Return: 0 or -EINVAL, and then *ret_why is a sentence's end; static storage.
 */
int placement_huge(const char *text, struct shmreg_placement *ret, const char **ret_why);
int placement_numa(const char *text, struct shmreg_placement *ret, const char **ret_why);

/* The options that ask for it, each with a blank before; "" if nothing was asked for. */
#define PLACEMENT_OPTIONS_MAX 512
const char *placement_options(char buf[PLACEMENT_OPTIONS_MAX], const struct shmreg_placement *p);

/* Why there are no huge pages of a pool, after a colon. Static storage. */
const char *placement_why_not(const struct shmreg_dir *dir);

/* Of the pages that it has. */
uint64_t placement_page_bytes(const struct shmreg_dir *dir);
/* A line, if anything was asked for. @pages: NULL, nobody could look at them. */
void placement_print(const struct shmreg_dir *dir, const struct pages *pages, FILE *stream);
void placement_json(const struct shmreg_dir *dir, const struct pages *pages, struct json *j);

#endif /* SHMREGCTL_PLACEMENT_H */
