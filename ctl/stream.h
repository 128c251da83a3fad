/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_STREAM_H
#define SHMREGCTL_STREAM_H

/*
 * stream.h - elements in a row, from a file and to one
 *
 * One a line, in any format but raw, in which they follow each other; those of different sizes have
 * their length before them then, 4 bytes, least significant first. A line of numbers may have
 * several. Of hex an element may have several lines. CSV begins with the names of its columns,
 * which may be missing when it is read.
 */

#include <stdio.h>

#include "format.h"

struct stream_in {
	const char *name;		/* of the file, for what is said */
	FILE *file;
	const struct format *format;
	enum format_style style;
	bool vary;
	uint64_t bytes;			/* of an element, or the most */
	char *line;
	size_t room;
	const char *at;			/* what is left of the line */
	uint64_t n_line;		/* from 1 */
	char why[FORMAT_WHY_MAX];
};

void stream_in_init(struct stream_in *s, FILE *file, const char *name, const struct format *format,
		    enum format_style style, bool vary, uint64_t bytes);
void stream_in_deinit(struct stream_in *s);
/*
 * @data:	room for s->bytes bytes
 *
 * Return: 1; 0 the end; -EINVAL what is there is no element; another -errno: it cannot be read. s->why
 * is a sentence then. -EINTR: a signal came.
 */
int stream_in_next(struct stream_in *s, void *data, uint64_t *ret_bytes);

struct stream_out {
	FILE *file;
	const struct format *format;
	enum format_style style;
	bool vary;
	bool begun;
};

/* Return: 0; -EINVAL an element of so many bytes does not fit the format, see @why; -ENOMEM. */
int stream_out_put(struct stream_out *s, const void *data, uint64_t bytes, char why[FORMAT_WHY_MAX]);

#endif /* SHMREGCTL_STREAM_H */
