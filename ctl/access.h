/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_ACCESS_H
#define SHMREGCTL_ACCESS_H

/*
 * access.h - what the commands that look into objects and feed them are asked
 *
 * Words may begin with a minus sign if a digit follows: that is a number and no option.
 */

#include "ctl.h"
#include "format.h"

/* The options that a command takes besides CTL_OPTIONS. */
#define ACCESS_FORMAT 1U	/* --format, --struct, --csv */
#define ACCESS_COUNT 2U		/* -n, --count */
#define ACCESS_FOLLOW 4U	/* --follow, --interval */
#define ACCESS_BARE 8U		/* --bare, --all */
#define ACCESS_WAIT 16U		/* --wait, --timeout */
#define ACCESS_HISTORY 32U	/* --history */
#define ACCESS_EXISTING 64U	/* --existing */
#define ACCESS_INDEX 128U	/* not an option: the object may have [an index] behind it */

struct access {
	const char *command;
	char **words;			/* what is no option */
	int n_words;
	char object[SHMREG_OBJECT_NAME_MAX + 1];	/* words[1] without its index */
	bool indexed;
	uint64_t first, last;		/* UINT64_MAX: to the end */
	bool has_format;
	struct format format;
	enum format_style style;
	uint64_t count;			/* UINT64_MAX: not said */
	bool follow, bare, all, existing;
	uint64_t interval_ns;
	uint64_t timeout_ns;		/* 0: do not wait; UINT64_MAX: for ever */
	uint64_t history;		/* UINT64_MAX: all; 0: none */
	bool has_history;
};

/*
 * access_parse() - @least .. @most words, the first a segment and the second an object
 * @what:	for who gave too few: what they are
 *
 * Return: 0, to be followed by access_free(); or what ctl_usage() says.
 */
int access_parse(struct access *ret, struct ctl *ctl, unsigned int options, int least, int most,
		 const char *what, int argc, char **argv);
void access_free(struct access *access);

/* How many words there are that are no options; what is wrong with the options is not said. */
int access_count_words(int argc, char **argv);

/*
 * access_use_format() - choose a format if none was asked for, and see that it fits
 * @vary:	elements have up to @bytes
 * @numbers:	what has no known type is an unsigned number
 *
 * Return: 0, or what ctl_fail() says.
 */
int access_use_format(struct access *access, const char *type_name, uint64_t bytes, bool vary,
		      bool numbers);

/* Opens the object's segment to write, and finds the object. Return: 0, or what ctl_failed() says. */
int access_attach(const struct access *access, const struct ctl *ctl,
		  struct shmreg_connection **ret_connection, struct shmreg_segment **ret_segment);
/* Return: 0, or what ctl_fail() says. */
int access_find(const struct access *access, struct shmreg_segment *segment,
		struct shmreg_dir_object *ret);

/* What a call on an object's handle that returned @error means, as a sentence's end. */
const char *access_trouble(int error);

#endif /* SHMREGCTL_ACCESS_H */
