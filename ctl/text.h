/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_TEXT_H
#define SHMREGCTL_TEXT_H

/* text.h - tables, and numbers as people read them */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define TEXT_MAX 64

/* Each fills in @buf and returns it. */
const char *text_bytes(char buf[TEXT_MAX], uint64_t bytes);	/* "64M", "1.5G" */
const char *text_mode(char buf[TEXT_MAX], uint32_t mode);	/* "rw-r-----" */
const char *text_time(char buf[TEXT_MAX], uint64_t ns);		/* of CLOCK_REALTIME; "-" if 0 */
const char *text_user(char buf[TEXT_MAX], uint32_t uid);	/* name, or number */
const char *text_group(char buf[TEXT_MAX], uint32_t gid);
const char *text_lifetime(uint32_t lifetime);
const char *text_state(uint32_t state, uint32_t flags);		/* of a segment */

/*
 * A table whose columns are as wide as they need to be. Titles beginning with
 * '>' are of columns set flush right.
 */
struct text_table {
	unsigned int n_columns;
	const char *const *titles;
	char **cells;
	size_t n_cells;
	size_t room;
	int failed;		/* no memory: said at the end */
};

void text_table_init(struct text_table *t, unsigned int n_columns, const char *const *titles);
/* Cells are added one by one, row by row; control characters become '?'. */
void text_table_add(struct text_table *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The same, of what was written to an open_memstream(); @stream is closed, *@text freed. */
void text_table_add_stream(struct text_table *t, FILE *stream, char **text);
/* Prints and frees it. Return: 0 or -ENOMEM. */
int text_table_print(struct text_table *t, FILE *stream);

#endif /* SHMREGCTL_TEXT_H */
