/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_OPTIONS_INTERNAL_H
#define SHMREGD_OPTIONS_INTERNAL_H

/* options-internal.h - what the table of options and those who read it share */

#include "options.h"

enum kind { COUNT, BYTES, SECONDS, MODE, LEVEL, PATH, SWITCH };

struct setting {
	const char *name;
	enum kind kind;
	size_t offset;
	uint64_t min, max, preset;
	const char *help;
};

const struct setting *setting_find(const char *name);
/* Return: -EINVAL. */
int options_refuse(char *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
int options_refuse_unknown(const char *name, char *error);

#endif /* SHMREGD_OPTIONS_INTERNAL_H */
