/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * The directory read-only, for who attaches and for the reaper. To open it takes as long as a
 * few other system calls, and is on the way of all of them: those that were used last stay open.
 * They share one open file; nobody reads it but by mmap(2).
 */

#include <unistd.h>

#include "segment.h"

static TAILQ_HEAD(ro_list, segment) list = TAILQ_HEAD_INITIALIZER(list); /* used last: the first */
static unsigned int n_kept;

void segment_close_ro(struct segment *s)
{
	if (s->dir_ro_fd < 0)
		return;
	TAILQ_REMOVE(&list, s, of_ro);
	n_kept--;
	close(s->dir_ro_fd);
	s->dir_ro_fd = -1;
}

int segment_dir_ro(struct segment *s)
{
	if (s->dir_ro_fd >= 0) {
		TAILQ_REMOVE(&list, s, of_ro);
	} else {
		const int fd = segment_open_dir_ro(s);

		if (fd < 0)
			return fd;
		if (n_kept == SEGMENT_RO_KEPT)
			segment_close_ro(TAILQ_LAST(&list, ro_list));
		s->dir_ro_fd = fd;
		n_kept++;
	}
	TAILQ_INSERT_HEAD(&list, s, of_ro);
	return s->dir_ro_fd;
}
