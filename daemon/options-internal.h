/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_OPTIONS_INTERNAL_H
#define SHMREGD_OPTIONS_INTERNAL_H

/* options-internal.h - what the table of options and those who read it share */

#include "options.h"

enum kind { COUNT, BYTES, SECONDS, MODE, LEVEL, BUS, PATH, SWITCH };

struct setting {
	const char *name;
	enum kind kind;
	size_t offset;
	uint64_t min, max, preset;
	const char *help;
};

const struct setting *setting_find(const char *name);
/* The resource of which it is the limit of each uid; -1: none. */
int setting_resource(const struct setting *s);
/* The one behind @s, the first behind NULL; NULL at the end. */
const struct setting *setting_next(const struct setting *s);
/*
 * One line under "[@section]", if that is "uid USER": a limit of a single uid.
 *
 * Return: 0; 1: that is another section; -EINVAL and a sentence; -ENOMEM.
 */
int options_set_of_uid(struct options *o, const char *section, const char *name, const char *value,
		       char *error);
/* The sections, behind the other options. */
void options_print_uids(const struct options *o, FILE *out);
/* In the form of a configuration: "12M", "none" */
void options_print_number(FILE *out, const struct setting *s, uint64_t n);
/* Return: -EINVAL. */
int options_refuse(char *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
int options_refuse_unknown(const char *name, char *error);

#endif /* SHMREGD_OPTIONS_INTERNAL_H */
