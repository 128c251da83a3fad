/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_FINDINGS_H
#define SHMREGCTL_FINDINGS_H

/*
 * findings.h - what was looked at, what is wrong with it, and what to type
 *
 * Each check adds one finding or several, also when all is well: so that there is a list of what
 * was looked at. Out of memory is remembered and said when they are printed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "json.h"

enum severity {
	FINDING_OK,		/* shown with --verbose only */
	FINDING_NOTE,		/* good to know; nothing needs to be done */
	FINDING_WARNING,	/* works, but not as well or as safely as it could */
	FINDING_ERROR,		/* does not work, or data is wrong */
	N_SEVERITIES,
};

struct finding {
	enum severity severity;
	const char *check;	/* its stable name, such as "service.fd-store" */
	char *segment, *object;	/* NULL: of none */
	char *text;
	char *type;		/* commands, a line each; NULL: there is nothing to type */
};

struct findings {
	struct finding *list;
	size_t n, room;
	size_t count[N_SEVERITIES];
	bool failed;
	/* What findings that are added now are about; NULL: nothing in particular. */
	const char *segment, *object;
};

void findings_deinit(struct findings *f);

/* @check and nothing else is kept as it is. */
void finding_add(struct findings *f, enum severity severity, const char *check, const char *text,
		 ...) __attribute__((format(printf, 4, 5)));
/* What to type about the one that was added last; one line more with each call. */
void finding_type(struct findings *f, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

const char *severity_name(enum severity severity);

/* @verbose: also what is well. Return: 0; -ENOMEM. */
int findings_print(const struct findings *f, bool verbose, FILE *out);
/* All of them, whatever their severity, into an object that is open. Return: the same. */
int findings_json(const struct findings *f, struct json *j);

#endif /* SHMREGCTL_FINDINGS_H */
